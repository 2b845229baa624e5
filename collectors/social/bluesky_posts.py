"""Posts from Bluesky's views (``app.bsky.feed.defs``) and records (``app.bsky.feed.post``).

A post's external id is its at-uri, ``at://did/app.bsky.feed.post/rkey``. Schemas:
https://github.com/bluesky-social/atproto/tree/main/lexicons/app/bsky
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from urllib.parse import quote

from collectors.model import NOBODY, Author, Post, PostKind
from collectors.social import values
from collectors.social.values import Json

COLLECTION = "app.bsky.feed.post"
_URI = re.compile(
    r"at://(?P<did>did:[a-z]+:[A-Za-z0-9._:%-]{1,256})/app\.bsky\.feed\.post/(?P<rkey>[A-Za-z0-9._:~-]{1,512})"
)
_HIDDEN = "!no-unauthenticated"
_INVALID_HANDLE = "handle.invalid"
_REPOST = "app.bsky.feed.defs#reasonRepost"
_MOST_TAGS = 50
_MOST_FACETS = 200
_APP = "https://bsky.app/profile/"


def post_uri(found: object) -> str | None:
    """Return an at-uri of a post, None for anything else."""
    uri = values.text(found)
    return uri if _URI.fullmatch(uri) else None


def uri_of(did: object, rkey: object) -> str | None:
    """Return the at-uri of the post ``rkey`` in the repository of ``did``, None where it is none."""
    return post_uri(f"at://{values.text(did)}/{COLLECTION}/{values.text(rkey)}")


def post_of_view(view: object, source_id: int, *, now: datetime) -> Post | None:
    """Return the post of a ``postView``, None for what is none or hidden from the signed-out.

    Its time is the earlier of what its author's program claims and when the service saw it.
    """
    found = values.child(view)
    uri, author = post_uri(found.get("uri")), values.child(found, "author")
    record = values.child(found, "record")
    if uri is None or not record or is_hidden(author):
        return None
    handle = values.name(author.get("handle"))
    shown = handle if handle and handle != _INVALID_HANDLE else values.name(author.get("did"))
    post = post_of_record(uri, record, source_id, seen_at=view_time(found, now), now=now)
    return replace(
        post,
        url=_web_url(uri, shown),
        author=_author(author, shown),
        metrics=values.metrics(
            replies=found.get("replyCount"),
            reposts=found.get("repostCount"),
            likes=found.get("likeCount"),
            quotes=found.get("quoteCount"),
        ),
    )


def post_of_feed_item(item: object, source_id: int, *, now: datetime) -> Post | None:
    """Return the post of a ``feedViewPost``: a post, or its repost by whom the feed belongs to.

    A repost is a post of who reposts, with the other's text and ``repost_of`` its uri.
    """
    found = values.child(item)
    post = post_of_view(found.get("post"), source_id, now=now)
    reason = values.child(found, "reason")
    if post is None or reason.get("$type") != _REPOST:
        return post
    by = values.child(reason, "by")
    if is_hidden(by):
        return None
    handle = values.name(by.get("handle")) or values.name(by.get("did"))
    published, precision = values.published(item_time(item, now), now)
    return replace(
        post,
        external_id=values.identifier(reason.get("uri"))
        or f"{post.external_id}#{values.text(by.get('did'))}",
        author=_author(by, handle),
        published_at=published,
        precision=precision,
        repost_of=post.external_id,
        parent_id=None,
        root_id=None,
    )


def item_time(item: object, now: datetime) -> datetime | None:
    """Return the time by which feeds are sorted: of the repost, else of the post."""
    found = values.child(item)
    reason = values.child(found, "reason")
    if reason.get("$type") == _REPOST:
        return values.iso(reason.get("indexedAt"), now)
    return view_time(values.child(found, "post"), now)


def view_time(view: Json, now: datetime) -> datetime | None:
    """Return the earlier of ``createdAt`` and ``indexedAt``; what cannot be read does not count."""
    claimed = values.iso(values.child(view, "record").get("createdAt"), now)
    seen = values.iso(view.get("indexedAt"), now)
    return min((one for one in (claimed, seen) if one), default=None)


def is_pinned(item: object) -> bool:
    """Return whether an item stands in the feed out of order."""
    return values.child(item, "reason").get("$type") == "app.bsky.feed.defs#reasonPin"


def is_hidden(author: Json) -> bool:
    """Return whether an author asked not to be shown to whom is not signed in."""
    labels = values.objects(author.get("labels"))
    return any(label.get("val") == _HIDDEN and not label.get("neg") for label in labels)


def post_of_record(
    uri: str, record: Json, source_id: int, *, seen_at: datetime | None, now: datetime
) -> Post:
    """Return the post of a record as its author wrote it; the author is known by DID only."""
    claimed = values.iso(record.get("createdAt"), now)
    moment = min((one for one in (claimed, seen_at) if one), default=None)
    published, precision = values.published(moment, now)
    did = uri.split("/")[2]
    languages = record.get("langs")
    return Post(
        source_id=source_id,
        external_id=uri,
        kind=PostKind.POST,
        url=_web_url(uri, did),
        text=values.written(full_text(record)),
        author=Author(handle=did, url=_APP + did),
        published_at=published,
        precision=precision,
        lang=values.name(languages[0]) if isinstance(languages, list) and languages else None,
        parent_id=post_uri(values.child(record, "reply", "parent").get("uri")),
        root_id=post_uri(values.child(record, "reply", "root").get("uri")),
        repost_of=_quoted(record),
        tags=tags_of(record),
    )


def full_text(record: Json) -> str:
    """Return the text with links that apps cut short (``example.com/a…``) written out.

    Facets count UTF-8 bytes. One that points outside of the text, into the middle of a character
    or back before another is passed over.
    """
    whole = values.text(record.get("text"))
    raw, pieces, end = whole.encode("utf-8", "replace"), [], 0
    for start, stop, feature in sorted(_facets(record), key=lambda facet: facet[:2]):
        uri = values.text(feature.get("uri"))
        if not uri.startswith(("http://", "https://")) or not end <= start < stop <= len(raw):
            continue
        shown = _decoded(raw[start:stop])
        before = _decoded(raw[end:start])
        if before is None or shown is None or not shown.endswith(("...", "…")):
            continue
        pieces += [before, uri]
        end = stop
    return "".join(pieces) + raw[end:].decode("utf-8", "replace") if pieces else whole


def tags_of(record: Json) -> tuple[str, ...]:
    """Return the hashtags in the text and beside it, without #, each once."""
    beside = record.get("tags")
    found = [feature.get("tag") for _, _, feature in _facets(record)]
    found += beside if isinstance(beside, list) else []
    names = [values.name(tag) for tag in found[:_MOST_TAGS]]
    return tuple(dict.fromkeys(name for name in names if name))


def _facets(record: Json) -> Iterator[tuple[int, int, Json]]:
    for facet in values.objects(record.get("facets"))[:_MOST_FACETS]:
        index = values.child(facet, "index")
        start, stop = values.number(index.get("byteStart")), values.number(index.get("byteEnd"))
        for feature in values.objects(facet.get("features"))[:_MOST_TAGS]:
            yield (-1 if start is None else start), (-1 if stop is None else stop), feature


def _decoded(raw: bytes) -> str | None:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _quoted(record: Json) -> str | None:
    """Return the uri of a quoted post: a record embed, alone or beside media."""
    embed = values.child(record, "embed", "record")
    return post_uri(embed.get("uri")) or post_uri(values.child(embed, "record").get("uri"))


def _author(author: Json, handle: str | None) -> Author:
    if not handle:
        return NOBODY
    return values.author(
        values.name(author.get("displayName")), handle, _APP + quote(handle, safe=":.")
    )


def _web_url(uri: str, handle: str | None) -> str:
    did, _, rkey = uri.split("/")[2:]
    return f"{_APP}{quote(handle or did, safe=':.')}/post/{quote(rkey, safe=':~.')}"
