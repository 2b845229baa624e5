"""Which characters the bytes of a feed or a page mean.

Labels lie: of 37 recorded Chinese pages 8 declare GBK and are UTF-8, and Apache's default
header says ISO-8859-1 for all of them. So the bytes are asked first and labels only break ties.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_LABEL_BYTES = 4096
_LABEL = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_CUT_CHARACTER_BYTES = 3
# Up to one broken sequence in twenty is damage in a UTF-8 text, more is another encoding:
# GBK read as UTF-8 breaks nearly everywhere.
_DAMAGE_PER_CHARACTER = 20
_BROKEN_PENALTY = 20
_BROKEN_PENALTY_IF_DAMAGED = 2
_BROKEN = "\ufffd"
_COMMON_HAN = frozenset(
    "的一是不了在有人这中大为上个国我以要他时来用们到作地于出就分对成会可主发年動這為個國來時們對會發"
)
_SCORED_CHARACTERS = 200_000
_SCORED_BYTES = 4 * _SCORED_CHARACTERS  # no encoding takes more for a character
_PIECE_BYTES = 32 * 1024
_CHINESE = ("gb18030", "big5hkscs")
# One common character in this many bytes beyond ASCII makes a text plainly Chinese: one in 6 to 52
# in recorded articles, fewer in pages of names and menus and in other scripts read as Chinese.
_PLAINLY = 40
_ASCII_LESS = bytes(range(0x80, 0x100))
_KANA = re.compile("[のをにはがでとたしてるっいなかもれンスルー]|[一人日本年大中国上会]")
_HANGUL = re.compile("[이다는의에을를가고하지로한은니서도기사들있]")
# Pairs, because a lone Cyrillic letter is a French à or ß in windows-1252.
_CYRILLIC = re.compile(
    "ст|но|то|на|ен|ов|ни|ра|во|ко|пр|ро|ть|ли|по|ет|ер|ал|ре|не|го|ан|ва|ки|ль|ом"
)
_COMMON_ELSEWHERE = {
    "shift_jis": _KANA, "cp932": _KANA, "euc_jp": _KANA, "iso2022_jp": _KANA,
    "euc_kr": _HANGUL, "cp949": _HANGUL, "johab": _HANGUL,
    "cp1251": _CYRILLIC, "koi8-r": _CYRILLIC, "koi8-u": _CYRILLIC, "iso8859-5": _CYRILLIC, "cp866": _CYRILLIC,
    "mac-cyrillic": _CYRILLIC,
}  # fmt: skip
_UNLABELLED = ("cp932", "euc_jp", "cp949", "cp1251", "koi8-r")
_WIDE_STARTS = {
    "utf-16-le": re.compile(rb"(?:[ \t\r\n]\0)*+[<{]\0[^\0]\0"),
    "utf-16-be": re.compile(rb"(?:\0[ \t\r\n])*+\0[<{]\0[^\0]"),
}
_UTF8 = "utf-8"
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",  # browsers read it so, and so do the people who label it so
    "ascii": "cp1252",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# No page is written in them; some fail or take long on what pages hold.
_NO_PAGE = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "utf-7", "undefined", "mbcs", "oem"})  # fmt: skip
# Longest first: the UTF-32 mark begins with the UTF-16 mark.
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, _UTF8),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


@dataclass(frozen=True, slots=True)
class Decoded:
    """A text and the encoding it was read with; broken bytes have become U+FFFD."""

    text: str
    encoding: str


def decode(body: bytes, charset: str | None = None) -> Decoded:
    """Return the text of ``body``.

    In this order: byte order mark; UTF-8 if valid (it wins over every label); UTF-8 with a
    few damaged characters; the best of header ``charset``, inner label, GB18030 and Big5 by
    common Han characters, a label of Japanese, Korean or Russian by what is common there; where
    little Chinese is found the usual encodings of those scripts too; else the label if it fits,
    else windows-1252 (no statistical detector: its answer would change with its version).
    ``charset`` is the Content-Type parameter.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return Decoded(body[len(mark) :].decode(encoding, "replace"), encoding)
    if wide := _unmarked_utf16(body):
        return Decoded(body.decode(wide, "replace"), wide)
    if (text := _as_utf8(body)) is not None:
        return Decoded(text, _UTF8)
    return _best_by_script(body, charset) or _labelled(body, charset)


def to_utf8(body: bytes, charset: str | None = None) -> tuple[bytes, str]:
    """Return ``body`` as valid UTF-8 without a byte order mark, and the encoding it came in."""
    decoded = decode(body, charset)
    if decoded.encoding == _UTF8 and _BROKEN not in decoded.text:
        return body.removeprefix(codecs.BOM_UTF8), _UTF8
    return decoded.text.encode(_UTF8, "replace"), decoded.encoding


