"""Visits that go wrong: bugs of a collector, text that no database takes, servers that ask us to wait."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from collectors.model import CollectError
from monitor.bus import LocalBus, TooLargeForBus
from monitor.pipeline.analyse import analyse_batches, store_posts
from monitor.pipeline.collect import Collector
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import sources
from monitor.storage.sealing import Sealer
from monitor.storage.tables import post, source

URL = "http://a.example/feed"
ODD = (
    '{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{"id":"a\\ud800\\u0000b",'
    '"title":"一\\ud800\\u0000","content_text":"二","authors":[{"name":"n\\ud800"}]},'
    '{"id":"2","content_text":"三"}]}'
).encode()


@dataclass
class Reply:
    status: int = 200
    body: bytes = ODD
    headers: dict = field(
        default_factory=lambda: {"etag": '"1"', "content-type": "application/feed+json"}
    )
    url: str = URL
    permanent_redirect: bool = False


@dataclass
class Site:
    """Answers what it is told to; a callable is asked."""

    answer: object = field(default_factory=Reply)

    async def get(self, url, headers=None):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class TightBus(LocalBus):
    """Carries nothing."""

    async def publish(self, body, *, message_id):
        raise TooLargeForBus("raise max_payload")


@dataclass
class Turn:
    """One turn of collecting and analysing; ``seconds`` is how long each visit seems to take."""

    house: object
    site: Site
    seconds: float = 0.0
    bus: Callable = LocalBus

    def __call__(self):
        return asyncio.run(self._whole())

    async def _whole(self):
        bus, polite, house = (
            self.bus(),
            Politeness(pause=timedelta(0), is_exempt=lambda _: False),
            self.house,
        )
        visiting = Visiting.over(
            database=house.database, http=self.site, politeness=polite, clock=house.clock,
            sealer=Sealer(b"a secret of the tests"), agent="Jianwei",
        )  # fmt: skip
        ticks = iter([0.0, self.seconds])
        visiting.seconds = lambda: next(ticks)
        collector = Collector(
            database=house.database, bus=bus, visiting=visiting, politeness=polite, owner="t", clock=house.clock,
        )  # fmt: skip
        await collector.collect_due()
        await collector.drain()
        while await analyse_batches(house.analysing, bus, wait=timedelta(0)):
            pass


@pytest.fixture
def turn(house):
    with house.database.write() as connection:
        row = {"name": "s", "kind": "feed", "url": URL, "host": "a.example:80", "options": {}}
        sources.create(connection, row, now=house.clock())
    return Turn(house, Site())


def stored_source(house):
    with house.database.read() as connection:
        return connection.execute(select(source)).mappings().one()


def stored_posts(house):
    with house.database.read() as connection:
        return connection.execute(select(post).order_by(post.c.text)).mappings().all()


def test_text_that_no_database_takes_costs_neither_its_post_nor_the_others(house, turn):
    turn()
    found = {row["external_id"]: (row["title"], row["text"]) for row in stored_posts(house)}
    assert found == {"a?b": ("一?", "二"), "2": (None, "三")}
    assert stored_source(house)["etag"] == '"1"'


@pytest.mark.parametrize("name", ["external_id", "url", "title", "location"])
def test_posts_from_elsewhere_are_made_storable_too(house, make_post, name):
    made = replace(make_post(house.source(), 1, "电池", house.clock()), **{name: "a\0\ud800b"})
    many = replace(made, metrics={"likes": 2**70, "views": 3}, external_id=made.external_id + "x")
    stored = asyncio.run(store_posts(house.analysing, [made, many]))
    assert len(stored.created) == 2
    assert sorted(len(row["metrics"]) for row in stored_posts(house)) == [0, 1]


def test_a_collector_that_breaks_is_a_state_of_its_source_not_calm(house, turn):
    turn.site.answer = ZeroDivisionError("a bug")
    turn()
    row = stored_source(house)
    assert (row["state"], row["error_count"]) == ("backing_off", 1)
    assert "ZeroDivisionError" in row["reason"]
    assert row["next_due_at"] > house.clock()
    assert row["last_success_at"] is None


def test_a_poll_too_large_for_the_bus_keeps_the_cursor(house, turn):
    turn.bus = TightBus
    turn()
    row = stored_source(house)
    assert (row["state"], row["etag"], row["body_sha256"]) == ("failing", None, None)
    assert "max_payload" in row["reason"]
    turn.bus = LocalBus
    house.clock.at = row["next_due_at"]
    turn()
    assert len(stored_posts(house)) == 2


@pytest.mark.parametrize("status", [429, 503])
def test_the_wait_a_server_asks_for_begins_with_its_answer(house, turn, status):
    turn.site.answer = Reply(status, b"", {"retry-after": "3600"})
    turn.seconds = 400.0  # more than the jitter
    turn()
    assert stored_source(house)["next_due_at"] >= house.clock() + timedelta(seconds=4000)


def test_an_unreached_site_is_no_bug_of_ours(house, turn):
    turn.site.answer = CollectError("no route")
    turn()
    assert stored_source(house)["reason"] == "no route"
