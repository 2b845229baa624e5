from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from monitor.bus import LocalBus
from monitor.pipeline.analyse import analyse_batches
from monitor.pipeline.collect import Collector
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import sources
from monitor.storage.sealing import Sealer
from monitor.storage.tables import post

FEED = (
    """<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>{items}</channel></rss>"""
)
ITEM = "<item><guid>{n}</guid><title>青禾 {n}</title><link>http://a.example/{n}</link></item>"


@dataclass
class Reply:
    status: int
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    url: str = "http://a.example/feed"
    permanent_redirect: bool = False


@dataclass
class Site:
    """A site that publishes ``count`` entries and knows ETags."""

    count: int = 3
    seen: list = field(default_factory=list)

    async def get(self, url, headers=None):
        self.seen.append(dict(headers or {}))
        etag = f'"{self.count}"'
        if (headers or {}).get("If-None-Match") == etag:
            return Reply(304, headers={"etag": etag})
        body = FEED.format(items="".join(ITEM.format(n=n) for n in range(self.count)))
        return Reply(200, body.encode(), {"etag": etag, "content-type": "application/rss+xml"})


@pytest.fixture
def line(house):
    """A site, its source, and one turn of collect and analyse."""
    site = Site()
    with house.database.write() as connection:
        row = {
            "name": "s",
            "kind": "feed",
            "url": "http://a.example/feed",
            "host": "a.example:80",
            "options": {},
        }
        sources.create(connection, row, now=house.clock())
    polite = Politeness(pause=timedelta(0), is_exempt=lambda _: False)

    def turn(analyse=True):
        async def whole():
            bus = LocalBus()
            collector = Collector(
                database=house.database,
                bus=bus,
                visiting=Visiting.over(
                    database=house.database,
                    http=site,
                    politeness=polite,
                    sealer=Sealer(b"a secret of the tests"),
                    clock=house.clock,
                    agent="Jianwei",
                ),
                politeness=polite,
                owner="t",
                clock=house.clock,
            )
            visited = await collector.collect_due()
            await collector.drain()
            if analyse:
                while await analyse_batches(house.analysing, bus, wait=timedelta(0)):
                    pass
            return visited, await bus.depth()

        return asyncio.run(whole())

    return site, turn


def posts_in(house):
    with house.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(post))


def etag_of(house):
    with house.database.read() as connection:
        (row,) = sources.page(connection, after=0, limit=1)
    return row["etag"]


def test_a_due_feed_becomes_posts_and_the_next_visit_is_conditional(house, line):
    site, turn = line
    assert turn() == (1, 0)
    assert (posts_in(house), etag_of(house)) == (3, '"3"')
    assert turn() == (0, 0)
    house.clock.at += timedelta(minutes=6)
    assert turn() == (1, 0)
    assert site.seen[1]["If-None-Match"] == '"3"'
    site.count = 5
    house.clock.at += timedelta(minutes=6)
    turn()
    assert (posts_in(house), etag_of(house)) == (5, '"5"')


def test_what_the_bus_loses_is_polled_again(house, line):
    _, turn = line
    assert turn(analyse=False) == (1, 1)  # the batch dies with its bus
    assert (posts_in(house), etag_of(house)) == (0, None)
    house.clock.at += sources.LEASE
    assert turn() == (1, 0)
    assert (posts_in(house), etag_of(house)) == (3, '"3"')


def test_the_control_a_cursor_moved_at_publishing_loses_them(house, line):
    """Shows that the test above can fail: move the cursor early and the posts are gone."""
    _, turn = line
    turn(analyse=False)
    with house.database.write() as connection:
        connection.execute(sources.source.update().values(etag='"3"', lease_until=house.clock()))
    house.clock.at += sources.LEASE
    turn()
    assert posts_in(house) == 0
