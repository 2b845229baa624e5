"""Dirty buckets → signals → alert changes and outbox rows, in one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import structlog
from sqlalchemy import Connection, RowMapping

from alerts import message, rules
from alerts.message import Evidence
from alerts.model import Alert, AlertState, Change
from analysis import burst, tiers
from analysis.baseline import FIVE_MINUTES, Baseline, Floats, empty_baseline
from analysis.model import Signal, Tier
from analysis.tiers import Recent, Spread
from monitor.pipeline import notify
from monitor.pipeline.notify import Facts
from monitor.pipeline.unseen import Shares, Unseen
from monitor.storage import alerts, keyword_lists, rollups
from monitor.storage.engine import Database

log = structlog.get_logger()

RULE_VERSION: Final = "1"
AT_ONCE: Final = 2_000
LOOK_AGAIN: Final = timedelta(seconds=30)
MEMORY: Final = timedelta(days=burst.MEMORY_DAYS)
RELEARN: Final = timedelta(seconds=30)
STALE: Final = datetime(1970, 1, 1, tzinfo=UTC)
"""A baseline "learned up to" here is to be learned anew from the whole history."""
EXCERPT: Final = 200


@dataclass(slots=True, kw_only=True)
class Evaluator:
    """Judges keyword lists whose buckets changed, and looks at open alerts again as time passes."""

    database: Database
    clock: Callable[[], datetime]
    zone: ZoneInfo
    base_url: str
    told: Callable[[], None] = lambda: None
    _looked_at: datetime | None = None
    _relearned: dict[int, datetime] = field(default_factory=dict)
    _shares: Shares = field(default_factory=dict)

    async def evaluate(self) -> int:
        """Judge what is due now; returns how many dirty buckets were settled."""
        return await asyncio.to_thread(self.evaluate_now)

    def evaluate_now(self) -> int:
        """The same, blocking."""
        now = self.clock()
        look_again = self._looked_at is None or now - self._looked_at >= LOOK_AGAIN
        if not look_again and not self._is_anything_dirty():
            return 0
        changes = 0
        with self.database.write() as connection:
            dirty = rollups.claim_dirty(connection, limit=AT_ONCE)
            unseen = Unseen(connection=connection, now=now, shares=self._shares)
            due = set(dirty)
            if look_again:
                due |= alerts.open_lists(connection)
            for list_id in sorted(due):
                changes += self._judge(connection, list_id, dirty.get(list_id, ()), now, unseen)
        if look_again:
            self._looked_at = now
        if changes:
            self.told()
        return sum(len(buckets) for buckets in dirty.values())

    def _is_anything_dirty(self) -> bool:
        with self.database.read() as connection:
            return rollups.is_anything_dirty(connection)

    def _judge(
        self,
        connection: Connection,
        list_id: int,
        dirty: Collection[datetime],
        now: datetime,
        unseen: Unseen,
    ) -> int:
        row = keyword_lists.get(connection, list_id)
        if row is None or not row["enabled"]:
            return 0
        baseline = self._baseline(connection, list_id, dirty, now, unseen)
        recent = _recent(connection, list_id, now, unseen)
        ladder = tiers.ladder_from(row["thresholds"])
        key = rules.dedup_key(list_id)
        open_alert = alerts.open_for(connection, key)
        closed = None if open_alert else alerts.last_closed(connection, key)
        by_machine = closed is not None and _is_closed_by_machine(connection, closed)
        signal = tiers.judge_windows(
            recent,
            baseline,
            ladder,
            now=now,
            rule_version=f"{RULE_VERSION}.{row['version']}",
            cutoff=closed.closed_at if closed and not by_machine else None,
        )
        quiet = 0
        if open_alert is not None:
            quiet = tiers.quiet_buckets(recent, baseline, ladder, tier=open_alert.tier, now=now)
        change = rules.decide(
            signal,
            open_alert,
            closed if by_machine else None,
            title=message.title_of(row["name"], signal.reason),
            now=now,
            quiet_buckets=quiet,
        )
        return self._store(connection, row, signal, open_alert, change, now)

    def _store(  # one judging and what follows from it
        self,
        connection: Connection,
        row: RowMapping,
        signal: Signal,
        open_alert: Alert | None,
        change: Change | None,
        now: datetime,
    ) -> int:
        if signal.tier > Tier.NONE:
            body = message.explanation_of(signal, self.zone)
            alerts.store_signal(self.database, connection, signal, body, at=now)
        if change is None:
            return 0
        if signal.tier == Tier.NONE and open_alert is not None:
            stored = alerts.get(connection, open_alert.id)
            assert stored is not None  # noqa: S101  # it was read in this transaction
            facts = notify.facts_of(stored)
        else:
            facts = self._facts(connection, signal)
            change = replace(change, reason=message.sentence_of(signal, self.zone))
        alert_id = notify.announce(self.database, connection, change, facts, base_url=self.base_url)
        log.info(
            "alert changed",
            alert_id=alert_id,
            change=change.kind.value,
            tier=change.alert.tier.wire,
            keyword_list_id=row["id"],
        )
        return 1

    def _facts(self, connection: Connection, signal: Signal) -> Facts:
        rows = alerts.evidence(
            connection, signal.keyword_list_id, signal.window_start, signal.window_end
        )
        return Facts(
            counts=message.counts_of(signal),
            explanation=message.explanation_of(signal, self.zone),
            evidence=[
                Evidence(
                    post_id=row["id"],
                    url=row["url"],
                    source=row["source"],
                    excerpt=message.cut(row["title"] or row["text"], EXCERPT),
                    published_at=row["published_at"],
                )
                for row in rows
            ],
        )

    def _baseline(
        self,
        connection: Connection,
        list_id: int,
        dirty: Collection[datetime],
        now: datetime,
        unseen: Unseen,
    ) -> Baseline:
        """Return the list's baseline, learned up to what has settled; stored when it moved."""
        until = burst.settled_until(now)
        stored = alerts.load_baseline(connection, list_id)
        known = None if stored is None else Baseline.from_bytes(stored[0])
        if stored is not None and known is not None:
            if _is_rewritten(stored[1], dirty):
                if not self._may_relearn(list_id, dirty, now):
                    alerts.save_baseline(self.database, connection, list_id, stored[0], STALE)
                    return known
                known = None
            elif stored[1] >= until:
                return known
        since = until - MEMORY if known is None or known.end is None else known.end
        learned = known or empty_baseline(
            utc_offset=now.astimezone(self.zone).utcoffset() or timedelta(0)
        )
        if since < until:
            counts = _counts(connection, list_id, since, until)
            learned = burst.advance(learned, unseen.mask(list_id, counts, since), since)
        alerts.save_baseline(self.database, connection, list_id, learned.to_bytes(), until)
        return learned

    def _may_relearn(self, list_id: int, dirty: Collection[datetime], now: datetime) -> bool:
        """Whether to learn a rewritten history now: once what is judged is new, and not every moment.

        An import alone is not judged, so it is learned once, when it has ended.
        """
        if not dirty or max(dirty) < now - tiers.HORIZON:
            return False
        last = self._relearned.get(list_id)
        if last is not None and now - last < RELEARN:
            return False
        self._relearned[list_id] = now
        return True


