"""What the API gives of posts, mentions and trends, and the bodies it takes for them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from collectors.model import PostKind
from monitor.api.incoming import row_schema
from monitor.api.schemas import Body

Label = Literal["negative", "neutral", "positive", "unknown"]
PAGE_CURSOR = (
    "Where the next page starts; with `order=ingested` given even at the end, to read on later."
)
ROW_EXAMPLE: dict[str, Any] = {
    "source": "客服工单",
    "external_id": "T-20260310-0042",
    "title": "充电时起火",
    "text": "昨晚充电时电池起火，客服推诿，要求退车。",
    "author": {"name": "阿岚", "followers": 3200},
    "published_at": "2026-03-10T13:08:00+08:00",
    "metrics": {"likes": 12},
}


class Place(BaseModel):
    """A half-open range of characters of title, line feed and text (of the text alone without a title)."""

    start: int
    end: int


class RiskOut(BaseModel):
    """A risk class that the text states."""

    model_config = ConfigDict(populate_by_name=True)

    risk_class: str = Field(alias="class", examples=["safety_accident"])
    status: Literal["alleged", "confirmed", "denied"]
    hits: list[Place] | None = Field(
        default=None, description="The places that state it, where they are kept."
    )


class AuthorOut(BaseModel):
    """Who published a post; unknown is null, never 0."""

    name: str | None
    handle: str | None
    followers: int | None


class DetailsOut(BaseModel):
    """What only some posts have; the ids are external ids within the source."""

    stars: dict[str, float] | None = Field(
        default=None, description="The rating as published: value, best, worst."
    )
    product: str | None = None
    parent_id: str | None = None
    root_id: str | None = None
    repost_of: str | None = None
    location: str | None = None
    tags: list[str] | None = None


class MetricsPoint(BaseModel):
    """Counts of a post as seen at one moment."""

    at: datetime
    metrics: dict[str, int]


class MetricsOut(BaseModel):
    """Counts of a post over time."""

    post_id: int
    data: list[MetricsPoint] = Field(description="Oldest first; one point for every change.")
    velocity: dict[str, float] = Field(description="Growth an hour over the last two points.")


class Revision(BaseModel):
    """What a post said until an edit was seen."""

    at: datetime = Field(description="When the edit was seen.")
    title: str | None
    text: str


class RevisionsOut(BaseModel):
    """Earlier words of a post."""

    post_id: int
    data: list[Revision] = Field(description="Oldest first.")


class PostOut(BaseModel):
    """A post as stored."""

    id: int
    source_id: int
    source: str = Field(description="Name of the source.")
    source_kind: str
    external_id: str
    kind: PostKind
    url: str | None
    title: str | None
    text: str
    lang: str
    author: AuthorOut
    published_at: datetime
    precision: Literal["exact", "minute", "hour", "day", "inferred"]
    edited_at: datetime | None
    ingested_at: datetime
    metrics: dict[str, int]
    rating: float | None = Field(description="0…1")
    details: DetailsOut = Field(description="What only some posts have.")
    deleted_at: datetime | None = Field(description="When the source first said it is gone.")
    sentiment: Label
    score: float = Field(description="−1…1: P(positive) − P(negative)")
    confidence: float
    risks: list[RiskOut]
    hits: list[Place] | None = Field(
        default=None, description="Where `q` matched; only in searches."
    )


class PostPage(BaseModel):
    """A page of posts."""

    data: list[PostOut]
    next_cursor: str | None = Field(description=PAGE_CURSOR)
    has_more: bool


class ListRef(BaseModel):
    """A keyword list by id and name."""

    id: int
    name: str


class MentionOut(BaseModel):
    """A post matched by a keyword list, with the sentiment toward that list's subject."""

    id: int
    post_id: int
    keyword_list_id: int
    keyword_list: ListRef
    keywords: list[str] = Field(description="The aliases and expressions that matched.")
    hits: list[Place]
    source_id: int
    source: str
    source_kind: str
    kind: str
    title: str | None
    text: str
    url: str | None
    lang: str
    author: str | None
    followers: int | None
    published_at: datetime
    precision: str
    ingested_at: datetime
    sentiment: Label
    score: float
    risks: list[RiskOut]
    reach: int | None = Field(description="Estimated people who saw it; null: unknown.")
    label_by: str | None = Field(description="Who corrected the sentiment; null: nobody.")
    query_hits: list[Place] | None = Field(
        default=None, description="Where `q` matched; only in searches."
    )


