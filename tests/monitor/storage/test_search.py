"""Search over stored posts: the index proposes, the query language decides, on both databases."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from analysis.query import parse
from collectors.model import Author, Post
from monitor.pipeline.analyse import Analysing, store_posts
from monitor.pipeline.analyst import InlineAnalyst
from monitor.storage import reading, sources
from monitor.storage.engine import Database
from monitor.storage.reading import SCANNED_A_CALL, SCANNED_AT_ONCE, Filters, Order

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
TEXTS = (
    "青禾手机充电时起火",
    "青禾手機充電時起火了",  # traditional
    "起 火 之后青禾没有回应",
    "火起来的青禾话题",
    "Battery fire in a Qinghe phone",
    "ＱＩＮＧＨＥ 电池",  # full width
    "it's O'Reilly & co: \"quoted\" | 100%",
    "天气不错",
)


def fill(database: Database, texts: list[str], *, source: str = "论坛") -> list[int]:

    with database.write() as connection:
        key = sources.ensure_push(database, connection, [source], now=NOW)[source]["id"]
    posts = [
        Post(
            source_id=key,
            external_id=f"p{number}",
            text=text,
            author=Author(name="阿岚"),
            published_at=NOW - timedelta(minutes=number),
        )
        for number, text in enumerate(texts)
    ]
    needs = Analysing(database=database, analyst=InlineAnalyst(), clock=lambda: NOW)
    stored = asyncio.run(store_posts(needs, posts))
    known = {**stored.created, **stored.edited}
    return [known[post.key] for post in posts]


def search(database: Database, expression: str, limit: int = 50) -> list[int]:
    with database.read() as connection:
        page = reading.posts(
            database,
            connection,
            Filters(query=parse(expression)),
            order=Order.PUBLISHED,
            after=None,
            limit=limit,
        )
    return [one.row["id"] for one in page.found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        pytest.param("起火", [0, 1], id="a word of two characters"),
        pytest.param("火", [0, 1, 2, 3], id="one character"),
        pytest.param("手機", [0, 1], id="traditional"),
        pytest.param("qinghe", [4, 5], id="width and case"),
        pytest.param("qing*", [4, 5], id="prefix"),
        pytest.param("qing", [], id="a token is whole"),
        pytest.param("青禾 NOT 手机", [2, 3], id="without"),
        pytest.param("青禾 AND (充电 OR 话题)", [0, 1, 3], id="parentheses"),
        pytest.param("青禾 NEAR/4 起火", [], id="near, too far"),
        pytest.param("手机 NEAR/3 起火", [0, 1], id="near"),
        pytest.param("o'reilly", [6], id="an apostrophe"),
        pytest.param('"o\'reilly & co"', [6], id="a phrase with signs of the index's own language"),
        pytest.param('"100%"', [6], id="a percent sign"),
        pytest.param("author:阿岚 起火", [0, 1], id="the author"),
        pytest.param("source:论坛 天气", [7], id="the source"),
        pytest.param("冰雹", [], id="nothing"),
    ],
)
def test_a_search_finds_what_the_query_language_means(database, expression, expected):
    ids = fill(database, list(TEXTS))
    assert search(database, expression) == [ids[at] for at in expected]


def test_an_edited_text_is_found_by_its_new_words_only(database):
    (key,) = fill(database, ["青禾起火"])
    fill(database, ["青禾漏水"])
    assert search(database, "漏水") == [key]
    assert search(database, "起火") == []


def test_a_search_reads_a_bounded_number_of_candidates_and_goes_on(sqlite_database):
    """Every text is a candidate for the index, and none but the oldest is a match."""
    texts = ["起火之前天气很好,后来充电"] * (SCANNED_A_CALL + SCANNED_AT_ONCE)
    ids = fill(sqlite_database, [*texts, "充电起火"])
    query = parse("充电 NEAR/1 起火")
    filters = Filters(query=query)
    with sqlite_database.read() as connection:
        first = reading.posts(
            sqlite_database, connection, filters, order=Order.PUBLISHED, after=None, limit=5
        )
        second = reading.posts(
            sqlite_database,
            connection,
            filters,
            order=Order.PUBLISHED,
            after=first.position,
            limit=5,
        )
    assert (list(first.found), first.has_more) == ([], True)
    assert first.position is not None
    assert first.position.id == ids[SCANNED_A_CALL - 1]
    assert [one.row["id"] for one in second.found] == [ids[-1]]
    assert (second.position, second.has_more) == (None, False)


def test_pages_of_a_search_neither_repeat_nor_miss(database):
    ids = fill(
        database, [text for number in range(30) for text in (f"起火 {number}", f"天气 {number}")]
    )
    found: list[int] = []
    position, has_more = None, True
    while has_more:
        with database.read() as connection:
            page = reading.posts(
                database,
                connection,
                Filters(query=parse("起火")),
                order=Order.PUBLISHED,
                after=position,
                limit=7,
            )
        found += [one.row["id"] for one in page.found]
        position, has_more = page.position, page.has_more
    assert found == ids[::2]
