from __future__ import annotations

import asyncio
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import select

from alerts.rules import Action
from monitor import actions
from monitor.pipeline.analyse import store_posts
from monitor.pipeline.evaluate import Evaluator
from monitor.storage import deliveries
from monitor.storage.sealing import Sealer
from monitor.storage.tables import alert, alert_event, delivery, signal

BAD = "青禾手机电池起火,烧坏了桌子,客服推脱,太差了"
CALM = "青禾今天发布了例行维护公告"
HOUR = timedelta(hours=1)


class Desk:
    """A list, a channel and an evaluator over the house."""

    def __init__(self, house, make_post):
        self.house, self.make_post, self.number = house, make_post, 0
        self.source = house.source()
        self.list_id = house.keyword_list()
        self.evaluator = Evaluator(
            database=house.database,
            clock=house.clock,
            zone=ZoneInfo("Asia/Shanghai"),
            base_url="http://here",
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

    def publish(self, count, text, *, ago=timedelta(0), over=timedelta(0)):
        """Store ``count`` posts spread evenly over the time that ended ``ago`` before now."""
        items = []
        for index in range(count):
            self.number += 1
            at = self.house.clock.at - ago - over * (index + 1) / max(count, 1)
            items.append(self.make_post(self.source, self.number, f"{text} {self.number}", at))
        asyncio.run(store_posts(self.house.analysing, items))

    def flat_history(self, per_hour=1, days=10):
        self.publish(per_hour * 24 * days, CALM, ago=2 * HOUR, over=timedelta(days=days))
        self.judge()

    def judge(self):
        while self.evaluator.evaluate_now():
            pass

    def rows(self, table):
        with self.house.database.read() as connection:
            return connection.execute(select(table).order_by(table.c.id)).mappings().all()


@pytest.fixture
def desk(house, make_post):
    return Desk(house, make_post)


def test_a_flat_series_then_thirty_in_an_hour_alerts_once(desk):
    desk.flat_history()
    assert desk.rows(alert) == []
    desk.publish(30, BAD, over=HOUR)
    desk.judge()
    (found,) = desk.rows(alert)
    assert found["state"] == "open"
    assert found["tier"] >= 2
    assert found["explanation"]["observed"] >= 10
    assert len(found["evidence"]) == 10
    assert "负面" in found["explanation"]["sentence"]
    (queued,) = desk.rows(delivery)
    assert '"type":"alert.opened"' in queued["body"]
    before = len(desk.rows(alert_event))
    desk.judge()
    assert (len(desk.rows(alert)), len(desk.rows(alert_event))) == (1, before)


def test_one_then_three_alerts_nobody(desk):
    desk.flat_history()
    desk.publish(1, BAD, ago=HOUR, over=HOUR)
    desk.publish(3, BAD, over=HOUR)
    desk.judge()
    assert desk.rows(alert) == []
    assert desk.rows(delivery) == []


def test_a_list_without_a_past_is_judged_by_volume_and_share_and_says_so(desk):
    desk.publish(25, BAD, over=HOUR)
    desk.judge()
    (found,) = desk.rows(alert)
    assert found["explanation"]["reason"] == "warm_up_volume"
    assert found["explanation"]["baseline"] is None
    assert "基线" in found["explanation"]["sentence"]


def test_much_neutral_talk_about_a_new_list_alerts_nobody(desk):
    desk.publish(25, CALM, over=HOUR)
    desk.judge()
    assert desk.rows(alert) == []


def test_a_past_burst_that_is_imported_makes_no_alert_now(desk):
    desk.flat_history()
    desk.publish(60, BAD, ago=timedelta(days=5), over=HOUR)
    desk.judge()
    assert desk.rows(alert) == []
    assert desk.rows(signal) == []


def test_the_tier_rises_with_the_burst_and_each_rise_is_told_once(desk):
    desk.flat_history()
    tiers = []
    for minute in range(0, 90, 5):
        desk.house.clock.at += timedelta(minutes=5)
        desk.publish(1 + minute // 4, BAD, over=timedelta(minutes=4))
        desk.judge()
        tiers.append(max([row["tier"] for row in desk.rows(alert)], default=0))
    assert tiers == sorted(tiers)
    assert len(desk.rows(alert)) == 1
    told = [
        row["kind"] for row in desk.rows(alert_event) if row["kind"] in ("opened", "tier_raised")
    ]
    assert len(desk.rows(delivery)) == len(told)


def test_a_quiet_alert_is_resolved_by_the_machine(desk):
    desk.flat_history()
    desk.publish(30, BAD, over=HOUR)
    desk.judge()
    for _ in range(60):
        desk.house.clock.at += timedelta(minutes=5)
        desk.judge()
    (found,) = desk.rows(alert)
    assert found["state"] == "resolved"
    assert desk.rows(alert_event)[-1]["actor"] == "system"


def test_an_alert_that_a_person_closed_does_not_come_back_for_the_same_posts(desk):
    desk.flat_history()
    desk.publish(30, BAD, over=HOUR)
    desk.judge()
    (found,) = desk.rows(alert)
    request = actions.Request(action=Action.FALSE_ALARM, actor="周", reason="演习")
    assert actions.act(
        desk.house.database, found["id"], request, now=desk.house.clock(), base_url="http://here"
    )
    desk.publish(1, BAD, over=timedelta(minutes=1))
    desk.judge()
    assert len(desk.rows(alert)) == 1
    assert desk.rows(alert)[0]["state"] == "false_alarm"


def test_acknowledging_twice_changes_once_and_tells_the_channel_why_it_fired(desk):
    desk.flat_history()
    desk.publish(30, BAD, over=HOUR)
    desk.judge()
    (found,) = desk.rows(alert)
    request = actions.Request(action=Action.ACKNOWLEDGE, actor="周")
    done = [
        actions.act(
            desk.house.database,
            found["id"],
            request,
            now=desk.house.clock(),
            base_url="http://here",
        )
        for _ in range(2)
    ]
    assert done == [True, False]
    assert '"type":"alert.acknowledged"' in desk.rows(delivery)[-1]["body"]
    assert found["explanation"]["sentence"] in desk.rows(delivery)[-1]["body"]


def test_a_disabled_channel_and_a_high_threshold_get_nothing(desk):
    with desk.house.database.read() as connection:
        everything = deliveries.channels_for(connection, tier=1, keyword_list_id=desk.list_id)
        nothing = deliveries.channels_for(connection, tier=0, keyword_list_id=desk.list_id)
    assert len(everything) == 1
    assert nothing == []
