"""Watching sources: blind spots open and close, one blue alert each, and nothing twice."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update

from collectors.model import Post
from monitor import actions
from monitor.pipeline.analyse import store_posts
from monitor.pipeline.watch import Watcher
from monitor.storage import deliveries, gaps, sources
from monitor.storage.sealing import Sealer
from monitor.storage.tables import alert, alert_event, blind_spot, delivery, source

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


class Tower:
    """Sources that are visited by hand, and a watcher over them."""

    def __init__(self, house):
        self.house, self.told, self.number = house, 0, 0
        self.watcher = Watcher(
            database=house.database, clock=house.clock, base_url="http://here", told=self._told
        )
        with house.database.write() as connection:
            deliveries.create_channel(
                connection,
                Sealer(b"s"),
                {"name": "值班", "kind": "webhook", "min_tier": 1, "keyword_lists": None},
                url="http://hook.example/",
                secret="whsec_" + "A" * 32,
                now=house.clock(),
            )

    def _told(self):
        self.told += 1

    def feed(self, name, interval=300):
        row = {
            "name": name, "kind": "feed", "url": f"https://{name}.example/", "options": {},
            "interval_seconds": interval, "state": "ok", "state_since": self.house.clock.at,
        }  # fmt: skip
        with self.house.database.write() as connection:
            return sources.create(connection, row, now=self.house.clock.at)

    def set(self, key, **values):
        with self.house.database.write() as connection:
            connection.execute(update(source).where(source.c.id == key).values(**values))

    def visit(self, key, *times, state="ok", reason=None):
        """Visit a source now: it brings posts of these times, or fails with a state."""
        items = []
        for at in times:
            self.number += 1
            items.append(
                Post(
                    source_id=key, external_id=f"e{self.number}", text="青禾 今天", published_at=at
                )
            )
        if items:
            asyncio.run(store_posts(self.house.analysing, items))
        row = self.row(key)
        values = {"state": state, "reason": reason}
        if row["state"] != state and not (row["state"] == "silent" and state == "ok" and not times):
            values["state_since"] = self.house.clock.at
        if state == "ok":
            values["last_success_at"] = self.house.clock.at
        self.set(key, **values)

    def history(self, key, every=HOUR, days=4):
        """Let a source publish at a steady pace up to now."""
        now = self.house.clock.at
        self.visit(key, *[now - every * i for i in range(int(timedelta(days=days) / every))])

    def watch(self):
        """Look until nothing changes; the second look must find nothing."""
        changed = self.watcher.watch_now()
        assert self.watcher.watch_now() == 0
        return changed

    def rows(self, table):
        with self.house.database.read() as connection:
            return connection.execute(select(table).order_by(table.c.id)).mappings().all()

    def row(self, key):
        with self.house.database.read() as connection:
            return sources.get(connection, key)

    def pass_time(self, keys, span, step=5 * MINUTE):
        """Let time pass with visits that succeed and bring nothing."""
        for _ in range(int(span / step)):
            self.house.clock.at += step
            for key in keys:
                self.visit(key)
            self.watch()


@pytest.fixture
def tower(house):
    return Tower(house)


def test_a_source_that_falls_silent_is_shown_within_two_expected_intervals(tower):
    key = tower.feed("论坛")
    tower.history(key)
    begin = tower.house.clock.at
    expected = timedelta(seconds=tower.row(key)["expected_seconds"])
    assert HOUR < expected < 3 * HOUR
    tower.pass_time([key], expected)
    assert tower.row(key)["state"] == "ok"
    assert tower.rows(blind_spot) == []
    tower.pass_time([key], begin + 2 * expected - tower.house.clock.at)
    row = tower.row(key)
    assert row["state"] == "silent"
    assert "expected within" in row["reason"]
    (spot,) = tower.rows(blind_spot)
    assert (spot["source_id"], spot["cause"], spot["since"], spot["until"]) == (
        key, "silence", begin, None,
    )  # fmt: skip
    assert spot["noticed_at"] <= begin + 2 * expected
    assert row["state_since"] == spot["noticed_at"]


def test_silence_is_one_blue_alert_that_says_what_to_do_and_ends_by_itself(tower):
    key = tower.feed("论坛")
    tower.history(key)
    tower.pass_time([key], 8 * HOUR)
    (found,) = tower.rows(alert)
    assert (found["tier"], found["state"], found["source_id"], found["keyword_list_id"]) == (
        1, "open", key, 0,
    )  # fmt: skip
    assert found["dedup_key"] == f"blind:{key}"
    assert "论坛" in found["title"]
    assert "不代表平静" in found["explanation"]["sentence"]
    assert "打开原站" in found["explanation"]["sentence"]
    (queued,) = tower.rows(delivery)
    assert '"keyword_list":null' in queued["body"]
    assert '"name":"论坛"' in queued["body"]
    tower.house.clock.at += 5 * MINUTE
    tower.visit(key, tower.house.clock.at)
    tower.watch()
    assert tower.row(key)["state"] == "ok"
    assert tower.row(key)["reason"] is None
    assert tower.rows(blind_spot)[0]["until"] == tower.house.clock.at
    assert tower.rows(alert)[0]["state"] == "resolved"
    assert [row["kind"] for row in tower.rows(alert_event)] == ["opened", "resolved"]
    assert len(tower.rows(delivery)) == 2


@pytest.mark.parametrize(
    ("state", "cause", "within"),
    [
        ("blocked", "blocked", 2), ("rate_limited", "rate_limited", 2), ("failing", "failing", 2),
        ("backing_off", "failing", 2), ("not_a_feed", "not_a_feed", 0), ("recipe_broken", "recipe_broken", 0),
        ("gone", "gone", 0),
    ],
)  # fmt: skip
def test_a_source_that_cannot_be_read_is_blind_after_two_intervals(tower, state, cause, within):
    key = tower.feed("门户")
    tower.visit(key)
    success = tower.house.clock.at
    tower.house.clock.at += 5 * MINUTE
    tower.visit(key, state=state, reason="为什么")
    assert bool(tower.watch()) is (within == 0)
    tower.house.clock.at = success + 2 * 5 * MINUTE + timedelta(seconds=1)
    tower.watch()
    (spot,) = tower.rows(blind_spot)
    assert (spot["cause"], spot["reason"]) == (cause, "为什么")
    assert spot["since"] <= success
    assert tower.row(key)["state"] == state
    assert len(tower.rows(alert)) == 1
    tower.house.clock.at += 5 * MINUTE
    tower.visit(key)
    tower.watch()
    assert tower.rows(blind_spot)[0]["until"] == tower.house.clock.at
    assert tower.rows(alert)[0]["state"] == "resolved"


def test_another_cause_of_the_same_blindness_is_the_same_blind_spot(tower):
    key = tower.feed("门户")
    tower.visit(key)
    tower.house.clock.at += HOUR
    tower.visit(key, state="rate_limited", reason="慢点")
    tower.watch()
    tower.visit(key, state="blocked", reason="验证码")
    tower.watch()
    (spot,) = tower.rows(blind_spot)
    assert (spot["cause"], spot["reason"]) == ("blocked", "验证码")
    assert len(tower.rows(alert)) == 1


def test_sources_that_go_blind_together_are_one_alert(tower):
    keys = [tower.feed(f"s{number}") for number in range(7)]
    for key in keys:
        tower.visit(key)
    tower.house.clock.at += HOUR
    for key in keys:
        tower.visit(key, state="backing_off", reason="超时")
    tower.watch()
    assert len(tower.rows(blind_spot)) == 7
    (found,) = tower.rows(alert)
    assert (found["dedup_key"], found["source_id"]) == ("blind:many", None)
    assert "本机网络" in found["explanation"]["sentence"]
    assert len(tower.rows(delivery)) == 1
    for key in keys[:-1]:
        tower.visit(key)
    tower.watch()
    assert tower.rows(alert)[0]["state"] == "open"
    tower.visit(keys[-1])
    tower.watch()
    assert tower.rows(alert)[0]["state"] == "resolved"


def test_sources_that_go_blind_within_minutes_of_each_other_join_one_alert(tower):
    keys = [tower.feed(f"s{number}") for number in range(9)]
    for key in keys:
        tower.visit(key)
    tower.house.clock.at += HOUR
    for key in keys:
        tower.visit(key, state="backing_off", reason="超时")
        tower.watch()
        tower.house.clock.at += MINUTE
    assert len(tower.rows(alert)) <= 5
    assert len(tower.rows(delivery)) <= 5


def test_a_push_source_has_a_rhythm_too(tower):
    key = tower.house.source("客服")
    for _ in range(40):
        tower.house.clock.at += HOUR
        tower.visit(key, tower.house.clock.at - timedelta(days=3))
    tower.watch()
    assert tower.rows(blind_spot) == []
    tower.house.clock.at += 12 * HOUR
    tower.watch()
    (spot,) = tower.rows(blind_spot)
    assert (spot["source_id"], spot["cause"]) == (key, "silence")
    assert "发送方" in tower.rows(alert)[0]["explanation"]["sentence"]


def test_a_source_that_was_never_known_is_never_silent(tower):
    key = tower.feed("新")
    tower.visit(key, tower.house.clock.at)
    tower.pass_time([key], timedelta(days=3), step=2 * HOUR)
    assert tower.rows(blind_spot) == []
    assert tower.row(key)["expected_seconds"] is None


def test_a_disabled_source_is_not_blind(tower):
    key = tower.feed("门户")
    tower.visit(key, state="failing", reason="500")
    tower.house.clock.at += HOUR
    tower.watch()
    assert len(tower.rows(blind_spot)) == 1
    tower.set(key, enabled=False)
    tower.watch()
    assert tower.rows(blind_spot)[0]["until"] is not None
    assert tower.rows(alert)[0]["state"] == "resolved"


def test_blindness_that_returns_within_a_day_goes_on_under_the_same_alert(tower):
    key = tower.feed("门户")
    for _ in range(3):
        tower.visit(key)
        tower.watch()
        tower.house.clock.at += HOUR
        tower.visit(key, state="failing", reason="500")
        tower.watch()
    assert len(tower.rows(blind_spot)) == 3
    (found,) = tower.rows(alert)
    assert found["state"] == "open"
    kinds = [row["kind"] for row in tower.rows(alert_event)]
    assert kinds == ["opened", "resolved", "reopened", "resolved", "reopened"]


def test_an_alert_that_a_person_closed_is_left_alone(tower):
    key = tower.feed("门户")
    tower.visit(key, state="failing", reason="500")
    tower.house.clock.at += HOUR
    tower.watch()
    (found,) = tower.rows(alert)
    request = actions.Request(action=actions.Action.FALSE_ALARM, actor="李岚")
    actions.act(
        tower.house.database, found["id"], request, now=tower.house.clock.at, base_url="http://here"
    )
    tower.house.clock.at += HOUR
    tower.watch()
    tower.visit(key)
    tower.watch()
    assert [row["state"] for row in tower.rows(alert)] == ["false_alarm"]


def test_a_state_that_a_visit_overwrote_is_put_back_with_its_time(tower):
    key = tower.feed("论坛")
    tower.history(key)
    tower.pass_time([key], 8 * HOUR)
    since = tower.row(key)["state_since"]
    tower.house.clock.at += 5 * MINUTE
    tower.set(key, state="ok", reason=None, state_since=tower.house.clock.at)
    tower.set(key, last_success_at=tower.house.clock.at)
    tower.watch()
    assert (tower.row(key)["state"], tower.row(key)["state_since"]) == ("silent", since)
    assert len(tower.rows(blind_spot)) == len(tower.rows(alert)) == 1


def test_a_look_that_breaks_half_way_leaves_nothing_behind(tower):
    key = tower.feed("门户")
    tower.visit(key, state="failing", reason="500")
    tower.house.clock.at += HOUR

    class Broken(Watcher):
        def _end_alerts(self, connection, ids, now):
            raise RuntimeError("cut off")

    broken = Broken(database=tower.house.database, clock=tower.house.clock, base_url="http://here")
    with pytest.raises(RuntimeError):
        broken.watch_now()
    assert tower.rows(blind_spot) == tower.rows(alert) == []
    tower.watch()
    assert len(tower.rows(blind_spot)) == len(tower.rows(alert)) == 1


def test_twenty_sources_of_which_six_fail_each_in_its_own_way(tower):
    tower.house.clock.at = datetime(2026, 3, 10, 1, tzinfo=UTC)
    keys = [tower.feed(f"s{number}", interval=600) for number in range(20)]
    for key in keys:
        tower.history(key, every=30 * MINUTE)
    silent, blocked, broken = keys[:3], keys[3:5], keys[5]
    begin = tower.house.clock.at
    expected = {key: timedelta(seconds=tower.row(key)["expected_seconds"]) for key in keys}
    right: dict[int, datetime] = {}
    wanted = {
        **dict.fromkeys(keys, "ok"), **dict.fromkeys(silent, "silent"),
        **dict.fromkeys(blocked, "blocked"), broken: "recipe_broken",
    }  # fmt: skip
    for step in range(1, 40):
        tower.house.clock.at = begin + step * 10 * MINUTE
        for key in keys:
            state = wanted[key] if key in [*blocked, broken] else "ok"
            speaks = key not in silent and state == "ok" and step % 3 == 0
            tower.visit(
                key, *([tower.house.clock.at] if speaks else []), state=state, reason="原因"
            )
        tower.watch()
        for key in keys[:6]:
            spots = [row for row in tower.rows(blind_spot) if row["source_id"] == key]
            if spots and tower.row(key)["state"] == wanted[key]:
                right.setdefault(key, tower.house.clock.at)
    assert set(right) == set(keys[:6])
    assert all(right[key] - begin <= 2 * expected[key] for key in right)
    assert {row["source_id"] for row in tower.rows(blind_spot)} == set(keys[:6])
    assert {key: tower.row(key)["state"] for key in keys} == wanted
    with tower.house.database.read() as connection:
        found = gaps.between(connection, begin, tower.house.clock.at)
    causes = {gap.source_id: gap.cause for gap in found}
    assert causes == {
        **dict.fromkeys(silent, "silence"), **dict.fromkeys(blocked, "blocked"), broken: "recipe_broken",
    }  # fmt: skip
    for key in keys[:6]:
        tower.visit(key, tower.house.clock.at)
    tower.watch()
    assert all(row["until"] for row in tower.rows(blind_spot))
    assert {row["state"] for row in tower.rows(alert)} == {"resolved"}
