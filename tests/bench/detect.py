"""The injected-step benchmark: false alarms on quiet lists, and how soon a step is found.

Run ``python -m tests.bench.detect`` or ``python tests/bench/detect.py [--small]``. Counts are
negative binomial with a day/night swing of 0.8 over 18 days; everything is learned from the series
itself, through the same ``backtest`` that users call. A step lasts an hour and begins at a random
bucket of days 15–17. "Found" means within 30 minutes; "calibrated" asks for the score whose daily
maximum a quiet list exceeds once in twenty days, "yellow" for the shipped threshold.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analysis.backtest import Judged, backtest
from analysis.model import Tier

DAY = 288
DAYS = 18
WARM_DAYS = 8
STEP = 12
WITHIN = 6
START = datetime(2026, 1, 1, tzinfo=UTC)
STAMPS = [(START + timedelta(minutes=5 * i)).isoformat() for i in range(DAYS * DAY)]
BASES = ((0.2, 1.0), (2.0, 3.0), (20.0, 5.0))
STEPS = ((0.2, 1.0, 10, 0.60), (2.0, 3.0, 5, 0.88), (2.0, 3.0, 10, 0.98), (20.0, 5.0, 3, 0.95))
FALSE_ALARMS_PER_DAY = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Quiet:
    """Daily maxima of quiet lists: of the score, and of the tier."""

    scores: NDArray[np.float64]
    tiers: NDArray[np.int64]

    @property
    def threshold(self) -> float:
        """The score that a quiet list exceeds on one day in twenty."""
        return float(np.quantile(self.scores, 1 - FALSE_ALARMS_PER_DAY))


def mean_of(base: float) -> NDArray[np.float64]:
    """Return the mean count of every bucket."""
    slots = np.arange(DAYS * DAY)
    return np.asarray(base * (1 + 0.8 * np.sin(2 * np.pi * (slots / DAY - 0.3))))


def judged(rng: np.random.Generator, mean: NDArray[np.float64], size: float) -> list[Judged]:
    """Draw one series and run it through the detector."""
    counts = rng.poisson(rng.gamma(size, mean / size))
    return backtest(list(zip(STAMPS, counts.tolist(), strict=True)), UTC)


def quiet(base: float, size: float, lists: int, seed: int) -> Quiet:
    """Judge lists on which nothing happens."""
    rng = np.random.default_rng(seed)
    rows = [judged(rng, mean_of(base), size)[WARM_DAYS * DAY :] for _ in range(lists)]
    shape = (lists, DAYS - WARM_DAYS, DAY)
    scores = np.array([[row.score for row in one] for one in rows]).reshape(shape)
    tiers = np.array([[int(row.tier) for row in one] for one in rows]).reshape(shape)
    return Quiet(scores=scores.max(axis=2), tiers=tiers.max(axis=2))


def found(
    base: float, size: float, factor: float, lists: int, threshold: float
) -> tuple[float, float]:
    """Return the share of steps found within 30 minutes: calibrated, and at yellow."""
    rng = np.random.default_rng(77)
    hits = np.zeros(2)
    for _ in range(lists):
        at = int(rng.integers(15 * DAY, DAYS * DAY - STEP))
        mean = mean_of(base)
        mean[at : at + STEP] *= factor
        seen = judged(rng, mean, size)[at : at + WITHIN]
        hits += (
            any(row.score >= threshold for row in seen),
            any(row.tier >= Tier.YELLOW for row in seen),
        )
    calibrated, yellow = hits / lists
    return float(calibrated), float(yellow)


def main() -> None:
    """Print both tables."""
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    options.add_argument("--small", action="store_true", help="40 lists a cell instead of 200")
    lists = 40 if options.parse_args().small else 200
    print(f"false alarms per list and day, {lists} lists, {DAYS - WARM_DAYS} days each")
    print(f"{'base':>6} {'blue+':>8} {'yellow+':>8} {'orange+':>8} {'red':>8}  calibrated score")
    calm = {base: quiet(base, size, lists, seed=5) for base, size in BASES}
    for base, one in calm.items():
        shares = [float((one.tiers >= tier).mean()) for tier in list(Tier)[1:]]
        print(f"{base:>6} " + " ".join(f"{s:8.4f}" for s in shares) + f"  {one.threshold:.2f}")
    print("share of one-hour steps found within 30 minutes")
    print(f"{'base':>6} {'step':>6} {'calibrated':>11} {'target':>7} {'yellow':>7}")
    for base, size, factor, target in STEPS:
        calibrated, yellow = found(base, size, factor, lists, calm[base].threshold)
        print(f"{base:>6} {factor:>5}× {calibrated:11.2f} {target:7.2f} {yellow:7.2f}")


if __name__ == "__main__":
    main()
