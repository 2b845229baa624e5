"""Dates told from now: 5分钟前, 昨晚8点, 周五下午3点, 12:30. Texts are folded (`collectors.dates_written`)."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from collectors.dates_moment import AFTER, CLOCK, HALF, Context, Dated, Found, moment
from collectors.model import Precision

_CLOCK_AHEAD = timedelta(minutes=2)  # another clock's minute may have begun before ours
# 几分钟前 names no number; three is what is meant by a few.
_A_FEW = 3.0
_AMOUNTS = {"半": 0.5, "几": _A_FEW, "数": _A_FEW, "a": 1.0, "an": 1.0, "one": 1.0}

# 日 and a bare 月 are no units here: 5月5日前 is a deadline, not five days ago.
_STEP = (
    r"(?P<n>\d{1,4}(?:\.\d)?|半|几|数)\s*(?P<more>个半)?\s*"
    r"(?P<unit>秒|分|(?:个\s*)?(?:小时|钟头|星期|礼拜)|天|周|(?<!\d\d\d)年|个\s*月|(?<=个半)月)钟?\s*"
)
_ONE_STEP = re.compile(_STEP)
_AGO = re.compile(
    rf"(?:大约|约|差不多)?\s*(?:{re.sub(r'[?]P<[a-z]+>', '?:', _STEP)}){{1,3}}(?:以|之)?前"
)
_AGO_IN_ENGLISH = re.compile(
    r"(?:about\s)?(?P<n>\d{1,4}|an?|one)\s*(?P<unit>s(?:ec(?:ond)?s?)?|m(?:in(?:ute)?s?)?|h(?:(?:ou)?rs?)?"
    r"|d(?:ays?)?|w(?:(?:ee)?ks?)?|mo(?:nths?)?|y(?:(?:ea)?rs?)?)\sago",
    re.IGNORECASE,
)
_UNITS: dict[str, tuple[timedelta, Precision]] = {
    "秒": (timedelta(seconds=1), Precision.MINUTE),  # a relative time never pretends seconds
    "分": (timedelta(minutes=1), Precision.MINUTE),
    "小时": (timedelta(hours=1), Precision.HOUR),
    "天": (timedelta(days=1), Precision.DAY),
    "周": (timedelta(weeks=1), Precision.DAY),
}
_SAME_UNIT = {"钟头": "小时", "星期": "周", "礼拜": "周"}
_IN_CHINESE = {"s": "秒", "m": "分", "h": "小时", "d": "天", "w": "周", "mo": "月", "y": "年"}
_MONTHS = {"月": 1, "年": 12}
_NOW = frozenset(
    {"刚刚", "刚才", "刚刚发布", "刚刚更新", "1分钟内", "1分钟以内", "1小时内", "just now", "now"}
)
_WITHIN_THE_HOUR = "1小时内"

_DAY_WORD = re.compile(
    r"(?P<word>今天|今日|今早|今晨|今晚|今夜|昨天|昨日|昨早|昨晨|昨晚|昨夜|前天|前日|前晚|前夜|大前天"
    rf"|today|yesterday)(?:[\s,]*(?:at\s)?(?:{HALF}\s*)?{CLOCK}{AFTER})?",
    re.IGNORECASE,
)
_DAYS_BACK = {"今": 0, "昨": 1, "前": 2, "大": 3, "t": 0, "y": 1}
_HALF_OF_WORD = {"早": "早上", "晨": "早上", "晚": "晚上", "夜": "晚上"}
_WEEKDAY = re.compile(
    r"(?P<week>上个?|本|这个?)?(?:周|星期|礼拜)(?P<day>[一二三四五六日天])"
    rf"(?:[\s,]*(?:{HALF}\s*)?{CLOCK})?"
)
_WEEKDAYS = {day: number for number, day in enumerate("一二三四五六日")} | {"天": 6}
_HALF_CLOCK = re.compile(rf"{HALF}\s*{CLOCK}")
# A bare 3点 may be anything: a clock on its own says its minutes.
_CLOCK_ALONE = re.compile(rf"(?=\d{{1,2}}\s?(?::\s?\d\d|[时点]\s?(?:\d|半))){CLOCK}{AFTER}")


def _ago(match: re.Match[str], context: Context) -> Dated:
    then, finest = context.now.astimezone(context.tz), Precision.DAY
    for step in _ONE_STEP.finditer(match[0]):
        unit = step["unit"].removeprefix("个").strip()
        amount = _AMOUNTS.get(step["n"]) or float(step["n"])
        then, finest = _earlier(then, amount + (0.5 if step["more"] else 0), unit)
    return then.astimezone(UTC), finest


def _ago_in_english(match: re.Match[str], context: Context) -> Dated:
    unit = match["unit"].lower()
    short = "mo" if unit.startswith("mo") else unit[0]
    amount = _AMOUNTS.get(match["n"].lower()) or float(match["n"])
    then, precision = _earlier(context.now.astimezone(context.tz), amount, _IN_CHINESE[short])
    return then.astimezone(UTC), precision


def _earlier(then: datetime, amount: float, unit: str) -> Dated:
    """Return ``amount`` units before ``then``; whole months and years by the calendar."""
    unit = _SAME_UNIT.get(unit, unit)
    if unit in _UNITS:
        length, precision = _UNITS[unit]
        return (then.astimezone(UTC) - amount * length).astimezone(then.tzinfo), precision
    months = amount * _MONTHS[unit]
    back = then.year * 12 + then.month - 1 - int(months)
    year, month = divmod(back, 12)
    day = min(then.day, monthrange(year, month + 1)[1])
    moved = then.replace(year=year, month=month + 1, day=day)
    return moved - timedelta(days=30 * (months % 1)), Precision.DAY


def _day_word(match: re.Match[str], context: Context) -> Dated | None:
    found = match.groupdict()
    word = match["word"].lower()
    if (half := _HALF_OF_WORD.get(word[-1])) and not found["half"]:
        found["half"] = half
    return moment(context.today - timedelta(days=_DAYS_BACK[word[0]]), found, context)


def _weekday(match: re.Match[str], context: Context) -> Dated | None:
    today, day = context.today, _WEEKDAYS[match["day"]]
    monday = today - timedelta(days=today.weekday())
    found = match.groupdict()
    week = (match["week"] or "")[:1]
    if week == "上":
        return moment(monday + timedelta(days=day - 7), found, context)
    if week:
        return _unless_ahead(moment(monday + timedelta(days=day), found, context), context)
    back = (today.weekday() - day) % 7
    latest = moment(today - timedelta(days=back), found, context)
    return _unless_ahead(latest, context) or moment(
        today - timedelta(days=back + 7), found, context
    )


def _clock_alone(match: re.Match[str], context: Context) -> Dated | None:
    found: Found = match.groupdict()
    now_or_before = _unless_ahead(moment(context.today, found, context), context)
    return now_or_before or moment(context.today - timedelta(days=1), found, context)


def _unless_ahead(dated: Dated | None, context: Context) -> Dated | None:
    return dated if dated and dated[0] <= context.now + _CLOCK_AHEAD else None


_Reader = Callable[[re.Match[str], Context], Dated | None]
_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_AGO, _ago),
    (_DAY_WORD, _day_word),
    (_WEEKDAY, _weekday),
    (_HALF_CLOCK, _clock_alone),
    (_CLOCK_ALONE, _clock_alone),
    (_AGO_IN_ENGLISH, _ago_in_english),
)


def read_relative(text: str, context: Context) -> Dated | None:
    """Return the moment a folded ``text`` tells from now, None if it tells none.

    Raises:
        ValueError, OverflowError: it names a day or time that does not exist.
    """
    if text.lower() in _NOW:
        precision = Precision.HOUR if text == _WITHIN_THE_HOUR else Precision.MINUTE
        return context.now.astimezone(UTC), precision
    for pattern, reader in _READERS:
        if match := pattern.fullmatch(text):
            return reader(match, context)
    return None
