"""When something was published, from what the source wrote.

Feed libraries are not asked: feedparser reads CST as US Central (14 hours off in a Chinese
feed), a time without a zone as UTC (8 hours off), and `2024年5月1日` as the first of November.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from functools import lru_cache

from collectors.model import Precision

CHINA = timezone(timedelta(hours=8), "CST")
US_CENTRAL = timezone(timedelta(hours=-6), "CST")
FUTURE_TOLERANCE = timedelta(minutes=15)
_LONGEST = 120
_YEARS = range(1, 9999)

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH_DIGITS = {name.capitalize(): f"{number:02}" for name, number in _MONTHS.items()}
_HAN_DIGITS = {
    **{digit: value for value, digit in enumerate("〇一二三四五六七八九")},
    "零": 0,
    "○": 0,
    "元": 1,
}
# RFC 822's own, and those that feeds use beside them. CST is decided by the caller.
_ZONE_HOURS = {
    "ut": 0.0, "utc": 0.0, "gmt": 0.0, "z": 0.0, "wet": 0.0,
    "est": -5.0, "edt": -4.0, "cdt": -5.0, "mst": -7.0, "mdt": -6.0, "pst": -8.0, "pdt": -7.0,
    "bst": 1.0, "cet": 1.0, "cest": 2.0, "eet": 2.0, "eest": 3.0, "msk": 3.0,
    "hkt": 8.0, "sgt": 8.0, "myt": 8.0, "awst": 8.0, "jst": 9.0, "kst": 9.0, "aest": 10.0,
    "aedt": 11.0,
}  # fmt: skip

# Nine dates in ten are one of these two, whole and unambiguous; the general patterns below take
# five times as long. What they would do with leap seconds, 24:00 or an odd zone, only they do.
_MAIL = re.compile(
    r"(?:[A-Z][a-z]{2}, )?([0-9]{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" ((?:19|20)[0-9]{2}) ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r" (GMT|[+-](?:0[0-9]|1[0-4])[0-5][0-9])"
)
_ISO = re.compile(
    r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]"
    r"(?:\.[0-9]{1,6})?(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
)

_CLOCK = r"(?P<h>\d{1,2})[::时時点點](?P<mi>\d{1,2})(?:[::分](?P<s>\d{1,2})(?:[.,](?P<f>\d+))?秒?)?"
_ZONE = r"(?P<zone>[+-]\d{1,2}:?\d{2}|[+-]\d{2}|[A-Za-z]{1,5}(?:[+-]\d{1,4})?)"
_TIME_ZONE = rf"(?:[T\s,]*{_CLOCK}分?)?(?:\s*{_ZONE})?(?:\s*\([^)]*\))?"
_HALF_DAY = r"(?:\s*(?P<half>凌晨|清晨|早上|上午|中午|下午|晚上|[AaPp]\.?[Mm]\.?)\s*)?"

_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,?\s+)?(?P<d>\d{1,2})[\s-]+(?P<mon>[A-Za-z]{3,9})\.?,?[\s-]+(?P<y>\d{4}|\d{2})"
    + _TIME_ZONE
)
# C's asctime, also with a zone (Weibo: `Wed Mar 23 16:09:04 +0800 2022`).
_ASCTIME = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?(?P<mon>[A-Za-z]{{3,9}})\s+(?P<d>\d{{1,2}}),?\s+(?:{_CLOCK}\s+(?:{_ZONE}\s+)?)?(?P<y>\d{{4}})"
)
_NUMERIC = re.compile(
    r"(?P<y>\d{4})(?P<sep>[-/.])(?P<mon>\d{1,2})(?P=sep)(?P<d>\d{1,2})" + _HALF_DAY + _TIME_ZONE
)
_BASIC = re.compile(
    r"(?P<y>\d{4})(?P<mon>\d{2})(?P<d>\d{2})(?:T?(?P<h>\d{2})(?P<mi>\d{2})(?P<s>\d{2})?)?"
    rf"(?:\s*{_ZONE})?"
)
_YEAR_MONTH = re.compile(r"(?P<y>\d{4})(?:-(?P<mon>\d{2}))?")
_CHINESE = re.compile(
    r"(?:(?P<y>\d{4})\s*年\s*)(?P<mon>\d{1,2})\s*月\s*(?P<d>\d{1,2})\s*[日号號]?"
    r"\s*(?:[((]?(?:星期|周|週|礼拜)[一二三四五六日天][))]?)?" + _HALF_DAY + _TIME_ZONE
)
_CHINESE_RFC822 = re.compile(
    r"(?:(?:星期|周|週)[一二三四五六日天],?\s*)?(?P<d>\d{1,2})\s+(?P<mon>[一二三四五六七八九十]{1,2}月?|\d{1,2}月)\s+"
    r"(?P<y>\d{4})" + _TIME_ZONE
)
_MONTH_DAY = re.compile(
    r"(?P<mon>\d{1,2})(?:\s*月\s*(?P<d>\d{1,2})\s*[日号號]?|-(?P<d2>\d{2}))(?:\s*"
    + _CLOCK
    + r"分?)?"
)
_HAN_DATE = re.compile(
    r"(?P<y>[〇○零一二三四五六七八九]{4})年(?P<mon>[一二三四五六七八九十元]{1,2})月(?P<d>[一二三四五六七八九十]{1,3})[日号號]?"
)
# Twelve digits are a compact date (202405011230), not the milliseconds of 1976.
_UNIX = re.compile(r"\d{9,10}(?:\.\d+)?|\d{13}")
_RELATIVE = re.compile(
    r"(?P<n>\d{1,4}|半)\s*(?:个|個)?\s*(?P<unit>秒|分钟|分鐘|小时|小時|天|周|週|星期|月|年)(?:钟|鐘)?\s*(?:前|以前|之前)"
)
_DAY_WORD = re.compile(r"(?P<word>今天|今日|昨天|昨日|前天)" + _HALF_DAY + rf"(?:\s*{_CLOCK}分?)?")
_NOW_WORDS = frozenset({"刚刚", "剛剛", "刚才", "剛才"})
_UNITS: dict[str, tuple[timedelta, Precision]] = {
    "秒": (timedelta(seconds=1), Precision.MINUTE),
    "分钟": (timedelta(minutes=1), Precision.MINUTE),
    "分鐘": (timedelta(minutes=1), Precision.MINUTE),
    "小时": (timedelta(hours=1), Precision.HOUR),
    "小時": (timedelta(hours=1), Precision.HOUR),
    "天": (timedelta(days=1), Precision.DAY),
    "周": (timedelta(weeks=1), Precision.DAY),
    "週": (timedelta(weeks=1), Precision.DAY),
    "星期": (timedelta(weeks=1), Precision.DAY),
    "月": (timedelta(days=30), Precision.DAY),
    "年": (timedelta(days=365), Precision.DAY),
}
_DAYS_BACK = {"今天": 0, "今日": 0, "昨天": 1, "昨日": 1, "前天": 2}
_AFTERNOON = re.compile(r"下午|晚上|[Pp]")
_MORNING = re.compile(r"凌晨|清晨|早上|上午|[Aa]")


@dataclass(frozen=True, slots=True)
class _Context:
    tz: tzinfo
    cst: tzinfo
    now: datetime


def parse_date(
    text: str, *, tz: tzinfo, now: datetime, cst: tzinfo = CHINA
) -> tuple[datetime, Precision] | None:
    """Return the moment ``text`` names, in UTC, and how exactly it names it; None if it names none.

    Read: RFC 822 with named or numeric zones, ISO 8601, unix seconds and milliseconds, asctime,
    Chinese absolute dates and the common relative ones. A time without a zone is meant in
    ``tz``, ``CST`` is meant in ``cst``; an unknown zone name makes the date unreadable rather
    than wrong by hours. Relative words count from ``now``. Years 1 to 9998 are accepted.
    A moment in the future is returned as it is: see `believable`.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if iso := _as_iso(text):
        return _exact(iso, tz)
    context = _Context(tz, cst, now)
    for pattern, reader in _READERS:
        if match := pattern.fullmatch(text):
            try:
                return reader(match, context)
            except (ValueError, OverflowError, KeyError):
                return None
    return _from_now(now, Precision.MINUTE) if text in _NOW_WORDS else None


