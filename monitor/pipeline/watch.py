"""Sources that should speak and do not → blind spots, the state ``silent``, and one blue alert each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import structlog
from sqlalchemy import Connection, RowMapping

from alerts import blind
from alerts.blind import Blindness
from alerts.model import Alert, Change
from alerts.rules import SYSTEM
from collectors.advice import advice_for
from collectors.model import SourceState
from monitor.pipeline import notify
from monitor.pipeline.notify import Facts
from monitor.storage import alerts, blind_spots, watching
from monitor.storage.engine import Database
from monitor.storage.watching import ANSWERING

log = structlog.get_logger()

SILENCE: Final = "silence"
FAILING: Final = "failing"
_CAUSES: Final = frozenset(
    {
        SourceState.RATE_LIMITED, SourceState.BLOCKED, SourceState.NOT_A_FEED, SourceState.RECIPE_BROKEN,
        SourceState.GONE,
    }
)  # fmt: skip
_EMPTY_VISITS: Final = 3


@dataclass(slots=True, kw_only=True)
class Plan:
    """What one look at the sources makes of them."""

    begun: list[RowMapping] = field(default_factory=list)
    changed: list[RowMapping] = field(default_factory=list)
    ended: list[RowMapping] = field(default_factory=list)
    silent: list[RowMapping] = field(default_factory=list)
    heard: list[int] = field(default_factory=list)

    @property
    def size(self) -> int:
        """How many rows are to be written; 0 means that everything stands as it should."""
        written = (self.begun, self.changed, self.ended, self.silent)
        return sum(len(rows) for rows in written) + len(self.heard)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Keeps blind spots, the shown state of silent sources, and the alerts about both.

    A look that finds nothing new writes nothing; one that is cut off or taken twice leaves the same rows.
    """

    database: Database
    clock: Callable[[], datetime]
    base_url: str
    told: Callable[[], None] = lambda: None

    async def watch_sources(self) -> int:
        """Look at all sources once; returns how many changed."""
        return await asyncio.to_thread(self.watch_now)

    def watch_now(self) -> int:
        """The same, blocking."""
        now = self.clock()
        with self.database.read() as connection:
            if not plan_of(watching.suspects(connection, now=now)).size:
                return 0
        with self.database.write() as connection:
            plan = plan_of(watching.suspects(connection, now=now))
            self._carry_out(connection, plan, now)
        if plan.begun or plan.ended:
            log.info("blind spots changed", begun=len(plan.begun), ended=len(plan.ended))
            self.told()
        return plan.size

    def _carry_out(self, connection: Connection, plan: Plan, now: datetime) -> None:
        opened = blind_spots.open_many(
            self.database, connection, [_spot_row(row, now) for row in plan.begun]
        )
        blind_spots.change_many(
            connection, {row["id"]: (cause_of(row), reason_of(row)) for row in plan.changed}
        )
        ended = [row["id"] for row in plan.ended]
        blind_spots.close_many(connection, ended, until=now)
        shown = {row["id"]: (reason_of(row), row["noticed_at"] or now) for row in plan.silent}
        watching.show_silent(connection, shown, plan.heard)
        self._tell(connection, [_blindness(row) for row in plan.begun if row["id"] in opened], now)
        self._end_alerts(
            connection, [row["alert_id"] for row in plan.ended if row["alert_id"]], now
        )

    def _tell(self, connection: Connection, spots: Sequence[Blindness], now: datetime) -> None:
        """Alert about each source by itself, or about many that went blind within 15 minutes together."""
        if not spots:
            return
        lately = blind_spots.noticed_since(connection, now - blind.TOGETHER)
        if lately >= blind.MANY:
            self._alert(connection, blind.MANY_KEY, spots, now)
            return
        for spot in spots:
            self._alert(connection, blind.key_of(spot.source_id), [spot], now)

    def _alert(
        self, connection: Connection, key: str, spots: Sequence[Blindness], now: datetime
    ) -> None:
        change = blind.begin(
            spots,
            alerts.open_for(connection, key),
            _closed_by_machine(connection, key),
            now=now,
            together=key == blind.MANY_KEY,
        )
        facts = Facts(counts={}, explanation=blind.explanation_of(spots, now), evidence=[])
        alert_id = self._announce(connection, change, facts)
        blind_spots.tell_alert(connection, [spot.source_id for spot in spots], alert_id)

    def _end_alerts(self, connection: Connection, ids: Sequence[int], now: datetime) -> None:
        """Resolve the open ones of these alerts whose sources all speak again."""
        needed = blind_spots.alerts_still_needed(connection, ids)
        over = sorted(set(ids) - needed)
        for row in watching.many_alert_rows(connection, over):
            alert = alerts.to_alert(row)
            if not alert.state.is_closed:
                change = blind.end(alert, now=now)
                self._announce(connection, change, notify.facts_of(row))

    def _announce(self, connection: Connection, change: Change, facts: Facts) -> int:
        return notify.announce(self.database, connection, change, facts, base_url=self.base_url)


