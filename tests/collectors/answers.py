"""A fake way out that gives prepared answers, and visits to a feed over it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from collectors.fetch import FeedCollector
from collectors.model import START, CollectError, Cursor, Poll, Source, SourceKind

NOW = datetime(2024, 5, 2, 4, 0, tzinfo=UTC)
URL = "https://news.example.cn/feed.xml"
FEED = b'<rss version="2.0"><channel><ttl>60</ttl><item><guid>1</guid><title>t</title></item></channel></rss>'
INTERVAL = timedelta(minutes=5)
HOUR = timedelta(hours=1)


@dataclass
class Answer:
    """What the fake server answers next."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = FEED
    url: str = URL
    permanent_redirect: bool = False


class FakeHttp:
    """Answers in turn and notes what was asked."""

    def __init__(self, *answers: Answer | CollectError) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        self.asked.append((url, dict(headers or {})))
        answer = self.answers.pop(0)
        if isinstance(answer, CollectError):
            raise answer
        return answer


def source(cursor: Cursor = START, error_count: int = 0, interval: timedelta = INTERVAL) -> Source:
    return Source(
        id=7, name="n", kind=SourceKind.FEED, url=URL, interval=interval, cursor=cursor,
        error_count=error_count,
    )  # fmt: skip


def visit(of: Source, *answers: Answer | CollectError) -> tuple[Poll, FakeHttp]:
    http = FakeHttp(*answers)
    poll = asyncio.run(FeedCollector().collect(of, slot=NOW, http=http, now=NOW))
    return poll, http


def visits(of: Source, *answers: Answer | CollectError) -> list[Poll]:
    """The polls of visits in a row, each with the cursor of the one before."""
    polls: list[Poll] = []
    for answer in answers:
        polls.append(visit(of, answer)[0])
        of = replace(of, cursor=polls[-1].cursor_after)
    return polls
