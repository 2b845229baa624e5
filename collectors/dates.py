"""When something was published, from what the source wrote.

Feed libraries are not asked: feedparser reads CST as US Central (14 hours off in a Chinese
feed), a time without a zone as UTC (8 hours off), and `2024年5月1日` as the first of November.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, timezone, tzinfo

from collectors.dates_moment import (
    AFTER,
    CLOCK,
    DAY_TIME,
    DAY_TIME_ZONE,
    WEEKDAY,
    ZONE,
    Context,
    Dated,
    moment,
)
from collectors.dates_relative import read_relative
from collectors.dates_written import folded, han_number, unwrapped
from collectors.model import Precision

CHINA = timezone(timedelta(hours=8), "CST")
US_CENTRAL = timezone(timedelta(hours=-6), "CST")
FUTURE_TOLERANCE = timedelta(minutes=15)
_LONGEST = 120
_MINUTES_END = len("2024-05-01T12:30")
_REPUBLIC = 1911  # the year before 民國元年
_OLDEST_SHORT_YEAR = 9  # pages that write 24-05-01 12:30 began in 2009
_BEIJING_TIME = "北京时间"

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), 1
    )
}
_MONTH_DIGITS = {name.capitalize(): f"{number:02}" for name, number in _MONTHS.items()}

# Nine dates in ten are one of these two, unambiguous; the general patterns below take
# five times as long. What they would do with leap seconds, 24:00 or an odd zone, only they do.
_MAIL = re.compile(
    r"(?:[A-Z][a-z]{2}, )?([0-9]{1,2}) (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
    r" ((?:19|20)[0-9]{2}) ((?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9])"
    r" (GMT|[+-](?:0[0-9]|1[0-4])[0-5][0-9])"
)
_ISO = re.compile(
    r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}[T ](?:[01][0-9]|2[0-3]):[0-5][0-9]"
    r"(?::[0-5][0-9](?:\.[0-9]{1,6})?)?(?:Z|[+-](?:0[0-9]|1[0-4]):?[0-5][0-9])?"
)

_RFC822 = re.compile(
    r"(?:[A-Za-z]{3,9}\.?,?\s+)?(?P<d>\d{1,2})[\s-]+(?P<mon>[A-Za-z]{3,9})\.?,?[\s-]+(?P<y>\d{4}|\d{2})"
    + DAY_TIME_ZONE
)
# C's asctime, also with a zone (Weibo: `Wed Mar 23 16:09:04 +0800 2022`).
_ASCTIME = re.compile(
    rf"(?:[A-Za-z]{{3,9}},?\s+)?(?P<mon>[A-Za-z]{{3,9}})\s+(?P<d>\d{{1,2}}),?\s+(?:{CLOCK}\s+(?:{ZONE}\s+)?)?(?P<y>\d{{4}})"
)
# `May 1, 2024 12:30 PM`, and JavaScript's `Wed May 01 2024 12:30:00 GMT+0800 (…)`.
_MONTH_FIRST = re.compile(
    r"(?:[A-Za-z]{3,9},?\s+)?(?P<mon>[A-Za-z]{3,9})\.?\s+(?P<d>\d{1,2})(?:st|nd|rd|th)?,?\s+(?P<y>\d{4})"
    rf"(?:,?\s+(?:at\s+)?{CLOCK}{AFTER})?(?:\s*{ZONE})?(?:\s*\([^)]*\))?"
)
_NUMERIC = re.compile(
    rf"(?:{WEEKDAY}[\s,]*)?(?P<y>\d{{4}})(?P<sep>[-/.])(?P<mon>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}})(?:\s*{WEEKDAY})?"
    + DAY_TIME_ZONE
)
_SHORT_YEAR = re.compile(
    rf"(?P<y>\d\d)(?P<sep>[-/.])(?P<mon>\d{{1,2}})(?P=sep)(?P<d>\d{{1,2}})\s+{CLOCK}"
)
_BASIC = re.compile(
    r"(?P<y>(?:19|20)\d{2})(?P<mon>\d{2})(?P<d>\d{2})(?:T?(?P<h>\d{2})(?P<mi>\d{2})(?P<s>\d{2})?)?"
    rf"(?:\s*{ZONE})?"
)
_YEAR_MONTH = re.compile(r"(?P<y>\d{4})-(?P<mon>\d{2})")
_CHINESE = re.compile(
    rf"(?:{WEEKDAY}[\s,]*)?(?P<era>(?:中华)?民国\s*)?(?P<y>\d{{1,4}}|元|今|去|前)\s*年\s*"
    rf"(?P<mon>\d{{1,2}})\s*月\s*(?P<d>\d{{1,2}})\s*[日号]?(?:\s*{WEEKDAY})?" + DAY_TIME_ZONE
)
_CHINESE_RFC822 = re.compile(
    rf"(?:{WEEKDAY}[,\s]*)?(?P<d>\d{{1,2}})\s+(?P<mon>[一二三四五六七八九十]{{1,2}}月?|\d{{1,2}}月)\s+"
    r"(?P<y>\d{4})" + DAY_TIME_ZONE
)
_MONTH_DAY = re.compile(
    rf"(?P<mon>\d{{1,2}})\s*月\s*(?P<d>\d{{1,2}})\s*[日号]?(?:\s*{WEEKDAY})?{DAY_TIME}"
)
# 05-01 and 5-1 10:20 are dates; 5-1 alone, 5/1 alone are scores and ratings.
_FIGURES_DAY = re.compile(r"(?P<mon>\d{1,2})-(?P<d>\d{2})")
_FIGURES_DAY_TIME = re.compile(rf"(?P<mon>\d{{1,2}})[-/](?P<d>\d{{1,2}})\s+{CLOCK}")
# Seconds, milliseconds or microseconds from 2001 to 2096: shorter ones are counts, other lengths
# are compact dates (202405011230) or telephone numbers.
_UNIX = re.compile(r"(?P<s>[1-3]\d{9})(?:\.?(?P<ms>\d{3})|\.?(?P<us>\d{6})|\.\d{1,9})?")
_MEANS_SOMETHING = re.compile(r"\d|刚|天|日|周|期|拜|[半几数].*前|昨|今|now|ago|day", re.IGNORECASE)


def parse_date(text: str, *, tz: tzinfo, now: datetime, cst: tzinfo = CHINA) -> Dated | None:
    """Return the moment ``text`` names, in UTC, and how exactly it names it; None if it names none.

    Read: RFC 822 with named or numeric zones, ISO 8601, unix seconds, milliseconds and microseconds,
    asctime, Chinese absolute dates (also 民國 years and 二〇二四年) and those told from ``now``, bare or
    wrapped in the words pages put around them (发布于 …, IP属地:北京 …). A time without a zone is
    meant in ``tz``, ``CST`` is meant in ``cst``; an unknown zone name makes the date unreadable
    rather than wrong by hours. A month and day without a year are this year's, or last year's if
    they lie more than a day ahead. Years 1 to 9998 are accepted. A moment in the future is returned as it is:
    see `believable`.
    """
    text = text.strip()
    if not text or len(text) > _LONGEST:
        return None
    if iso := _as_iso(text):
        return _exact(iso, tz)
    text = folded(text)
    if not _MEANS_SOMETHING.search(text):
        return None
    if _BEIJING_TIME in text:
        text, tz = text.replace(_BEIJING_TIME, " ").strip(" :"), CHINA
    return _read_somehow(text, Context(tz, cst, now))


def believable(dated: Dated | None, *, now: datetime) -> tuple[datetime | None, Precision]:
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


def _exact(iso: str, tz: tzinfo) -> Dated | None:
    try:
        then = datetime.fromisoformat(iso)
    except ValueError:  # the 31st of February
        return None
    local = then if then.tzinfo else then.replace(tzinfo=tz)
    tells_seconds = iso[_MINUTES_END : _MINUTES_END + 1] == ":"
    return local.astimezone(UTC), Precision.EXACT if tells_seconds else Precision.MINUTE


def _read_somehow(text: str, context: Context) -> Dated | None:
    """Return the date ``text`` is, else the one it wraps. A form with wrong figures is no date."""
    for candidate in (text, *(one for one in unwrapped(text) if one != text)):
        try:
            if dated := _read(candidate, context):
                return dated
        except (ValueError, OverflowError, KeyError):
            return None
    return None


def _read(text: str, context: Context) -> Dated | None:
    for pattern, reader in _ASCII_READERS if text.isascii() else _READERS:
        if match := pattern.fullmatch(text):
            return reader(match, context)
    return read_relative(text, context)


def _absolute(match: re.Match[str], context: Context) -> Dated | None:
    found = match.groupdict()
    year = int(found["y"])
    if len(found["y"]) == 2:  # RFC 822's two digits, read as RFC 2822 says
        year += 2000 if year < 50 else 1900
    return moment(date(year, _month(found["mon"]), int(found["d"])), found, context)


def _short_year(match: re.Match[str], context: Context) -> Dated | None:
    """Read 24-05-01 12:30 with the year first, and not at all where it could be a day."""
    year = int(match["y"])
    if not _OLDEST_SHORT_YEAR <= year <= context.today.year % 100:
        return None
    day = date(2000 + year, int(match["mon"]), int(match["d"]))
    return moment(day, match.groupdict(), context)


def _chinese(match: re.Match[str], context: Context) -> Dated | None:
    found = match.groupdict()
    year = _chinese_year(found["y"], found["era"], context.today.year)
    return moment(date(year, int(found["mon"]), int(found["d"])), found, context)


def _chinese_year(written: str, era: str | None, this_year: int) -> int:
    if written in "今去前":
        return this_year - "今去前".index(written)
    year = 1 if written == "元" else int(written)
    # 113年5月1日 is Taiwan's way, with or without the era.
    if year and (era or len(written) == 3):
        return year + _REPUBLIC
    if len(written) == 2 and year <= this_year % 100:
        return 2000 + year
    if year < 1000:
        raise ValueError("a year of one digit, or of two that lie ahead")
    return year


def _month(text: str) -> int:
    if text.isdecimal():
        return int(text)
    if text.isascii():
        return _MONTHS[text[:3].lower()]
    number = text.rstrip("月")
    return int(number) if number.isdecimal() else han_number(number) or 0


def _year_month(match: re.Match[str], context: Context) -> Dated | None:
    return moment(date(int(match["y"]), int(match["mon"]), 1), {}, context)


def _month_day(match: re.Match[str], context: Context) -> Dated | None:
    found, today = match.groupdict(), context.today
    month, day = int(found["mon"]), int(found["d"])
    # New Year may be some hours ahead; the 29th of February may not exist this year.
    for year in range(today.year + 1, today.year - 5, -1):
        try:
            day_then = date(year, month, day)
        except ValueError:
            continue
        then = moment(day_then, found, context)
        if then and then[0] <= context.now + timedelta(days=1):
            return then
    return None


def _unix(match: re.Match[str], _context: Context) -> Dated:
    parts = int(match["ms"] or 0) * 1000 + int(match["us"] or 0)
    then = datetime.fromtimestamp(int(match["s"]), UTC) + timedelta(microseconds=parts)
    return then, Precision.EXACT


_Reader = Callable[[re.Match[str], Context], Dated | None]
_Readers = tuple[tuple[re.Pattern[str], _Reader], ...]
_ASCII_READERS: _Readers = (
    (_RFC822, _absolute),
    (_NUMERIC, _absolute),
    (_UNIX, _unix),
    (_ASCTIME, _absolute),
    (_MONTH_FIRST, _absolute),
    (_BASIC, _absolute),
    (_YEAR_MONTH, _year_month),
    (_FIGURES_DAY, _month_day),
    (_FIGURES_DAY_TIME, _month_day),
    (_SHORT_YEAR, _short_year),
)
_READERS: _Readers = (
    (_CHINESE, _chinese),
    (_MONTH_DAY, _month_day),
    (_NUMERIC, _absolute),
    (_CHINESE_RFC822, _absolute),
    (_FIGURES_DAY_TIME, _month_day),
    (_SHORT_YEAR, _short_year),
    (_MONTH_FIRST, _absolute),
)