def _is_rewritten(learned_until: datetime, dirty: Collection[datetime]) -> bool:
    """Whether history that was learned has changed (an import, very late posts), now or earlier."""
    return learned_until == STALE or (bool(dirty) and min(dirty) < learned_until)


def _is_closed_by_machine(connection: Connection, closed: Alert) -> bool:
    if closed.state is not AlertState.RESOLVED:
        return False
    return alerts.closed_by(connection, closed.id) == rules.SYSTEM


def _recent(connection: Connection, list_id: int, now: datetime, unseen: Unseen) -> Recent:
    until = rollups.floor_bucket(now) + rollups.BUCKET
    start = until - tiers.RECENT
    counts = _counts(connection, list_id, start, until)
    return Recent(
        keyword_list_id=list_id,
        start=start,
        counts=unseen.without_guesses(list_id, counts, start),
        spread_of=lambda since, end: _spread(connection, list_id, since, end),
    )


def _spread(connection: Connection, list_id: int, since: datetime, until: datetime) -> Spread:
    voices, reach = alerts.spread(connection, list_id, since, until)
    return Spread(sources=voices, reach=reach)


def _counts(connection: Connection, list_id: int, since: datetime, until: datetime) -> Floats:
    """Return negative and all mentions per 5-minute bucket of [since, until), shaped (2, buckets)."""
    counts = np.zeros((2, round((until - since) / FIVE_MINUTES)))
    for cell in rollups.read(connection, keyword_list_ids=[list_id], since=since, until=until):
        at = (cell.bucket - since) // FIVE_MINUTES
        counts[:, at] = cell.negative, cell.count
    return counts
