"""A gap in the counts (NaN) is not calm: it neither lowers the level nor makes what follows a spike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analysis.baseline import FIVE_MINUTES, empty_baseline
from analysis.burst import TOTAL, advance, settled_until
from analysis.model import Tier
from analysis.tiers import Recent, Spread, default_ladder, judge_windows

NOW = datetime(2026, 3, 20, 5, 8, tzinfo=UTC)
OPEN_BUCKET = NOW.replace(minute=5)
DAYS = 14
BUCKETS = DAYS * 288
ROWS = {"6 h": 72, "a day": 288, "3 days": 864}


def history(seed=3, per_hour=24.0):
    """Return 14 flat days of Poisson counts up to now, all of them negative."""
    row = np.random.default_rng(seed).poisson(per_hour / 12, BUCKETS).astype(float)
    return np.stack([row, row])


def learned(counts):
    start = OPEN_BUCKET + FIVE_MINUTES - BUCKETS * FIVE_MINUTES
    known = (settled_until(NOW) - start) // FIVE_MINUTES
    return advance(empty_baseline(), counts[:, :known], start)


def rate(baseline):
    return baseline.level[TOTAL, 0] / baseline.level[TOTAL, 1]


def judge(counts, baseline):
    start = OPEN_BUCKET + FIVE_MINUTES - 37 * FIVE_MINUTES
    recent = Recent(
        keyword_list_id=7,
        start=start,
        counts=counts[:, -37:],
        spread_of=lambda since, until: Spread(sources=4, reach=None),
    )
    return judge_windows(recent, baseline, default_ladder(), now=NOW, rule_version="v1")


def blinded(counts, buckets, value):
    """Return the counts with a gap that ended with the last learned bucket."""
    holed = counts.copy()
    end = BUCKETS - 48
    holed[:, end - buckets : end] = value
    return holed


@pytest.mark.parametrize("buckets", ROWS.values(), ids=ROWS.keys())
def test_a_gap_moves_neither_level_nor_dispersion_nor_the_days_seen(buckets):
    counts = history()
    whole, masked = learned(counts), learned(blinded(counts, buckets, np.nan))
    calm = learned(blinded(counts, buckets, 0.0))
    assert rate(masked) == pytest.approx(rate(whole), rel=0.05)
    assert rate(calm) < 0.95 * rate(whole)
    assert masked.dispersion.max() < 0.05
    assert masked.end == whole.end
    assert masked.is_formed(NOW)


@pytest.mark.parametrize("buckets", ROWS.values(), ids=ROWS.keys())
@pytest.mark.parametrize("seed", range(4))
def test_the_first_normal_hours_after_a_gap_reach_no_tier(buckets, seed):
    counts = history(seed)
    assert judge(counts, learned(blinded(counts, buckets, np.nan))).tier == Tier.NONE


def test_taken_for_calm_the_same_gap_would_cry_wolf():
    counts = history()
    assert judge(counts, learned(blinded(counts, ROWS["3 days"], 0.0))).tier > Tier.NONE


@pytest.mark.parametrize("buckets", ROWS.values(), ids=ROWS.keys())
def test_a_real_spike_after_a_gap_is_found(buckets):
    counts = history()
    baseline = learned(blinded(counts, buckets, np.nan))
    counts[:, -4:] += 15
    signal = judge(counts, baseline)
    assert signal.tier >= Tier.ORANGE
    assert signal.window_end > NOW - timedelta(minutes=30)
