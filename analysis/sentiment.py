"""Sentiment of texts: the port every engine fills, and the linear engine that ships.

The log-odds of a class are those of the character n-gram model plus those of the rules; both are
sums over places of the text, so the words shown explain the score exactly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from importlib import resources
from itertools import accumulate
from operator import add, sub
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol, Self

import numpy as np

from analysis.clauses import last_turn
from analysis.features import Grams, Reduced, grams, reduce_all
from analysis.language import READ, language
from analysis.model import AnalysisError, Judgement, Sentiment, Word
from analysis.rules import NEUTRAL_PRIOR, RuleHit, chinese_hits, english_hits, shifts
from analysis.text import Folded, fold
from analysis.weights import CLASSES, Floats, Weights, parse_weights

if TYPE_CHECKING:
    from analysis.segment import Segmenter

LONGEST: Final = 1000
"""Characters that are looked at; callers choose a better excerpt (title and lead)."""
TOP_WORDS: Final = 6
_BATCH: Final = 128
_LEAST_PULL: Final = 0.02
_TURN_WEIGHT: Final = 0.5
"""How much more the part after the last 但是 counts; of 0, 0.3, 0.5, 1 the best on held-out rows."""

_HAS_LETTER: Final = re.compile(r"[^\W_]")

_Weighed = tuple[tuple[int, int], float]
"""A place of the folded text and how far it pulls to positive."""

UNREAD: Final = Judgement(label=Sentiment.UNKNOWN, score=0.0, confidence=0.0)


class Scorer(Protocol):
    """An engine that judges texts. The same text gets the same answer in any batch."""

    @property
    def version(self) -> str:
        """The engine and version stored with each judgement."""

    def judge(self, texts: Sequence[str], *, with_words: bool = False) -> list[Judgement]:
        """Return one judgement per text, in order; ``words`` stay empty unless asked for.

        A text in a language we do not read is ``unknown`` with score and confidence 0.
        """


class _Case(NamedTuple):
    """A text on its way: ``seen`` is what the model gets (it learned Chinese only)."""

    original: str
    lang: str
    folded: Folded
    reduced: Reduced
    seen: str
    after_turn: str
    hits: Sequence[RuleHit]


class LinearScorer:
    """The linear model over character 1- to 3-grams with a thin rule layer; numpy only."""

    def __init__(self, weights: Weights) -> None:
        self._weights = weights

    @classmethod
    def load(cls) -> Self:
        """Return the scorer of the bundled weights. AnalysisError if they are of another format."""
        content = resources.files("analysis").joinpath("data/sentiment.npz").read_bytes()
        return cls(parse_weights(content))

    @property
    def version(self) -> str:
        """The version of the weights."""
        return self._weights.version

    def judge(self, texts: Sequence[str], *, with_words: bool = False) -> list[Judgement]:
        """Return one judgement per text; of each the first ``LONGEST`` characters count.

        ``words`` are the strongest words and every rule hit, the strongest first, with offsets
        into the original text. A hit that only speaks for neutral has weight 0.
        """
        judged: list[Judgement] = []
        for start in range(0, len(texts), _BATCH):
            cases = _cases([text[:LONGEST] for text in texts[start : start + _BATCH]])
            judged.extend(self._judge(cases, with_words))
        return judged

    def _judge(self, cases: Sequence[_Case], with_words: bool) -> Iterator[Judgement]:
        found = grams([*(case.seen for case in cases), *(case.after_turn for case in cases)])
        pulls = self._pulls(found) if with_words else [None] * len(cases)
        for case, odds, pull in zip(cases, self._log_odds(found, cases), pulls, strict=True):
            if case.lang in READ:
                yield judgement(odds, () if pull is None else _words(case, pull))
            else:
                yield UNREAD

    def _log_odds(self, found: Grams, cases: Sequence[_Case]) -> Iterator[list[float]]:
        margins = self._weights.margins(found)
        whole, tail = margins[: len(cases)], margins[len(cases) :]
        turned = np.array([bool(case.after_turn) for case in cases])[:, None]
        rows = (whole + _TURN_WEIGHT * turned * tail) / self._weights.temperature
        for case, row in zip(cases, rows.tolist(), strict=True):
            model = row if case.seen else [0.0, NEUTRAL_PRIOR, 0.0]
            yield list(map(add, model, shifts(case.hits))) if case.hits else model

    def _pulls(self, found: Grams) -> list[Floats]:
        pulls = self._weights.pulls(found)
        half = len(pulls) // 2
        for whole, tail in zip(pulls[:half], pulls[half:], strict=True):
            if len(tail):
                whole[-len(tail) :] += _TURN_WEIGHT * tail
        return [pull / self._weights.temperature for pull in pulls[:half]]


def judgement(log_odds: Sequence[float], words: tuple[Word, ...] = ()) -> Judgement:
    """Return the judgement of three log-odds in the order of ``CLASSES``; a tie goes to neutral."""
    highest = max(log_odds)
    exponentials = [math.exp(value - highest) for value in log_odds]
    total = math.fsum(exponentials)
    negative, neutral, positive = [value / total for value in exponentials]
    confidence = max(negative, neutral, positive)
    label = Sentiment.NEUTRAL
    if neutral < confidence:
        label = CLASSES[0] if negative == confidence else CLASSES[2]
    return Judgement(label=label, score=positive - negative, confidence=confidence, words=words)


def scorer(name: str = "linear") -> Scorer:
    """Return an engine by name: ``linear`` (the default) or ``snownlp`` (for comparison).

    Loads it on first use and keeps it. AnalysisError names the known ones.
    """
    if name not in _ENGINES:
        raise AnalysisError(f"unknown scorer {name!r}; known: {', '.join(_ENGINES)}")
    return _loaded(name)


@cache
def _loaded(name: str) -> Scorer:
    return _ENGINES[name]()


def _snownlp() -> Scorer:
    from analysis.snownlp_scorer import SnowNlpScorer  # 2 s and 400 MB

    return SnowNlpScorer()


_ENGINES: Final[dict[str, Callable[[], Scorer]]] = {
    "linear": LinearScorer.load,
    "snownlp": _snownlp,
}


@cache
def _word_segmenter() -> Segmenter:
    from analysis.segment import segmenter  # loads a dictionary: only who asks for words waits

    return segmenter()


def _cases(texts: Sequence[str]) -> list[_Case]:
    folded = [fold(text) for text in texts]
    return list(map(_case, texts, folded, reduce_all([one.text for one in folded])))


def _case(text: str, folded: Folded, reduced: Reduced) -> _Case:
    lang = language(text)
    seen = reduced.text if lang == "zh" else ""
    return _Case(text, lang, folded, reduced, seen, _after_turn(seen), _hits(lang, folded.text))


def _after_turn(seen: str) -> str:
    start = last_turn(seen)
    return "" if start is None else seen[start:]


def _hits(lang: str, folded: str) -> Sequence[RuleHit]:
    if lang == "en":
        return english_hits(folded)
    return chinese_hits(folded) if lang in READ else ()


def _words(case: _Case, pull: Floats) -> tuple[Word, ...]:
    """Return the words that pull hardest and all rule hits; equal places are added up."""
    words = list(_strongest(case, pull))
    if case.hits:
        words = _with_hits(words, case.hits)
    return tuple([_word(case, place, weight) for place, weight in words])


def _with_hits(words: Sequence[_Weighed], hits: Sequence[RuleHit]) -> list[_Weighed]:
    weights = dict(words)
    for hit in hits:
        place = (hit.start, hit.end)
        weights[place] = weights.get(place, 0.0) + hit.pull
    return sorted(weights.items(), key=lambda item: (-abs(item[1]), item[0]))


def _word(case: _Case, place: tuple[int, int], weight: float) -> Word:
    start, end = case.folded.place(*place)
    return Word(text=case.original[start:end], start=start, end=end, weight=weight)


def _strongest(case: _Case, pull: Floats) -> Iterator[_Weighed]:
    """Yield up to ``TOP_WORDS`` words, the strongest first, out of the pulls of characters."""
    if not len(pull):
        return
    # plain lists: for the fifty words of a post they are several times faster than arrays
    pulls = case.reduced.spread(pull, len(case.folded.text))
    until = list(accumulate(pulls, initial=0.0))
    words = _word_segmenter().cut(case.folded.text)
    ends = list(accumulate(map(len, words)))
    totals = list(map(until.__getitem__, ends))
    summed = list(map(sub, totals, [0.0, *totals]))
    strength = list(map(abs, summed))
    shown = 0
    for index in sorted(range(len(words)), key=strength.__getitem__, reverse=True):
        if shown == TOP_WORDS or strength[index] < _LEAST_PULL:
            return
        if _HAS_LETTER.search(words[index]):
            yield (ends[index] - len(words[index]), ends[index]), summed[index]
            shown += 1
