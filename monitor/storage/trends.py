"""Trends: counts over time for charts, read from the rollups and never from the mentions.

The cost of a trend follows its number of buckets, so a month by the hour is as quick over two
million mentions as over none.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from sqlalchemy import Connection, func, select

from monitor.storage import gaps, rollups
from monitor.storage.gaps import Gap, is_visited
from monitor.storage.rollups import CLASSES, Cell
from monitor.storage.tables import keyword, keyword_list, source

MAX_POINTS = 1_500
AUTO_POINTS = 300
MAX_ROWS = 100_000
EARLIEST = datetime(1971, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
WIDTHS: Mapping[str, timedelta] = {
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_RANGE = re.compile(r"(?P<count>[1-9]\d{0,4})(?P<unit>[mhdw])")
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class TrendError(Exception):
    """A trend that cannot be drawn as asked; ``parameter`` is to blame, the text has the remedy."""

    def __init__(self, parameter: str, message: str) -> None:
        super().__init__(message)
        self.parameter = parameter


class Group(StrEnum):
    """What a trend may be split by."""

    SENTIMENT = "sentiment"
    SOURCE_KIND = "source_kind"
    KEYWORD = "keyword"
    RISK = "risk"


@dataclass(frozen=True, slots=True, kw_only=True)
class Axis:
    """The buckets of a trend: ``edges`` are their starts in UTC and, last, the end of the last one.

    Days are real days of ``zone``: 23 or 25 hours long where the clocks change.
    """

    bucket: str
    zone: ZoneInfo
    edges: tuple[datetime, ...]

    @property
    def since(self) -> datetime:
        """Start of the first bucket."""
        return self.edges[0]

    @property
    def until(self) -> datetime:
        """End of the last bucket."""
        return self.edges[-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One bucket, or one group in one bucket.

    ``score`` is the mean sentiment score −1…1, None where nothing was counted or where the
    rollups do not know it (a trend by sentiment). ``keyword_id`` belongs to a group by keyword.
    """

    time: datetime
    count: int
    negative: int
    neutral: int
    positive: int
    score: float | None
    group: str | None = None
    keyword_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """A zero-filled series. Nothing after ``complete_until`` can be called calm."""

    axis: Axis
    complete_until: datetime
    gaps: tuple[Gap, ...]
    points: tuple[Point, ...]


@dataclass(slots=True)
class _Sum:
    """Counts of the rollup cells that fell into one bucket."""

    counts: list[int] = field(default_factory=lambda: [0, 0, 0, 0])
    score_milli: int = 0

    def add(self, cell: Cell) -> None:
        for at, name in enumerate(("count", *CLASSES)):
            self.counts[at] += getattr(cell, name)
        self.score_milli += cell.score_milli


