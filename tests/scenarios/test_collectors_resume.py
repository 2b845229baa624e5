"""Machines die between fetching and storing, others go on: every post once, and the cursor where it should be.

A machine here is the whole application in process, over a database that outlives it. To die is to be
left alone for ever with what it fetched; a sleeper wakes up after its lease and stores it nevertheless.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from monitor.app import App
from monitor.demo.clock import SimulatedClock
from monitor.storage import keyword_lists, rollups, sources
from monitor.storage.engine import Database
from monitor.storage.hosts import host_of
from monitor.storage.sources import LEASE
from monitor.storage.tables import mention, post, rollup, source
from tests.scenarios import texts
from tests.scenarios.paged_sites import KINDS, PagedSite
from tests.scenarios.station import app_over, collect, store

pytestmark = pytest.mark.slow
BRAND = "云雀汽车"
LIST = {
    "name": BRAND, "kind": "brand", "aliases": [BRAND], "keywords": [], "exclude": [],
    "thresholds": None, "owner": None, "enabled": True,
}  # fmt: skip
INTERVAL = timedelta(minutes=10)
ROUNDS = (4, 17, 0, 33, 3, 25, 1, 12)
"""So many posts come before each round: more than a visit reads, or none."""
SLEEPERS = ROUNDS[:4]
MOST_VISITS = 30


@dataclass(slots=True)
class Fleet:
    """Machines over one database, of which one is alive, and the site that they visit."""

    database: Database
    directory: Path
    site: PagedSite
    clock: SimulatedClock
    source_id: int = 0
    alive: App | None = None
    dead: list[App] = field(default_factory=list)

    def prepare(self) -> None:
        row = {
            "name": self.site.kind, "kind": self.site.kind, "url": self.site.url,
            "host": host_of(self.site.url), "options": self.site.options,
            "interval_seconds": int(INTERVAL.total_seconds()),
        }  # fmt: skip
        with self.database.write() as connection:
            self.source_id = sources.create(connection, row, now=self.clock())
            keyword_lists.create(self.database, connection, LIST, actor="test", now=self.clock())

    async def machine(self) -> App:
        """Return the machine that is alive; a new one where the last one died."""
        if self.alive is None:
            directory = self.directory / f"machine-{len(self.dead)}"
            self.alive = app_over(self.database.url, directory, self.clock)
            await self.alive.open()
        return self.alive

    async def die(self) -> App:
        """Visit what is due and die before any of it is stored; returns the dead machine."""
        machine = await self.machine()
        assert await machine.collector.collect_due() > 0
        await machine.collector.drain()
        self.alive = None
        self.dead.append(machine)
        return machine

    async def live(self) -> None:
        """Visit what is due and store it."""
        await collect(await self.machine())

    async def close(self) -> None:
        for machine in [*self.dead, *([self.alive] if self.alive else [])]:
            await machine.stop()

    def pass_time(self, span: timedelta) -> None:
        self.clock.set(self.clock() + span)

    def publish(self, count: int) -> None:
        self.site.publish(
            count, self.clock(), lambda number: f"第{number}号:{texts.negative(BRAND)}"
        )

    # what is stored

    def stored(self) -> list[str]:
        with self.database.read() as connection:
            return sorted(connection.scalars(select(post.c.external_id)))

    def cursor(self) -> dict[str, Any]:
        with self.database.read() as connection:
            row = sources.get(connection, self.source_id)
        assert row is not None
        return {name: row[name] for name in ("etag", "body_sha256", "position", "state")}

    def counts(self) -> dict[str, int]:
        """Return how many posts there are by each of the ways in which they are counted."""
        by_list = select(func.sum(rollup.c.count)).where(
            rollup.c.dimension == "source_kind", rollup.c.width == rollups.WIDTHS[0]
        )
        with self.database.read() as connection:
            return {
                "posts": connection.scalar(select(func.count()).select_from(post)) or 0,
                "mentions": connection.scalar(select(func.count()).select_from(mention)) or 0,
                "source": connection.scalar(select(source.c.posts_total)) or 0,
                "rollup": connection.scalar(by_list) or 0,
            }


@pytest.fixture(params=KINDS)
def site(request: pytest.FixtureRequest) -> Iterator[PagedSite]:
    with ExitStack() as stack:
        yield stack.enter_context(PagedSite(request.param).up())


@pytest.fixture
def fleet(database: Database, tmp_path: Path, site: PagedSite, now: datetime) -> Fleet:
    made = Fleet(database, tmp_path, site, SimulatedClock(now))
    made.prepare()
    return made


def played(fleet: Fleet, story: Callable[[], Awaitable[None]]) -> None:
    async def play() -> None:
        try:
            await story()
        finally:
            await fleet.close()

    asyncio.run(play())


async def one_visit_more(fleet: Fleet) -> None:
    """The cursor stands at the newest: nothing older is asked for, one new post is all that comes."""
    most = {"wordpress": 6}.get(fleet.site.kind, 1)  # three lists, the last two minutes once more
    assert len(fleet.site.asked) <= most, fleet.site.asked
    before = fleet.stored()
    fleet.publish(1)
    fleet.pass_time(INTERVAL)
    await fleet.live()
    assert len(fleet.stored()) == len(before) + 1


async def to_the_end(fleet: Fleet) -> None:
    """Visit the site, where nothing new is published, until the cursor stands still."""
    for _ in range(MOST_VISITS):
        before = fleet.cursor()
        fleet.pass_time(INTERVAL)
        fleet.site.asked.clear()
        await fleet.live()
        if fleet.cursor() == before:
            return
    raise AssertionError(f"after {MOST_VISITS} visits it still reads on: {fleet.site.asked}")


def test_every_post_is_stored_once_although_every_other_visit_is_lost(fleet: Fleet) -> None:
    async def story() -> None:
        for count in ROUNDS:
            fleet.publish(count)
            before, cursor = fleet.stored(), fleet.cursor()
            await fleet.die()
            after = fleet.cursor()
            assert fleet.stored() == before
            if count:
                assert after == cursor, "what is not stored does not move the cursor"
            fleet.pass_time(LEASE + timedelta(seconds=1))
            await fleet.live()
            fleet.pass_time(INTERVAL)
        await to_the_end(fleet)
        await one_visit_more(fleet)

    played(fleet, story)
    assert fleet.stored() == sorted(fleet.site.external_ids)
    assert set(fleet.counts().values()) == {sum(ROUNDS) + 1}
    assert fleet.cursor()["state"] == "ok"


def test_a_sleeper_that_wakes_after_its_lease_doubles_nothing_and_moves_nothing_back(
    fleet: Fleet,
) -> None:
    async def story() -> None:
        for count in SLEEPERS:
            fleet.publish(count)
            sleeper = await fleet.die()
            fleet.pass_time(LEASE + timedelta(seconds=1))
            fleet.publish(2)
            await fleet.live()
            stored, cursor = fleet.stored(), fleet.cursor()
            await store(sleeper)
            assert fleet.cursor() == cursor
            assert set(stored) <= set(fleet.stored()) <= fleet.site.external_ids
            fleet.pass_time(INTERVAL)
        await to_the_end(fleet)

    played(fleet, story)
    assert fleet.stored() == sorted(fleet.site.external_ids)
    assert set(fleet.counts().values()) == {sum(SLEEPERS) + 2 * len(SLEEPERS)}
