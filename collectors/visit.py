"""One visit to a source: what an answer means, when to come back, and the Poll that says so.

Shared by all collectors. Everything expected is a value; deciding functions get ``now`` and do nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from collectors.base import Http, Reply
from collectors.dates import parse_date
from collectors.encoding import decode
from collectors.model import (
    CollectError,
    Cursor,
    Outcome,
    Poll,
    Post,
    Source,
    SourceState,
)

LONGEST_WAIT = timedelta(hours=24)
BLOCKED_WAIT = timedelta(hours=6)
GONE_WAIT = timedelta(days=365)
FAILING_AFTER = 8
_MISSING_HEAD_START = 2
_MARK_BYTES = 64 * 1024
_BLOCKED = frozenset({401, 403, 407, 412, 418, 432, 451})
_SAID = {
    304: "服务器对无条件请求回答 304 (304 to an unconditional request)",
    401: "需要登录或密钥无效 (401, sign-in required)",
    403: "服务器拒绝访问 (403, forbidden)",
    404: "地址不存在，稍后再试 (404, not found)",
    410: "该数据源已永久关闭 (410, gone)",
    429: "请求过于频繁，按服务器要求等待 (429, too many requests)",
    432: "服务器拒绝访问 (432, refused)",
    451: "因法律原因不可访问 (451, legal reasons)",
    503: "服务器繁忙，稍后再试 (503, unavailable)",
}
CHALLENGE = "网站要求人机验证，无法自动读取 (captcha or challenge page)"
EMPTY = "服务器返回空内容 (empty body)"
NOT_JSON = "返回的不是 JSON (not JSON)"
HTML_NOT_JSON = "返回的是网页而不是 JSON，多半是登录页或拦截页 (HTML instead of JSON)"
# Marks of pages that stand in for the one asked for. Each is a phrase of a whole page's purpose,
# so it is looked for only where no content was found, or in a title.
_MARKS = re.compile(
    r"访问过于频繁|安全验证|滑动验证|人机验证|请完成验证|请输入验证码|验证码校验|异常访问|访问受限|环境异常"
    r"|captcha|verify (?:you are|that you're) (?:a )?human|unusual traffic|checking your browser"
    r"|enable javascript and cookies to continue|cf-chl-|security check",
    re.IGNORECASE,
)
_LOGIN_PATH = re.compile(
    r"/(?:log-?in|sign-?in|passport|captcha|verify|antispider)\b", re.IGNORECASE
)


class Trouble(Exception):
    """A visit that cannot go on: the state it puts the source into, the reason, the least wait."""

    def __init__(
        self,
        state: SourceState,
        reason: str,
        *,
        wait: timedelta | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason
        self.wait = wait
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One visit: to whom, for which slot, when."""

    source: Source
    slot: datetime
    now: datetime

    def brought(
        self,
        posts: tuple[Post, ...] | list[Post],
        *,
        position: str | None = None,
        status: int = 200,
        trouble: Trouble | None = None,
        **more: Any,  # noqa: ANN401  # the other fields of a Poll, checked there
    ) -> Poll:
        """Return the poll of a visit that was answered. ``position`` None keeps the old one.

        ``trouble`` on the way (page three of five was refused) keeps what was read: the posts are
        stored, the state says what happened, and ``position`` must not pass what was not read.
        """
        cursor = self.source.cursor
        wait = more.pop("wait", timedelta())
        if trouble is not None:
            wait = max(wait, trouble.wait or back_off(self.source))
        state = SourceState.OK if trouble is None else trouble.state
        return Poll(
            source_id=self.source.id,
            slot=self.slot,
            fetched_at=self.now,
            outcome=Outcome.NEW
            if posts or more.get("deleted") or more.get("ratings")
            else Outcome.UNCHANGED,
            state=more.pop("state", state),
            cursor_after=cursor if position is None else replace(cursor, position=position),
            wait=lengthened(self.source, wait),
            posts=tuple(posts),
            status=status if trouble is None or trouble.status is None else trouble.status,
            reason=more.pop("reason", None if trouble is None else trouble.reason),
            **more,
        )

    def failed(self, trouble: Trouble, *, cursor: Cursor | None = None) -> Poll:
        """Return the poll of a visit that brought nothing."""
        wait = trouble.wait if trouble.wait is not None else back_off(self.source)
        if trouble.state is SourceState.FAILING:
            wait = max(wait, LONGEST_WAIT)  # a daily probe
        return Poll(
            source_id=self.source.id,
            slot=self.slot,
            fetched_at=self.now,
            outcome=Outcome.FAILED,
            state=trouble.state,
            cursor_after=cursor or self.source.cursor,
            wait=wait,
            status=trouble.status,
            reason=trouble.reason,
        )

    def unreached(self, error: CollectError) -> Trouble:
        """Return the trouble of a request that got no answer."""
        wait = max(back_off(self.source), error.wait or timedelta())
        if error.retryable:
            return Trouble(trouble_state(self.source), str(error), wait=wait)
        return Trouble(SourceState.BLOCKED, str(error), wait=max(wait, BLOCKED_WAIT))

    def refusal(self, reply: Reply) -> Trouble | None:
        """Return what a status code other than 2xx means, None for 2xx."""
        return None if 200 <= reply.status < 300 else refusal_of(self.source, reply, self.now)

    async def get(self, http: Http, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return a 2xx answer.

        Raises:
            Trouble: there is none.
        """
        try:
            reply = await http.get(url, headers)
        except CollectError as error:
            raise self.unreached(error) from error
        if trouble := self.refusal(reply):
            raise trouble
        return reply

    async def get_json(
        self, http: Http, url: str, headers: Mapping[str, str] | None = None
    ) -> tuple[Any, Reply]:
        """Return the JSON of a 2xx answer, and the answer.

        Raises:
            Trouble: there is none, or it is something else than JSON.
        """
        reply = await self.get(http, url, {"Accept": "application/json", **(headers or {})})
        return self.read_json(reply), reply

    def read_json(self, reply: Reply) -> Any:  # noqa: ANN401  # whatever the server sent
        """Return the JSON in ``reply``.

        Raises:
            Trouble: it is none. An empty body or a page in its place is a refusal.
        """
        text = decode(reply.body).text.strip()
        if not text:
            raise Trouble(SourceState.BLOCKED, EMPTY, wait=BLOCKED_WAIT, status=reply.status)
        try:
            return json.loads(text, strict=False)
        except (ValueError, RecursionError):
            if text[:1] != "<":
                raise Trouble(trouble_state(self.source), NOT_JSON, status=reply.status) from None
        reason = CHALLENGE if is_challenge(reply) else HTML_NOT_JSON
        raise Trouble(SourceState.BLOCKED, reason, wait=BLOCKED_WAIT, status=reply.status)


def refusal_of(source: Source, reply: Reply, now: datetime) -> Trouble:
    """Return what an answer that is no success means for ``source``."""
    status, asked = reply.status, retry_after(reply.headers, now)
    reason = _SAID.get(status, f"服务器回答 HTTP {status} (HTTP {status})")
    if status == 410:
        return Trouble(SourceState.GONE, reason, wait=GONE_WAIT, status=status)
    if status in _BLOCKED or is_challenge(reply):
        wait = max(BLOCKED_WAIT, source.interval, min(asked, LONGEST_WAIT))
        why = CHALLENGE if is_challenge(reply) else reason
        return Trouble(SourceState.BLOCKED, why, wait=wait, status=status)
    wait = back_off(source, doublings=_MISSING_HEAD_START if status == 404 else 0)
    if status in (429, 503):
        wait = max(wait, min(asked, LONGEST_WAIT))
    state = SourceState.RATE_LIMITED if status == 429 else trouble_state(source)
    return Trouble(state, reason, wait=wait, status=status)


def is_challenge(reply: Reply) -> bool:
    """Return whether the answer is a page that asks for a captcha, a challenge or a login.

    The body is asked only where it is a small page: an article *about* captchas is none.
    """
    if reply.headers.get("cf-mitigated", "").lower() == "challenge":
        return True
    if _LOGIN_PATH.search(reply.url):
        return True
    body = reply.body[:_MARK_BYTES]
    return (
        len(reply.body) <= _MARK_BYTES
        and b"<" in body[:200]
        and bool(_MARKS.search(decode(body).text))
    )


def back_off(source: Source, *, doublings: int = 0) -> timedelta:
    """Return interval times 2^n after the n-th error in a row, at most 24 hours."""
    exponent = min(source.error_count + 1 + doublings, 20)
    return max(source.interval, min(source.interval * (1 << exponent), LONGEST_WAIT))


def trouble_state(source: Source) -> SourceState:
    """Return backing off, or failing after eight errors in a row."""
    return (
        SourceState.FAILING if source.error_count + 1 >= FAILING_AFTER else SourceState.BACKING_OFF
    )


def lengthened(source: Source, *wishes: timedelta) -> timedelta:
    """Return the interval, lengthened by the server's wishes up to 24 hours, never shortened."""
    return max(source.interval, min(max(wishes, default=timedelta()), LONGEST_WAIT))


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta:
    """Return the wait Retry-After names, in seconds or as an HTTP date; zero without it."""
    value = headers.get("retry-after", "").strip()
    if value.isdecimal():
        return timedelta(seconds=min(int(value[:9]), 10**8))
    until = http_date(value, now)
    return max(until - now, timedelta()) if until else timedelta()


def http_date(text: str, now: datetime) -> datetime | None:
    """Return the moment of an HTTP date. A bare number is none: ``Expires: 0`` means "at once"."""
    dated = parse_date(text, tz=UTC, now=now) if not text.strip("-").isdecimal() else None
    return dated[0] if dated else None