def believable(
    dated: tuple[datetime, Precision] | None, *, now: datetime
) -> tuple[datetime | None, Precision]:
    """Return ``dated``, or no date and ``inferred`` where there is none or it lies ahead.

    Sources' clocks run ahead a little (15 minutes are forgiven); a date beyond that is a
    scheduling trick or an error, and would sit on top of every list until then. Whoever
    stores the post puts its first sight there; a later sight must not move it.
    """
    if dated is None or dated[0] > now + FUTURE_TOLERANCE:
        return None, Precision.INFERRED
    return dated


def cst_for(tz: tzinfo, *, language: str | None, host: str, now: datetime) -> tzinfo:
    """Return what ``CST`` means in a feed: China's time or the United States' Central time.

    The feed's language decides, then the country of its host, then the source's time zone.
    """
    speaks = (language or "").lower()
    if speaks.startswith("zh") or host.rpartition(".")[2] in {"cn", "hk", "tw", "mo", "sg"}:
        return CHINA
    if speaks[:2] in {"en", "es"}:
        return US_CENTRAL
    return CHINA if tz.utcoffset(now) == timedelta(hours=8) else US_CENTRAL


def _as_iso(text: str) -> str | None:
    """Return a date of one of the two common forms as ISO 8601, None for any other."""
    if match := _MAIL.fullmatch(text):
        day, month, year, clock, zone = match.groups()
        zone = "Z" if zone == "GMT" else zone
        return f"{year}-{_MONTH_DIGITS[month]}-{day.zfill(2)}T{clock}{zone}"
    return text if _ISO.fullmatch(text) else None


def _exact(iso: str, tz: tzinfo) -> tuple[datetime, Precision] | None:
    try:
        moment = datetime.fromisoformat(iso)
    except ValueError:  # the 31st of February
        return None
    local = moment if moment.tzinfo else moment.replace(tzinfo=tz)
    return local.astimezone(UTC), Precision.EXACT


