"""Learning what is usual, and scoring windows against it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis.baseline import FIVE_MINUTES, Baseline, empty_baseline, floor_of, window_lengths
from analysis.burst import advance, burst_score, settled_until, windows_of
from analysis.model import AnalysisError

START = datetime(2026, 3, 1, tzinfo=UTC)
DAY = 288


def daily(rng, days, base=2.0, size=3.0, amplitude=0.8):
    slots = np.arange(days * DAY)
    mean = base * (1 + amplitude * np.sin(2 * np.pi * (slots / DAY - 0.3)))
    return rng.poisson(rng.gamma(size, mean / size)).astype(float)


def both(series):
    return np.stack([series, series])


def learned(counts, **options):
    return advance(empty_baseline(**options), counts, START)


def as_tuple(baseline):
    arrays = (
        baseline.profile,
        baseline.slot_mean,
        baseline.level,
        baseline.moments,
        baseline.dispersion,
        baseline.tail,
    )
    return (baseline.start, baseline.learned, baseline.active_days), arrays


def assert_same(one: Baseline, other: Baseline) -> None:
    (facts, arrays), (other_facts, other_arrays) = as_tuple(one), as_tuple(other)
    assert facts == other_facts
    for mine, theirs in zip(arrays, other_arrays, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-7)


def test_the_score_of_noise_around_its_mean_has_deviation_one():
    rng = np.random.default_rng(1)
    for mean, phi in ((30.0, 0.05), (200.0, 0.2)):
        noise = rng.poisson(rng.gamma(1 / phi, mean * phi, 20_000)).astype(float)
        score = burst_score(noise, np.full(1, mean), np.full(1, phi))
        assert score.std() == pytest.approx(1.0, abs=0.06)
        assert score.mean() == pytest.approx(0.0, abs=0.25)


def test_without_dispersion_the_score_is_the_square_root_of_anscombe():
    score = burst_score(np.array([30.0]), np.array([1.0]), np.array([1e-9]))
    assert score[0] == pytest.approx(2 * (np.sqrt(30.375) - 1), rel=1e-4)


@given(cuts=st.lists(st.integers(0, 4 * DAY), max_size=6))
@settings(max_examples=15, deadline=None)
def test_learning_in_pieces_equals_learning_at_once(cuts):
    counts = both(daily(np.random.default_rng(2), 4))
    pieces = empty_baseline()
    edges = sorted({0, *cuts, counts.shape[1]})
    for a, b in pairwise(edges):
        pieces = advance(pieces, counts[:, a:b], START + a * FIVE_MINUTES)
    assert_same(pieces, learned(counts))


def test_learning_the_same_buckets_again_changes_nothing():
    counts = both(daily(np.random.default_rng(3), 3))
    once = learned(counts)
    assert_same(advance(once, counts, START), once)


def test_learning_begins_at_the_first_mention():
    counts = np.zeros((2, 400))
    counts[1, 150] = 1
    baseline = learned(counts)
    assert baseline.start == START + 150 * FIVE_MINUTES
    assert baseline.end == START + 400 * FIVE_MINUTES
    assert learned(np.zeros((2, 400))).start is None


def test_the_season_is_learned_in_local_time():
    baseline = learned(both(daily(np.random.default_rng(4), 15)))
    usual = baseline.expected(START + 15 * timedelta(days=1), DAY)[1]
    slots = np.arange(DAY)
    truth = 2.0 * (1 + 0.8 * np.sin(2 * np.pi * (slots / DAY - 0.3)))
    assert np.corrcoef(usual, truth)[0, 1] > 0.95
    assert usual.mean() == pytest.approx(2.0, rel=0.2)
    shifted = learned(both(daily(np.random.default_rng(4), 15)), utc_offset=timedelta(0))
    np.testing.assert_allclose(np.roll(baseline.profile, -96, axis=1), shifted.profile, rtol=1e-5)


def test_the_dispersion_of_windows_is_learned():
    size = 3.0
    flat = daily(np.random.default_rng(5), 28, base=10.0, size=size, amplitude=0.0)
    dispersion = learned(both(flat)).dispersion[0]
    for phi, length in zip(dispersion, (1, 6, 12), strict=True):
        assert phi == pytest.approx(1 / (size * length), rel=0.5)


def test_a_crisis_stays_out_of_its_own_baseline():
    calm = daily(np.random.default_rng(6), 10)
    crisis = calm.copy()
    crisis[9 * DAY : 9 * DAY + 24] += 500
    at = START + timedelta(days=10)
    before, after = (learned(both(x)).expected(at, DAY)[0].mean() for x in (calm, crisis))
    assert after < 1.6 * before


def test_unknown_buckets_teach_nothing():
    counts = both(daily(np.random.default_rng(7), 6))
    silent = counts.copy()
    silent[:, 5 * DAY :] = np.nan
    known, holed = learned(counts[:, : 5 * DAY]), learned(silent)
    np.testing.assert_array_equal(holed.level, known.level)
    assert holed.end == START + timedelta(days=6)
    jumped = advance(known, counts[:, :1], START + timedelta(days=6))
    assert jumped.learned == 6 * DAY + 1


@pytest.mark.parametrize(
    ("mentions_at_hours", "asked_at_hours", "formed"),
    [
        pytest.param([0, 24, 73], 80, True, id="three days over three days"),
        pytest.param([0, 24, 48], 60, False, id="three days within less than three"),
        pytest.param([0, 1, 2, 80], 90, False, id="two days far apart"),
        pytest.param([], 200, False, id="nothing"),
    ],
)
def test_a_baseline_is_formed_by_days_with_mentions(mentions_at_hours, asked_at_hours, formed):
    counts = np.zeros((2, asked_at_hours * 12))
    counts[1, [hour * 12 for hour in mentions_at_hours]] = 1
    assert learned(counts).is_formed(START + timedelta(hours=asked_at_hours)) is formed


def test_days_without_mentions_for_four_weeks_are_forgotten():
    counts = np.zeros((2, 40 * DAY))
    counts[:, [0, DAY, 2 * DAY, 3 * DAY, 39 * DAY]] = 1
    assert learned(counts).days_seen == 1


def test_a_stored_baseline_goes_on_where_it_stood():
    counts = both(daily(np.random.default_rng(8), 5))
    half = learned(counts[:, :700])
    blob = half.to_bytes()
    assert len(blob) < 6000
    again = Baseline.from_bytes(blob)
    assert_same(again, half)
    assert again.to_bytes() == blob
    assert_same(advance(again, counts[:, 700:], START + 700 * FIVE_MINUTES), learned(counts))
    assert Baseline.from_bytes(empty_baseline().to_bytes()).start is None


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda blob: blob[:-3], id="cut"),
        pytest.param(lambda blob: blob[:10], id="cut in the header"),
        pytest.param(lambda blob: b"JWB9" + blob[4:], id="another version"),
        pytest.param(lambda blob: blob + b"x", id="too long"),
        pytest.param(lambda blob: b"", id="empty"),
    ],
)
def test_an_unreadable_baseline_says_so(spoil):
    with pytest.raises(AnalysisError, match="learn the list's history again"):
        Baseline.from_bytes(spoil(empty_baseline().to_bytes()))


def test_counts_off_the_raster_or_of_another_shape_are_refused():
    baseline = learned(np.ones((2, 10)))
    with pytest.raises(AnalysisError, match="off the 0:05:00 raster"):
        advance(baseline, np.ones((2, 1)), START + timedelta(minutes=52))
    with pytest.raises(AnalysisError, match=r"\(2, buckets\)"):
        advance(baseline, np.ones((1, 1)), START + timedelta(minutes=50))


@pytest.mark.parametrize(
    ("minutes", "lengths"),
    [(1, (5, 30, 60)), (5, (1, 6, 12)), (10, (1, 3, 6)), (15, (1, 2, 4)), (60, (1,)), (1440, (1,))],
)
def test_windows_are_durations(minutes, lengths):
    assert window_lengths(timedelta(minutes=minutes)) == lengths


def test_the_floor_grows_with_the_window_up_to_an_hour():
    assert floor_of(FIVE_MINUTES) == pytest.approx(0.02)
    assert floor_of(timedelta(hours=1)) == floor_of(timedelta(days=1)) == pytest.approx(0.24)


def test_windows_sum_what_is_known():
    baseline = learned(both(daily(np.random.default_rng(9), 7)))
    recent = np.arange(24, dtype=float)[None].repeat(2, axis=0)
    recent[:, 20] = np.nan
    at = START + timedelta(days=7)
    windows = windows_of(baseline, recent, at, 2)
    assert windows.observed.shape == (2, 3, 2)
    assert windows.observed[0, :, -1].tolist() == [
        23,
        sum((18, 19, 21, 22, 23)),
        sum(range(12, 24)) - 20,
    ]
    usual = baseline.expected(at, 24)[0]
    assert windows.expected[0, 1, -1] == pytest.approx(usual[18:24].sum() - usual[20])


def test_only_settled_whole_hours_are_learned():
    now = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
    assert settled_until(now) == datetime(2026, 3, 10, 2, tzinfo=UTC)


def test_four_weeks_of_five_minute_buckets_are_learned_within_a_tenth_of_a_second():
    counts = both(daily(np.random.default_rng(10), 28))
    fastest = min(_seconds(counts) for _ in range(5))
    assert fastest < 0.1


def _seconds(counts):
    begin = time.process_time()
    learned(counts)
    return time.process_time() - begin
