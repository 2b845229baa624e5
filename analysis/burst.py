"""How far above the usual a keyword list is: learning the usual, and scoring windows against it.

Counts per bucket and series (negative mentions, all mentions) are learned causally: a level that
follows the last days, a profile of the day, and the dispersion of each window length. Nothing is
learned from a bucket before it has settled, so a burst never explains itself away.

NaN in counts means "not known" (a gap, a blind spot): such a bucket teaches nothing.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np

from analysis.baseline import (
    DAY,
    EPOCH,
    PRIOR_DISPERSION,
    Baseline,
    Float32s,
    Floats,
    floor_of,
)
from analysis.model import AnalysisError

NEGATIVE: Final = 0
TOTAL: Final = 1


SETTLED_AFTER: Final = timedelta(hours=3)
"""Buckets younger than this are not learned: posts arrive up to 2 h late, windows last 1 h."""
LEARNING_STEP: Final = timedelta(hours=1)
"""Baselines move in whole hours: one write per list and hour instead of one per bucket."""

MEMORY_DAYS: Final = 28

_PRIOR_WEIGHT: Final = 60.0
_DISPERSION_RANGE: Final = (0.01, 4.0)
_PROFILE_MEMORY: Final = 14
_PROFILE_PRIOR_DAYS: Final = 0.5
_PROFILE_PRIOR_EVENTS: Final = 10.0
_LEAST_WEIGHT: Final = 2.5


def burst_score(observed: Floats, expected: Floats, dispersion: Floats) -> Floats:
    """Return how far ``observed`` lies above ``expected``, in standard deviations.

    Mention counts are wider than Poisson: Var = e + φe² (negative binomial). The integral of
    dx/√(x + φx²) evens that out, so one threshold serves quiet and loud keyword lists
    (Anscombe 1948). Arguments broadcast; φ > 0.
    """
    root = np.sqrt(dispersion)
    high = np.arcsinh(root * np.sqrt(observed + 3 / 8))
    low = np.arcsinh(root * np.sqrt(expected))
    return np.asarray(2.0 / root * (high - low), dtype=np.float64)


def settled_until(now: datetime) -> datetime:
    """Return up to when buckets may be learned at ``now``: three hours back, on the whole hour."""
    back = now - SETTLED_AFTER
    return back - (back - EPOCH) % LEARNING_STEP


def advance(baseline: Baseline, counts: Floats, start: datetime) -> Baseline:
    """Return the baseline after learning closed buckets.

    Args:
        baseline: what was known before; not changed.
        counts: shape (series, buckets), contiguous, NaN where not known.
        start: begin of the first bucket. Buckets learned before are skipped, so a step run twice
            changes nothing; a hole after the last learned bucket is unknown.

    Raises:
        AnalysisError: the shape or the raster does not fit the baseline.
    """
    series = baseline.profile.shape[0]
    if counts.ndim != 2 or counts.shape[0] != series:
        raise AnalysisError(f"counts must be shaped ({series}, buckets), not {counts.shape}")
    counts, start = _unlearned(baseline, np.asarray(counts, dtype=np.float64), start)
    if not counts.shape[1]:
        return baseline
    if baseline.start is None:
        baseline = replace(baseline, start=start)
    baseline = replace(baseline, active_days=_active_days(baseline, counts, start))
    at = 0
    while at < counts.shape[1]:
        room = baseline.slots - baseline.learned % baseline.slots
        baseline = _learn(baseline, counts[:, at : at + room])
        at += room
    return baseline


def _unlearned(baseline: Baseline, counts: Floats, start: datetime) -> tuple[Floats, datetime]:
    """Cut what was learned before; fill a hole with unknown; begin at the first mention."""
    if baseline.end is None:
        some = np.flatnonzero(counts[-1] > 0)
        first = int(some[0]) if some.size else counts.shape[1]
        return counts[:, first:], start + first * baseline.bucket
    steps = (start - baseline.end) / baseline.bucket
    if steps != round(steps):
        raise AnalysisError(
            f"counts start at {start.isoformat()}, off the {baseline.bucket} raster of the "
            f"baseline that ends at {baseline.end.isoformat()}; start on a bucket"
        )
    ahead = round(steps)
    hole = np.full((counts.shape[0], max(0, ahead)), np.nan)
    return np.concatenate([hole, counts[:, max(0, -ahead) :]], axis=1), baseline.end


def _active_days(baseline: Baseline, counts: Floats, start: datetime) -> tuple[int, ...]:
    local = (start + baseline.utc_offset - EPOCH) / DAY
    step = baseline.bucket / DAY
    busy = np.flatnonzero(counts[-1] > 0)
    days = {int(day) for day in np.unique(np.floor(local + 1e-9 + busy * step))}
    last = math.floor(local + 1e-9 + (counts.shape[1] - 1) * step)
    return tuple(sorted(d for d in days.union(baseline.active_days) if d > last - MEMORY_DAYS))


def _learn(baseline: Baseline, block: Floats) -> Baseline:
    """Learn a block that lies within one turn of the profile."""
    buckets = block.shape[1]
    assert baseline.start is not None  # noqa: S101  # advance has set it
    first = baseline.slot(baseline.start) + baseline.learned
    slots = (first + np.arange(buckets)) % baseline.slots
    winsorised, usual, level = _follow(baseline, block, baseline.profile[:, slots])
    visit = baseline.learned // baseline.slots + 1
    weight = max(1 / _PROFILE_MEMORY, 1 / visit)
    slot_mean = baseline.slot_mean.copy()
    old = slot_mean[:, slots]
    slot_mean[:, slots] = np.where(np.isnan(winsorised), old, old + weight * (winsorised - old))
    tail = np.concatenate([baseline.tail, np.stack([block, usual])], axis=2)
    learned = replace(
        baseline,
        learned=baseline.learned + buckets,
        slot_mean=slot_mean,
        level=level,
        moments=_moments(baseline, tail, buckets),
        tail=tail[:, :, buckets:],
    )
    return _turn(learned) if learned.learned % learned.slots == 0 else learned


def _follow(baseline: Baseline, block: Floats, profile: Float32s) -> tuple[Floats, Floats, Floats]:
    """Follow the level over a block: winsorised counts, expectations made before, new level."""
    series = [
        _follow_one(row.tolist(), share.tolist(), float(phi[0]), level.tolist(), baseline.bucket)
        for row, share, phi, level in zip(
            block, profile, baseline.dispersion, baseline.level, strict=True
        )
    ]
    kept, usual, level = (np.array(column) for column in zip(*series, strict=True))
    return kept, usual, level


def _follow_one(
    counts: list[float],
    profile: list[float],
    phi: float,
    level: list[float],
    bucket: timedelta,
) -> tuple[list[float], list[float], tuple[float, float]]:
    """Follow one series, causally.

    The level is Σ fading counts / Σ fading profile: unlike a mean of counts / profile it is not
    at the mercy of the quiet hours. A count is cut at six deviations, so that a crisis stays out
    of its own baseline; the cut depends on the level, hence the loop. The first few buckets are
    neither cut nor compared: there is nothing yet to compare them with.
    """
    fade = 0.5 ** (1 / max(DAY / bucket, 7.0))
    floor = floor_of(bucket)
    seen, weight = level
    kept, usual = [], []
    for count, share in zip(counts, profile, strict=True):
        e = max(floor, seen / weight * share) if weight >= _LEAST_WEIGHT else math.nan
        limit = e + 6 * math.sqrt(e + phi * e * e) + 2
        cut = limit if count > limit else count
        usual.append(e)
        kept.append(cut)
        if not math.isnan(cut):
            seen = fade * seen + cut
            weight = fade * weight + share
    return kept, usual, (seen, weight)


def _moments(baseline: Baseline, tail: Floats, buckets: int) -> Floats:
    """Return the fading sums of (x − e)² − e and of e² per series and window length.

    Windows overlap: each counts 1/length, so that the sums speak of independent windows.
    """
    fade = 0.5 ** (1 / max(7 * DAY / baseline.bucket, 28.0))
    weights = fade ** np.arange(buckets - 1, -1, -1.0)
    fresh = np.empty_like(baseline.moments)
    for i, length in enumerate(baseline.lengths):
        begin = tail.shape[2] - buckets - length + 1
        rolled = np.lib.stride_tricks.sliding_window_view(tail[:, :, begin:], length, axis=2)
        x, e = rolled.sum(axis=3)
        phi = baseline.dispersion[:, i, None]
        x = np.minimum(x, e + 6 * np.sqrt(e + phi * e * e) + 2)
        known = ~np.isnan(x)
        fresh[0, :, i] = np.where(known, (x - e) ** 2 - e, 0) @ weights / length
        fresh[1, :, i] = np.where(known, e * e, 0) @ weights / length
    faded: Floats = fade**buckets * baseline.moments
    return faded + fresh


def _turn(baseline: Baseline) -> Baseline:
    """Take over what a full turn of the profile has taught: season and dispersion."""
    excess, square = baseline.moments
    dispersion = (excess + _PRIOR_WEIGHT * PRIOR_DISPERSION) / (square + _PRIOR_WEIGHT)
    return replace(
        baseline,
        profile=_profile(baseline),
        dispersion=np.clip(dispersion, *_DISPERSION_RANGE),
    )


def _profile(baseline: Baseline) -> Float32s:
    """Smooth the slot means over ±30 minutes and shrink them to flat where they say little."""
    if baseline.slots == 1:
        return baseline.profile
    half = round(timedelta(minutes=30) / baseline.bucket)
    span = 2 * half + 1
    mean = baseline.slot_mean.astype(np.float64)
    wrapped = np.concatenate([mean[:, -half:], mean, mean[:, :half]], axis=1) if half else mean
    smooth = np.lib.stride_tricks.sliding_window_view(wrapped, span, axis=1).mean(axis=2)
    average = smooth.mean(axis=1, keepdims=True)
    days = baseline.learned / baseline.slots
    events = average * span * min(days, _PROFILE_MEMORY)
    trust = days / (days + _PROFILE_PRIOR_DAYS) * events / (events + _PROFILE_PRIOR_EVENTS)
    shape = smooth / np.maximum(average, 1e-12)
    return np.asarray(trust * shape + (1 - trust), dtype=np.float32)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """Windows that end at each of the last ``ends`` buckets: arrays (series, length, end)."""

    observed: Floats
    expected: Floats
    score: Floats


def windows_of(baseline: Baseline, counts: Floats, start: datetime, ends: int) -> Windows:
    """Return the windows of every length that end at the last ``ends`` buckets of ``counts``.

    ``counts`` is shaped (series, buckets) and begins at ``start``. A window that would begin
    before them is cut short; unknown buckets are left out of observed and expected alike.
    """
    buckets = counts.shape[1]
    known = ~np.isnan(counts)
    x = _running(np.where(known, counts, 0.0))
    e = _running(np.where(known, baseline.expected(start, buckets), 0.0))
    stop = np.arange(buckets - ends + 1, buckets + 1)
    begin = np.maximum(0, stop - np.array(baseline.lengths)[:, None])
    observed = x[:, stop][:, None] - x[:, begin]
    expected = np.maximum(e[:, stop][:, None] - e[:, begin], floor_of(baseline.bucket))
    score = burst_score(observed, expected, baseline.dispersion[:, :, None])
    return Windows(observed=observed, expected=expected, score=score)


def _running(values: Floats) -> Floats:
    return np.concatenate([np.zeros((values.shape[0], 1)), np.cumsum(values, axis=1)], axis=1)