def plan_of(rows: Sequence[RowMapping]) -> Plan:
    """Return what has to be written so that blind spots and states say what ``rows`` say."""
    plan = Plan()
    for row in rows:
        blind_now = row["is_lost"] or row["is_silent"] or _is_still_lost(row)
        if not blind_now:
            if row["spot_id"]:
                plan.ended.append(row)
            if row["state"] == SourceState.SILENT:
                plan.heard.append(row["id"])
            continue
        if row["spot_id"] is None:
            plan.begun.append(row)
        elif row["spot_cause"] != cause_of(row):
            plan.changed.append(row)
        if row["is_silent"] and row["state"] != SourceState.SILENT:
            plan.silent.append(row)
    return plan


def _is_still_lost(row: RowMapping) -> bool:
    """Whether a source that is blind failed again before anybody saw it succeed."""
    return bool(row["spot_id"] and row["enabled"] and row["state"] not in ANSWERING)


def cause_of(row: RowMapping) -> str:
    """Return why a source is blind: silence, failing, or the state that says more."""
    if row["state"] in ANSWERING:
        return SILENCE
    state = SourceState(row["state"])
    return state.value if state in _CAUSES else FAILING


def reason_of(row: RowMapping) -> str:
    """Return the reason as people read it."""
    if cause_of(row) != SILENCE:
        return row["reason"] or blind.cause_name(cause_of(row))
    expected = _span(row["expected_seconds"])
    return f"平时约 {expected[0]}内会有新内容，自上一条起已超过两倍 (expected within {expected[1]}, twice that has passed)"


def _span(seconds: int | None) -> tuple[str, str]:
    hours = (seconds or 0) / 3600
    if hours < 1:
        return f"{round(hours * 60)} 分钟", f"{round(hours * 60)} min"
    return f"{hours:.1f} 小时", f"{hours:.1f} h"


def _spot_row(row: RowMapping, now: datetime) -> dict[str, object]:
    return {
        "source_id": row["id"], "cause": cause_of(row), "since": _since(row), "noticed_at": now,
        "reason": reason_of(row),
    }  # fmt: skip


def _since(row: RowMapping) -> datetime:
    """Return from when on we know nothing of a source: its last post, or our last successful look."""
    begin: datetime = row["created_at"]
    if cause_of(row) == SILENCE:
        return row["last_post_at"] or begin
    looked: datetime = row["last_success_at"] or begin
    if row["state"] == SourceState.RECIPE_BROKEN and row["state_since"]:
        # the visits that found nothing counted as successful until there were three of them
        empty = _EMPTY_VISITS * timedelta(seconds=row["interval_seconds"])
        found: datetime = row["state_since"] - empty
        return max(begin, min(looked, found))
    return looked


def _blindness(row: RowMapping) -> Blindness:
    state = SourceState.SILENT if row["state"] in ANSWERING else SourceState(row["state"])
    advice = advice_for(state, row["kind"])
    return Blindness(
        source_id=row["id"],
        name=row["name"],
        cause=cause_of(row),
        since=_since(row),
        reason=reason_of(row),
        advice=advice.zh if advice else "",
    )


def _closed_by_machine(connection: Connection, key: str) -> Alert | None:
    closed = alerts.last_closed(connection, key)
    if closed is None or alerts.closed_by(connection, closed.id) != SYSTEM:
        return None
    return closed
