"""The project's own training rows: sentence templates with slots, filled reproducibly."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Mapping, Sequence
from typing import Final

FILLINGS: Final = 12
_SLOT: Final = re.compile(r"\{(\w+)\}")
_CLASSES: Final = ("negative", "neutral", "positive")


def template_rows(content: bytes, seed: int) -> list[tuple[str, int]]:
    """Return (text, class index) of every template filled ``FILLINGS`` times, each text once."""
    parsed = tomllib.loads(content.decode())
    rows = {
        _fill(template, parsed["slots"], f"{seed}\0{turn}"): label
        for label, name in enumerate(_CLASSES)
        for template in parsed["texts"][name]
        for turn in range(FILLINGS)
    }
    return list(rows.items())


def _fill(template: str, slots: Mapping[str, Sequence[str]], salt: str) -> str:
    """Return the template with each slot filled by a word that hangs on the salt alone.

    A word may hold slots itself: a brand is a head and a tail, so that no name comes often enough
    to be learned.
    """

    def word(slot: re.Match[str]) -> str:
        words = slots[slot[1]]
        digest = hashlib.sha256(f"{salt}\0{template}\0{slot.start()}".encode()).digest()
        return words[int.from_bytes(digest[:4], "big") % len(words)]

    filled = _SLOT.sub(word, template)
    return filled if filled == template else _fill(filled, slots, salt)
