"""WooCommerce reviews: on answers written by hand (``synthetic_shops``)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from collectors.model import CollectError, Outcome, PostKind, SourceState, Stars
from collectors.reviews.woocommerce import NO_LIST, WooCommerceCollector
from tests.collectors.recorded import Answer, answer
from tests.collectors.reviews.synthetic_shops import shop_product, shop_review
from tests.collectors.reviews.visits import after, source, visit

ROOT = "https://shop.example"
PRODUCTS = f"{ROOT}/wp-json/wc/store/v1/products"
SHOP = source("woocommerce", f"{ROOT}/")
COLLECTOR = WooCommerceCollector()
PAST_THE_END = answer({"code": "rest_post_invalid_page_number"}, status=400)


def url(page: int) -> str:
    return f"{PRODUCTS}/reviews?per_page=100&page={page}&orderby=date&order=desc"


def pages(*values: object, products: object = None) -> dict[str, object]:
    total = str(len(values))
    replies: dict[str, object] = {
        url(number): value
        if isinstance(value, Answer | Exception)
        else answer(value, x_wp_totalpages=total)
        for number, value in enumerate(values, 1)
    }
    listed = products if products is not None else [shop_product()]
    replies[PRODUCTS] = listed if isinstance(listed, Answer | Exception) else answer(listed)
    return replies


def numbers(first: int, count: int) -> list[dict[str, object]]:
    return [shop_review(first - number) for number in range(count)]


WHOLE = pages(numbers(900, 100), numbers(800, 100), numbers(700, 20))


def test_fields() -> None:
    poll, http = visit(COLLECTOR, SHOP, pages([shop_review(9)]))
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.text) == ("9", PostKind.REVIEW, "有异味")
    assert (post.author.name, post.product) == ("小北", "北岭咖啡 – 深烘")
    assert (post.stars, post.rating, post.tags) == (Stars(value=2), 0.25, ("verified",))
    assert post.published_at == datetime(2026, 3, 1, 2, tzinfo=UTC)
    assert post.url == "https://shop.example/product/dark/#comment-9"
    (rating,) = poll.ratings
    assert (rating.product, rating.stars, rating.count) == ("北岭咖啡 – 深烘", Stars(value=3.5), 12)
    assert http.requests[1].query == {"include": "11", "per_page": "100"}


def test_no_rating_is_valid_and_broken_reviews_are_left_out() -> None:
    poll, _ = visit(COLLECTOR, SHOP, pages([None, "x", {"id": "9"}, shop_review(9, rating=0)]))
    assert [(post.external_id, post.stars, post.rating) for post in poll.posts] == [
        ("9", None, None)
    ]


def test_pages_are_read_to_the_end_and_then_only_the_first() -> None:
    poll, http = visit(COLLECTOR, SHOP, WHOLE)
    assert (len({post.key for post in poll.posts}), len(http.asked)) == (220, 4)
    again, http = visit(COLLECTOR, after(SHOP, poll), WHOLE)
    assert (again.outcome, again.posts, len(http.asked)) == (Outcome.UNCHANGED, (), 1)


@pytest.mark.parametrize("end", [PAST_THE_END, answer([])], ids=["400", "empty list"])
def test_without_a_count_of_pages_the_end_is_found(end: Answer) -> None:
    replies = {url(1): answer(numbers(900, 100)), url(2): end, PRODUCTS: answer([])}
    poll, _ = visit(COLLECTOR, SHOP, replies)
    assert (len(poll.posts), poll.state) == (100, SourceState.OK)


def test_a_refused_second_page_keeps_the_first_and_is_read_later() -> None:
    limited = {**WHOLE, url(2): answer({}, status=429, retry_after="7200")}
    poll, _ = visit(COLLECTOR, SHOP, limited)
    assert (len(poll.posts), poll.state) == (100, SourceState.RATE_LIMITED)
    assert poll.wait >= timedelta(hours=2)
    later, _ = visit(COLLECTOR, after(SHOP, poll), WHOLE)
    assert len({post.key for post in (*poll.posts, *later.posts)}) == 220
    assert visit(COLLECTOR, SHOP, limited)[0] == poll


def test_an_edited_review_comes_again_and_a_missing_one_is_not_deleted() -> None:
    first, _ = visit(COLLECTOR, SHOP, pages(numbers(9, 3)))
    edited = [shop_review(9, review="<p>换货了</p>", rating=5), shop_review(7)]
    poll, _ = visit(COLLECTOR, after(SHOP, first), pages(edited))
    assert [(post.external_id, post.text, post.rating) for post in poll.posts] == [
        ("9", "换货了", 1.0)
    ]
    assert poll.deleted == ()


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        pytest.param(answer({"code": "x"}), SourceState.BACKING_OFF, id="no list"),
        pytest.param(answer({}, status=400), SourceState.BACKING_OFF, id="400"),
        pytest.param(answer("<html>"), SourceState.BLOCKED, id="HTML"),
        pytest.param(answer(""), SourceState.BLOCKED, id="empty body"),
        pytest.param(answer({}, status=401), SourceState.BLOCKED, id="401"),
        pytest.param(answer({}, status=404), SourceState.BACKING_OFF, id="404"),
        pytest.param(answer({}, status=429, retry_after="7200"), SourceState.RATE_LIMITED, id="429"),
        pytest.param(answer({}, status=503), SourceState.BACKING_OFF, id="503"),
        pytest.param(CollectError("超时 (timeout)"), SourceState.BACKING_OFF, id="no answer"),
    ],
)  # fmt: skip
def test_refusals_move_nothing(reply: Answer, state: SourceState) -> None:
    poll, _ = visit(COLLECTOR, SHOP, {url(1): reply})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, SHOP.cursor)
    assert poll.reason


def test_an_answer_that_is_no_list_says_so() -> None:
    assert visit(COLLECTOR, SHOP, {url(1): answer({})})[0].reason == NO_LIST


@pytest.mark.parametrize(
    ("products", "state"),
    [
        (answer({}, status=404), SourceState.OK),
        (answer({}, status=429), SourceState.RATE_LIMITED),
        (["x", shop_product(review_count=0), shop_product(name="")], SourceState.OK),
    ],
)
def test_reviews_are_kept_where_no_ratings_are_told(products: object, state: SourceState) -> None:
    poll, _ = visit(COLLECTOR, SHOP, pages([shop_review(9)], products=products))
    assert (len(poll.posts), poll.ratings, poll.state) == (1, (), state)
