"""From counts to tiers: the ladder, bursts of both series, warm-up, late posts, cutoffs."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analysis.baseline import FIVE_MINUTES, empty_baseline
from analysis.burst import advance, settled_until
from analysis.model import AnalysisError, Rung, SignalReason, Tier
from analysis.tiers import Recent, Spread, default_ladder, judge_windows, ladder_from, quiet_buckets

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
OPEN_BUCKET = datetime(2026, 3, 10, 5, 5, tzinfo=UTC)
HISTORY = timedelta(days=9)
WIDE = Spread(sources=5, reach=250_000)
NARROW = Spread(sources=1, reach=None)


class Story:
    """A keyword list's counts up to the open bucket: ``per_hour`` mentions, spaced evenly."""

    def __init__(self, per_hour=1, negative_every=1, days=HISTORY, spread=WIDE):
        self.start = OPEN_BUCKET + FIVE_MINUTES - days
        self.counts = np.zeros((2, days // FIVE_MINUTES))
        self.spread = spread
        if per_hour:
            every = np.arange(0, self.counts.shape[1], 12 // per_hour)
            self.counts[1, every] = 1
            self.counts[0, every[::negative_every]] = 1

    def publish(self, count, minutes_ago, over_minutes, *, negative=True):
        """Spread ``count`` posts over the minutes that ended ``minutes_ago`` before now."""
        at = [NOW - timedelta(minutes=minutes_ago + over_minutes * i / count) for i in range(count)]
        for moment in at:
            place = (moment - self.start) // FIVE_MINUTES
            self.counts[1, place] += 1
            self.counts[0, place] += negative
        return self

    def baseline(self, now=NOW):
        known = (settled_until(now) - self.start) // FIVE_MINUTES
        return advance(empty_baseline(), self.counts[:, :known], self.start)

    def recent(self):
        start = self.start + (self.counts.shape[1] - 37) * FIVE_MINUTES
        return Recent(
            keyword_list_id=7,
            start=start,
            counts=self.counts[:, -37:],
            spread_of=lambda since, until: self.spread,
        )

    def judge(self, ladder=None, cutoff=None):
        return judge_windows(
            self.recent(),
            self.baseline(),
            ladder or default_ladder(),
            now=NOW,
            rule_version="v1",
            cutoff=cutoff,
        )


@pytest.mark.parametrize("per_hour", [0, 1, 3, 6])
def test_a_flat_series_is_quiet(per_hour):
    signal = Story(per_hour).judge()
    assert signal.tier == Tier.NONE
    assert signal.reason in {SignalReason.QUIET, SignalReason.BELOW_VOLUME}


@pytest.mark.parametrize("per_hour", [1, 3])
@pytest.mark.parametrize("days", [4, 9, 20])
def test_thirty_negative_mentions_in_an_hour_alert(per_hour, days):
    signal = Story(per_hour, days=timedelta(days=days)).publish(30, 0, 55).judge()
    assert signal.tier >= Tier.YELLOW
    assert signal.reason is SignalReason.BURST_NEGATIVE
    assert signal.observed >= 20
    assert signal.negative_share > 0.9


@pytest.mark.parametrize("per_hour", [1, 3])
def test_thirty_neutral_mentions_alert_at_yellow_and_no_higher(per_hour):
    story = Story(per_hour, negative_every=10).publish(30, 0, 55, negative=False)
    signal = story.judge()
    assert signal.tier == Tier.YELLOW
    assert signal.reason is SignalReason.BURST_VOLUME
    assert signal.observed == signal.mentions >= 20
    assert Story(1, 10).publish(900, 0, 55, negative=False).judge().tier == Tier.YELLOW


@pytest.mark.parametrize("over", [1, 30, 55])
def test_one_mention_an_hour_rising_to_three_is_nothing(over):
    assert Story(1).publish(2, 0, over).judge().tier == Tier.NONE


def test_tiers_climb_with_the_burst():
    tiers = [Story(1).publish(count, 0, 30).judge().tier for count in (2, 8, 16, 80)]
    assert tiers == [Tier.NONE, Tier.YELLOW, Tier.ORANGE, Tier.RED]


def test_red_asks_for_sources_or_reach():
    def tier(spread):
        return Story(1, spread=spread).publish(80, 0, 30).judge().tier

    assert tier(NARROW) == Tier.ORANGE
    assert tier(Spread(sources=3)) == tier(Spread(sources=1, reach=100_000)) == Tier.RED


def test_a_negative_burst_drowned_in_praise_is_no_higher_than_its_share_allows():
    story = Story(1).publish(30, 0, 30).publish(170, 0, 30, negative=False)
    signal = story.judge()
    assert signal.tier == Tier.YELLOW
    assert signal.reason is SignalReason.BURST_VOLUME


@pytest.mark.parametrize(
    ("minutes_ago", "fires"),
    [(0, True), (40, True), (90, True), (125, False), (240, False), (2000, False)],
)
def test_late_posts_fire_for_two_hours_and_never_after(minutes_ago, fires):
    signal = Story(1).publish(40, minutes_ago, 10).judge()
    assert (signal.tier > Tier.NONE) is fires


def test_posts_from_the_future_are_ignored():
    story = Story(1)
    story.counts = np.concatenate([story.counts, np.full((2, 3), 50.0)], axis=1)
    recent = story.recent()
    baseline = story.baseline()
    signal = judge_windows(recent, baseline, default_ladder(), now=NOW, rule_version="v1")
    assert signal.tier == Tier.NONE


def test_after_a_cutoff_only_later_windows_count():
    story = Story(1).publish(40, 30, 20)
    assert story.judge().tier >= Tier.ORANGE
    assert story.judge(cutoff=NOW - timedelta(minutes=25)).tier == Tier.NONE
    again = story.publish(12, 1, 8).judge(cutoff=NOW - timedelta(minutes=25))
    assert again.tier >= Tier.YELLOW
    assert again.window_start >= NOW - timedelta(minutes=25)
    assert story.judge(cutoff=NOW + timedelta(minutes=5)).tier == Tier.NONE


@pytest.mark.parametrize(
    ("negative", "neutral", "tier"),
    [
        pytest.param(3, 0, Tier.NONE, id="0 → 3"),
        pytest.param(9, 0, Tier.NONE, id="few"),
        pytest.param(19, 0, Tier.NONE, id="some"),
        pytest.param(20, 10, Tier.YELLOW, id="many, mostly negative"),
        pytest.param(30, 60, Tier.NONE, id="many, mostly not"),
        pytest.param(70, 0, Tier.ORANGE, id="very many"),
        pytest.param(900, 0, Tier.ORANGE, id="never red"),
        pytest.param(0, 900, Tier.NONE, id="a loud but friendly start"),
    ],
)
def test_without_a_baseline_only_absolute_volume_counts(negative, neutral, tier):
    story = Story(0, days=timedelta(days=2))
    if negative:
        story.publish(negative, 0, 50)
    if neutral:
        story.publish(neutral, 0, 50, negative=False)
    signal = story.judge()
    assert signal.tier == tier
    rows = {row.name: row for row in signal.conditions}
    assert not rows["baseline_days"].met
    assert rows["baseline_days"].threshold == 3
    assert rows["score"].threshold is None
    if tier:
        assert signal.reason is SignalReason.WARM_UP_VOLUME


def test_an_imported_history_ends_the_warm_up():
    imported = Story(1, days=timedelta(days=9)).publish(22, 0, 30)
    fresh = Story(0, days=timedelta(days=9)).publish(22, 0, 30)
    assert imported.judge().reason is SignalReason.BURST_NEGATIVE
    assert fresh.judge().reason is SignalReason.WARM_UP_VOLUME


def test_conditions_tell_what_the_tier_asked_for_and_what_was_seen():
    signal = Story(3).publish(30, 0, 55).judge()
    rung = default_ladder()[signal.tier]
    rows = {row.name: row for row in signal.conditions}
    assert set(rows) == {
        "volume",
        "score",
        "negative_share",
        "sources",
        "reach",
        "baseline_days",
    }
    assert all(row.met for row in signal.conditions)
    assert rows["volume"].observed == signal.observed
    assert rows["volume"].baseline == pytest.approx(signal.baseline)
    assert (rows["volume"].threshold, rows["score"].threshold) == (rung.volume, rung.score)
    assert rows["score"].observed == signal.score >= rung.score
    assert rows["baseline_days"].observed >= 8


@pytest.mark.parametrize(
    ("blue", "reason"),
    [
        ({"volume": 50}, SignalReason.BELOW_VOLUME),
        ({"score": 50}, SignalReason.BELOW_SCORE),
        ({"negative_share": 0.9}, SignalReason.BELOW_SHARE),
        ({"volume": 50, "score": 50}, SignalReason.QUIET),
    ],
    ids=["volume", "score", "share", "everything"],
)
def test_a_signal_without_a_tier_says_what_alone_was_missing(blue, reason):
    story = Story(12, negative_every=100)
    story.counts[0, -12::2] = 1
    off = {"yellow": None, "orange": None, "red": None}
    signal = story.judge(ladder_from({**off, "blue": blue}))
    assert (signal.tier, signal.reason) == (Tier.NONE, reason)


def test_a_turn_to_negative_at_steady_volume_is_found():
    story = Story(12, negative_every=100)
    story.counts[0, -12:-1] = 1
    signal = story.judge()
    assert signal.tier >= Tier.YELLOW
    assert signal.reason is SignalReason.BURST_NEGATIVE


def test_spread_is_asked_for_few_windows():
    asked = []
    story = Story(1).publish(200, 0, 55)
    recent = story.recent()
    recent = Recent(
        keyword_list_id=7,
        start=recent.start,
        counts=recent.counts,
        spread_of=lambda since, until: asked.append((since, until)) or NARROW,
    )
    judge_windows(recent, story.baseline(), default_ladder(), now=NOW, rule_version="v1")
    assert 0 < len(asked) <= 6
    assert all(NOW - timedelta(hours=2) <= since < until for since, until in asked)


def test_judging_twice_gives_the_same_signal():
    story = Story(3).publish(30, 0, 55)
    assert story.judge() == story.judge()
    assert story.judge().key == story.judge().key


def test_quiet_buckets_are_counted_from_the_end_of_the_burst():
    def quiet(minutes_ago):
        story = Story(1).publish(40, minutes_ago, 10)
        return quiet_buckets(
            story.recent(), story.baseline(), default_ladder(), tier=Tier.ORANGE, now=NOW
        )

    counts = [quiet(minutes) for minutes in (0, 30, 65, 100, 200)]
    assert counts[:2] == [0, 0]
    assert counts == sorted(counts)
    assert counts[-1] >= 24


def test_in_warm_up_quiet_means_few_negative_mentions_an_hour():
    story = Story(0, days=timedelta(days=2)).publish(30, 0, 10)
    ladder = default_ladder()
    recent, baseline = story.recent(), story.baseline()
    assert quiet_buckets(recent, baseline, ladder, tier=Tier.YELLOW, now=NOW) == 0
    assert quiet_buckets(recent, baseline, ladder, tier=Tier.ORANGE, now=NOW) >= 24


def test_the_ladder_is_the_default_without_thresholds():
    assert dict(ladder_from(None)) == dict(ladder_from({})) == dict(default_ladder())


def test_thresholds_override_in_part():
    ladder = ladder_from({"yellow": {"score": 3.5}, "red": {"reach": None}, "blue": None})
    default = default_ladder()
    assert Tier.BLUE not in ladder
    assert ladder[Tier.YELLOW].score == 3.5
    assert ladder[Tier.YELLOW].volume == default[Tier.YELLOW].volume
    assert (ladder[Tier.RED].reach, ladder[Tier.RED].sources) == (None, 3)
    assert ladder[Tier.ORANGE] == default[Tier.ORANGE]


def test_raising_a_tier_lifts_the_defaults_above_it():
    ladder = ladder_from({"yellow": {"volume": 50, "score": 6}, "red": {"volume": 30}})
    assert (ladder[Tier.ORANGE].volume, ladder[Tier.ORANGE].score) == (50, 6.0)
    assert ladder[Tier.RED] == Rung(
        volume=30, score=7.0, negative_share=0.4, sources=3, reach=100_000
    )


@pytest.mark.parametrize(
    ("thresholds", "message"),
    [
        ({"purple": {}}, r"thresholds\.purple: unknown tier; use blue, yellow, orange, red"),
        ({"red": 5}, r"thresholds\.red: give an object such as"),
        ({"red": {"volumes": 5}}, r"thresholds\.red\.volumes: unknown threshold; use volume, "),
        ({"red": {"volume": "5"}}, r"thresholds\.red\.volume: '5' is not a number; give one"),
        ({"red": {"volume": True}}, r"thresholds\.red\.volume: True is not a number"),
        ({"red": {"volume": 0}}, r"thresholds\.red\.volume: 0 is out of range; give at least 1"),
        ({"red": {"volume": 2.5}}, r"thresholds\.red\.volume: 2\.5 is not whole"),
        ({"red": {"volume": None}}, r"thresholds\.red\.volume: None is not a number"),
        ({"red": {"score": float("nan")}}, r"thresholds\.red\.score: nan is not a number"),
        ({"blue": {"negative_share": 20}}, r"negative_share: 20 is out of range; give between 0"),
        ({"blue": {"sources": -1}}, r"sources: -1 is out of range; give at least 1"),
    ],
)
def test_bad_thresholds_name_their_path_and_the_remedy(thresholds, message):
    with pytest.raises(AnalysisError, match=message):
        ladder_from(thresholds)
