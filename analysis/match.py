"""Thousands of expressions matched against a document in one pass over its text."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias

import ahocorasick_rs

from analysis.model import Document, Keyword, KeywordList, Match
from analysis.query import (
    And,
    Field,
    Hit,
    Near,
    Or,
    Query,
    QueryError,
    Reading,
    Term,
    parse,
    plain,
    terms,
)
from analysis.text import fold
from analysis.traditional import spellings
from analysis.units import TOKEN_RUN, is_token_character

_IN_FULL_TEXT: Final = (None, Field.TITLE)

_FEW_ANCHORS: Final = 4_000
"""Up to here a DFA, a quarter faster, is worth its 3 kB an anchor (and 4 µs to build it)."""

_Numbers: TypeAlias = frozenset[int]
"""Anchors by their number in the automaton."""

_is_token_character = lru_cache(maxsize=4096)(is_token_character)  # asked for the same few often


@dataclass(frozen=True, slots=True)
class _Rule:
    """One alias or keyword of the list at ``position``."""

    position: int
    keyword_id: int
    query: Query
    needs: tuple[_Numbers, ...]


class Matcher:
    """Keyword lists compiled for matching; what it finds is what ``query.evaluate`` finds.

    One automaton finds the literal text of every term. A rule is evaluated only where every word
    was hit that any match of it must hold. Build a new one beside the old when lists
    change (10,000 keywords: below a second); pickled as its lists and built again.
    """

    def __init__(self, lists: Sequence[KeywordList]) -> None:
        """Compile ``lists``; raises QueryError naming the list for an expression that is wrong."""
        self._lists = tuple(sorted(lists, key=lambda keyword_list: keyword_list.id))
        self._excludes = [
            [_parsed(keyword_list, expression) for expression in keyword_list.exclude]
            for keyword_list in self._lists
        ]
        parsed = [rule for place in enumerate(self._lists) for rule in _rules(*place)]
        queries = [query for _, _, query in parsed]
        excludes = [query for queries_of_list in self._excludes for query in queries_of_list]
        anchors = _distinct_anchors((*queries, *excludes))
        self._automaton = ahocorasick_rs.AhoCorasick(
            anchors,
            implementation=(
                ahocorasick_rs.Implementation.DFA if len(anchors) <= _FEW_ANCHORS else None
            ),
        )
        self._numbers = {anchor: number for number, anchor in enumerate(anchors)}
        self._rules = [_Rule(*rule, tuple(_needs(rule[2], self._numbers))) for rule in parsed]
        self._rules_behind, self._always = _index(self._rules, anchors)

    def __reduce__(self) -> tuple[type[Matcher], tuple[tuple[KeywordList, ...]]]:
        return Matcher, (self._lists,)

    def match(self, document: Document) -> list[Match]:
        """Return the lists that ``document`` matches, by ascending id, with keywords and hits."""
        places = self._automaton.find_matches_as_indexes(fold(document.full).text, overlapping=True)
        present = {anchor for anchor, _, _ in places}
        numbers = self._candidates(present)
        if not numbers:
            return []
        scan = _Scan(document, self._numbers, present, places)
        found: dict[int, tuple[list[int], list[Hit]]] = {}
        for number in numbers:
            rule = self._rules[number]
            hits = scan.match(rule.query)
            if hits is not None:
                keyword_ids, hits_of_list = found.setdefault(rule.position, ([], []))
                keyword_ids.append(rule.keyword_id)
                hits_of_list += hits
        return [
            Match(
                keyword_list_id=self._lists[position].id,
                keyword_ids=tuple(dict.fromkeys(keyword_ids)),
                hits=tuple(scan.spans(hits)),
            )
            for position, (keyword_ids, hits) in found.items()
            if not (excludes := self._excludes[position]) or scan.holds_none_of(excludes)
        ]

    def match_many(self, documents: Iterable[Document]) -> list[list[Match]]:
        """Return what ``match`` returns for each of ``documents``, in their order."""
        return [self.match(document) for document in documents]

    def _candidates(self, present: set[int]) -> list[int]:
        """Return the rules that may match where these anchors are, in the order of the lists."""
        numbers = [*self._always]
        for anchor in present:
            for number in self._rules_behind[anchor]:
                for needed in self._rules[number].needs:
                    if needed.isdisjoint(present):
                        break
                else:
                    numbers.append(number)
        return sorted(set(numbers))


class _Scan(Reading):
    """A reading that looks terms up among the automaton's hits."""

    def __init__(
        self,
        document: Document,
        numbers: Mapping[str, int],
        present: Set[int],
        places: Iterable[tuple[int, int, int]],
    ) -> None:
        """``places`` are (anchor, start, end), the anchors by their number in ``numbers``."""
        super().__init__(document)
        self._numbers = numbers
        self._present = present
        self._places = sorted(places)

    def holds_none_of(self, queries: Iterable[Query]) -> bool:
        """Return whether none of ``queries`` matches."""
        return all(self.match(query) is None for query in queries)

    def hits(self, term: Term) -> list[Hit]:
        """Return all places of ``term`` in its text, sorted, overlapping ones included."""
        if term.field in _IN_FULL_TEXT and self._numbers[_anchor(term)] not in self._present:
            return []  # most terms asked for: not worth being remembered
        return super().hits(term)

    def find(self, term: Term) -> list[Hit]:
        """Return all places of ``term`` in the folded full text, whatever its field."""
        if " " in term.text:
            return super().find(term)
        number = self._numbers[_anchor(term)]
        first = bisect_left(self._places, (number,))
        after = bisect_left(self._places, (number + 1,), first)
        return [
            hit
            for _, start, end in self._places[first:after]
            if (hit := self._hit(term, start, end)) is not None
        ]

    def _hit(self, term: Term, start: int, end: int) -> Hit | None:
        """Return the hit of ``term`` whose text stands there; None inside of a token."""
        text = self.folded.text
        if start and _is_token_character(term.text[0]) and _is_token_character(text[start - 1]):
            return None
        if end == len(text) or not _is_token_character(term.text[-1]):
            return start, end
        if term.prefix:
            rest = TOKEN_RUN.match(text, end)
            return start, rest.end() if rest else end
        return None if _is_token_character(text[end]) else (start, end)


