"""Numbers, durations and times as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from monitor.web import formats

NOW = datetime(2026, 3, 15, 7, 36, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "lang", "shown"),
    [
        (0, "zh", "0"),
        (2.5, "zh", "2.5"),
        (5_267, "zh", "5,267"),
        (41_200_000, "zh", "4,120 万"),
        (10_000, "zh", "1 万"),
        (230_000_000, "zh", "2.3 亿"),
        (9_999, "en", "9,999"),
        (41_000, "en", "41K"),
        (3_370_000, "en", "3.4M"),
        (2_000_000_000, "en", "2B"),
    ],
)
def test_counts(value, lang, shown):
    assert formats.number(value, lang) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 秒"),
        (59, "59 秒"),
        (102, "1 分 42 秒"),
        (120, "2 分"),
        (3_720, "1 小时 2 分"),
        (90_000, "1 天 1 小时"),
        (-5, "0 秒"),
    ],
)
def test_durations_have_their_two_largest_units(seconds, shown):
    assert formats.duration(timedelta(seconds=seconds), "zh") == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [(6_228, "1:43:48"), (0, "0:00:00"), (-61, "−0:01:01"), (360_000, "100:00:00")],
)
def test_countdowns(seconds, shown):
    assert formats.countdown(timedelta(seconds=seconds)) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-9, "刚刚"),
        (2, "刚刚"),
        (30, "30 秒前"),
        (200, "3 分钟前"),
        (7_300, "2 小时前"),
        (200_000, "2 天前"),
    ],
)
def test_how_long_ago(seconds, shown):
    assert formats.ago(NOW - timedelta(seconds=seconds), NOW, "zh") == shown


def test_moments_are_local_and_name_the_day_when_it_is_another():
    zone = ZoneInfo("Asia/Shanghai")
    assert formats.moment(NOW, NOW, zone) == "15:36:12"
    assert formats.moment(NOW - timedelta(hours=16), NOW, zone) == "03-14 23:36"
    assert formats.exact(NOW, zone) == "2026-03-15 15:36:12 +0800"
    assert formats.machine(NOW) == "2026-03-15T07:36:12.000Z"
