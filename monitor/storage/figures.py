"""Figures about the installation, for its own monitoring: few rows, whatever the number of posts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, Table, func, select

from alerts.model import DeliveryState
from analysis.model import Tier
from collectors.model import SourceKind
from monitor.storage import rollups
from monitor.storage.alerts import OPEN
from monitor.storage.instants import MICROSECOND
from monitor.storage.tables import (
    alert,
    channel,
    delivery,
    dirty,
    keyword_list,
    rematch,
    rollup,
    source,
)

MOST_SOURCES = 2_000
SHARE_WINDOW = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """Mentions of a keyword list in the last hour, of whole 5-minute buckets."""

    keyword_list: str
    mentions: int
    negative: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledged:
    """How many alerts were acknowledged, and after how many seconds in all."""

    count: int
    seconds: float


def posts_by_kind(connection: Connection) -> dict[str, int]:
    """Return how many posts were ever stored, by kind of source."""
    query = select(source.c.kind, func.sum(source.c.posts_total)).group_by(source.c.kind)
    return {kind: int(total) for kind, total in connection.execute(query)}


def sources(connection: Connection) -> list[RowMapping]:
    """Return the enabled sources that are visited, by id; at most 2,000."""
    query = (
        select(
            source.c.id,
            source.c.name,
            source.c.state,
            source.c.last_success_at,
            source.c.created_at,
        )
        .where(source.c.enabled, source.c.kind != SourceKind.PUSH.value)
        .order_by(source.c.id)
        .limit(MOST_SOURCES)
    )
    return list(connection.execute(query).mappings())


def open_alerts(connection: Connection) -> dict[Tier, int]:
    """Return how many alerts are open, for every tier from blue up."""
    query = select(alert.c.tier, func.count()).where(alert.c.state.in_(OPEN)).group_by(alert.c.tier)
    found = {Tier(tier): count for tier, count in connection.execute(query)}
    return {tier: found.get(tier, 0) for tier in Tier if tier is not Tier.NONE}


def acknowledged(connection: Connection) -> Acknowledged:
    """Return how long alerts waited for their acknowledgement."""
    waited = func.sum(alert.c.acknowledged_at - alert.c.opened_at)
    count, micros = connection.execute(
        select(func.count(), waited).where(alert.c.acknowledged_at.is_not(None))
    ).one()
    total = micros if isinstance(micros, timedelta) else int(micros or 0) * MICROSECOND
    return Acknowledged(count=count, seconds=total.total_seconds())


def deliveries(connection: Connection) -> Sequence[tuple[str, str, int]]:
    """Return (channel, state, count) of all deliveries that are kept."""
    query = (
        select(channel.c.name, delivery.c.state, func.count())
        .join(channel, channel.c.id == delivery.c.channel_id)
        .group_by(channel.c.name, delivery.c.state)
        .order_by(channel.c.name, delivery.c.state)
    )
    return [(name, state, count) for name, state, count in connection.execute(query)]


def queues(connection: Connection) -> dict[str, int]:
    """Return what waits: deliveries to be sent, buckets to be judged, lists to be matched again."""
    due = delivery.c.state == DeliveryState.DUE.value
    return {
        "deliveries": connection.scalar(select(func.count()).select_from(delivery).where(due)) or 0,
        "buckets": _rows(connection, dirty),
        "rematch": _rows(connection, rematch),
    }


def _rows(connection: Connection, table: Table) -> int:
    return connection.scalar(select(func.count()).select_from(table)) or 0


def shares(connection: Connection, *, now: datetime) -> list[Share]:
    """Return the last hour of every keyword list that was mentioned in it."""
    query = (
        select(keyword_list.c.name, func.sum(rollup.c.count), func.sum(rollup.c.negative))
        .join(rollup, rollup.c.keyword_list_id == keyword_list.c.id)
        .where(
            rollup.c.dimension == "source_kind",
            rollup.c.width == rollups.WIDTHS[0],
            rollup.c.bucket >= now - SHARE_WINDOW,
            rollup.c.bucket <= now,
        )
        .group_by(keyword_list.c.name)
        .having(func.sum(rollup.c.count) > 0)
        .order_by(keyword_list.c.name)
    )
    return [
        Share(keyword_list=name, mentions=int(count), negative=int(negative))
        for name, count, negative in connection.execute(query)
    ]
