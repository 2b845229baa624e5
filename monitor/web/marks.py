"""Post text on a page: escaped first, then marked. Text from outside is never trusted as markup."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from urllib.parse import urlsplit

from markupsafe import Markup, escape

BEFORE_HIT = 30
# control characters, direction overrides and lone surrogates: they forge what a reader sees
DECEPTIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class MarkKind(IntEnum):
    """What a marked place is; where two overlap, the lower number is drawn."""

    HIT = 0
    RISK = 1
    NEGATIVE = 2
    POSITIVE = 3

    @property
    def css(self) -> str:
        """The class the style sheet knows it by."""
        return ("b", "r", "g", "p")[self]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A half-open range of characters of a text, and what it is."""

    start: int
    end: int
    kind: MarkKind


def marked(text: str, marks: Iterable[Mark]) -> Markup:
    """Return ``text`` escaped, with ``<mark>`` around the ranges; offsets are those of ``text``.

    Ranges outside the text are cut; of two that overlap the more important one is kept. Deceptive
    characters (see DECEPTIVE) become U+FFFD, so every offset stays true.
    """
    clean = DECEPTIVE.sub("\ufffd", text)
    parts: list[Markup] = []
    at = 0
    for mark in _apart(marks, len(clean)):
        parts.append(escape(clean[at : mark.start]))
        parts.append(
            Markup('<mark class="{}">{}</mark>').format(mark.kind.css, clean[mark.start : mark.end])
        )
        at = mark.end
    parts.append(escape(clean[at:]))
    return Markup("").join(parts)


def _apart(marks: Iterable[Mark], length: int) -> list[Mark]:
    kept: list[Mark] = []
    for mark in sorted(marks, key=lambda one: (one.kind, one.start, -one.end)):
        cut = replace(mark, start=max(0, mark.start), end=min(length, mark.end))
        if cut.start < cut.end and all(
            cut.end <= other.start or other.end <= cut.start for other in kept
        ):
            kept.append(cut)
    return sorted(kept, key=lambda one: one.start)


def excerpt(text: str, marks: Sequence[Mark], limit: int) -> Markup:
    """Return at most ``limit`` characters of ``text`` around its first hit, marked; … shows a cut."""
    hits = [
        mark.start for mark in marks if mark.kind is MarkKind.HIT and 0 <= mark.start < len(text)
    ]
    start = max(0, min(hits, default=0) - BEFORE_HIT)
    if start + limit > len(text):
        start = max(0, len(text) - limit)
    end = start + limit
    moved = [replace(mark, start=mark.start - start, end=mark.end - start) for mark in marks]
    shown = marked(text[start:end], moved)
    return Markup("{}{}{}").format("…" if start else "", shown, "…" if end < len(text) else "")


def safe_link(url: str | None) -> str | None:
    """Return ``url`` when it is plain http or https, else None: ``javascript:`` never gets a link."""
    if not url:
        return None
    try:
        parts = urlsplit(url)
    except ValueError:
        return None
    return (
        url
        if parts.scheme in {"http", "https"} and parts.hostname and not DECEPTIVE.search(url)
        else None
    )