def literal_terms(lists: Sequence[KeywordList]) -> tuple[str, ...]:
    """Return the folded text of every term of the lists that looks into texts, sorted.

    A text that holds none of them matches no list: a filter for streams too broad to be read whole.
    Terms are folded to simplified characters; each comes in its traditional spellings, too.
    """
    queries = (rule for at, one in enumerate(lists) for _, _, rule in _rules(at, one))
    found = {term.text for query in queries for term in terms(query) if term.field in _IN_FULL_TEXT}
    return tuple(sorted(spelling for text in found for spelling in spellings(text)))


def _rules(position: int, keyword_list: KeywordList) -> list[tuple[int, int, Query]]:
    aliases = [(position, alias.id, _named(keyword_list, alias)) for alias in keyword_list.aliases]
    keywords = [
        (position, keyword.id, _parsed(keyword_list, keyword.expression))
        for keyword in keyword_list.keywords
    ]
    return [*aliases, *keywords]


def _named(keyword_list: KeywordList, alias: Keyword) -> Term:
    try:
        return plain(alias.expression)
    except QueryError as error:
        raise _located(error, keyword_list, alias.expression) from error


def _parsed(keyword_list: KeywordList, expression: str) -> Query:
    try:
        return parse(expression)
    except QueryError as error:
        raise _located(error, keyword_list, expression) from error


def _located(error: QueryError, keyword_list: KeywordList, expression: str) -> QueryError:
    place = f"词表“{keyword_list.name}”（{keyword_list.id}）的“{expression}”"
    return QueryError(f"{place}：{error.message}", error.column)


def _anchor(term: Term) -> str:
    """Return the literal text that each hit of ``term`` holds: its longest part without space."""
    return max(term.text.split(" "), key=len) if " " in term.text else term.text


def _distinct_anchors(queries: Iterable[Query]) -> list[str]:
    return sorted(
        {_anchor(term) for query in queries for term in terms(query) if term.field in _IN_FULL_TEXT}
    )


def _index(rules: Sequence[_Rule], anchors: Sequence[str]) -> tuple[list[list[int]], list[int]]:
    """Return which rules to look at when an anchor is hit, and those to look at always."""
    share = Counter(
        anchor for rule in rules for anchor in {one for needed in rule.needs for one in needed}
    )

    def rarity(needed: _Numbers) -> tuple[bool, int, int]:
        """Rank what is hit least: no single character, no brand in all rules, no short word."""
        shortest = min(len(anchors[number]) for number in needed)
        return shortest > 1, -sum(share[number] for number in needed), shortest

    behind: list[list[int]] = [[] for _ in anchors]
    always = []
    for number, rule in enumerate(rules):
        if not rule.needs:
            always.append(number)
            continue
        for anchor in max(rule.needs, key=rarity):
            behind[anchor].append(number)
    return behind, always


def _needs(query: Query, numbers: Mapping[str, int]) -> Iterator[_Numbers]:
    """Yield sets of anchors; each match of ``query`` holds at least one anchor of each set."""
    match query:
        case Term() if query.field in _IN_FULL_TEXT:
            yield frozenset({numbers[_anchor(query)]})
        case And(parts):
            for part in parts:
                yield from _needs(part, numbers)
        case Or(parts):
            yield from _any_of(parts, numbers)
        case Near(operands, _):
            for choice in operands:
                yield from _any_of(choice, numbers)
        case _:
            return  # the absence of a word or another field asks for no anchor


def _any_of(choice: Sequence[Query], numbers: Mapping[str, int]) -> Iterator[_Numbers]:
    """Yield what a match of any one of ``choice`` needs; nothing if one of them needs nothing."""
    smallest = [min(_needs(query, numbers), key=len, default=None) for query in choice]
    known = [needed for needed in smallest if needed is not None]
    if len(known) == len(smallest):
        yield frozenset().union(*known)
