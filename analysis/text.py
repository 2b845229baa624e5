"""Texts made comparable: width, case, script and invisible characters folded, offsets kept."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from analysis.model import Span
from analysis.traditional import load

# Everything that NFKC or case folding may change lies in these blocks; the Han characters and
# the Hangul syllables between them never do. tests/analysis/test_text.py checks all of Unicode.
_CHANGING_BLOCKS: Final = (
    (0x80, 0x3400), (0xA640, 0xAC00), (0xF900, 0x10000), (0x10400, 0x10D90), (0x11000, 0x11A00),
    (0x118A0, 0x118E0), (0x16100, 0x16EC0), (0x1CCD0, 0x1CD00), (0x1D100, 0x1D800),
    (0x1E030, 0x1E080), (0x1E900, 0x1E960), (0x1EE00, 0x1F300), (0x1FBF0, 0x1FC00),
    (0x2F800, 0x2FA20),
)  # fmt: skip
# Soft hyphen, zero-width and bidirectional controls, variation selectors: not seen by a reader.
_INVISIBLE_BLOCKS: Final = (
    (0xAD, 0xAE), (0x61C, 0x61D), (0x180B, 0x1810), (0x200B, 0x2010), (0x202A, 0x202F),
    (0x2060, 0x2070), (0xFE00, 0xFE10), (0xFEFF, 0xFF00), (0xE0100, 0xE01F0),
)  # fmt: skip
# What NFKC leaves apart although writers do not: quotation marks and dashes.
_PUNCTUATION: Final = {
    **dict.fromkeys("“”„‟「」『』〝〞", '"'),
    **dict.fromkeys("‘’‚‛", "'"),
    **dict.fromkeys("‐‒–—―−", "-"),
}  # fmt: skip
_CODE_POINTS: Final = 0x110000
_SHORT: Final = 1500  # characters: a post, not an article; hundreds of them may be kept
_SURROGATES: Final = slice(0xD800, 0xE000)
_RESIZING: Final = _CODE_POINTS  # no character: what stands here changes the number of characters
_HANGUL_VOWELS_AND_TAILS: Final = "".join(
    map(chr, (*range(0x1161, 0x1176), *range(0x11A8, 0x11C3)))
)


@dataclass(frozen=True, slots=True)
class _Edits:
    """Where folding changed the number of characters: the n-th edit as four parallel columns."""

    folded_starts: Sequence[int]
    folded_ends: Sequence[int]
    original_starts: Sequence[int]
    original_ends: Sequence[int]

    def shift(self, edit_count: int) -> int:
        """Return original minus folded offset behind the first ``edit_count`` edits."""
        if not edit_count:
            return 0
        return self.original_ends[edit_count - 1] - self.folded_ends[edit_count - 1]


class Folded(NamedTuple):
    """A folded text that knows where each of its characters came from."""

    text: str
    edits: _Edits | None = None

    def span(self, start: int, end: int) -> Span:
        """Return the original range of ``text[start:end]`` (``start`` < ``end``), in code points.

        A range that cuts through what was one character (``kg`` of ``㎏``) covers it whole;
        invisible characters at its edges stay outside.
        """
        start, end = self.place(start, end)
        return Span(start=start, end=end)

    def place(self, start: int, end: int) -> tuple[int, int]:
        """Return start and end of the ``span``."""
        if self.edits is None:
            return start, end
        return _original_start(self.edits, start), _original_end(self.edits, end)


def fold(text: str) -> Folded:
    """Return ``text`` as it is compared: half width, lower case, simplified, nothing invisible.

    This is NFKC, full case folding, the table of traditional characters and one form for quotes
    and dashes. Folding a folded text changes nothing. It is meant for comparing, never for
    showing: 著 becomes 着 everywhere. Any string is accepted; a lone surrogate, which no encoding
    and no database takes, becomes U+FFFD. The texts of the last batch are remembered, so that
    scoring, matching and indexing one post fold it once.
    """
    return _fold_short(text) if len(text) <= _SHORT else _fold_long(text)


def _fold(text: str) -> Folded:
    if text.isascii():
        return Folded(text.lower())
    points = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<i4")
    swapped = _tables().swaps.take(points)
    try:
        return Folded(swapped.tobytes().decode("utf-32-le"))
    except UnicodeDecodeError:  # _RESIZING is no character
        return _fold_resizing(text, swapped)


_fold_short = lru_cache(maxsize=512)(_fold)
_fold_long = lru_cache(maxsize=8)(_fold)


def _original_start(edits: _Edits, start: int) -> int:
    passed = bisect_right(edits.folded_ends, start)
    if passed < len(edits.folded_ends) and edits.folded_starts[passed] < start:
        return edits.original_starts[passed]
    return start + edits.shift(passed)


def _original_end(edits: _Edits, end: int) -> int:
    passed = bisect_left(edits.folded_ends, end)
    if passed < len(edits.folded_ends) and edits.folded_starts[passed] < end:
        return edits.original_ends[passed]
    return end + edits.shift(passed)


@dataclass(frozen=True, slots=True)
class _Tables:
    """``swaps`` holds for each code point its one counterpart, or ``_RESIZING``.

    The resizing characters are either in ``replacements``, standing alone, or ``marks``, which
    are folded together with the character before them.
    """

    swaps: NDArray[np.uint32]
    replacements: Mapping[str, str]
    marks: frozenset[str]


def _fold_resizing(text: str, swapped: NDArray[np.uint32]) -> Folded:
    """Put what the clusters become between the characters that were swapped one to one."""
    pieces: list[str] = []
    rows: list[tuple[int, int, int, int]] = []
    done = length = 0
    for start, end in _clusters(text, np.flatnonzero(swapped == _RESIZING).tolist()):
        replacement = _replacement(text[start:end])
        pieces.append(swapped[done:start].tobytes().decode("utf-32-le"))
        pieces.append(replacement)
        length += start - done
        rows.append((length, length + len(replacement), start, end))
        done, length = end, length + len(replacement)
    pieces.append(swapped[done:].tobytes().decode("utf-32-le"))
    return Folded("".join(pieces), _Edits(*zip(*rows, strict=True)))


def _clusters(text: str, positions: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the ranges to be folded as a whole, given where the resizing characters stand."""
    marks = _tables().marks
    first = 0
    for last, position in enumerate(positions):
        if last + 1 < len(positions) and positions[last + 1] == position + 1:
            continue
        run = range(positions[first], position + 1)
        first = last + 1
        if marks.isdisjoint(text[run.start : run.stop]):
            yield from ((start, start + 1) for start in run)
        else:
            yield max(run.start - 1, 0), run.stop


