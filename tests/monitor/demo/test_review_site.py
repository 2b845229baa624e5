"""The demo's review page, read by the collector that reads real ones."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from collectors.model import Outcome, PostKind, Precision, SourceState
from collectors.reviews.review_page import ReviewPageCollector
from monitor.demo.publication import FEWEST_ENTRIES
from monitor.demo.review_site import ReviewPage, stars_of
from monitor.demo.scenario import BAD_DAY, DAY, DAYS, DemoPost, DemoSource, load
from tests.monitor.demo.visiting import DAY0, Reader, Site, reader

WINDOW = timedelta(hours=2)
SCENARIO = load()
SOURCE = next(source for source in SCENARIO.sources if source.slug == "dianji")
POSTS = SCENARIO.of_source("dianji")
URL = "http://127.0.0.1/reviews/dianji"


def _reader(page: ReviewPage) -> Reader:
    site = Site(lambda _, now: page.document(now).body, page.media_type)
    return reader(ReviewPageCollector(), site, URL, {"timezone": "Asia/Shanghai"})


def test_a_reader_that_comes_every_ninety_minutes_gets_every_review_once() -> None:
    visitor = _reader(ReviewPage(SOURCE, POSTS, DAY0, WINDOW))
    at = DAY0
    while at < DAY0 + DAYS * DAY:
        at += timedelta(minutes=90)
        assert visitor.visit(at).state is SourceState.OK
    assert Counter(post.url for post in visitor.posts) == Counter(post.url for post in POSTS)


def test_a_review_arrives_with_stars_author_shop_and_exact_time() -> None:
    visitor = _reader(ReviewPage(SOURCE, POSTS, DAY0, WINDOW))
    visitor.visit(DAY0 + BAD_DAY * DAY + timedelta(hours=14))
    written = {post.url: post for post in POSTS}
    assert len(visitor.posts) >= FEWEST_ENTRIES
    for post in visitor.posts:
        original = written[post.url or ""]
        assert (post.kind, post.text) == (PostKind.REVIEW, original.text)
        assert post.author.name == original.author.name
        assert post.product == original.brand
        assert (post.published_at, post.precision) == (DAY0 + original.offset, Precision.EXACT)
        assert post.stars is not None
        assert post.stars.value == stars_of(original)
        assert post.rating == (stars_of(original) - 1) / 4


def test_the_shops_ratings_count_all_reviews_so_far_and_fall_in_the_crisis() -> None:
    visitor = _reader(ReviewPage(SOURCE, POSTS, DAY0, WINDOW))
    noon = BAD_DAY * DAY + timedelta(hours=13)
    before = {one.product: one for one in visitor.visit(DAY0 + noon).ratings}
    after = {one.product: one for one in visitor.visit(DAY0 + DAYS * DAY).ratings}
    written = Counter(post.brand for post in POSTS if post.offset <= noon)
    assert {name: one.count for name, one in before.items()} == written
    assert after["栗屿咖啡"].stars.value < before["栗屿咖啡"].stars.value
    assert {one.stars.best for one in before.values()} == {5.0}


def test_an_unchanged_page_brings_nothing() -> None:
    visitor = _reader(ReviewPage(SOURCE, POSTS, DAY0, WINDOW))
    at = DAY0 + BAD_DAY * DAY + timedelta(hours=14)
    assert visitor.visit(at).outcome is Outcome.NEW
    again = visitor.visit(at)
    assert (again.outcome, again.posts, again.ratings) == (Outcome.UNCHANGED, (), ())


def test_a_text_cannot_end_the_script_it_stands_in() -> None:
    nasty = 'a < b & "c" </script><script>x()</script> 过期'
    post = replace(POSTS[0], text=nasty)
    visitor = _reader(ReviewPage(SOURCE, [post], DAY0, WINDOW))
    visitor.visit(DAY0 + DAY)
    page = visitor.site.answer(URL, DAY0 + DAY)
    assert page.count(b"<script") == page.count(b"</script>") == 1
    assert b"<script>x" not in page
    assert len(visitor.posts) == 1
    assert "过期" in visitor.posts[0].text


def _share(label: str, stars: set[int]) -> float:
    given = [stars_of(post) for post in POSTS if post.label == label]
    return sum(one in stars for one in given) / len(given)


@pytest.mark.parametrize(
    ("label", "mostly", "also"),
    [
        pytest.param("negative", {1, 2}, {4, 5}, id="unhappy"),
        pytest.param("neutral", {2, 3, 4}, {1, 5}, id="so-so"),
        pytest.param("positive", {4, 5}, {1, 2}, id="happy"),
    ],
)
def test_stars_follow_the_mood_loosely(label: str, mostly: set[int], also: set[int]) -> None:
    assert 0.7 <= _share(label, mostly) <= 0.95
    assert 0.03 <= _share(label, also) <= 0.25


def test_no_number_of_stars_tells_the_label() -> None:
    labels: dict[int, set[str]] = {}
    for post in POSTS:
        labels.setdefault(stars_of(post), set()).add(post.label)
    assert all(len(found) == 3 for found in labels.values())
    assert sorted(labels) == [1, 2, 3, 4, 5]


def test_a_review_of_no_shop_is_still_a_review() -> None:
    nowhere: DemoPost = replace(POSTS[0], brand=None)
    source = DemoSource(slug="s", name="</title> & 名", format=SOURCE.format)
    visitor = _reader(ReviewPage(source, [nowhere], DAY0, WINDOW))
    poll = visitor.visit(DAY0 + DAY)
    assert [post.text for post in poll.posts] == [nowhere.text]
    assert (poll.posts[0].product, poll.ratings) == (None, ())
