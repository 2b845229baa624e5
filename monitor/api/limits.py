"""How often one principal may ask: a token bucket for each."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

PER_MINUTE = 6_000
FAILURES_PER_MINUTE = 120
MOST_BUCKETS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Allowance:
    """What is left of a bucket: ``reset_seconds`` until it is full, ``wait_seconds`` until the next token."""

    limit: int
    remaining: int
    reset_seconds: int
    wait_seconds: int

    @property
    def is_exceeded(self) -> bool:
        """Whether the request has to wait."""
        return self.wait_seconds > 0

    @property
    def headers(self) -> dict[str, str]:
        """The RateLimit header fields (IETF draft httpapi-ratelimit-headers, the three-field form)."""
        found = {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(self.remaining),
            "RateLimit-Reset": str(self.reset_seconds),
        }
        return found | ({"Retry-After": str(self.wait_seconds)} if self.is_exceeded else {})


class RateLimit:
    """Buckets of ``per_minute`` tokens that refill evenly. ``clock`` is monotonic, in seconds."""

    def __init__(
        self, per_minute: int = PER_MINUTE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._size = per_minute
        self._per_second = per_minute / 60
        self._clock = clock
        self._buckets: dict[str, tuple[float, float]] = {}
        self._taking = threading.Lock()

    def take(self, name: str) -> Allowance:
        """Take one token of this bucket, if there is one."""
        with self._taking:
            is_free, level = self._take(name, self._clock())
        return Allowance(
            limit=self._size,
            remaining=int(level),
            reset_seconds=math.ceil((self._size - level) / self._per_second),
            wait_seconds=0 if is_free else max(1, math.ceil((1 - level) / self._per_second)),
        )

    def _take(self, name: str, now: float) -> tuple[bool, float]:
        level, at = self._buckets.pop(name, (float(self._size), now))
        level = min(self._size, level + (now - at) * self._per_second)
        is_free = level >= 1
        level -= is_free
        self._buckets[name] = (level, now)  # last used is last in the dict
        if len(self._buckets) > MOST_BUCKETS:
            self._buckets.pop(next(iter(self._buckets)))
        return is_free, level