def is_for_pages(label: str) -> bool:
    """Return whether pages are written in the encoding of that name."""
    return _codec_name(label) is not None


def _unmarked_utf16(body: bytes) -> str | None:
    """Return the UTF-16 of markup or JSON, by its first two characters: ASCII beside zero bytes."""
    if b"\0" not in body[:2]:
        return None
    return next((name for name, start in _WIDE_STARTS.items() if start.match(body)), None)


def _as_utf8(body: bytes) -> str | None:
    try:
        return body.decode(_UTF8)
    except UnicodeDecodeError as error:
        cut_off = error.start >= len(body) - _CUT_CHARACTER_BYTES and error.start > 0
    text = _read_as(body, _UTF8)
    broken = text.count(_BROKEN)
    # bytes - characters counts the continuation bytes: 1 to 3 for each whole character.
    whole = (len(body) - len(text)) // 2
    if broken * _DAMAGE_PER_CHARACTER <= whole:
        return text
    return text if cut_off and broken == 1 and whole > 0 else None


def _best_by_script(body: bytes, charset: str | None) -> Decoded | None:
    """Return the reading with the most that is common in its script, None where nothing is."""
    chinese = tuple(_candidates(body, charset, *_CHINESE))
    best, score = _best_of(chinese, body, _BROKEN_PENALTY)
    if score * _PLAINLY >= _beyond_ascii(body):
        return best
    # Thin: the text is short of words, damaged by its author's software, or not Chinese.
    damaged, its_score = _best_of(chinese, body, _BROKEN_PENALTY_IF_DAMAGED)
    other, others_score = _best_of(_UNLABELLED, body, _BROKEN_PENALTY)
    return other if others_score > its_score else best or damaged


def _best_of(encodings: Iterable[str], body: bytes, penalty: int) -> tuple[Decoded | None, int]:
    best, highest = None, 0
    sample = body[:_SCORED_BYTES]
    for encoding in encodings:
        score = _score(Decoded(_read_as(sample, encoding), encoding), penalty)
        if score > highest:
            best, highest = encoding, score
    return (Decoded(_read_as(body, best), best) if best else None), highest


def _read_as(body: bytes, encoding: str) -> str:
    """Return ``body`` decoded piece by piece: one call for ten broken megabytes holds all threads up."""
    if len(body) <= _PIECE_BYTES:
        return body.decode(encoding, "replace")
    reader = codecs.getincrementaldecoder(encoding)("replace")
    pieces = [
        reader.decode(body[at : at + _PIECE_BYTES]) for at in range(0, len(body), _PIECE_BYTES)
    ]
    return "".join((*pieces, reader.decode(b"", final=True)))


def _score(decoded: Decoded, penalty: int) -> int:
    sample = decoded.text[:_SCORED_CHARACTERS]
    damage = penalty * sample.count(_BROKEN)
    if pattern := _COMMON_ELSEWHERE.get(decoded.encoding):
        return sum(map(len, pattern.findall(sample))) - damage
    return sum(map(_COMMON_HAN.__contains__, sample)) - damage


def _beyond_ascii(body: bytes) -> int:
    sample = body[: 2 * _SCORED_CHARACTERS]
    return len(sample) - len(sample.translate(None, _ASCII_LESS))


def _labelled(body: bytes, charset: str | None) -> Decoded:
    for encoding in _candidates(body, charset):
        text = _read_as(body, encoding)
        if _BROKEN not in text:
            return Decoded(text, encoding)
    return Decoded(_read_as(body, "cp1252"), "cp1252")


def _candidates(body: bytes, charset: str | None, *more: str) -> Iterator[str]:
    inner = _LABEL.search(body[:_LABEL_BYTES])
    labels = (charset, inner.group(1).decode("ascii", "replace") if inner else None, *more)
    seen = {_UTF8}  # refused above
    for label in labels:
        name = _codec_name(label) if label else None
        if name and name not in seen:
            seen.add(name)
            yield name


def _codec_name(label: str) -> str | None:
    """Return Python's codec for ``label``, widened to what browsers read it as."""
    try:
        found = codecs.lookup(label.strip().strip("\"'"))
        "".encode(found.name)  # codecs that are no text encodings (hex, zlib) refuse this
    except (LookupError, ValueError):
        return None
    return None if found.name in _NO_PAGE else _SUPERSETS.get(found.name, found.name)
