"""Everything the overview page shows, read in one transaction and shaped for its template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping

from monitor.storage import overview, rollups
from monitor.storage.overview import Watch
from monitor.storage.rollups import BUCKET, HOUR, Cell
from monitor.web import figures, formats, series
from monitor.web.figures import Counts, Figure
from monitor.web.rows import AlertView, Health, Place, alert_view, health
from monitor.web.series import BASELINE_DAYS, DAY, Bucket, Range, Usual, Window
from monitor.web.words import Words

MOST_LISTS = 200
MOST_ALERTS = 12
ALERTS_SINCE = timedelta(days=7)
MENTIONS_SHOWN = 20
MOST_DELAYS = 1_000
REACH_AFFORDS = 50_000
ALL_LISTS = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What the reader looks at: one keyword list or all of them, and how far back."""

    range: Range
    lists: Sequence[RowMapping]
    chosen: RowMapping | None

    @property
    def ids(self) -> list[int]:
        """The keyword lists whose mentions count."""
        return [self.chosen["id"]] if self.chosen is not None else [row["id"] for row in self.lists]

    @property
    def key(self) -> str:
        """The list as the address names it."""
        return str(self.chosen["id"]) if self.chosen is not None else ALL_LISTS

    @property
    def path(self) -> str:
        """The query string that leads back here."""
        return f"keyword_list={self.key}&range={self.range.value}"


def choose(connection: Connection, wanted_list: str | None, wanted_range: str | None) -> Choice:
    """Return what to show; unknown wishes fall back to the list that needs most attention, and 24 hours."""
    found = overview.lists(connection, limit=MOST_LISTS)
    by_key = {str(row["id"]): row for row in found}
    span = Range(wanted_range) if wanted_range in set(Range) else Range.DAY
    if wanted_list == ALL_LISTS or len(found) == 0:
        return Choice(range=span, lists=found, chosen=None)
    chosen = by_key.get(wanted_list or "") or _most_urgent(connection, by_key)
    return Choice(range=span, lists=found, chosen=chosen)


