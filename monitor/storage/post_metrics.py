"""Counts of a post over time (likes, reposts, views …): how fast it travels, not what it says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, select, update

from monitor.storage.engine import Database
from monitor.storage.tables import post, post_metric

CHUNK = 500
HOUR = timedelta(hours=1)


def note(
    database: Database,
    connection: Connection,
    seen: Mapping[int, Mapping[str, int]],
    *,
    now: datetime,
) -> int:
    """Store counts that changed since the last sight, by post id; returns how many posts changed.

    The first change also writes down what was counted before it, as of the post's storing.
    """
    changed = 0
    ids = sorted(post_id for post_id, metrics in seen.items() if metrics)
    for start in range(0, len(ids), CHUNK):
        rows = connection.execute(
            select(post.c.id, post.c.metrics, post.c.ingested_at)
            .where(post.c.id.in_(ids[start : start + CHUNK]))
            .order_by(post.c.id)
        ).all()
        moved = [row for row in rows if _moved(row.metrics, seen[row.id])]
        _write(database, connection, moved, seen, now)
        changed += len(moved)
    return changed


def _moved(before: Mapping[str, int], now_seen: Mapping[str, int]) -> bool:
    return any(before.get(name) != value for name, value in now_seen.items())


def _write(
    database: Database,
    connection: Connection,
    rows: Sequence[Any],
    seen: Mapping[int, Mapping[str, int]],
    now: datetime,
) -> None:
    if not rows:
        return
    history = [
        {"post_id": row.id, "at": at, "metrics": metrics}
        for row in rows
        for at, metrics in ((row.ingested_at, row.metrics), (now, {**row.metrics, **seen[row.id]}))
    ]
    connection.execute(database.insert(post_metric).on_conflict_do_nothing(), history)
    connection.execute(
        update(post).where(post.c.id == bindparam("b_id")).values(metrics=bindparam("b_metrics")),
        [{"b_id": row.id, "b_metrics": {**row.metrics, **seen[row.id]}} for row in rows],
    )


def history(connection: Connection, post_id: int) -> list[RowMapping]:
    """Return the counts of a post at each moment they had changed, oldest first."""
    query = (
        select(post_metric.c.at, post_metric.c.metrics)
        .where(post_metric.c.post_id == post_id)
        .order_by(post_metric.c.at)
    )
    return list(connection.execute(query).mappings())


def velocity(points: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the growth an hour of each count over the last two points; empty with fewer."""
    if len(points) < 2:  # two points make a slope
        return {}
    before, last = points[-2], points[-1]
    hours = (last["at"] - before["at"]) / HOUR
    if hours <= 0:
        return {}
    return {
        name: round((value - before["metrics"].get(name, 0)) / hours, 2)
        for name, value in last["metrics"].items()
    }
