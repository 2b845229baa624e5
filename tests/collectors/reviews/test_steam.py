"""Steam reviews: on answers written by hand (``synthetic_shops``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, SourceState, Stars
from collectors.reviews.steam import SteamCollector, SteamOptions
from tests.collectors.recorded import Answer, answer
from tests.collectors.reviews.synthetic_shops import steam_page, steam_review
from tests.collectors.reviews.visits import after, source, visit

GAME = source("steam", app_id="570")
COLLECTOR = SteamCollector()
SECOND, THIRD, FOURTH = "AoJ4/Yb+2Q==", "AoJ4+/third=", "AoJ4&fourth#%"


def url(cursor: str) -> str:
    from urllib.parse import quote

    return (
        "https://store.steampowered.com/appreviews/570?json=1&filter=recent&language=all"
        "&review_type=all&purchase_type=all&num_per_page=100&filter_offtopic_activity=0"
        f"&cursor={quote(cursor, safe='')}"
    )


def pages(*values: object) -> dict[str, object]:
    cursors = ("*", SECOND, THIRD, FOURTH)
    return {
        url(cursor): value if isinstance(value, Answer | Exception) else answer(value)
        for cursor, value in zip(cursors, values, strict=False)
    }


def numbers(first: int, count: int) -> list[dict[str, object]]:
    return [steam_review(first - number) for number in range(count)]


WHOLE = pages(
    steam_page(*numbers(900, 100), cursor=SECOND, total=400),
    steam_page(*numbers(800, 30), cursor=THIRD),  # a short page is not the end
    steam_page(*numbers(770, 100), cursor=FOURTH),
    steam_page(cursor=FOURTH),
)


def test_fields() -> None:
    poll, http = visit(COLLECTOR, GAME, pages(steam_page(steam_review(9), total=400)))
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.product) == ("9", PostKind.REVIEW, "570")
    assert post.text == "差\n闪退,看这里 [表情] [1/10]"
    assert (post.author.handle, post.author.name) == ("76561190000000001", None)
    assert post.url == "https://steamcommunity.com/profiles/76561190000000001/recommended/570/"
    assert (post.stars, post.rating) == (Stars(value=0, best=1, worst=0), 0.0)
    assert post.published_at == datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert (post.edited_at, post.lang) == (None, "zh-CN")
    assert post.metrics == {"likes": 7, "funny": 0, "replies": 2}
    assert post.tags == ("received_for_free",)
    (rating,) = poll.ratings
    assert (rating.product, rating.stars.normalised, rating.count) == ("570", 0.25, 400)
    assert http.requests[0].query["cursor"] == "*"


def test_a_thumb_up_is_one_and_a_later_change_is_an_edit() -> None:
    review = steam_review(9, voted_up=True, timestamp_updated=1772420400)
    (post,) = visit(COLLECTOR, GAME, pages(steam_page(review)))[0].posts
    assert (post.rating, post.edited_at) == (1.0, datetime(2026, 3, 2, 3, tzinfo=UTC))


@pytest.mark.parametrize(
    "broken",
    ["x", None, {}, {"recommendationid": ""}],
)
def test_broken_reviews_are_left_out(broken: object) -> None:
    poll, _ = visit(COLLECTOR, GAME, pages(steam_page(broken, steam_review(9, author=None))))
    assert [(post.external_id, post.url) for post in poll.posts] == [("9", None)]


def test_cursors_are_encoded_and_pages_read_to_an_empty_one() -> None:
    poll, http = visit(COLLECTOR, GAME, WHOLE)
    assert len({post.key for post in poll.posts}) == 230
    assert [request.query["cursor"] for request in http.requests] == ["*", SECOND, THIRD, FOURTH]
    assert "cursor=AoJ4%2FYb%2B2Q%3D%3D" in http.asked[1]
    again, http = visit(COLLECTOR, after(GAME, poll), WHOLE)
    assert (again.outcome, again.posts, len(http.asked)) == (Outcome.UNCHANGED, (), 1)


@pytest.mark.parametrize("cursor", ["*", None, 7])
def test_a_cursor_that_repeats_or_is_none_is_the_end(cursor: object) -> None:
    page = steam_page(steam_review(9)) | {"cursor": cursor}
    assert len(visit(COLLECTOR, GAME, pages(page))[1].asked) == 1


def test_the_backlog_is_read_over_visits_and_ends_at_five_hundred() -> None:
    of = source("steam", app_id="570", max_pages=2)
    chain = {url("*"): answer(steam_page(*numbers(9_000, 100), cursor="c1"))}
    for page in range(1, 9):
        reviews = numbers(9_000 - 100 * page, 100)
        chain[url(f"c{page}")] = answer(steam_page(*reviews, cursor=f"c{page + 1}"))
    seen = []
    for _ in range(5):
        poll, http = visit(COLLECTOR, of, chain)
        assert len(http.asked) <= 2
        seen.extend(post.external_id for post in poll.posts)
        of = after(of, poll)
    assert (len(seen), len(set(seen)), min(seen)) == (500, 500, "8501")


def test_a_refused_second_page_keeps_the_first_and_is_read_later() -> None:
    limited = answer({}, status=429, retry_after="300")
    first = {**WHOLE, url(SECOND): limited}
    poll, _ = visit(COLLECTOR, GAME, first)
    assert (len(poll.posts), poll.state, poll.status) == (100, SourceState.RATE_LIMITED, 429)
    assert visit(COLLECTOR, GAME, first)[0] == poll
    later, _ = visit(COLLECTOR, after(GAME, poll), WHOLE)
    assert [len(later.posts), len({p.key for p in (*poll.posts, *later.posts)})] == [130, 230]


def test_an_edited_review_comes_again_and_a_missing_one_is_not_deleted() -> None:
    first, _ = visit(COLLECTOR, GAME, pages(steam_page(*numbers(9, 3))))
    edited = steam_page(steam_review(9, review="好了", voted_up=True), steam_review(7))
    poll, _ = visit(COLLECTOR, after(GAME, first), pages(edited))
    assert [(post.external_id, post.text, post.rating) for post in poll.posts] == [
        ("9", "好了", 1.0)
    ]
    assert poll.deleted == ()


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        pytest.param(answer({"success": 2}), SourceState.BLOCKED, id="success is not 1"),
        pytest.param(answer([]), SourceState.BLOCKED, id="a list"),
        pytest.param(answer({"success": 1}), SourceState.BLOCKED, id="no reviews"),
        pytest.param(answer(None), SourceState.BLOCKED, id="null"),
        pytest.param(answer("<html>login</html>"), SourceState.BLOCKED, id="HTML"),
        pytest.param(answer(""), SourceState.BLOCKED, id="empty body"),
        pytest.param(answer({}, status=403), SourceState.BLOCKED, id="403"),
        pytest.param(answer({}, status=429, retry_after="7200"), SourceState.RATE_LIMITED, id="429"),
        pytest.param(answer({}, status=500), SourceState.BACKING_OFF, id="500"),
        pytest.param(answer({}, status=404), SourceState.BACKING_OFF, id="404"),
        pytest.param(CollectError("超时 (timeout)"), SourceState.BACKING_OFF, id="no answer"),
    ],
)  # fmt: skip
def test_refusals_move_nothing(reply: Answer, state: SourceState) -> None:
    poll, _ = visit(COLLECTOR, GAME, pages(reply))
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, GAME.cursor)
    assert poll.reason
    least = {SourceState.BLOCKED: 6, SourceState.RATE_LIMITED: 2}.get(state, 0)
    assert poll.wait >= timedelta(hours=least)


def test_nobody_has_rated_yet() -> None:
    assert visit(COLLECTOR, GAME, pages(steam_page(total=0)))[0].ratings == ()


@pytest.mark.parametrize(
    "options",
    [{}, {"app_id": "x"}, {"app_id": "570", "filter": "all"}, {"app_id": "570", "language": "a&b"}],
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        SteamOptions.model_validate(options)
