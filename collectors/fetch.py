"""Visiting a feed: conditional request, what the answer means, when to come back.

Everything expected is a value; the deciding functions get the answer and ``now`` and do nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from collectors.base import Http, Reply
from collectors.dates import parse_date
from collectors.feed import FeedKind, ParsedFeed, parse_feed
from collectors.identity import canonical_url
from collectors.model import CollectError, Cursor, Outcome, Poll, Source, SourceState

ACCEPT = (
    "application/atom+xml, application/rss+xml, application/feed+json, "
    "application/xml;q=0.9, text/xml;q=0.9, */*;q=0.5"
)
LONGEST_WAIT = timedelta(hours=24)
BLOCKED_WAIT = timedelta(hours=6)
GONE_WAIT = timedelta(days=365)
FAILING_AFTER = 8
_MISSING_HEAD_START = 2
_PARSE_IN_THREAD_BYTES = 32 * 1024
_MAX_AGE = re.compile(r"(?:^|[\s,])max-age\s*=\s*\"?(\d{1,9})", re.IGNORECASE)
_WISH = re.compile(r"wish=(\d+)")
_BLOCKED = frozenset({401, 403, 407, 432, 451})
_BUSY = frozenset({429, 503})
# A URL we were led to that answers so has stopped being the feed's: ask the original again.
_LOST = frozenset({404, 410})

_SAID = {
    304: "服务器对无条件请求回答 304 (304 to an unconditional request)",
    401: "需要登录 (401, sign-in required)",
    403: "服务器拒绝访问 (403, forbidden)",
    404: "地址不存在，稍后再试 (404, not found)",
    410: "该订阅源已永久关闭 (410, gone)",
    429: "请求过于频繁，按服务器要求等待 (429, too many requests)",
    432: "服务器拒绝访问 (432, refused)",
    451: "因法律原因不可访问 (451, legal reasons)",
    503: "服务器繁忙，稍后再试 (503, unavailable)",
}
_CHALLENGE = "网站要求人机验证，无法自动读取 (403, cf-mitigated: challenge)"
_EMPTY = "服务器返回空内容 (empty body)"
_EXPIRED = "订阅源声明不再更新 (JSON Feed: expired)"
_NOT_A_FEED = "返回的内容不是 RSS、Atom 或 JSON Feed (not a feed)。请检查地址"
_DECLARED = "返回的是网页而不是订阅源 (an HTML page)。网页声明的订阅地址：{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Visit:
    """One visit: to whom, for which slot, when."""

    source: Source
    slot: datetime
    now: datetime

    @property
    def url(self) -> str:
        """The URL asked: where permanent redirects led, else the source's own."""
        return self.source.cursor.effective_url or self.source.url


class FeedCollector:
    """Visits RSS, Atom and JSON Feed sources."""

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what one conditional GET of the feed brought."""
        visit = _Visit(source=source, slot=slot, now=now)
        try:
            reply = await http.get(visit.url, request_headers(source.cursor))
        except CollectError as error:
            return _unreached(visit, error)
        if reply.status not in (200, 203):
            return _without_content(visit, reply)
        digest = hashlib.sha256(reply.body).hexdigest()
        if digest == source.cursor.body_sha256:
            return _unchanged(visit, reply)
        parsed = await _parsed(visit, reply)
        return _with_content(visit, reply, parsed, digest)


def request_headers(cursor: Cursor) -> dict[str, str]:
    """Return the headers of a conditional request: the last answer's validators, verbatim."""
    headers = {"Accept": ACCEPT}
    if cursor.etag:
        headers["If-None-Match"] = cursor.etag
    if cursor.last_modified:
        headers["If-Modified-Since"] = cursor.last_modified
    return headers


def back_off(source: Source, *, doublings: int = 0) -> timedelta:
    """Return interval times 2^n after the n-th error in a row, at most 24 hours."""
    exponent = min(source.error_count + 1 + doublings, 20)
    return max(source.interval, min(source.interval * (1 << exponent), LONGEST_WAIT))


