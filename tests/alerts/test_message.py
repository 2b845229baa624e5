"""Bodies and explanations: the keys others build on, sizes, Chinese sentences with numbers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.message import (
    MOST_BODY_BYTES,
    Evidence,
    Links,
    body_of,
    counts_of,
    explanation_of,
    sentence_of,
    title_of,
)
from alerts.model import Alert, AlertState, Change, EventKind
from analysis.model import Condition, Signal, SignalReason, Tier

BEIJING = timezone(timedelta(hours=8))
NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
LINKS = Links(alert="https://jianwei.example/alerts/3", ack="https://jianwei.example/alerts/3/ack")


def row(name, observed, threshold, met=True, baseline=None):
    return Condition(name=name, observed=observed, baseline=baseline, threshold=threshold, met=met)


SIGNAL = Signal(
    keyword_list_id=7,
    rule_version="v1",
    tier=Tier.ORANGE,
    reason=SignalReason.BURST_NEGATIVE,
    window_start=datetime(2026, 3, 10, 5, 5, tzinfo=UTC),
    window_end=datetime(2026, 3, 10, 5, 35, tzinfo=UTC),
    observed=24,
    baseline=1.2,
    score=9.84,
    mentions=33,
    negative_share=24 / 33,
    sources=4,
    reach=None,
    conditions=(
        row("volume", 24.0, 10.0, baseline=1.2),
        row("score", 9.84, 6.0),
        row("negative_share", 24 / 33, 0.3),
        row("sources", 4.0, None),
        row("reach", None, None),
        row("baseline_days", 9.0, 3.0),
    ),
    evidence=(11, 12),
)
WARM_UP = replace(
    SIGNAL,
    tier=Tier.YELLOW,
    reason=SignalReason.WARM_UP_VOLUME,
    baseline=0.0,
    score=0.0,
    conditions=(
        row("volume", 24.0, 20.0),
        row("score", None, None),
        row("negative_share", 24 / 33, 0.5),
        row("baseline_days", 1.0, 3.0, met=False),
    ),
)
ALERT = Alert(
    id=3,
    dedup_key="keyword_list:7:burst",
    keyword_list_id=7,
    state=AlertState.OPEN,
    tier=Tier.ORANGE,
    title="「乙牌」负面声量突增",
    opened_at=NOW - timedelta(minutes=3),
    updated_at=NOW,
    sequence=2,
)


def change(kind=EventKind.TIER_RAISED, alert=ALERT):
    return Change(
        alert=alert,
        kind=kind,
        actor="system",
        at=NOW,
        previous_tier=Tier.YELLOW,
        reason="burst_negative",
        notify=True,
    )


def post(number, excerpt="电池起火", url="https://news.example/a"):
    return Evidence(
        post_id=number,
        url=url,
        source="某报",
        excerpt=excerpt,
        published_at=NOW - timedelta(hours=1),
    )


def body(kind=EventKind.TIER_RAISED, evidence=(), signal=SIGNAL, alert=ALERT, name="乙牌"):
    return body_of(
        change(kind, alert),
        subject=name,
        counts=counts_of(signal) if signal else {},
        explanation=explanation_of(signal, BEIJING) if signal else {},
        evidence=evidence,
        links=LINKS,
    )


def test_the_body_has_exactly_the_agreed_keys():
    message = json.loads(body(evidence=[post(11)]))
    assert set(message) == {"type", "timestamp", "data"}
    assert (message["type"], message["timestamp"]) == (
        "alert.tier_raised",
        "2026-03-10T05:08:00Z",
    )
    data = message["data"]
    assert set(data) == {
        "alert_id",
        "sequence",
        "state",
        "tier",
        "previous_tier",
        "keyword_list",
        "title",
        "started_at",
        "counts",
        "evidence",
        "explanation",
        "links",
    }
    assert (data["alert_id"], data["sequence"], data["state"]) == (3, 2, "open")
    assert (data["tier"], data["previous_tier"]) == ("orange", "yellow")
    assert data["keyword_list"] == {"id": 7, "name": "乙牌"}
    assert data["started_at"] == "2026-03-10T05:05:00Z"
    assert data["counts"]["observed"] == 24
    assert data["counts"]["reach"] is None
    assert data["evidence"] == [
        {
            "post_id": 11,
            "url": "https://news.example/a",
            "source": "某报",
            "excerpt": "电池起火",
            "published_at": "2026-03-10T04:08:00Z",
        }
    ]
    assert data["explanation"] == explanation_of(SIGNAL, BEIJING)
    assert data["links"] == {"alert": LINKS.alert, "ack": LINKS.ack}


@pytest.mark.parametrize(
    ("kind", "wire"),
    [
        (EventKind.OPENED, "alert.opened"),
        (EventKind.REOPENED, "alert.opened"),
        (EventKind.TIER_RAISED, "alert.tier_raised"),
        (EventKind.ACKNOWLEDGED, "alert.acknowledged"),
        (EventKind.RESOLVED, "alert.resolved"),
        (EventKind.FALSE_ALARM, "alert.resolved"),
        (EventKind.TIER_LOWERED, None),
        (EventKind.EVIDENCE_ADDED, None),
        (EventKind.ASSIGNED, None),
        (EventKind.NOTED, None),
        (EventKind.DELIVERY_DEAD, None),
    ],
)
def test_which_events_become_messages(kind, wire):
    made = body(kind)
    assert (None if made is None else json.loads(made)["type"]) == wire


def test_without_a_signal_the_keys_stay():
    data = json.loads(body(EventKind.ACKNOWLEDGED, signal=None))["data"]
    assert (data["counts"], data["explanation"], data["evidence"]) == ({}, {}, [])


def test_ten_posts_at_most():
    assert len(json.loads(body(evidence=[post(i) for i in range(30)]))["data"]["evidence"]) == 10


@pytest.mark.parametrize(
    ("evidence", "left"),
    [
        pytest.param([post(i, "起" * 5000) for i in range(10)], 10, id="long excerpts"),
        pytest.param(
            [post(i, url="https://x.example/" + "a" * 2500) for i in range(10)], 6, id="urls"
        ),
        pytest.param([post(1, url="https://x.example/" + "a" * 30_000)], 0, id="one endless url"),
    ],
)
def test_a_long_body_loses_excerpts_first_and_evidence_last(evidence, left):
    made = body(evidence=evidence, name="名" * 5000, alert=replace(ALERT, title="题" * 5000))
    assert len(made) < MOST_BODY_BYTES
    assert len(json.loads(made)["data"]["evidence"]) == left


@given(texts=st.lists(st.text(max_size=400), max_size=12), name=st.text(max_size=300))
def test_any_text_makes_a_valid_body_within_the_limit(texts, name):
    hostile = [post(i, text, url=text) for i, text in enumerate(texts)]
    made = body(evidence=hostile, name=name)
    assert len(made) < MOST_BODY_BYTES
    json.loads(made.decode("utf-8"))


@pytest.mark.parametrize(
    ("signal", "sentence"),
    [
        pytest.param(
            SIGNAL,
            "13:05–13:35 负面 24 条，同一时段通常 1.2 条，突增值 9.8（橙色门槛 6.0）；负面占比 73%",
            id="negative burst",
        ),
        pytest.param(
            replace(SIGNAL, reason=SignalReason.BURST_VOLUME, observed=33),
            "13:05–13:35 提及 33 条，同一时段通常 1.2 条，突增值 9.8（橙色门槛 6.0）；负面占比 73%",
            id="volume burst",
        ),
        pytest.param(
            WARM_UP,
            "13:05–13:35 负面 24 条（黄色门槛 20 条）；负面占比 73%；"
            "历史不足，尚无基线，仅按绝对数量和负面占比判断",
            id="warm-up",
        ),
        pytest.param(
            replace(SIGNAL, tier=Tier.NONE, reason=SignalReason.BELOW_SCORE),
            "13:05–13:35 负面 24 条，同一时段通常 1.2 条，突增值 9.8；负面占比 73%；未达到任何级别",
            id="no tier",
        ),
    ],
)
def test_the_reason_is_one_sentence_with_numbers_window_and_units(signal, sentence):
    assert sentence_of(signal, BEIJING) == sentence


def test_the_explanation_keeps_conditions_that_were_not_met():
    explained = explanation_of(WARM_UP, BEIJING)
    assert explained["reason"] == "warm_up_volume"
    assert (explained["baseline"], explained["score"]) == (None, None)
    assert explained["window"] == {"start": "2026-03-10T05:05:00Z", "end": "2026-03-10T05:35:00Z"}
    assert explained["conditions"][-1] == {
        "name": "baseline_days",
        "label": "基线天数（天）",
        "observed": 1.0,
        "baseline": None,
        "threshold": 3.0,
        "met": False,
    }


def test_the_title_says_what_rose():
    assert title_of("乙牌") == "「乙牌」负面声量突增"
    assert title_of("乙牌", SignalReason.BURST_VOLUME) == "「乙牌」声量突增"