def _absolute(match: re.Match[str], context: _Context) -> tuple[datetime, Precision] | None:
    found = match.groupdict()
    year = int(found["y"])
    if len(found["y"]) == 2:  # RFC 822's two digits, read as RFC 2822 says
        year += 2000 if year < 50 else 1900
    return _moment(date(year, _month(found["mon"]), int(found["d"])), found, context)


def _moment(
    day: date, found: dict[str, str | None], context: _Context
) -> tuple[datetime, Precision] | None:
    clock, precision, days = _clock(found)
    zone = _zone(found.get("zone"), context)
    local = datetime.combine(day, clock, zone) + timedelta(days=days)
    moment = local.astimezone(UTC)
    return (moment, precision) if moment.year in _YEARS else None


def _clock(found: dict[str, str | None]) -> tuple[time, Precision, int]:
    if not (hour_text := found.get("h")):
        return time(), Precision.DAY, 0
    hour, days = _hour(int(hour_text), found.get("half")), 0
    if hour == 24:  # ISO 8601: 24:00 is the end of the day
        hour, days = 0, 1
    second = found.get("s")
    micro = int(((found.get("f") or "") + "000000")[:6])
    # A leap second is told as :60 and does not exist in datetime.
    clock = time(hour, int(found["mi"] or 0), min(int(second or 0), 59), micro)
    return clock, Precision.EXACT if second else Precision.MINUTE, days


def _hour(hour: int, half: str | None) -> int:
    if half and _AFTERNOON.match(half) and hour < 12:
        return hour + 12
    return 0 if half and _MORNING.match(half) and hour == 12 else hour


def _zone(name: str | None, context: _Context) -> tzinfo:
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


def _month(text: str) -> int:
    if text.isdecimal():
        return int(text)
    if text.isascii():
        return _MONTHS[text[:3].lower()]
    return int(text[:-1]) if text[0].isdecimal() else _han_number(text.rstrip("月"))


def _han_number(text: str) -> int:
    """Return a Chinese number up to 99: 十, 十二, 二十, 三十一."""
    tens, ten, ones = text.rpartition("十")
    if not ten:
        return _HAN_DIGITS[text]
    return 10 * (_HAN_DIGITS[tens] if tens else 1) + (_HAN_DIGITS[ones] if ones else 0)


def _han_date(match: re.Match[str], context: _Context) -> tuple[datetime, Precision] | None:
    year = int("".join(str(_HAN_DIGITS[digit]) for digit in match["y"]))
    return _moment(date(year, _han_number(match["mon"]), _han_number(match["d"])), {}, context)


def _year_month(match: re.Match[str], context: _Context) -> tuple[datetime, Precision] | None:
    return _moment(date(int(match["y"]), int(match["mon"] or 1), 1), {}, context)


def _month_day(match: re.Match[str], context: _Context) -> tuple[datetime, Precision] | None:
    found = match.groupdict()
    today = context.now.astimezone(context.tz).date()
    month, day = int(found["mon"]), int(found["d"] or found["d2"])
    # The 29th of February may not exist this year: then it was meant of an earlier one.
    for year in range(today.year, today.year - 5, -1):
        try:
            then = date(year, month, day)
        except ValueError:
            continue
        if then <= today + timedelta(days=1):
            return _moment(then, found, context)
    return None


def _unix(match: re.Match[str], _context: _Context) -> tuple[datetime, Precision]:
    whole = match[0].partition(".")[0]
    seconds, milliseconds = divmod(int(whole), 1000) if len(whole) > 10 else (int(whole), 0)
    moment = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=milliseconds)
    return moment, Precision.EXACT


def _relative(match: re.Match[str], context: _Context) -> tuple[datetime, Precision]:
    unit, precision = _UNITS[match["unit"]]
    count = 0.5 if match["n"] == "半" else float(match["n"])
    return _from_now(context.now - count * unit, precision)


def _day_word(match: re.Match[str], context: _Context) -> tuple[datetime, Precision] | None:
    today = context.now.astimezone(context.tz).date()
    return _moment(today - timedelta(days=_DAYS_BACK[match["word"]]), match.groupdict(), context)


def _from_now(moment: datetime, precision: Precision) -> tuple[datetime, Precision]:
    return moment.astimezone(UTC), precision


_Reader = Callable[[re.Match[str], _Context], "tuple[datetime, Precision] | None"]
_READERS: tuple[tuple[re.Pattern[str], _Reader], ...] = (
    (_RFC822, _absolute),
    (_NUMERIC, _absolute),
    (_UNIX, _unix),
    (_CHINESE, _absolute),
    (_ASCTIME, _absolute),
    (_CHINESE_RFC822, _absolute),
    (_BASIC, _absolute),
    (_YEAR_MONTH, _year_month),
    (_MONTH_DAY, _month_day),
    (_HAN_DATE, _han_date),
    (_RELATIVE, _relative),
    (_DAY_WORD, _day_word),
)
