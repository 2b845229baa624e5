"""Figures about one source that its row does not hold."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from collectors.model import Precision
from monitor.storage.tables import post

MOST_TIMED = 200


def posts_between(connection: Connection, source_id: int, since: datetime, until: datetime) -> int:
    """Return how many posts of a source were published in [since, until)."""
    query = select(func.count()).where(
        post.c.source_id == source_id, post.c.published_at >= since, post.c.published_at < until
    )
    return connection.scalar(query) or 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Lag:
    """How long posts needed from their publication to us, in half and in 95 % of the cases."""

    p50: timedelta
    p95: timedelta
    posts: int


def lag(connection: Connection, source_id: int, since: datetime, until: datetime) -> Lag | None:
    """Return the lag of the newest 200 posts published in [since, until); None without any.

    Only publication times that the source gave exactly count.
    """
    query = (
        select(post.c.published_at, post.c.ingested_at)
        .where(
            post.c.source_id == source_id,
            post.c.published_at >= since,
            post.c.published_at < until,
            post.c.precision == Precision.EXACT.value,
        )
        .order_by(post.c.published_at.desc())
        .limit(MOST_TIMED)
    )
    lags = sorted(max(row[1] - row[0], timedelta(0)) for row in connection.execute(query))
    if not lags:
        return None
    return Lag(p50=_rank(lags, 0.5), p95=_rank(lags, 0.95), posts=len(lags))


def _rank(ordered: list[timedelta], share: float) -> timedelta:
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]
