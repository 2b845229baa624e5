"""Near-identical copies of one post or report, joined to one story as they arrive.

Equal texts are found by their hash, near ones by MinHash LSH over character 3-grams (Broder 1997;
Leskovec et al., Mining of Massive Datasets, ch. 3), and every candidate is compared before it joins.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from difflib import SequenceMatcher
from typing import Final

from rensa import RMinHash, RMinHashLSH

from analysis.text import fold

LEAST_CHARACTERS: Final = 12
"""Shorter texts (好, 转发微博) join by equality only."""
LEAST_JACCARD: Final = 0.6
LEAST_CONTAINMENT: Final = 0.9
_PERMUTATIONS: Final = 64
_BANDS: Final = 16
_SEED: Final = 1
_COMPARED: Final = 1000
_LONG: Final = 100
_TYPO: Final = 1

_WRAPPER: Final = re.compile(
    r"(?://\s*)?@[\w\-]{1,30}\s*[:,]?|^\s*(?:转发微博|转发|转帖|转自|转载|转|rt|repost|fwd)\s*[:,]?\s+"
    r"|^\s*[\[【(](?:转发?|转载|转帖)[\]】)]|^\s*(?:转发微博|转发|转)\s*[:/]|https?://[!-~]+"
)
_NOT_WORD: Final = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class _Head:
    """The first text of a story, as far as it is compared."""

    story: str
    text: str


@dataclass(slots=True)
class _Generation:
    """An index of stories that is dropped as a whole: none of its parts can forget one by one."""

    started: datetime | None
    exact: dict[bytes, str] = field(default_factory=dict)
    heads: list[_Head] = field(default_factory=list)
    near: RMinHashLSH = field(
        default_factory=lambda: RMinHashLSH(
            threshold=LEAST_JACCARD, num_perm=_PERMUTATIONS, num_bands=_BANDS
        )
    )


class StoryGrouper:
    """Gives each text the id of its story's first text; remembers a bounded number of texts.

    A story is remembered for at least ``capacity`` further texts and, where times are given, at
    least ``window``; at most twice that. Not safe for use by several threads.
    """

    def __init__(self, *, capacity: int = 50_000, window: timedelta = timedelta(days=3)) -> None:
        self._capacity = capacity
        self._window = window
        self._young = _Generation(None)
        self._old = _Generation(None)

    def assign(self, id: str, text: str, at: datetime | None = None) -> str:
        """Return the id of the first text of the story; ``id`` itself if it begins one.

        ``at`` is the time of the text (aware); without it only ``capacity`` bounds the memory.
        """
        self._age(at)
        compared = comparable(text)
        digest = hashlib.blake2b(compared.encode("utf-8", "replace"), digest_size=16).digest()
        story = self._young.exact.get(digest) or self._old.exact.get(digest)
        if story is None:
            story = self._join_or_begin(id, compared[:_COMPARED])
        self._young.exact[digest] = story
        return story

    def _age(self, at: datetime | None) -> None:
        started = self._young.started
        age = at - started if at is not None and started is not None else timedelta()
        if age >= self._window or len(self._young.exact) >= self._capacity:
            forgotten = age >= 2 * self._window
            self._old = _Generation(None) if forgotten else self._young
            self._young = _Generation(at)
        elif started is None:
            self._young.started = at

    def _join_or_begin(self, id: str, text: str) -> str:
        if len(text) < LEAST_CHARACTERS:
            return id
        sketch = RMinHash(num_perm=_PERMUTATIONS, seed=_SEED)
        sketch.update(sorted(_grams(text)))
        for generation in (self._young, self._old):
            candidates: list[int] = sorted(generation.near.query(sketch))
            for head in (generation.heads[candidate] for candidate in candidates):
                if is_same_story(head.text, text):
                    return head.story
        self._young.near.insert(len(self._young.heads), sketch)
        self._young.heads.append(_Head(id, text))
        return id


def comparable(text: str) -> str:
    """Return a text as copies are compared: folded, without forward prefixes, links, punctuation."""
    return _NOT_WORD.sub("", _WRAPPER.sub("", fold(text).text))


def is_same_story(one: str, other: str) -> bool:
    """Return True if two comparable texts are copies: cut short, added to, a character mistyped.

    Another name or number amid the same words is another complaint or notice by the same form.
    """
    shared = len(_grams(one) & _grams(other))
    smaller, larger = sorted((len(_grams(one)), len(_grams(other))))
    alike = shared >= LEAST_JACCARD * (smaller + larger - shared)
    if not alike and shared < LEAST_CONTAINMENT * max(smaller, 1):
        return False
    return not any(_is_another_matter(*change) for change in _changes(one, other))


def _grams(text: str) -> set[str]:
    return {text[i : i + 3] for i in range(max(1, len(text) - 2))}


def _changes(one: str, other: str) -> Iterator[tuple[str, str, bool]]:
    """Yield what stands in ``one`` and in ``other`` where they differ, and if that lies amid both.

    In long texts a different head or tail (a site's own line) is left out.
    """
    matcher = SequenceMatcher(None, one, other, autojunk=False)
    for kind, a, b, c, d in matcher.get_opcodes():
        if kind == "equal":
            continue
        amid = (a > 0 or c > 0) and (b < len(one) or d < len(other))
        if amid or min(len(one), len(other)) < _LONG:
            yield one[a:b], other[c:d], amid


def _is_another_matter(before: str, after: str, amid: bool) -> bool:
    if before and after:
        return min(len(before), len(after)) > _TYPO or _has_digit(before + after)
    return amid and _has_digit(before + after)


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))
