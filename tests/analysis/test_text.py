"""Folding: one form for comparing, with the way back to the original characters."""

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from analysis.model import Span
from analysis.text import fold
from analysis.traditional import MOST_SPELLINGS, derive, load, spellings

# Dense in what resizes: ligatures, squared units, combining marks, jamo, zero-width characters.
LIVELY = st.text(
    st.sampled_from(
        "aB9Ａ９，。…㎏ﬁßİ①⑩½e\u0301\u0323\u0345か\u3099ｶﾞ각\u1100\u1161\u11a8"
        "\u200b\ufeff\ufe0f\u2764著臺台車车 \u3000\n“”’—🔥\U00020000\U0001f1e8"
    )
)
ANY = st.text() | LIVELY


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        pytest.param("ＩＰｈｏｎｅ１５", "iphone15", id="full width and upper case"),
        pytest.param("，！？（）：；～", ",!?():;~", id="full-width punctuation"),
        pytest.param("。、《》", "。、《》", id="punctuation without a half-width form stays"),
        pytest.param("“好”‘坏’「佳」—", "\"好\"'坏'\"佳\"-", id="quotes and dashes have one form"),
        pytest.param("電池爆炸，後續追蹤報導", "电池爆炸,后续追踪报导", id="traditional to simplified"),
        pytest.param("著火", "着火", id="着 written the Taiwanese way"),
        pytest.param("瞭解", "了解", id="a character whose reading depends on the word"),
        pytest.param("什么", "什么", id="么 is simplified already"),
        pytest.param("㎏…⑩", "kg...10", id="one character that stands for several"),
        pytest.param("e\u0301t", "ét", id="a combining mark melts into its letter"),
        pytest.param("ｶﾞｽ", "ガス", id="half-width kana with a voicing mark"),
        pytest.param("起\u200b火\ufeff", "起火", id="zero-width characters vanish"),
        pytest.param("\u202e起火\u202c", "起火", id="bidirectional controls vanish"),
        pytest.param("❤\ufe0f", "❤", id="variation selectors vanish"),
        pytest.param("STRASSE Straße", "strasse strasse", id="full case folding"),
        pytest.param("ΟΔΟΣ οδος", "οδοσ οδοσ", id="final sigma"),
        pytest.param("", "", id="empty"),
        pytest.param("\u200b", "", id="nothing visible"),
        pytest.param("a\ud800b", "a\ufffdb", id="a lone surrogate harms nobody"),
    ],
)  # fmt: skip
def test_texts_fold_to_one_form(text: str, folded: str):
    assert fold(text).text == folded


@pytest.mark.parametrize(
    ("text", "part", "original"),
    [
        pytest.param("電池起火", "起火", "起火", id="same length"),
        pytest.param("重5㎏左右", "kg", "㎏", id="an expanded character whole"),
        pytest.param(
            "重5㎏左右", "g左", "㎏左", id="cut through an expanded character at the start"
        ),
        pytest.param("重5㎏左右", "5k", "5㎏", id="cut through an expanded character at the end"),
        pytest.param("重5㎏左右", "左右", "左右", id="behind an expanded character"),
        pytest.param("起\u200b火了", "起火", "起\u200b火", id="an invisible character inside"),
        pytest.param("\u200b起火\u200b了", "起火", "起火", id="invisible characters at the edges"),
        pytest.param("电\u200b\u200b起火", "起火", "起火", id="behind invisible characters"),
        pytest.param("cafe\u0301好", "é", "e\u0301", id="a letter with its mark"),
        pytest.param("很好……起火", "好", "好", id="in front of an expanded character"),
    ],
)
def test_a_range_leads_back_to_the_original(text: str, part: str, original: str):
    folded = fold(text)
    start = folded.text.index(part)

    span = folded.span(start, start + len(part))

    assert text[span.start : span.end] == original


@given(LIVELY)
@example("a\u200b\u0301")
@example("㎏\u0301")
def test_folding_twice_changes_nothing(text: str):
    once = fold(text).text

    assert fold(once).text == once


@given(st.text() | LIVELY)
def test_folding_agrees_with_unicode_but_for_our_additions(text: str):
    """Where no additions apply, the result is exactly NFKC and case folding, until stable."""
    expected = text
    for _ in range(3):
        expected = unicodedata.normalize("NFKC", expected).casefold()
    if len(fold(expected).text) == len(expected) == len(text):
        assert fold(text).text == fold(expected).text


@given(ANY, st.data())
def test_every_range_folds_back_to_what_it_came_from(text: str, data: st.DataObject):
    folded = fold(text)
    if not folded.text:
        return
    start = data.draw(st.integers(0, len(folded.text) - 1))
    end = data.draw(st.integers(start + 1, len(folded.text)))

    span = folded.span(start, end)

    assert 0 <= span.start < span.end <= len(text)
    assert folded.text[start:end] in fold(text[span.start : span.end]).text


def test_the_whole_text_maps_onto_itself():
    text = "㎏ 电池…起火 ﬁ"

    assert fold(text).span(0, len(fold(text).text)) == Span(start=0, end=len(text))


def test_every_character_of_unicode_folds_as_nfkc_and_case_folding_say():
    """Guards the block list: a block missed there would keep its characters as they are."""
    special = set(load()) | set("“”„‟「」『』〝〞‘’‚‛‐‒–—―−")
    strange = []
    for char in map(chr, (*range(0xD800), *range(0xE000, 0x110000))):
        expected = unicodedata.normalize("NFKC", char).casefold()
        if expected != char and special.isdisjoint(char + expected) and fold(char).text == char:
            strange.append(char)

    assert not strange


def test_the_bundled_table_is_what_opencc_says():
    pytest.importorskip("opencc", reason="the train extra is not installed")
    rows = [line for line in derive().splitlines() if not line.startswith("#")]
    pairs = "".join(rows)

    assert load() == dict(zip(pairs[::2], pairs[1::2], strict=True))


def test_the_bundled_table_leads_to_simplified_characters_in_one_step():
    pairs = load()
    chained = {char for char in pairs if fold(char).text != fold(pairs[char]).text}

    assert not chained


@pytest.mark.parametrize(
    ("text", "expected"),
    [("abc", ["abc"]), ("云雀", {"云雀", "雲雀"}), ("发", {"发", "發", "髮"})],
)
def test_a_simplified_term_is_spelt_in_traditional_characters_too(text, expected):
    assert set(spellings(text)) >= set(expected)
    assert len(spellings("发台后干里面系云雀汽车")) <= MOST_SPELLINGS
