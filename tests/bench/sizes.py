"""How much each bench reads: enough for a steady figure, a quick look, or just to see that it runs."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Amounts of one run.

    A source brings ten polls of ``per_poll`` new posts. ``mentions`` are the two fillings that
    trends are compared on. ``starts`` is how often the service is started.
    """

    sources: int
    sources_with_snownlp: int
    sources_without_snownlp: int
    per_poll: int
    rounds: int
    texts: int
    mentions: tuple[int, int]
    starts: int
    idle_seconds: float
    polled: int


FULL = Size(
    sources=20,
    sources_with_snownlp=1,
    sources_without_snownlp=4,
    per_poll=50,
    rounds=3,
    texts=500,
    mentions=(100_000, 2_000_000),
    starts=3,
    idle_seconds=10.0,
    polled=100,
)
SMALL = Size(
    sources=20,
    sources_with_snownlp=1,
    sources_without_snownlp=4,
    per_poll=10,
    rounds=1,
    texts=100,
    mentions=(20_000, 200_000),
    starts=1,
    idle_seconds=3.0,
    polled=40,
)
TINY = Size(
    sources=2,
    sources_with_snownlp=1,
    sources_without_snownlp=1,
    per_poll=2,
    rounds=1,
    texts=10,
    mentions=(1_000, 2_000),
    starts=1,
    idle_seconds=0.2,
    polled=3,
)
