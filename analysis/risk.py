"""Risk classes a text states, each with its places and how certain the claim is.

Precision before recall: a word counts only where nothing before it denies it, nobody merely asks
about it, and the text is no training course, job advert or draft rule on the matter.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib import resources
from typing import Final

import ahocorasick_rs

from analysis.model import ClaimStatus, Risk
from analysis.text import Folded

PAIR_DISTANCE: Final = 12
CUE_DISTANCE: Final = 60
LONGEST_WORD: Final = 12
"""No word of the lexicon is longer."""

_SENTENCE_END: Final = re.compile(r"[。!?;\n]")
_DENIED_JUST_BEFORE: Final = re.compile(
    r"(?:没有?|未(?!来|成年)|无(?!故|端|锡|良|证|人)|不(?!但|仅|止|光|断|慎|幸|料|过|少|久|想|停|到|退|给|发|还|让)"
    r"|从未|并非|避免|防止|杜绝|预防|严防|以防|谨防|防范|零)[^,。!?;、:\n]{0,3}$"
)
_DENIAL_REACH: Final = 8
_SHORT: Final = 1500


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One place of a folded text that states a risk; ``weight`` is its log-odds toward negative."""

    risk_class: str
    status: ClaimStatus
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True)
class _Use:
    """What a lexicon word is for: a phrase (no pair), one side of a pair, or a cue (no class)."""

    name: str
    weight: float = 0.0
    pair: int = -1
    side: int = 0


@dataclass(frozen=True, slots=True, order=True)
class _Hit:
    start: int
    end: int
    bad_from: int
    name: str
    weight: float


@dataclass(frozen=True, slots=True)
class _Lexicon:
    """Words by their number; those in ``latin`` begin or end with a Latin letter or a digit.

    A hit takes one of the words in ``partners`` together with one of its partners there: for a
    phrase itself, for the right side of a pair the left side.
    """

    automaton: ahocorasick_rs.AhoCorasick
    uses: Sequence[tuple[_Use, ...]]
    partners: Mapping[int, frozenset[int]]
    latin: frozenset[int]


def find_risks(folded: Folded) -> tuple[Risk, ...]:
    """Return the risk classes a folded text states, by class id, with spans of the original."""
    by_class: dict[str, list[Event]] = {}
    for event in find_events(folded.text):
        by_class.setdefault(event.risk_class, []).append(event)
    return tuple(
        Risk(
            risk_class=name,
            status=_joint_status(events),
            hits=tuple(folded.span(event.start, event.end) for event in events),
        )
        for name, events in sorted(by_class.items())
    )


def find_events(text: str) -> tuple[Event, ...]:
    """Return the places of a folded text that state a risk, sorted, not overlapping in a class.

    Rules and risks ask for the same text: the short ones of the last batch are remembered.
    """
    return _short_events(text) if len(text) <= _SHORT else _events(text)


def _events(text: str) -> tuple[Event, ...]:
    hits, cues = _scan(text)
    if not hits:
        return ()
    stated = [hit for hit in hits if _is_stated(text, hit, cues)]
    return tuple(
        Event(
            risk_class=hit.name,
            status=_status(hit, cues),
            start=hit.start,
            end=hit.end,
            weight=hit.weight,
        )
        for hit in _without_overlaps(stated)
    )


_short_events = lru_cache(maxsize=512)(_events)

_Place = tuple[int, int]
_Cues = Mapping[str, Sequence[_Place]]
_Sides = Mapping[tuple[int, int], Sequence[tuple[_Place, _Use]]]


def _scan(text: str) -> tuple[list[_Hit], _Cues]:
    """Return phrases and pairs found, and the places of the cue words, in one pass."""
    lexicon = _lexicon()
    found = lexicon.automaton.find_matches_as_indexes(text, overlapping=True)
    if not _may_hit(lexicon, {word for word, _, _ in found}):
        return [], {}
    hits: list[_Hit] = []
    sides: dict[tuple[int, int], list[tuple[_Place, _Use]]] = {}
    cues: dict[str, list[_Place]] = {}
    for word, start, end in found:
        if word in lexicon.latin and not _is_whole(text, start, end):
            continue
        for use in lexicon.uses[word]:
            if use.pair >= 0:
                sides.setdefault((use.pair, use.side), []).append(((start, end), use))
            elif use.weight:
                hits.append(_Hit(start, end, start, use.name, use.weight))
            else:
                cues.setdefault(use.name, []).append((start, end))
    hits.extend(_pairs(text, sides))
    return hits, _longest(cues) if hits else {}


