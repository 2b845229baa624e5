"""The clock of the replay: it stands where it was set, and later runs on faster than real time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta


class SimulatedClock:
    """Call it for the simulated time. ``set`` moves it; ``run_on`` lets it follow real seconds."""

    def __init__(self, start: datetime) -> None:
        self._at = start
        self._since: float | None = None
        self._speed = 1.0

    def __call__(self) -> datetime:
        """Return the simulated time."""
        if self._since is None:
            return self._at
        return self._at + self._speed * timedelta(seconds=time.monotonic() - self._since)

    def set(self, at: datetime) -> None:
        """Stand at ``at``, never before where it stood."""
        self._at = max(at, self())
        self._since = None

    def run_on(self, speed: float = 1.0) -> None:
        """From now on a real second is ``speed`` simulated ones."""
        self._at = self()
        self._since = time.monotonic()
        self._speed = speed
