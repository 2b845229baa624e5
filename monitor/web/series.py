"""Counts over time as the overview shows them: zero-filled buckets and what is usual for them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from enum import StrEnum

from monitor.storage.instants import EPOCH
from monitor.storage.rollups import BUCKET, HOUR, Cell

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
BASELINE_DAYS = 28
LEAST_DAYS = 7
LEAST_SAMPLES = 14
LEAST_MENTIONS = 5  # a share of a few mentions says nothing
BUSY = 500  # mentions a day from which quarters of an hour are worth drawing


class Range(StrEnum):
    """How far back the page looks."""

    DAY = "24h"
    WEEK = "7d"
    MONTH = "30d"

    @property
    def span(self) -> timedelta:
        """Its length."""
        return {Range.DAY: DAY, Range.WEEK: 7 * DAY, Range.MONTH: 30 * DAY}[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """Half-open [since, until) in buckets of ``width``; the last bucket is the one that is open now."""

    since: datetime
    until: datetime
    width: timedelta
    zone: tzinfo

    @property
    def name(self) -> str:
        """The width as the API writes it."""
        return {QUARTER: "15m", HOUR: "1h", DAY: "1d"}[self.width]

    @property
    def rows(self) -> timedelta:
        """The width of the rollup rows to read."""
        return BUCKET if self.width < HOUR else HOUR

    @property
    def edges(self) -> list[datetime]:
        """The start of each bucket, UTC; days begin at midnight of ``zone``."""
        if self.width < DAY:
            return [
                self.since + at * self.width
                for at in range((self.until - self.since) // self.width)
            ]
        first = self.since.astimezone(self.zone)
        days = round((self.until - self.since) / DAY)
        return [_midnight(first, at, self.zone) for at in range(days)]

    def before(self) -> Window:
        """The window of the same length that ends where this one begins."""
        length = self.until - self.since
        return Window(since=self.since - length, until=self.since, width=self.width, zone=self.zone)

    def key(self, at: datetime) -> datetime:
        """Return the start of the bucket that holds ``at``."""
        if self.width < DAY:
            return at - (at - self.since) % self.width
        return _midnight(at.astimezone(self.zone), 0, self.zone)


def _midnight(local: datetime, days: int, zone: tzinfo) -> datetime:
    day = local.date() + timedelta(days=days)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)


def width_for(chosen: Range, mentions_a_day: float) -> timedelta:
    """Return the bucket width: a day for a month, quarters of an hour only where they hold something."""
    if chosen is Range.MONTH:
        return DAY
    return QUARTER if chosen is Range.DAY and mentions_a_day >= BUSY else HOUR


def window_of(chosen: Range, width: timedelta, *, now: datetime, zone: tzinfo) -> Window:
    """Return the window of ``chosen`` length that ends with the bucket open at ``now``."""
    if width == DAY:
        local = now.astimezone(zone)
        days = chosen.span // DAY
        return Window(
            since=_midnight(local, 1 - days, zone),
            until=_midnight(local, 1, zone),
            width=width,
            zone=zone,
        )
    until = now - (now - EPOCH) % width + width
    return Window(since=until - chosen.span, until=until, width=width, zone=zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bucket:
    """Mentions of one bucket."""

    time: datetime
    count: int = 0
    negative: int = 0
    neutral: int = 0
    positive: int = 0

    @property
    def share(self) -> float | None:
        """Negative share 0…1; None where too few mentions make it meaningless."""
        return self.negative / self.count if self.count >= LEAST_MENTIONS else None


def fill(cells: Iterable[Cell], window: Window) -> list[Bucket]:
    """Return one bucket an edge of the window, empty ones with zeros; cells outside are left out."""
    gathered = gather(cells, window)
    return [gathered.get(edge) or Bucket(time=edge) for edge in window.edges]


def gather(cells: Iterable[Cell], window: Window) -> dict[datetime, Bucket]:
    """Return the cells added up into buckets of the window's width, by the buckets' start."""
    sums: dict[datetime, list[int]] = {}
    for cell in cells:
        row = sums.setdefault(window.key(cell.bucket), [0, 0, 0, 0])
        for at, amount in enumerate((cell.count, cell.negative, cell.neutral, cell.positive)):
            row[at] += amount
    return {
        time: Bucket(time=time, count=row[0], negative=row[1], neutral=row[2], positive=row[3])
        for time, row in sums.items()
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Usual:
    """P5 and P95 of the same time of day over the 28 days before; None where history is too short."""

    time: datetime
    share: tuple[float, float] | None
    volume: tuple[float, float] | None


def usual(history: Sequence[Cell], window: Window) -> list[Usual]:
    """Return what is usual for each bucket of the window, from cells that reach 28 days further back.

    Samples are the buckets of the same time of day on each of the 28 days before, and below a day's width
    their two neighbours, so that one quiet quarter of an hour does not decide. Days before the
    first cell are no samples: nobody watched then.
    """
    gathered = gather(history, window)
    if not gathered:
        return [Usual(time=edge, share=None, volume=None) for edge in window.edges]
    begin = min(gathered)
    return [_usual_at(gathered, begin, edge, window.width) for edge in window.edges]


def _usual_at(
    gathered: Mapping[datetime, Bucket], begin: datetime, edge: datetime, width: timedelta
) -> Usual:
    near = (-1, 0, 1) if width < DAY else (0,)
    samples: list[Bucket] = []
    days = 0
    for day in range(1, BASELINE_DAYS + 1):
        times = [edge - day * DAY + at * width for at in near]
        watched = [gathered.get(time) or Bucket(time=time) for time in times if time >= begin]
        days += bool(watched)
        samples += watched
    if days < LEAST_DAYS:
        return Usual(time=edge, share=None, volume=None)
    shares = [bucket.share for bucket in samples if bucket.share is not None]
    return Usual(
        time=edge, share=_range(shares), volume=_range([bucket.count for bucket in samples])
    )


def _range(samples: Sequence[float]) -> tuple[float, float] | None:
    """Return P5 and P95, or None of too few samples."""
    if len(samples) < LEAST_SAMPLES:
        return None
    cuts = statistics.quantiles(samples, n=20, method="inclusive")
    return cuts[0], cuts[-1]


def usual_speed(history: Iterable[Cell], *, now: datetime) -> float | None:
    """Return the usual mentions an hour at this time of day: the median over the days before.

    ``now`` lies between two clock hours; both count by how much of the last hour they cover.
    None when fewer than LEAST_DAYS days were watched. ``history`` holds hourly cells.
    """
    counts = {cell.bucket: cell.count for cell in history}
    if not counts:
        return None
    begin, this = min(counts), now - (now - EPOCH) % HOUR
    part = (now - this) / HOUR
    days = [
        this - day * DAY for day in range(1, BASELINE_DAYS + 1) if this - day * DAY - HOUR >= begin
    ]
    if len(days) < LEAST_DAYS:
        return None
    late = statistics.median(counts.get(day, 0) for day in days)
    early = statistics.median(counts.get(day - HOUR, 0) for day in days)
    return part * late + (1 - part) * early
