"""Any query against a judge that tries everything: evaluation, writing and reading again."""

from itertools import product

from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from analysis.model import Document, Span
from analysis.query import (
    And,
    Field,
    Near,
    Not,
    Or,
    Query,
    QueryError,
    Term,
    evaluate,
    parse,
    serialise,
)
from analysis.text import fold

ALPHABET = "电池起火aB12 ，.#電ａ"
TEXTS = st.text(st.sampled_from(ALPHABET), max_size=14)
WORDS = st.text(st.sampled_from("电池起火ab12.#"), min_size=1, max_size=3)
PHRASES = st.lists(WORDS, min_size=1, max_size=2).map(" ".join)


@st.composite
def queries_of_terms(draw: st.DrawFn) -> Term:
    field = draw(st.sampled_from([None, None, None, *Field]))
    if draw(st.booleans()):
        return Term(draw(PHRASES), field=field)
    return Term(draw(WORDS.filter(lambda word: word[-1] in "ab12")), prefix=True, field=field)


@st.composite
def nears(draw: st.DrawFn) -> Near:
    terms = queries_of_terms().filter(lambda term: term.field in (None, Field.TITLE))
    operands = draw(st.lists(st.lists(terms, min_size=1, max_size=2), min_size=2, max_size=3))
    distances = [draw(st.integers(0, 3)) for _ in operands[1:]]
    return Near(tuple(map(tuple, operands)), tuple(distances))


def joined(parts: st.SearchStrategy[Query]) -> st.SearchStrategy[Query]:
    several = st.lists(parts, min_size=2, max_size=3).map(tuple)
    return several.map(And) | several.map(Or) | parts.map(Not)


QUERIES = st.recursive(queries_of_terms() | nears(), joined, max_leaves=5)
DOCUMENTS = st.builds(
    Document,
    text=TEXTS,
    title=st.just("") | TEXTS,
    author=TEXTS,
    source=TEXTS,
    lang=st.sampled_from(["zh", "a", ""]),
)


def is_letter_or_digit(char: str) -> bool:
    return char in "ab12"


def all_hits(term: Term, document: Document) -> set[tuple[int, int]]:
    """Try every range of the text."""
    field = term.field
    text = fold(
        getattr(document, field) if field not in (None, Field.TITLE) else document.full
    ).text
    reach = len(document.title) if field is Field.TITLE else len(text)
    return {
        (start, end)
        for start in range(reach)
        for end in range(start + 1, reach + 1)
        if is_hit(term, text, start, end)
    }


def is_hit(term: Term, text: str, start: int, end: int) -> bool:
    found = text[start:end]
    if found != found.strip():
        return False
    words = " ".join(found.split())
    if term.prefix:
        rest = words.removeprefix(term.text)
        if not words.startswith(term.text) or not all(map(is_letter_or_digit, rest)):
            return False
    elif words != term.text:
        return False
    return is_edge(text, start) and is_edge(text, end)


def is_edge(text: str, position: int) -> bool:
    """A range must not begin or end between two characters of one token."""
    around = text[max(position - 1, 0) : position + 1]
    return position in (0, len(text)) or not all(map(is_letter_or_digit, around))


def units_between(one: tuple[int, int], other: tuple[int, int], text: str) -> int:
    (_, gap_start), (gap_end, _) = sorted([one, other])
    units, inside_token = 0, False
    for char in text[gap_start:gap_end]:
        letter = is_letter_or_digit(char)
        units += char in "电池起火" or (letter and not inside_token)
        inside_token = letter
    return units


def judged(query: Query, document: Document) -> set[tuple[int, int]] | None:
    match query:
        case Term():
            hits = all_hits(query, document)
            shown = hits if query.field in (None, Field.TITLE) else set()
            return shown if hits else None
        case And(parts):
            answers = [judged(part, document) for part in parts]
            return None if None in answers else set().union(*answers)
        case Or(parts):
            answers = [hits for part in parts if (hits := judged(part, document)) is not None]
            return set().union(*answers) if answers else None
        case Not(part):
            return set() if judged(part, document) is None else None
        case Near(operands, distances):
            text = fold(document.full).text
            choices = [
                set().union(*(all_hits(term, document) for term in terms)) for terms in operands
            ]
            chains = [
                chain
                for chain in product(*choices)
                if all(
                    one != other and units_between(one, other, text) <= distance
                    for one, other, distance in zip(chain, chain[1:], distances, strict=False)
                )
            ]
            return {hit for chain in chains for hit in chain} or None


def merged(hits: set[tuple[int, int]]) -> list[Span]:
    spans: list[Span] = []
    for start, end in sorted(hits):
        if spans and start < spans[-1].end:
            spans[-1] = Span(start=spans[-1].start, end=max(spans[-1].end, end))
        else:
            spans.append(Span(start=start, end=end))
    return spans


@settings(max_examples=400)
@given(QUERIES, DOCUMENTS)
@example(Near(((Term("电池"),), (Term("池起"),)), (0,)), Document(text="电池起火"))
@example(Near(((Term("a"),), (Term("a"),), (Term("a"),)), (0, 0)), Document(text="a a"))
def test_evaluation_agrees_with_trying_everything(query: Query, document: Document):
    expected = judged(query, document)

    assert evaluate(query, document) == (None if expected is None else merged(expected))


@given(QUERIES, DOCUMENTS)
def test_a_query_survives_being_written_and_read(query: Query, document: Document):
    try:
        read = parse(serialise(query))
    except QueryError as error:
        assume("只有排除" not in error.message)
        raise

    assert evaluate(read, document) == evaluate(query, document)
    assert parse(serialise(read)) == read


PIECES = st.lists(
    st.sampled_from(
        [*"()（）\"“”「」* 　:：/\ufeff-", " AND ", " OR ", " NOT ", " NEAR/3 ", "NEAR", "title:", "ａuthor：",
         "起火", "iPhone", "3.15", "a*", "㎏", "´", "\ud800", "e\u0301"]
    ),
    max_size=12,
).map("".join)  # fmt: skip


@given(PIECES | st.text(max_size=30), PIECES | st.text(max_size=30))
@example("〝a*", "a")
@example("⁽a*", "(ab")
@example('「a"b」', 'a"b')
@example("a」b", "a”b")
def test_any_text_is_a_query_or_a_clear_error(expression: str, text: str):
    query, error = read(expression)

    if query is None:
        assert 1 <= error.column <= len(expression) + 1
        assert error.message
    else:
        spans = evaluate(query, Document(text=text))
        assert spans == evaluate(parse(serialise(query)), Document(text=text))
        assert all(0 <= span.start < span.end <= len(text) for span in spans or ())


def read(expression: str) -> tuple[Query | None, QueryError | None]:
    try:
        return parse(expression), None
    except QueryError as error:
        return None, error
