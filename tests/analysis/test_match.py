"""Thousands of expressions at once find exactly what each finds alone."""

import pickle
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from analysis.match import Matcher
from analysis.model import Document, Keyword, KeywordList, Match, Span
from analysis.query import QueryError, evaluate, parse, plain


def keyword_list(
    identity: int, *keywords: str, aliases: tuple[str, ...] = (), exclude: tuple[str, ...] = ()
) -> KeywordList:
    """Keywords are numbered 101, 102 …, aliases 201, 202 … in list 1, and so on."""
    return KeywordList(
        id=identity,
        name=f"词表{identity}",
        aliases=tuple(Keyword(id=identity * 1_000 + 200 + n, expression=text) for n, text in enumerate(aliases, 1)),
        keywords=tuple(Keyword(id=identity * 1_000 + 100 + n, expression=text) for n, text in enumerate(keywords, 1)),
        exclude=exclude,
    )  # fmt: skip


def ids(matches: list[Match]) -> dict[int, tuple[int, ...]]:
    return {match.keyword_list_id: match.keyword_ids for match in matches}


POST = Document(
    title="青禾召回", text="網傳青禾電池起火，AT&T (中国)回应：iPhone15没有问题", author="李四"
)


@pytest.mark.parametrize(
    ("lists", "expected"),
    [
        pytest.param([], {}, id="no lists"),
        pytest.param([keyword_list(1)], {}, id="an empty list"),
        pytest.param([keyword_list(1, "起火", "爆炸")], {1: (1101,)}, id="one of two keywords"),
        pytest.param(
            [keyword_list(2, "起火"), keyword_list(1, "召回")],
            {1: (1101,), 2: (2101,)},
            id="lists come by id",
        ),
        pytest.param([keyword_list(1, aliases=("青禾",))], {1: (1201,)}, id="an alias alone"),
        pytest.param(
            [keyword_list(1, "电池", aliases=("青禾",))], {1: (1201, 1101)}, id="aliases come first"
        ),
        pytest.param(
            [keyword_list(1, aliases=("AT&T (中国)", "a OR b"))],
            {1: (1201,)},
            id="an alias is taken literally",
        ),
        pytest.param([keyword_list(1, "起火", exclude=("召回",))], {}, id="an exclude is a veto"),
        pytest.param(
            [keyword_list(1, "起火", exclude=("召回 NOT 电池",)), keyword_list(2, "起火")],
            {1: (1101,), 2: (2101,)},
            id="an exclude that does not match",
        ),
        pytest.param(
            [keyword_list(1, "起火", exclude=("召回",)), keyword_list(2, "起火")],
            {2: (2101,)},
            id="an exclude is its list's alone",
        ),
        pytest.param([keyword_list(1, "author:李四")], {1: (1101,)}, id="a rule without a word"),
        pytest.param([keyword_list(1, "爆炸 OR NOT 招聘")], {1: (1101,)}, id="a rule on absence"),
        pytest.param([keyword_list(1, "爆炸 OR author:李四")], {1: (1101,)}, id="a mixed choice"),
        pytest.param(
            [keyword_list(1, "起火", "电池 NEAR/0 起火", "title:起火", "iph*", "phone")],
            {1: (1101, 1102, 1104)},
            id="several rules behind one word",
        ),
    ],
)
def test_lists_match(lists: list[KeywordList], expected: dict[int, tuple[int, ...]]):
    assert ids(Matcher(lists).match(POST)) == expected


def test_hits_of_a_list_are_merged_and_point_into_the_full_text():
    (match,) = Matcher([keyword_list(1, "电池起火", "起火", aliases=("青禾",))]).match(POST)

    assert [POST.full[hit.start : hit.end] for hit in match.hits] == ["青禾", "青禾", "電池起火"]


def test_many_documents_are_answered_in_their_order():
    matcher = Matcher([keyword_list(1, "起火")])
    documents = [Document(text=text) for text in ("起火", "平安", "又起火")]

    assert matcher.match_many(documents) == [matcher.match(document) for document in documents]
    assert [len(matches) for matches in matcher.match_many(documents)] == [1, 0, 1]


@pytest.mark.parametrize(
    ("wrong", "expression"),
    [
        pytest.param(keyword_list(7, "电池", "电池 AND"), "电池 AND", id="keyword"),
        pytest.param(keyword_list(7, "电池", exclude=("(招聘",)), "(招聘", id="exclude"),
        pytest.param(keyword_list(7, aliases=("\u200b",)), "\u200b", id="invisible alias"),
    ],
)
def test_a_wrong_expression_is_named_with_its_list_and_column(wrong: KeywordList, expression: str):
    with pytest.raises(QueryError) as caught:
        Matcher([keyword_list(1, "好"), wrong])

    assert "词表7" in caught.value.message
    assert f"“{expression}”" in caught.value.message
    assert caught.value.column >= 1