def _may_hit(lexicon: _Lexicon, words: Set[int]) -> bool:
    for word in words:
        partners = lexicon.partners.get(word)
        if partners is not None and not partners.isdisjoint(words):
            return True
    return False


def _is_whole(text: str, start: int, end: int) -> bool:
    """Return False for a Latin word found inside another one (bug in debug)."""
    before, after = text[start - 1 : start], text[end : end + 1]
    cut_before = _is_latin(before) and _is_latin(text[start])
    return not cut_before and not (_is_latin(after) and _is_latin(text[end - 1]))


def _is_latin(char: str) -> bool:
    return char.isascii() and char.isalnum()


def _pairs(text: str, sides: _Sides) -> Iterator[_Hit]:
    """Yield, for each right word of a pair, the hit it makes with the nearest left word."""
    for (pair, side), rights in sides.items():
        lefts = sorted(place for place, _ in sides.get((pair, 0), ())) if side else []
        for right, use in rights if lefts else ():
            near = [left for left in _around(lefts, right) if _is_near(text, left, right)]
            if near:
                left = min(near, key=lambda one: abs(one[0] - right[0]))
                low, high = min(left[0], right[0]), max(left[1], right[1])
                yield _Hit(low, high, right[0], use.name, use.weight)


def _around(places: Sequence[_Place], place: _Place, reach: int = PAIR_DISTANCE) -> list[_Place]:
    """Return the sorted places that may lie within ``reach`` of ``place``."""
    first = bisect_left(places, (place[0] - reach - LONGEST_WORD, 0))
    return list(places[first : bisect_left(places, (place[1] + reach + 1, 0))])


def _is_near(text: str, left: _Place, right: _Place) -> bool:
    gap_from, gap_to = min(left[1], right[1]), max(left[0], right[0])
    return (
        0 <= gap_to - gap_from <= PAIR_DISTANCE
        and _SENTENCE_END.search(text, gap_from, gap_to) is None
    )


def _is_stated(text: str, hit: _Hit, cues: _Cues) -> bool:
    held = _around(cues.get("excluded", ()), (hit.bad_from, hit.bad_from), 0)
    if any(start <= hit.bad_from < end for start, end in held):
        return False
    if _DENIED_JUST_BEFORE.search(text[max(0, hit.bad_from - _DENIAL_REACH) : hit.bad_from]):
        return False
    return not _near(hit, cues.get("not_stated", ())) and not _is_asked(text, hit, cues)


def _is_asked(text: str, hit: _Hit, cues: _Cues) -> bool:
    asking = cues.get("asking", ())
    before = bisect_left(asking, (hit.start, 0))
    return bool(before) and _SENTENCE_END.search(text, asking[before - 1][1], hit.start) is None


def _near(hit: _Hit, cues: Sequence[_Place]) -> list[_Place]:
    around = _around(cues, (hit.start, hit.end), CUE_DISTANCE)
    low, high = hit.start - CUE_DISTANCE, hit.end + CUE_DISTANCE
    return [cue for cue in around if low <= cue[0] and cue[1] <= high]


def _status(hit: _Hit, cues: _Cues) -> ClaimStatus:
    """Return how certain the claim is by the cue words around it; nobody confirms: alleged."""
    denials = _near(hit, cues.get("denied", ()))
    if denials:
        facts = _near(hit, cues.get("overturned", ()))
        overturned = any(fact > denials[0] for fact in facts)
        return ClaimStatus.CONFIRMED if overturned else ClaimStatus.DENIED
    confirmed = _near(hit, cues.get("confirmed", ()))
    return ClaimStatus.CONFIRMED if confirmed else ClaimStatus.ALLEGED


