"""Posts and comments of WordPress, by its REST interface and by its feeds, under the same ids.

An external id is ``post-`` or ``comment-`` and the site's own number. Feeds tell it in the guid
(``?p=12``) and in the link of a comment (``#comment-34``).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from enum import StrEnum

from collectors.model import NOBODY, Author, Post, PostKind
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    iso,
    link,
    objects,
    published,
    seen,
    text,
    title,
)


class Thing(StrEnum):
    """What a WordPress site publishes; the value is its name in addresses."""

    POSTS = "posts"
    COMMENTS = "comments"


FIELDS = {
    Thing.POSTS: "id,date_gmt,modified_gmt,date,link,status,title,content,excerpt,_links,_embedded",
    Thing.COMMENTS: "id,date_gmt,date,link,status,content,parent,post,author_name,author_url",
}
_GUID = re.compile(r"https?://[^?#]+\?p=(\d{1,19})")
_COMMENT_LINK = re.compile(r"#comment-(\d{1,19})$")
_PREFIXES = {Thing.POSTS: "post", Thing.COMMENTS: "comment"}


def external_id(thing: Thing, number: object) -> str | None:
    """Return the external id of a post or comment of that number, None where it is none."""
    found = identifier(number)
    return f"{_PREFIXES[thing]}-{found}" if found and found.isdecimal() and found != "0" else None


def thing_of(an_external_id: str) -> tuple[Thing, str] | None:
    """Return what an external id names and its number there; None for those of other origin."""
    prefix, _, number = an_external_id.partition("-")
    found = next((thing for thing, named in _PREFIXES.items() if named == prefix), None)
    return (found, number) if found and number.isdecimal() else None


def dated(item: Json, key: str, now: datetime) -> datetime | None:
    """Return a moment of an item; WordPress writes it in UTC and without a zone."""
    return iso(item.get(key), now)


def post_of(thing: Thing, item: Json, source_id: int, now: datetime) -> Post | None:
    """Return the post of an answer's item; None for nonsense."""
    named = external_id(thing, item.get("id"))
    if named is None:
        return None
    post = _of_comment(item, named, source_id, now)
    if thing is Thing.COMMENTS:
        return post
    body = seen(child(item, "content").get("rendered"))
    modified = dated(item, "modified_gmt", now)
    is_edited = post.published_at and modified and modified > post.published_at
    return replace(
        post,
        kind=PostKind.ARTICLE,
        title=title(child(item, "title").get("rendered")),
        text=body or seen(child(item, "excerpt").get("rendered")),
        author=_writer(item, post.url),
        edited_at=modified if is_edited else None,
        parent_id=None,
        root_id=None,
    )


def _of_comment(item: Json, named: str, source_id: int, now: datetime) -> Post:
    at, precision = published(dated(item, "date_gmt", now), now)
    article = external_id(Thing.POSTS, item.get("post"))
    page = link(item.get("link"), "")
    name = text(item.get("author_name"))
    return Post(
        source_id=source_id,
        external_id=named,
        kind=PostKind.COMMENT,
        url=page,
        text=seen(child(item, "content").get("rendered")),
        author=author(name, None, link(item.get("author_url"), "")) if name else NOBODY,
        published_at=at,
        precision=precision,
        parent_id=external_id(Thing.COMMENTS, item.get("parent")) or article,
        root_id=article,
    )


def _writer(item: Json, base: str | None) -> Author:
    """Return the author of a post, who comes along where the site does not hide its users."""
    writers = objects(child(item, "_embedded").get("author"))
    writer = writers[0] if writers else {}
    return author(writer.get("name"), writer.get("slug"), link(writer.get("link"), base or ""))


def from_feed(thing: Thing, posts: Sequence[Post]) -> list[Post]:
    """Return the entries of one of the site's feeds under the ids the interface uses."""
    kind = PostKind.COMMENT if thing is Thing.COMMENTS else PostKind.ARTICLE
    return [replace(post, kind=kind, external_id=_id_in_feed(thing, post)) for post in posts]


def _id_in_feed(thing: Thing, post: Post) -> str:
    if thing is Thing.POSTS:
        found = _GUID.fullmatch(post.external_id)
    else:
        found = _COMMENT_LINK.search(post.external_id) or _COMMENT_LINK.search(post.url or "")
    return (external_id(thing, found[1]) if found else None) or post.external_id
