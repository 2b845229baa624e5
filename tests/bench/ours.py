"""Our side of the benches: the real steps on a real SQLite file, with in-memory HTTP.

Nothing is copied here: sources are claimed by ``Collector``, read by the feed collector, packed
on to the bus, understood and stored by ``analyse_batches``.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from sqlalchemy import func, select

from analysis.model import Document, Understanding
from collectors.base import Http
from monitor import garbage
from monitor.bus import LocalBus
from monitor.demo.clock import SimulatedClock
from monitor.http.client import Reply
from monitor.pipeline.analyse import Analysing, analyse_batches
from monitor.pipeline.analyst import Analyst, InlineAnalyst, Rules, RulesCache
from monitor.pipeline.collect import Collector
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import hosts, keyword_lists, migrate, sources
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.storage.tables import keyword_list, mention, post, rollup
from tests.bench.material import START, TICK, TICKS, Feeds, Watched
from tests.bench.measure import cpu

# what setup_logging does for a service: a debug line costs nothing
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


@dataclass(slots=True)
class Answers:
    """HTTP from memory: each address answers what the current tick gives it."""

    bodies: Mapping[str, Sequence[bytes]]
    tick: int = 0

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the body of this tick."""
        del headers
        known = {"content-type": "application/rss+xml; charset=utf-8"}
        return Reply(status=200, headers=known, body=self.bodies[url][self.tick], url=url)


@dataclass(slots=True)
class TimedAnalyst:
    """Understands in this process and adds up the CPU time; keeps what was read, in order."""

    inner: InlineAnalyst = field(default_factory=InlineAnalyst)
    seconds: float = 0.0
    documents: list[Document] = field(default_factory=list)
    answers: list[Understanding] = field(default_factory=list)

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document."""
        with cpu() as spent:
            found = self.inner.understand_now(rules, documents)
        self.seconds += spent.seconds
        self.documents += documents
        self.answers += found
        return found

    def close(self) -> None:
        """Nothing runs."""


@dataclass(slots=True)
class ReplayAnalyst:
    """Answers what another analyst understood before, so that all the rest is measured alone."""

    answers: Sequence[Understanding]
    at: int = 0

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return the next understandings."""
        del rules
        begin, self.at = self.at, self.at + len(documents)
        return list(self.answers[begin : self.at])

    def close(self) -> None:
        """Nothing runs."""


def prepare(path: Path, lists: Sequence[Watched], urls: Sequence[str]) -> Database:
    """Return a new, migrated database with these keyword lists and feeds, due at ``START``."""
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    with database.write() as connection:
        for one in lists:
            keyword_lists.create(database, connection, _body(one), actor="bench", now=START)
        for number, url in enumerate(urls):
            row = {
                "name": f"频道 {number}",
                "kind": "feed",
                "url": url,
                "host": hosts.host_of(url),
                "interval_seconds": int(TICK.total_seconds()),
                "options": {},
            }
            sources.create(connection, row, now=START)
    return database


def _body(one: Watched) -> dict[str, object]:
    """The first keyword is the list's alias, so that judging the named subject has work too."""
    return {
        "name": one.name,
        "kind": "brand",
        "aliases": [one.keywords[0]],
        "keywords": [*one.keywords[1:], *(rule.expression for rule in one.rules)],
        "exclude": [],
        "thresholds": None,
        "owner": None,
        "enabled": True,
    }


def warm(database: Database, analyst: InlineAnalyst) -> None:
    """Load weights and lexicons and compile the rules, as a service that runs has."""
    with database.read() as connection:
        rules = RulesCache().read(connection)
    document = Document(text="客服说会处理,可是充电时起火了", title="投诉")
    analyst.understand_now(rules, [document])
    garbage.look_less_often()  # as a service does when it has started


class Service:
    """The collecting and analysing steps of one process, under a clock that we set."""

    def __init__(self, database: Database, analyst: Analyst, http: Http) -> None:
        self._clock = SimulatedClock(START)
        self._bus = LocalBus()
        politeness = Politeness(pause=timedelta(0), is_exempt=lambda _: True)
        self._collector = Collector(
            database=database,
            bus=self._bus,
            visiting=Visiting.over(
                database=database,
                http=http,
                politeness=politeness,
                sealer=Sealer(b"the bench"),
                clock=self._clock,
                agent="bench",
            ),
            politeness=politeness,
            owner="bench",
            clock=self._clock,
        )
        self._analysing = Analysing(database=database, analyst=analyst, clock=self._clock)

    async def tick(self, number: int) -> None:
        """Visit all that is due at this tick, and store all that it brings."""
        self._clock.set(tick_time(number))
        while await self._collector.collect_due():
            await self._collector.drain()
            while await self._bus.depth():
                await analyse_batches(self._analysing, self._bus)


async def poll_all(database: Database, feeds: Feeds, analyst: Analyst) -> None:
    """Let every source be due ten times, and store all that it brings."""
    http = Answers(dict(zip(feeds.urls(), feeds.bodies, strict=True)))
    service = Service(database, analyst, http)
    for http.tick in range(TICKS):
        await service.tick(http.tick)


def tick_time(tick: int) -> datetime:
    """Return when the sources are due for the tick: the interval and a second later each time."""
    return START + tick * (TICK + timedelta(seconds=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What a database holds after a run."""

    posts: int
    mentions: int
    in_rollups: int
    indexed: int
    database_bytes: int


def counted(database: Database, path: Path) -> Counted:
    """Return what is stored, by counting rows."""
    hourly = (rollup.c.dimension == "source_kind") & (rollup.c.width == 3600)
    with database.read() as connection:
        return Counted(
            posts=connection.scalar(select(func.count()).select_from(post)) or 0,
            mentions=connection.scalar(select(func.count()).select_from(mention)) or 0,
            in_rollups=connection.scalar(select(func.sum(rollup.c.count)).where(hourly)) or 0,
            indexed=connection.exec_driver_sql(
                "SELECT count(*) FROM post_search_docsize"
            ).scalar_one(),
            database_bytes=path.stat().st_size,
        )


def mentioned(database: Database, prefix: str) -> set[tuple[str, str]]:
    """Return (url, keyword list) of all mentions of posts under an address."""
    query = (
        select(post.c.url, keyword_list.c.name)
        .join(mention, mention.c.post_id == post.c.id)
        .join(keyword_list, keyword_list.c.id == mention.c.keyword_list_id)
        .where(post.c.url.startswith(prefix))
    )
    with database.read() as connection:
        return {(url, name) for url, name in connection.execute(query)}
