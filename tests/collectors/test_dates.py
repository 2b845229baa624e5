"""What sources write for a date, and which moment it is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from collectors.dates import CHINA, US_CENTRAL, believable, cst_for, parse_date
from collectors.model import Precision

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2024, 5, 2, 4, 0, tzinfo=UTC)  # noon in Shanghai

E, M, H, D = Precision.EXACT, Precision.MINUTE, Precision.HOUR, Precision.DAY


@pytest.mark.parametrize(
    ("text", "moment", "precision"),
    [
        # feedparser's pitfalls
        ("Wed, 01 May 2024 12:30:00 CST", "2024-05-01T04:30:00", E),
        ("2024-05-01 12:30:00", "2024-05-01T04:30:00", E),
        ("2024年5月1日 12:30", "2024-05-01T04:30:00", M),
        ("2024/05/01 12:30", "2024-05-01T04:30:00", M),
        ("1714537800", "2024-05-01T04:30:00", E),
        ("1714537800000", "2024-05-01T04:30:00", E),
        ("星期三, 01 五月 2024 12:30:00 +0800", "2024-05-01T04:30:00", E),
        ("星期日, 01 十二月 2024 12:30:00", "2024-12-01T04:30:00", E),
        # RFC 822
        ("Wed, 01 May 2024 12:30:00 GMT", "2024-05-01T12:30:00", E),
        ("Wed, 01 May 2024 12:30:00 +0000", "2024-05-01T12:30:00", E),
        ("1 May 24 12:30 EST", "2024-05-01T17:30:00", M),
        ("Wed, 01 May 2024 12:30:00 -0730", "2024-05-01T20:00:00", E),
        ("Wed, 01 May 2024 12:30:00 GMT+8", "2024-05-01T04:30:00", E),
        ("Wed, 01 May 2024 12:30:00", "2024-05-01T04:30:00", E),
        ("Wednesday, 1-May-2024 12:30:00 UTC", "2024-05-01T12:30:00", E),
        ("Wed Mar 23 16:09:04 +0800 2022", "2022-03-23T08:09:04", E),
        ("Thu Jan  1 12:30:00 2004", "2004-01-01T04:30:00", E),
        ("May 1, 2024", "2024-04-30T16:00:00", D),
        # ISO 8601
        ("2024-05-01T12:30:00Z", "2024-05-01T12:30:00", E),
        ("2024-05-01T12:30:00.123456789+08:00", "2024-05-01T04:30:00.123456", E),
        ("2024-05-01T12:30+0530", "2024-05-01T07:00:00", M),
        ("20240501T123000Z", "2024-05-01T12:30:00", E),
        ("202405011230", "2024-05-01T04:30:00", M),
        ("2024-05-01T24:00:00Z", "2024-05-02T00:00:00", E),
        ("2016-12-31T23:59:60Z", "2016-12-31T23:59:59", E),
        ("2024-05-01", "2024-04-30T16:00:00", D),
        ("2024-05", "2024-04-30T16:00:00", D),
        # Chinese
        ("2024年5月1日", "2024-04-30T16:00:00", D),
        ("2024年05月01日12时30分15秒", "2024-05-01T04:30:15", E),
        ("2024年5月1日 星期三 下午3:05", "2024-05-01T07:05:00", M),
        ("2024年5月1日 上午12:05", "2024-04-30T16:05:00", M),
        ("二〇二四年五月一日", "2024-04-30T16:00:00", D),
        ("二〇二四年十二月三十一日", "2024-12-30T16:00:00", D),
        ("2024.05.01 12:00", "2024-05-01T04:00:00", M),
        ("5月1日 10:20", "2024-05-01T02:20:00", M),
        ("12-31", "2023-12-30T16:00:00", D),
        ("02-29", "2024-02-28T16:00:00", D),
        # relative
        ("刚刚", "2024-05-02T04:00:00", M),
        ("5分鐘前", "2024-05-02T03:55:00", M),
        ("3 小时前", "2024-05-02T01:00:00", H),
        ("半小时前", "2024-05-02T03:30:00", H),
        ("2天前", "2024-04-30T04:00:00", D),
        ("昨天 20:15", "2024-05-01T12:15:00", M),
        ("前天", "2024-04-29T16:00:00", D),
    ],
)  # fmt: skip
def test_a_date_is_the_moment_its_writer_meant(
    text: str, moment: str, precision: Precision
) -> None:
    expected = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert parse_date(text, tz=SHANGHAI, now=NOW) == (expected, precision)


@pytest.mark.parametrize(
    "text",
    ["", " ", "soon", "2024-02-30", "2024-13-01", "9999-12-31", "0000-01-01T00:00:00Z",
     "0001-01-01T00:00:00+08:00", "Wed, 01 May 2024 12:30:00 XYZ", "Wed, 01 Foo 2024 12:30:00 GMT",
     "2024-05-01T25:00:00Z", "2024-05-01T12:30:00+99:00", "2" * 500, "99999999999999999999"],
)  # fmt: skip
def test_what_names_no_moment_is_none_and_never_a_guess(text: str) -> None:
    assert parse_date(text, tz=SHANGHAI, now=NOW) is None


@pytest.mark.parametrize(
    ("language", "host", "tz", "meaning"),
    [
        ("zh-cn", "example.com", "America/Chicago", CHINA),
        (None, "news.example.cn", "America/Chicago", CHINA),
        ("en-us", "example.com", "Asia/Shanghai", US_CENTRAL),
        ("en", "english.example.cn", "Asia/Shanghai", CHINA),
        (None, "example.com", "Asia/Shanghai", CHINA),
        (None, "example.com", "Asia/Taipei", CHINA),
        (None, "example.com", "America/Chicago", US_CENTRAL),
    ],
)
def test_cst_is_decided_by_language_then_country_then_zone(
    language: str | None, host: str, tz: str, meaning: object
) -> None:
    assert cst_for(ZoneInfo(tz), language=language, host=host, now=NOW) is meaning


def test_a_date_ahead_of_the_clock_is_left_to_be_inferred() -> None:
    slightly = (NOW + timedelta(minutes=14), E)
    assert believable(slightly, now=NOW) == slightly
    assert believable((NOW + timedelta(minutes=16), E), now=NOW) == (None, Precision.INFERRED)
    assert believable(None, now=NOW) == (None, Precision.INFERRED)
