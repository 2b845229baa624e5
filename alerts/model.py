"""The values of warning: alerts, their events, channels and deliveries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from analysis.model import Tier


class AlertState(StrEnum):
    """Life of an alert; ``resolved`` and ``false_alarm`` are closed."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"
    FALSE_ALARM = "false_alarm"

    @property
    def is_closed(self) -> bool:
        """Whether nobody has to act any more."""
        return self in (AlertState.RESOLVED, AlertState.FALSE_ALARM)


class EventKind(StrEnum):
    """What happened to an alert; each is one append-only row."""

    OPENED = "opened"
    TIER_RAISED = "tier_raised"
    TIER_LOWERED = "tier_lowered"
    EVIDENCE_ADDED = "evidence_added"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    NOTED = "noted"
    RESOLVED = "resolved"
    FALSE_ALARM = "false_alarm"
    REOPENED = "reopened"
    DELIVERY_DEAD = "delivery_dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """An incident that people handle; grows by signals. ``sequence`` counts its events.

    An alert about sources of ours has keyword list 0, and the source's id where it is about one.
    """

    id: int
    dedup_key: str
    keyword_list_id: int
    state: AlertState
    tier: Tier
    title: str
    opened_at: datetime
    updated_at: datetime
    sequence: int
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    assignee: str | None = None
    closed_at: datetime | None = None
    deadline_at: datetime | None = None
    last_signal_at: datetime | None = None
    source_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An alert as it is to be stored, with the event that says why. ``alert.id`` is 0 before its first row."""

    alert: Alert
    kind: EventKind
    actor: str
    at: datetime
    previous_tier: Tier
    reason: str
    notify: bool


class ChannelKind(StrEnum):
    """Where an alert goes; only generic webhooks are delivered so far."""

    WEBHOOK = "webhook"


class DeliveryState(StrEnum):
    """Life of a delivery."""

    DUE = "due"
    DONE = "done"
    DEAD = "dead"


class Verdict(StrEnum):
    """What an answer to an attempt means."""

    OK = "ok"
    RETRY = "retry"
    THROTTLED = "throttled"
    CONFIG = "config"
    DEAD = "dead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What came back from a channel, or that nothing did (``status`` None, ``error`` says why)."""

    status: int | None
    headers: Mapping[str, str]
    body: str
    error: str | None = None


class AlertError(Exception):
    """An alert or a channel cannot be used like that; the text names it and the remedy."""


class IllegalTransition(AlertError):
    """An action that the alert's state does not allow."""
