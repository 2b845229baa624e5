"""SnowNLP behind the scorer's port: for comparison only, never the default.

It was trained on shop reviews, has no neutral class and judges about 80 posts a second. Importing it
costs seconds and 400 MB, so this happens when it is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import metadata
from typing import Final

from analysis.language import READ, language
from analysis.model import Judgement, Sentiment
from analysis.text import fold

LEAD: Final = 300
NEGATIVE_BELOW: Final = 0.4
POSITIVE_ABOVE: Final = 0.6


class SnowNlpScorer:
    """SnowNLP's probability of positive, cut at 0.4 and 0.6 into three classes."""

    def __init__(self) -> None:
        from snownlp import SnowNLP  # see the module's docstring

        self._read = SnowNLP

    @property
    def version(self) -> str:
        """The version of the installed package."""
        return f"snownlp-{metadata.version('snownlp')}"

    def judge(self, texts: Sequence[str], *, with_words: bool = False) -> list[Judgement]:
        """Return one judgement per text (its first 300 characters); there are never words."""
        return [self._judge(text[:LEAD]) for text in texts]

    def _judge(self, text: str) -> Judgement:
        if language(text) not in READ:
            return Judgement(label=Sentiment.UNKNOWN, score=0.0, confidence=0.0)
        folded = fold(text).text
        return of_probability(float(self._read(folded).sentiments) if folded.strip() else 0.5)


def of_probability(positive: float) -> Judgement:
    """Return the judgement of a probability of positive 0…1, which knows no neutral.

    Between the cuts the label is neutral; confidence is 1 in its middle and falls to the cuts.
    """
    if positive < NEGATIVE_BELOW:
        label, confidence = Sentiment.NEGATIVE, 1 - positive
    elif positive > POSITIVE_ABOVE:
        label, confidence = Sentiment.POSITIVE, positive
    else:
        label, confidence = Sentiment.NEUTRAL, 1 - abs(2 * positive - 1)
    return Judgement(label=label, score=2 * positive - 1, confidence=confidence)