def _longest(cues: Mapping[str, Sequence[_Place]]) -> _Cues:
    """Return the cues, sorted, without those that lie inside a longer one (属实 in 不属实)."""
    reached: dict[_Place, int] = {}
    end = 0
    for place in sorted(
        {place for places in cues.values() for place in places}, key=lambda one: (one[0], -one[1])
    ):
        reached[place] = end
        end = max(end, place[1])
    return {
        name: sorted(place for place in places if place[1] > reached[place])
        for name, places in cues.items()
    }


def _joint_status(events: Iterable[Event]) -> ClaimStatus:
    """Return the status of a class: one confirmed place confirms, only all together deny."""
    found = {event.status for event in events}
    if ClaimStatus.CONFIRMED in found:
        return ClaimStatus.CONFIRMED
    return ClaimStatus.ALLEGED if ClaimStatus.ALLEGED in found else ClaimStatus.DENIED


def _without_overlaps(hits: Iterable[_Hit]) -> list[_Hit]:
    """Return hits of which no two of one class overlap: the first, and of those the longest."""
    kept: list[_Hit] = []
    end_of: dict[str, int] = {}
    for hit in sorted(hits, key=lambda one: (one.start, -one.end, -one.weight)):
        if hit.start >= end_of.get(hit.name, 0):
            kept.append(hit)
            end_of[hit.name] = hit.end
    return kept


@cache
def _lexicon() -> _Lexicon:
    content = resources.files("analysis").joinpath("data/risk.toml").read_bytes()
    uses = {word: tuple(use) for word, use in _uses(tomllib.loads(content.decode())).items()}
    return _Lexicon(
        automaton=ahocorasick_rs.AhoCorasick(
            list(uses), implementation=ahocorasick_rs.Implementation.DFA
        ),
        uses=list(uses.values()),
        partners=_partners(list(uses.values())),
        latin=frozenset(
            number for number, word in enumerate(uses) if _is_latin(word[0]) or _is_latin(word[-1])
        ),
    )


def _partners(uses: Sequence[tuple[_Use, ...]]) -> dict[int, frozenset[int]]:
    """Return for each phrase and each right side of a pair the words it makes a hit with."""
    lefts: dict[int, set[int]] = {}
    for number, of_word in enumerate(uses):
        for use in of_word:
            if use.pair >= 0 and not use.side:
                lefts.setdefault(use.pair, set()).add(number)
    partners: dict[int, frozenset[int]] = {}
    for number, of_word in enumerate(uses):
        for use in of_word:
            if use.weight and (use.pair < 0 or use.side):
                more = {number} if use.pair < 0 else lefts.get(use.pair, set())
                partners[number] = partners.get(number, frozenset()) | more
    return partners


def _uses(parsed: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]]) -> dict[str, list[_Use]]:
    """Return every word of the lexicon with what it is for."""
    uses: dict[str, list[_Use]] = {}
    for word, use in (*_phrase_uses(parsed), *_pair_uses(parsed)):
        uses.setdefault(word, []).append(use)
    for cue, words in parsed["cues"].items():
        for word in words:
            uses.setdefault(str(word), []).append(_Use(cue))
    return uses


def _phrase_uses(
    parsed: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]],
) -> Iterator[tuple[str, _Use]]:
    for name, entry in parsed["classes"].items():
        for strength in ("severe", "plain"):
            weight = _weight(parsed, strength)
            yield from ((phrase, _Use(name, weight)) for phrase in entry[strength])


def _pair_uses(
    parsed: Mapping[str, Mapping[str, Mapping[str, Sequence[str]]]],
) -> Iterator[tuple[str, _Use]]:
    weight = _weight(parsed, "severe")
    pairs = [
        (name, both) for name, entry in parsed["classes"].items() for both in entry.get("pairs", ())
    ]
    for pair, (name, both) in enumerate(pairs):
        for side, alternatives in enumerate(both):
            for word in dict.fromkeys(alternatives.split("|")):
                yield word, _Use(name, weight, pair, side)


def _weight(parsed: Mapping[str, Mapping[str, object]], strength: str) -> float:
    return float(str(parsed["weights"][strength]))
