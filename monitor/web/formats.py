"""Numbers, times and durations as people read them, in Chinese and English."""

from __future__ import annotations

from datetime import datetime, timedelta, tzinfo

CHINESE = "zh"
UNITS = {
    CHINESE: ((100_000_000, " 亿"), (10_000, " 万")),
    "en": ((1_000_000_000, "B"), (1_000_000, "M"), (10_000, "K")),
}
SPANS = {CHINESE: ("天", "小时", "分", "秒"), "en": ("d", "h", "min", "s")}
AGO = {
    CHINESE: ("刚刚", "{} 秒前", "{} 分钟前", "{} 小时前", "{} 天前"),
    "en": ("just now", "{}s ago", "{}min ago", "{}h ago", "{}d ago"),
}
JUST_NOW = 5


def number(value: float, lang: str) -> str:
    """Return a count: ``5,267``, ``4.1 万`` or ``41K``; a fraction only below 10."""
    for size, unit in UNITS[lang]:
        if abs(value) >= size:
            divisor = 1_000 if unit == "K" else size
            return f"{value / divisor:,.1f}".removesuffix(".0") + unit
    return f"{value:,.1f}".removesuffix(".0") if abs(value) < 10 else f"{value:,.0f}"


def percent(share: float) -> str:
    """Return a share 0…1 in percent with one digit, without the sign %."""
    return f"{100 * share:.1f}"


def duration(span: timedelta, lang: str) -> str:
    """Return the two largest units of a length of time: ``1 分 42 秒``; negative counts as zero."""
    seconds = max(0, round(span.total_seconds()))
    sizes = (86_400, 3_600, 60, 1)
    parts: list[tuple[int, str]] = []
    for size, unit in zip(sizes, SPANS[lang], strict=True):
        amount, seconds = divmod(seconds, size)
        if amount or parts or size == 1:
            parts.append((amount, unit))
    shown = [f"{amount} {unit}" for amount, unit in parts[:2] if amount or len(parts) == 1]
    return " ".join(shown)


def countdown(left: timedelta) -> str:
    """Return ``1:43:48``; a minus in front once the time is over."""
    seconds = int(left.total_seconds())
    hours, rest = divmod(abs(seconds), 3_600)
    return f"{'−' if seconds < 0 else ''}{hours}:{rest // 60:02d}:{rest % 60:02d}"


def ago(then: datetime, now: datetime, lang: str) -> str:
    """Return how long ago: ``3 分钟前``; what lies ahead counts as now."""
    seconds = max(0, int((now - then).total_seconds()))
    words = AGO[lang]
    if seconds < JUST_NOW:
        return words[0]
    for size, word in ((86_400, words[4]), (3_600, words[3]), (60, words[2])):
        if seconds >= size:
            return word.format(seconds // size)
    return words[1].format(seconds)


def moment(at: datetime, now: datetime, zone: tzinfo) -> str:
    """Return ``15:36:12`` for today, else ``03-09 15:36``, in ``zone``."""
    local = at.astimezone(zone)
    return (
        f"{local:%H:%M:%S}"
        if local.date() == now.astimezone(zone).date()
        else f"{local:%m-%d %H:%M}"
    )


def exact(at: datetime, zone: tzinfo) -> str:
    """Return the full local time with its offset."""
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M:%S %z}"


def machine(at: datetime) -> str:
    """Return RFC 3339 UTC with Z, for ``datetime`` attributes and JSON."""
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
