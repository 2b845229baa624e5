"""What the overview reads is the same on both databases."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from collectors.model import Author, Precision
from monitor.storage import overview
from monitor.storage.engine import Database


@pytest.fixture
def filled(site_over: Callable, database: Database):
    site = site_over(database)
    site.add_list("栗屿咖啡")
    site.add_list("朔桁咖啡")
    site.add_source(state="ok")
    yield site
    site.client.close()


def test_the_reach_is_summed_by_steps_and_knows_what_it_does_not_know(filled):
    now = filled.clock.now
    for minutes, followers in ((5, 100), (10, None), (65, 7)):
        filled.add_posts(
            "栗屿咖啡", at=now - timedelta(minutes=minutes), author=Author(followers=followers)
        )
    with filled.deps.database.read() as connection:
        steps = overview.reach(
            connection, [1], since=now - timedelta(hours=2), until=now, step=timedelta(hours=1)
        )
    assert [(step.mentions, step.known, step.people) for step in steps] == [(1, 1, 7), (2, 1, 100)]
    assert steps[1].start == now - timedelta(hours=1)


def test_delays_leave_out_what_we_could_not_have_seen_and_what_has_no_clock_time(filled):
    now = filled.clock.now
    filled.add_posts("栗屿咖啡", at=now - timedelta(seconds=90))
    filled.add_posts("栗屿咖啡", at=now + timedelta(seconds=30))
    filled.add_posts("栗屿咖啡", at=now - timedelta(days=31))
    filled.add_posts("栗屿咖啡", at=now - timedelta(hours=3), precision=Precision.DAY)
    filled.add_posts("朔桁咖啡", at=now - timedelta(hours=3))
    with filled.deps.database.read() as connection:
        found = overview.delays(
            connection, [1], since=now - timedelta(days=60), until=now + timedelta(days=1), limit=10
        )
    assert [span for _, span in found] == [timedelta(0), timedelta(seconds=90)]


def test_mentions_come_newest_first_and_only_those_asked_for(filled):
    now = filled.clock.now
    filled.add_posts("栗屿咖啡甲", at=now - timedelta(hours=1))
    filled.add_posts("栗屿咖啡乙", at=now - timedelta(hours=9))
    filled.add_posts("朔桁咖啡丙", at=now - timedelta(hours=5))
    with filled.deps.database.read() as connection:
        one = overview.newest_mentions(connection, [1], limit=5)
        both = overview.newest_mentions(connection, [1, 2], limit=2)
        after = overview.mentions_after(connection, [1, 2], after_id=1, until_id=2, limit=5)
    assert [row["text"] for row in one] == ["栗屿咖啡甲", "栗屿咖啡乙"]
    assert [row["text"] for row in both] == ["朔桁咖啡丙", "栗屿咖啡乙"]
    assert [row["id"] for row in after] == [2]


def test_watch_tells_what_was_last_heard(filled):
    with filled.deps.database.read() as connection:
        before = overview.watch(connection)
    filled.add_posts("栗屿咖啡")
    with filled.deps.database.read() as connection:
        after = overview.watch(connection)
    assert (before.ingested_at, before.unjudged) == (None, 0)
    assert (after.ingested_at, after.unjudged) == (filled.clock.now, 1)


def test_open_alerts_come_first_and_old_closed_ones_not_at_all(filled):
    filled.add_crisis()
    now = filled.clock.now
    with filled.deps.database.read() as connection:
        rows = overview.recent_alerts(connection, since=now - timedelta(days=7), limit=5)
        assert overview.alert_row(connection, rows[0]["id"])["list_name"] == "栗屿咖啡"
        assert [row["keyword_list_id"] for row in overview.open_alerts(connection, limit=5)] == [1]
        assert overview.alert_row(connection, 999) is None
    assert [row["list_name"] for row in rows] == ["栗屿咖啡"]
