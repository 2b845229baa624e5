"""Full-text search: what is indexed, and that the index never hides a match."""

import sqlite3
from unicodedata import category

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.model import Document
from analysis.query import evaluate, parse
from analysis.search import (
    EVERYTHING,
    All,
    Any,
    Prefilter,
    Prefix,
    Token,
    index_all,
    index_tokens,
    prefilter,
    to_fts5,
    to_tsquery,
)


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        pytest.param("电池起火", "电池 池起 起火 火", id="a Han run"),
        pytest.param("火", "火", id="one Han character"),
        pytest.param("起火，起火", "起火 火", id="each token once"),
        pytest.param("電池ＩＰｈｏｎｅ15 Pro", "电池 池 iphone15 pro", id="folded, tokens whole"),
        pytest.param("5G网络 a-b_c", "5g 网络 络 a b c", id="a Han character ends a token"),
        pytest.param("“'\"*()&|!:<->\\", "", id="nothing that a query could stumble over"),
        pytest.param("a" * 100 + "火", "a" * 64 + " 火", id="long tokens are cut"),
        pytest.param("", "", id="empty"),
    ],
)
def test_a_text_is_indexed_as(text: str, tokens: str):
    assert index_tokens(text) == tokens


@given(
    st.lists(
        st.text(st.sampled_from("电池起火\U00020000 ，\n5aＡ_é㎏\u200b…々は")) | st.text(),
        max_size=5,
    )
)
@example(["a" * 100 + "火", "", "火", "a" * 64 + "火a"])
@example([])
def test_a_batch_is_indexed_as_each_text_alone(texts: list[str]):
    assert index_all(texts) == [index_tokens(text) for text in texts]


@pytest.mark.parametrize(
    ("expression", "condition", "fts5", "tsquery"),
    [
        pytest.param("起火", Token("起火"), '"起火"', "'起火'", id="two characters"),
        pytest.param("火", Prefix("火"), '"火"*', "'火':*", id="one character"),
        pytest.param(
            "青禾車",
            All((Token("青禾"), Token("禾车"))),
            '("青禾" AND "禾车")',
            "('青禾' & '禾车')",
            id="three characters",
        ),
        pytest.param("iph*", Prefix("iph"), '"iph"*', "'iph':*", id="a prefix"),
        pytest.param(
            "(续航 OR 电池) NEAR/5 起火 NOT 招聘",
            All((Any((Token("续航"), Token("电池"))), Token("起火"))),
            '(("续航" OR "电池") AND "起火")',
            "(('续航' | '电池') & '起火')",
            id="NEAR is AND, NOT is nothing",
        ),
        pytest.param(
            '"AT&T 5G网"',
            All((Token("at"), Token("t"), Token("5g"), Prefix("网"))),
            '("at" AND "t" AND "5g" AND "网"*)',
            "('at' & 't' & '5g' & '网':*)",
            id="a phrase",
        ),
        pytest.param("title:起火", Token("起火"), '"起火"', "'起火'", id="the title is indexed"),
        pytest.param("author:李四 起火", Token("起火"), '"起火"', "'起火'", id="the author is not"),
        pytest.param("author:李四 OR 起火", EVERYTHING, None, None, id="a choice without limit"),
        pytest.param("🔥", EVERYTHING, None, None, id="nothing indexed"),
        pytest.param("起火 🔥", Token("起火"), '"起火"', "'起火'", id="one part indexed"),
        pytest.param("a OR NOT b", EVERYTHING, None, None, id="absence cannot be looked up"),
        pytest.param("a" * 99 + "*", Prefix("a" * 64), f'"{"a" * 64}"*', f"'{'a' * 64}':*", id="long"),
    ],
)  # fmt: skip
def test_an_expression_needs(
    expression: str, condition: Prefilter, fts5: str | None, tsquery: str | None
):
    needed = prefilter(parse(expression))

    assert needed == condition
    assert to_fts5(needed) == fts5
    assert to_tsquery(needed) == tsquery


def test_quotes_and_backslashes_are_escaped():
    """No token holds them; a condition made by hand must not break out either."""
    condition = All((Token("a\"b'c\\"), Prefix("'")))

    assert to_fts5(condition) == '("a""b\'c\\" AND "\'"*)'
    assert to_tsquery(condition) == "('a\"b''c\\\\' & '''':*)"


def fulfils(condition: Prefilter, tokens: set[str]) -> bool:
    match condition:
        case Token(text):
            return text in tokens
        case Prefix(text):
            return any(token.startswith(text) for token in tokens)
        case All(parts):
            return all(fulfils(part, tokens) for part in parts)
        case Any(parts):
            return any(fulfils(part, tokens) for part in parts)
        case _:
            return True


def sqlite_finds(condition: Prefilter, tokens: str) -> bool:
    query = to_fts5(condition)
    if query is None:
        return True
    with sqlite3.connect(":memory:") as database:
        database.execute("CREATE VIRTUAL TABLE posts USING fts5(tokens, content='')")
        database.execute("INSERT INTO posts(rowid, tokens) VALUES (1, ?)", [tokens])
        rows = database.execute("SELECT rowid FROM posts WHERE posts MATCH ?", [query]).fetchall()
    database.close()
    return rows == [(1,)]


TERMS = ["电池", "起火", "火", "青禾电池", "a", "ab*", "b1", "C++", "AT&T", "3.15", "5G网", "é", "ö*",
         "🔥", '"a 火"', '"电池 起"', "title:火", "author:a", "𠮷野", "𐌰b", "한국", "かな", "𞤀*", "x" * 70]  # fmt: skip
EXPRESSIONS = st.recursive(
    st.sampled_from(TERMS)
    | st.tuples(st.sampled_from(TERMS[:16]), st.sampled_from(TERMS[:16])).map(" NEAR/2 ".join),
    lambda parts: st.tuples(parts, st.sampled_from(["AND", "OR", "NOT"]), parts).map(
        lambda pair: f"({pair[0]}) {pair[1]} ({pair[2]})"
    ),
    max_leaves=4,
)
TEXTS = st.lists(
    st.sampled_from([*"电池起火 ，+é.🔥𠮷野𐌰网かな\u0301", "a", "ab1", "b1", "C++", "at&t", "3.15", "5g",
                     "青禾", "한국", "ÖL", "𞤀𞤁", "x" * 70]),
    max_size=10,
).map("".join)  # fmt: skip


@given(EXPRESSIONS, TEXTS, TEXTS)
def test_the_index_never_hides_a_match(expression: str, title: str, text: str):
    query, document = parse(expression), Document(title=title, text=text, author="a")
    if evaluate(query, document) is None:
        return
    condition, tokens = prefilter(query), index_tokens(document.full)

    assert fulfils(condition, set(tokens.split()))
    assert sqlite_finds(condition, tokens)


def is_plain(token: str) -> bool:
    """The blocks of Han hold code points that this Python's Unicode knows no character for."""
    known = "".join(char for char in token if category(char) != "Cn")
    return len(token) <= 64 and (known.isalnum() or not known)


@given(st.text() | TEXTS)
def test_tokens_are_letters_and_digits_alone(text: str):
    tokens = index_tokens(text).split(" ")

    assert tokens == [""] or all(map(is_plain, tokens))
    assert len(tokens) == len(set(tokens))


def test_a_long_expression_is_no_burden_to_sqlite():
    expression = " OR ".join(f"词{chr(0x4E00 + number)}" for number in range(600))
    condition = prefilter(parse(expression))

    assert sqlite_finds(condition, index_tokens("词一"))
    assert not sqlite_finds(condition, index_tokens("无关"))
