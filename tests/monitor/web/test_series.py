"""Buckets, windows, and what is usual at a time of day."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from monitor.storage.rollups import BUCKET, HOUR, Cell
from monitor.web import series
from monitor.web.series import DAY, QUARTER, Range, window_of

NOW = datetime(2026, 3, 15, 7, 36, 12, tzinfo=UTC)
SHANGHAI = ZoneInfo("Asia/Shanghai")


def cell(time: datetime, count: int, negative: int = 0) -> Cell:
    return Cell(
        bucket=time,
        value="",
        count=count,
        negative=negative,
        neutral=count - negative,
        positive=0,
        score_milli=0,
    )


@pytest.mark.parametrize(
    ("chosen", "width", "since", "until", "buckets"),
    [
        (Range.DAY, QUARTER, "2026-03-14T07:45Z", "2026-03-15T07:45Z", 96),
        (Range.DAY, HOUR, "2026-03-14T08:00Z", "2026-03-15T08:00Z", 24),
        (Range.WEEK, HOUR, "2026-03-08T08:00Z", "2026-03-15T08:00Z", 168),
        (Range.MONTH, DAY, "2026-02-13T16:00Z", "2026-03-15T16:00Z", 30),
    ],
    ids=["day in quarters", "day in hours", "week", "month in local days"],
)
def test_a_window_ends_with_the_open_bucket(chosen, width, since, until, buckets):
    window = window_of(chosen, width, now=NOW, zone=SHANGHAI)
    assert (window.since, window.until) == (
        datetime.fromisoformat(since),
        datetime.fromisoformat(until),
    )
    assert len(window.edges) == buckets
    assert window.edges[-1] <= NOW < window.until


def test_days_keep_midnight_where_the_clock_changes():
    berlin = ZoneInfo("Europe/Berlin")
    window = window_of(Range.MONTH, DAY, now=datetime(2026, 4, 10, 12, tzinfo=UTC), zone=berlin)
    assert {edge.astimezone(berlin).hour for edge in window.edges} == {0}
    assert len(window.edges) == 30


@pytest.mark.parametrize(
    ("chosen", "a_day", "width"),
    [
        (Range.DAY, 499, HOUR),
        (Range.DAY, 500, QUARTER),
        (Range.WEEK, 9_000, HOUR),
        (Range.MONTH, 9_000, DAY),
    ],
)
def test_buckets_are_as_fine_as_the_volume_allows(chosen, a_day, width):
    assert series.width_for(chosen, a_day) == width


def test_empty_buckets_are_zero_and_rows_of_a_bucket_add_up():
    window = window_of(Range.DAY, HOUR, now=NOW, zone=SHANGHAI)
    start = window.edges[3]
    cells = [cell(start, 4, 1), cell(start + BUCKET, 6, 2), cell(window.until, 99)]
    buckets = series.fill(cells, window)
    assert [bucket.count for bucket in buckets] == [0, 0, 0, 10] + 20 * [0]
    assert buckets[3].negative == 3


@pytest.mark.parametrize(("count", "share"), [(0, None), (4, None), (5, 0.4)])
def test_a_share_of_a_few_mentions_is_unknown(count, share):
    assert series.Bucket(time=NOW, count=count, negative=2 if count else 0).share == share


def history(days: int) -> list[Cell]:
    """Ten mentions every hour of the days before NOW's hour, three of them negative."""
    end = NOW.replace(minute=0, second=0)
    return [cell(end - at * HOUR, 10, 3) for at in range(1, 24 * days + 1)]


def test_the_band_is_that_of_the_same_time_of_the_days_before():
    window = window_of(Range.DAY, HOUR, now=NOW, zone=SHANGHAI)
    usual = series.usual(history(29), window)
    assert usual[0].share == pytest.approx((0.3, 0.3))
    assert usual[0].volume == pytest.approx((10, 10))


def test_a_crisis_of_today_is_not_in_todays_band():
    window = window_of(Range.DAY, HOUR, now=NOW, zone=SHANGHAI)
    today = cell(window.edges[-1], 1_000, 1_000)
    assert series.usual([*history(29), today], window)[-1].share == pytest.approx((0.3, 0.3))


@pytest.mark.parametrize("days", [0, 3, 6])
def test_without_a_week_of_history_nothing_is_usual(days):
    window = window_of(Range.DAY, HOUR, now=NOW, zone=SHANGHAI)
    usual = series.usual(history(days), window)
    assert {(one.share, one.volume) for one in usual} == {(None, None)}


def test_quiet_hours_count_for_volume_and_not_for_share():
    window = window_of(Range.DAY, HOUR, now=NOW, zone=SHANGHAI)
    sparse = [row for row in history(20) if row.bucket.hour == 3]
    usual = {one.time.hour: one for one in series.usual(sparse, window)}
    assert usual[15].volume == (0, 0)
    assert usual[15].share is None


def test_the_usual_speed_weighs_both_clock_hours_of_the_last_hour():
    end = NOW.replace(minute=0, second=0)  # 36 minutes of 7 o'clock, 24 of 6 o'clock
    cells = [
        cell(end - at * HOUR, 20 if (end - at * HOUR).hour == 7 else 10) for at in range(1, 24 * 20)
    ]
    assert series.usual_speed(cells, now=NOW.replace(minute=36, second=0)) == pytest.approx(
        0.6 * 20 + 0.4 * 10
    )


def test_the_usual_speed_is_unknown_in_the_first_week():
    assert series.usual_speed(history(5), now=NOW) is None
    assert series.usual_speed([], now=NOW) is None
