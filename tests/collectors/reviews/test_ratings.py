"""Ratings as sites write them."""

from __future__ import annotations

import pytest

from collectors.model import Stars
from collectors.reviews.nodes import Graph, Node
from collectors.reviews.ratings import count_of, number_of, review_stars, stars_of


@pytest.mark.parametrize(
    ("rating", "value", "best", "worst", "normalised"),
    [
        pytest.param({"ratingValue": 4}, 4, 5, 1, 0.75, id="defaults"),
        pytest.param({"ratingValue": "4,5"}, 4.5, 5, 1, 0.875, id="decimal comma"),
        pytest.param({"ratingValue": "1,0"}, 1, 5, 1, 0.0, id="worst"),
        pytest.param({"ratingValue": "4,5", "bestRating": "10"}, 4.5, 10, 1, 3.5 / 9, id="of ten"),
        pytest.param({"ratingValue": 4.5, "worstRating": "0.5"}, 4.5, 5, 0.5, 4 / 4.5, id="half"),
        pytest.param({"ratingValue": "4.5/10"}, 4.5, 10, 1, 3.5 / 9, id="scale in the text"),
        pytest.param({"ratingValue": "85 %"}, 85, 100, 0, 0.85, id="per cent"),
        pytest.param({"ratingValue": "8,5 von 10"}, 8.5, 10, 1, 7.5 / 9, id="German scale"),
        pytest.param({"ratingValue": {"@value": "3"}}, 3, 5, 1, 0.5, id="typed value"),
        pytest.param({"ratingValue": ["5", "4"]}, 5, 5, 1, 1.0, id="first of a list"),
        pytest.param({"schema:ratingValue": 2}, 2, 5, 1, 0.25, id="prefixed"),
        pytest.param({"ratingValue": 9}, 9, 5, 1, None, id="above the scale"),
        pytest.param({"ratingValue": 0}, 0, 5, 1, None, id="below the scale"),
        pytest.param({"ratingValue": 3, "bestRating": 0}, 3, 0, 1, None, id="no scale"),
        pytest.param({"ratingValue": 3, "bestRating": None}, 3, 5, 1, 0.5, id="null best"),
    ],
)
def test_a_rating_keeps_its_stars_and_is_normalised_within_its_scale(
    rating: Node, value: float, best: float, worst: float, normalised: float | None
) -> None:
    stars = stars_of(rating)
    assert stars == Stars(value=value, best=best, worst=worst)
    assert stars.normalised == (None if normalised is None else pytest.approx(normalised))


@pytest.mark.parametrize(
    "value", [None, "", "n/a", True, float("nan"), float("inf"), {}, [None], [[[]]]], ids=repr
)
def test_what_is_no_number_is_no_rating(value: object) -> None:
    assert stars_of({"ratingValue": value}) is None


@pytest.mark.parametrize(
    ("review", "value"),
    [
        ({"reviewRating": {"ratingValue": 2}}, 2),
        ({"reviewRating": [None, {"ratingValue": "x"}, {"ratingValue": 3}]}, 3),
        ({"reviewRating": "4"}, 4),
        ({"reviewRating": 5, "bestRating": 5}, 5),
        ({"ratingValue": "1"}, 1),
        ({"reviewRating": {"name": "5 of 5"}}, None),
        ({"reviewBody": "好"}, None),
    ],
)
def test_a_review_may_carry_its_rating_in_several_places(review: Node, value: float | None) -> None:
    stars = review_stars(review, Graph.of([review]))
    assert (stars.value if stars else None) == value


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("1,234", 1_234), ("1.234.567", 1_234_567), ("12 345", 12_345), ("280 reviews", 280),
        ("1.2万", 12_000), ("3亿", 300_000_000), (89, 89), ("", None), ("-5", None), ("无", None),
    ],
)  # fmt: skip
def test_counts_part_thousands(text: object, count: int | None) -> None:
    assert count_of(text) == count


def test_a_number_is_found_in_its_text() -> None:
    assert number_of("评分 4,5 分") == 4.5
