"""Rollups: counts per keyword list, bucket, dimension and sentiment class.

A row's ``dimension`` is ``source_kind`` (its values partition the list's mentions, so their sum is
the list), ``keyword`` (value = the keyword's id) or ``risk``. Each exists in two widths, 5 minutes
for detection and short charts, 1 hour for long ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, select

from analysis.model import Sentiment
from monitor.storage import bulk
from monitor.storage.instants import EPOCH, to_micros
from monitor.storage.tables import dirty, rollup

BUCKET = timedelta(minutes=5)
HOUR = timedelta(hours=1)
WIDTHS = (300, 3600)
CLASSES = (Sentiment.NEGATIVE.value, Sentiment.NEUTRAL.value, Sentiment.POSITIVE.value)
COUNTED = ("count", "negative", "neutral", "positive", "score_milli")
COLUMNS = ("keyword_list_id", "dimension", "value", "width", "bucket", *COUNTED)
ADD = "ON CONFLICT (keyword_list_id, dimension, width, bucket, value) DO UPDATE SET " + ", ".join(
    f'"{name}" = rollup."{name}" + excluded."{name}"' for name in COUNTED
)
Key = tuple[int, str, str, int, int]


@dataclass(slots=True)
class Deltas:
    """What a batch adds to (or takes from) the rollups, gathered before one sorted upsert."""

    cells: dict[Key, list[int]] = field(default_factory=dict)

    def add(self, mention: Any, sign: int = 1) -> None:  # noqa: ANN401  # a mention row, by column name
        """Count one mention row in every dimension and width."""
        slot = CLASSES.index(mention["sentiment"]) if mention["sentiment"] in CLASSES else None
        milli = round(mention["score"] * 1000)
        published = mention["published_at"]
        seconds = (published if isinstance(published, int) else to_micros(published)) // 1_000_000
        for dimension, value in _cells(mention):
            for width in WIDTHS:
                key = (
                    mention["keyword_list_id"],
                    dimension,
                    value,
                    width,
                    seconds - seconds % width,
                )
                cell = self.cells.setdefault(key, [0, 0, 0, 0, 0])
                cell[0] += sign
                cell[4] += sign * milli
                if slot is not None:
                    cell[1 + slot] += sign

    def buckets(self) -> set[tuple[int, int]]:
        """The (keyword list, 5-minute bucket in µs) that changed."""
        return {(key[0], key[4] * 1_000_000) for key in self.cells if key[3] == WIDTHS[0]}


def _cells(mention: Any) -> Iterable[tuple[str, str]]:  # noqa: ANN401
    yield "source_kind", mention["source_kind"]
    for keyword_id in mention["keyword_ids"]:
        yield "keyword", str(keyword_id)
    for risk in {risk["class"] for risk in mention["risks"]}:
        yield "risk", risk


def apply(connection: Connection, deltas: Deltas, *, now: datetime) -> None:
    """Mark the changed buckets dirty, then add the deltas: sorted, in one statement, last.

    Writers that touch the same keys in the same order cannot deadlock, and hold the hot rows
    for the shortest time.
    """
    if not deltas.cells:
        return
    marked = to_micros(now)
    bulk.insert(
        connection,
        dirty,
        ("keyword_list_id", "bucket", "marked_at"),
        [(list_id, bucket, marked) for list_id, bucket in sorted(deltas.buckets())],
        then="ON CONFLICT DO NOTHING",
    )
    bulk.insert(
        connection,
        rollup,
        COLUMNS,
        [
            (list_id, dimension, value, width, seconds * 1_000_000, *deltas.cells[key])
            for key in sorted(deltas.cells)
            for list_id, dimension, value, width, seconds in (key,)
        ],
        then=ADD,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """Counts of one bucket (and one value of the dimension asked for, else "")."""

    bucket: datetime
    value: str
    count: int
    negative: int
    neutral: int
    positive: int
    score_milli: int


def read(  # noqa: PLR0913
    connection: Connection,
    *,
    keyword_list_ids: Sequence[int] | None,
    since: datetime,
    until: datetime,
    width: timedelta = BUCKET,
    dimension: str = "source_kind",
    split: bool = False,
) -> list[Cell]:
    """Return the non-empty buckets of [since, until), by time, summed over the lists (None: all).

    With ``split`` there is one cell a value of the dimension, else one a bucket.
    """
    value = rollup.c.value if split else func.min("").label("value")
    sums = [func.sum(rollup.c[name]).label(name) for name in COUNTED]
    query = (
        select(rollup.c.bucket, value, *sums)
        .where(
            rollup.c.dimension == dimension,
            rollup.c.width == int(width.total_seconds()),
            rollup.c.bucket >= since,
            rollup.c.bucket < until,
        )
        .group_by(rollup.c.bucket, *([rollup.c.value] if split else []))
        .order_by(rollup.c.bucket)
    )
    if keyword_list_ids is not None:
        query = query.where(rollup.c.keyword_list_id.in_(keyword_list_ids))
    return [
        Cell(
            bucket=row[0],
            value=row[1] if split else "",
            **{name: int(row[i + 2]) for i, name in enumerate(COUNTED)},
        )
        for row in connection.execute(query)
    ]


def earliest(connection: Connection, keyword_list_id: int, *, since: datetime) -> datetime | None:
    """Return the first bucket with mentions of the list since then."""
    first: datetime | None = connection.scalar(
        select(func.min(rollup.c.bucket)).where(
            rollup.c.keyword_list_id == keyword_list_id,
            rollup.c.dimension == "source_kind",
            rollup.c.width == WIDTHS[0],
            rollup.c.bucket >= since,
            rollup.c.count > 0,
        )
    )
    return first


def claim_dirty(connection: Connection, *, limit: int) -> dict[int, list[datetime]]:
    """Take dirty buckets of up to ``limit`` rows: they come back if this transaction does not commit."""
    rows = connection.execute(
        select(dirty.c.keyword_list_id, dirty.c.bucket)
        .order_by(dirty.c.marked_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    ).all()
    found: dict[int, list[datetime]] = {}
    for list_id, bucket in rows:
        found.setdefault(list_id, []).append(bucket)
    for list_id, buckets in found.items():
        connection.execute(
            delete(dirty).where(dirty.c.keyword_list_id == list_id, dirty.c.bucket.in_(buckets))
        )
    return found


def forget(connection: Connection, keyword_list_id: int) -> None:
    """Drop all rollups of a list (it was deleted)."""
    connection.execute(delete(rollup).where(rollup.c.keyword_list_id == keyword_list_id))
    connection.execute(delete(dirty).where(dirty.c.keyword_list_id == keyword_list_id))


def is_anything_dirty(connection: Connection) -> bool:
    """Return whether a bucket waits to be judged."""
    return connection.scalar(select(dirty.c.keyword_list_id).limit(1)) is not None


def floor_bucket(at: datetime) -> datetime:
    """Return the begin of the 5-minute bucket that ``at`` lies in."""
    return at - (at - EPOCH) % BUCKET
