"""What the API takes and gives about sources."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from collectors.model import SourceState
from monitor.api.schemas import Body, Name, absent, without_nul
from monitor.http.errors import FetchError
from monitor.http.urls import checked_url
from monitor.storage.sources import host_of

LONGEST_URL = 2_000
LONGEST_HOST = 300


def usable_url(text: str) -> str:
    """Return ``text``; raises ValueError when it can never be asked: scheme, user information, no host."""
    try:
        checked_url(text)
        host = host_of(text)  # raises ValueError for a port beyond 65535
    except (FetchError, ValueError):
        raise ValueError(
            "需要 http:// 或 https:// 开头的地址,且不含用户名、密码和空白 "
            "(an http or https URL without user information or blanks)"
        ) from None
    if len(host) > LONGEST_HOST:
        raise ValueError("主机名过长 (host name too long)")
    return text


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError(f"{name!r} 不是 IANA 时区,例如 Asia/Shanghai (no IANA time zone)")
    return name


Url = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_URL),
    AfterValidator(without_nul),
    AfterValidator(usable_url),
]
Interval = Annotated[int, Field(ge=60, le=86_400, description="Seconds between two visits.")]
Zone = Annotated[
    str, Field(max_length=60), AfterValidator(without_nul), AfterValidator(_known_zone)
]
Kind = Literal["feed", "push"]
SOURCE_EXAMPLE: dict[str, Any] = {
    "name": "汽车论坛 新帖",
    "kind": "feed",
    "url": "https://forum.example.com/new.rss",
    "interval_seconds": 300,
    "options": {"timezone": "Asia/Shanghai"},
    "enabled": True,
}


class OptionsIn(Body):
    """Settings of the kind."""

    timezone: Zone = Field(
        default_factory=absent, description="What dates without a zone mean (IANA)."
    )


class SourceIn(Body):
    """A whole source; absent fields take their defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [SOURCE_EXAMPLE]})

    name: Name
    kind: Kind = "feed"
    url: Url | None = Field(
        default=None, description="Required for a feed, absent for a push source."
    )
    interval_seconds: Interval = 300
    options: OptionsIn = OptionsIn()
    enabled: bool = True

    @model_validator(mode="after")
    def _url_fits_kind(self) -> SourceIn:
        if self.kind == "feed" and self.url is None:
            raise ValueError("feed 数据源需要 url (a feed needs its url)")
        if self.kind == "push" and self.url is not None:
            raise ValueError(
                "push 数据源没有 url,信息由 POST /posts/batch 送入 (a push source has no url)"
            )
        return self


class SourcePatch(Body):
    """The fields to change; the kind of a source stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: Name = Field(default_factory=absent)
    url: Url = Field(default_factory=absent)
    interval_seconds: Interval = Field(default_factory=absent)
    options: OptionsIn = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class VisitIn(Body):
    """A source to try once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://forum.example.com/new.rss", "kind": "feed"}]
        }
    )

    url: Url
    kind: Literal["feed"] = Field(default="feed", description="Push sources are not visited.")
    options: OptionsIn = OptionsIn()


class SourceOut(BaseModel):
    """A source, with what we last learned about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4, **SOURCE_EXAMPLE, "version": 1, "state": "ok", "reason": None, "posts_total": 128,
                    "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-01T08:00:00Z",
                }
            ]
        }
    )  # fmt: skip

    id: int
    name: str
    kind: Kind
    url: str | None
    interval_seconds: int
    options: dict[str, Any]
    enabled: bool
    version: int
    state: SourceState
    reason: str | None
    posts_total: int
    created_at: datetime
    updated_at: datetime


class HealthOut(BaseModel):
    """How a source is: every state but ok has its reason."""

    id: int
    enabled: bool
    state: SourceState
    reason: str | None
    last_polled_at: datetime | None
    last_success_at: datetime | None
    last_status: int | None
    next_due_at: datetime | None
    error_count: int
    posts_total: int
    posts_24h: int = Field(description="Posts published in the last 24 hours.")


class VisitedPost(BaseModel):
    """A post as we would store it."""

    external_id: str
    kind: str
    url: str | None
    title: str | None
    text: str
    author: dict[str, Any]
    published_at: datetime
    precision: str
    lang: str
    sentiment: dict[str, Any]
    risks: list[str]
    keyword_lists: list[int]


class VisitOut(BaseModel):
    """What one visit brought: the first five posts."""

    state: SourceState
    reason: str | None
    status: int | None
    posts_found: int
    dropped: int
    data: list[VisitedPost]


class PollOut(BaseModel):
    """When the source is visited."""

    id: int
    next_due_at: datetime
