"""The life of an alert as decisions: signals, quiet, people."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alerts.message import EVENT_TYPES
from alerts.model import Alert, AlertError, AlertState, EventKind, IllegalTransition
from alerts.rules import NOTIFYING, SYSTEM, Action, apply_action, decide, dedup_key
from analysis.model import Signal, SignalReason, Tier

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


def signal(tier, ended=NOW):
    return Signal(
        keyword_list_id=7,
        rule_version="v1",
        tier=tier,
        reason=SignalReason.BURST_NEGATIVE if tier else SignalReason.QUIET,
        window_start=ended - HOUR,
        window_end=ended,
        observed=24,
        baseline=1.2,
        score=9.8,
        mentions=30,
        negative_share=0.8,
        sources=4,
        reach=None,
        conditions=(),
    )


def alert(state=AlertState.OPEN, tier=Tier.YELLOW, **fields):
    known = Alert(
        id=3,
        dedup_key=dedup_key(7),
        keyword_list_id=7,
        state=state,
        tier=tier,
        title="「乙牌」负面声量突增",
        opened_at=NOW - 5 * HOUR,
        updated_at=NOW - HOUR,
        sequence=4,
        deadline_at=NOW + HOUR,
        last_signal_at=NOW - HOUR,
    )
    return replace(known, **fields)


def decided(given, open_alert=None, closed=None, quiet=0, now=NOW):
    return decide(given, open_alert, closed, title="新预警", now=now, quiet_buckets=quiet)


def test_one_key_per_keyword_list():
    assert dedup_key(7) == "keyword_list:7:burst"


@pytest.mark.parametrize("given", [None, signal(Tier.NONE)])
def test_nothing_opens_without_a_tier(given):
    assert decided(given) is None


@pytest.mark.parametrize(
    ("tier", "minutes"),
    [(Tier.BLUE, 1440), (Tier.YELLOW, 240), (Tier.ORANGE, 30), (Tier.RED, 10)],
)
def test_every_tier_opens_an_alert_with_its_deadline(tier, minutes):
    change = decided(signal(tier))
    opened = change.alert
    assert (change.kind, change.actor, change.notify) == (EventKind.OPENED, SYSTEM, True)
    assert (change.previous_tier, change.reason) == (Tier.NONE, "burst_negative")
    assert (opened.id, opened.sequence, opened.state) == (0, 1, AlertState.OPEN)
    assert (opened.tier, opened.title, opened.dedup_key) == (tier, "新预警", dedup_key(7))
    assert opened.deadline_at == NOW + timedelta(minutes=minutes)


def test_a_higher_tier_raises_the_open_alert_and_voids_its_acknowledgement():
    known = alert(
        AlertState.ACKNOWLEDGED, acknowledged_by="li", acknowledged_at=NOW - HOUR, assignee="li"
    )
    change = decided(signal(Tier.RED), known)
    raised = change.alert
    assert (change.kind, change.notify, change.previous_tier) == (
        EventKind.TIER_RAISED,
        True,
        Tier.YELLOW,
    )
    assert (raised.id, raised.sequence, raised.state) == (3, 5, AlertState.OPEN)
    assert (raised.acknowledged_by, raised.acknowledged_at, raised.assignee) == (None, None, "li")
    assert raised.deadline_at == NOW + timedelta(minutes=10)


def test_raising_never_postpones_a_deadline():
    known = alert(tier=Tier.BLUE, deadline_at=NOW + timedelta(minutes=1))
    assert decided(signal(Tier.YELLOW), known).alert.deadline_at == known.deadline_at


@pytest.mark.parametrize(
    ("given", "fields", "kind"),
    [
        pytest.param(signal(Tier.YELLOW), {}, EventKind.EVIDENCE_ADDED, id="same tier, later"),
        pytest.param(signal(Tier.BLUE), {}, EventKind.EVIDENCE_ADDED, id="lower tier, not quiet"),
        pytest.param(
            signal(Tier.YELLOW), {"updated_at": NOW - timedelta(minutes=14)}, None, id="too soon"
        ),
        pytest.param(signal(Tier.YELLOW, NOW - HOUR), {}, None, id="the same window"),
        pytest.param(signal(Tier.NONE), {}, None, id="no tier"),
        pytest.param(None, {}, None, id="no signal"),
    ],
)
def test_evidence_is_added_quietly_and_at_most_every_quarter_of_an_hour(given, fields, kind):
    change = decided(given, alert(**fields))
    if kind is None:
        assert change is None
        return
    assert (change.kind, change.notify) == (kind, False)
    assert change.alert.tier == Tier.YELLOW
    assert change.alert.last_signal_at == NOW
    assert decided(given, change.alert) is None


@pytest.mark.parametrize("state", [AlertState.OPEN, AlertState.ACKNOWLEDGED])
@pytest.mark.parametrize(
    ("tier", "reached", "quiet", "kind", "left"),
    [
        (Tier.ORANGE, Tier.NONE, 5, None, None),
        (Tier.ORANGE, Tier.NONE, 6, EventKind.TIER_LOWERED, Tier.BLUE),
        (Tier.ORANGE, Tier.YELLOW, 6, EventKind.TIER_LOWERED, Tier.YELLOW),
        (Tier.ORANGE, Tier.YELLOW, 24, EventKind.TIER_LOWERED, Tier.YELLOW),
        (Tier.ORANGE, Tier.NONE, 12, EventKind.RESOLVED, Tier.ORANGE),
        (Tier.BLUE, Tier.NONE, 11, None, None),
        (Tier.BLUE, Tier.NONE, 12, EventKind.RESOLVED, Tier.BLUE),
    ],
)
def test_quiet_lowers_and_then_resolves(state, tier, reached, quiet, kind, left):
    known = alert(state, tier, updated_at=NOW)
    change = decided(signal(reached), known, quiet=quiet)
    if kind is None:
        assert change is None
        return
    assert (change.kind, change.actor, change.previous_tier) == (kind, SYSTEM, tier)
    assert change.alert.tier == left
    assert change.notify is (kind is EventKind.RESOLVED)
    expected = AlertState.RESOLVED if kind is EventKind.RESOLVED else state
    assert change.alert.state is expected
    assert change.alert.closed_at == (NOW if kind is EventKind.RESOLVED else None)


@pytest.mark.parametrize("quiet", [0, 6, 12, 24])
def test_a_signal_of_the_same_tier_keeps_the_alert_whatever_is_quiet(quiet):
    known = alert(tier=Tier.ORANGE, updated_at=NOW)
    assert decided(signal(Tier.ORANGE), known, quiet=quiet) is None


@pytest.mark.parametrize(
    ("state", "hours", "kind", "alert_id"),
    [
        pytest.param(AlertState.RESOLVED, 1, EventKind.REOPENED, 3, id="soon"),
        pytest.param(AlertState.RESOLVED, 24, EventKind.REOPENED, 3, id="within a day"),
        pytest.param(AlertState.RESOLVED, 25, EventKind.OPENED, 0, id="later"),
        pytest.param(AlertState.FALSE_ALARM, 1, EventKind.OPENED, 0, id="false alarm"),
    ],
)
def test_what_the_machine_resolved_goes_on_under_its_id_for_a_day(state, hours, kind, alert_id):
    closed = alert(
        state, closed_at=NOW - hours * HOUR, acknowledged_by="li", acknowledged_at=NOW - 5 * HOUR
    )
    change = decided(signal(Tier.ORANGE), closed=closed)
    assert (change.kind, change.alert.id, change.notify) == (kind, alert_id, True)
    assert (change.alert.state, change.alert.tier) == (AlertState.OPEN, Tier.ORANGE)
    assert (change.alert.closed_at, change.alert.acknowledged_by) == (None, None)
    if kind is EventKind.REOPENED:
        assert change.alert.sequence == closed.sequence + 1
        assert change.alert.opened_at == closed.opened_at


def test_a_burst_alerts_once_however_often_it_is_judged():
    opened = replace(decided(signal(Tier.YELLOW)).alert, id=3)
    for minute in range(15):
        later = NOW + timedelta(minutes=minute)
        assert decided(signal(Tier.YELLOW, later), opened, now=later) is None


def act(known, action, **given):
    words = {"actor": "li", "reason": "", "now": NOW, **given}
    return apply_action(known, action, **words)


@pytest.mark.parametrize(
    ("tier", "wait"),
    [
        (Tier.RED, HOUR),
        (Tier.ORANGE, 4 * HOUR),
        (Tier.YELLOW, 24 * HOUR),
        (Tier.BLUE, None),
    ],
)
def test_an_acknowledgement_starts_the_clock_of_the_first_response(tier, wait):
    change = act(alert(tier=tier), Action.ACKNOWLEDGE, reason="看到了")
    known = change.alert
    assert (change.kind, change.actor, change.reason) == (EventKind.ACKNOWLEDGED, "li", "看到了")
    assert (known.state, known.acknowledged_by, known.acknowledged_at) == (
        AlertState.ACKNOWLEDGED,
        "li",
        NOW,
    )
    assert known.deadline_at == (None if wait is None else NOW + wait)
    assert act(known, Action.ACKNOWLEDGE, actor="wang") is None


ILLEGAL = "illegal"


@pytest.mark.parametrize(
    ("state", "action", "outcome"),
    [
        (AlertState.OPEN, Action.ACKNOWLEDGE, AlertState.ACKNOWLEDGED),
        (AlertState.OPEN, Action.RESOLVE, AlertState.RESOLVED),
        (AlertState.OPEN, Action.FALSE_ALARM, AlertState.FALSE_ALARM),
        (AlertState.OPEN, Action.ASSIGN, AlertState.OPEN),
        (AlertState.OPEN, Action.NOTE, AlertState.OPEN),
        (AlertState.ACKNOWLEDGED, Action.ACKNOWLEDGE, None),
        (AlertState.ACKNOWLEDGED, Action.RESOLVE, AlertState.RESOLVED),
        (AlertState.ACKNOWLEDGED, Action.FALSE_ALARM, AlertState.FALSE_ALARM),
        (AlertState.ACKNOWLEDGED, Action.ASSIGN, AlertState.ACKNOWLEDGED),
        (AlertState.ACKNOWLEDGED, Action.NOTE, AlertState.ACKNOWLEDGED),
        (AlertState.RESOLVED, Action.ACKNOWLEDGE, ILLEGAL),
        (AlertState.RESOLVED, Action.RESOLVE, None),
        (AlertState.RESOLVED, Action.FALSE_ALARM, ILLEGAL),
        (AlertState.RESOLVED, Action.ASSIGN, ILLEGAL),
        (AlertState.RESOLVED, Action.NOTE, AlertState.RESOLVED),
        (AlertState.FALSE_ALARM, Action.ACKNOWLEDGE, ILLEGAL),
        (AlertState.FALSE_ALARM, Action.RESOLVE, ILLEGAL),
        (AlertState.FALSE_ALARM, Action.FALSE_ALARM, None),
        (AlertState.FALSE_ALARM, Action.ASSIGN, ILLEGAL),
        (AlertState.FALSE_ALARM, Action.NOTE, AlertState.FALSE_ALARM),
    ],
)
def test_every_action_in_every_state(state, action, outcome):
    known = alert(state, closed_at=NOW - HOUR if state.is_closed else None)
    if outcome is ILLEGAL:
        with pytest.raises(IllegalTransition, match=f"alert 3 is {state.value}"):
            act(known, action, reason="x", assignee="wang")
        return
    change = act(known, action, reason="x", assignee="wang")
    if outcome is None:
        assert change is None
        return
    assert change.alert.state is outcome
    assert change.alert.sequence == known.sequence + 1
    assert change.alert.updated_at == change.at == NOW
    closes = action in (Action.RESOLVE, Action.FALSE_ALARM)
    assert (change.alert.closed_at == NOW) is closes
    assert change.notify is (closes or action is Action.ACKNOWLEDGE)


def test_assigning_names_a_person_and_twice_is_once():
    change = act(alert(), Action.ASSIGN, assignee="wang")
    assert (change.kind, change.alert.assignee) == (EventKind.ASSIGNED, "wang")
    assert act(change.alert, Action.ASSIGN, assignee="wang") is None
    assert act(change.alert, Action.ASSIGN, assignee="").alert.assignee is None
    with pytest.raises(AlertError, match="assign to whom"):
        act(alert(), Action.ASSIGN)


def test_a_note_has_words():
    with pytest.raises(AlertError, match="empty note"):
        act(alert(), Action.NOTE, reason="  ")


def test_channels_get_exactly_the_events_that_have_a_type():
    assert frozenset(EVENT_TYPES) == NOTIFYING
