"""What servers say about how often they may be asked, and asking within it.

"Reset" means three things: a moment (Mastodon), seconds to go (Reddit), unix seconds (Bluesky, V2EX).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from collectors.base import Http, Reply
from collectors.dates import parse_date
from collectors.model import CollectError, Quota, SourceState
from collectors.visit import LONGEST_WAIT, Trouble, Visit

SPENT = "本时段的请求次数已用完，等待恢复 (request quota used up)"


class Reset(StrEnum):
    """What a reset header's value is."""

    MOMENT = "moment"
    SECONDS_TO_GO = "seconds_to_go"
    UNIX_SECONDS = "unix_seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The headers (lower case) that describe a server's rate limit, and how to read its reset.

    ``used`` is for servers that tell it instead of the limit.
    """

    remaining: str
    reset: str
    reset_is: Reset
    limit: str | None = None
    used: str | None = None


MASTODON = Window(
    remaining="x-ratelimit-remaining",
    reset="x-ratelimit-reset",
    reset_is=Reset.MOMENT,
    limit="x-ratelimit-limit",
)
REDDIT = Window(
    remaining="x-ratelimit-remaining",
    reset="x-ratelimit-reset",
    reset_is=Reset.SECONDS_TO_GO,
    used="x-ratelimit-used",
)
BLUESKY = Window(
    remaining="ratelimit-remaining",
    reset="ratelimit-reset",
    reset_is=Reset.UNIX_SECONDS,
    limit="ratelimit-limit",
)
V2EX = Window(
    remaining="x-rate-limit-remaining",
    reset="x-rate-limit-reset",
    reset_is=Reset.UNIX_SECONDS,
    limit="x-rate-limit-limit",
)


def quota_of(headers: Mapping[str, str], window: Window, now: datetime) -> Quota | None:
    """Return what the server still allows, None where it does not say.

    Counts may be decimal text (``590.0``). A reset more than 24 hours away counts as 24 hours.
    """
    remaining = _whole(headers.get(window.remaining))
    if remaining is None:
        return None
    limit = _whole(headers.get(window.limit)) if window.limit else None
    used = _whole(headers.get(window.used)) if window.used else None
    if limit is None and used is not None:
        limit = used + remaining
    return Quota(remaining=remaining, limit=limit, reset_at=_reset_at(headers, window, now))


def wait_for(quota: Quota | None, now: datetime) -> timedelta:
    """Return how long to stay away: until the reset where nothing remains, else zero."""
    if quota is None or quota.remaining > 0 or quota.reset_at is None:
        return timedelta()
    return max(quota.reset_at - now, timedelta())


def _reset_at(headers: Mapping[str, str], window: Window, now: datetime) -> datetime | None:
    text = headers.get(window.reset, "").strip()
    if window.reset_is is Reset.MOMENT:
        dated = parse_date(text, tz=UTC, now=now)
        moment = dated[0] if dated else None
    else:
        moment = _counted(text, window.reset_is, now)
    return min(moment, now + LONGEST_WAIT) if moment else None


def _counted(text: str, reset_is: Reset, now: datetime) -> datetime | None:
    seconds = _number(text)
    if seconds is None or seconds < 0:
        return None
    to_go = seconds if reset_is is Reset.SECONDS_TO_GO else seconds - now.timestamp()
    return now + timedelta(seconds=min(max(to_go, 0), LONGEST_WAIT.total_seconds()))


def _whole(text: str | None) -> int | None:
    number = _number(text or "")
    return None if number is None else int(min(max(number, 0), 2**31))


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


@dataclass(slots=True, kw_only=True)
class Api:
    """A JSON interface asked during one visit: its headers, and what it last said about its limit.

    ``judge`` is asked first what an answer means; None from it leaves that to its status code.
    """

    visit: Visit
    http: Http
    headers: Mapping[str, str] = field(default_factory=dict)
    window: Window | None = None
    judge: Callable[[Reply], Trouble | None] | None = None
    quota: Quota | None = None

    @property
    def wait(self) -> timedelta:
        """How long the server's limit asks us to stay away."""
        return wait_for(self.quota, self.visit.now)

    async def json(self, url: str) -> object:
        """Return the JSON of a 2xx answer.

        Raises:
            Trouble: there is none, it is something else than JSON, or the limit is used up.
        """
        return self.visit.read_json(await self.get(url))

    async def get(self, url: str) -> Reply:
        """Return a 2xx answer.

        Raises:
            Trouble: there is none, or the limit is used up: then nothing was asked.
        """
        reply = await self.answer(url)
        trouble = self.judge(reply) if self.judge else None
        if trouble := trouble or self.visit.refusal(reply):
            raise self._with_reset(trouble)
        return reply

    async def answer(self, url: str) -> Reply:
        """Return the answer, whatever its status.

        Raises:
            Trouble: there is none, or the limit is used up: then nothing was asked.
        """
        if self.wait:
            raise Trouble(SourceState.RATE_LIMITED, SPENT, wait=self.wait)
        try:
            reply = await self.http.get(url, {"Accept": "application/json", **self.headers})
        except CollectError as error:
            raise self.visit.unreached(error) from error
        if self.window:
            self.quota = quota_of(reply.headers, self.window, self.visit.now) or self.quota
        return reply

    def _with_reset(self, trouble: Trouble) -> Trouble:
        """Return ``trouble``, waiting for the window's reset where it was asked too much."""
        reset = self.quota.reset_at if self.quota else None
        if trouble.state is SourceState.RATE_LIMITED and reset:
            asked = trouble.wait or timedelta()
            trouble.wait = max(asked, reset - self.visit.now)
        return trouble
