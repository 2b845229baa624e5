"""Alerts about sources that should speak and do not: what opens one, what it says, what ends it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from alerts.model import Alert, AlertState, Change, EventKind
from alerts.rules import ACKNOWLEDGE_WITHIN, NOTIFYING, REOPEN_FOR, SYSTEM
from analysis.model import Tier

MANY: Final = 5
"""So many sources going blind together are one alert: more likely our network than all of theirs."""
TOGETHER: Final = timedelta(minutes=15)
MANY_KEY: Final = "blind:many"
TITLE_OF_MANY: Final = "盲区：多个数据源同时失联"
NO_LIST: Final = 0
_NAMED: Final = 8
_CAUSES: Final[Mapping[str, str]] = {
    "silence": "长时间没有新内容",
    "rate_limited": "被限流",
    "blocked": "被拒绝访问",
    "failing": "读取失败",
    "recipe_broken": "抓取配方失效",
    "not_a_feed": "内容不是订阅源",
    "gone": "已永久关闭",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Blindness:
    """A source that does not speak: since when, why, and what the operator can do."""

    source_id: int
    name: str
    cause: str
    since: datetime
    reason: str
    advice: str


def key_of(source_id: int) -> str:
    """Return the key under which at most one alert about this source is open."""
    return f"blind:{source_id}"


def cause_name(cause: str) -> str:
    """Return a cause as pages and messages name it."""
    return _CAUSES.get(cause, cause)


def begin(
    spots: Sequence[Blindness],
    open_alert: Alert | None,
    recently_closed: Alert | None,
    *,
    now: datetime,
    together: bool = False,
) -> Change:
    """Return the blue alert about one source, or about many that went blind together.

    An open one takes in the new sources without being told again; one that the machine closed within
    24 hours goes on under its id.

    Args:
        spots: those that went blind now, at least one.
        open_alert: what is open under the key.
        recently_closed: the newest closed one, given only if the machine resolved it.
        now: the moment of deciding.
        together: the alert is about many sources, of which these are the newest.
    """
    reason = sentence_of(spots, now)
    if open_alert is not None:
        seen = replace(open_alert, last_signal_at=now)
        return _event(seen, EventKind.EVIDENCE_ADDED, open_alert.tier, reason, now)
    alert = _fresh(spots, now, together)
    if recently_closed is not None and _goes_on(recently_closed, now):
        again = replace(
            alert, id=recently_closed.id, sequence=recently_closed.sequence, opened_at=recently_closed.opened_at
        )  # fmt: skip
        return _event(again, EventKind.REOPENED, recently_closed.tier, reason, now)
    return _event(alert, EventKind.OPENED, Tier.NONE, reason, now)


def end(alert: Alert, *, now: datetime) -> Change:
    """Return the end of an alert: all its sources speak again."""
    closed = replace(alert, state=AlertState.RESOLVED, closed_at=now, deadline_at=None)
    return _event(closed, EventKind.RESOLVED, alert.tier, "数据源已恢复 (speaks again)", now)


def title_of(spot: Blindness) -> str:
    """Return the title of an alert about one source."""
    return f"盲区：数据源「{spot.name}」{cause_name(spot.cause)}"


def sentence_of(spots: Sequence[Blindness], now: datetime) -> str:
    """Return in Chinese what is blind, since when and what to do; the silence is never shown as calm."""
    if len(spots) == 1:
        (spot,) = spots
        return (
            f"数据源「{spot.name}」已 {_hours(now - spot.since)} 没有可用的新内容：{spot.reason}。"
            f"这段时间的声量不完整，不代表平静。{spot.advice}"
        )
    names = "、".join(f"「{spot.name}」" for spot in spots[:_NAMED])
    more = f"等 {len(spots)} 个" if len(spots) > _NAMED else ""
    return (
        f"{names}{more}数据源几乎同时失联，多半是本机网络、代理或出口的问题，请先检查网络。"
        "这段时间的声量不完整，不代表平静。"
    )


def explanation_of(spots: Sequence[Blindness], now: datetime) -> dict[str, object]:
    """Return the explanation stored with the alert, in the shape of every alert's."""
    since = min(spot.since for spot in spots)
    return {
        "sentence": sentence_of(spots, now),
        "reason": "blind_spot",
        "tier": Tier.BLUE.wire,
        "window": {"start": _rfc3339(since), "end": _rfc3339(now)},
        "conditions": [],
        "sources": [
            {
                "id": spot.source_id, "name": spot.name, "cause": spot.cause, "since": _rfc3339(spot.since),
                "reason": spot.reason, "advice": spot.advice,
            }
            for spot in spots
        ],
    }  # fmt: skip


def _fresh(spots: Sequence[Blindness], now: datetime, together: bool) -> Alert:
    alone = not together
    return Alert(
        id=0,
        dedup_key=key_of(spots[0].source_id) if alone else MANY_KEY,
        keyword_list_id=NO_LIST,
        source_id=spots[0].source_id if alone else None,
        state=AlertState.OPEN,
        tier=Tier.BLUE,
        title=TITLE_OF_MANY if together else title_of(spots[0]),
        opened_at=now,
        updated_at=now,
        sequence=0,
        deadline_at=now + ACKNOWLEDGE_WITHIN[Tier.BLUE],
        last_signal_at=now,
    )


def _goes_on(closed: Alert, now: datetime) -> bool:
    if closed.state is not AlertState.RESOLVED or closed.closed_at is None:
        return False
    return now - closed.closed_at <= REOPEN_FOR


def _event(alert: Alert, kind: EventKind, before: Tier, reason: str, now: datetime) -> Change:
    return Change(
        alert=replace(alert, sequence=alert.sequence + 1, updated_at=now),
        kind=kind,
        actor=SYSTEM,
        at=now,
        previous_tier=before,
        reason=reason,
        notify=kind in NOTIFYING,
    )


def _hours(span: timedelta) -> str:
    hours = span / timedelta(hours=1)
    if hours < 1:
        return f"{max(1, round(hours * 60))} 分钟"
    return f"{hours:.1f} 小时" if hours < 48 else f"{hours / 24:.1f} 天"  # two days


def _rfc3339(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
