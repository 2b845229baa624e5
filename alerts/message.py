"""What an alert says: the body of its webhooks, and the explanation with every number behind it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from types import MappingProxyType
from typing import Final

from alerts.model import Change, EventKind
from analysis.model import Condition, Signal, SignalReason, Tier

MOST_BODY_BYTES: Final = 20_000
MOST_EVIDENCE: Final = 10
_EXCERPTS: Final = (200, 80, 30)
_LONGEST_TITLE: Final = 200

EVENT_TYPES: Final[Mapping[EventKind, str]] = MappingProxyType(
    {
        EventKind.OPENED: "alert.opened",
        EventKind.REOPENED: "alert.opened",
        EventKind.TIER_RAISED: "alert.tier_raised",
        EventKind.ACKNOWLEDGED: "alert.acknowledged",
        EventKind.RESOLVED: "alert.resolved",
        EventKind.FALSE_ALARM: "alert.resolved",
    }
)
"""Under which type channels get an event; the others are history only."""

TIER_NAMES: Final[Mapping[Tier, str]] = MappingProxyType(
    {
        Tier.NONE: "无",
        Tier.BLUE: "蓝色",
        Tier.YELLOW: "黄色",
        Tier.ORANGE: "橙色",
        Tier.RED: "红色",
    }
)
CONDITION_NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "volume": "声量（条）",
        "score": "突增值（σ）",
        "negative_share": "负面占比",
        "sources": "独立来源（个）",
        "reach": "覆盖（人）",
        "baseline_days": "基线天数（天）",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """A post behind an alert, as messages show it."""

    post_id: int
    url: str | None
    source: str
    excerpt: str
    published_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Links:
    """Where a reader sees the alert, and where it is acknowledged (by POST)."""

    alert: str
    ack: str


def title_of(keyword_list: str, reason: SignalReason = SignalReason.BURST_NEGATIVE) -> str:
    """Return the title of a new alert."""
    what = "声量突增" if reason is SignalReason.BURST_VOLUME else "负面声量突增"
    return f"「{keyword_list}」{what}"


def body_of(
    change: Change,
    *,
    subject: str,
    counts: Mapping[str, object],
    explanation: Mapping[str, object],
    evidence: Sequence[Evidence],
    links: Links,
) -> bytes | None:
    """Return the webhook body of an event, UTF-8 JSON under 20 kB; None if channels do not get it.

    Keys and types are those of Standard Webhooks; times are RFC 3339 UTC. ``counts`` and
    ``explanation`` are those of the alert's latest signal (``counts_of``, ``explanation_of``), as
    they were stored with it. ``subject`` is the name of the keyword list, or of the source that the
    alert is about. A body that is too long first loses length of excerpts, then evidence from the end.
    """
    if change.kind not in EVENT_TYPES:
        return None
    shown = list(evidence[:MOST_EVIDENCE])
    tries = [(shown, length) for length in _EXCERPTS]
    tries += [(shown[:count], _EXCERPTS[-1]) for count in range(len(shown) - 1, -1, -1)]
    head = {"type": EVENT_TYPES[change.kind], "timestamp": _rfc3339(change.at)}
    data = {
        **_alert(change, subject),
        "counts": dict(counts),
        "evidence": [],
        "explanation": dict(explanation),
        "links": {"alert": links.alert, "ack": links.ack},
    }
    return _first_fitting(head, data, tries)


def explanation_of(signal: Signal, tz: tzinfo) -> dict[str, object]:
    """Return why a signal fired, or did not, as the API and the pages show it.

    ``conditions`` are frozen at the moment of judging; those that were not met stay in the list.
    """
    return {
        "sentence": sentence_of(signal, tz),
        "reason": signal.reason.value,
        "tier": signal.tier.wire,
        "rule_version": signal.rule_version,
        "window": {"start": _rfc3339(signal.window_start), "end": _rfc3339(signal.window_end)},
        **counts_of(signal),
        "conditions": [_condition(row) for row in signal.conditions],
    }


def counts_of(signal: Signal) -> dict[str, object]:
    """Return the figures of a signal's window; ``reach`` is null where it is unknown."""
    return {
        "observed": signal.observed,
        "baseline": None if _has_no_baseline(signal) else round(signal.baseline, 2),
        "score": None if _has_no_baseline(signal) else round(signal.score, 2),
        "mentions": signal.mentions,
        "negative_share": round(signal.negative_share, 4),
        "sources": signal.sources,
        "reach": signal.reach,
    }