def _most_urgent(connection: Connection, by_key: dict[str, RowMapping]) -> RowMapping:
    for row in overview.open_alerts(connection, limit=MOST_ALERTS):
        if found := by_key.get(str(row["keyword_list_id"])):
            return found
    return next(iter(by_key.values()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The main chart: its window, buckets and what is usual for each."""

    window: Window
    buckets: Sequence[Bucket]
    usual: Sequence[Usual]

    @property
    def has_band(self) -> bool:
        """Whether history was long enough to draw a band for at least half of the buckets."""
        return 2 * sum(one.share is not None for one in self.usual) >= len(self.usual)

    def local(self, at: datetime) -> str:
        """Return a bucket's start in local time, as exact as its width."""
        shown = at.astimezone(self.window.zone)
        return f"{shown:%m-%d}" if self.window.width == DAY else f"{shown:%m-%d %H:%M}"

    @property
    def rows(self) -> list[tuple[Bucket, Usual]]:
        """The buckets with their baseline, newest first, for the table."""
        return list(zip(self.buckets, self.usual, strict=True))[::-1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """Alerts that are open or were closed lately, the gravest first, and what was sent about them."""

    alerts: Sequence[AlertView]
    deliveries: dict[str, int]

    @property
    def running(self) -> list[AlertView]:
        """The alerts that somebody still has to do with."""
        return [view for view in self.alerts if not view.is_closed]

    @property
    def unanswered(self) -> int:
        """How many nobody has taken yet."""
        return sum(view.can_acknowledge for view in self.alerts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """The part of the page that is read anew when something changed."""

    choice: Choice
    inbox: Inbox
    figures: Sequence[Figure]
    trend: Trend
    health: Health
    watch: Watch


def situation(connection: Connection, choice: Choice, place: Place) -> Situation:
    """Return all figures of the page for this choice, as of now."""
    hours = _hours(connection, choice, place)
    shown = _trend(connection, choice, hours, place)
    return Situation(
        choice=choice,
        inbox=inbox(connection, place),
        figures=_figures(connection, choice, hours, shown, place),
        trend=shown,
        health=health(overview.sources(connection), place),
        watch=overview.watch(connection),
    )


def inbox(connection: Connection, place: Place) -> Inbox:
    """Return the alerts of all keyword lists: a crisis elsewhere is not hidden by the choice of a list."""
    rows = overview.recent_alerts(connection, since=place.now - ALERTS_SINCE, limit=MOST_ALERTS)
    return Inbox(
        alerts=[alert_view(row, place) for row in rows],
        deliveries=overview.delivery_states(connection, since=place.now - DAY),
    )


def trend(connection: Connection, choice: Choice, place: Place) -> Trend:
    """Return the chart alone."""
    return _trend(connection, choice, _hours(connection, choice, place), place)


def _hours(connection: Connection, choice: Choice, place: Place) -> list[Cell]:
    return _read(connection, choice.ids, place.now - _memory(choice.range), place.now + HOUR, HOUR)


def _memory(chosen: Range) -> timedelta:
    """How far back hourly counts are needed: the window, and for its first bucket 28 days more."""
    return chosen.span + (BASELINE_DAYS + 1) * DAY


def _read(
    connection: Connection, ids: Sequence[int], since: datetime, until: datetime, width: timedelta
) -> list[Cell]:
    return rollups.read(connection, keyword_list_ids=ids, since=since, until=until, width=width)


def _trend(connection: Connection, choice: Choice, hours: Sequence[Cell], place: Place) -> Trend:
    a_day = sum(cell.count for cell in hours if cell.bucket >= place.now - DAY)
    width = series.width_for(choice.range, a_day)
    window = series.window_of(choice.range, width, now=place.now, zone=place.zone)
    cells = hours
    if window.rows == BUCKET:
        since = window.since - (BASELINE_DAYS + 1) * DAY
        cells = _read(connection, choice.ids, since, window.until, BUCKET)
    return Trend(
        window=window, buckets=series.fill(cells, window), usual=series.usual(cells, window)
    )


def _figures(
    connection: Connection, choice: Choice, hours: Sequence[Cell], shown: Trend, place: Place
) -> list[Figure]:
    words, window = place.words, shown.window
    label = words(f"last.{choice.range.value}")
    counts = _counts(hours, shown)
    return [
        figures.volume(counts, label, words),
        figures.share(counts, label, words),
        _speed(connection, choice, hours, place),
        _reach(connection, choice, window, counts.total, words),
        figures.delay(
            overview.delays(
                connection, choice.ids, since=window.since, until=window.until, limit=MOST_DELAYS
            ),
            window.since, window.until, label, words,
        ),
    ]  # fmt: skip


def _counts(hours: Sequence[Cell], shown: Trend) -> Counts:
    window, before = shown.window, shown.window.before()
    begin = min((cell.bucket for cell in hours), default=window.since)
    earlier = [cell for cell in hours if before.since <= cell.bucket < window.since]
    month = [
        cell for cell in hours if window.since - BASELINE_DAYS * DAY <= cell.bucket < window.since
    ]
    seen = sum(cell.count for cell in month)
    long_enough = window.since - begin >= series.LEAST_DAYS * DAY
    return Counts(
        buckets=shown.buckets,
        before=(sum(cell.count for cell in earlier), sum(cell.negative for cell in earlier))
        if begin <= before.since
        else None,
        usual_share=sum(cell.negative for cell in month) / seen if seen and long_enough else None,
    )


def _speed(connection: Connection, choice: Choice, hours: Sequence[Cell], place: Place) -> Figure:
    """Count the last twelve 5-minute buckets, the open one among them: 55 to 60 minutes."""
    since = rollups.floor_bucket(place.now) - HOUR + BUCKET
    last = sum(cell.count for cell in _read(connection, choice.ids, since, since + HOUR, BUCKET))
    day = series.window_of(Range.DAY, HOUR, now=place.now, zone=place.zone)
    hourly = [bucket.count for bucket in series.fill(hours, day)]
    return figures.speed(last, series.usual_speed(hours, now=place.now), hourly, place.words)


def _reach(
    connection: Connection, choice: Choice, window: Window, mentions: int, words: Words
) -> Figure:
    """Reach is summed over the mentions themselves; where they are too many, over the last 24 hours."""
    span, label = window.until - window.since, words(f"last.{choice.range.value}")
    if mentions > REACH_AFFORDS:
        span, label = DAY, words("last.24h")
    steps = overview.reach(
        connection,
        choice.ids,
        since=window.until - span,
        until=window.until,
        step=span / figures.SLOTS,
    )
    return figures.reach(steps, label, words)


def band(shown: Trend) -> dict[str, object]:
    """Return the baseline band as the chart reads it: shares in percent, null where unknown."""
    return {
        "bucket": shown.window.name,
        "data": [
            {
                "time": formats.machine(one.time),
                "low": _percent(one.share[0] if one.share else None),
                "high": _percent(one.share[1] if one.share else None),
            }
            for one in (shown.usual if shown.has_band else ())
        ],
    }


def _percent(share: float | None) -> float | None:
    return None if share is None else round(100 * share, 1)
