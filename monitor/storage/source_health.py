"""Figures about one source that its row does not hold."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection, func, select

from monitor.storage.tables import post


def posts_between(connection: Connection, source_id: int, since: datetime, until: datetime) -> int:
    """Return how many posts of a source were published in [since, until)."""
    query = select(func.count()).where(
        post.c.source_id == source_id, post.c.published_at >= since, post.c.published_at < until
    )
    return connection.scalar(query) or 0
