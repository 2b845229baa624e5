"""A series of counts through the detector, as it would have been judged at the time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import pairwise
from statistics import median
from typing import Final

import numpy as np

from analysis.baseline import (
    DAY,
    FIVE_MINUTES,
    FORMED_DAYS,
    LONGEST_WINDOW,
    Baseline,
    Floats,
    empty_baseline,
)
from analysis.burst import LEARNING_STEP, SETTLED_AFTER, advance, windows_of
from analysis.ladder import WARM_UP_VOLUME, default_ladder
from analysis.model import AnalysisError, Ladder, Tier

_WIDTH_ROWS: Final = 12
_MOST_BUCKETS: Final = 5_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """One row of a backtest: ``timestamp`` verbatim, ``baseline`` the count usual for its bucket.

    ``score`` is the burst score of the window that decided on ``tier``, else the highest one; 0 in
    warm-up, where volume alone decides.
    """

    timestamp: str
    value: float
    baseline: float
    score: float
    tier: Tier


def backtest(
    rows: Sequence[tuple[str, str | float]], tz: tzinfo, ladder: Ladder | None = None
) -> list[Judged]:
    """Return one judged row per input row, in input order; row k depends on rows ≤ k alone.

    The values count as negative mentions: share 1, no condition on sources or reach. The detector,
    its lag and its warm-up are the live ones; windows are durations (5, 30, 60 minutes), one bucket
    where a bucket is longer. A missing timestamp is unknown, not zero.

    Args:
        rows: (timestamp, value) as read; a timestamp without a zone is meant in ``tz``.
        tz: the zone of such timestamps.
        ladder: what each tier asks for; the default one when None.

    Raises:
        AnalysisError: a row that cannot be used, with its line (the header is line 1).
    """
    if not rows:
        return []
    times = [_time(text, tz, line) for line, (text, _) in enumerate(rows, start=2)]
    values = [_value(value, line) for line, (_, value) in enumerate(rows, start=2)]
    width = _bucket_width(times)
    places = _places(times, width)
    counts = np.full((1, places[-1] + 1), np.nan)
    counts[0, places] = values
    offset = times[0].utcoffset() or timedelta(0)
    baseline = empty_baseline(width, offset, series=1, start=times[0].astimezone(UTC))
    wanted = ladder or default_ladder()
    judged = [row for block in _blocks(baseline, counts) for row in _judge(block, wanted)]
    return [
        Judged(timestamp=text, value=value, baseline=usual, score=score, tier=tier)
        for (text, _), value, (usual, score, tier) in zip(
            rows, values, (judged[place] for place in places), strict=True
        )
    ]


def _time(text: str, tz: tzinfo, line: int) -> datetime:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise AnalysisError(
            f"line {line}: timestamp {text!r} cannot be read; write 2026-03-01T13:05:00+08:00"
        ) from None
    return at if at.tzinfo else at.replace(tzinfo=tz)


def _value(value: str | float, line: int) -> float:
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0:
        raise AnalysisError(
            f"line {line}: value {value!r} is not a count; write a number from 0 on, "
            "and leave the row out where it is unknown"
        )
    return number


def _bucket_width(times: Sequence[datetime]) -> timedelta:
    """Return the median distance of the first rows; 5 minutes for a single row."""
    first = [at.astimezone(UTC) for at in times[: _WIDTH_ROWS + 1]]
    steps = [(after - at).total_seconds() for at, after in pairwise(first)]
    width = timedelta(seconds=median(steps or [FIVE_MINUTES.total_seconds()]))
    if width <= timedelta(0):
        raise AnalysisError("line 3: the first timestamps do not rise; sort the rows by time")
    return width


def _places(times: Sequence[datetime], width: timedelta) -> list[int]:
    """Return which bucket each row is; a change of summer time moves a daily row by no bucket."""
    first = times[0].astimezone(UTC)
    places = [round((at.astimezone(UTC) - first) / width) for at in times]
    for line, (before, place) in enumerate(pairwise(places), start=3):
        if place <= before:
            what = "the same bucket as" if place == before else "earlier than"
            raise AnalysisError(
                f"line {line}: {times[line - 2].isoformat()} is {what} the row before (buckets are "
                f"{width} wide, from the first rows); sort the rows and give one per bucket"
            )
    if places[-1] > _MOST_BUCKETS:
        raise AnalysisError(
            f"line {len(times) + 1}: {places[-1]} buckets of {width} since the first row are more "
            f"than {_MOST_BUCKETS}; check the timestamps"
        )
    return places


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Block:
    """The buckets judged with one baseline: the last ``ends`` of ``counts``, from ``start`` on."""

    baseline: Baseline
    counts: Floats
    start: datetime
    ends: int


def _blocks(baseline: Baseline, counts: Floats) -> Iterator[_Block]:
    """Yield block after block, each with a baseline that ends before the block as it does live."""
    width, begin = baseline.bucket, baseline.start
    assert begin is not None  # noqa: S101  # backtest gives it
    lag = max(1, round(SETTLED_AFTER / width))
    step = max(1, round(LEARNING_STEP / width))
    before = max(baseline.lengths) - 1
    for first in range(0, counts.shape[1], step):
        learnable = max(0, first + 1 - lag)
        fresh = counts[:, baseline.learned : learnable]
        baseline = advance(baseline, fresh, begin + baseline.learned * width)
        low = max(0, first - before)
        block = counts[:, low : first + step]
        ends = block.shape[1] - (first - low)
        yield _Block(baseline=baseline, counts=block, start=begin + low * width, ends=ends)


def _judge(block: _Block, ladder: Ladder) -> Iterator[tuple[float, float, Tier]]:
    """Yield baseline, score and tier of each bucket of a block."""
    baseline, buckets = block.baseline, block.counts.shape[1]
    windows = windows_of(baseline, block.counts, block.start, block.ends)
    observed, score = windows.observed[0], windows.score[0]
    usual = baseline.expected(block.start, buckets)[0, -block.ends :]
    tiers = np.zeros(score.shape, dtype=np.int64)
    for tier in sorted(ladder):
        rung = ladder[tier]
        tiers[(observed >= rung.volume) & (score >= rung.score)] = tier
    best = np.lexsort((score, tiers), axis=0)[-1]
    for end in range(block.ends):
        place = buckets - block.ends + end
        if _is_warming_up(baseline, block.start + place * baseline.bucket):
            an_hour = float(observed[-1, end]) * min(1.0, LONGEST_WINDOW / baseline.bucket)
            yield float(usual[end]), 0.0, _volume_tier(an_hour, ladder)
        else:
            at = best[end], end
            yield float(usual[end]), float(score[at]), Tier(int(tiers[at]))


def _is_warming_up(baseline: Baseline, at: datetime) -> bool:
    """Whether less than three days of rows lie before: unlike live, where they begin is known."""
    return baseline.start is None or at - baseline.start < FORMED_DAYS * DAY


def _volume_tier(observed: float, ladder: Ladder) -> Tier:
    """Return the tier of an hour's count without a baseline, by absolute volume."""
    reached = [
        tier
        for tier, least in WARM_UP_VOLUME.items()
        if tier in ladder and observed >= max(least, ladder[tier].volume)
    ]
    return max(reached, default=Tier.NONE)
