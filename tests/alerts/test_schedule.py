"""Retry times: quick attempts first, then days of patience."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.schedule import MOST_ATTEMPTS, next_attempt

FIRST = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


def times(jitter, answer=timedelta(0)):
    """The instants of every attempt at a receiver that always fails, after ``answer`` each."""
    made, now, all_times = 0, FIRST, []
    while (at := next_attempt(made, FIRST, now, None, jitter)) is not None:
        all_times.append(at)
        made, now = made + 1, at + answer
    return all_times


def test_the_first_minute_is_exact_and_the_rest_standard():
    seconds = [(at - FIRST).total_seconds() for at in times(0.0)]
    assert seconds[:7] == [0, 2, 5, 10, 20, 40, 60]
    waits = [b - a for a, b in pairwise(seconds[6:])]
    assert waits == [300, 1800, 7200, 18000, 36000, 50400, 72000, 86400]
    assert len(seconds) == MOST_ATTEMPTS


def test_a_slow_receiver_shortens_the_quick_waits_and_never_overlaps():
    slow = times(0.0, answer=timedelta(seconds=15))
    assert all(b - a >= timedelta(seconds=15) for a, b in pairwise(slow))
    assert (slow[6] - FIRST).total_seconds() == 90


@given(made=st.integers(0, MOST_ATTEMPTS - 1), jitter=st.floats(0, 1), late=st.integers(0, 10**6))
def test_jitter_lengthens_long_waits_by_a_fifth_at_most(made, jitter, late):
    now = FIRST + timedelta(seconds=late)
    exact = next_attempt(made, FIRST, now, None, 0.0)
    spread = next_attempt(made, FIRST, now, None, jitter)
    assert now <= exact <= spread
    assert spread - now <= (exact - now) * 1.2 + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("wish", "made", "wait"),
    [(120, 1, 120), (1, 4, 20), (10, 7, 300), (7200, 7, 7200)],
    ids=["longer than a quick step", "shorter", "shorter than a long step", "longer"],
)
def test_a_receiver_may_only_lengthen_the_wait(wish, made, wait):
    at = next_attempt(made, FIRST, FIRST, timedelta(seconds=wish), 0.0)
    assert at - FIRST == timedelta(seconds=wait)


def test_after_the_last_attempt_nothing_follows():
    assert next_attempt(MOST_ATTEMPTS, FIRST, FIRST, timedelta(seconds=5), 0.5) is None


@pytest.mark.parametrize(("made", "jitter"), [(-1, 0.5), (0, 1.5), (0, -0.1)])
def test_impossible_arguments_are_refused(made, jitter):
    with pytest.raises(ValueError, match="out of range"):
        next_attempt(made, FIRST, FIRST, None, jitter)
