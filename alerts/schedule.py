"""When a delivery is tried again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

QUICK: Final = tuple(timedelta(seconds=s) for s in (0, 2, 5, 10, 20, 40, 60))
"""The first attempts, counted from the first: a crisis cannot wait for a five-minute step."""

STANDARD: Final = (
    timedelta(minutes=5),
    timedelta(minutes=30),
    *(timedelta(hours=h) for h in (2, 5, 10, 14, 20, 24)),
)
"""Waits after the quick attempts: the schedule that Standard Webhooks 1.0.0 suggests."""

MOST_ATTEMPTS: Final = len(QUICK) + len(STANDARD)
_JITTER: Final = 0.2


def next_attempt(
    attempts_made: int,
    first_at: datetime,
    now: datetime,
    retry_after: timedelta | None,
    jitter: float,
) -> datetime | None:
    """Return when to try again after ``attempts_made`` failed attempts; None gives up.

    Args:
        attempts_made: attempts so far, the failed one included.
        first_at: when the first was made; the quick attempts are counted from it.
        now: the moment of deciding; never earlier than this is answered.
        retry_after: the receiver's wish; it may only lengthen the wait.
        jitter: 0…1, drawn by the caller. It lengthens the long waits by up to a fifth, so that
            a receiver that comes back is not met by everybody at once; the quick ones are exact.

    Raises:
        ValueError: ``jitter`` is outside 0…1, or ``attempts_made`` is negative.
    """
    if not 0 <= jitter <= 1 or attempts_made < 0:
        raise ValueError(f"attempts_made {attempts_made} or jitter {jitter} is out of range")
    if attempts_made >= MOST_ATTEMPTS:
        return None
    if attempts_made < len(QUICK):
        planned = max(now, first_at + QUICK[attempts_made])
    else:
        planned = now + STANDARD[attempts_made - len(QUICK)] * (1 + _JITTER * jitter)
    return planned if retry_after is None else max(planned, now + retry_after)
