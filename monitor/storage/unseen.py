"""Figures about blind sources: how much of a list they carry, and what came in late with a guessed time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, func, select

from analysis.model import Sentiment
from collectors.model import Precision
from monitor.storage.tables import mention, post

MOST_COUNTED = 5_000
TIMED = (Precision.EXACT.value, Precision.MINUTE.value)


def shares(
    connection: Connection, list_id: int, *, since: datetime, until: datetime
) -> dict[int, float]:
    """Return each source's share (0…1) of the list's mentions published in [since, until).

    Of many mentions the newest 5,000 are counted. Without mentions nobody carries anything.
    """
    newest = (
        select(mention.c.source_id)
        .where(
            mention.c.keyword_list_id == list_id,
            mention.c.published_at >= since,
            mention.c.published_at < until,
        )
        .order_by(mention.c.published_at.desc())
        .limit(MOST_COUNTED)
        .subquery()
    )
    query = select(newest.c.source_id, func.count()).group_by(newest.c.source_id)
    counts = {row[0]: row[1] for row in connection.execute(query)}
    total = sum(counts.values())
    return {source_id: count / total for source_id, count in counts.items()}


def guessed(
    connection: Connection,
    list_id: int,
    spots: Sequence[RowMapping],
    *,
    since: datetime,
    until: datetime,
) -> list[tuple[datetime, bool]]:
    """Return (publication, whether negative) of late mentions whose time is a guess inside a blind spot.

    Late: stored after the blind spot was noticed. Only those published in [since, until] are read.
    """
    if not spots:
        return []
    query = (
        select(
            mention.c.source_id,
            mention.c.published_at,
            mention.c.sentiment,
            post.c.ingested_at,
        )
        .join(post, post.c.id == mention.c.post_id)
        .where(
            mention.c.keyword_list_id == list_id,
            mention.c.published_at >= since,
            mention.c.published_at <= until,
            mention.c.source_id.in_(sorted({spot["source_id"] for spot in spots})),
            post.c.precision.not_in(TIMED),
        )
    )
    by_source: dict[int, list[RowMapping]] = {}
    for spot in spots:
        by_source.setdefault(spot["source_id"], []).append(spot)
    return [
        (row.published_at, row.sentiment == Sentiment.NEGATIVE.value)
        for row in connection.execute(query)
        if any(
            _is_inside(row.published_at, row.ingested_at, spot) for spot in by_source[row.source_id]
        )
    ]


def _is_inside(published_at: datetime, ingested_at: datetime, spot: RowMapping) -> bool:
    if ingested_at < spot["noticed_at"] or published_at <= spot["since"]:
        return False
    return spot["until"] is None or published_at <= spot["until"]
