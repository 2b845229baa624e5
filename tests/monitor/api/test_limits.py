"""Token buckets."""

from __future__ import annotations

from monitor.api.limits import MOST_BUCKETS, RateLimit


class Seconds:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_full_bucket_gives_its_tokens_then_one_a_second():
    clock = Seconds()
    limit = RateLimit(60, clock)
    taken = [limit.take("a") for _ in range(61)]
    assert [one.is_exceeded for one in taken] == [False] * 60 + [True]
    assert taken[0].headers == {
        "RateLimit-Limit": "60",
        "RateLimit-Remaining": "59",
        "RateLimit-Reset": "1",
    }
    assert taken[60].headers["Retry-After"] == "1"
    clock.at = 1.0
    assert not limit.take("a").is_exceeded
    assert limit.take("a").is_exceeded


def test_names_have_buckets_of_their_own():
    limit = RateLimit(1, Seconds())
    assert not limit.take("a").is_exceeded
    assert not limit.take("b").is_exceeded
    assert limit.take("a").is_exceeded


def test_buckets_that_nobody_uses_are_dropped_first():
    limit = RateLimit(1, Seconds())
    limit.take("old")
    limit.take("kept")
    for number in range(MOST_BUCKETS - 2):
        limit.take(str(number))
    limit.take("kept")
    limit.take("one more")
    assert limit.take("kept").is_exceeded
    assert not limit.take("old").is_exceeded
