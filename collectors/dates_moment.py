"""The pieces that dates are made of: clock, half of the day, weekday, zone; and the moment they make."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache
from typing import NamedTuple

from collectors.model import Precision

Dated = tuple[datetime, Precision]
Found = dict[str, str | None]

_YEARS = range(1, 9999)
# RFC 822's own, and those that feeds use beside them. CST is decided by the caller.
_ZONE_HOURS = {
    "ut": 0.0, "utc": 0.0, "gmt": 0.0, "z": 0.0, "wet": 0.0,
    "est": -5.0, "edt": -4.0, "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0,
    "bst": 1.0, "cet": 1.0, "cest": 2.0, "eet": 2.0, "eest": 3.0, "msk": 3.0,
    "hkt": 8.0, "sgt": 8.0, "myt": 8.0, "awst": 8.0, "jst": 9.0, "kst": 9.0, "aest": 10.0,
    "aedt": 11.0,
}  # fmt: skip

CLOCK = (
    r"(?P<h>\d{1,2})(?:\s*:\s*(?=\d)|\s*[时点]\s*)(?P<mi>\d{1,2}|半|整|[13]刻)?"
    r"(?:\s*[:分]\s*(?P<s>\d{1,2})(?:[.,](?P<f>\d+))?秒?|\s*分)?"
)
HALF = (
    r"(?P<half>凌晨|清晨|清早|早晨|早上|早间|上午|中午|正午|午间|午后|下午|傍晚|晚上|晚间|夜间|夜里|深夜"
    r"|半夜|[AaPp]\.?[Mm]\.?)"
)
AFTER = r"(?:\s*(?P<after>[AaPp]\.?[Mm]\.?)(?![A-Za-z]))?"
ZONE = r"(?P<zone>[+-]\d{1,2}:?\d{2}|[+-]\d{2}|[A-Za-z]{1,5}(?:[+-]\d{1,4}(?::\d{2})?)?)"
WEEKDAY = r"(?:\(?(?:星期|周|礼拜)[一二三四五六日天]\)?|\([一二三四五六日]\))"
DAY_TIME = rf"(?:[T\s,]*(?:{HALF}\s*)?{CLOCK}{AFTER})?"
DAY_TIME_ZONE = rf"{DAY_TIME}(?:\s*{ZONE})?(?:\s*\([^)]*\))?"

_MORNING = re.compile(r"凌晨|清|早|上午|[Aa]")
_NOON = re.compile(r"中午|正午|午间")
_NIGHT = re.compile(r"晚|夜|深")
_LATE_NIGHT = "半夜"
_MINUTES = {"半": 30, "整": 0, "1刻": 15, "3刻": 45}
_SMALL_HOURS = 5


class Context(NamedTuple):
    """What a date without zone or year is told by: ``tz``, the meaning of ``CST``, and now."""

    tz: tzinfo
    cst: tzinfo
    now: datetime

    @property
    def today(self) -> date:
        """The day it is where the date was written."""
        return self.now.astimezone(self.tz).date()


def moment(day: date, found: Found, context: Context) -> Dated | None:
    """Return the moment of ``day`` at the clock in ``found``; its start where there is none.

    Raises:
        ValueError: no such time of day.
        KeyError: no zone we know.
    """
    clock, precision, days = _clock(found)
    if days:
        day += timedelta(days=days)
    then = datetime.combine(day, clock, _zone(found.get("zone"), context)).astimezone(UTC)
    return (then, precision) if then.year in _YEARS else None


def _clock(found: Found) -> tuple[time, Precision, int]:
    if not (hour_text := found.get("h")):
        return time(), Precision.DAY, 0
    hour, days = hour_of(int(hour_text), found.get("half") or found.get("after"))
    minute, second = found.get("mi"), found.get("s")
    micro = int(((found.get("f") or "") + "000000")[:6])
    # A leap second is told as :60 and does not exist in datetime.
    clock = time(hour, _minute(minute), min(int(second or 0), 59), micro)
    if second:
        return clock, Precision.EXACT, days
    return clock, Precision.MINUTE if minute else Precision.HOUR, days


def _minute(text: str | None) -> int:
    return _MINUTES[text] if text in _MINUTES else int(text or 0)


def hour_of(hour: int, half: str | None) -> tuple[int, int]:
    """Return the hour 0 to 23 and the days to add, of ``hour`` in a named half of the day.

    晚上12点 is the end of that day, and 昨晚1点 is one in the morning of the day after.

    Raises:
        ValueError: the half has no such hour, or it is unclear of which day.
    """
    if not half:
        return (0, 1) if hour == 24 else (hour, 0)  # ISO 8601: 24:00 is the end of the day
    if half == _LATE_NIGHT:
        return _late_night(hour)
    if _NIGHT.match(half):
        return _night(hour)
    if _NOON.match(half):
        return _within(hour + 12 if hour < 4 else hour, range(10, 16)), 0
    if _MORNING.match(half):
        return _within(0 if hour == 12 else hour, range(12)), 0
    return _within(hour + 12 if hour < 12 else hour, range(12, 24)), 0


def _night(hour: int) -> tuple[int, int]:
    if hour in (12, 24):
        return 0, 1
    if hour < _SMALL_HOURS:
        return hour, 1
    return _within(hour + 12 if hour < 12 else hour, range(17, 24)), 0


def _late_night(hour: int) -> tuple[int, int]:
    if hour in (10, 11):
        return hour + 12, 0
    return _within(hour, (0, 1, 2, 3, 4, 5, 22, 23)), 0


def _within(hour: int, hours: range | tuple[int, ...]) -> int:
    if hour not in hours:
        raise ValueError(f"no such hour in that half of the day: {hour}")
    return hour


def _zone(name: str | None, context: Context) -> tzinfo:
    if not name:
        return context.tz
    return context.cst if name.upper() == "CST" else _named_zone(name)


@lru_cache(maxsize=256)
def _named_zone(name: str) -> timezone:
    """Return the fixed offset ``name`` stands for; KeyError if it is no zone we know."""
    letters = name.rstrip("+-:0123456789").lower()
    offset = name[len(letters) :].replace(":", "")
    hours = _ZONE_HOURS[letters] if letters else 0.0
    if not offset:
        return timezone(timedelta(hours=hours))
    digits = offset[1:]
    minutes = int(digits[-2:]) if len(digits) > 2 else 0
    shift = timedelta(hours=int(digits[:-2] or 0) if len(digits) > 2 else int(digits))
    shift += timedelta(minutes=minutes)
    return timezone(timedelta(hours=hours) + (shift if offset[0] == "+" else -shift))
