"""What the API gives about how sources are."""

from __future__ import annotations

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from collectors.advice import ErrorClass
from collectors.model import SourceState


class AdviceOut(BaseModel):
    """What the operator can do."""

    zh: str
    en: str


class LagOut(BaseModel):
    """From publication to us, of posts of the last 24 hours whose time is exact (the newest 200)."""

    p50_seconds: float | None
    p95_seconds: float | None
    posts: int


class PaceOut(BaseModel):
    """Posts an hour, by their time of publication, beside what the source's rhythm lets expect."""

    last_hour: int
    last_24h: float
    expected: float | None = Field(description="null: too little is known yet.")


class QuotaOut(BaseModel):
    """What the server still allows, as it last said."""

    remaining: int
    limit: int | None
    reset_at: datetime | None


class BlindSpotOut(BaseModel):
    """A stretch of time in which a source should have spoken and did not."""

    id: int
    source_id: int
    source: str
    cause: str = Field(
        description="silence, failing, blocked, rate_limited, recipe_broken, not_a_feed or gone."
    )
    reason: str
    since: datetime
    until: datetime | None = Field(description="null: it still does not speak.")
    noticed_at: datetime
    alert_id: int | None


class SourceHealthOut(BaseModel):
    """How a source is. Every state but new and ok has its reason, since when, and what to do."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4, "enabled": True, "state": "blocked", "reason": "需要登录或密钥无效 (401, sign-in required)",
                    "since": "2026-03-10T02:00:00Z", "next_try_at": "2026-03-10T08:00:00Z",
                    "next_due_at": "2026-03-10T08:00:00Z", "advice": {"zh": "请更新密钥。", "en": "Renew the key."},
                    "last_polled_at": "2026-03-10T02:00:00Z", "last_success_at": "2026-03-10T01:55:00Z",
                    "last_post_at": "2026-03-10T01:40:00Z", "last_status": 401, "error_class": "refusal",
                    "error_count": 1, "latency_ms": 420, "posts_total": 128, "posts_24h": 31,
                    "lag": {"p50_seconds": 95.0, "p95_seconds": 280.0, "posts": 31},
                    "items_per_hour": {"last_hour": 0, "last_24h": 1.3, "expected": 1.4},
                    "expected_seconds": 7200, "quota": None, "blind_spot": None,
                }
            ]
        }
    )  # fmt: skip

    id: int
    enabled: bool
    state: SourceState
    reason: str | None
    since: datetime | None = Field(description="Since when the state is this.")
    next_try_at: datetime | None = Field(
        description="When it is visited next; null for push sources, disabled ones and what is gone."
    )
    next_due_at: datetime | None
    advice: AdviceOut | None
    last_polled_at: datetime | None
    last_success_at: datetime | None
    last_post_at: datetime | None = Field(description="When it last said something new.")
    last_status: int | None
    error_class: ErrorClass | None
    error_count: int
    latency_ms: int | None = Field(description="How long the last visit took.")
    posts_total: int
    posts_24h: int = Field(description="Posts published in the last 24 hours.")
    lag: LagOut
    items_per_hour: PaceOut
    expected_seconds: int | None = Field(
        description="Within what time it should speak; twice that is silence. null: too little is known yet."
    )
    quota: QuotaOut | None
    blind_spot: BlindSpotOut | None = Field(description="The one that is open now.")
