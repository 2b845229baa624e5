"""What the API takes and gives about sources."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)

from collectors.model import SourceState
from monitor.api.schemas import Body, Name, absent, without_nul
from monitor.http.errors import FetchError
from monitor.http.urls import checked_url
from monitor.storage.hosts import host_of

LONGEST_URL = 2_000
LONGEST_HOST = 300


def usable_url(text: str) -> str:
    """Return ``text``; raises ValueError when it can never be asked: scheme, user information, no host."""
    try:
        checked_url(text)
    except (FetchError, ValueError):
        host = ""
    else:
        host = host_of(text)  # none with a port beyond 65535
    if not host:
        raise ValueError(
            "需要 http:// 或 https:// 开头的地址,且不含用户名、密码和空白 "
            "(an http or https URL without user information or blanks)"
        )
    if len(host) > LONGEST_HOST:
        raise ValueError("主机名过长 (host name too long)")
    return text


Url = Annotated[
    str,
    StringConstraints(strip_whitespace=True, max_length=LONGEST_URL),
    AfterValidator(without_nul),
    AfterValidator(usable_url),
]
Interval = Annotated[int, Field(ge=60, le=86_400, description="Seconds between two visits.")]
Kind = Annotated[
    str,
    StringConstraints(pattern="^[a-z][a-z0-9_]{0,19}$"),
    Field(description="`push`, or a kind of `GET /source-kinds`."),
]
Options = Annotated[
    dict[str, Any],
    Field(description="Settings of the kind; their schema is in `GET /source-kinds`."),
]
SecretName = Annotated[str, StringConstraints(pattern="^[A-Za-z][A-Za-z0-9_]{0,39}$")]
Secret = Annotated[str, Field(min_length=1, max_length=8_000), AfterValidator(without_nul)]
Secrets = Annotated[
    dict[SecretName, Secret | None],
    Field(
        max_length=20,
        description="Tokens, passwords and cookies by name: sealed, never shown again. null takes one away.",
    ),
]
SOURCE_EXAMPLE: dict[str, Any] = {
    "name": "汽车论坛 新帖",
    "kind": "feed",
    "url": "https://forum.example.com/new.rss",
    "interval_seconds": 300,
    "options": {"timezone": "Asia/Shanghai"},
    "enabled": True,
}


class SourceIn(Body):
    """A whole source; absent fields take their defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [SOURCE_EXAMPLE]})

    name: Name
    kind: Kind = "feed"
    url: Url | None = Field(
        default=None, description="May be left out where the kind has an address of its own."
    )
    interval_seconds: Interval = 300
    options: Options = Field(default={})
    secrets: Secrets = Field(default={})
    enabled: bool = True


class SourcePatch(Body):
    """The fields to change; the kind of a source stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: Name = Field(default_factory=absent)
    url: Url = Field(default_factory=absent)
    interval_seconds: Interval = Field(default_factory=absent)
    options: Options = Field(default_factory=absent)
    secrets: Secrets = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class VisitIn(Body):
    """A source to try once."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"url": "https://forum.example.com/new.rss", "kind": "feed"}]
        }
    )

    url: Url | None = None
    kind: Kind = "feed"
    options: Options = Field(default={})
    secrets: Secrets = Field(default={})


class SourceOut(BaseModel):
    """A source, with what we last learned about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 4, **SOURCE_EXAMPLE, "secrets": [], "version": 1, "state": "ok",
                    "reason": None, "state_since": "2026-03-01T08:00:00Z", "posts_total": 128,
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
    secrets: list[str] = Field(description="Names of the secrets that are set.")
    enabled: bool
    version: int
    state: SourceState
    reason: str | None
    state_since: datetime | None
    posts_total: int
    created_at: datetime
    updated_at: datetime


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
    metrics: dict[str, int]
    rating: float | None
    product: str | None
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
    deleted: int = Field(description="Posts the source says are gone.")
    ratings: list[dict[str, Any]] = Field(description="What products are rated all in all.")
    unmapped: list[str] = Field(description="Recipes: names in the answer that no field uses.")
    missing: list[str] = Field(description="Recipes: fields that found nothing.")
    sample: str | None = Field(description="Recipes: the beginning of what came back.")
    data: list[VisitedPost]


class KindOut(BaseModel):
    """A kind of source, and how it is set."""

    kind: str
    title: str
    default_url: str | None
    secrets: list[str]
    obeys_robots: bool
    options_schema: dict[str, Any] = Field(description="JSON Schema of `options`.")


PresetName = Annotated[str, StringConstraints(pattern="^[a-z0-9_-]{1,60}$")]
Parameter = Annotated[str, Field(min_length=1, max_length=2_000), AfterValidator(without_nul)]


class PresetIn(Body):
    """What a preset is filled in with."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"parameters": {"base": "http://127.0.0.1:4444"}}]}
    )

    parameters: dict[SecretName, Parameter] = Field(default={})


class PresetOut(BaseModel):
    """A recipe for a well-known address."""

    name: str
    title: str
    title_en: str
    kind: str
    parameters: list[str]
    secrets: list[str]
    interval_seconds: int
    note: str


class FilledOut(BaseModel):
    """A preset with its parameters: add a name, and it is the body of `POST /sources`."""

    kind: str
    url: str
    options: dict[str, Any]
    interval_seconds: int


class RatingOut(BaseModel):
    """What all reviewers together gave a product at one moment."""

    at: datetime
    product: str
    name: str | None
    url: str | None
    value: float
    best: float
    worst: float
    normalised: float | None = Field(description="0…1; null outside of its own scale.")
    count: int | None = Field(description="Ratings behind the value; null where it is not told.")


class PollOut(BaseModel):
    """When the source is visited."""

    id: int
    next_due_at: datetime
