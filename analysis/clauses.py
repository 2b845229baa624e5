"""Folded texts cut where an opinion may change: at punctuation and before a turn (但是, 不过)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_TURN: Final = re.compile(
    r"但是|但|不过(?!分|如此|关)|可惜|反而|却|然而|可是|结果(?![出显表])|只是(?![个为是])|如今"
    # as each branch begins with a letter (the word border stands behind it), the expression engine
    # leaps from one possible first letter to the next: three times as fast
    r"|就是(?=太|有点|不|没)|b(?<=\bb)ut\b|h(?<=\bh)owever\b"
)
_BORDER: Final = re.compile(r",(?!\d{3})|[。;!?\n…]|\.(?=\s|$)")
_LEAST: Final = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Clause:
    """A half-open range of a folded text; ``turned`` if a turn opens it or came before it.

    A sentence end takes the turn back: what follows a full stop weighs like any other sentence.
    """

    start: int
    end: int
    turned: bool


def clauses(text: str) -> list[Clause]:
    """Return the clauses of a folded text in order, without their punctuation; empty ones left out."""
    found: list[Clause] = []
    start, turned = 0, False
    for end, after, turns in (*_cuts(text), (len(text), len(text), False)):
        if text[start:end].strip():
            found.append(Clause(start=start, end=end, turned=turned))
        start = after
        turned = turns or (turned and text[end:after] not in {"。", "!", "?", "\n"})
    return found


def last_turn(text: str) -> int | None:
    """Return where the text after its last turn begins; None without a turn amid the text.

    Where a writer turns last is where he ends up.
    """
    for turn in reversed(list(_TURN.finditer(text))):
        if turn.start() >= _LEAST and len(text) - turn.end() >= _LEAST:
            return turn.end()
    return None


def _cuts(text: str) -> list[tuple[int, int, bool]]:
    """Return where a clause ends, where the next one begins, and whether that is a turn."""
    borders = [(cut.start(), cut.end(), False) for cut in _BORDER.finditer(text)]
    turns = [(turn.start(), turn.start(), True) for turn in _TURN.finditer(text)]
    return sorted((*borders, *turns))
