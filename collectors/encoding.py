"""Which characters the bytes of a feed or a page mean.

Labels lie: of 37 recorded Chinese pages 8 declare GBK and are UTF-8, and Apache's default
header says ISO-8859-1 for all of them. So the bytes are asked first and labels only break ties.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass

_LABEL_BYTES = 4096
_LABEL = re.compile(rb"""(?:charset|encoding)\s*=\s*["']?\s*([\w.:-]+)""", re.IGNORECASE)
_CUT_CHARACTER_BYTES = 3
# Up to one broken sequence in twenty is damage in a UTF-8 text, more is another encoding:
# GBK read as UTF-8 breaks nearly everywhere.
_DAMAGE_PER_CHARACTER = 20
_BROKEN_PENALTY = 20
_BROKEN = "\ufffd"
_COMMON_HAN = frozenset(
    "的一是不了在有人这中大为上个国我以要他时来用们到作地于出就分对成会可主发年動這為個國來時們對會發"
)
_SCORED_CHARACTERS = 200_000
_UTF8 = "utf-8"
_SUPERSETS = {
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "hz": "gb18030",
    "big5": "big5hkscs",
    "iso8859-1": "cp1252",  # browsers read it so, and so do the people who label it so
    "ascii": "cp1252",
}
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
    common Han characters; for other scripts the label if it fits, else windows-1252 (no
    statistical detector: its answer would change with its version). ``charset`` is the Content-Type parameter.
    """
    for mark, encoding in _BYTE_ORDER_MARKS:
        if body.startswith(mark):
            return Decoded(body[len(mark) :].decode(encoding, "replace"), encoding)
    if wide := _unmarked_utf16(body):
        return Decoded(body.decode(wide, "replace"), wide)
    if (text := _as_utf8(body)) is not None:
        return Decoded(text, _UTF8)
    return _best_chinese(body, charset) or _other_script(body, charset)


def to_utf8(body: bytes, charset: str | None = None) -> tuple[bytes, str]:
    """Return ``body`` as valid UTF-8 without a byte order mark, and the encoding it came in."""
    decoded = decode(body, charset)
    if decoded.encoding == _UTF8 and _BROKEN not in decoded.text:
        return body.removeprefix(codecs.BOM_UTF8), _UTF8
    return decoded.text.encode(_UTF8, "replace"), decoded.encoding


def _unmarked_utf16(body: bytes) -> str | None:
    head = body[:4]
    if head[:1] == b"<" and head[1::2] == b"\0\0":
        return "utf-16-le"
    if head[1:2] == b"<" and head[0::2] == b"\0\0":
        return "utf-16-be"
    return None


def _as_utf8(body: bytes) -> str | None:
    try:
        return body.decode(_UTF8)
    except UnicodeDecodeError as error:
        cut_off = error.start >= len(body) - _CUT_CHARACTER_BYTES and error.start > 0
    text = body.decode(_UTF8, "replace")
    broken = text.count(_BROKEN)
    # bytes - characters counts the continuation bytes: 1 to 3 for each whole character.
    whole = (len(body) - len(text)) // 2
    if broken * _DAMAGE_PER_CHARACTER <= whole:
        return text
    return text if cut_off and broken == 1 and whole > 0 else None


def _best_chinese(body: bytes, charset: str | None) -> Decoded | None:
    best: tuple[int, Decoded] | None = None
    for encoding in _candidates(body, charset, "gb18030", "big5hkscs"):
        decoded = Decoded(body.decode(encoding, "replace"), encoding)
        score = _han_score(decoded.text)
        if score > 0 and (best is None or score > best[0]):
            best = (score, decoded)
    return best[1] if best else None


def _han_score(text: str) -> int:
    sample = text[:_SCORED_CHARACTERS]
    common = sum(map(_COMMON_HAN.__contains__, sample))
    return common - _BROKEN_PENALTY * sample.count(_BROKEN)


def _other_script(body: bytes, charset: str | None) -> Decoded:
    for encoding in _candidates(body, charset):
        text = body.decode(encoding, "replace")
        if _BROKEN not in text:
            return Decoded(text, encoding)
    return Decoded(body.decode("cp1252", "replace"), "cp1252")


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
    return _SUPERSETS.get(found.name, found.name)
