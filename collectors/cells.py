"""What a cell of a table means for the field it is mapped to: counts, stars, times, kinds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, tzinfo

from collectors.dates import parse_date
from collectors.model import PostKind, Stars
from collectors.numbers import number_zh
from collectors.sheet import Cell

LONGEST = 100_000
EXACT_NUMBERS = 2**53  # a spreadsheet keeps 15 digits of a number, the rest is lost
_NOTHING = frozenset(
    {"", "-", "--", "—", "——", "/", "无", "暂无", "null", "none", "nan", "n/a", "na"}
)
_WORDS = frozenset({"text", "title"})  # where "-" or 无 may be what somebody wrote
_NAMES = frozenset({"external_id", "parent_id", "author.handle"})
_CUT_NUMBER = re.compile(r"\d(?:\.\d+)?[eE]\+?\d{2}")
_SERIAL = re.compile(r"[2-7]\d{4}(?:\.\d{1,12})?")
_EXCEL_EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # a spreadsheet's day has no zone
_SERIALS = range(20_000, 80_000)  # 1954 … 2119
_STARS = re.compile(
    r"(?P<n>\d{1,3}(?:\.\d{1,4})?)\s*(?:/\s*(?P<best>\d{1,3}))?\s*(?:分|星|颗星|stars?)?", re.I
)
_HAN_STARS = {"一星": 1, "二星": 2, "两星": 2, "三星": 3, "四星": 4, "五星": 5}
_VERDICTS = {"差评": 0.0, "中评": 0.5, "好评": 1.0}
_KINDS = {
    PostKind.ARTICLE: "文章 新闻 资讯 图文 报道 article news",
    PostKind.POST: "帖子 微博 笔记 视频 短视频 动态 发帖 原创 转发 post note video tweet",
    PostKind.COMMENT: "评论 回复 弹幕 跟帖 comment reply",
    PostKind.REVIEW: "评价 点评 商品评价 review",
}  # fmt: skip
_KIND_OF = {word: kind.value for kind, words in _KINDS.items() for word in words.split()}


class CellError(Exception):
    """A cell cannot be read as the field it is mapped to."""

    def __init__(self, field: str, reason: str) -> None:
        super().__init__(reason)
        self.field = field
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What a cell alone does not say. ``rating_best`` is the top of the scale of stars, None: five."""

    zone: tzinfo
    now: datetime
    rating_best: int | None = None


def read_cell(field: str, cell: Cell, context: Context) -> str | int | float | None:
    """Return the value of a field, None where the cell says that there is none (``-``, 无, null).

    Counts are whole numbers, a rating is 0…1, a time is text that ``parse_date`` reads.

    Raises:
        CellError: the cell holds something else.
    """
    text = _text(field, cell)
    if field not in _WORDS and text.lower() in _NOTHING:
        return None
    if field == "author.followers" or field.startswith("metrics."):
        return _count(field, text)
    if field == "rating":
        return _rating(text, context.rating_best)
    if field == "published_at":
        return _published(text, context)
    if field == "kind":
        return _kind(text)
    if field in _NAMES:
        _check_name(field, cell, text)
    return text


def _text(field: str, cell: Cell) -> str:
    if isinstance(cell, str):
        text = cell.strip()
    elif isinstance(cell, bool) or cell is None:
        text = "" if cell is None else str(cell).lower()
    elif isinstance(cell, int | float):
        text = _plain_number(cell)
    elif isinstance(cell, datetime):
        text = cell.replace(microsecond=0).isoformat(" ")
    elif isinstance(cell, date | time | timedelta):
        text = str(cell)
    else:
        raise CellError(field, "应为单个值,而不是列表或对象 (must be one value, no list or object)")
    return text


def _plain_number(cell: float) -> str:
    if float(cell).is_integer() and abs(cell) < EXACT_NUMBERS:
        return str(int(cell))
    return str(cell)


def _check_name(field: str, cell: Cell, text: str) -> None:
    """Refuse an id that a spreadsheet has rounded: two posts would become one."""
    is_rounded = isinstance(cell, float) and abs(cell) >= EXACT_NUMBERS
    if is_rounded or _CUT_NUMBER.fullmatch(text):
        raise CellError(
            field,
            f"编号 {text[:40]} 已被表格软件舍去尾数,请把该列设为文本后重新导出"
            " (the spreadsheet rounded this id: format the column as text and export again)",
        )


def _count(field: str, text: str) -> int:
    number = number_zh(text)
    if number is None or abs(number) > EXACT_NUMBERS:
        raise CellError(field, f"不是数字: {text[:40]!r} (no number)")
    return round(number)


def _rating(text: str, best: int | None) -> float:
    if text in _VERDICTS:
        return _VERDICTS[text]
    stars = _stars(text)
    if stars is None:
        raise CellError("rating", f"无法读懂的评分 {text[:40]!r} (no readable rating)")
    value, own_best = stars
    top = best or own_best or 5
    if top == 1 or (best is None and own_best is None and 0 < value < 1):
        top, worst = 1, 0  # normalised already
    else:
        worst = 0 if top > 10 or value < 1 else 1
    found = Stars(value=value, best=top, worst=worst).normalised
    if found is None:
        raise CellError(
            "rating",
            f"评分 {text[:40]} 超出满分 {top};请给出 rating_best (over the scale: give rating_best)",
        )
    return round(found, 4)


def _stars(text: str) -> tuple[float, int | None] | None:
    if "★" in text and set(text) <= {"★", "☆"}:
        return float(text.count("★")), None
    if text in _HAN_STARS:
        return float(_HAN_STARS[text]), None
    found = _STARS.fullmatch(text)
    if found is None:
        return None
    return float(found["n"]), int(found["best"]) if found["best"] else None


def _published(text: str, context: Context) -> str:
    """Return a time as it was written; a bare day number of a spreadsheet becomes its date."""
    if _SERIAL.fullmatch(text) and int(float(text)) in _SERIALS:
        moment = _EXCEL_EPOCH + timedelta(seconds=round(float(text) * 86_400))
        text = moment.isoformat(" ")
    if parse_date(text, tz=context.zone, now=context.now) is None:
        raise CellError("published_at", f"无法读懂的时间 {text[:40]!r} (no readable date)")
    return text


def _kind(text: str) -> str:
    found = _KIND_OF.get(text.lower())
    if found is None:
        raise CellError(
            "kind", f"未知类型 {text[:40]!r};可用: {', '.join(_KIND_OF)} (unknown kind)"
        )
    return found