def _replacement(cluster: str) -> str:
    tables = _tables()
    if len(cluster) == 1 and cluster in tables.replacements:
        return tables.replacements[cluster]
    return _fold_cluster("".join(char for char in cluster if tables.replacements.get(char) != ""))


def _fold_cluster(text: str) -> str:
    """Return the folded form of a few characters; applied again it changes nothing."""
    traditional = _traditional()
    while True:
        folded = unicodedata.normalize("NFKC", text).casefold()
        folded = "".join(_PUNCTUATION.get(char) or traditional.get(char, char) for char in folded)
        if folded == text:
            return folded
        text = folded


@cache
def _traditional() -> Mapping[str, str]:
    return load()


@cache
def _tables() -> _Tables:
    """Build the tables, about 30 ms once per process; an import costs nothing."""
    swaps = np.arange(_CODE_POINTS, dtype=np.uint32)
    swaps[_SURROGATES] = ord("\N{REPLACEMENT CHARACTER}")
    swaps[ord("A") : ord("Z") + 1] += ord("a") - ord("A")
    replacements = dict.fromkeys(_characters(_INVISIBLE_BLOCKS), "")
    for char in (*filter(_may_change, _characters(_CHANGING_BLOCKS)), *_traditional()):
        folded = _fold_cluster(char)
        if len(folded) == 1:
            swaps[ord(char)] = ord(folded)
        else:
            replacements.setdefault(char, folded)
    marks = _joining_marks() - replacements.keys()
    swaps[[ord(char) for char in (*replacements, *marks)]] = _RESIZING
    return _Tables(swaps=swaps, replacements=replacements, marks=frozenset(marks))


def _may_change(char: str) -> bool:
    """Return False for most of what ``_fold_cluster`` leaves as it is, in a tenth of its time."""
    changes = not unicodedata.is_normalized("NFKC", char) or char.casefold() != char
    return changes or char in _PUNCTUATION


def _joining_marks() -> set[str]:
    """Return the characters that may melt into, or trade places with, the one before them."""
    seconds = set(_HANGUL_VOWELS_AND_TAILS)
    for decomposition in map(unicodedata.decomposition, _characters(_CHANGING_BLOCKS)):
        canonical = decomposition.split() if decomposition else ()
        if len(canonical) == 2 and not canonical[0].startswith("<"):
            seconds.add(chr(int(canonical[1], 16)))
    return {
        char
        for char in _characters(_CHANGING_BLOCKS)
        if (first := unicodedata.normalize("NFKD", char)[0]) in seconds
        or unicodedata.combining(first)
    }


def _characters(blocks: Iterable[tuple[int, int]]) -> Iterable[str]:
    return (chr(point) for block in blocks for point in range(*block))
