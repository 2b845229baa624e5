"""Sentiment toward names: each clause speaks of the name it holds, or of the last one named.

A document score is wrong by construction where a text praises one brand and blames another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from analysis.clauses import Clause, clauses
from analysis.model import Judgement, Sentiment, TargetJudgement
from analysis.sentiment import Scorer
from analysis.text import fold

LEAST_OPINION: Final = 0.2
"""A clause with a smaller |score| holds no opinion."""
LEAST_LEANING: Final = 0.15
TURN_WEIGHT: Final = 2.0
LONGEST: Final = 1000
"""Characters of a text that are cut into clauses."""
_NAMES_KEPT: Final = 4096  # those of the lists come back with every post

_RIVAL: Final = "\0rival"
_PLACEHOLDER: Final = "它"
_RIVAL_CUE: Final = re.compile(
    r"隔壁|竞品|友商|人家|别人家|别家|对手|同行|其他品牌|别的品牌|其他家|另一家|原来那[台个款部辆]|以前那[台个款部辆]"
)
_FIRM_BEATS: Final = re.compile(
    r"不如|比不上|比不过|不及|输给|没有?(?=它.{0,6}(?:好|强|快|香|稳|耐))"
)
_COMPARES: Final = re.compile(r"比$|相比$|比起$|对比$|较$")
_BETTER: Final = re.compile(r"强|好|快|香|稳|耐|优|便宜|划算|靠谱|舒服|省|清晰|流畅|贴心|实惠|耐用")
_WORSE: Final = re.compile(r"差|慢|烂|贵|卡|吵|弱|坑|垃圾|费电|不好|难用|落后|粗糙")
_PREFERS: Final = re.compile(r"(?:还是|不如选|不如买|还得是|首选|换成了?|换了|改用)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Targeted:
    """A text and the names that stand for each target; ``document`` is its judgement as a whole."""

    text: str
    names: Mapping[str, Sequence[str]]
    document: Judgement


@dataclass(frozen=True, slots=True)
class _Mention:
    start: int
    end: int
    target: str


@dataclass(frozen=True, slots=True)
class _Opinion:
    """A piece of text to be judged for ``target``; ``sign`` −1 where the rival gains what it loses.

    ``given`` is a score that the wording itself fixes, so that nothing needs to be judged.
    """

    target: str
    text: str
    weight: float
    sign: float = 1.0
    given: float | None = None


def judge_targets(
    text: str, names_by_target: Mapping[str, Sequence[str]], scorer: Scorer
) -> list[TargetJudgement]:
    """Return the sentiment toward each target, in the order given.

    ``names_by_target`` maps a target to all names that stand for it, its own included.
    """
    (document,) = scorer.judge([text])
    case = Targeted(text=text, names=names_by_target, document=document)
    return judge_all_targets([case], scorer)[0]


def judge_all_targets(cases: Sequence[Targeted], scorer: Scorer) -> list[list[TargetJudgement]]:
    """Return for each text the sentiment toward each of its targets; clauses are judged together.

    Only one target named, no rival in sight: the document's judgement. A target nobody speaks
    an opinion of is neutral. Names are compared folded.
    """
    opinions = [_opinions(case) for case in cases]
    open_texts = list(
        dict.fromkeys(one.text for many in opinions for one in many or () if one.given is None)
    )
    scores = dict(zip(open_texts, map(_opinion_score, scorer.judge(open_texts)), strict=True))
    return [
        _of_document(case) if many is None else _weigh(case, many, scores)
        for case, many in zip(cases, opinions, strict=True)
    ]


def named_targets(text: str, names_by_target: Mapping[str, Sequence[str]]) -> set[str]:
    """Return the targets of which a name stands in the part of the text that is looked at."""
    return {one.target for one in _mentions(fold(text[:LONGEST]).text, names_by_target)}


def speaks_of_rival(text: str) -> bool:
    """Return True if somebody unnamed is compared with (人家, 竞品, 原来那台)."""
    return _RIVAL_CUE.search(fold(text[:LONGEST]).text) is not None


def _opinion_score(judged: Judgement) -> float:
    opinionated = judged.label in (Sentiment.POSITIVE, Sentiment.NEGATIVE)
    return judged.score if opinionated and abs(judged.score) >= LEAST_OPINION else 0.0


def _of_document(case: Targeted) -> list[TargetJudgement]:
    """Return the document's judgement for the only target there is, or the only one named."""
    if case.document.label is Sentiment.UNKNOWN or len(case.names) <= 1:
        return [_target(name, case.document.label, case.document.score) for name in case.names]
    named = named_targets(case.text, case.names)
    return [
        _target(name, case.document.label, case.document.score)
        if name in named
        else _target(name, Sentiment.NEUTRAL, 0.0)
        for name in case.names
    ]


def _target(name: str, label: Sentiment, score: float) -> TargetJudgement:
    return TargetJudgement(name=name, label=label, score=score)


def _opinions(case: Targeted) -> list[_Opinion] | None:
    """Return who is said what of, or None where the whole document speaks of one target."""
    if case.document.label is Sentiment.UNKNOWN or not case.names:
        return None
    folded = fold(case.text[:LONGEST]).text
    mentions = _mentions(folded, case.names)
    named = {mention.target for mention in mentions}
    rivals = _rivals(folded, mentions)
    if not named or len(named | ({_RIVAL} if rivals else set())) < 2:  # no two sides
        return None
    everyone = sorted((*mentions, *rivals), key=lambda one: one.start)
    return list(_assign(folded, everyone))


