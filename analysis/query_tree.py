"""Parsed expressions of the query language, and what can go wrong in one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from analysis.model import AnalysisError


class Field(StrEnum):
    """The part of a document that a term is restricted to."""

    TITLE = "title"
    AUTHOR = "author"
    SOURCE = "source"
    LANG = "lang"


@dataclass(frozen=True, slots=True)
class Term:
    """Contiguous text, folded, each white-space run one space; ``prefix`` leaves its end open."""

    text: str
    prefix: bool = False
    field: Field | None = None


@dataclass(frozen=True, slots=True)
class And:
    """All parts match."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Or:
    """At least one part matches."""

    parts: tuple[Query, ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not match."""

    part: Query


@dataclass(frozen=True, slots=True)
class Near:
    """Hits of neighbouring operands lie close: at most ``distances[i]`` units between i and i + 1.

    Each operand is a choice of terms. All terms look at the same text.
    """

    operands: tuple[tuple[Term, ...], ...]
    distances: tuple[int, ...]


Query: TypeAlias = Term | And | Or | Not | Near


class QueryError(AnalysisError):
    """An expression that cannot be read.

    ``column`` counts the characters of the original expression from 1; ``message`` says in
    Chinese what is wrong and how to put it right.
    """

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message, column)
        self.message = message
        self.column = column

    def __str__(self) -> str:
        return f"第 {self.column} 列：{self.message}"


def serialise(query: Query) -> str:
    """Return an expression with the same matches as ``query``."""
    match query:
        case Term():
            return _term(query)
        case And(parts):
            return " AND ".join(_grouped(part, And, Or) for part in parts)
        case Or(parts):
            return " OR ".join(_grouped(part, Or) for part in parts)
        case Not(part):
            return f"NOT {_grouped(part, And, Or, Not)}"
        case Near(operands, distances):
            first, *others = map(_operand, operands)
            pairs = zip(distances, others, strict=True)
            return first + "".join(f" NEAR/{distance} {other}" for distance, other in pairs)


def terms(query: Query) -> list[Term]:
    """Return every term of ``query``, those under NOT included, from left to right."""
    match query:
        case Term():
            return [query]
        case And(parts) | Or(parts):
            return [term for part in parts for term in terms(part)]
        case Not(part):
            return terms(part)
        case Near(operands, _):
            return [term for operand in operands for term in operand]


def _grouped(query: Query, *loose: type[Query]) -> str:
    text = serialise(query)
    return f"({text})" if isinstance(query, loose) else text


def _operand(choice: tuple[Term, ...]) -> str:
    text = " OR ".join(map(_term, choice))
    return f"({text})" if len(choice) > 1 else text


# Characters that fold to a quote or a bracket and are none to the parser: a bare word may hold them.
_UNQUOTED = str.maketrans({'"': "〝", "(": "⁽", ")": "⁾"})


def _term(term: Term) -> str:
    field = f"{term.field}:" if term.field else ""
    if term.prefix:
        return f"{field}{term.text.translate(_UNQUOTED)}*"
    # A folded text holds no 」 but may hold the straight quote that 」 folds to.
    opening, closing = "「」" if '"' in term.text else '""'
    return f"{field}{opening}{term.text}{closing}"
