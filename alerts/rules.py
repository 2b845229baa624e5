"""What becomes of an alert: pure decisions on its state, a signal or a person's action, and now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Final

from alerts.model import Alert, AlertError, AlertState, Change, EventKind, IllegalTransition
from analysis.model import Signal, Tier

SYSTEM: Final = "system"
"""The actor of everything the machine does by itself."""

LOWER_AFTER: Final = 6
RESOLVE_AFTER: Final = 12
REOPEN_FOR: Final = timedelta(hours=24)
EVIDENCE_EVERY: Final = timedelta(minutes=15)

NOTIFYING: Final = frozenset(
    {
        EventKind.OPENED,
        EventKind.REOPENED,
        EventKind.TIER_RAISED,
        EventKind.ACKNOWLEDGED,
        EventKind.RESOLVED,
        EventKind.FALSE_ALARM,
    }
)
"""Events that channels get; the others are history only."""

ACKNOWLEDGE_WITHIN: Final[Mapping[Tier, timedelta]] = MappingProxyType(
    {
        Tier.RED: timedelta(minutes=10),
        Tier.ORANGE: timedelta(minutes=30),
        Tier.YELLOW: timedelta(hours=4),
        Tier.BLUE: timedelta(hours=24),
    }
)
RESPOND_WITHIN: Final[Mapping[Tier, timedelta]] = MappingProxyType(
    {
        Tier.RED: timedelta(hours=1),
        Tier.ORANGE: timedelta(hours=4),
        Tier.YELLOW: timedelta(hours=24),
    }
)
"""From the acknowledgement to the first response (黄金4小时); blue asks for none."""


class Action(StrEnum):
    """What a person may do to an alert."""

    ACKNOWLEDGE = "acknowledge"
    RESOLVE = "resolve"
    FALSE_ALARM = "false_alarm"
    ASSIGN = "assign"
    NOTE = "note"


def dedup_key(keyword_list_id: int) -> str:
    """Return the key under which at most one alert of a keyword list is open."""
    return f"keyword_list:{keyword_list_id}:burst"


def decide(
    signal: Signal | None,
    open_alert: Alert | None,
    recently_closed: Alert | None,
    *,
    title: str,
    now: datetime,
    quiet_buckets: int,
) -> Change | None:
    """Return what a judging changes, or None.

    A tier goes up with the first signal that supports it and comes down only after six quiet
    buckets; after twelve the alert is resolved.

    Args:
        signal: the strongest one, its tier may be ``NONE``; None where nothing was judged.
        open_alert: the alert open under the dedup key.
        recently_closed: the newest closed one, to be given only if the machine resolved it; it
            goes on under its id for 24 h. Where a person closed it, the judging got its closing
            time as ``cutoff`` instead, and what comes now is a new alert.
        title: of an alert that opens.
        now: the moment of deciding.
        quiet_buckets: how many of the newest buckets are quiet for the tier of ``open_alert``.
    """
    if open_alert is not None:
        return _carry_on(open_alert, signal, now, quiet_buckets)
    if signal is None or signal.tier == Tier.NONE:
        return None
    if recently_closed is not None and _goes_on(recently_closed, now):
        return _reopen(recently_closed, signal, now)
    return _open(signal, title, now)


def apply_action(
    alert: Alert,
    action: Action,
    *,
    actor: str,
    reason: str,
    now: datetime,
    assignee: str | None = None,
) -> Change | None:
    """Return what a person's action changes; None where it is done already.

    Args:
        alert: as stored.
        action: what to do.
        actor: who does it.
        reason: the person's words; a note must have some.
        now: when.
        assignee: who is to act, for ``assign``; an empty one takes the assignment back.

    Raises:
        IllegalTransition: a closed alert is to be acted on; only notes are taken.
        AlertError: a note without words, or ``assign`` without an assignee.
    """
    if action is Action.NOTE:
        if not reason.strip():
            raise AlertError(f"alert {alert.id}: an empty note; write what happened")
        return _event(alert, EventKind.NOTED, actor, reason, now)
    if action in _CLOSING:
        return _close(alert, action, actor=actor, reason=reason, now=now)
    if alert.state.is_closed:
        raise IllegalTransition(
            f"alert {alert.id} is {alert.state.value}: {action.value} is for open alerts; add a note instead"
        )
    if action is Action.ACKNOWLEDGE:
        return _acknowledge(alert, actor, reason, now)
    return _assign(alert, actor, reason, now, assignee)


def _carry_on(alert: Alert, signal: Signal | None, now: datetime, quiet: int) -> Change | None:
    tier = Tier.NONE if signal is None else signal.tier
    if signal is not None and tier > alert.tier:
        return _raise(alert, signal, now)
    if tier == Tier.NONE and quiet >= RESOLVE_AFTER:
        calm = _closed(alert, AlertState.RESOLVED, now)
        return _event(
            calm,
            EventKind.RESOLVED,
            SYSTEM,
            f"{quiet} quiet buckets",
            now,
            before=alert,
        )
    lower = max(tier, Tier.BLUE)
    if lower < alert.tier and quiet >= LOWER_AFTER:
        reason = f"{quiet} quiet buckets"
        return _event(
            replace(alert, tier=lower), EventKind.TIER_LOWERED, SYSTEM, reason, now, before=alert
        )
    if signal is not None and _is_news(alert, signal, now):
        seen = replace(alert, last_signal_at=min(signal.window_end, now))
        return _event(seen, EventKind.EVIDENCE_ADDED, SYSTEM, signal.reason.value, now)
    return None


def _is_news(alert: Alert, signal: Signal, now: datetime) -> bool:
    """Whether a signal shows something later than the last one; every 15 minutes is enough."""
    if signal.tier == Tier.NONE or now - alert.updated_at < EVIDENCE_EVERY:
        return False
    return alert.last_signal_at is None or signal.window_end > alert.last_signal_at


def _goes_on(closed: Alert, now: datetime) -> bool:
    if closed.state is not AlertState.RESOLVED or closed.closed_at is None:
        return False
    return now - closed.closed_at <= REOPEN_FOR


def _open(signal: Signal, title: str, now: datetime) -> Change:
    alert = Alert(
        id=0,
        dedup_key=dedup_key(signal.keyword_list_id),
        keyword_list_id=signal.keyword_list_id,
        state=AlertState.OPEN,
        tier=signal.tier,
        title=title,
        opened_at=now,
        updated_at=now,
        sequence=0,
        deadline_at=now + ACKNOWLEDGE_WITHIN[signal.tier],
        last_signal_at=min(signal.window_end, now),
    )
    nothing = replace(alert, tier=Tier.NONE)
    reason = signal.reason.value
    return _event(alert, EventKind.OPENED, SYSTEM, reason, now, before=nothing)


def _reopen(closed: Alert, signal: Signal, now: datetime) -> Change:
    alert = _unacknowledged(replace(closed, closed_at=None), signal, now)
    reason = signal.reason.value
    return _event(alert, EventKind.REOPENED, SYSTEM, reason, now, before=closed)


def _raise(alert: Alert, signal: Signal, now: datetime) -> Change:
    """Raise the tier. An acknowledgement was of the lower tier: somebody has to look again."""
    raised = _unacknowledged(alert, signal, now)
    if alert.state is AlertState.OPEN and alert.deadline_at and raised.deadline_at:
        raised = replace(raised, deadline_at=min(alert.deadline_at, raised.deadline_at))
    reason = signal.reason.value
    return _event(raised, EventKind.TIER_RAISED, SYSTEM, reason, now, before=alert)


def _unacknowledged(alert: Alert, signal: Signal, now: datetime) -> Alert:
    return replace(
        alert,
        state=AlertState.OPEN,
        tier=signal.tier,
        acknowledged_at=None,
        acknowledged_by=None,
        deadline_at=now + ACKNOWLEDGE_WITHIN[signal.tier],
        last_signal_at=min(signal.window_end, now),
    )


def _acknowledge(alert: Alert, actor: str, reason: str, now: datetime) -> Change | None:
    if alert.state is AlertState.ACKNOWLEDGED:
        return None
    respond = RESPOND_WITHIN.get(alert.tier)
    known = replace(
        alert,
        state=AlertState.ACKNOWLEDGED,
        acknowledged_at=now,
        acknowledged_by=actor,
        deadline_at=None if respond is None else now + respond,
    )
    return _event(known, EventKind.ACKNOWLEDGED, actor, reason, now, before=alert)


def _assign(
    alert: Alert, actor: str, reason: str, now: datetime, assignee: str | None
) -> Change | None:
    if assignee is None:
        raise AlertError(f"alert {alert.id}: assign to whom? give an assignee")
    if (alert.assignee or "") == assignee:
        return None
    return _event(replace(alert, assignee=assignee or None), EventKind.ASSIGNED, actor, reason, now)


_CLOSING: Final[Mapping[Action, tuple[AlertState, EventKind]]] = MappingProxyType(
    {
        Action.RESOLVE: (AlertState.RESOLVED, EventKind.RESOLVED),
        Action.FALSE_ALARM: (AlertState.FALSE_ALARM, EventKind.FALSE_ALARM),
    }
)


def _close(
    alert: Alert, action: Action, *, actor: str, reason: str, now: datetime
) -> Change | None:
    state, kind = _CLOSING[action]
    if alert.state is state:
        return None
    if alert.state.is_closed:
        raise IllegalTransition(
            f"alert {alert.id} is {alert.state.value} and cannot become {state.value}; add a note instead"
        )
    closed = _closed(alert, state, now)
    return _event(closed, kind, actor, reason, now, before=alert)


def _closed(alert: Alert, state: AlertState, now: datetime) -> Alert:
    return replace(alert, state=state, closed_at=now, deadline_at=None)


def _event(
    alert: Alert,
    kind: EventKind,
    actor: str,
    reason: str,
    now: datetime,
    *,
    before: Alert | None = None,
) -> Change:
    """Return the change: every event counts the alert's sequence up by one."""
    return Change(
        alert=replace(alert, sequence=alert.sequence + 1, updated_at=now),
        kind=kind,
        actor=actor,
        at=now,
        previous_tier=(before or alert).tier,
        reason=reason,
        notify=kind in NOTIFYING,
    )
