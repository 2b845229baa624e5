"""Which language a text is in, as far as it matters here: read, or not read."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import islice
from typing import Final

READ: Final = frozenset({"zh", "en", "und"})
"""What is judged; ``und`` has no letters (digits, emoji), only its emoji speak."""

_HAN: Final = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN_WORD: Final = re.compile("[a-z\u00df-\u024f']+", re.IGNORECASE)
_OTHER: Final = re.compile("[\u0370-\u1fff\u3041-\u30ff\u3130-\u318f\ua960-\ud7ff\uff66-\uff9f]")
_SCRIPTS: Final = (
    ("ja", re.compile("[\u3041-\u30ff\uff66-\uff9f]")),
    ("ko", re.compile("[\u1100-\u11ff\u3130-\u318f\ua960-\ud7ff]")),
    ("ru", re.compile("[\u0400-\u052f]")),
    ("ar", re.compile("[\u0600-\u06ff\u0750-\u077f]")),
    ("th", re.compile("[\u0e00-\u0e7f]")),
    ("he", re.compile("[\u0590-\u05ff]")),
    ("hi", re.compile("[\u0900-\u097f]")),
    ("el", re.compile("[\u0370-\u03ff]")),
)
_SHORT: Final = 1500
_KANA_SHARE: Final = 0.2  # of Han and kana; a Chinese 超好吃の店 has less
_NOT_CHINESE: Final = re.compile(
    # other scripts, and all blocks with letters of _LATIN_WORD in either case: most posts hold none
    f"[{_OTHER.pattern[1:-1]}A-Za-z\u00c0-\u02af\u1e9e\u212a\u212b\u2c60-\u2c7f']"
)
_HAN_PER_LATIN_WORD: Final = 2
_COMMON: Final = {
    "en": "the a an is are was were and or of to in on for with it this that my i you we they not "
    "no but so very just have has had at be from by as your our their me what why how never will",
    "fr": "le la les des est une et pas je que qui dans pour avec très sur vous nous ce sont été",
    "de": "der die das und ist nicht ein eine ich mit für auf sehr wir sie es den dem zu von auch",
    "es": "el los las es una y no que muy para con por lo en del se pero como este está más",
    "it": "il di che non è una per con sono molto questo della anche ma gli ho",
    "pt": "o os as é uma e não que muito para com por em do da se mas como este está mais",
    "vi": "và là của không có được cho tôi này rất với người một",
    "id": "yang dan di ini itu tidak saya dengan untuk sangat ada dari",
}
_COMMON_WORDS: Final = {code: frozenset(words.split()) for code, words in _COMMON.items()}


def language(text: str) -> str:
    """Return the language code of a text: zh, en, another ISO 639-1 code, or und.

    Chinese with foreign words is zh, English that names a Chinese brand is en. The scorer and its
    caller ask for the same text: the short ones of the last batch are remembered.
    """
    return _language_of_short(text) if len(text) <= _SHORT else _language(text)


def _language(text: str) -> str:
    han = _HAN.search(text) is not None
    if han and _NOT_CHINESE.search(text) is None:
        return "zh"
    if _OTHER.search(text) is None:
        return _chinese_or_latin(text) if han else _latin(_LATIN_WORD.findall(text))
    counts = {code: len(script.findall(text)) for code, script in _SCRIPTS}
    code = max(counts, key=lambda one: counts[one])
    if not counts[code]:
        return "zh" if han else "und"
    own = len(_HAN.findall(text))
    foreign = counts[code] >= max(1, _KANA_SHARE * (own + counts[code]))
    if not foreign or (code != "ja" and own > counts[code]):
        return _chinese_or_latin(text) if own else _latin(_LATIN_WORD.findall(text))
    return code


_language_of_short = lru_cache(maxsize=512)(_language)


def _chinese_or_latin(text: str) -> str:
    words = _LATIN_WORD.findall(text)
    enough = math.ceil(len(words) / _HAN_PER_LATIN_WORD)
    han = sum(1 for _ in islice(_HAN.finditer(text), enough))
    return "zh" if han == enough else _latin(words)


def _latin(words: list[str]) -> str:
    """Return the language whose commonest words occur most; a few words alone pass as English."""
    if not words:
        return "und"
    lowered = [word.lower() for word in words]
    counts = {
        code: sum(word in common for word in lowered) for code, common in _COMMON_WORDS.items()
    }
    best = max(counts, key=lambda code: counts[code])
    return "en" if counts[best] <= counts["en"] else best
