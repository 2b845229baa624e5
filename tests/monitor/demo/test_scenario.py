"""The bundled scenario tells the story that the demo promises, and can be written again."""

from __future__ import annotations

import gzip
import random
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from importlib import resources
from itertools import count
from pathlib import Path

import pytest

from analysis.ladder import ladder_from
from analysis.match import Matcher
from analysis.model import Document, Keyword, KeywordList, Tier
from monitor.demo.compose_scenario import Composer, compose, main, pack
from monitor.demo.scenario import (
    BAD_DAY,
    CRISIS_BRAND,
    DAY,
    DAYS,
    DemoPost,
    Scenario,
    load,
    local_midnight,
)

MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load()


def _share(posts: list[DemoPost], label: str) -> float:
    return sum(post.label == label for post in posts) / len(posts)


def _bad_day(scenario: Scenario, start: str, end: str) -> list[DemoPost]:
    """The crisis brand's posts of the bad day, ``start`` ≤ time < ``end`` (HH:MM)."""
    low, high = (
        BAD_DAY * DAY + timedelta(hours=int(clock[:2]), minutes=int(clock[3:]))
        for clock in (start, end)
    )
    return [
        post for post in scenario.posts if low <= post.offset < high and post.brand == CRISIS_BRAND
    ]


def test_the_bundled_rows_are_what_the_script_writes() -> None:
    bundled = resources.files("monitor.demo").joinpath("data/scenario.jsonl.gz").read_bytes()
    assert gzip.decompress(bundled) == gzip.decompress(pack(compose()))


def test_the_same_seed_gives_the_same_bytes_and_another_seed_gives_others() -> None:
    assert pack(compose(7)) == pack(compose(7))
    assert compose(7) != compose(8)


def test_the_script_writes_to_the_path_given_and_refuses_to_guess_one(tmp_path: Path) -> None:
    out = tmp_path / "scenario.jsonl.gz"
    assert main([str(out)]) == 0
    assert len(gzip.decompress(out.read_bytes()).splitlines()) == len(load().posts)
    assert main([]) == 2


def test_a_phrase_marked_with_an_equals_sign_keeps_its_value_within_a_text() -> None:
    words = {
        "slot": {"x": ["{n:1-1000000}"]},
        "people": {"head": ["a"], "tail": ["b"], "end": [""]},
    }
    composer = Composer(words, {}, random.Random(1))
    kept = composer.grow("{=x} {=x}", [words["slot"]]).split()
    free = composer.grow("{x} {x}", [words["slot"]]).split()
    assert kept[0] == kept[1]
    assert free[0] != free[1]


def test_the_scenario_is_large_and_its_file_is_small(scenario: Scenario) -> None:
    bundled = resources.files("monitor.demo").joinpath("data/scenario.jsonl.gz").read_bytes()
    assert 5_200 <= len(scenario.posts) <= 6_500
    assert len(bundled) <= MEGABYTE


def test_posts_are_sorted_and_lie_within_fifteen_days(scenario: Scenario) -> None:
    offsets = [post.offset for post in scenario.posts]
    assert offsets == sorted(offsets)
    assert timedelta() <= offsets[0]
    assert offsets[-1] < DAYS * DAY


def test_external_ids_are_unique_within_their_source(scenario: Scenario) -> None:
    assert len({(post.source, post.external_id) for post in scenario.posts}) == len(scenario.posts)


def test_every_source_is_known_and_speaks_on_every_day_of_normal_life(scenario: Scenario) -> None:
    slugs = {source.slug for source in scenario.sources}
    spoken = Counter((post.source, post.day) for post in scenario.posts)
    assert {post.source for post in scenario.posts} == slugs
    assert all(spoken[slug, day] for slug in slugs for day in range(DAYS))


def test_normal_days_have_the_usual_volume_and_mix(scenario: Scenario) -> None:
    normal = [post for post in scenario.posts if post.day < BAD_DAY]
    per_day = Counter(post.day for post in normal)
    assert all(250 <= count <= 380 for count in per_day.values())
    assert 0.10 <= _share(normal, "negative") <= 0.12
    assert 0.28 <= _share(normal, "neutral") <= 0.40
    assert {post.brand for post in normal} == {None, "栗屿咖啡", "朔桁咖啡", "汀白茶饮"}


