"""Full-text search on any database: what is indexed, and what a match must hold.

An index of tokens answers which posts *may* match an expression; ``query.evaluate`` (or
``match.Matcher``) then decides. A run of Han characters ``abcd`` is indexed as ``ab bc cd d``, so
that a two-character word is one token and a single character a prefix; every Latin or digit
token is indexed as it is. A one-character prefix query is what ``prefix='1'`` of FTS5 serves.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from itertools import pairwise
from operator import add
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from analysis.query import And, Field, Near, Not, Or, Query, Term
from analysis.text import fold
from analysis.units import HAN, RUN, TOKEN_CHARACTER, is_token_character

MAX_TOKEN_LENGTH: Final = 64
_INDEXED: Final = re.compile(
    f"(?=([{HAN}]{{1,2}}|(?<!{TOKEN_CHARACTER}){TOKEN_CHARACTER}{{1,{MAX_TOKEN_LENGTH}}}))"
)
_ENOUGH: Final = 50_000  # characters that are indexed together
_HAN_BITS: Final = 18
_LETTERS_END: Final = 1 << _HAN_BITS  # behind U+3FFFF Unicode has no letter, and plans none
_ABOVE_PAIRS: Final = 1 << 2 * _HAN_BITS  # no pair of Han characters has so high a key
_HAN_KIND: Final = 1
_TOKEN_KIND: Final = 2

_Integers: TypeAlias = npt.NDArray[np.int64]
_Flags: TypeAlias = npt.NDArray[np.bool_]


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


def index_all(texts: Sequence[str]) -> list[str]:
    """Return what ``index_tokens`` returns for each text of a batch, in order.

    Several times faster, as no token becomes a string of its own: tokens are places in the joined
    texts until the places that are kept are copied out together.
    """
    folded = [fold(text).text for text in texts]
    return [tokens for some in _together(folded) for tokens in _indexed(some)]


def _together(folded: Sequence[str]) -> Iterator[list[str]]:
    """Yield the texts in groups: enough for numpy, not too much for the memory."""
    group: list[str] = []
    characters = 0
    for text in folded:
        group.append(text)
        characters += len(text)
        if characters >= _ENOUGH:
            yield group
            group, characters = [], 0
    yield group


def _indexed(texts: Sequence[str]) -> list[str]:
    folded = [f"{text}\n" for text in texts]  # so that no token reaches into the next text
    joined = "".join(folded)
    codes = np.frombuffer(joined.encode("utf-32-le"), np.uint32)
    starts, lengths, latin = _places(_kinds().take(codes, mode="clip"))
    owner = np.repeat(np.arange(len(texts)), list(map(len, folded))).take(starts)
    pairs = np.where(lengths > 1, codes.take(starts + 1), 0)
    keys = codes.take(starts).astype(np.int64) << _HAN_BITS | pairs
    keys[latin] = _token_keys(joined, starts[latin], lengths[latin])
    first = _first_of_each(owner << 2 * _HAN_BITS + 1 | keys)
    written, ends = _copied(codes, starts.take(first), lengths.take(first))
    last = np.searchsorted(owner.take(first), np.arange(len(texts)), side="right")
    bounds = [0, *np.concatenate(([0], ends)).take(last).tolist()]
    return [written[start : max(start, end - 1)] for start, end in pairwise(bounds)]


def _places(kinds: npt.NDArray[np.uint8]) -> tuple[_Integers, _Integers, _Flags]:
    """Return start and length of each token, and which of them are Latin or digit tokens."""
    han, token = kinds == _HAN_KIND, kinds == _TOKEN_KIND
    outside = ~token
    begins = token & np.concatenate(([True], outside[:-1]))
    starts = np.flatnonzero(han | begins)
    latin = begins.take(starts)
    lengths = 1 + han.take(starts + 1).astype(np.int64)
    ends = np.flatnonzero(token[:-1] & outside[1:]) + 1
    lengths[latin] = np.minimum(ends - starts[latin], MAX_TOKEN_LENGTH)
    return starts, lengths, latin


def _token_keys(joined: str, starts: _Integers, lengths: _Integers) -> list[int]:
    """Return a key for each of the tokens at these places: the same for equal ones."""
    numbers: dict[str, int] = {}
    return [
        _ABOVE_PAIRS + numbers.setdefault(joined[start : start + length], len(numbers))
        for start, length in zip(starts.tolist(), lengths.tolist(), strict=True)
    ]


def _first_of_each(keys: _Integers) -> _Integers:
    """Return where each distinct key stands first, ascending."""
    order = np.argsort(keys)
    if not len(order):
        return order
    ordered = keys.take(order)
    begins = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    return np.sort(np.minimum.reduceat(order, begins))


def _copied(
    codes: npt.NDArray[np.uint32], starts: _Integers, lengths: _Integers
) -> tuple[str, _Integers]:
    """Return the tokens at these places with a space behind each, and where each space ends."""
    ends = np.cumsum(lengths + 1)
    shifts = np.repeat(starts - (ends - lengths - 1), lengths + 1)
    copied = codes.take(np.arange(len(shifts)) + shifts)
    copied[ends - 1] = ord(" ")
    return copied.tobytes().decode("utf-32-le"), ends


@cache
def _kinds() -> npt.NDArray[np.uint8]:
    """Return for each code point what it is part of: a Han run, a token, or nothing (0).

    The last of them stands for all that follow. Takes 20 ms, once per process.
    """
    kinds = np.zeros(_LETTERS_END + 1, np.uint8)
    for run in RUN.finditer("".join(map(chr, range(_LETTERS_END)))):
        token = is_token_character(run[0][0])
        kinds[run.start() : run.end()] = _TOKEN_KIND if token else _HAN_KIND
    return kinds


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
