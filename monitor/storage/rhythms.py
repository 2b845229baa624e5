"""When sources speak: what is learned of it with every batch of new posts, kept in their rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select

from collectors import rhythm
from collectors.model import SourceKind
from collectors.rhythm import Rhythm
from monitor.storage import bulk
from monitor.storage.bulk import Row, json_text
from monitor.storage.instants import to_micros
from monitor.storage.tables import source

LEARNED = ("last_post_at", "rhythm", "expected_seconds", "items_per_hour")
_READ = (
    source.c.id, source.c.kind, source.c.interval_seconds, source.c.last_post_at, source.c.rhythm,
)  # fmt: skip


def note_arrivals(
    connection: Connection, arrivals: Mapping[int, Sequence[datetime]], now: datetime
) -> None:
    """Learn from the publication times of new posts, by source: one read and one write for all.

    What is pushed to us counts from now: its rhythm is that of the pushes. Call it once for every stored
    batch, in its transaction, after the rows of these sources were written (they are locked by then).
    """
    if not arrivals:
        return
    rows = connection.execute(
        select(*_READ).where(source.c.id.in_(sorted(arrivals))).order_by(source.c.id)
    ).mappings()
    bulk.update(
        connection, source, LEARNED, [_learned(row, arrivals[row["id"]], now) for row in rows]
    )


def _learned(row: RowMapping, times: Sequence[datetime], now: datetime) -> Row:
    if row["kind"] == SourceKind.PUSH:
        times = [now]
    known = rhythm.learn(Rhythm.from_json(row["rhythm"]), times, now)
    heard = _heard(row["last_post_at"], times, now)
    interval = timedelta(seconds=row["interval_seconds"])
    expected = rhythm.expected_within(known, heard, interval)
    hourly = rhythm.items_per_hour(known)
    return (
        to_micros(heard),
        json_text(known.to_json()),
        None if expected is None else round(expected.total_seconds()),
        None if hourly is None else round(hourly, 4),
        row["id"],
    )


def _heard(before: datetime | None, times: Sequence[datetime], now: datetime) -> datetime:
    """Return when the source spoke last; one that brings only old dates speaks now."""
    newest = min(max(times), now)
    if before is None or newest > before:
        return newest
    return now


def adaptive_interval(row: RowMapping) -> timedelta:
    """Return how long to wait until the next visit of a source whose pace is adaptive."""
    interval = timedelta(seconds=row["interval_seconds"])
    return rhythm.adaptive_interval(Rhythm.from_json(row["rhythm"]), interval)
