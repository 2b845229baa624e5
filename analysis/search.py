"""Full-text search on any database: what is indexed, and what a match must hold.

An index of tokens answers which posts *may* match an expression; ``query.evaluate`` (or
``match.Matcher``) then decides. A run of Han characters ``abcd`` is indexed as ``ab bc cd d``, so
that a two-character word is one token and a single character a prefix; every Latin or digit
token is indexed as it is. A one-character prefix query is what ``prefix='1'`` of FTS5 serves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from operator import add
from typing import Final, TypeAlias

from analysis.query import And, Field, Near, Not, Or, Query, Term
from analysis.text import fold
from analysis.units import HAN, RUN, TOKEN_CHARACTER, is_token_character

MAX_TOKEN_LENGTH: Final = 64
_INDEXED: Final = re.compile(
    f"(?=([{HAN}]{{1,2}}|(?<!{TOKEN_CHARACTER}){TOKEN_CHARACTER}{{1,{MAX_TOKEN_LENGTH}}}))"
)


@dataclass(frozen=True, slots=True)
class Token:
    """The text holds this token."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """The text holds a token that begins with this."""

    text: str


@dataclass(frozen=True, slots=True)
class All:
    """The text holds all of these."""

    parts: tuple[Prefilter, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """The text holds at least one of these."""

    parts: tuple[Prefilter, ...]


class Unrestricted(Enum):
    """Every text may match: the index cannot help."""

    EVERYTHING = "everything"


EVERYTHING: Final = Unrestricted.EVERYTHING
Prefilter: TypeAlias = Token | Prefix | All | Any | Unrestricted


def index_tokens(text: str) -> str:
    """Return the distinct tokens of ``text`` joined by spaces, in order of first appearance.

    They hold nothing but folded letters and digits and are at most 64 characters long. For
    PostgreSQL ``array_to_tsvector(string_to_array(tokens, ' '))`` takes them without its parser.
    """
    return " ".join(dict.fromkeys(_INDEXED.findall(fold(text).text)))


def prefilter(query: Query) -> Prefilter:
    """Return a condition on the tokens that every match of ``query`` fulfils, and others may."""
    match query:
        case Term():
            return _of_term(query)
        case And(parts):
            return _all(map(prefilter, parts))
        case Or(parts):
            return _any(map(prefilter, parts))
        case Not():
            return EVERYTHING
        case Near(operands, _):
            return _all(_any(map(_of_term, operand)) for operand in operands)


def to_fts5(condition: Prefilter) -> str | None:
    """Return ``condition`` as a MATCH expression of SQLite FTS5, None if it restricts nothing."""
    return _written(condition, (_fts5_token, _fts5_prefix, " AND ", " OR "))


def to_tsquery(condition: Prefilter) -> str | None:
    """Return ``condition`` as text to be cast to ``tsquery``, None if it restricts nothing."""
    return _written(condition, (_tsquery_token, _tsquery_prefix, " & ", " | "))


def _of_term(term: Term) -> Prefilter:
    if term.field not in (None, Field.TITLE):
        return EVERYTHING
    runs = list(RUN.finditer(term.text))
    conditions: list[Prefilter] = []
    for run in runs:
        text = run[0]
        if not is_token_character(text[0]):
            conditions += map(Token, map(add, text, text[1:])) if text[1:] else [Prefix(text)]
        elif term.prefix and run.end() == len(term.text):
            conditions.append(Prefix(text[:MAX_TOKEN_LENGTH]))
        else:
            conditions.append(Token(text[:MAX_TOKEN_LENGTH]))
    return _all(conditions)


def _all(parts: Iterable[Prefilter]) -> Prefilter:
    known = dict.fromkeys(part for part in parts if part is not EVERYTHING)
    if not known:
        return EVERYTHING
    return All(tuple(known)) if len(known) > 1 else next(iter(known))


def _any(parts: Iterable[Prefilter]) -> Prefilter:
    known = dict.fromkeys(parts)
    if EVERYTHING in known:
        return EVERYTHING
    return Any(tuple(known)) if len(known) > 1 else next(iter(known))


_Words: TypeAlias = tuple[Callable[[str], str], Callable[[str], str], str, str]


def _written(condition: Prefilter, words: _Words) -> str | None:
    token, prefix, conjunction, disjunction = words
    match condition:
        case Token(text):
            return token(text)
        case Prefix(text):
            return prefix(text)
        case All(parts):
            return _grouped(parts, conjunction, words)
        case Any(parts):
            return _grouped(parts, disjunction, words)
        case Unrestricted():
            return None


def _grouped(parts: Iterable[Prefilter], joint: str, words: _Words) -> str:
    return f"({joint.join(written for part in parts if (written := _written(part, words)))})"


def _fts5_token(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _fts5_prefix(text: str) -> str:
    return f"{_fts5_token(text)}*"


def _tsquery_token(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "''")
    return f"'{escaped}'"


def _tsquery_prefix(text: str) -> str:
    return f"{_tsquery_token(text)}:*"
