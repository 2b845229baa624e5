"""What the API takes and gives about channels, deliveries and keys."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from alerts import webhook
from alerts.model import AlertError, DeliveryState, Verdict
from monitor.api.schemas import LARGEST, Body, Name, absent
from monitor.api.schemas_sources import Url
from monitor.auth import Scope

FIRST_YEAR, LAST_YEAR = 2000, 2200


def _delivered(kind: str) -> str:
    if kind != "webhook":
        raise ValueError("目前只投递 webhook 渠道 (only webhook is delivered so far)")
    return kind


def _usable_secret(text: str) -> str:
    try:
        return webhook.secret_of(text)
    except AlertError as error:
        raise ValueError(str(error)) from error


def _utc(value: datetime) -> datetime:
    if value.tzinfo is None:
        raise ValueError("时间需要时区,例如 2026-12-31T00:00:00Z (give the zone)")
    if not FIRST_YEAR <= value.year < LAST_YEAR:
        raise ValueError(f"请给出 {FIRST_YEAR} 至 {LAST_YEAR} 年之间的时间 (out of range)")
    return value.astimezone(UTC)


ChannelKind = Annotated[
    str, AfterValidator(_delivered), Field(json_schema_extra={"enum": ["webhook"]})
]
WireTier = Literal["blue", "yellow", "orange", "red"]
ListIds = Annotated[list[Annotated[int, Field(ge=1, le=LARGEST)]], Field(max_length=1_000)]
# A secret is written by its holder alone: no blanks, as several are kept side by side while rotating.
Secret = Annotated[
    str,
    StringConstraints(min_length=24, max_length=200, pattern=r"^[!-~]+$"),
    AfterValidator(_usable_secret),
]
Expiry = Annotated[datetime, Field(strict=False), AfterValidator(_utc)]
ScopeName = Literal["read", "ingest", "respond", "admin"]
CHANNEL_EXAMPLE: dict[str, Any] = {
    "name": "值班机器人",
    "kind": "webhook",
    "url": "https://hooks.example.com/crisis/9f3a",
    "min_tier": "yellow",
    "keyword_lists": None,
    "enabled": True,
}


class ChannelIn(Body):
    """A whole channel; without a secret one is made and shown once."""

    model_config = ConfigDict(json_schema_extra={"examples": [CHANNEL_EXAMPLE]})

    name: Name
    kind: ChannelKind = "webhook"
    url: Url
    secret: Secret | None = Field(
        default=None, description="`whsec_` + base64, or any text of ≥ 24 bytes."
    )
    min_tier: WireTier = "yellow"
    keyword_lists: ListIds | None = Field(default=None, description="Ids; null: all lists.")
    enabled: bool = True


class ChannelPatch(Body):
    """The fields to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"min_tier": "orange"}]})

    name: Name = Field(default_factory=absent)
    url: Url = Field(default_factory=absent)
    secret: Secret = Field(default_factory=absent)
    min_tier: WireTier = Field(default_factory=absent)
    keyword_lists: ListIds | None = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class ChannelOut(BaseModel):
    """A channel; its address is masked and its secret never shown again."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    **CHANNEL_EXAMPLE, "id": 2, "url": "https://hooks.example.com/…9f3a", "disabled_reason": None,
                    "version": 1, "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z",
                }
            ]
        }
    )  # fmt: skip

    id: int
    name: str
    kind: str
    url: str
    min_tier: WireTier
    keyword_lists: list[int] | None
    enabled: bool
    disabled_reason: str | None
    version: int
    created_at: datetime
    updated_at: datetime


class NewChannelOut(ChannelOut):
    """A channel just made; ``secret`` is there only if it was made by us, and only now."""

    secret: str | None = None


class AttemptedOut(BaseModel):
    """What the test message came to."""

    webhook_id: str
    at: datetime
    status: int | None
    latency_ms: int
    verdict: Verdict
    error: str | None
    answer: str


class AttemptOut(BaseModel):
    """One try of a delivery."""

    number: int
    at: datetime
    status: int | None
    latency_ms: int
    verdict: Verdict
    headers: dict[str, str]
    answer: str


class DeliveryOut(BaseModel):
    """An alert's event on its way to a channel."""

    id: int
    alert_id: int | None
    event_id: int
    channel_id: int
    webhook_id: str
    state: DeliveryState
    attempts: int
    created_at: datetime
    next_attempt_at: datetime | None
    done_at: datetime | None
    last_error: str | None


class DeliveryDetailOut(DeliveryOut):
    """A delivery with its body and every attempt."""

    body: dict[str, Any]
    attempt_log: list[AttemptOut]


class TokenIn(Body):
    """A key to be made."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"name": "大屏", "scopes": ["read"]}]}
    )

    name: Name
    scopes: Annotated[list[ScopeName], Field(min_length=1, max_length=4)]
    expires_at: Expiry | None = Field(default=None, description="When it ends; null: never.")


class TokenOut(BaseModel):
    """A key without its secret."""

    id: str
    name: str
    scopes: list[Scope]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


class NewTokenOut(TokenOut):
    """A key just made: ``key`` is shown this once."""

    key: str
