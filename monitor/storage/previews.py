"""Stored posts for trying expressions on, newest first, without reading more than is looked at."""

from __future__ import annotations

from collections.abc import Generator
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from analysis.search import Prefilter
from monitor.storage import search
from monitor.storage.engine import Database
from monitor.storage.tables import post, source

FETCHED_AT_ONCE = 200


def recent(
    database: Database,
    connection: Connection,
    prefilter: Prefilter,
    *,
    since: datetime,
    until: datetime,
    limit: int,
) -> Generator[RowMapping, None, None]:
    """Yield posts of [since, until) that may match, at most ``limit``; close it when stopping early."""
    query = (
        select(
            post.c.id, post.c.title, post.c.text, post.c.url, post.c.lang, post.c.author_name, post.c.author_handle,
            post.c.published_at, post.c.sentiment, source.c.name.label("source"),
        )
        .join(source, source.c.id == post.c.source_id)
        .where(post.c.published_at >= since, post.c.published_at < until)
        .order_by(post.c.published_at.desc(), post.c.id.desc())
        .limit(limit)
        .execution_options(yield_per=FETCHED_AT_ONCE)
    )  # fmt: skip
    condition = search.candidates(database, prefilter)
    if condition is not None:
        query = query.where(condition)
    with connection.execute(query) as result:
        yield from result.mappings()
