"""The tier that a keyword list has reached: windows held against the rungs of its ladder."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.baseline import FORMED_DAYS, Baseline, Floats
from analysis.burst import NEGATIVE, TOTAL, Windows, windows_of
from analysis.ladder import (
    DEFAULT_LADDER,
    WARM_UP_SHARE,
    WARM_UP_VOLUME,
    default_ladder,
    ladder_from,
)
from analysis.model import Condition, Ladder, Rung, Signal, SignalReason, Tier

__all__ = [
    "HORIZON",
    "RECENT",
    "Recent",
    "Spread",
    "default_ladder",
    "judge_windows",
    "ladder_from",
    "quiet_buckets",
]

HORIZON: Final = timedelta(hours=2)
"""Posts published longer ago never fire: an imported past crisis is no news."""
RECENT: Final = timedelta(hours=3)
"""How many counts to give to ``judge_windows``; more does no harm."""
_TELLING: Final = ("volume", "score", "negative_share")
QUIET_SHARE: Final = 0.7
"""A bucket is quiet when its windows stay under this share of the rung's score or volume."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """How widely the negative mentions of a window came: distinct sources, people reached.

    ``reach`` is None where it is unknown, never 0.
    """

    sources: int
    reach: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Recent:
    """The newest counts of a keyword list, up to and including the open bucket.

    ``counts`` is shaped (2, buckets): negative and all mentions, NaN where not known; ``start`` is
    the begin of the first bucket. ``spread_of(start, end)`` tells the spread of the negative
    mentions published in that half-open range; it is asked for few windows, and only for those
    that reach a rung's volume and score.
    """

    keyword_list_id: int
    start: datetime
    counts: Floats
    spread_of: Callable[[datetime, datetime], Spread]


def judge_windows(
    recent: Recent,
    baseline: Baseline,
    ladder: Ladder,
    *,
    now: datetime,
    rule_version: str,
    cutoff: datetime | None = None,
) -> Signal:
    """Return the strongest signal of what was published within the last two hours.

    Args:
        recent: counts of the last hours (``RECENT``), of which at least one bucket has begun.
        baseline: what is usual, learned up to ``settled_until(now)``.
        ladder: what each tier asks for.
        now: the moment of judging; buckets that begin later are ignored.
        rule_version: goes into the signal's key.
        cutoff: a person closed the alert then; only windows that start later count.

    Returns:
        A signal whose tier may be ``NONE``; ``reason`` says why. Its conditions are those of the
        tier reached, or of the lowest rung. Negative volume may reach every tier, the volume of
        all mentions yellow at most, a list without a baseline orange at most.
    """
    since = now - HORIZON if cutoff is None else max(now - HORIZON, cutoff)
    trial = _try(recent, baseline, ladder, since, now)
    if not trial.formed:
        return _warm_up_signal(trial, rule_version)
    negative = _reached(trial, NEGATIVE, ladder)
    mild = {tier: rung for tier, rung in ladder.items() if tier <= Tier.YELLOW}
    hit = max(negative, _reached(trial, TOTAL, mild), key=lambda each: each.tier)
    return _signal(trial, hit, rule_version)


def quiet_buckets(
    recent: Recent, baseline: Baseline, ladder: Ladder, *, tier: Tier, now: datetime
) -> int:
    """Return how many of the newest buckets in a row are quiet for an alert of ``tier``.

    Quiet: every window that ends there, negative or all, holds less than 0.7 of the rung's score
    or volume. At most the buckets of the last two hours are looked at.
    """
    trial = _try(recent, baseline, ladder, now - HORIZON, now)
    rung = ladder.get(tier, DEFAULT_LADDER[tier])
    observed, score = trial.windows.observed, trial.windows.score
    if not trial.formed:
        observed, score = observed[NEGATIVE:TOTAL], score[NEGATIVE:TOTAL]
        least = WARM_UP_VOLUME.get(tier, WARM_UP_VOLUME[Tier.YELLOW])
        rung = replace(rung, volume=max(rung.volume, least), score=-math.inf)
    loud = (observed >= QUIET_SHARE * rung.volume) & (score >= QUIET_SHARE * rung.score)
    heard = np.flatnonzero(np.asarray(loud.any(axis=(0, 1)))[::-1])
    return int(heard[0]) if heard.size else trial.share.shape[1]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Trial:
    """One judging: what was given, and the windows computed from it once."""

    recent: Recent
    baseline: Baseline
    ladder: Ladder
    formed: bool
    windows: Windows
    share: Floats

    def bounds(self, length: int, end: int) -> tuple[datetime, datetime]:
        first = max(0, end + 1 - self.baseline.lengths[length])
        start, bucket = self.recent.start, self.baseline.bucket
        return start + first * bucket, start + (end + 1) * bucket

    def spread(self, length: int, end: int) -> Spread:
        return self.recent.spread_of(*self.bounds(length, end))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    """The window that speaks for a series, and the tier it reaches."""

    series: int
    length: int
    end: int
    tier: Tier
    spread: Spread


def _try(
    recent: Recent, baseline: Baseline, ladder: Ladder, since: datetime, now: datetime
) -> _Trial:
    kept = _between(recent, baseline.bucket, since, now)
    windows = windows_of(baseline, kept.counts, kept.start, kept.counts.shape[1])
    negative, total = windows.observed
    return _Trial(
        recent=kept,
        baseline=baseline,
        ladder=ladder,
        formed=baseline.is_formed(now),
        windows=windows,
        share=negative / np.maximum(total, 1.0),
    )


def _between(recent: Recent, bucket: timedelta, since: datetime, now: datetime) -> Recent:
    """Keep the buckets that begin in [since, now); where none does, one unknown bucket."""
    stop = min(recent.counts.shape[1], math.ceil((now - recent.start) / bucket))
    first = max(0, math.ceil((since - recent.start) / bucket))
    counts = recent.counts[:, first:stop]
    if not counts.shape[1]:
        return replace(recent, start=now, counts=np.full((2, 1), np.nan))
    return replace(recent, start=recent.start + first * bucket, counts=counts)


def _reached(trial: _Trial, series: int, ladder: Ladder) -> _Hit:
    """Return the window that reaches the highest rung, by score; else the one that comes nearest."""
    score = trial.windows.score[series]
    observed = trial.windows.observed[series]
    for tier in sorted(ladder, reverse=True):
        rung = ladder[tier]
        allowed = (observed >= rung.volume) & (score >= rung.score)
        if series == NEGATIVE:
            allowed &= trial.share >= rung.negative_share
        for length, end in _candidates(score, allowed):
            spread = trial.spread(length, end)
            if series == TOTAL or _is_wide_enough(rung, spread):
                return _Hit(series=series, length=length, end=end, tier=tier, spread=spread)
    nearest = np.unravel_index(int(np.argmax(score)), score.shape)
    length, end = int(nearest[0]), int(nearest[1])
    spread = trial.spread(length, end) if observed[length, end] else Spread(sources=0)
    return _Hit(series=series, length=length, end=end, tier=Tier.NONE, spread=spread)


def _candidates(score: Floats, allowed: NDArray[np.bool_]) -> Iterable[tuple[int, int]]:
    """Yield the best allowed window of each length, the highest score first, at most three."""
    best = np.where(allowed, score, -np.inf)
    ends = best.argmax(axis=1)
    tops = [(float(best[i, end]), i, int(end)) for i, end in enumerate(ends)]
    return [(i, end) for top, i, end in sorted(tops, reverse=True) if top > -math.inf]


def _is_wide_enough(rung: Rung, spread: Spread) -> bool:
    """Sources or reach: one of the two is enough; asking for neither is always met."""
    if rung.sources is None and rung.reach is None:
        return True
    by_sources = rung.sources is not None and spread.sources >= rung.sources
    return by_sources or (rung.reach is not None and (spread.reach or 0) >= rung.reach)


def _warm_up_signal(trial: _Trial, rule_version: str) -> Signal:
    """Judge a list without a baseline: by negative mentions within an hour and their share alone."""
    length = len(trial.baseline.lengths) - 1
    observed = trial.windows.observed[NEGATIVE, length]
    steep = trial.share[length] >= WARM_UP_SHARE
    end = int(np.argmax(np.where(steep, observed, -1.0)))
    tier = Tier.NONE
    for rung_tier, least in WARM_UP_VOLUME.items():
        rung = trial.ladder.get(rung_tier)
        if rung is not None and steep[end] and observed[end] >= max(least, rung.volume):
            tier = rung_tier
    spread = trial.spread(length, end) if observed[end] else Spread(sources=0)
    hit = _Hit(series=NEGATIVE, length=length, end=end, tier=tier, spread=spread)
    return replace(_signal(trial, hit, rule_version), baseline=0.0, score=0.0)


def _signal(trial: _Trial, hit: _Hit, rule_version: str) -> Signal:
    at = (hit.length, hit.end)
    start, end = trial.bounds(*at)
    return Signal(
        keyword_list_id=trial.recent.keyword_list_id,
        rule_version=rule_version,
        tier=hit.tier,
        reason=_reason(trial, hit),
        window_start=start,
        window_end=end,
        observed=round(float(trial.windows.observed[hit.series][at])),
        baseline=float(trial.windows.expected[hit.series][at]),
        score=float(trial.windows.score[hit.series][at]),
        mentions=round(float(trial.windows.observed[TOTAL][at])),
        negative_share=float(trial.share[at]),
        sources=hit.spread.sources,
        reach=hit.spread.reach,
        conditions=_conditions(trial, hit),
    )


def _reason(trial: _Trial, hit: _Hit) -> SignalReason:
    """Say why the tier was reached; below the lowest rung, what alone was missing for it."""
    if hit.tier > Tier.NONE:
        if not trial.formed:
            return SignalReason.WARM_UP_VOLUME
        return SignalReason.BURST_NEGATIVE if hit.series == NEGATIVE else SignalReason.BURST_VOLUME
    missing = {row.name for row in _conditions(trial, hit) if not row.met and row.name in _TELLING}
    return {
        frozenset({"volume"}): SignalReason.BELOW_VOLUME,
        frozenset({"score"}): SignalReason.BELOW_SCORE,
        frozenset({"negative_share"}): SignalReason.BELOW_SHARE,
    }.get(frozenset(missing), SignalReason.QUIET)


def _conditions(trial: _Trial, hit: _Hit) -> tuple[Condition, ...]:
    """Return one row per condition of the tier reached, or of the lowest rung when none is.

    Without a baseline the score asks for nothing: the row of ``baseline_days`` says why.
    """
    lowest = min(trial.ladder if trial.formed else WARM_UP_VOLUME, default=Tier.BLUE)
    tier = hit.tier or lowest
    rung = trial.ladder.get(tier, DEFAULT_LADDER[tier])
    at = (hit.length, hit.end)
    observed = float(trial.windows.observed[hit.series][at])
    usual = float(trial.windows.expected[hit.series][at])
    score = float(trial.windows.score[hit.series][at])
    days = Condition(
        name="baseline_days",
        observed=float(trial.baseline.days_seen),
        baseline=None,
        threshold=float(FORMED_DAYS),
        met=trial.formed,
    )
    if not trial.formed:
        least = max(rung.volume, WARM_UP_VOLUME[tier])
        rows = [_row("volume", observed, least), _row("score", None, None)]
        share = _row("negative_share", float(trial.share[at]), WARM_UP_SHARE)
        return (*rows, share, days)
    volume = replace(_row("volume", observed, rung.volume), baseline=usual)
    rows = [volume, _row("score", score, rung.score)]
    wanted = rung.negative_share if hit.series == NEGATIVE else None
    share = _row("negative_share", float(trial.share[at]), wanted)
    return (*rows, share, *_spread_rows(rung, hit), days)


def _spread_rows(rung: Rung, hit: _Hit) -> list[Condition]:
    wanted = rung if hit.series == NEGATIVE else replace(rung, sources=None, reach=None)
    reach = None if hit.spread.reach is None else float(hit.spread.reach)
    return [
        _row("sources", float(hit.spread.sources), wanted.sources),
        _row("reach", reach, wanted.reach),
    ]


def _row(name: str, observed: float | None, threshold: float | None) -> Condition:
    met = threshold is None or (observed is not None and observed >= threshold)
    wanted = None if threshold is None else float(threshold)
    return Condition(name=name, observed=observed, baseline=None, threshold=wanted, met=met)