def wish_of(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Return how long the server's caching headers ask us to stay away; zero if they do not."""
    wishes = [timedelta()]
    if age := _MAX_AGE.search(headers.get("cache-control", "")):
        wishes.append(timedelta(seconds=int(age[1])))
    if expires := _http_date(headers.get("expires", ""), now):
        wishes.append(expires - now)
    return max(wishes)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Return the wait Retry-After names, in seconds or as an HTTP date; zero without it."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = _http_date(value, now)
    return max(until - now, timedelta()) if until else timedelta()


def _http_date(text: str, now: datetime) -> datetime | None:
    # A bare number here is no date: `Expires: 0` and `-1` mean "at once".
    dated = parse_date(text, tz=UTC, now=now) if not text.strip("-").isdecimal() else None
    return dated[0] if dated else None


def _lengthened(source: Source, *wishes: timedelta) -> timedelta:
    """Return the interval, lengthened by the server's wishes up to 24 hours, never shortened."""
    return max(source.interval, min(max(wishes, default=timedelta()), LONGEST_WAIT))


async def _parsed(visit: _Visit, reply: Reply) -> ParsedFeed:
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


def _with_content(visit: _Visit, reply: Reply, parsed: ParsedFeed, digest: str) -> Poll:
    if parsed.kind is FeedKind.NONE:
        return _not_a_feed(visit, reply, parsed)
    wish = parsed.wish or timedelta()
    cursor = replace(
        _validated(visit, reply),
        body_sha256=digest,
        position=f"wish={int(wish.total_seconds())}" if wish else None,
    )
    return Poll(
        source_id=visit.source.id,
        slot=visit.slot,
        fetched_at=visit.now,
        outcome=Outcome.NEW,
        state=SourceState.GONE if parsed.expired else SourceState.OK,
        cursor_after=cursor,
        wait=GONE_WAIT
        if parsed.expired
        else _lengthened(visit.source, wish, wish_of(reply.headers, visit.now)),
        posts=parsed.posts,
        status=reply.status,
        reason=_EXPIRED if parsed.expired else None,
        dropped=parsed.dropped,
    )


def _unchanged(visit: _Visit, reply: Reply) -> Poll:
    cursor = _validated(visit, reply)
    if reply.status == 304:  # what a 304 does not carry stays as it was (RFC 9111, 4.3.4)
        before = visit.source.cursor
        cursor = replace(
            before,
            etag=cursor.etag or before.etag,
            last_modified=cursor.last_modified or before.last_modified,
        )
    told = _WISH.fullmatch(cursor.position or "")
    wish = timedelta(seconds=int(told[1])) if told else timedelta()
    return Poll(
        source_id=visit.source.id,
        slot=visit.slot,
        fetched_at=visit.now,
        outcome=Outcome.UNCHANGED,
        state=SourceState.OK,
        cursor_after=cursor,
        wait=_lengthened(visit.source, wish, wish_of(reply.headers, visit.now)),
        status=reply.status,
    )


def _validated(visit: _Visit, reply: Reply) -> Cursor:
    """Return the cursor with this answer's validators, if they belong to the URL asked next."""
    moved = reply.permanent_redirect and reply.url != visit.source.url
    effective = reply.url if moved else visit.source.cursor.effective_url
    asked_next = effective or visit.source.url
    theirs = reply.url == asked_next or canonical_url(reply.url) == canonical_url(asked_next)
    # `Expires: 0` beside an ETag: servers that say so answer 304 forever (seen by Miniflux).
    usable = theirs and reply.headers.get("expires", "").strip() != "0"
    return replace(
        visit.source.cursor,
        effective_url=effective,
        etag=reply.headers.get("etag") if usable else None,
        last_modified=reply.headers.get("last-modified") if usable else None,
    )


def _without_content(visit: _Visit, reply: Reply) -> Poll:
    source, status = visit.source, reply.status
    cursor = source.cursor
    if status == 304 and (cursor.etag or cursor.last_modified):
        return _unchanged(visit, reply)
    reason = _SAID.get(status, f"服务器回答 HTTP {status} (HTTP {status})")
    if status in _LOST and cursor.effective_url:
        return _failed(visit, SourceState.BACKING_OFF, reason, back_off(source), status=status)
    if status == 410:
        return _failed(visit, SourceState.GONE, reason, GONE_WAIT, status=status)
    if status in _BLOCKED:
        challenged = reply.headers.get("cf-mitigated", "").lower() == "challenge"
        wait = max(BLOCKED_WAIT, source.interval, retry_after(reply.headers, visit.now))
        why = _CHALLENGE if challenged else reason
        return _failed(visit, SourceState.BLOCKED, why, wait, status=status)
    doublings = _MISSING_HEAD_START if status == 404 else 0
    wait = back_off(source, doublings=doublings)
    if status in _BUSY:
        wait = max(wait, min(retry_after(reply.headers, visit.now), LONGEST_WAIT))
    return _failed(visit, _trouble(source), reason, wait, status=status)


def _not_a_feed(visit: _Visit, reply: Reply, parsed: ParsedFeed) -> Poll:
    wait = back_off(visit.source)
    if not reply.body.strip():
        return _failed(visit, _trouble(visit.source), _EMPTY, wait, status=reply.status)
    reason = _DECLARED.format(parsed.declared) if parsed.declared else _NOT_A_FEED
    return _failed(visit, SourceState.NOT_A_FEED, reason, wait, status=reply.status)


def _unreached(visit: _Visit, error: CollectError) -> Poll:
    wait = max(back_off(visit.source), error.wait or timedelta())
    if error.retryable:
        return _failed(visit, _trouble(visit.source), str(error), wait)
    return _failed(visit, SourceState.BLOCKED, str(error), max(wait, BLOCKED_WAIT))


def _trouble(source: Source) -> SourceState:
    return (
        SourceState.FAILING if source.error_count + 1 >= FAILING_AFTER else SourceState.BACKING_OFF
    )


def _failed(
    visit: _Visit,
    state: SourceState,
    reason: str,
    wait: timedelta,
    *,
    status: int | None = None,
) -> Poll:
    cursor = visit.source.cursor
    unreachable = status is None and state is not SourceState.BACKING_OFF
    lost = status in _LOST or state is SourceState.NOT_A_FEED or unreachable
    if cursor.effective_url and lost:
        cursor = Cursor(body_sha256=cursor.body_sha256, position=cursor.position)
    if state is SourceState.FAILING:
        wait = max(wait, LONGEST_WAIT)
    return Poll(
        source_id=visit.source.id,
        slot=visit.slot,
        fetched_at=visit.now,
        outcome=Outcome.FAILED,
        state=state,
        cursor_after=cursor,
        wait=wait,
        status=status,
        reason=reason,
    )
