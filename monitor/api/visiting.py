"""One visit to a source that is not stored: what would come of it."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any

from analysis.model import Document, Understanding
from collectors.base import collector_for
from collectors.model import Poll, Post, Precision, Source, SourceKind
from monitor.api.deps import Deps
from monitor.api.schemas_sources import VisitIn
from monitor.pipeline.analyst import Rules

SHOWN_POSTS = 5
NAME = "test"


async def visit(needs: Deps, wanted: VisitIn) -> dict[str, Any]:
    """Return the state, its reason, and the first five posts as they would be stored."""
    kind = SourceKind(wanted.kind)
    source = Source(
        id=0,
        name=NAME,
        kind=kind,
        url=wanted.url,
        interval=timedelta(minutes=5),
        options=wanted.options.model_dump(exclude_unset=True),
    )
    now = needs.clock()
    poll = await collector_for(kind).collect(source, slot=now, http=needs.http, now=now)
    shown = poll.posts[:SHOWN_POSTS]
    understood = await _understand(needs, shown)
    return _answer(
        poll, [_post(post, read, now) for post, read in zip(shown, understood, strict=True)]
    )


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


def _answer(poll: Poll, posts: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "state": poll.state.value,
        "reason": poll.reason,
        "status": poll.status,
        "posts_found": len(poll.posts),
        "dropped": poll.dropped,
        "data": posts,
    }


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
        "lang": read.lang,
        "sentiment": {
            "label": read.sentiment.label.value,
            "score": read.sentiment.score,
            "confidence": read.sentiment.confidence,
        },
        "risks": [risk.risk_class for risk in read.risks],
        "keyword_lists": [matched.match.keyword_list_id for matched in read.mentions],
    }
