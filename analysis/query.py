"""The query language: what an expression means for one document.

This is the reference. ``analysis.match`` finds the same for thousands of expressions at once.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TypeAlias

from analysis.model import Document, Span
from analysis.query_parser import parse, plain
from analysis.query_tree import (
    And,
    Field,
    Near,
    Not,
    Or,
    Query,
    QueryError,
    Term,
    serialise,
    terms,
)
from analysis.text import fold
from analysis.units import TOKEN_CHARACTER, UNIT, is_token_character

__all__ = [
    "And",
    "Field",
    "Near",
    "Not",
    "Or",
    "Query",
    "QueryError",
    "Reading",
    "Term",
    "evaluate",
    "match_expression",
    "parse",
    "plain",
    "serialise",
    "terms",
]

Hit: TypeAlias = tuple[int, int]
"""A half-open range of a folded text."""


def evaluate(query: Query, document: Document) -> list[Span] | None:
    """Return where ``document`` matches ``query``, or None where it does not.

    The spans are those of the terms that took part, in ``document.full``, sorted, overlapping
    ones merged: of NEAR only the hits that lie close enough, of NOT none, of author, source and
    language none. A document may match without a span.
    """
    reading = Reading(document)
    hits = reading.match(query)
    return None if hits is None else reading.spans(hits)


def match_expression(expression: str, text: str) -> tuple[Span, ...] | None:
    """Return the hits of ``expression`` in ``text``, None for no match; raises QueryError."""
    spans = evaluate(parse(expression), Document(text=text))
    return None if spans is None else tuple(spans)


class Reading:
    """A document as queries see it: folded, each term looked up once, each step only if asked."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.folded = fold(document.full)
        self._hits: dict[Term, list[Hit]] = {}
        self._unit_starts: dict[Field | None, list[int]] = {}

    def match(self, query: Query) -> list[Hit] | None:
        """Return the hits that took part, unsorted, in the folded full text; None: no match."""
        match query:
            case Term():
                hits = self.hits(query)
                return _shown([query], hits) if hits else None
            case And(parts):
                return self._match_all(parts)
            case Or(parts):
                return self._match_any(parts)
            case Not(part):
                return [] if self.match(part) is None else None
            case Near():
                return self._match_near(query)

    def hits(self, term: Term) -> list[Hit]:
        """Return all places of ``term`` in its text, sorted, overlapping ones included."""
        hits = self._hits.get(term)
        if hits is None:
            hits = self._hits[term] = self._look_up(term)
        return hits

    def spans(self, hits: Iterable[Hit]) -> list[Span]:
        """Return ``hits`` as sorted ranges of the original; those that overlap become one."""
        merged: list[Span] = []
        for start, end in sorted(set(hits)):
            span = self.folded.span(start, end)
            if merged and span.start < merged[-1].end:
                span = Span(start=merged[-1].start, end=max(span.end, merged.pop().end))
            merged.append(span)
        return merged

    def find(self, term: Term) -> list[Hit]:
        """Return all places of ``term`` in the folded full text, whatever its field."""
        return occurrences(term, self.folded.text)

    def _look_up(self, term: Term) -> list[Hit]:
        if term.field is None:
            return self.find(term)
        if term.field is Field.TITLE:
            end_of_title = len(fold(self.document.title).text)
            return [hit for hit in self.find(term) if hit[1] <= end_of_title]
        return occurrences(term, self._text(term.field))

    def _text(self, field: Field | None) -> str:
        match field:
            case Field.AUTHOR:
                return fold(self.document.author).text
            case Field.SOURCE:
                return fold(self.document.source).text
            case Field.LANG:
                return fold(self.document.lang).text
            case _:
                return self.folded.text

    def _match_all(self, parts: Sequence[Query]) -> list[Hit] | None:
        together: list[Hit] = []
        for part in parts:
            hits = self.match(part)
            if hits is None:
                return None
            together += hits
        return together

    def _match_any(self, parts: Sequence[Query]) -> list[Hit] | None:
        matches = [hits for part in parts if (hits := self.match(part)) is not None]
        return [hit for hits in matches for hit in hits] if matches else None

    def _match_near(self, near: Near) -> list[Hit] | None:
        """Walk along the operands and back, keeping the hits that have a neighbour on each side."""
        starts = self._starts(near.operands[0][0].field)
        chain = [self._any_of(choice) for choice in near.operands]
        for step, distance in enumerate(near.distances):
            chain[step + 1] = _Neighbours(chain[step], starts).close_to(chain[step + 1], distance)
        for step, distance in reversed(list(enumerate(near.distances))):
            chain[step] = _Neighbours(chain[step + 1], starts).close_to(chain[step], distance)
        if not chain[0]:
            return None
        return _shown(near.operands[0], [hit for hits in chain for hit in hits])

    def _any_of(self, choice: Sequence[Term]) -> list[Hit]:
        return sorted({hit for term in choice for hit in self.hits(term)})

    def _starts(self, field: Field | None) -> list[int]:
        """Return where the units of a field's text begin."""
        if field not in self._unit_starts:
            units = UNIT.finditer(self._text(field))
            self._unit_starts[field] = [unit.start() for unit in units]
        return self._unit_starts[field]


def occurrences(term: Term, text: str) -> list[Hit]:
    """Return all places of ``term`` in a folded text, sorted, overlapping ones included."""
    pattern = _pattern(term.text, term.prefix)
    hits = []
    found = pattern.search(text)
    while found:
        hits.append(found.span())
        found = pattern.search(text, found.start() + 1)
    return hits


@lru_cache(maxsize=4096)
def _pattern(text: str, prefix: bool) -> re.Pattern[str]:
    left = f"(?<!{TOKEN_CHARACTER})" if is_token_character(text[0]) else ""
    right = f"(?!{TOKEN_CHARACTER})" if is_token_character(text[-1]) else ""
    body = r"\s+".join(map(re.escape, text.split(" ")))
    return re.compile(left + body + (f"{TOKEN_CHARACTER}*" if prefix else right))


def _shown(looked_for: Sequence[Term], hits: list[Hit]) -> list[Hit]:
    """Return the hits, or none if they lie in a text that has no offsets: author, source, lang."""
    return hits if looked_for[0].field in (None, Field.TITLE) else []


class _Neighbours:
    """Sorted hits that others may lie close to, in a text whose units begin at ``starts``."""

    def __init__(self, hits: list[Hit], starts: list[int]) -> None:
        self._hits = hits
        self._ends = sorted(end for _, end in hits)
        self._longest = max((end - start for start, end in hits), default=0)
        self._starts = starts

    def close_to(self, others: list[Hit], distance: int) -> list[Hit]:
        """Return those of ``others`` with at most ``distance`` units between them and a hit.

        Overlapping hits have nothing between them; a hit is not its own neighbour.
        """
        return [other for other in others if self._has_one_near(other, distance)]

    def _has_one_near(self, other: Hit, distance: int) -> bool:
        """Look at the nearest hit behind and the nearest before, then at those that overlap."""
        start, end = other
        behind = bisect_left(self._hits, (end,))
        if behind < len(self._hits) and self._units(end, self._hits[behind][0]) <= distance:
            return True
        before = bisect_left(self._ends, start + 1)
        if before and self._units(self._ends[before - 1], start) <= distance:
            return True
        first = bisect_left(self._hits, (start - self._longest,))
        return any(hit != other and hit[1] > start for hit in self._hits[first:behind])

    def _units(self, start: int, end: int) -> int:
        """Return how many units begin in ``[start, end)``."""
        return bisect_left(self._starts, end) - bisect_left(self._starts, start)
