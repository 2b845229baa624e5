"""Which of many posts a keyword list may care about: a sieve before the real matching.

It lets through whatever holds one of the literal terms; what the terms' query makes of it is
decided later. It must never hold back a post that the query would match.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

import ahocorasick_rs

# What the later folding does not see either: soft hyphen, zero-width and direction controls,
# variation selectors; and the quotes and dashes that writers do not tell apart.
_INVISIBLE = re.compile(
    "[\u00ad\u061c\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]"
)
_ALIKE = str.maketrans({
    **dict.fromkeys("“”„‟「」『』〝〞", '"'),
    **dict.fromkeys("‘’‚‛", "'"),
    **dict.fromkeys("‐‒–—―−", "-"),
})  # fmt: skip


def folded(text: str) -> str:
    """Return ``text`` in NFKC and lower case, without invisible characters."""
    if text.isascii():
        return text.lower()
    seen = _INVISIBLE.sub("", unicodedata.normalize("NFKC", text)).translate(_ALIKE)
    return unicodedata.normalize("NFKC", seen.casefold())


class Sieve:
    """Finds out whether a text holds one of many terms, in one pass over the text."""

    def __init__(self, terms: Iterable[str]) -> None:
        chosen = sorted({folded(term).strip().rstrip("*") for term in terms} - {""})
        self.is_empty = not chosen
        self._automaton = ahocorasick_rs.AhoCorasick(chosen) if chosen else None

    def lets_through(self, text: str) -> bool:
        """Return whether ``text`` holds a term; never, where there are no terms."""
        if self._automaton is None:
            return False
        return bool(self._automaton.find_matches_as_indexes(folded(text)))


@lru_cache(maxsize=4)
def sieve_of(terms: tuple[str, ...]) -> Sieve:
    """Return the sieve of ``terms``; the same terms, visit after visit, are built once."""
    return Sieve(terms)
