"""How dates are written around their figures: width, script, Chinese numerals, words before and behind."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

_DIGITS = {digit: value for value, digit in enumerate("零一二三四五六七八九")}
_DIGITS |= {"〇": 0, "○": 0, "两": 2}
_SCALES = {"十": 10, "百": 100}
# Only the characters that dates are written with. Whole words are not needed.
_SIMPLIFIED = str.maketrans(
    "剛纔鐘鍾時點後週號個發佈於間國禮兩幾來編輯華瀏覽閱讀評論轉錄創數過–—―−・‧",
    "刚才钟钟时点后周号个发布于间国礼两几来编辑华浏览阅读评论转录创数过----··",
)
# A weekday's numeral is none: 星期一, 周三.
_NUMERAL = re.compile(
    r"(?<![期周拜末第])[〇○零一二三四五六七八九十百两]+(?=\s*(?:[年月日号时点分秒刻天小周星]|个[半月小星]))"
)
_YEAR_DIGITS = 4

_BLANKS = " \t\r\n,，。;；|·•-—/"
_BRACKETS = (("(", ")"), ("[", "]"), ("【", "】"), ("《", "》"), ("〔", "〕"))
_SEPARATOR = re.compile(r"\s*[·•|│]\s*|\s{3,}")
_PLACES = (
    "北京|天津|上海|重庆|河北|山西|辽宁|吉林|黑龙江|江苏|浙江|安徽|福建|江西|山东|河南|湖北|湖南|广东|海南|四川"
    "|贵州|云南|陕西|甘肃|青海|内蒙古|广西|西藏|宁夏|新疆|中国香港|中国澳门|中国台湾|香港|澳门|台湾|海外"
)
_LEAD = re.compile(
    r"(?:本帖最后由\s?\S{1,40}\s?于"
    r"|(?:最[后近新]|首次|最终)?(?:发布|发表|编辑|更新|修改|创建|回复|评论|回答|提问|上传|发帖|刊登|转载|录入|采集|首发)"
    r"(?:于|在|时间|日期)?"
    r"|(?:来源|作者|编辑|责编|责任编辑|记者|来自|稿源)\s*:\s*\S{1,30}(?=\s)"
    r"|IP\s?(?:归属地|属地)?\s*:?\s*[\u4e00-\u9fff]{2,8}(?=\s)"
    rf"|(?:{_PLACES})(?=\s)"
    r"|日期时间|时间|日期|于|已?编辑过?"
    r"|(?:last\s)?(?:posted|published|updated|edited|modified)(?:\s?(?:on|at))?|on|date)\s*:?\s*",
    re.IGNORECASE,
)
_TAIL = re.compile(
    r"(?:\s+\d[\d.,]*\s*[万亿wk]?\+?\s*[次人条个]?\s*(?=阅读|浏览|播放|评论|回复|点击|围观|赞|跟贴))?"
    r"(?:来自|来源|稿源|发布|发表|更新|编辑|修改|浏览|阅读|播放|点击|围观|作者|责编|责任编辑|记者|评论|回复"
    r"|IP\s?(?:归?属地)|查看|举报|分享|收藏|转发|转载|点?赞|跟贴|字号|字体|置顶|只看|已编辑|使用|via\s"
    r"|\s(?:第?\d{1,6}[楼#]|#\d{1,6}|沙发|楼主)).*",
    re.IGNORECASE | re.DOTALL,
)
_EDITED = re.compile(r"\s*(?:最[后近新])?(?:编辑|更新|修改)")
_PLACE_BEHIND = re.compile(rf"\s+(?:{_PLACES})$")


def folded(text: str) -> str:
    """Return ``text`` in half width and simplified script, Chinese numerals before a unit as digits."""
    if text.isascii():
        return text
    text = unicodedata.normalize("NFKC", text).translate(_SIMPLIFIED)
    return _NUMERAL.sub(_in_digits, text)


def _in_digits(match: re.Match[str]) -> str:
    number = han_number(match[0])
    return match[0] if number is None else str(number)


def han_number(text: str) -> int | None:
    """Return a Chinese number up to 999 (十, 二十, 一百一十三, also 一一三) or a year told by digits."""
    if not text.strip("〇○零一二三四五六七八九两"):
        return (
            int("".join(str(_DIGITS[one]) for one in text)) if len(text) <= _YEAR_DIGITS else None
        )
    total, digit = 0, None
    for one in text:
        if scale := _SCALES.get(one):
            total += (1 if digit is None else digit) * scale
            digit = None
        elif digit:  # 二三十 is a guess, not a number
            return None
        else:
            digit = _DIGITS[one]
    return total + (digit or 0)


def unwrapped(text: str) -> Iterator[str]:
    """Yield what may be the date alone within a folded ``text``, the likeliest first.

    Words that sources write around it go: 发布于 …, 来自 iPhone, IP属地:北京, · 广东, 浏览 12. What
    tells of an edit comes after what does not. A word we do not know (截止, 预计) makes it no date.
    """
    pieces = [piece for piece in _SEPARATOR.split(text) if piece]
    for piece in sorted(pieces, key=lambda piece: bool(_EDITED.match(piece))):
        bare = _bare(piece)
        if bare:
            yield bare


def _bare(text: str) -> str:
    text = _without_brackets(text.strip(_BLANKS))
    for _ in range(4):  # 来源:某网 发布时间:…
        lead = _LEAD.match(text)
        if not lead or not lead.end():
            break
        text = text[lead.end() :].strip(_BLANKS)
    if (tail := _TAIL.search(text)) and tail.start():
        text = text[: tail.start()]
    text = _PLACE_BEHIND.sub("", text.rstrip(_BLANKS + "(["))
    return _without_brackets(text.rstrip(_BLANKS))


def _without_brackets(text: str) -> str:
    for left, right in _BRACKETS:
        if text.startswith(left) and text.endswith(right):
            return text[1:-1].strip(_BLANKS)
    return text
