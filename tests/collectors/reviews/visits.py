"""What the tests of review collectors share: a source, and visits that follow one another."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from collectors.base import Collector
from collectors.model import START, Cursor, Poll, Source
from tests.collectors.recorded import Recorded, Replies

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


def source(kind: str, url: str = "", *, cursor: Cursor = START, **options: object) -> Source:
    return Source(
        id=7,
        name="云雀汽车",
        kind=kind,
        url=url,
        interval=timedelta(minutes=30),
        options=options,
        cursor=cursor,
    )


def visit(collector: Collector, of: Source, replies: Replies | Recorded) -> tuple[Poll, Recorded]:
    """One visit; the poll and what was asked."""
    http = replies if isinstance(replies, Recorded) else Recorded(replies)
    return asyncio.run(collector.collect(of, slot=NOW, http=http, now=NOW)), http


def after(of: Source, poll: Poll) -> Source:
    """The source once the poll is stored."""
    return replace(of, cursor=poll.cursor_after)
