"""App Store reviews: on answers written by hand (``synthetic_shops``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from collectors.model import Author, CollectError, Outcome, PostKind, Precision, SourceState, Stars
from collectors.reviews.appstore import EMPTY, NOT_SOLD, PATHS, AppStoreCollector, AppStoreOptions
from tests.collectors.recorded import Answer, answer
from tests.collectors.reviews.synthetic_shops import app_entry, app_feed, app_lookup, app_review
from tests.collectors.reviews.visits import after, source, visit

BASE = "https://itunes.apple.com"
LOOKUP = f"{BASE}/lookup?id=123456&country=cn"
APP = source("appstore", app_id="123456")
COLLECTOR = AppStoreCollector()


def pages(*feeds: object, lookup: object = None, **more: object) -> dict[str, object]:
    """Replies for pages 1, 2 …; the second path order answers the same pages empty."""
    replies: dict[str, object] = {LOOKUP: answer(lookup or app_lookup())}
    for number, feed in enumerate(feeds, 1):
        for path, value in zip(PATHS, (feed, app_feed()), strict=True):
            url = path.format(base=BASE, country="cn", app="123456", page=number)
            replies[url] = value if isinstance(value, Answer | Exception) else answer(value)
    return replies | more


def full(page: int, *, last: int = 3, newer: int = 0) -> dict[str, object]:
    """Page ``page`` of 50 reviews, after ``newer`` ones came on top."""
    start = 10_000 + newer - 50 * (page - 1)
    return app_feed(*(app_review(start - n) for n in range(50)), page=page, last=last)


def test_fields() -> None:
    poll, http = visit(COLLECTOR, APP, pages(app_feed(app_entry(), app_review(9))))
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.product) == ("9", PostKind.REVIEW, "123456")
    assert (post.title, post.text) == ("闪退", "更新后\n一直闪退")
    assert post.author == Author(name="小北", url="https://itunes.example/reviews/id9")
    assert (post.stars, post.rating) == (Stars(value=2), 0.25)
    assert (post.published_at, post.precision) == (datetime(2026, 3, 1, 14, tzinfo=UTC), Precision.EXACT)  # fmt: skip
    assert (post.metrics, post.tags) == ({"likes": 3, "votes": 5}, ("version:3.2.1",))
    assert post.url == "https://itunes.example/review?id=9"
    (rating,) = poll.ratings
    assert (rating.product, rating.name, rating.stars, rating.count) == ("123456", "云雀出行", Stars(value=4.2), 1234)  # fmt: skip
    assert (poll.state, poll.outcome, poll.reason) == (SourceState.OK, Outcome.NEW, None)
    assert len(http.asked) == 2


@pytest.mark.parametrize(
    "feed",
    [
        pytest.param(app_feed(app_review(9)), id="a single bare entry"),
        pytest.param(app_feed(app_entry(), app_review(9)), id="the app before it"),
        pytest.param(app_feed(app_review(9), "x", None, {"id": {"label": "1"}}), id="broken ones beside it"),
        pytest.param(app_feed(app_review(9, updated=None, author=None, link=[])), id="old and bare"),
    ],
)  # fmt: skip
def test_forms_of_entries(feed: object) -> None:
    poll, _ = visit(COLLECTOR, APP, pages(feed))
    assert [post.external_id for post in poll.posts] == ["9"]


def test_pages_are_read_to_the_last_and_then_only_the_first() -> None:
    replies = pages(full(1), full(2), full(3))
    poll, http = visit(COLLECTOR, APP, replies)
    assert len({post.key for post in poll.posts}) == 150
    assert len(http.asked) == 4
    again, http = visit(COLLECTOR, after(APP, poll), replies)
    assert (again.posts, again.ratings, again.outcome) == ((), (), Outcome.UNCHANGED)
    assert len(http.asked) == 2


def test_ten_pages_are_read_over_several_visits() -> None:
    replies, of, seen = pages(*(full(page, last=12) for page in range(1, 11))), APP, set[bytes]()
    for _ in range(3):
        poll, http = visit(COLLECTOR, of, replies)
        assert len(http.asked) <= 8
        seen.update(post.key for post in poll.posts)
        of = after(of, poll)
    assert len(seen) == 500
    assert '"gap":null' in (of.cursor.position or "")


def test_the_other_path_order_is_asked_where_the_first_answers_nothing() -> None:
    second = PATHS[1].format(base=BASE, country="cn", app="123456", page=1)
    for first in (app_feed(), answer({}, status=502), answer({}, status=404)):
        poll, _ = visit(COLLECTOR, APP, pages(first) | {second: answer(app_feed(app_review(9)))})
        assert (len(poll.posts), poll.state) == (1, SourceState.OK)


def test_no_entries_are_unknown_and_neither_zero_nor_deleted() -> None:
    of = after(APP, visit(COLLECTOR, APP, pages(full(1, last=1)))[0])
    poll, http = visit(COLLECTOR, of, pages(app_feed()))
    assert (poll.outcome, poll.state, poll.reason) == (Outcome.UNCHANGED, SourceState.OK, EMPTY)
    assert (poll.posts, poll.deleted, poll.cursor_after) == ((), (), of.cursor)
    assert len(http.asked) == 3
    later, _ = visit(COLLECTOR, after(of, poll), pages(full(1, last=1, newer=2)))
    assert [post.external_id for post in later.posts] == ["10002", "10001"]


def test_an_empty_page_on_the_way_is_asked_again() -> None:
    poll, _ = visit(COLLECTOR, APP, pages(full(1), app_feed()))
    assert (len(poll.posts), poll.reason, poll.outcome) == (50, EMPTY, Outcome.NEW)
    later, _ = visit(COLLECTOR, after(APP, poll), pages(full(1), full(2), full(3)))
    assert {post.key for post in poll.posts} | {post.key for post in later.posts} == {
        post.key for post in visit(COLLECTOR, APP, pages(full(1), full(2), full(3)))[0].posts
    }


def test_an_edited_review_comes_again_under_its_id() -> None:
    first, _ = visit(COLLECTOR, APP, pages(app_feed(app_review(9), app_review(8))))
    edited = app_review(9, content={"label": "修好了"})
    poll, _ = visit(COLLECTOR, after(APP, first), pages(app_feed(edited, app_review(8))))
    assert [(post.external_id, post.text) for post in poll.posts] == [("9", "修好了")]


def test_a_rating_is_told_when_it_changes() -> None:
    feed = app_feed(app_review(9))
    first, _ = visit(COLLECTOR, APP, pages(feed))
    same, _ = visit(COLLECTOR, after(APP, first), pages(feed))
    other, _ = visit(COLLECTOR, after(APP, same), pages(feed, lookup=app_lookup(4.1)))
    assert [len(poll.ratings) for poll in (first, same, other)] == [1, 0, 1]
    nobody, _ = visit(COLLECTOR, APP, pages(feed, lookup=app_lookup(0, 0)))
    assert nobody.ratings == ()


@pytest.mark.parametrize(
    ("reply", "state", "status"),
    [
        pytest.param(answer({}, status=429, retry_after="7200"), SourceState.RATE_LIMITED, 429, id="429"),
        pytest.param(answer({}, status=403), SourceState.BLOCKED, 403, id="403"),
        pytest.param(answer({}, status=410), SourceState.GONE, 410, id="410"),
        pytest.param(answer({}, status=500), SourceState.BACKING_OFF, 500, id="500"),
        pytest.param(answer("<html><title>Apple</title>"), SourceState.BLOCKED, 200, id="HTML"),
        pytest.param(answer(""), SourceState.BLOCKED, 200, id="empty body"),
        pytest.param(answer("{"), SourceState.BACKING_OFF, 200, id="broken JSON"),
        pytest.param(CollectError("超时 (timeout)"), SourceState.BACKING_OFF, None, id="no answer"),
    ],
)  # fmt: skip
def test_refusals_move_nothing(reply: Answer, state: SourceState, status: int | None) -> None:
    second = PATHS[1].format(base=BASE, country="cn", app="123456", page=1)
    poll, _ = visit(COLLECTOR, APP, pages(reply) | {second: reply})
    assert (poll.outcome, poll.state, poll.status) == (Outcome.FAILED, state, status)
    assert (poll.cursor_after, bool(poll.reason)) == (APP.cursor, True)
    if status == 429:
        assert poll.wait >= timedelta(hours=2)


def test_a_refused_second_page_keeps_the_first_and_is_read_later() -> None:
    limited = answer({}, status=429, retry_after="7200")
    poll, http = visit(COLLECTOR, APP, pages(full(1), limited, full(3)))
    assert (len(poll.posts), poll.state) == (50, SourceState.RATE_LIMITED)
    assert poll.wait >= timedelta(hours=2)
    assert LOOKUP not in http.asked
    later, _ = visit(COLLECTOR, after(APP, poll), pages(full(1), full(2), full(3)))
    assert len({post.key for post in poll.posts} | {post.key for post in later.posts}) == 150


def test_an_app_that_is_not_in_the_country_is_said_so() -> None:
    poll, _ = visit(COLLECTOR, APP, pages(app_feed(), lookup={"resultCount": 0, "results": []}))
    assert (poll.outcome, poll.reason) == (Outcome.FAILED, NOT_SOLD)


def test_a_refused_lookup_keeps_the_reviews() -> None:
    replies = pages(app_feed(app_review(9))) | {LOOKUP: answer({}, status=503)}
    poll, _ = visit(COLLECTOR, APP, replies)
    assert (len(poll.posts), poll.state, poll.status) == (1, SourceState.BACKING_OFF, 503)


@pytest.mark.parametrize(
    "options",
    [{}, {"app_id": "x"}, {"app_id": "../../lookup"}, {"app_id": "123456", "country": "China"}, {"app_id": "123456", "pages": 3}],
)  # fmt: skip
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        AppStoreOptions.model_validate(options)


def test_an_app_id_may_be_a_number() -> None:
    assert AppStoreOptions.model_validate({"app_id": 123456}).app_id == "123456"