def span(text: str, *, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """Return [since, until) of ``24h``, ``7d``, ``90m``, ``2w`` or ``today``; until is ``now``.

    Raises:
        TrendError: ``text`` is none of these, or reaches back too far.
    """
    if text == "today":
        local = now.astimezone(zone)
        return _midnight(local.date(), zone), now
    match = _RANGE.fullmatch(text)
    if match is None:
        raise TrendError("range", f"{text[:40]!r} is no range; write 24h, 7d, 90m, 2w or today")
    length = timedelta(**{_UNITS[match["unit"]]: int(match["count"])})
    if length > now - EARLIEST:
        raise TrendError("range", f"{text} reaches back before 1971")
    return now - length, now


def axis(since: datetime, until: datetime, *, bucket: str, zone: ZoneInfo) -> Axis:
    """Return the buckets that cover [since, until): since rounded down, until rounded up.

    ``auto`` takes the finest bucket that needs at most 300 points.

    Raises:
        TrendError: an empty or absurd range, an unknown bucket, or more than 1,500 points; then
            the text names the bucket that fits.
    """
    if not EARLIEST <= since < until <= LATEST:
        raise TrendError("since", "since must lie before until, both between 1971 and 2200")
    if bucket == "auto":
        bucket = _finest(since, until, AUTO_POINTS) or _finest(since, until, MAX_POINTS) or "1d"
    if bucket not in WIDTHS:
        raise TrendError(
            "bucket", f"unknown bucket {bucket[:20]!r}; known: auto, {', '.join(WIDTHS)}"
        )
    edges = _edges(since, until, bucket, zone)
    if edges is None:
        fits = _finest(since, until, MAX_POINTS - 1)  # rounding outwards may add a point
        advice = f"use bucket={fits}" if fits else f"ask for at most {MAX_POINTS - 1} days at once"
        raise TrendError("bucket", f"bucket={bucket} needs more than {MAX_POINTS} points; {advice}")
    return Axis(bucket=bucket, zone=zone, edges=edges)


def _finest(since: datetime, until: datetime, points: int) -> str | None:
    return next((name for name, width in WIDTHS.items() if (until - since) / width <= points), None)


def _edges(
    since: datetime, until: datetime, bucket: str, zone: ZoneInfo
) -> tuple[datetime, ...] | None:
    """Return the edges, None where there would be too many points."""
    width = WIDTHS[bucket]
    if (until - since) / width > MAX_POINTS + 1:
        return None
    made = _days(since, until, zone) if bucket == "1d" else _steps(since, until, width, zone)
    edges = tuple(dict.fromkeys(made))  # Samoa had no 30 December 2011: its two edges are one
    return edges if len(edges) - 1 <= MAX_POINTS else None


def _days(since: datetime, until: datetime, zone: ZoneInfo) -> Iterable[datetime]:
    day = since.astimezone(zone).date()
    while (edge := _midnight(day, zone)) < until:
        yield edge
        day += timedelta(days=1)
    yield edge


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """Return where the day begins, also where the clocks jump over midnight."""
    return datetime.combine(day, time(), zone).astimezone(UTC)


def _steps(
    since: datetime, until: datetime, width: timedelta, zone: ZoneInfo
) -> Iterable[datetime]:
    """Buckets are aligned to the zone's clock at ``since``: India's hours begin at half past."""
    offset = since.astimezone(zone).utcoffset() or timedelta()
    edge = since - (since - EARLIEST + offset) % width
    while edge < until:
        yield edge
        edge += width
    yield edge


def width_to_read(asked: Axis) -> timedelta:
    """Return the coarsest rollup whose buckets never cross an edge: an hour, else 5 minutes."""
    hour = rollups.HOUR
    on_the_hour = all((edge - EARLIEST) % hour == timedelta() for edge in asked.edges)
    return hour if on_the_hour and WIDTHS[asked.bucket] >= hour else rollups.BUCKET


def read(
    connection: Connection,
    asked: Axis,
    *,
    keyword_list_ids: Sequence[int] | None,
    group: Group | None,
    now: datetime,
) -> Trend:
    """Return the series of these keyword lists together (None: all of them), zero-filled.

    With a group there is one point for each bucket and each group that occurs in the range.

    Raises:
        TrendError: the groups make more than 100,000 points.
    """
    ids = _all_lists(connection) if keyword_list_ids is None else keyword_list_ids
    dimension = group.value if group in (Group.KEYWORD, Group.RISK) else Group.SOURCE_KIND.value
    cells = rollups.read(
        connection,
        keyword_list_ids=ids,
        since=asked.since,
        until=asked.until,
        width=width_to_read(asked),
        dimension=dimension,
        split=group not in (None, Group.SENTIMENT),
    )
    return Trend(
        axis=asked,
        complete_until=_complete_until(connection, now),
        gaps=gaps.between(connection, asked.since, asked.until),
        points=tuple(_points(connection, asked, cells, group)),
    )


def _all_lists(connection: Connection) -> list[int]:
    """The rollups' key begins with the list: naming every one keeps the query on the index."""
    return list(
        connection.scalars(select(keyword_list.c.id).where(keyword_list.c.deleted_at.is_(None)))
    )


def _points(
    connection: Connection, asked: Axis, cells: Sequence[Cell], group: Group | None
) -> Iterable[Point]:
    sums = summed(asked, cells)
    times = asked.edges[:-1]
    if group is None:
        return [_point(at, sums.get((at, ""))) for at in times]
    if group is Group.SENTIMENT:
        names = _classes_seen(sums.values())
        return [point for at in times for point in _by_class(at, sums.get((at, "")), names)]
    values = sorted({value for _, value in sums})
    if len(values) * len(times) > MAX_ROWS:
        raise TrendError(
            "group_by",
            f"{len(values)} groups of {len(times)} points: ask for fewer lists or a coarser bucket",
        )
    labels = _labels(connection, values) if group is Group.KEYWORD else {}
    return [
        _point(at, sums.get((at, value)), labels.get(value, value), int(value) if labels else None)
        for at in times
        for value in values
    ]


def summed(asked: Axis, cells: Iterable[Cell]) -> dict[tuple[datetime, str], _Sum]:
    """Return the sums by (start of the bucket, value of the dimension); empty buckets are absent."""
    sums: dict[tuple[datetime, str], _Sum] = {}
    for cell in cells:
        at = asked.edges[bisect_right(asked.edges, cell.bucket) - 1]
        sums.setdefault((at, cell.value), _Sum()).add(cell)
    return sums


def _point(
    at: datetime, found: _Sum | None, group: str | None = None, keyword_id: int | None = None
) -> Point:
    count, negative, neutral, positive = found.counts if found else (0, 0, 0, 0)
    return Point(
        time=at,
        count=count,
        negative=negative,
        neutral=neutral,
        positive=positive,
        score=round(found.score_milli / 1000 / count, 4) if found and count else None,
        group=group,
        keyword_id=keyword_id,
    )


def _classes_seen(sums: Iterable[_Sum]) -> tuple[str, ...]:
    """Return the three classes, and ``unknown`` where some text could not be read."""
    unknown = sum(_class_counts(one)["unknown"] for one in sums)
    return (*CLASSES, "unknown") if unknown else CLASSES


def _by_class(at: datetime, found: _Sum | None, names: Iterable[str]) -> Iterable[Point]:
    counts = _class_counts(found)
    for name in names:
        own = {each: counts[name] if each == name else 0 for each in CLASSES}
        yield Point(time=at, count=counts[name], score=None, group=name, **own)


def _class_counts(found: _Sum | None) -> dict[str, int]:
    count, *classes = found.counts if found else (0, 0, 0, 0)
    return {**dict(zip(CLASSES, classes, strict=True)), "unknown": count - sum(classes)}


def _labels(connection: Connection, values: Sequence[str]) -> dict[str, str]:
    rows = connection.execute(
        select(keyword.c.id, keyword.c.expression).where(
            keyword.c.id.in_([int(value) for value in values])
        )
    )
    return {str(row.id): row.expression for row in rows}


def _complete_until(connection: Connection, now: datetime) -> datetime:
    """Return up to when every enabled feed was read; a feed never read counts from its creation."""
    seen = func.coalesce(source.c.last_success_at, source.c.created_at)
    least: datetime | None = connection.scalar(
        select(func.min(seen, type_=source.c.created_at.type)).where(is_visited())
    )
    return min(now, least) if least else now
