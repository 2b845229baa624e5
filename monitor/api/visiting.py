"""One visit to a source that is not stored: what would come of it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from analysis.model import Document, Understanding
from collectors.model import Post, Precision, ProductRating, Source
from collectors.recipes.rehearsal import Rehearsal
from monitor.api.deps import Deps
from monitor.api.schemas_sources import VisitIn
from monitor.api.source_kinds import address_of, checked_options, checked_secrets
from monitor.pipeline.analyst import Rules

SHOWN_POSTS = 5
NAME = "test"


async def visit(needs: Deps, wanted: VisitIn) -> dict[str, Any]:
    """Return the state, its reason, and the first five posts as they would be stored."""
    secrets = checked_secrets(wanted.kind, wanted.secrets)
    source = Source(
        id=0,
        name=NAME,
        kind=wanted.kind,
        url=address_of(wanted.kind, wanted.url),
        interval=timedelta(minutes=5),
        options=checked_options(wanted.kind, wanted.options),
        secrets={name: value for name, value in secrets.items() if value is not None},
    )
    rehearsal = await needs.visiting.rehearse(source)
    shown = rehearsal.poll.posts[:SHOWN_POSTS]
    understood = await _understand(needs, shown)
    now = needs.clock()
    posts = [_post(post, read, now) for post, read in zip(shown, understood, strict=True)]
    return _answer(rehearsal, posts)


async def _understand(needs: Deps, posts: tuple[Post, ...]) -> list[Understanding]:
    if not posts:
        return []
    rules = await asyncio.to_thread(_rules, needs)
    return await needs.analysing.analyst.understand(rules, [_document(post) for post in posts])


def _rules(needs: Deps) -> Rules:
    with needs.database.read() as connection:
        return needs.analysing.rules.read(connection)


def _document(post: Post) -> Document:
    return Document(
        text=post.text,
        title=post.title or "",
        author=post.author.name or post.author.handle or "",
        source=NAME,
        lang=post.lang or "",
    )


def _answer(rehearsal: Rehearsal, posts: list[dict[str, Any]]) -> dict[str, Any]:
    poll = rehearsal.poll
    return {
        "state": poll.state.value,
        "reason": poll.reason,
        "status": poll.status,
        "posts_found": len(poll.posts),
        "dropped": poll.dropped,
        "deleted": len(poll.deleted),
        "ratings": [_rating(one) for one in poll.ratings],
        "unmapped": list(rehearsal.unmapped),
        "missing": list(rehearsal.missing),
        "sample": rehearsal.sample,
        "data": posts,
    }


def _rating(one: ProductRating) -> dict[str, Any]:
    stars = one.stars
    return {
        "product": one.product, "name": one.name, "value": stars.value, "best": stars.best,
        "worst": stars.worst, "normalised": stars.normalised, "count": one.count,
    }  # fmt: skip


def _post(post: Post, read: Understanding, now: datetime) -> dict[str, Any]:
    precision = post.precision if post.published_at else Precision.INFERRED
    return {
        "external_id": post.external_id,
        "kind": post.kind.value,
        "url": post.url,
        "title": post.title,
        "text": post.text,
        "author": {
            "name": post.author.name,
            "handle": post.author.handle,
            "followers": post.author.followers,
        },
        "published_at": post.published_at or now,
        "precision": precision.value,
        "metrics": dict(post.metrics),
        "rating": post.rating,
        "product": post.product,
        "lang": read.lang,
        "sentiment": {
            "label": read.sentiment.label.value,
            "score": read.sentiment.score,
            "confidence": read.sentiment.confidence,
        },
        "risks": [risk.risk_class for risk in read.risks],
        "keyword_lists": [matched.match.keyword_list_id for matched in read.mentions],
    }