def sentence_of(signal: Signal, tz: tzinfo) -> str:
    """Return one Chinese sentence with window, numbers and units.

    ``13:05–13:35 负面 24 条，同一时段通常 1.2 条，突增值 9.8（橙色门槛 6.0）；负面占比 72%``
    """
    start, end = signal.window_start.astimezone(tz), signal.window_end.astimezone(tz)
    what = "提及" if signal.reason is SignalReason.BURST_VOLUME else "负面"
    head = f"{start:%H:%M}–{end:%H:%M} {what} {signal.observed} 条"
    share = f"负面占比 {signal.negative_share:.0%}"
    if _has_no_baseline(signal):
        limit = _limit(signal, "volume", " 条", 0)
        return f"{head}{limit}；{share}；历史不足，尚无基线，仅按绝对数量和负面占比判断"
    usual = f"同一时段通常 {signal.baseline:.1f} 条"
    burst = f"突增值 {signal.score:.1f}{_limit(signal, 'score', '', 1)}"
    tail = "；未达到任何级别" if signal.tier == Tier.NONE else ""
    return f"{head}，{usual}，{burst}；{share}{tail}"


def cut(text: str, length: int) -> str:
    """Return at most ``length`` characters of a text, ending in … where it was shortened."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _limit(signal: Signal, name: str, unit: str, digits: int) -> str:
    """Say the threshold of the tier reached, in brackets; nothing below the lowest tier."""
    row = next((row for row in signal.conditions if row.name == name), None)
    if row is None or row.threshold is None or signal.tier == Tier.NONE:
        return ""
    return f"（{TIER_NAMES[signal.tier]}门槛 {row.threshold:.{digits}f}{unit}）"


def _has_no_baseline(signal: Signal) -> bool:
    return any(row.name == "baseline_days" and not row.met for row in signal.conditions)


def _condition(row: Condition) -> dict[str, object]:
    return {
        "name": row.name,
        "label": CONDITION_NAMES.get(row.name, row.name),
        "observed": _rounded(row.observed),
        "baseline": _rounded(row.baseline),
        "threshold": _rounded(row.threshold),
        "met": row.met,
    }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 4)


def _alert(change: Change, subject: str) -> dict[str, object]:
    alert = change.alert
    return {
        "alert_id": alert.id,
        "sequence": alert.sequence,
        "state": alert.state.value,
        "tier": alert.tier.wire,
        "previous_tier": change.previous_tier.wire,
        **_subject(change, subject),
        "title": cut(alert.title, _LONGEST_TITLE),
        "started_at": _rfc3339(alert.opened_at),
    }


def _subject(change: Change, name: str) -> dict[str, object]:
    """Return what the alert is about: a keyword list, else one source of ours or many."""
    alert, name = change.alert, cut(name, _LONGEST_TITLE)
    if alert.keyword_list_id:
        return {"keyword_list": {"id": alert.keyword_list_id, "name": name}}
    one = None if alert.source_id is None else {"id": alert.source_id, "name": name}
    return {"keyword_list": None, "source": one}


def _first_fitting(
    head: Mapping[str, str],
    data: Mapping[str, object],
    tries: Sequence[tuple[Sequence[Evidence], int]],
) -> bytes:
    """Return the fullest body that is short enough; else the one without evidence."""
    body = b""
    for evidence, length in tries:
        shown = {**data, "evidence": [_post(post, length) for post in evidence]}
        text = json.dumps({**head, "data": shown}, ensure_ascii=False, separators=(",", ":"))
        body = text.encode("utf-8", "replace")
        if len(body) < MOST_BODY_BYTES:
            break
    return body


def _post(post: Evidence, length: int) -> dict[str, object]:
    return {
        "post_id": post.post_id,
        "url": post.url,
        "source": cut(post.source, _LONGEST_TITLE),
        "excerpt": cut(post.excerpt, length),
        "published_at": None if post.published_at is None else _rfc3339(post.published_at),
    }


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
