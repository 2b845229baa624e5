"""After a gap: what was not seen is not learned, what came in late is no spike, what is real is found."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from sqlalchemy import select, update

from analysis.baseline import Baseline
from analysis.burst import NEGATIVE, TOTAL
from collectors.model import Precision
from monitor.pipeline.analyse import store_posts
from monitor.pipeline.evaluate import Evaluator
from monitor.pipeline.watch import Watcher
from monitor.storage import alerts, blind_spots
from monitor.storage.tables import alert, blind_spot, signal, source

BAD = "青禾手机电池起火,烧坏了桌子,客服推脱,太差了"
CALM = "青禾今天发布了例行维护公告"
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
PER_HOUR = 6
GAP = 6 * HOUR


class Town:
    """A list carried by one source, its history, and everything that watches it."""

    def __init__(self, house, make_post):
        self.house, self.make_post, self.number = house, make_post, 0
        self.source = house.source("门户")
        self.other = house.source("论坛")
        self.list_id = house.keyword_list()
        with house.database.write() as connection:
            connection.execute(
                update(source)
                .where(source.c.id == self.source)
                .values(kind="feed", interval_seconds=300)
            )
        self.evaluator = Evaluator(
            database=house.database,
            clock=house.clock,
            zone=ZoneInfo("Asia/Shanghai"),
            base_url="http://here",
        )
        self.watcher = Watcher(database=house.database, clock=house.clock, base_url="http://here")

    @property
    def now(self) -> datetime:
        return self.house.clock.at

    def publish(self, count, since, until, *, text=CALM, dated=True, by=None):
        """Store posts spread evenly over (since, until]; undated ones as the collectors guess them."""
        items = []
        for index in range(count):
            self.number += 1
            at = until - (until - since) * index / count
            precision = Precision.EXACT if dated else Precision.INFERRED
            items.append(
                self.make_post(
                    by or self.source, self.number, f"{text} {self.number}", at, precision=precision
                )
            )
        asyncio.run(store_posts(self.house.analysing, items))

    def look(self, state="ok"):
        """Visit the source (with what was published before), watch it, judge the lists."""
        values = {"state": state, "state_since": self.now}
        if state == "ok":
            values |= {"last_success_at": self.now}
        with self.house.database.write() as connection:
            connection.execute(update(source).where(source.c.id == self.source).values(**values))
        self.watcher.watch_now()
        self.judge()

    def judge(self):
        for _ in range(2):
            while self.evaluator.evaluate_now():
                pass

    def flat_days(self, days=14):
        since = self.now - timedelta(days=days)
        total = PER_HOUR * 24 * days
        self.publish(total * 3 // 4, since, self.now)
        self.publish(total // 4, since, self.now, text=BAD)
        self.look()

    def live(self, hours, per_hour=PER_HOUR, text=CALM):
        """Let normal hours pass, visited and judged every five minutes."""
        for _ in range(round(hours * 12)):
            begin = self.now
            self.house.clock.at += 5 * MINUTE
            if per_hour >= 12 or self.house.clock.at.minute % (60 // per_hour) < 5:
                self.publish(max(1, per_hour // 12), begin, self.now, text=text)
            self.look()

    def gap(self, state="failing"):
        """Let six hours pass in which every visit fails."""
        for _ in range(int(GAP / (30 * MINUTE))):
            self.house.clock.at += 30 * MINUTE
            self.look(state)
        assert [row["until"] for row in self.rows(blind_spot)] == [None]

    def rows(self, table):
        with self.house.database.read() as connection:
            return connection.execute(select(table).order_by(table.c.id)).mappings().all()

    def signals(self):
        return [row for row in self.rows(signal) if row["keyword_list_id"] == self.list_id]

    def baseline(self) -> Baseline:
        with self.house.database.read() as connection:
            found = alerts.load_baseline(connection, self.list_id)
        assert found is not None
        return Baseline.from_bytes(found[0])


@pytest.fixture
def town(house, make_post):
    made = Town(house, make_post)
    made.flat_days()
    assert made.signals() == []
    return made


def test_the_first_normal_hours_after_a_gap_are_no_spike(town):
    town.gap()
    town.live(2)
    assert town.signals() == []
    assert all(row["until"] for row in town.rows(blind_spot))


@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
def test_a_backlog_that_comes_at_once_is_no_spike(town, dated):
    begin = town.now
    town.gap()
    count = round(PER_HOUR * (GAP / HOUR))
    town.publish(count * 3 // 4, begin, town.now, dated=dated)
    town.publish(count // 4, begin, town.now, text=BAD, dated=dated)
    town.judge()
    town.look()
    town.live(1)
    assert town.signals() == []


def test_a_backlog_whose_dates_are_all_our_first_sight_is_no_spike(town):
    town.gap()
    town.publish(40, town.now - timedelta(seconds=1), town.now, text=BAD, dated=False)
    town.judge()
    town.look()
    town.live(1)
    assert town.signals() == []


def test_without_a_gap_the_same_crowd_is_a_spike(town):
    town.publish(40, town.now - timedelta(seconds=1), town.now, text=BAD, dated=False)
    town.judge()
    assert town.signals()


@pytest.mark.parametrize("dated", [True, False], ids=["dated", "undated"])
def test_a_real_spike_after_a_gap_is_found(town, dated):
    town.gap()
    town.look()
    town.live(0.5)
    town.publish(30, town.now, town.now + 10 * MINUTE, text=BAD, dated=dated)
    town.house.clock.at += 10 * MINUTE
    town.look()
    (found,) = [row for row in town.rows(alert) if row["keyword_list_id"] == town.list_id]
    assert found["tier"] >= 2


def test_a_crisis_elsewhere_during_the_gap_is_found_at_once(town):
    town.gap()
    town.publish(30, town.now - 10 * MINUTE, town.now, text=BAD, by=town.other)
    town.judge()
    assert town.signals()


def test_a_dated_crisis_that_we_slept_through_is_found_when_it_comes_in(town):
    town.gap()
    town.publish(40, town.now - HOUR, town.now, text=BAD)
    town.look()
    assert town.signals()


def test_what_was_not_seen_is_not_learned(town):
    town.live(0)
    before = town.baseline()
    town.gap()
    town.house.clock.at += 3 * HOUR
    town.look("failing")
    town.publish(1, town.now - MINUTE, town.now, by=town.other)
    town.judge()
    after = town.baseline()
    assert after.learned > before.learned + 48
    for series in (NEGATIVE, TOTAL):
        rate = [one.level[series, 0] / one.level[series, 1] for one in (before, after)]
        assert rate[1] == pytest.approx(rate[0], rel=0.02)
    assert np.allclose(after.slot_mean, before.slot_mean, rtol=0.35, atol=0.15)
    assert after.dispersion.max() <= before.dispersion.max() * 1.1


def test_a_source_that_carries_little_blinds_no_list(town):
    key = town.house.source("角落")
    town.publish(20, town.now - timedelta(days=3), town.now, by=key)
    before = town.baseline()
    with town.house.database.write() as connection:
        row = {
            "source_id": key,
            "cause": "silence",
            "since": town.now,
            "noticed_at": town.now,
            "reason": "r",
        }
        blind_spots.open_many(town.house.database, connection, [row])
    town.house.clock.at += 8 * HOUR
    town.publish(1, town.now - MINUTE, town.now, by=town.other)
    town.judge()
    after = town.baseline()
    rate = [one.level[TOTAL, 0] / one.level[TOTAL, 1] for one in (before, after)]
    assert rate[1] < 0.97 * rate[0]