def test_a_matcher_travels_to_another_process():
    matcher = Matcher(
        [keyword_list(1, "起火", aliases=("青禾",)), keyword_list(2, "召回 NOT 电池")]
    )

    assert pickle.loads(pickle.dumps(matcher)).match(POST) == matcher.match(POST)


def test_a_lone_surrogate_harms_nobody():
    assert ids(Matcher([keyword_list(1, "起火")]).match(Document(text="\ud800起火"))) == {
        1: (1101,)
    }


def test_ten_thousand_keywords_are_compiled_in_a_second():
    han = [chr(0x4E00 + number) for number in range(300)]
    words = [han[n % 300] + han[n // 300] + han[n * 7 % 300] + "厂" for n in range(10_000)]
    lists = [keyword_list(n, *words[n * 100 : n * 100 + 100]) for n in range(100)]

    began = time.process_time()
    matcher = Matcher(lists)

    assert time.process_time() - began < 1
    assert ids(matcher.match(Document(text=words[4321]))) == {43: (43122,)}


WORDS = ["电池", "起火", "池起", "火", "AT&T", "a", "ab", "a*", "1", "ａＢ", "電池", "5G网", "C++",
         '"a b"', '"起火 a"', "🔥", "title:电池", "author:a", "source:起火", "lang:zh"]  # fmt: skip
EXPRESSIONS = st.recursive(
    st.sampled_from(WORDS)
    | st.tuples(st.sampled_from(WORDS[:15]), st.integers(0, 3), st.sampled_from(WORDS[:15])).map(
        lambda near: f"({near[0]} OR a) NEAR/{near[1]} {near[2]}"
    ),
    lambda parts: st.tuples(parts, st.sampled_from(["AND", "OR", "NOT", ""]), parts).map(
        lambda pair: f"({pair[0]}) {pair[1]} ({pair[2]})"
    ),
    max_leaves=4,
) | st.sampled_from(["a OR NOT 火", "NOT (a 火) 电池", "🔥 NOT (NOT a)"])
TEXTS = st.lists(
    st.sampled_from(
        [*"电池起火電 ，\n🔥5网ａＡb1\u200b…㎏", "a b", "C++", "at&t", "5g网", "起火 a"]
    ),
    max_size=10,
).map("".join)
DOCUMENTS = st.builds(
    Document, text=TEXTS, title=TEXTS, author=TEXTS, source=TEXTS, lang=st.sampled_from(["zh", ""])
)
LISTS = st.lists(
    st.tuples(
        st.lists(EXPRESSIONS, max_size=4),
        st.lists(st.sampled_from(["青禾", "a", "AT&T", "起火 a", "NOT 电池"]), max_size=2).map(
            tuple
        ),
        st.lists(EXPRESSIONS, max_size=1).map(tuple),
    ),
    max_size=3,
).map(
    lambda rows: [
        keyword_list(n, *keywords, aliases=aliases, exclude=exclude)
        for n, (keywords, aliases, exclude) in enumerate(rows, 1)
    ]
)


def judged(watched: KeywordList, document: Document) -> Match | None:
    """Evaluate each expression by itself."""
    if any(evaluate(parse(text), document) is not None for text in watched.exclude):
        return None
    rules = [(alias.id, plain(alias.expression)) for alias in watched.aliases]
    rules += [(keyword.id, parse(keyword.expression)) for keyword in watched.keywords]
    found = {
        identity: spans
        for identity, query in rules
        if (spans := evaluate(query, document)) is not None
    }
    hits: list[Span] = []
    for span in sorted(
        (s for spans in found.values() for s in spans), key=lambda s: (s.start, s.end)
    ):
        if hits and span.start < hits[-1].end:
            hits[-1] = Span(start=hits[-1].start, end=max(hits[-1].end, span.end))
        elif not hits or span != hits[-1]:
            hits.append(span)
    match = Match(keyword_list_id=watched.id, keyword_ids=tuple(found), hits=tuple(hits))
    return match if found else None


@settings(max_examples=300)
@given(LISTS, DOCUMENTS)
@example([keyword_list(1, '"a b"')], Document(text="xa b"))
@example([keyword_list(1, "a*")], Document(text="ab1 a"))
@example([keyword_list(1, "a OR NOT 火", exclude=("🔥",))], Document(text="b"))
def test_the_matcher_agrees_with_evaluating_each_expression(
    lists: list[KeywordList], document: Document
):
    expected = [match for watched in lists if (match := judged(watched, document))]

    assert Matcher(lists).match(document) == expected
