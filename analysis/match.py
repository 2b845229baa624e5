"""Thousands of expressions matched against a document in one pass over its text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import ahocorasick_rs

from analysis.model import Document, Keyword, KeywordList, Match
from analysis.query import (
    And,
    Field,
    Hit,
    Near,
    Not,
    Or,
    Query,
    QueryError,
    Reading,
    Term,
    parse,
    plain,
    terms,
)
from analysis.units import TOKEN_RUN, is_token_character

_IN_FULL_TEXT: Final = (None, Field.TITLE)


@dataclass(frozen=True, slots=True)
class _Rule:
    """One alias or keyword of the list at ``position``."""

    position: int
    keyword_id: int
    query: Query


class Matcher:
    """Keyword lists compiled for matching; what it finds is what ``query.evaluate`` finds.

    One automaton finds the literal text of every term. A rule is evaluated only where one of the
    words was hit that any match of it must hold. Build a new one beside the old when lists
    change (10,000 keywords: below a second); pickled as its lists and built again.
    """

    def __init__(self, lists: Sequence[KeywordList]) -> None:
        """Compile ``lists``; raises QueryError naming the list for an expression that is wrong."""
        self._lists = tuple(sorted(lists, key=lambda keyword_list: keyword_list.id))
        self._excludes = [
            [_parsed(keyword_list, expression) for expression in keyword_list.exclude]
            for keyword_list in self._lists
        ]
        self._rules = [rule for place in enumerate(self._lists) for rule in _rules(*place)]
        queries = [rule.query for rule in self._rules]
        excludes = [query for queries_of_list in self._excludes for query in queries_of_list]
        self._anchors = _distinct_anchors((*queries, *excludes))
        self._automaton = ahocorasick_rs.AhoCorasick(self._anchors)
        self._rules_behind, self._always = _index(queries)

    def __reduce__(self) -> tuple[type[Matcher], tuple[tuple[KeywordList, ...]]]:
        return Matcher, (self._lists,)

    def match(self, document: Document) -> list[Match]:
        """Return the lists that ``document`` matches, by ascending id, with keywords and hits."""
        scan = _Scan(document, self._automaton, self._anchors)
        found: dict[int, tuple[list[int], list[Hit]]] = {}
        for number in self._candidates(scan):
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
            if all(scan.match(exclude) is None for exclude in self._excludes[position])
        ]

    def match_many(self, documents: Iterable[Document]) -> list[list[Match]]:
        """Return what ``match`` returns for each of ``documents``, in their order."""
        return [self.match(document) for document in documents]

    def _candidates(self, scan: _Scan) -> list[int]:
        """Return the rules that may match, in the order of lists and keywords."""
        numbers = set(self._always)
        for anchor in scan.places:
            numbers.update(self._rules_behind.get(anchor, ()))
        return sorted(numbers)


class _Scan(Reading):
    """A reading that looks terms up among the automaton's hits."""

    def __init__(
        self, document: Document, automaton: ahocorasick_rs.AhoCorasick, anchors: Sequence[str]
    ) -> None:
        super().__init__(document)
        self.places: dict[str, list[Hit]] = {}
        for number, start, end in automaton.find_matches_as_indexes(
            self.folded.text, overlapping=True
        ):
            self.places.setdefault(anchors[number], []).append((start, end))

    def find(self, term: Term) -> list[Hit]:
        """Return all places of ``term`` in the folded full text, whatever its field."""
        places = self.places.get(_anchor(term))
        if not places:
            return []
        if " " in term.text:
            return super().find(term)
        return [hit for place in places if (hit := self._hit(term, place)) is not None]

    def _hit(self, term: Term, place: Hit) -> Hit | None:
        """Return the hit of ``term`` whose text stands at ``place``; None inside of a token."""
        text = self.folded.text
        start, end = place
        if start and is_token_character(term.text[0]) and is_token_character(text[start - 1]):
            return None
        if end == len(text) or not is_token_character(term.text[-1]):
            return place
        if term.prefix:
            rest = TOKEN_RUN.match(text, end)
            return start, rest.end() if rest else end
        return None if is_token_character(text[end]) else place


def _rules(position: int, keyword_list: KeywordList) -> list[_Rule]:
    aliases = [
        _Rule(position, alias.id, _named(keyword_list, alias)) for alias in keyword_list.aliases
    ]
    keywords = [
        _Rule(position, keyword.id, _parsed(keyword_list, keyword.expression))
        for keyword in keyword_list.keywords
    ]
    return aliases + keywords


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


def _index(queries: Sequence[Query]) -> tuple[dict[str, list[int]], list[int]]:
    """Return which queries to look at when an anchor is hit, and those to look at always."""
    share = Counter(
        anchor for query in queries for anchor in {_anchor(term) for term in terms(query)}
    )
    behind: dict[str, list[int]] = {}
    always = []
    for number, query in enumerate(queries):
        needed = _needed(query, share)
        if needed is None:
            always.append(number)
        for anchor in needed or ():
            behind.setdefault(anchor, []).append(number)
    return behind, always


def _needed(query: Query, share: Counter[str]) -> frozenset[str] | None:
    """Return anchors of which each match of ``query`` holds one; None if there are no such."""
    match query:
        case Term():
            return frozenset({_anchor(query)}) if query.field in _IN_FULL_TEXT else None
        case And(parts):
            return _rarest((_needed(part, share) for part in parts), share)
        case Or(parts):
            return _union([_needed(part, share) for part in parts])
        case Not():
            return None
        case Near(operands, _):
            choices = (_union([_needed(term, share) for term in terms]) for terms in operands)
            return _rarest(choices, share)


def _union(choices: list[frozenset[str] | None]) -> frozenset[str] | None:
    known = [choice for choice in choices if choice is not None]
    return frozenset().union(*known) if len(known) == len(choices) else None


def _rarest(choices: Iterable[frozenset[str] | None], share: Counter[str]) -> frozenset[str] | None:
    """Return the choice likely to be hit least.

    A single character is hit most. Then what many rules share (the brand, in each of its rules)
    is what the posts are about; then the shorter word is the commoner.
    """

    def rarity(choice: frozenset[str]) -> tuple[bool, int, int]:
        shortest = min(map(len, choice))
        return shortest > 1, -sum(share[anchor] for anchor in choice), shortest

    known = [choice for choice in choices if choice is not None]
    return max(known, key=rarity) if known else None
