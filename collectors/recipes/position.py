"""Where a recipe stands with its source: what it knows, what it has still to read, how often it was empty."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

MOST_KNOWN = 1_000
BROKEN_AFTER = 3
_LONGEST = 200_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A stretch between the newest and what is known that no visit has read yet.

    It begins at the page ``token`` and ends where everything is in ``floor``, or after ``left`` pages.
    """

    token: str
    floor: tuple[str, ...]
    left: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """``known`` are marks of the newest posts read; ``since`` is the greatest id below which nothing is missing.

    ``empty`` counts visits in a row that brought nothing to read.
    """

    empty: int = 0
    since: str = ""
    known: tuple[str, ...] = ()
    gap: Gap | None = None

    @property
    def is_broken(self) -> bool:
        """Whether the recipe has brought nothing too often in a row to be calm about."""
        return self.empty >= BROKEN_AFTER


def mark(external_id: str) -> str:
    """Return the short form an id is remembered by: 48 bits, enough among thousands."""
    return hashlib.blake2b(external_id.encode("utf-8", "replace"), digest_size=6).hexdigest()


def merged(newest: Iterable[str], known: Iterable[str]) -> tuple[str, ...]:
    """Return the marks of both, newest first, at most 1,000."""
    return tuple(dict.fromkeys((*newest, *known)))[:MOST_KNOWN]


def read_position(text: str | None) -> Position:
    """Return the position written in a cursor; the start where it is none of ours."""
    try:
        told = json.loads(text) if text and len(text) <= _LONGEST else {}
    except (ValueError, RecursionError):
        return Position()
    if not isinstance(told, dict):
        return Position()
    empty, since = told.get("empty"), told.get("since")
    return Position(
        empty=empty if isinstance(empty, int) and not isinstance(empty, bool) else 0,
        since=since if isinstance(since, str) else "",
        known=_marks(told.get("known")),
        gap=_gap(told.get("gap")),
    )


def written(position: Position) -> str:
    """Return the text a cursor keeps; what is empty is left out."""
    told: dict[str, object] = {"empty": position.empty} if position.empty else {}
    if position.since:
        told["since"] = position.since
    if position.known:
        told["known"] = position.known
    if gap := position.gap:
        told["gap"] = {"token": gap.token, "floor": gap.floor, "left": gap.left}
    return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _marks(told: object) -> tuple[str, ...]:
    return tuple(str(one) for one in told[:MOST_KNOWN]) if isinstance(told, list) else ()


def _gap(told: object) -> Gap | None:
    if not isinstance(told, dict):
        return None
    token, left = told.get("token"), told.get("left")
    if not isinstance(token, str) or not isinstance(left, int):
        return None
    return Gap(token=token, floor=_marks(told.get("floor")), left=left)
