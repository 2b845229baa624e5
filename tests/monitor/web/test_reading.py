"""Which words are shown as reasons, and that reading is remembered."""

from __future__ import annotations

import pytest

from analysis.model import Word
from monitor.web.reading import Reader, telling


def word(text: str, start: int, weight: float) -> Word:
    return Word(text=text, start=start, end=start + len(text), weight=weight)


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ([word("退款", 4, -0.5), word("恶心", 8, -1.5)], ["恶心", "退款"]),
        ([word("用", 4, 0.1), word("退款", 5, -0.5)], ["退款"]),
        ([word("栗屿", 0, -0.9), word("退款", 5, -0.5)], ["退款"]),
        ([word("喝完腹泻", 4, -1.6), word("腹泻", 6, -0.4)], ["喝完腹泻"]),
        ([word("退款", 4, -0.5), word("退款", 9, -0.5)], ["退款"]),
        (
            [word(f"词{at}", 4 + 3 * at, 1 + at) for at in range(9)],
            ["词8", "词7", "词6", "词5", "词4"],
        ),
    ],
    ids=["heaviest first", "light", "the name itself", "part of another", "again", "five at most"],
)
def test_the_telling_words(words, shown):
    assert [one.text for one in telling(words, [[0, 2]])] == shown


def test_the_same_post_is_explained_the_same_way():
    reader = Reader("linear")
    row = {"text": "喝完拉肚子,要求退款", "title": None, "hits": []}
    first = reader.words(row)
    assert first
    assert all(row["text"][one.start : one.end] == one.text for one in first)
    assert reader.words(row) == first == Reader("linear").words(row)
