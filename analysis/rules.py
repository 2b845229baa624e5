"""The thin rule layer over the linear model: events, refutations, questions, slang, emoji.

Each hit adds log-odds to one class and stays visible with its place, so that an answer remains the
sum of what is shown. The words live in data/rules.toml and data/risk.toml.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Final

import ahocorasick_rs

from analysis.model import ClaimStatus, Sentiment
from analysis.risk import Event, find_events
from analysis.weights import CLASSES

_GATES: Final = ("announcement", "question")
_AGAINST_GATES: Final = ("complaint", "contrary_praise", "scold")
_GROUPS: Final = (*_GATES, *_AGAINST_GATES, "refuted", "praise", "cheer")
_GENUINE_QUESTION: Final = re.compile(
    r"(?:吗|么|多少|哪里|几点|多久|怎么[^,。]{1,8}|什么时候[^,。]{0,8})\?\s*$"
)
_CLAUSE_END: Final = re.compile(r"[,.!?;:]|\bbut\b")
_LATIN_TOKEN: Final = re.compile(r"[a-z']+")
_NEGATED: Final = re.compile(r"(?:不|没有?|未|别|无)[^,。!?;、\n]{0,1}$")
_ENGLISH_NEGATION_REACH: Final = 3
NEUTRAL_PRIOR: Final = 1.0
"""Log-odds of neutral where only rules judge: one word of English praise is just enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleHit:
    """A place of a folded text that moves ``label`` by ``weight`` log-odds."""

    start: int
    end: int
    label: Sentiment
    weight: float

    @property
    def pull(self) -> float:
        """How far it moves positive against negative; 0 for what only speaks for neutral."""
        sign = {Sentiment.POSITIVE: 1, Sentiment.NEGATIVE: -1}.get(self.label, 0)
        return sign * self.weight


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    group: str
    hit: RuleHit


@dataclass(frozen=True, slots=True)
class _Rules:
    automaton: ahocorasick_rs.AhoCorasick
    entries: Sequence[tuple[str, Sentiment, float]]
    class_total: float
    positive: frozenset[str]
    negative: frozenset[str]
    negators: frozenset[str]
    english_weight: float


def chinese_hits(text: str) -> list[RuleHit]:
    """Return the rule hits of a folded Chinese text, sorted; no class gets more than its limit.

    A question or an announcement is neutral only if nothing bad is stated; what is denied is no
    event; a refutation that facts contradict refutes nothing.
    """
    found = _phrases(text)
    events = find_events(text)
    if not found and not events:
        asked = _questions(text)
        return _limited(asked) if asked else []
    stated = [event for event in events if event.status is not ClaimStatus.DENIED]
    bad = bool(stated) or any(one.group in _AGAINST_GATES for one in found)
    dropped = {*(_GATES if bad else ()), *(("refuted",) if stated else ())}
    kept = [one.hit for one in found if one.group not in dropped]
    return _limited([*kept, *map(_of_event, stated), *([] if bad else _questions(text))])


def english_hits(text: str) -> list[RuleHit]:
    """Return the polar words of a folded English text; a negation up to three words before turns."""
    rules = _rules()
    tokens = list(_LATIN_TOKEN.finditer(text))
    hits = []
    for index, token in enumerate(tokens):
        positive = token[0] in rules.positive
        if not positive and token[0] not in rules.negative:
            continue
        before = tokens[max(0, index - _ENGLISH_NEGATION_REACH) : index]
        turned = any(
            word[0] in rules.negators and not _CLAUSE_END.search(text, word.end(), token.start())
            for word in before
        )
        label = Sentiment.POSITIVE if positive is not turned else Sentiment.NEGATIVE
        hits.append(
            RuleHit(start=token.start(), end=token.end(), label=label, weight=rules.english_weight)
        )
    return _limited(hits)


def shifts(hits: Iterable[RuleHit]) -> list[float]:
    """Return the log-odds that hits add to each class, in the order of ``CLASSES``."""
    total = dict.fromkeys(CLASSES, 0.0)
    for hit in hits:
        total[hit.label] += hit.weight
    return list(total.values())


def _phrases(text: str) -> list[_Found]:
    rules = _rules()
    found = []
    for pattern, start, end in rules.automaton.find_matches_as_indexes(text):
        group, label, weight = rules.entries[pattern]
        if label is not Sentiment.NEUTRAL and _NEGATED.search(text, max(0, start - 3), start):
            continue  # 不推荐, 没有惊喜: the n-grams of the model hold these
        hit = RuleHit(start=start, end=end, label=label, weight=weight)
        found.append(_Found(group=group, hit=hit))
    return found


def _of_event(event: Event) -> RuleHit:
    return RuleHit(start=event.start, end=event.end, label=Sentiment.NEGATIVE, weight=event.weight)


def _questions(text: str) -> list[RuleHit]:
    asked = _GENUINE_QUESTION.search(text) if text.rstrip().endswith("?") else None
    if asked is None:
        return []
    end = asked.start() + len(asked.group().rstrip())
    return [RuleHit(start=asked.start(), end=end, label=Sentiment.NEUTRAL, weight=1.2)]


def _limited(hits: Iterable[RuleHit]) -> list[RuleHit]:
    """Return the hits, those of a class scaled down together where they exceed its limit."""
    ordered = sorted(hits, key=lambda hit: (hit.start, hit.end, hit.label))
    limit = _rules().class_total
    totals = dict(zip(CLASSES, shifts(ordered), strict=True))
    if max(totals.values()) <= limit:
        return ordered
    return [
        RuleHit(
            start=hit.start,
            end=hit.end,
            label=hit.label,
            weight=hit.weight * min(1.0, limit / totals[hit.label]),
        )
        for hit in ordered
    ]


@cache
def _rules() -> _Rules:
    content = resources.files("analysis").joinpath("data/rules.toml").read_bytes()
    parsed = tomllib.loads(content.decode())
    entries = {
        phrase: (group, Sentiment(parsed[group]["class"]), float(parsed[group]["weight"]))
        for group in _GROUPS
        for phrase in parsed[group]["phrases"]
    }
    english = parsed["english"]
    return _Rules(
        automaton=ahocorasick_rs.AhoCorasick(
            list(entries),
            matchkind=ahocorasick_rs.MatchKind.LeftmostLongest,
            implementation=ahocorasick_rs.Implementation.DFA,
        ),
        entries=list(entries.values()),
        class_total=float(parsed["limits"]["class_total"]),
        positive=frozenset(english["positive"]),
        negative=frozenset(english["negative"]),
        negators=frozenset(english["negators"]),
        english_weight=float(english["weight"]),
    )
