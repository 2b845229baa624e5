"""JSON-LD as sites write it: broken scripts are mended or left out, each apart from the others."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass

from collectors.reviews.nodes import Node

# Blanks are taken only after a mark: begun at each blank of a long run it would be quadratic.
_WRAPPING = re.compile(r"<!--|-->|(?:(?://|/\*)\s*+)?(?:<!\[CDATA\[|\]\]>)\s*+(?:\*/)?")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\u2028\u2029\ufeff]")
# A string is taken whole, so that a comma in it is none of ours.
_STRING_OR_COMMA = re.compile(r"\"(?:[^\"\\]++|\\.)*+\"?+|,(?=\s*+[}\]])", re.DOTALL)
_BETWEEN = re.compile(r"[\s,;]*+")
_MOST_DOCUMENTS = 200
_MOST_MENDED = 500_000  # a search through more holds all threads up, and real scripts have 100 kB
_MOST_CHARACTERS = 2_000_000
_decoder = json.JSONDecoder(strict=False)


@dataclass(frozen=True, slots=True)
class Scripts:
    """What the scripts of a page hold: their objects, and how many scripts nobody can read."""

    nodes: tuple[Node, ...]
    broken: int


def read_scripts(scripts: Iterable[str]) -> Scripts:
    """Return the top-level objects of all scripts; lists are opened, ``@graph`` is left in place."""
    nodes: list[Node] = []
    broken = 0
    for script in scripts:
        if not script.strip():
            continue
        values = _values(script)
        broken += values is None
        for value in values or ():
            items = value if isinstance(value, list) else [value]
            nodes.extend(item for item in items if isinstance(item, dict))
    return Scripts(tuple(nodes), broken)


def _values(script: str) -> list[object] | None:
    """Return the values of one script, None if even mended it is no JSON."""
    if len(script) > _MOST_CHARACTERS:
        return None
    for attempt in (str, _mended, _unescaped) if len(script) <= _MOST_MENDED else (str,):
        try:
            return _documents(attempt(script))
        except (ValueError, RecursionError):  # RecursionError: nested a thousand levels deep
            continue
    return None


def _documents(text: str) -> list[object]:
    """Return the JSON values that follow one another in ``text``; some themes print several."""
    found: list[object] = []
    at = _end_of(_BETWEEN, text, 0)
    while at < len(text) and len(found) < _MOST_DOCUMENTS:
        value, end = _decoder.raw_decode(text, at)
        found.append(value)
        at = _end_of(_BETWEEN, text, end)
    return found


def _end_of(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _mended(script: str) -> str:
    """Return ``script`` without comment marks, CDATA marks, control characters and trailing commas."""
    bare = _CONTROLS.sub(" ", _WRAPPING.sub(" ", script))
    return _STRING_OR_COMMA.sub(lambda match: "" if match[0] == "," else match[0], bare)


def _unescaped(script: str) -> str:
    return _mended(html.unescape(script))
