"""Visiting a source with answers from a table, once or again from where the last visit ended."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collectors.base import Collector, LooksAgain
from collectors.model import CollectError, Look, Poll, PostKind, Sight, Source, SourceState
from tests.collectors.recorded import Answer, Recorded, Replies, answer

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)
INTERVAL = timedelta(minutes=5)
PAGE = "<!doctype html><html><title>sign in</title><body>…</body></html>"

REFUSALS = [
    (answer({}, status=401), SourceState.BLOCKED),
    (answer({}, status=403), SourceState.BLOCKED),
    (answer({}, status=429, retry_after="7200"), SourceState.RATE_LIMITED),
    (answer({}, status=500), SourceState.BACKING_OFF),
    (answer({}, status=503), SourceState.BACKING_OFF),
    (answer(PAGE), SourceState.BLOCKED),
    (answer(""), SourceState.BLOCKED),
    (answer("{,"), SourceState.BACKING_OFF),
    (CollectError("超时 https://a.example/… (timeout)"), SourceState.BACKING_OFF),
]
REFUSED = ["401", "403", "429", "500", "503", "a page", "an empty body", "no JSON", "no answer"]


def source(kind: str, url: str, options: dict[str, object] | None = None, **more: object) -> Source:
    """A source that was never visited."""
    made = Source(id=7, name="n", kind=kind, url=url, interval=INTERVAL, options=options or {})
    return replace(made, **more)


def visit(
    collector: Collector, of: Source, replies: Replies, *, now: datetime = NOW
) -> tuple[Poll, Recorded]:
    """One visit, made twice: the same answers from the same cursor give the same poll."""
    first, second = Recorded(replies), Recorded(replies)
    poll = asyncio.run(collector.collect(of, slot=now, http=first, now=now))
    again = asyncio.run(collector.collect(of, slot=now, http=second, now=now))
    assert again == poll
    return poll, first


def look(collector: LooksAgain, of: Source, names: list[str], replies: Replies) -> Look:
    """What looking again at posts of these external ids finds."""
    sights = [Sight(external_id=name, url=None, kind=PostKind.POST) for name in names]
    return asyncio.run(collector.look_again(of, sights, http=Recorded(replies), now=NOW))


def after(poll: Poll, of: Source) -> Source:
    """The source as it is when the poll was stored."""
    return replace(of, cursor=poll.cursor_after)


def ids(poll: Poll) -> list[str]:
    """The external ids of what came, in order."""
    return [post.external_id for post in poll.posts]


def unix(when: datetime) -> int:
    """Whole unix seconds."""
    return int(when.timestamp())


def ago(**units: float) -> int:
    """Unix seconds so long before now."""
    return unix(NOW - timedelta(**units))


__all__ = [
    "HOUR", "INTERVAL", "NOW", "PAGE", "REFUSALS", "REFUSED", "Answer", "Recorded", "after", "ago",
    "answer", "ids", "look", "source", "unix", "visit",
]  # fmt: skip
