"""Visiting a feed: conditional request, what the answer means, when to come back.

Everything expected is a value; the deciding functions get the answer and ``now`` and do nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self
from urllib.parse import urlsplit

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.feed import FeedKind, ParsedFeed, hub_of, parse_feed
from collectors.identity import canonical_url
from collectors.model import CollectError, Cursor, Outcome, Poll, PostKind, Source, SourceState
from collectors.options import Options
from collectors.visit import (
    BLOCKED_WAIT,
    CHALLENGE,
    EMPTY,
    GONE_WAIT,
    LONGEST_WAIT,
    Trouble,
    Visit,
    back_off,
    http_date,
    is_challenge,
    lengthened,
    refusal_of,
    retry_after,
    trouble_state,
)

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
# A permanent redirect seen once may be a mistake of an hour, or a captive portal.
_SEEN_BEFORE_MOVING = 2
_PARSE_IN_THREAD_BYTES = 32 * 1024
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_OLD_POSITION = re.compile(r"wish=(\d{1,12})")
# A URL we were led to that answers so has stopped being the feed's: ask the original again.
_LOST = frozenset({404, 410})

_EXPIRED = "订阅源声明不再更新 (JSON Feed: expired)"
_NOT_A_FEED = "返回的内容不是 RSS、Atom 或 JSON Feed (not a feed)。请检查地址"
_DECLARED = "返回的是网页而不是订阅源 (an HTML page)。网页声明的订阅地址：{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """What is remembered between visits to a feed beside the validators.

    ``wish`` is the least time between visits the feed itself asks for. ``moved`` is where a
    permanent redirect led on the last ``seen`` visits in a row, not yet believed.
    """

    wish: timedelta = timedelta()
    moved: str | None = None
    seen: int = 0

    @classmethod
    def read(cls, text: str | None) -> Self:
        """Return the position written in a cursor; an empty one where it cannot be read."""
        if old := _OLD_POSITION.fullmatch(text or ""):
            return cls(wish=_seconds(int(old[1])))
        try:
            found = json.loads(text or "{}")
            moved = found.get("moved") or {}
            return cls(
                wish=_seconds(int(found.get("wish") or 0)),
                moved=str(moved["url"]) if moved else None,
                seen=int(moved["seen"]) if moved else 0,
            )
        except (ValueError, TypeError, KeyError, AttributeError):
            return cls()

    def written(self) -> str | None:
        """Return the text for a cursor, None where there is nothing to remember."""
        said: dict[str, object] = {}
        if self.wish:
            said["wish"] = int(self.wish.total_seconds())
        if self.moved:
            said["moved"] = {"url": self.moved, "seen": self.seen}
        return json.dumps(said, ensure_ascii=False, sort_keys=True) if said else None


def _seconds(count: int) -> timedelta:
    return timedelta(seconds=max(0, min(count, 10**9)))


class FeedOptions(Options):
    """Settings of a feed."""

    post_kind: PostKind = Field(
        default=PostKind.ARTICLE,
        description="What its entries are: article, post, comment, review.",
    )


class FeedCollector(BaseCollector):
    """Visits RSS, Atom and JSON Feed sources."""

    kind = "feed"
    options = FeedOptions

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what one conditional GET of the feed brought."""
        visit = Visit(source=source, slot=slot, now=now)
        try:
            reply = await http.get(url_of(source), request_headers(source.cursor))
        except CollectError as error:
            return _failed(visit, visit.unreached(error))
        if reply.status not in (200, 203):
            return _without_content(visit, reply)
        digest = hashlib.sha256(reply.body).hexdigest()
        if digest == source.cursor.body_sha256:
            return _unchanged(visit, reply, _validated(visit, reply, proven=True))
        parsed = await _parsed(visit, reply)
        return _with_content(visit, reply, parsed, digest)


def url_of(source: Source) -> str:
    """Return the URL asked: where permanent redirects led, else the source's own."""
    return source.cursor.effective_url or source.url


def request_headers(cursor: Cursor) -> dict[str, str]:
    """Return the headers of a conditional request: the last answer's validators, verbatim."""
    headers = {"Accept": ACCEPT}
    if cursor.etag:
        headers["If-None-Match"] = cursor.etag
    if cursor.last_modified:
        headers["If-Modified-Since"] = cursor.last_modified
    return headers


