"""Backtests: one row out per row in, causal, with clear errors."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.backtest import backtest
from analysis.ladder import ladder_from
from analysis.model import AnalysisError, Tier

SHANGHAI = ZoneInfo("Asia/Shanghai")
START = datetime(2026, 3, 1)  # noqa: DTZ001  # files without a zone are the case under test


def rows(values, minutes=5, start=START):
    return [
        ((start + timedelta(minutes=minutes * i)).isoformat(sep=" "), str(value))
        for i, value in enumerate(values)
    ]


def noise(count, mean=1.0, seed=1):
    return np.random.default_rng(seed).poisson(mean, count).astype(float)


def test_no_rows_give_no_rows():
    assert backtest([], UTC) == []


def test_timestamps_and_values_come_back_as_given():
    given_rows = [("2026-03-01T00:00", "1"), ("2026-03-01T00:05", "2.5"), ("2026-03-01 00:10", "0")]
    judged = backtest(given_rows, SHANGHAI)
    assert [row.timestamp for row in judged] == [text for text, _ in given_rows]
    assert [row.value for row in judged] == [1.0, 2.5, 0.0]


@pytest.mark.parametrize(
    ("minutes", "days", "burst_buckets"), [(1, 4, 60), (5, 8, 12), (15, 8, 4), (60, 8, 1)]
)
@pytest.mark.parametrize("per_hour", [1, 3])
def test_thirty_mentions_in_an_hour_on_a_flat_series_alert_once(
    minutes, days, burst_buckets, per_hour
):
    a_day = 24 * 60 // minutes
    values = np.zeros((days + 1) * a_day)
    values[:: max(1, 60 // minutes // per_hour)] = 1 if minutes < 60 else per_hour
    at = days * a_day + a_day // 2
    values[at : at + burst_buckets] += 30 / burst_buckets
    judged = backtest(rows(values, minutes), SHANGHAI)
    alarmed = [i for i, row in enumerate(judged) if row.tier >= Tier.YELLOW]
    assert at <= alarmed[0] < at + burst_buckets
    assert alarmed[-1] < at + burst_buckets + max(1, 60 // minutes)
    assert alarmed == list(range(alarmed[0], alarmed[-1] + 1))


@pytest.mark.parametrize("minutes", [5, 60, 1440])
def test_one_rising_to_three_is_nothing(minutes):
    values = np.ones(1000)
    values[-7] = 3
    assert {row.tier for row in backtest(rows(values, minutes), SHANGHAI)} == {Tier.NONE}


@given(cut=st.integers(1, 1500))
@settings(max_examples=25, deadline=None)
def test_a_row_depends_on_the_rows_up_to_it_alone(cut):
    values = noise(1500)
    values[1200:1220] += 9
    series = rows(values)
    assert backtest(series[:cut], SHANGHAI) == backtest(series, SHANGHAI)[:cut]


def test_the_score_decides_the_tier():
    values = noise(2500, mean=2.0)
    values[2300:2312] += 15
    ladder = ladder_from({name: {"volume": 1} for name in ("blue", "yellow", "orange", "red")})
    scores = [2.8, 3.2, 5.0, 7.0]
    for row in backtest(rows(values), SHANGHAI, ladder)[3 * 288 :]:
        assert row.tier == sum(row.score >= least for least in scores)


def test_without_a_zone_the_given_one_is_meant():
    values = noise(600)
    naive = backtest(rows(values), SHANGHAI)
    aware = backtest(rows(values, start=START.replace(tzinfo=SHANGHAI)), UTC)
    assert [(r.baseline, r.score, r.tier) for r in naive] == [
        (r.baseline, r.score, r.tier) for r in aware
    ]


def test_three_days_of_history_end_the_warm_up():
    judged = backtest(rows(noise(4 * 288)), SHANGHAI)
    assert {row.score for row in judged[: 3 * 288]} == {0.0}
    assert all(row.score != 0.0 for row in judged[3 * 288 :])


@pytest.mark.parametrize(
    ("in_the_hour", "tier"),
    [(6, Tier.NONE), (18, Tier.NONE), (24, Tier.YELLOW), (60, Tier.ORANGE), (1200, Tier.ORANGE)],
)
def test_in_warm_up_volume_alone_decides(in_the_hour, tier):
    values = np.zeros(288)
    values[100:112] = in_the_hour / 12
    judged = backtest(rows(values), SHANGHAI)
    assert max(row.tier for row in judged) == tier
    by_day = backtest(rows([in_the_hour * 24.0, in_the_hour * 24.0], 1440), SHANGHAI)
    assert by_day[1].tier == tier


def test_a_crisis_day_stands_out_of_daily_counts():
    values = noise(60, mean=70.0)
    values[50] = 400
    judged = backtest(rows(values, 1440), SHANGHAI)
    assert judged[50].tier == Tier.RED
    assert judged[50].baseline == pytest.approx(70, rel=0.1)
    assert {row.tier for i, row in enumerate(judged) if i != 50} == {Tier.NONE}


def test_a_gap_is_unknown_and_not_silence():
    values = noise(8 * 288, mean=3.0)
    series = rows(values)
    holed = series[: 6 * 288] + series[7 * 288 :]
    judged = backtest(holed, SHANGHAI)
    assert len(judged) == len(holed)
    after = judged[6 * 288 : 6 * 288 + 24]
    assert {row.tier for row in after} == {Tier.NONE}
    assert all(row.baseline > 1 for row in after)


def test_summer_time_moves_daily_rows_by_no_bucket():
    berlin = ZoneInfo("Europe/Berlin")
    judged = backtest(rows(noise(60, mean=20.0), 1440, START), berlin)
    assert len(judged) == 60


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        pytest.param(
            [("yesterday", "1")], r"line 2: timestamp 'yesterday' cannot be read; write", id="time"
        ),
        pytest.param([("2026-03-01", "many")], r"line 2: value 'many' is not a count", id="text"),
        pytest.param([("2026-03-01", "")], r"line 2: value '' is not a count", id="empty"),
        pytest.param([("2026-03-01", "nan")], r"line 2: value 'nan' is not a count", id="nan"),
        pytest.param([("2026-03-01", "-1")], r"line 2: value '-1' is not a count", id="negative"),
        pytest.param(
            [*rows([1, 1, 1]), rows([1])[0]], r"line 5: .* is earlier than the row", id="unsorted"
        ),
        pytest.param([*rows([1, 1, 1]), rows([1, 1, 1])[2]], r"line 5: .* same bucket", id="twice"),
        pytest.param(
            [rows([1])[0], rows([1])[0]], r"line 3: the first timestamps do not rise", id="still"
        ),
        pytest.param(
            [*rows([1, 1, 1]), ("9999-01-01", "1")], r"line 5: .*check the timestamps", id="far"
        ),
    ],
)
def test_a_row_that_cannot_be_used_is_named(bad, message):
    with pytest.raises(AnalysisError, match=message):
        backtest(bad, UTC)
