"""What Reddit's listings hold: links (t3), comments (t1), and the posts they become.

Source: https://github.com/reddit-archive/reddit/wiki/JSON, recorded answers of oauth.reddit.com.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from collectors.model import NOBODY, Author, Post, PostKind
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    link,
    metrics,
    name,
    objects,
    published,
    text,
    title,
    unix,
    written,
)

SITE = "https://www.reddit.com"
_LINK, _COMMENT = "t3", "t1"
_EMPTIED = frozenset({"[deleted]", "[removed]", "[deleted by user]"})
_DEEPEST = 50


def things(listing: object, depth: int = 0) -> Iterator[Json]:
    """Yield the links and comments of a listing, each comment before the replies inside of it.

    ``more`` stands for comments that were left out and is none; users, subreddits and the like
    are left out, too.
    """
    for one in objects(child(listing, "data").get("children")):
        if one.get("kind") not in (_LINK, _COMMENT):
            continue
        yield one
        if depth < _DEEPEST:
            yield from things(child(one, "data").get("replies"), depth + 1)


def created(thing: Json) -> datetime | None:
    """Return when a thing was written."""
    return unix(child(thing, "data").get("created_utc"))


def external_id(thing: Json) -> str | None:
    """Return a thing's full name: ``t3_`` or ``t1_`` and its id."""
    return identifier(child(thing, "data").get("name"))


def is_gone(thing: Json) -> bool:
    """Return whether its author, a moderator or Reddit took the thing away.

    An author who is ``[deleted]`` alone has only closed the account: the text still stands.
    """
    data = child(thing, "data")
    body = text(data.get("selftext") or data.get("body")).strip()
    return body in _EMPTIED or data.get("removed_by_category") is not None


def post_of(thing: Json, source_id: int, now: datetime) -> Post | None:
    """Return the post of a link or comment; None for one that is gone and for nonsense."""
    data, full_name = child(thing, "data"), external_id(thing)
    if full_name is None or is_gone(thing):
        return None
    is_comment = thing.get("kind") == _COMMENT
    at, precision = published(created(thing), now)
    hidden = data.get("score_hidden") or data.get("hide_score")
    return Post(
        source_id=source_id,
        external_id=full_name,
        kind=PostKind.COMMENT if is_comment else PostKind.POST,
        url=link(data.get("permalink"), SITE),
        title=None if is_comment else title(data.get("title")),
        text=written(data.get("body") if is_comment else data.get("selftext")),
        author=_author(data),
        published_at=at,
        precision=precision,
        edited_at=unix(data.get("edited")),
        metrics=metrics(
            score=None if hidden else data.get("score"),
            replies=None if is_comment else data.get("num_comments"),
        ),
        parent_id=identifier(data.get("parent_id")) if is_comment else None,
        root_id=identifier(data.get("link_id")) if is_comment else None,
        tags=tuple(filter(None, (name(data.get("subreddit")), name(data.get("link_flair_text"))))),
    )


def _author(data: Json) -> Author:
    user = text(data.get("author"))
    if not user or user in _EMPTIED:
        return NOBODY
    return author(user, user, f"{SITE}/user/{user}")
