"""How often a source speaks, and how long it may be quiet before that is strange.

Arrivals are learned as a rate for each hour of working days and of weekends, forgotten with a half-life
of two weeks or more. Quiet is measured in arrivals that were to be expected meanwhile, so a night without
posts is short for a source that sleeps at night. How much of it is too much follows from how regular the
source was: a clockwork is missed at once, a source that posts at random gets about nine mean gaps.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from statistics import NormalDist
from typing import Final, Self

HOUR: Final = timedelta(hours=1)
DAY: Final = timedelta(days=1)
GRAIN: Final = timedelta(minutes=5)
"""What comes within five minutes of an arrival belongs to it: some publish by the dozen."""
LEAST_ARRIVALS: Final = 12
LEAST_SPAN: Final = DAY
FALSE_SILENCES_A_MONTH: Final = 0.15
"""What the tail of a source's gaps is cut at, where the model holds; a source is promised less than one."""
SHORTEST_PACE: Final = timedelta(minutes=5)
LONGEST_PACE: Final = timedelta(hours=24)

_LOCAL: Final = timedelta(hours=8)  # days and weekends as in China; hours need only a steady clock
_MONDAY: Final = datetime(1970, 1, 5, tzinfo=UTC) - _LOCAL
_WEEK_HOURS: Final = 168
_WEEKEND: Final = 120
_HALF_LIFE_DAYS: Final = 14.0
_HALF_LIFE_ARRIVALS: Final = 24.0
_SHORTEST_SILENCE: Final = timedelta(minutes=15)
_LEAST_INTERVALS: Final = 3
LATEST_VISIT: Final = 1.2
"""Of an interval: after that the next visit was made and seen, its jitter (a tenth) included."""
_MOST_LEARNED: Final = 500
_OLDEST: Final = timedelta(days=180)
_LONGEST_LAG_SECONDS: Final = 7 * 86_400.0
_LAG_WEIGHT: Final = 0.2
_FAR_HOURS: Final = 10 * 365 * 24.0
_SHRINK_ARRIVALS: Final = 2.0
_PRIOR_GAPS: Final = 3.0
_DOUBT: Final = 1.64
_CAUTION_HOURS: Final = 0.5
_TAILS: Final = (1e-7, 0.01)
_NORMAL: Final = NormalDist()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rhythm:
    """What is known of when a source speaks; small enough to be stored with its row.

    ``counts`` are fading sums of arrivals per hour of a working day, then per hour of a weekend day,
    ``hours`` the fading hours behind them, ``gaps`` fading sums (number, Σu, Σu²) of gaps in expected
    arrivals. ``arrivals`` counts all that were learned, ``posts`` fades. ``lag_seconds``
    is how old the newest post usually is when we get it.
    """

    first: datetime | None = None
    last: datetime | None = None
    arrivals: int = 0
    posts: float = 0.0
    counts: tuple[float, ...] = (0.0,) * 48
    hours: tuple[float, ...] = (0.0,) * 48
    gaps: tuple[float, float, float] = (0.0, 0.0, 0.0)
    lag_seconds: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether enough was seen to expect anything: a dozen arrivals over a day or more."""
        if self.first is None or self.last is None:
            return False
        return self.arrivals >= LEAST_ARRIVALS and self.last - self.first >= LEAST_SPAN

    def to_json(self) -> dict[str, object]:
        """Return the rhythm as JSON values (about 800 bytes)."""
        return {
            "first": _seconds(self.first), "last": _seconds(self.last), "arrivals": self.arrivals,
            "posts": round(self.posts, 3), "counts": [round(count, 3) for count in self.counts],
            "hours": [round(one, 3) for one in self.hours], "gaps": [round(one, 4) for one in self.gaps],
            "lag": round(self.lag_seconds, 1),
        }  # fmt: skip

    @classmethod
    def from_json(cls, stored: object) -> Self:
        """Return the rhythm that ``to_json`` wrote; of anything else, one that knows nothing."""
        if not isinstance(stored, Mapping):
            return cls()
        try:
            counts, hours, gaps = stored["counts"], stored["hours"], stored["gaps"]
            if (len(counts), len(hours), len(gaps)) != (48, 48, 3):
                return cls()
            return cls(
                first=_moment(stored["first"]),
                last=_moment(stored["last"]),
                arrivals=int(stored["arrivals"]),
                posts=float(stored["posts"]),
                counts=tuple(map(float, counts)),
                hours=tuple(map(float, hours)),
                gaps=(float(gaps[0]), float(gaps[1]), float(gaps[2])),
                lag_seconds=float(stored["lag"]),
            )
        except (KeyError, TypeError, ValueError, OverflowError):
            return cls()


def learn(rhythm: Rhythm, arrivals: Sequence[datetime], now: datetime) -> Rhythm:
    """Return the rhythm after posts that arrived at these moments were seen at ``now``.

    Moments are the times of publication (of what is pushed to us: of the push). Those after ``now``
    count as now. Where all of them lie before what is known, one arrival at ``now`` is learned: the
    source speaks, whatever its dates say.
    """
    times = sorted(min(at, now) for at in arrivals if at > now - _OLDEST)[-_MOST_LEARNED:]
    last = rhythm.last
    if last is None:
        return _learn(rhythm, times)
    fresh = [at for at in times if at > last]
    if fresh:
        lag = min((now - fresh[-1]).total_seconds(), _LONGEST_LAG_SECONDS)
        rhythm = replace(
            rhythm, lag_seconds=rhythm.lag_seconds + _LAG_WEIGHT * (lag - rhythm.lag_seconds)
        )
    elif arrivals and now > last:
        fresh = [now]
    return _learn(rhythm, fresh)


def expected_within(rhythm: Rhythm, at: datetime, interval: timedelta) -> timedelta | None:
    """Return within what time after ``at`` the source should speak; None while too little is known.

    Close to the gap of a regular source, some five mean gaps of one that posts at random; the hours in
    which the source is used to be quiet are added. Two of these make silence certain enough to say it,
    the visit that finds it (`LATEST_VISIT`) included: see `quiet_allowed`.
    """
    pace = _Pace.of(rhythm) if rhythm.is_known else None
    quiet = None if pace is None else pace.sure.time_for(at, _most_quiet(rhythm))
    if quiet is None:
        return None
    late = max(interval, 1.5 * timedelta(seconds=rhythm.lag_seconds))
    return (
        max(quiet + late, _LEAST_INTERVALS * interval, _SHORTEST_SILENCE) + LATEST_VISIT * interval
    ) / 2


def quiet_allowed(expected: timedelta, interval: timedelta) -> timedelta:
    """Return how long after its last post a source may be found quiet: two expected intervals less a visit."""
    return 2 * expected - LATEST_VISIT * interval


def is_silent(
    rhythm: Rhythm, *, heard_at: datetime, looked_at: datetime, interval: timedelta
) -> bool:
    """Return whether a source that was last heard then, and looked at since, is silent."""
    expected = expected_within(rhythm, heard_at, interval)
    return expected is not None and looked_at - heard_at > quiet_allowed(expected, interval)


def items_per_hour(rhythm: Rhythm) -> float | None:
    """Return the posts an hour to be expected, nights and weekends included; None: not known."""
    hours = sum(rhythm.hours)
    return rhythm.posts / hours if rhythm.is_known and hours > 0 else None


def adaptive_interval(
    rhythm: Rhythm, interval: timedelta, *, visits_per_post: float = 1.0
) -> timedelta:
    """Return how long to wait between visits: the mean gap of posts, 5 minutes to 24 hours.

    7 days / (posts a week x ``visits_per_post``), as Miniflux does. ``interval`` while too little is known.
    """
    hourly = items_per_hour(rhythm)
    if hourly is None:
        return interval
    wanted = min(1 / max(hourly * visits_per_post, 1e-6), 24.0) * HOUR
    return min(max(wanted, SHORTEST_PACE), LONGEST_PACE)


def _learn(rhythm: Rhythm, times: Sequence[datetime]) -> Rhythm:
    learned, pace, paced_at, beside = rhythm, None, None, 0
    for at in times:
        if learned.last is not None and at - learned.last < GRAIN:
            # One arrival with the last; most posts of a burst are, and are counted together.
            beside += 1
            continue
        if beside:
            learned, beside = replace(learned, posts=learned.posts + beside), 0
        if paced_at is None or at - paced_at > 6 * HOUR:
            pace, paced_at = _Pace.of(learned), at
        learned = _arrive(learned, at, pace)
    return replace(learned, posts=learned.posts + beside) if beside else learned


def _arrive(rhythm: Rhythm, at: datetime, pace: _Pace | None) -> Rhythm:
    """Learn one arrival after all others. The first only begins the first gap."""
    if rhythm.last is None:
        return replace(rhythm, first=at, last=at, arrivals=1, posts=1.0)
    gap = at - rhythm.last
    fade = _fade(rhythm, gap)
    most = _most_quiet(rhythm)
    share = 1.0
    if pace is not None and (surely := pace.sure.between(rhythm.last, at)) > most:
        share = most / surely  # an outage must not become the rhythm
    counts = [fade * count for count in rhythm.counts]
    counts[_slot(rhythm.last)] += 1  # together with the hours after it, else the rate runs ahead
    hours = [fade * hour for hour in rhythm.hours]
    _add_hours(hours, rhythm.last, at, share)
    number, total, square = (fade * one for one in rhythm.gaps)
    # the first night and the first weekend would look like the wildest of gaps
    if pace is not None and rhythm.hours[_slot(rhythm.last + gap / 2)]:
        quiet = min(pace.likely.between(rhythm.last, at), 1.5 * most)
        number, total, square = number + 1, total + quiet, square + quiet * quiet
    return replace(
        rhythm,
        last=at,
        arrivals=rhythm.arrivals + 1,
        posts=fade * rhythm.posts + 1,
        counts=tuple(counts),
        hours=tuple(hours),
        gaps=(number, total, square),
    )


def _fade(rhythm: Rhythm, gap: timedelta) -> float:
    """Half of what was learned is forgotten in two weeks, of a slow source in 24 arrivals."""
    seen = sum(rhythm.counts)
    half_life = _HALF_LIFE_DAYS
    if seen:
        half_life = max(half_life, _HALF_LIFE_ARRIVALS * sum(rhythm.hours) / 24 / seen)
    return math.pow(0.5, gap / DAY / half_life)


def _most_quiet(rhythm: Rhythm) -> float:
    """Return how many expected arrivals may fail to come before it is silence.

    Gaps are taken as gamma distributed, with the variation seen so far made worse by the doubt of few
    gaps; the tail is cut so that a month brings few false silences. Wilson and Hilferty (1931) give
    the quantile.
    """
    number, total, square = rhythm.gaps
    weight = number + _PRIOR_GAPS
    mean = (total + _PRIOR_GAPS) / weight
    variation = (square + 2 * _PRIOR_GAPS) / weight / (mean * mean) - 1
    variation = max(variation, 0.005) * (1 + _DOUBT * math.sqrt(8 / weight))
    days = sum(rhythm.hours) / 24
    a_month = 30 * sum(rhythm.counts) / days if days else 30.0
    low, high = _TAILS
    tail = min(max(FALSE_SILENCES_A_MONTH / max(a_month, 1e-9), low), high)
    deviation = -_NORMAL.inv_cdf(tail)
    root = 1 - variation / 9 + deviation * math.sqrt(variation) / 3
    return max(mean, 1.0) * max(root, 1.0) ** 3


@dataclass(frozen=True, slots=True)
class _Pace:
    """The arrivals to be expected: as far as anybody knows, and as far as was ``sure`` ly seen.

    In the sure one hours that were seen for half an hour count half and those never seen nothing: the first
    night and the first weekend are no silence.
    """

    likely: _Week
    sure: _Week

    @classmethod
    def of(cls, rhythm: Rhythm) -> _Pace | None:
        """Return the pace; None before the first gap."""
        seen, watched = sum(rhythm.counts), sum(rhythm.hours)
        if not seen or watched <= 0:
            return None
        days = [
            _rates(
                rhythm.counts[begin : begin + 24], rhythm.hours[begin : begin + 24], seen / watched
            )
            for begin in (0, 24)
        ]
        trust = [hours / (hours + _CAUTION_HOURS) for hours in rhythm.hours]
        sure = [
            [rate * share for rate, share in zip(rates, trust[begin : begin + 24], strict=True)]
            for rates, begin in zip(days, (0, 24), strict=True)
        ]
        return cls(_Week.of(*days), _Week.of(*sure))


@dataclass(frozen=True, slots=True)
class _Week:
    """The arrivals to be expected before each hour of a week that begins on Monday, 00:00."""

    sums: tuple[float, ...]

    @classmethod
    def of(cls, working: Sequence[float], weekend: Sequence[float]) -> _Week:
        """Return the week of these hourly rates of its two kinds of days."""
        return cls(
            (
                0.0,
                *accumulate([*working, *working, *working, *working, *working, *weekend, *weekend]),
            )
        )

    def between(self, start: datetime, end: datetime) -> float:
        """Return how many arrivals are to be expected between two moments."""
        return self._until(end) - self._until(start)

    def _until(self, at: datetime) -> float:
        weeks, hours = divmod((at - _MONDAY) / HOUR, _WEEK_HOURS)
        whole = min(int(hours), _WEEK_HOURS - 1)
        before, after = self.sums[whole], self.sums[whole + 1]
        return weeks * self.sums[-1] + before + (hours - whole) * (after - before)

    def time_for(self, start: datetime, arrivals: float) -> timedelta | None:
        """Return how long after ``start`` so many arrivals are to be expected; None: not in ten years."""
        if self.sums[-1] <= 0:
            return None
        weeks, left = divmod(self._until(start) + arrivals, self.sums[-1])
        hour = min(bisect_right(self.sums, left), _WEEK_HOURS) - 1
        rate = self.sums[hour + 1] - self.sums[hour]
        hours = weeks * _WEEK_HOURS + hour + ((left - self.sums[hour]) / rate if rate > 0 else 0.0)
        hours -= (start - _MONDAY) / HOUR
        return None if hours > _FAR_HOURS else hours * HOUR


def _slot(at: datetime) -> int:
    """Return the hour of the local day, 24 more on a weekend."""
    hours = int((at - _MONDAY) / HOUR % _WEEK_HOURS)
    return hours % 24 + (24 if hours >= _WEEKEND else 0)


def _rates(counts: Sequence[float], hours: Sequence[float], mean: float) -> list[float]:
    """Draw an hour's rate to its neighbours', theirs to the day's, that to the mean: each by two arrivals."""
    weight = _SHRINK_ARRIVALS
    daily = weight / ((sum(counts) + weight) / (sum(hours) + weight / mean))
    rates = []
    for hour in range(24):
        near = (counts[hour - 1] + counts[hour] + counts[hour - 23] + weight) / (
            hours[hour - 1] + hours[hour] + hours[hour - 23] + daily
        )
        rates.append((counts[hour] + weight) / (hours[hour] + weight / near))
    return rates


def _add_hours(hours: list[float], start: datetime, end: datetime, share: float) -> None:
    """Add the time between two moments to the hours of the days it lies in."""
    at, stop = (start - _MONDAY) / HOUR, (end - _MONDAY) / HOUR
    weeks = int((stop - at) // _WEEK_HOURS)
    if weeks:
        for slot in range(48):
            hours[slot] += share * weeks * (5 if slot < 24 else 2)  # hours of a day
        at += weeks * _WEEK_HOURS
    while at < stop:
        after = min(math.floor(at) + 1.0, stop)
        hour = int(at % _WEEK_HOURS)
        hours[hour % 24 + (24 if hour >= _WEEKEND else 0)] += share * (after - at)
        at = after


def _seconds(at: datetime | None) -> int | None:
    return None if at is None else math.floor(at.timestamp())


@lru_cache(maxsize=1024)
def _moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
