"""Counts and ratings as pages write them: 1.2万, 3亿, 100万+, 12.3K; star-4_5, ★★★★☆."""

from __future__ import annotations

import re
import unicodedata

_LONGEST = 200
_TOO_MANY = 1e18  # what a 64-bit column holds
_SCALES = {
    "十": 10, "百": 100, "千": 1_000, "万": 10_000, "百万": 10**6, "千万": 10**7, "十万": 10**5,
    "亿": 10**8, "十亿": 10**9, "百亿": 10**10, "千亿": 10**11, "万亿": 10**12,
    "k": 1_000, "w": 10_000, "m": 10**6, "b": 10**9,
}  # fmt: skip
_SIMPLIFIED = str.maketrans("萬億兩〇○", "万亿两零零")
# A figure: grouped by commas in threes, or plain; not a part of a longer one (1.2.3, 12:30, 1e5).
_FIGURE = re.compile(
    r"(?<![\d.,])(?<!\d[eE:/-])(?P<minus>(?<!\w)-)?(?P<figure>\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?)"
    r"(?:\s*[多余来几]?(?P<scale>[十百千]?万亿|[十百千]?[万亿]|[千百十](?![\u4e00-\u9fff])|[kKwWmMbB](?![A-Za-z]))"
    r"|(?![.,:/-]?\d|[eE][\d+-]))"
)
_NEXT_PART = re.compile(r"(?P<figure>\d{1,4})(?P<scale>[十百千]?万|[千百十])(?![\u4e00-\u9fff])")
# Without figures words hold numerals too (一般, 万一): only a count that stands at the end is one.
_HAN = re.compile(
    r"(?:^|[\s:(约近超]|阅读|播放|浏览|热度|评论|点赞)"
    r"(?P<number>[一二两三四五六七八九十百千][零一二两三四五六七八九十百千万亿]*)"
    r"[多余]?\+?\s*(?:次|人|条|个|赞|阅读|浏览|播放|评论|热度)*\)?$"
)
_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")} | {"两": 2}
_SMALL_SCALES = {"十": 10, "百": 100, "千": 1_000}

_OUT_OF = re.compile(
    r"(?<![\d/.,])(?P<value>\d{1,3}(?:[.,]\d{1,2})?)\s*分?\s*(?:/|out of|,?\s*(?:共|满分))\s*(?P<best>\d{1,3})(?![\d/])",
    re.IGNORECASE,
)
_WIDTH = re.compile(r"(?<![\d.])(?P<percent>\d{1,3}(?:\.\d+)?)\s*%")
_CLASS = re.compile(
    r"(?<![a-z])(?:all|big|mid|small|sml)?-?(?:star|str|rating|rate|score)s?[-_]?"
    r"(?P<whole>\d{1,2})(?:[-_.](?P<half>\d|half))?(?![\d%])",
    re.IGNORECASE,
)
_STAR_NUMBER = re.compile(
    r"(?<![\d.,])(?P<value>\d(?:[.,]\d{1,2})?)\s*(?:颗?星|stars?\b)", re.IGNORECASE
)
_BARE = re.compile(r"\d(?:[.,]\d{1,2})?")
_FULL, _HALF = "★⭐", "⯨⯪½"
MOST_STARS = 5.0


def number_zh(text: str) -> float | None:
    """Return the first number in ``text``, None where there is none. Never raises.

    Read: 1.2万, 3亿, 1.5w, 12.3K, 1.2M, 1,234, 100万+, 123 万热度, 2千, 十万+, 一百二十, full width and traditional
    script, words around it (阅读 3.4万). A date, a clock and a version are no numbers.
    """
    text = unicodedata.normalize("NFKC", text[:_LONGEST]).translate(_SIMPLIFIED)
    if match := _FIGURE.search(text):
        value = round(float(match["figure"].replace(",", "")) * _scale(match["scale"]), 6)
        part: re.Match[str] | None = match
        while part and part["scale"] and (part := _NEXT_PART.match(text, part.end())):  # 3亿5000万
            value += float(part["figure"]) * _scale(part["scale"])
        return -value if match["minus"] else value
    if any(one.isdecimal() for one in text):
        return None
    han = _HAN.search(text.strip())
    return float(_han_number(han["number"])) if han else None


def count_zh(text: str) -> int | None:
    """Return the count in ``text`` as a whole number, None where there is none or it is no count."""
    number = number_zh(text)
    return round(number) if number is not None and 0 <= number < _TOO_MANY else None


def _scale(name: str | None) -> int:
    if not name:
        return 1
    name = name.lower()
    return _SCALES[name] if name in _SCALES else _SCALES[name[0]] * _SCALES[name[1:]]


def _han_number(text: str) -> int:
    """Return 十万 as 100,000, 一百二十三 as 123, 一二三 as 123."""
    if not text.strip("".join(_DIGITS)):
        return int("".join(str(_DIGITS[one]) for one in text))
    total = section = 0
    digit: int | None = None
    for one in text:
        if one in _DIGITS:
            digit = _DIGITS[one]
        elif one in _SMALL_SCALES:
            section += (1 if digit is None else digit) * _SMALL_SCALES[one]
            digit = None
        else:
            whole = section + (digit or 0)
            # 一万亿 multiplies what stands before, 三亿五千万 adds to it.
            total = (total + whole) * 10**8 if one == "亿" else total + whole * 10**4
            section, digit = 0, None
    return total + section + (digit or 0)


def rating_stars(text: str) -> float | None:
    """Return the stars of five that ``text`` shows, None where it shows none. Never raises.

    Read: class names (star-4_5, allstar40, rating-3), a width in per cent of five stars, 4.5/5 (other scales are
    brought to five), ★★★★☆, 4.5星, a bare figure up to 5.
    """
    text = unicodedata.normalize("NFC", text[:_LONGEST])
    for read in (_out_of, _drawn, _by_class, _by_width, _told):
        value = read(text)
        if value is not None:
            return value if 0 <= value <= MOST_STARS else None
    return None


def _drawn(text: str) -> float | None:
    full = sum(map(text.count, _FULL))
    half = sum(map(text.count, _HALF))
    # Empty stars alone are drawn where nobody has rated yet.
    return full + half / 2 if full or half else None


def _out_of(text: str) -> float | None:
    if not (match := _OUT_OF.search(text)) or not (best := float(match["best"])):
        return None
    value = float(match["value"].replace(",", "."))
    return round(value / best * MOST_STARS, 4) if value <= best else None


def _by_width(text: str) -> float | None:
    match = _WIDTH.search(text)
    return round(float(match["percent"]) / 100 * MOST_STARS, 4) if match else None


def _by_class(text: str) -> float | None:
    if not (match := _CLASS.search(text)):
        return None
    whole = int(match["whole"])
    if match["half"]:
        return whole + (0.5 if match["half"] == "half" else int(match["half"]) / 10)
    # allstar40, star45: tenths. star10 would be ten tenths: one star.
    return whole / 10 if whole > MOST_STARS else float(whole)


def _told(text: str) -> float | None:
    if match := _STAR_NUMBER.search(text):
        return float(match["value"].replace(",", "."))
    bare = text.strip()
    return float(bare.replace(",", ".")) if _BARE.fullmatch(bare) else None