class MentionPage(BaseModel):
    """A page of mentions."""

    data: list[MentionOut]
    next_cursor: str | None = Field(description=PAGE_CURSOR)
    has_more: bool


class LabelIn(Body):
    """The sentiment that a person found."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"sentiment": "neutral"}]})

    sentiment: Literal["negative", "neutral", "positive"]


class RowAnswer(BaseModel):
    """What became of one row."""

    index: int = Field(description="Counted from 0; blank lines of NDJSON do not count.")
    status: Literal["created", "duplicate", "updated", "rejected"]
    id: int | None = Field(default=None, description="The post; absent for a rejected row.")
    reason: str | None = None
    pointer: str | None = Field(default=None, examples=["#/3/author/followers"])


class BatchAnswer(BaseModel):
    """What became of a batch, row by row in its order."""

    created: int
    duplicate: int
    updated: int
    rejected: int
    rows: list[RowAnswer]


class WordOut(BaseModel):
    """A word that drove the score: positive weights pull to positive."""

    text: str
    start: int
    end: int
    weight: float


class SentimentOut(BaseModel):
    """A judgement of a text."""

    label: Label
    score: float
    confidence: float


class ExplainedMention(BaseModel):
    """Why the post is a mention of a list."""

    id: int
    keyword_list_id: int
    keyword_list: ListRef
    keywords: list[str]
    hits: list[Place]
    sentiment: Label
    score: float
    label_by: str | None


class PostExplanation(BaseModel):
    """Why a post was judged as it was; all places are in `text`, which holds title and text."""

    post_id: int
    text: str
    lang: str
    sentiment: SentimentOut = Field(description="Judged now, by the current model.")
    stored: SentimentOut = Field(description="As judged when the post was stored.")
    words: list[WordOut]
    risks: list[RiskOut]
    mentions: list[ExplainedMention]
    model_version: str
    stored_model_version: str


class PointOut(BaseModel):
    """One bucket, or one group in one bucket; nothing published is 0, and its score is null."""

    time: datetime
    count: int
    negative: int
    neutral: int
    positive: int
    score: float | None = Field(
        description="Mean score −1…1; null without mentions and for `group_by=sentiment`."
    )
    group: str | None = None
    keyword_id: int | None = None


class GapOut(BaseModel):
    """A source that should speak and does not: what is counted meanwhile is not all there was."""

    source_id: int
    name: str
    since: datetime
    until: datetime | None = Field(description="null: it still does not speak.")
    cause: str = Field(
        description="silence, failing, blocked, rate_limited, recipe_broken, not_a_feed or gone."
    )
    reason: str


class TrendOut(BaseModel):
    """A zero-filled series. After `complete_until` a quiet bucket is not yet known to be quiet."""

    since: datetime
    until: datetime
    tz: str
    bucket: Literal["5m", "15m", "1h", "1d"]
    complete_until: datetime
    gaps: list[GapOut]
    data: list[PointOut]


def batch_body() -> dict[str, Any]:
    """Return the OpenAPI description of a batch's body."""
    row = {**row_schema(), "examples": [ROW_EXAMPLE]}
    content = {
        "application/json": {"schema": {"type": "array", "items": row, "maxItems": 5_000}},
        "application/x-ndjson": {"schema": {"type": "string", "description": "One row a line."}},
    }
    return {"requestBody": {"required": True, "content": content}}


def row_body() -> dict[str, Any]:
    """Return the OpenAPI description of a single post's body: a row, its key in the path."""
    row = dict(row_schema())
    row["required"] = []
    example = {
        name: value for name, value in ROW_EXAMPLE.items() if name not in ("source", "external_id")
    }
    content = {"application/json": {"schema": {**row, "examples": [example]}}}
    return {"requestBody": {"required": True, "content": content}}
