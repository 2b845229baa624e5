"""The five key figures of the overview: each with its unit, its window and what is usual."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from markupsafe import Markup

from monitor.storage.overview import Reach
from monitor.web import formats
from monitor.web.drawings import spark
from monitor.web.series import LEAST_DAYS, LEAST_MENTIONS, Bucket
from monitor.web.words import Words

SLOTS = 24
FAST = 2.0  # times the usual speed that is worth a colour
SHIFT = 0.01  # one percentage point


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One card. ``tone`` of the change is bad, good or plain; an empty change shows none."""

    key: str
    value: str
    unit: str
    window: str
    note: str
    change: str = ""
    tone: str = "plain"
    spark: Markup = field(default_factory=Markup)


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """What volume and share are computed from; ``before`` is None where nobody watched yet."""

    buckets: Sequence[Bucket]
    before: tuple[int, int] | None
    usual_share: float | None

    @property
    def total(self) -> int:
        """Mentions in the window."""
        return sum(bucket.count for bucket in self.buckets)

    @property
    def negative(self) -> int:
        """Negative mentions in the window."""
        return sum(bucket.negative for bucket in self.buckets)


def volume(counts: Counts, window: str, words: Words) -> Figure:
    """Return mentions in the window against the window before."""
    change, note = "", words("kpi.no_before")
    if counts.before is not None and counts.before[0]:
        note = words("kpi.against")
        change = f"{100 * (counts.total / counts.before[0] - 1):+,.0f}%".replace("-", "−")
    return Figure(
        key="volume",
        value=formats.number(counts.total, words.lang),
        unit=words("unit.mentions"),
        window=window,
        note=note,
        change=change,
        spark=spark([bucket.count for bucket in counts.buckets], "ink"),
    )


def share(counts: Counts, window: str, words: Words) -> Figure:
    """Return the negative share of the window against the 28 days before it."""
    if counts.total < LEAST_MENTIONS:
        note = words("kpi.share.too_few", count=LEAST_MENTIONS)
        return Figure(key="share", value=words("missing"), unit="%", window=window, note=note)
    now = counts.negative / counts.total
    change, tone, note = "", "plain", words("kpi.no_before")
    if counts.usual_share is not None:
        shift = now - counts.usual_share
        note = words("kpi.share.usual", value=formats.percent(counts.usual_share))
        change = f"{100 * shift:+.1f}pp".replace("-", "−")
        tone = "bad" if shift >= SHIFT else "good" if shift <= -SHIFT else "plain"
    line = spark([bucket.share for bucket in counts.buckets], "neg")
    return Figure(
        key="share",
        value=formats.percent(now),
        unit="%",
        window=window,
        note=note,
        change=change,
        tone=tone,
        spark=line,
    )


def speed(last_hour: int, usual: float | None, hourly: Sequence[int], words: Words) -> Figure:
    """Return the mentions of the last 60 minutes against the usual hour at this time of day."""
    if usual is None:
        note = words("kpi.speed.short", days=LEAST_DAYS)
        change, tone = "", "plain"
    else:
        note = words("kpi.speed.usual", value=formats.number(usual, words.lang))
        times = last_hour / usual if usual else 0.0
        change = f"×{times:.1f}" if usual else ""
        tone = "bad" if times >= FAST else "plain"
    return Figure(
        key="speed",
        value=formats.number(last_hour, words.lang),
        unit=words("unit.an_hour"),
        window=words("last.1h"),
        note=note,
        change=change,
        tone=tone,
        spark=spark(list(hourly), "neg" if tone == "bad" else "ink"),
    )


def reach(steps: Sequence[Reach], window: str, words: Words) -> Figure:
    """Return the summed followers of the window's authors, as far as they are known."""
    known, mentions = sum(step.known for step in steps), sum(step.mentions for step in steps)
    if not known:
        note = words("kpi.reach.none")
        return Figure(
            key="reach", value=words("missing"), unit=words("unit.people"), window=window, note=note
        )
    return Figure(
        key="reach",
        value=formats.number(sum(step.people or 0 for step in steps), words.lang),
        unit=words("unit.people"),
        window=window,
        note=words("kpi.reach.known", known=f"{known:,}", all=f"{mentions:,}"),
        spark=spark([step.people for step in steps], "ink"),
    )


def delay(
    found: Sequence[tuple[datetime, timedelta]],
    since: datetime,
    until: datetime,
    window: str,
    words: Words,
) -> Figure:
    """Return the median time from publication until we had the post."""
    if not found:
        note = words("kpi.delay.none")
        return Figure(
            key="delay", value=words("missing"), unit=words("unit.median"), window=window, note=note
        )
    spans = sorted(span for _, span in found)
    late = spans[min(len(spans) - 1, round(0.95 * len(spans)))]
    return Figure(
        key="delay",
        value=formats.duration(spans[len(spans) // 2], words.lang),
        unit=words("unit.median"),
        window=window,
        note=words(
            "kpi.delay.of",
            count=f"{len(spans):,}",
            value=formats.duration(late, words.lang),
        ),
        spark=spark(_medians(found, since, until), "pos"),
    )


def _medians(
    found: Sequence[tuple[datetime, timedelta]], since: datetime, until: datetime
) -> list[float | None]:
    slots: list[list[float]] = [[] for _ in range(SLOTS)]
    for published, span in found:
        at = min(SLOTS - 1, max(0, int(SLOTS * ((published - since) / (until - since)))))
        slots[at].append(span.total_seconds())
    return [statistics.median(slot) if slot else None for slot in slots]
