"""What the API gives of alerts, and the bodies of actions on them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from monitor.api.schemas import Body, without_nul
from monitor.api.schemas_posts import ListRef

State = Literal["open", "acknowledged", "resolved", "false_alarm"]
TierName = Literal["none", "blue", "yellow", "orange", "red"]
EventName = Literal[
    "opened", "tier_raised", "tier_lowered", "evidence_added", "acknowledged", "assigned", "noted", "resolved",
    "false_alarm", "reopened", "delivery_dead",
]  # fmt: skip
Words = Annotated[str, StringConstraints(max_length=4_000), AfterValidator(without_nul)]
Note = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=4_000),
    AfterValidator(without_nul),
]
Person = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=200), AfterValidator(without_nul)
]


class ActionIn(Body):
    """Why, in the words of who acts; may be empty."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "已联系售后核实"}]})

    reason: Words = ""


class AssignIn(Body):
    """Who is to act; an empty assignee takes the assignment back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"assignee": "李岚"}]})

    assignee: Person
    reason: Words = ""


class NoteIn(Body):
    """A note for the record."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"text": "客服已回访三位车主"}]})

    text: Note


class EvidenceOut(BaseModel):
    """A post behind an alert."""

    post_id: int
    url: str | None
    source: str
    excerpt: str
    published_at: datetime | None


class EventOut(BaseModel):
    """What happened to an alert; never changed afterwards."""

    id: int
    alert_id: int
    sequence: int
    kind: EventName
    at: datetime
    tier: TierName
    previous_tier: TierName
    actor: str
    reason: str


class AlertOut(BaseModel):
    """An incident that people handle."""

    id: int
    keyword_list_id: int | None = Field(description="null: the alert is about sources of ours.")
    keyword_list: ListRef | None
    source_id: int | None = Field(
        description="The source it is about; null: a list, or many sources."
    )
    state: State
    tier: TierName
    tier_rank: int = Field(description="0 none … 4 red, to sort by.")
    title: str
    opened_at: datetime
    updated_at: datetime
    sequence: int = Field(description="How many events the alert has.")
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    assignee: str | None
    closed_at: datetime | None
    deadline_at: datetime | None = Field(
        description="Until when somebody has to acknowledge, then to respond."
    )
    last_signal_at: datetime | None
    sentence: str | None = Field(description="Why it fired, in one sentence with window and units.")
    counts: dict[str, Any] = Field(description="Figures of the window that was judged last.")
    evidence: list[EvidenceOut]


class AlertWithEvents(AlertOut):
    """An alert and its history."""

    events: list[EventOut]


class EventWithAlert(EventOut):
    """An event and its alert as it is now."""

    alert: AlertOut


class ConditionOut(BaseModel):
    """One row of "why it fired"."""

    name: str
    label: str
    observed: float | None
    baseline: float | None
    threshold: float | None
    met: bool


class WindowOut(BaseModel):
    """The window that was judged, half open."""

    start: datetime
    end: datetime


class AlertExplanation(BaseModel):
    """The conditions of an alert, frozen when it was judged."""

    model_config = ConfigDict(extra="allow")

    alert_id: int
    sentence: str | None = None
    reason: str | None = None
    tier: TierName | None = None
    rule_version: str | None = None
    window: WindowOut | None = None
    conditions: list[ConditionOut] = []
