"""The three kinds of rate-limit reset, and asking within what is left."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from collectors.model import Quota, SourceState
from collectors.social.limits import (
    BLUESKY,
    MASTODON,
    REDDIT,
    V2EX,
    Api,
    Window,
    quota_of,
    wait_for,
)
from collectors.visit import Trouble, Visit
from tests.collectors.social.visits import NOW, Recorded, answer, source, unix

URL = "https://a.example/list"
IN_200_S = NOW + timedelta(seconds=200)
DAY = timedelta(hours=24)


def said(window: Window, remaining: str, reset: str, **more: str) -> dict[str, str]:
    limit = {window.limit: more["limit"]} if window.limit and "limit" in more else {}
    used = {window.used: more["used"]} if window.used and "used" in more else {}
    return {window.remaining: remaining, window.reset: reset, **limit, **used}


@pytest.mark.parametrize(
    ("window", "headers", "quota"),
    [
        (MASTODON, said(MASTODON, "299", "2026-03-10T05:11:20.643385Z", limit="300"),
         Quota(remaining=299, limit=300, reset_at=IN_200_S.replace(microsecond=643385))),
        (REDDIT, said(REDDIT, "590.0", "200", used="10"),
         Quota(remaining=590, limit=600, reset_at=IN_200_S)),
        (BLUESKY, said(BLUESKY, "2999", str(unix(IN_200_S)), limit="3000"),
         Quota(remaining=2999, limit=3000, reset_at=IN_200_S)),
        (V2EX, said(V2EX, "0", str(unix(IN_200_S)), limit="600"),
         Quota(remaining=0, limit=600, reset_at=IN_200_S)),
        (V2EX, said(V2EX, "-3", str(unix(NOW) - 60)), Quota(remaining=0, reset_at=NOW)),
        (REDDIT, said(REDDIT, "1", "9e9"), Quota(remaining=1, reset_at=NOW + DAY)),
        (REDDIT, said(REDDIT, "1", "soon"), Quota(remaining=1)),
        (MASTODON, said(MASTODON, "1", "2099-01-01T00:00:00Z"),
         Quota(remaining=1, reset_at=NOW + DAY)),
        (REDDIT, said(REDDIT, "nan", "5"), None),
        (REDDIT, {}, None),
    ],
    ids=["a moment", "seconds to go", "unix seconds", "none left", "in the past", "absurdly far",
         "no number", "moment far away", "no count", "no headers"],
)  # fmt: skip
def test_each_server_means_something_else_by_reset(
    window: Window, headers: dict[str, str], quota: Quota | None
) -> None:
    assert quota_of(headers, window, NOW) == quota


@pytest.mark.parametrize(
    ("quota", "wait"),
    [
        (Quota(remaining=0, reset_at=IN_200_S), timedelta(seconds=200)),
        (Quota(remaining=1, reset_at=IN_200_S), timedelta()),
        (Quota(remaining=0), timedelta()),
        (Quota(remaining=0, reset_at=NOW - DAY), timedelta()),
        (None, timedelta()),
    ],
    ids=["none left", "one left", "no reset told", "reset already", "nothing told"],
)
def test_who_has_nothing_left_waits_for_the_reset(quota: Quota | None, wait: timedelta) -> None:
    assert wait_for(quota, NOW) == wait


def asked(http: Recorded, window: Window | None, times: int) -> tuple[Api, Trouble | None]:
    api = Api(visit=Visit(source=source("k", URL), slot=NOW, now=NOW), http=http, window=window)

    async def ask() -> Trouble | None:
        for _ in range(times):
            try:
                await api.json(URL)
            except Trouble as trouble:
                return trouble
        return None

    return api, asyncio.run(ask())


def test_nothing_is_asked_beyond_what_the_server_allows() -> None:
    http = Recorded({URL: answer([], x_ratelimit_remaining="0.0", x_ratelimit_reset="90")})
    api, trouble = asked(http, REDDIT, times=3)
    assert len(http.asked) == 1
    assert trouble is not None
    assert (trouble.state, trouble.wait) == (SourceState.RATE_LIMITED, timedelta(seconds=90))
    assert api.wait == timedelta(seconds=90)


@pytest.mark.parametrize(
    ("reset", "retry_after", "wait"),
    [("3000", "60", 3000), ("60", "3000", 3000), ("60", "1", 600)],
    ids=["the reset is later", "Retry-After is later", "both are sooner than our back-off"],
)
def test_429_waits_for_the_later_of_reset_and_retry_after(
    reset: str, retry_after: str, wait: int
) -> None:
    refused = answer(
        {}, status=429, x_ratelimit_remaining="0", x_ratelimit_reset=reset, retry_after=retry_after
    )
    _, trouble = asked(Recorded({URL: refused}), REDDIT, times=1)
    assert trouble is not None
    assert (trouble.state, trouble.wait) == (SourceState.RATE_LIMITED, timedelta(seconds=wait))


def test_a_server_that_says_nothing_of_limits_is_simply_asked() -> None:
    http = Recorded({URL: answer([1])})
    api, trouble = asked(http, None, times=2)
    assert (len(http.asked), trouble, api.quota) == (2, None, None)