def wish_of(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Return how long the server's caching headers ask us to stay away; zero if they do not."""
    wishes = [timedelta()]
    if age := _MAX_AGE.search(headers.get("cache-control", "")):
        wishes.append(timedelta(seconds=int(age[1])))
    if expires := http_date(headers.get("expires", ""), now):
        wishes.append(expires - now)
    return max(wishes)


async def _parsed(visit: Visit, reply: Reply) -> ParsedFeed:
    def parse() -> ParsedFeed:
        return parse_feed(
            reply.body,
            content_type=reply.headers.get("content-type"),
            url=reply.url,
            source=visit.source,
            now=visit.now,
        )

    # Small ones are read faster than a thread is told to.
    if len(reply.body) < _PARSE_IN_THREAD_BYTES:
        return parse()
    return await asyncio.to_thread(parse)


def _with_content(visit: Visit, reply: Reply, parsed: ParsedFeed, digest: str) -> Poll:
    if parsed.kind is FeedKind.NONE:
        return _failed(visit, _not_a_feed(visit, reply, parsed))
    wish = parsed.wish or timedelta()
    cursor = _validated(visit, reply, proven=True)
    position = replace(Position.read(cursor.position), wish=wish)
    wait = lengthened(visit.source, wish, wish_of(reply.headers, visit.now))
    return Poll(
        source_id=visit.source.id,
        slot=visit.slot,
        fetched_at=visit.now,
        outcome=Outcome.NEW,
        state=SourceState.GONE if parsed.expired else SourceState.OK,
        cursor_after=replace(cursor, body_sha256=digest, position=position.written()),
        wait=GONE_WAIT if parsed.expired else wait,
        posts=parsed.posts,
        status=reply.status,
        reason=_EXPIRED if parsed.expired else None,
        dropped=parsed.dropped,
        hub=hub_of(reply.headers.get("link", ""), parsed, url=reply.url),
    )


def _unchanged(visit: Visit, reply: Reply, cursor: Cursor) -> Poll:
    wish = Position.read(cursor.position).wish
    return Poll(
        source_id=visit.source.id,
        slot=visit.slot,
        fetched_at=visit.now,
        outcome=Outcome.UNCHANGED,
        state=SourceState.OK,
        cursor_after=cursor,
        wait=lengthened(visit.source, wish, wish_of(reply.headers, visit.now)),
        status=reply.status,
        hub=hub_of(reply.headers.get("link", ""), None, url=reply.url),
    )


def _not_modified(visit: Visit, reply: Reply) -> Poll:
    before, cursor = visit.source.cursor, _validated(visit, reply, proven=False)
    if _same(reply.url, url_of(visit.source)):
        # What a 304 does not carry stays as it was (RFC 9111, 4.3.4).
        cursor = replace(
            cursor,
            etag=cursor.etag or before.etag,
            last_modified=cursor.last_modified or before.last_modified,
        )
    return _unchanged(visit, reply, cursor)


def _validated(visit: Visit, reply: Reply, *, proven: bool) -> Cursor:
    """Return the cursor with the URL asked next, and this answer's validators if they belong to it.

    ``proven`` says that what came is the feed: a 304 from elsewhere may be about a home page,
    and does not count toward a move.
    """
    position, effective = _moved(visit.source, reply, proven=proven)
    theirs = _same(reply.url, effective or visit.source.url)
    # `Expires: 0` beside an ETag: servers that say so answer 304 forever (seen by Miniflux).
    usable = theirs and reply.headers.get("expires", "").strip() != "0"
    return replace(
        visit.source.cursor,
        effective_url=effective,
        etag=reply.headers.get("etag") if usable else None,
        last_modified=reply.headers.get("last-modified") if usable else None,
        position=position.written(),
    )


def _moved(source: Source, reply: Reply, *, proven: bool) -> tuple[Position, str | None]:
    """Return what to remember of redirects, and the effective URL from now on.

    A permanent redirect is believed on the second visit in a row that it leads to the same feed, at once
    if it only secures the same host. An answer without it, or with a temporary one, starts over.
    """
    position, effective = Position.read(source.cursor.position), source.cursor.effective_url
    asked = url_of(source)
    if not reply.permanent_redirect or reply.url == asked:
        return replace(position, moved=None, seen=0), effective
    if not proven:
        return position, effective
    seen = position.seen + 1 if position.moved == reply.url else 1
    if seen >= _SEEN_BEFORE_MOVING or _is_secured(asked, reply.url):
        target = None if reply.url == source.url else reply.url
        return replace(position, moved=None, seen=0), target
    return replace(position, moved=reply.url, seen=seen), effective


def _is_secured(before: str, after: str) -> bool:
    try:
        old, new = urlsplit(before), urlsplit(after)
        ports = (old.port or 80, new.port or 443)
    except ValueError:
        return False
    schemes = (old.scheme, new.scheme)
    return schemes == ("http", "https") and old.hostname == new.hostname and ports == (80, 443)


def _same(one: str, other: str) -> bool:
    return one == other or canonical_url(one) == canonical_url(other)


def _without_content(visit: Visit, reply: Reply) -> Poll:
    source, cursor = visit.source, visit.source.cursor
    if reply.status == 304 and (cursor.etag or cursor.last_modified):
        return _not_modified(visit, reply)
    trouble = refusal_of(source, reply, visit.now)
    if reply.status in _LOST and cursor.effective_url:
        trouble = Trouble(
            SourceState.BACKING_OFF, trouble.reason, wait=back_off(source), status=reply.status
        )
    return _failed(visit, trouble)


def _not_a_feed(visit: Visit, reply: Reply, parsed: ParsedFeed) -> Trouble:
    source, status = visit.source, reply.status
    if parsed.declared:  # a page of the site itself, though its forms may hold a captcha
        reason = _DECLARED.format(parsed.declared)
        return Trouble(SourceState.NOT_A_FEED, reason, wait=back_off(source), status=status)
    if is_challenge(reply):
        asked = min(retry_after(reply.headers, visit.now), LONGEST_WAIT)
        wait = max(BLOCKED_WAIT, source.interval, asked)
        return Trouble(SourceState.BLOCKED, CHALLENGE, wait=wait, status=status)
    if not reply.body.strip():
        return Trouble(trouble_state(source), EMPTY, wait=back_off(source), status=status)
    return Trouble(SourceState.NOT_A_FEED, _NOT_A_FEED, wait=back_off(source), status=status)


def _failed(visit: Visit, trouble: Trouble) -> Poll:
    """Return the poll of a failed visit; where we were led and the feed is no more, the way back."""
    cursor, state, status = visit.source.cursor, trouble.state, trouble.status
    unreachable = status is None and state is not SourceState.BACKING_OFF
    lost = status in _LOST or state is SourceState.NOT_A_FEED or unreachable
    if cursor.effective_url and lost:
        cursor = Cursor(body_sha256=cursor.body_sha256, position=cursor.position)
    position = replace(Position.read(cursor.position), moved=None, seen=0)
    poll = visit.failed(trouble, cursor=replace(cursor, position=position.written()))
    if state is SourceState.FAILING:  # a daily probe
        return replace(poll, wait=max(poll.wait, LONGEST_WAIT))
    return poll
