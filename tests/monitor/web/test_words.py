"""Both languages say everything, with the same values in it."""

from __future__ import annotations

import re
import string
from pathlib import Path

import pytest

import monitor.web
from monitor.web.words import WORDS, Words, choose

WEB = Path(monitor.web.__file__).parent
SENTIMENTS = {"negative", "neutral", "positive", "unknown"}
BUILT = (
    "tier.",
    "state.",
    "condition.",
    "step.",
    "kpi.",
    "kind.",
    "post.",
    "risk.",
    "status.",
    "last.",
    "range.",
    "chart.",
    "deadline.",
    "acknowledge.",
)


def placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_a_sentence_has_the_same_values_in_both_languages(key):
    chinese, english = WORDS[key]
    assert chinese
    assert english
    assert placeholders(chinese) == placeholders(english)


def test_every_word_asked_for_exists_and_every_word_is_asked_for():
    text = "".join(
        path.read_text(encoding="utf-8")
        for path in [*WEB.rglob("*.html"), *WEB.glob("*.py")]
        if path.name != "words.py"
    )
    asked = set(re.findall(r'\bt\(["\']([a-z_.0-9]+)["\']', text)) | set(
        re.findall(r'\bwords\(\s*"([a-z_.0-9]+)"', text)
    )
    quoted = set(re.findall(r'["\']([a-z_.0-9]+)["\']', text))
    assert {key for key in asked - WORDS.keys() if not key.endswith(".")} == set()
    assert {key for key in WORDS if key not in quoted and not key.startswith(BUILT)} <= SENTIMENTS


@pytest.mark.parametrize(
    ("asked", "kept", "accepted", "lang"),
    [
        (None, None, None, "zh"),
        (None, None, "en-GB,en;q=0.9", "en"),
        (None, None, "fr,zh-CN;q=0.8,en", "zh"),
        (None, None, "fr", "zh"),
        (None, "en", "zh-CN", "en"),
        ("zh", "en", "en", "zh"),
        ("klingon", None, "en", "en"),
    ],
)
def test_how_the_language_is_chosen(asked, kept, accepted, lang):
    assert choose(asked, kept, accepted) == lang


def test_an_unknown_word_is_a_mistake_of_ours():
    with pytest.raises(KeyError):
        Words("zh")("no.such.word")
    assert Words("en").known("risk.weather", "weather") == "weather"
