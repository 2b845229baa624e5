"""Counts and stars as pages write them."""

from __future__ import annotations

import random
import time

import pytest

from collectors.numbers import count_zh, number_zh, rating_stars


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1.2万", 12_000), ("3亿", 3e8), ("12.3K", 12_300), ("1.2M", 1.2e6), ("1,234", 1_234),
        ("100万+", 1e6), ("123 万热度", 1.23e6), ("1.5w", 15_000), ("10W+", 100_000), ("十万+", 100_000),
        ("2千", 2_000), ("3百", 300), ("2千万", 2e7), ("1.5万亿", 1.5e12), ("1.2萬", 12_000), ("3億", 3e8),
        ("約1.5萬次", 15_000), ("阅读 3.4万", 34_000), ("閱讀 3.4萬", 34_000), ("3.4万 阅读", 34_000),
        ("评论(12)", 12), ("热度:1,234,567", 1_234_567), ("99+条评论", 99), ("100多万", 1e6), ("100余万次", 1e6),
        ("１２３", 123), ("１．２万", 12_000), ("０", 0), ("0", 0), ("-5", -5), ("12.50", 12.5),
        ("3亿5000万", 3.5e8), ("1万2千", 12_000), ("三千五百", 3_500), ("一百二十三", 123), ("一百零三", 103),
        ("三亿五千万", 3.5e8), ("一万亿", 1e12), ("两万", 20_000), ("十", 10), ("播放十万+次", 100_000),
        ("百万+", 1e6), ("5 km", 5), ("12 months", 12), ("1.0", 1), ("  7 ", 7), ("0.1万", 1_000), ("1.1万", 11_000),
    ],
    ids=str,
)  # fmt: skip
def test_a_number_is_what_its_writer_counted(text: str, number: float) -> None:
    assert number_zh(text) == number


@pytest.mark.parametrize(
    "text",
    ["", " ", "赞", "无", "--", "万", "万亿", "万一", "一般般", "三星手机", "十分满意", "12:30", "2024-05-01", "1.2.3",
     "1,23", "1e5", "∞", "评论"],
)  # fmt: skip
def test_what_counts_nothing_is_none(text: str) -> None:
    assert number_zh(text) is None


@pytest.mark.parametrize(
    ("text", "count"),
    [("1.2万", 12_000), ("12.6", 13), ("-5", None), ("9" * 30, None), ("9" * 18, None), ("9" * 15, 999_999_999_999_999),
     ("赞", None), ("0", 0)],
)  # fmt: skip
def test_a_count_is_whole_not_negative_and_fits_a_column(text: str, count: int | None) -> None:
    assert count_zh(text) == count


@pytest.mark.parametrize(
    ("text", "stars"),
    [
        ("star-4_5", 4.5), ("star-4_0 big", 4), ("star-4.5", 4.5), ("allstar40", 4), ("allstar45 rating", 4.5),
        ("allstar10", 1), ("rating-3", 3), ("stars_35", 3.5), ("ui-star stars-3-half", 3.5), ("irr-star50", 5),
        ("sml-rank-stars sml-str40 star", 4), ("width:90%", 4.5), ("width: 70.0%;", 3.5), ("80%", 4),
        ("4.5/5", 4.5), ("9/10", 4.5), ("4,5 / 5", 4.5), ("4.5 out of 5 stars", 4.5), ("8分,满分10", 4), ("4分/5分", 4),
        ("85/100", 4.25), ("★★★★☆", 4), ("★★★★★", 5), ("⭐⭐⭐", 3), ("★★★½", 3.5), ("4.5星", 4.5), ("5 stars", 5),
        ("1颗星", 1), ("4.5", 4.5), ("4,5", 4.5), ("５", 5),
    ],
    ids=str,
)  # fmt: skip
def test_stars_are_of_five(text: str, stars: float) -> None:
    assert rating_stars(text) == stars


@pytest.mark.parametrize(
    "text",
    ["", "好评", "☆☆☆☆☆", "★★★★★★", "width:190%", "6/5", "8/0", "7", "8.1分", "star-rating Three", "start2",
     "upgrade2", "comment-star star", "2024/05/01", "-1", "rank-50", "score-85"],
)  # fmt: skip
def test_what_shows_no_stars_of_five_is_none(text: str) -> None:
    assert rating_stars(text) is None


def test_no_text_is_too_much() -> None:
    pieces = [
        "1",
        "万",
        "亿",
        "一",
        "十",
        "百",
        ",",
        ".",
        "-",
        " ",
        "★",
        "%",
        "/",
        "star",
        "½",
        "①",
        "K",
        "e",
        "٣",
        "\0",
        "多",
    ]
    draw = random.Random(4)
    started = time.perf_counter()
    for _ in range(3_000):
        text = "".join(draw.choices(pieces, k=draw.randint(0, 30)))
        for read in (number_zh, rating_stars, count_zh):
            assert read(text) == read(text)
    for piece in pieces:
        number_zh(piece * 100_000)
        rating_stars(piece * 100_000)
    assert time.perf_counter() - started < 5
