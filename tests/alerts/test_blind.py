"""Alerts about sources: one each, one about many, and their end."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts import blind
from alerts.blind import Blindness
from alerts.model import AlertState, EventKind
from analysis.model import Tier

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


def spot(number=1, **changes):
    given = {
        "source_id": number, "name": f"论坛{number}", "cause": "blocked", "since": NOW - timedelta(hours=3),
        "reason": "验证码 (captcha)", "advice": "请更新密钥。",
    }  # fmt: skip
    return Blindness(**(given | changes))


def opened(**changes):
    return replace(blind.begin([spot()], None, None, now=NOW).alert, id=5, **changes)


def test_one_source_is_one_blue_alert_of_no_keyword_list():
    change = blind.begin([spot()], None, None, now=NOW)
    alert = change.alert
    assert (change.kind, change.notify, change.previous_tier) == (EventKind.OPENED, True, Tier.NONE)
    assert (alert.tier, alert.keyword_list_id, alert.source_id) == (Tier.BLUE, 0, 1)
    assert (alert.dedup_key, alert.sequence) == ("blind:1", 1)
    assert alert.title == "盲区：数据源「论坛1」被拒绝访问"
    for word in ("3.0 小时", "验证码", "请更新密钥", "不代表平静"):
        assert word in change.reason


def test_many_sources_are_one_alert_that_names_some_and_suspects_our_network():
    spots = [spot(number) for number in range(1, 13)]
    change = blind.begin(spots, None, None, now=NOW, together=True)
    assert (change.alert.dedup_key, change.alert.source_id) == ("blind:many", None)
    assert "等 12 个" in change.reason
    assert "「论坛8」" in change.reason
    assert "「论坛9」" not in change.reason
    assert "本机网络" in change.reason


def test_what_joins_an_open_alert_is_noted_and_not_told_again():
    change = blind.begin([spot(2)], opened(), None, now=NOW)
    assert (change.kind, change.notify, change.alert.id) == (EventKind.EVIDENCE_ADDED, False, 5)
    assert change.alert.sequence == 2


@pytest.mark.parametrize(
    ("ago", "kind"),
    [(timedelta(hours=23), EventKind.REOPENED), (timedelta(hours=25), EventKind.OPENED)],
    ids=["within a day", "later"],
)
def test_blindness_that_returns_goes_on_for_a_day(ago, kind):
    closed = opened(state=AlertState.RESOLVED, closed_at=NOW - ago)
    change = blind.begin([spot()], None, closed, now=NOW)
    assert (change.kind, change.alert.state, change.alert.closed_at) == (
        kind,
        AlertState.OPEN,
        None,
    )
    assert change.alert.id == (5 if kind is EventKind.REOPENED else 0)


def test_the_end_is_told_and_closes_the_alert():
    change = blind.end(opened(), now=NOW)
    assert (change.kind, change.notify, change.alert.state) == (
        EventKind.RESOLVED, True, AlertState.RESOLVED,
    )  # fmt: skip
    assert (change.alert.closed_at, change.alert.deadline_at) == (NOW, None)


def test_the_explanation_has_the_shape_of_every_alerts():
    explained = blind.explanation_of([spot(), spot(2, since=NOW - timedelta(days=3))], NOW)
    assert explained["window"] == {"start": "2026-03-07T05:08:00Z", "end": "2026-03-10T05:08:00Z"}
    assert (explained["conditions"], explained["tier"]) == ([], "blue")
    assert [one["cause"] for one in explained["sources"]] == ["blocked", "blocked"]