def test_nights_are_quiet(scenario: Scenario) -> None:
    hours = Counter(post.offset.seconds // 3600 for post in scenario.posts if post.day < BAD_DAY)
    assert sum(hours[hour] for hour in range(1, 6)) * 5 < sum(hours[hour] for hour in range(9, 14))


@pytest.mark.parametrize(
    ("start", "end", "fewest", "most", "least_share"),
    [
        pytest.param("13:08", "13:20", 4, 12, 0.6, id="a worker's post and the first echoes"),
        pytest.param("13:20", "13:50", 20, 50, 0.6, id="complaints gather"),
        pytest.param("14:00", "15:00", 150, 220, 0.75, id="a large account reposts"),
        pytest.param("15:31", "17:00", 420, 520, 0.75, id="the authority has opened a case"),
        pytest.param("17:00", "20:00", 300, 450, 0.5, id="the statement calms some"),
    ],
)
def test_the_bad_day_climbs_in_steps(
    scenario: Scenario, start: str, end: str, fewest: int, most: int, least_share: float
) -> None:
    posts = _bad_day(scenario, start, end)
    assert fewest <= len(posts) <= most
    assert _share(posts, "negative") >= least_share


def test_the_bad_morning_is_like_any_other(scenario: Scenario) -> None:
    assert _share(_bad_day(scenario, "00:00", "13:08"), "negative") <= 0.2


def test_the_first_post_comes_at_13_08_from_a_small_account(scenario: Scenario) -> None:
    first = scenario.first_post_of_crisis
    assert first.offset == BAD_DAY * DAY + timedelta(hours=13, minutes=8)
    assert first.author.name == "@后厨打工日记"


@pytest.mark.parametrize(
    ("author", "words", "clock", "label"),
    [
        pytest.param("@食安瞭望台", "过期整整11天", (14, 0), "negative", id="opinion leader"),
        pytest.param("澜城晨报", "立案调查", (15, 31), "negative", id="regulator in the news"),
        pytest.param("@栗屿咖啡官方", "不实", (17, 0), "neutral", id="refutation"),
    ],
)
def test_the_turning_points_stand_where_the_story_needs_them(
    scenario: Scenario, author: str, words: str, clock: tuple[int, int], label: str
) -> None:
    start = BAD_DAY * DAY + timedelta(hours=clock[0], minutes=clock[1])
    found = [
        post
        for post in scenario.posts
        if start <= post.offset < start + timedelta(minutes=1) and post.author.name == author
    ]
    assert [post.label for post in found] == [label]
    assert words in found[0].text


def test_only_reposts_repeat_each_other(scenario: Scenario) -> None:
    seen = Counter(post.text for post in scenario.posts)
    repeated = [text for text, count in seen.items() if count > 1]
    assert repeated
    assert all("市监局" in text or "后厨视频" in text for text in repeated)


def test_texts_have_a_natural_length_and_no_open_slot(scenario: Scenario) -> None:
    for post in scenario.posts:
        assert 15 <= len(post.text) <= (400 if post.kind == "article" else 140), post
        assert not re.search(r"[{}]|##|\{n:", f"{post.title} {post.text}"), post


def test_traditional_and_mixed_language_posts_are_among_the_complaints(scenario: Scenario) -> None:
    hurt = [post for post in _bad_day(scenario, "13:08", "24:00") if post.label == "negative"]
    assert sum(post.lang == "zh-Hant" for post in hurt) >= 20
    assert sum(bool(re.search(r"[A-Za-z]{4,}", post.text)) for post in hurt) >= 10


def test_a_brand_s_posts_name_the_brand_and_noise_does_not_count(scenario: Scenario) -> None:
    names = {one["name"]: [*one["aliases"], "栗嶼", "汀白茶飲"] for one in scenario.brands}
    named = [
        any(name in f"{post.title} {post.text}" for name in names[post.brand])
        for post in scenario.posts
        if post.brand
    ]
    # Some reviews and threads do not repeat the shop's name, as on real sites.
    assert sum(named) / len(named) >= 0.9


def test_keyword_lists_have_the_shape_of_the_interface(scenario: Scenario) -> None:
    assert [one["kind"] for one in scenario.keyword_lists] == ["brand", "brand", "brand", "risk"]
    assert scenario.brands[0]["name"] == CRISIS_BRAND
    assert all(
        set(one) == {"name", "kind", "aliases", "keywords", "exclude", "thresholds"}
        for one in scenario.keyword_lists
    )


def _compiled(scenario: Scenario) -> Matcher:
    number = count(1)
    return Matcher(
        [
            KeywordList(
                id=position,
                name=one["name"],
                aliases=tuple(Keyword(id=next(number), expression=it) for it in one["aliases"]),
                keywords=tuple(Keyword(id=next(number), expression=it) for it in one["keywords"]),
                exclude=tuple(one["exclude"]),
            )
            for position, one in enumerate(scenario.keyword_lists)
        ]
    )


def test_the_lists_find_the_posts_of_their_brand_and_of_no_other(scenario: Scenario) -> None:
    matcher = _compiled(scenario)
    brands = [one["name"] for one in scenario.brands]
    found = Counter[str]()
    for post in scenario.posts:
        document = Document(text=post.text, title=post.title or "")
        for match in matcher.match(document):
            if match.keyword_list_id < len(brands):
                assert post.brand == brands[match.keyword_list_id], post
                found[post.brand] += 1
    written = Counter(post.brand for post in scenario.posts)
    assert all(found[brand] >= 0.9 * written[brand] for brand in brands)


@pytest.mark.parametrize(
    ("tier", "earliest", "latest"),
    [
        pytest.param(Tier.YELLOW, "13:15", "13:35", id="complaints gather"),
        pytest.param(Tier.ORANGE, "13:55", "14:10", id="the large account"),
        pytest.param(Tier.RED, "15:25", "15:45", id="the case opened"),
    ],
)
def test_the_crisis_brand_s_thresholds_are_crossed_when_the_story_says_so(
    scenario: Scenario, tier: Tier, earliest: str, latest: str
) -> None:
    volume = ladder_from(scenario.brands[0]["thresholds"])[tier].volume
    negative = [
        post.offset for post in _bad_day(scenario, "13:08", "24:00") if post.label == "negative"
    ]
    hour = timedelta(hours=1)
    crossed = next(
        at for at in negative if sum(at - hour < other <= at for other in negative) >= volume
    )
    assert earliest <= str(crossed - BAD_DAY * DAY)[:5] <= latest


def test_day_zero_is_a_midnight_in_china() -> None:
    late = datetime(2026, 11, 5, 17, 30, tzinfo=UTC)  # 01:30 of the 6th in Shanghai
    assert local_midnight(late) == datetime(2026, 11, 5, 16, tzinfo=UTC)
