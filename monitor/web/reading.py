"""Why a post was judged as it was: the words behind the score, read anew for the rows on a page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache
from typing import Any

from sqlalchemy import RowMapping

from analysis.model import Document, Judgement, Word
from analysis.understand import Understander

REMEMBERED = 1_000
LEAST_WEIGHT = 0.3
MOST_WORDS = 5


class Reader:
    """Explains posts in this process, about 5 ms each; the last thousand answers are remembered."""

    def __init__(self, scorer: str) -> None:
        self._scorer = scorer
        self._judged = lru_cache(maxsize=REMEMBERED)(self._judge)

    @cached_property
    def _understander(self) -> Understander:
        return Understander((), self._scorer)

    def _judge(self, document: Document) -> Judgement:
        return self._understander.explain(document)

    def words(self, row: Mapping[str, Any] | RowMapping) -> list[Word]:
        """Return the words that say most about the judgement of a mention's post, heaviest first."""
        document = Document(text=row["text"], title=row["title"] or "")
        return telling(self._judged(document).words, row["hits"])


def telling(words: Sequence[Word], hits: Sequence[Sequence[int]]) -> list[Word]:
    """Return up to five words of weight; not the name that was looked for, nor a part of one taken."""
    taken: list[Word] = []
    for word in sorted(words, key=lambda one: -abs(one.weight)):
        is_light = abs(word.weight) < LEAST_WEIGHT
        is_name = any(start <= word.start and word.end <= end for start, end in hits)
        is_part = any(one.start < word.end and word.start < one.end for one in taken)
        is_again = word.text in {one.text for one in taken}
        if not (is_light or is_name or is_part or is_again):
            taken.append(word)
    return taken[:MOST_WORDS]