def _rivals(folded: str, mentions: Sequence[_Mention]) -> list[_Mention]:
    """Return where somebody else is meant (人家, 竞品), but for 隔壁X, which names X itself."""
    named_at = {mention.start for mention in mentions}
    cues = _RIVAL_CUE.finditer(folded)
    return [_Mention(c.start(), c.end(), _RIVAL) for c in cues if c.end() not in named_at]


def _mentions(folded: str, names: Mapping[str, Sequence[str]]) -> list[_Mention]:
    """Return where targets are named, the longer name winning where two overlap."""
    found = [
        _Mention(hit.start(), hit.end(), target)
        for target, words in names.items()
        for word in dict.fromkeys(map(_folded_name, words))
        if word and word in folded
        for hit in _name_pattern(word).finditer(folded)
    ]
    kept: list[_Mention] = []
    for mention in sorted(found, key=lambda one: (one.start - one.end, one.start)):
        if all(mention.end <= other.start or other.end <= mention.start for other in kept):
            kept.append(mention)
    return sorted(kept, key=lambda one: one.start)


@lru_cache(maxsize=_NAMES_KEPT)
def _folded_name(name: str) -> str:
    return fold(name).text.strip()


@lru_cache(maxsize=_NAMES_KEPT)
def _name_pattern(word: str) -> re.Pattern[str]:
    """Return a pattern that finds a Latin name as a whole word only (vivo, not in vivox)."""
    before = r"(?<![a-z0-9])" if re.match(r"[a-z0-9]", word) else ""
    after = r"(?![a-z0-9])" if re.search(r"[a-z0-9]$", word) else ""
    return re.compile(f"{before}{re.escape(word)}{after}")


def _assign(folded: str, mentions: Sequence[_Mention]) -> Iterator[_Opinion]:
    """Yield an opinion for each clause and name it may speak of."""
    last = next(one.target for one in mentions if one.target != _RIVAL)
    for clause in clauses(folded):
        inside = [m for m in mentions if clause.start <= m.start and m.end <= clause.end]
        yield from _of_clause(folded, clause, inside, last)
        last = inside[-1].target if inside else last


def _of_clause(
    folded: str, clause: Clause, inside: Sequence[_Mention], last: str
) -> Iterator[_Opinion]:
    weight = TURN_WEIGHT if clause.turned else 1.0
    compared = _compared(folded, clause, inside, last)
    if compared is not None:
        better_or_worse, other, given = compared
        whole = _masked(folded, clause.start, clause.end, inside)
        yield _Opinion(better_or_worse, whole, weight, 1.0, given)
        yield _Opinion(other, whole, weight, -1.0, given)
        return
    if not inside:
        yield _Opinion(last, folded[clause.start : clause.end], weight)
        return
    starts = [clause.start, *(mention.start for mention in inside[1:]), clause.end]
    for mention, start, end in zip(inside, starts, starts[1:], strict=False):
        given = 1.0 if _prefers(folded, clause, mention) else None
        yield _Opinion(mention.target, _masked(folded, start, end, inside), weight, 1.0, given)


def _prefers(folded: str, clause: Clause, mention: _Mention) -> bool:
    """Return True for 还是X好: who is named this way was chosen over the others."""
    asked = folded[clause.end : clause.end + 1] == "?"
    return not asked and bool(_PREFERS.search(folded[clause.start : mention.start]))


def _compared(
    folded: str, clause: Clause, inside: Sequence[_Mention], last: str
) -> tuple[str, str, float | None] | None:
    """Return subject, other and a fixed score of the subject for X比Y强 and X不如Y, else None."""
    if not inside:
        return None
    other = inside[-1]
    subject = inside[0].target if len(inside) > 1 else last
    between_from = inside[0].end if len(inside) > 1 else clause.start
    between = folded[between_from : other.start]
    if subject == other.target:
        return None
    if _FIRM_BEATS.search(between):
        return subject, other.target, -1.0
    if not _COMPARES.search(between.rstrip()):
        return None
    return subject, other.target, _outcome(folded[other.end : clause.end])


def _outcome(said: str) -> float | None:
    """Return 1 if what follows 比Y says better, −1 if worse, None where it must be judged."""
    if _WORSE.search(said):
        return -1.0
    return 1.0 if _BETTER.search(said) else None


def _masked(folded: str, start: int, end: int, mentions: Sequence[_Mention]) -> str:
    """Return a piece with names replaced: a name must not colour the opinion of it."""
    pieces = []
    for mention in mentions:
        if start <= mention.start and mention.end <= end:
            pieces += [folded[start : mention.start], _PLACEHOLDER]
            start = mention.end
    return "".join([*pieces, folded[start:end]])


def _weigh(
    case: Targeted, opinions: Sequence[_Opinion], scores: Mapping[str, float]
) -> list[TargetJudgement]:
    """Return the weighted mean of what was said of each target; what says nothing has no weight."""
    judged = []
    for name in case.names:
        said = [
            (one.weight, one.sign * (scores[one.text] if one.given is None else one.given))
            for one in opinions
            if one.target == name
        ]
        total = sum(weight for weight, score in said if score)
        score = sum(weight * score for weight, score in said) / total if total else 0.0
        judged.append(_target(name, _label(score), score))
    return judged


def _label(score: float) -> Sentiment:
    if abs(score) < LEAST_LEANING:
        return Sentiment.NEUTRAL
    return Sentiment.POSITIVE if score > 0 else Sentiment.NEGATIVE
