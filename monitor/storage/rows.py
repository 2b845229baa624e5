"""Understood posts as rows: plain values in the order of their columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from analysis.model import Understanding
from collectors.model import Post, Precision
from monitor.storage.bulk import Row, json_text
from monitor.storage.instants import to_micros

POST = (
    "key", "source_id", "external_id", "kind", "url", "title", "text", "lang", "author_name", "author_handle",
    "followers", "published_at", "precision", "edited_at", "ingested_at", "metrics", "rating", "content_hash",
    "sentiment", "score", "confidence", "risks", "model_version", "details", "delivered_hash",
)  # fmt: skip
MENTION = (
    "post_id", "keyword_list_id", "published_at", "source_id", "source_kind", "sentiment", "score",
    "keyword_ids", "hits", "risks", "reach",
)  # fmt: skip
EDITED = (
    "title", "text", "url", "lang", "content_hash", "sentiment", "score", "confidence", "risks", "model_version",
    "rating", "details", "delivered_hash",
)  # fmt: skip
DETAILS = ("parent_id", "root_id", "repost_of", "product", "location")
NOTHING = "[]"
NO_METRICS = "{}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A post and what was read out of it, ready to be stored; ``key`` is the post's."""

    key: bytes
    post: Post
    source_kind: str
    understanding: Understanding


def post_row(item: Understood, now: datetime) -> Row:
    """Return a post's row in the order of ``POST``; a post without a date counts from ``now``."""
    it, read = item.post, item.understanding
    dated = it.published_at is not None
    return (
        item.key,
        it.source_id,
        it.external_id,
        it.kind.value,
        it.url,
        it.title,
        it.text,
        read.lang,
        it.author.name,
        it.author.handle,
        it.author.followers,
        to_micros(it.published_at or now),
        it.precision.value if dated else Precision.INFERRED.value,
        None if it.edited_at is None else to_micros(it.edited_at),
        to_micros(now),
        json_text(dict(it.metrics)) if it.metrics else NO_METRICS,
        it.rating,
        it.content_hash,
        read.sentiment.label.value,
        read.sentiment.score,
        read.sentiment.confidence,
        _risks(item),
        read.model_version,
        _details(it),
        it.delivered_hash,
    )


def _details(post: Post) -> str | None:
    """Return what only some posts have, None for the others."""
    found: dict[str, Any] = {
        name: value for name in DETAILS if (value := getattr(post, name)) is not None
    }
    if post.stars is not None:
        stars = post.stars
        found["stars"] = {"value": stars.value, "best": stars.best, "worst": stars.worst}
    if post.tags:
        found["tags"] = list(post.tags)
    return json_text(found) if found else None


def edited_row(post_id: int, item: Understood, now: datetime) -> Row:
    """Return what an edit changes, in the order of ``EDITED``, then the time and the post's id."""
    values = dict(zip(POST, post_row(item, now), strict=True))
    return (*(values[name] for name in EDITED), to_micros(item.post.edited_at or now), post_id)


def _risks(item: Understood) -> str:
    risks = item.understanding.risks
    if not risks:
        return NOTHING
    return json_text(
        [
            {
                "class": risk.risk_class,
                "status": risk.status.value,
                "hits": [[hit.start, hit.end] for hit in risk.hits],
            }
            for risk in risks
        ]
    )


def mentions_of(post_id: int, item: Understood, published_at: datetime) -> Iterator[dict[str, Any]]:
    """Yield one mention for every keyword list that the post matches."""
    if not item.understanding.mentions:
        return
    risks = [
        {"class": risk.risk_class, "status": risk.status.value} for risk in item.understanding.risks
    ]
    published = to_micros(published_at)
    for matched in item.understanding.mentions:
        yield {
            "post_id": post_id,
            "keyword_list_id": matched.match.keyword_list_id,
            "published_at": published,
            "source_id": item.post.source_id,
            "source_kind": item.source_kind,
            "sentiment": matched.target.label.value,
            "score": matched.target.score,
            "keyword_ids": list(matched.match.keyword_ids),
            "hits": [[span.start, span.end] for span in matched.match.hits],
            "risks": risks,
            "reach": item.post.author.followers,
        }


def mention_row(found: dict[str, Any]) -> Row:
    """Return a mention as the driver takes it, in the order of ``MENTION``."""
    return (
        found["post_id"],
        found["keyword_list_id"],
        found["published_at"],
        found["source_id"],
        found["source_kind"],
        found["sentiment"],
        found["score"],
        json_text(found["keyword_ids"]),
        json_text(found["hits"]),
        json_text(found["risks"]) if found["risks"] else NOTHING,
        found["reach"],
    )
