"""How often a source speaks: nights, weekends, regular and random sources, false silences, hostile state."""

from __future__ import annotations

import json
import math
import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collectors.rhythm import (
    Rhythm,
    adaptive_interval,
    expected_within,
    is_silent,
    items_per_hour,
    learn,
    quiet_allowed,
)

MONDAY = datetime(2026, 3, 1, 16, tzinfo=UTC)  # Monday 2 March, 00:00 in China
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
VISIT = timedelta(minutes=10)


def local_hour(at):
    return ((at - MONDAY) / HOUR) % 24


def by_day(at):
    return 7 <= local_hour(at) < 23


def in_office(at):
    return 9 <= local_hour(at) < 18 and ((at - MONDAY) // DAY) % 7 < 5


def steady(every, days, start=MONDAY, kept=lambda _: True):
    return [at for i in range(int(days * DAY / every)) if kept(at := start + (i + 1) * every)]


def at_random(per_hour, days, rng, start=MONDAY, kept=lambda _: True):
    times, at = [], start
    while at < start + days * DAY:
        at += HOUR * rng.expovariate(per_hour)
        if kept(at):
            times.append(at)
    return times


def known(times, now=None):
    return learn(Rhythm(), times, now or times[-1])


class Watch:
    """Visits to a source: what it brings is learned, and it is called silent where it is."""

    def __init__(self, interval=VISIT):
        self.rhythm, self.heard, self.interval, self.silences = Rhythm(), None, interval, []

    def live(self, times, until):
        place, now, is_quiet = 0, times[0] - self.interval, False
        allowed = None
        while now < until:
            now += self.interval
            seen = place
            while place < len(times) and times[place] <= now:
                place += 1
            if place > seen:
                self.rhythm = learn(self.rhythm, times[seen:place], now)
                self.heard, is_quiet = times[place - 1], False
                expected = expected_within(self.rhythm, self.heard, self.interval)
                allowed = expected and quiet_allowed(expected, self.interval)
            elif allowed and now - self.heard > allowed and not is_quiet:
                is_quiet = True
                self.silences.append(now)
        return self


@pytest.mark.parametrize(
    ("per_hour", "days", "kept"),
    [
        (12, 30, None), (2, 60, None), (0.25, 180, None), (1 / 24, 720, None), (12, 30, by_day), (1, 90, by_day),
        (0.25, 120, by_day), (6, 60, in_office), (0.5, 120, in_office),
    ],
    ids=[
        "5 min", "30 min", "4 h", "a day", "5 min by day", "1 h by day", "4 h by day", "10 min in the office",
        "2 h in the office",
    ],
)  # fmt: skip
def test_sources_that_post_at_random_are_falsely_silent_less_than_once_a_month(
    per_hour, days, kept
):
    false, months = 0, 0.0
    for seed in range(4):
        rng = random.Random(seed)
        start = MONDAY + HOUR * rng.random() * 168
        times = at_random(per_hour, days, rng, start, kept or (lambda _: True))
        false += len(Watch().live(times, times[-1]).silences)
        months += days / 30
    assert false / months < 0.5


@pytest.mark.parametrize("per_hour", [12, 2, 0.25])
def test_silence_is_called_within_two_expected_intervals_of_the_last_post(per_hour):
    times = at_random(per_hour, 30, random.Random(1))
    watch = Watch().live(times, times[-1] + VISIT)
    expected = expected_within(watch.rhythm, times[-1], VISIT)
    watch.silences.clear()
    after = Watch().live(times, times[-1] + 2 * expected)
    assert after.silences
    assert times[-1] < after.silences[-1] <= times[-1] + 2 * expected


@pytest.mark.parametrize(
    ("every", "days", "most"),
    [(10 * MINUTE, 14, 2.5), (HOUR, 14, 2.0), (6 * HOUR, 30, 2.2), (DAY, 60, 2.5)],
    ids=["10 min", "1 h", "6 h", "a day"],
)
def test_a_regular_source_is_missed_soon(every, days, most):
    times = steady(every, days)
    expected = expected_within(known(times), times[-1], 5 * MINUTE)
    assert 0.7 * every <= expected
    assert 2 * expected <= most * every + 15 * MINUTE
    assert Watch().live(times, times[-1]).silences == []


def test_a_source_that_sleeps_at_night_is_not_silent_at_night_but_soon_by_day():
    times = steady(30 * MINUTE, 15, kept=by_day)
    rhythm = known(times)
    evening = max(at for at in times if local_hour(at) > 22)
    morning = evening.replace(minute=0) + 12 * HOUR
    assert not is_silent(rhythm, heard_at=evening, looked_at=evening + 9 * HOUR, interval=VISIT)
    assert is_silent(rhythm, heard_at=evening, looked_at=evening + 14 * HOUR, interval=VISIT)
    assert is_silent(rhythm, heard_at=morning, looked_at=morning + 3 * HOUR, interval=VISIT)


def test_a_source_of_working_days_is_not_silent_on_its_first_weekend():
    times = steady(HOUR, 5, kept=in_office)
    friday = times[-1]
    assert Watch().live(times, friday + 2.5 * DAY).silences == []


def test_a_weekly_source_is_not_silent_on_day_three_nor_ever_known_by_a_few_posts():
    times = steady(7 * DAY, 7 * 26)
    rhythm = known(times)
    assert not is_silent(rhythm, heard_at=times[-1], looked_at=times[-1] + 3 * DAY, interval=HOUR)
    assert not is_silent(rhythm, heard_at=times[-1], looked_at=times[-1] + 8 * DAY, interval=HOUR)
    assert is_silent(rhythm, heard_at=times[-1], looked_at=times[-1] + 40 * DAY, interval=HOUR)
    assert expected_within(known(times[-8:]), times[-1], HOUR) is None


@pytest.mark.parametrize(
    ("times", "is_known"),
    [
        ([], False), (steady(HOUR, 0.45), False), (steady(10 * MINUTE, 0.9), False), (steady(3 * HOUR, 1.3), False),
        (steady(2 * HOUR, 1.2), True), (steady(HOUR, 2), True),
    ],
    ids=["nothing", "eleven posts", "many in less than a day", "ten over a day", "a dozen over a day", "two days"],
)  # fmt: skip
def test_nothing_is_expected_while_too_little_is_known(times, is_known):
    rhythm = learn(Rhythm(), times, MONDAY + 3 * DAY)
    assert rhythm.is_known is is_known
    assert (expected_within(rhythm, MONDAY + 3 * DAY, VISIT) is not None) is is_known
    assert (items_per_hour(rhythm) is not None) is is_known


def test_posts_by_the_dozen_are_one_arrival_and_many_items():
    times = [
        hour + second * timedelta(seconds=1) for hour in steady(HOUR, 10) for second in range(20)
    ]
    rhythm = known(times[-500:])
    assert rhythm.arrivals == 25
    assert items_per_hour(rhythm) == pytest.approx(20, rel=0.1)
    rhythm = Watch().live(times, times[-1]).rhythm
    assert items_per_hour(rhythm) == pytest.approx(20, rel=0.15)
    assert 2 * expected_within(rhythm, times[-1], VISIT) < 3 * HOUR


def test_a_source_is_never_silent_before_three_visits():
    rhythm = known(steady(10 * MINUTE, 7))
    assert 2 * expected_within(rhythm, rhythm.last, HOUR) >= 3 * HOUR


def test_posts_that_reach_us_late_are_given_their_time():
    late = Rhythm()
    times = steady(HOUR, 10)
    for at in times:
        late = learn(late, [at], at + 5 * HOUR)
    assert late.lag_seconds == pytest.approx(5 * 3600, rel=0.05)
    assert not is_silent(late, heard_at=times[-1], looked_at=times[-1] + 6 * HOUR, interval=VISIT)
    prompt = known(times)
    assert is_silent(prompt, heard_at=times[-1], looked_at=times[-1] + 6 * HOUR, interval=VISIT)


def test_an_outage_does_not_become_the_rhythm():
    times = steady(HOUR, 14)
    usual = expected_within(known(times), times[-1], VISIT)
    back = times[-1] + 5 * DAY
    again = [back + HOUR * n for n in range(24)]
    after = learn(known(times), again, again[-1])
    assert expected_within(after, again[-1], VISIT) < 1.8 * usual
    assert items_per_hour(after) == pytest.approx(1, rel=0.15)


def test_a_source_that_slows_down_for_good_is_called_silent_less_and_less():
    times = steady(HOUR, 14)
    watch = Watch(HOUR).live(times, times[-1])
    slower = [times[-1] + DAY * (n + 1) for n in range(60)]
    watch.live(slower, slower[-1])
    early = [at for at in watch.silences if at < slower[30]]
    late = [at for at in watch.silences if at >= slower[45]]
    assert len(early) > 3
    assert late == []


def test_old_dates_are_a_sign_of_life_and_future_ones_are_now():
    times = steady(HOUR, 3)
    rhythm, now = known(times), times[-1] + 2 * HOUR
    assert learn(rhythm, [times[0]], now).last == now
    assert learn(rhythm, [now + 900 * DAY], now).last == now
    assert learn(rhythm, [], now) == rhythm


@pytest.mark.parametrize(
    ("every", "interval"),
    [(MINUTE, 5 * MINUTE), (30 * MINUTE, 30 * MINUTE), (6 * HOUR, 6 * HOUR), (40 * HOUR, DAY)],
    ids=["5 minutes at least", "half an hour", "six hours", "a day at most"],
)
def test_the_pace_follows_the_rhythm(every, interval):
    rhythm = known(steady(every, max(3, every / DAY * 30))[-500:])
    if every == MINUTE:
        rhythm = Watch(5 * MINUTE).live(steady(every, 3), MONDAY + 3 * DAY).rhythm
    assert adaptive_interval(rhythm, 7 * MINUTE) / interval == pytest.approx(1, rel=0.1)
    assert adaptive_interval(Rhythm(), 7 * MINUTE) == 7 * MINUTE


def test_a_rhythm_is_stored_as_it_is():
    rhythm = known(steady(50 * MINUTE, 9))
    stored = json.loads(json.dumps(rhythm.to_json()))
    again = Rhythm.from_json(stored)
    assert again.to_json() == rhythm.to_json()
    assert len(json.dumps(stored)) < 1_000
    before = expected_within(rhythm, rhythm.last, VISIT)
    assert abs(expected_within(again, rhythm.last, VISIT) - before) < MINUTE


@pytest.mark.parametrize(
    "stored",
    [
        None, [], "x", {}, {"counts": 5}, {"counts": [], "hours": [], "gaps": []},
        {**Rhythm().to_json(), "counts": ["x"] * 48}, {**Rhythm().to_json(), "last": 10**30},
        {**Rhythm().to_json(), "hours": [None] * 48}, {**Rhythm().to_json(), "lag": [1]},
    ],
)  # fmt: skip
def test_a_damaged_rhythm_knows_nothing(stored):
    assert Rhythm.from_json(stored) == Rhythm()


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.integers(min_value=-(10**9), max_value=10**9), max_size=80),
    st.integers(min_value=60, max_value=86_400),
)
def test_whatever_the_dates_are_figures_stay_finite(offsets, seconds):
    now = MONDAY + 400 * DAY
    rhythm = Rhythm()
    for start in range(0, len(offsets), 7):
        rhythm = learn(
            rhythm,
            [now + offset * timedelta(seconds=1) for offset in offsets[start : start + 7]],
            now,
        )
        now += timedelta(seconds=seconds)
    expected = expected_within(rhythm, now, timedelta(seconds=seconds))
    assert expected is None or timedelta(0) < expected
    hourly = items_per_hour(rhythm)
    assert hourly is None or (math.isfinite(hourly) and hourly >= 0)
    assert Rhythm.from_json(json.loads(json.dumps(rhythm.to_json()))) is not None
