"""What the counts of a list do not tell, because sources that carry it were blind.

Buckets inside such a blind spot are not learned. Posts that came in after it with a guessed time do not
fire: their crowd is ours, made by the gap. What has a real time of publication is judged by it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import numpy as np
from sqlalchemy import Connection, RowMapping

from analysis import burst
from analysis.baseline import DAY, FIVE_MINUTES, Floats
from monitor.storage import blind_spots, unseen
from monitor.storage.instants import EPOCH
from monitor.storage.rollups import HOUR, floor_bucket

CARRIES: Final = 0.1
"""Sources that are blind together and gave this share of a list's mentions make its counts unknown."""
LOOKED_BACK: Final = timedelta(days=burst.MEMORY_DAYS + 1)
_MOST_SHARES: Final = 5_000

Shares = dict[tuple[int, datetime], dict[int, float]]
"""For each list and hour, the shares of its sources in the 28 days before."""


@dataclass(slots=True, kw_only=True)
class Unseen:
    """The blind spots of the last four weeks, read once for one round of judging.

    ``shares`` is kept by the caller from round to round.
    """

    connection: Connection
    now: datetime
    shares: Shares
    _spots: Sequence[RowMapping] | None = field(default=None)

    def mask(self, list_id: int, counts: Floats, start: datetime) -> Floats:
        """Return the counts (2, buckets) from ``start`` on, NaN where too much of the list was unseen."""
        stop = start + counts.shape[1] * FIVE_MINUTES
        missing = np.zeros(counts.shape[1])
        for spot in self._between(start, stop):
            share = self._share(list_id, spot)
            first, last = _buckets(spot, start, self.now)
            missing[first:last] += share
        return np.where(missing >= CARRIES - 1e-9, np.nan, counts)

    def without_guesses(self, list_id: int, counts: Floats, start: datetime) -> Floats:
        """Return the counts less the posts that came in after a gap with a guessed time inside it."""
        spots = self._between(start, self.now)
        if not spots:
            return counts
        kept = counts.copy()
        for published, is_negative in unseen.guessed(
            self.connection, list_id, spots, since=start, until=self.now
        ):
            at = (floor_bucket(published) - start) // FIVE_MINUTES
            if 0 <= at < kept.shape[1]:
                kept[:, at] -= (float(is_negative), 1.0)
        return np.maximum(kept, 0.0)

    def _between(self, since: datetime, until: datetime) -> list[RowMapping]:
        if self._spots is None:
            self._spots = blind_spots.between(self.connection, self.now - LOOKED_BACK, None)
        return [
            spot
            for spot in self._spots
            if spot["since"] < until and (spot["until"] is None or spot["until"] > since)
        ]

    def _share(self, list_id: int, spot: RowMapping) -> float:
        """Return which share of the list's mentions a source gave before it went blind."""
        until = spot["since"] - (spot["since"] - EPOCH) % HOUR + HOUR
        key = (list_id, until)
        if key not in self.shares:
            if len(self.shares) >= _MOST_SHARES:
                self.shares.clear()
            since = until - burst.MEMORY_DAYS * DAY
            self.shares[key] = unseen.shares(self.connection, list_id, since=since, until=until)
        return self.shares[key].get(spot["source_id"], 0.0)


def _buckets(spot: RowMapping, start: datetime, now: datetime) -> tuple[int, int]:
    """Return the range of buckets that a blind spot touches."""
    first = math.floor((spot["since"] - start) / FIVE_MINUTES)
    last = math.ceil(((spot["until"] or now) - start) / FIVE_MINUTES)
    return max(0, first), max(0, last)
