"""What the tests of the demo's sites share: the simulated days, and a reader that keeps its cursor."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from collectors.base import Collector
from collectors.model import Poll, Post, Source
from monitor.demo.scenario import ZONE

DAY0 = datetime(2026, 11, 5, tzinfo=ZONE)


@dataclass(frozen=True)
class Answer:
    """An HTTP answer of a site."""

    url: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    permanent_redirect: bool = False


@dataclass
class Site:
    """The way out to one site: it answers as it would at ``now``."""

    answer: Callable[[str, datetime], bytes]
    media_type: str
    now: datetime = DAY0
    asked: list[str] = field(default_factory=list)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        self.asked.append(url)
        return Answer(url, self.answer(url, self.now), {"content-type": self.media_type})


@dataclass
class Reader:
    """A source visited again and again; ``posts`` are all it brought."""

    collector: Collector
    site: Site
    source: Source
    posts: list[Post] = field(default_factory=list)

    def visit(self, at: datetime) -> Poll:
        """Visit once at ``at``; the cursor is kept for the next visit."""
        self.site.now = at
        poll = asyncio.run(
            self.collector.collect(self.source, slot=at, http=self.site, now=at)  # type: ignore[arg-type]  # it only gets
        )
        self.source = replace(self.source, cursor=poll.cursor_after)
        self.posts.extend(poll.posts)
        return poll


def reader(collector: Collector, site: Site, url: str, options: Mapping[str, object]) -> Reader:
    """Return a reader of ``url`` that was never there."""
    source = Source(
        id=7, name="n", kind=collector.kind, url=url, interval=timedelta(minutes=1), options=options
    )
    return Reader(collector, site, source)
