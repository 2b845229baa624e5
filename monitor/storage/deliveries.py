"""Channels, and the outbox: one delivery for one alert event and one channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from sqlalchemy import Connection, RowMapping, func, literal, select, update

from alerts.model import DeliveryState
from monitor.storage.engine import Database
from monitor.storage.instants import EPOCH, Instant
from monitor.storage.sealing import Sealer
from monitor.storage.tables import attempt, channel, delivery

LEASE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class Leased:
    """A delivery that is ours to try; ``token`` must be shown when it is settled."""

    id: int
    webhook_id: str
    channel_id: int
    alert_id: int | None
    body: str
    attempts: int
    first_at: datetime
    token: str


def enqueue(  # noqa: PLR0913  # one outbox row and who gets it
    database: Database,
    connection: Connection,
    *,
    event_id: int,
    alert_id: int | None,
    channels: Sequence[int],
    body: str,
    lane: int,
    now: datetime,
) -> None:  # fmt: skip
    """Add one due delivery for each channel; a repeated event adds nothing."""
    if not channels:
        return
    connection.execute(
        database.insert(delivery).on_conflict_do_nothing(),
        [
            {
                "event_id": event_id, "alert_id": alert_id, "channel_id": channel_id,
                "webhook_id": f"msg_{event_id}_{channel_id}", "lane": lane, "state": DeliveryState.DUE.value,
                "body": body, "created_at": now, "next_attempt_at": now, "lease_until": EPOCH,
            }
            for channel_id in channels
        ],
    )  # fmt: skip


def claim(connection: Connection, *, now: datetime, token: str, limit: int) -> list[Leased]:
    """Lease due deliveries, the gravest first; each counts as an attempt from now on."""
    chosen = (
        select(delivery.c.id)
        .where(
            delivery.c.state == DeliveryState.DUE.value,
            delivery.c.next_attempt_at <= now,
            delivery.c.lease_until <= now,
        )
        .order_by(delivery.c.lane, delivery.c.next_attempt_at)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    rows = connection.execute(
        update(delivery)
        .where(delivery.c.id.in_(chosen.scalar_subquery()))
        .values(
            lease_token=token,
            lease_until=now + LEASE,
            attempts=delivery.c.attempts + 1,
            first_at=func.coalesce(delivery.c.first_at, literal(now, Instant())),
        )
        .returning(delivery)
    ).mappings()
    return [
        Leased(
            id=row["id"], webhook_id=row["webhook_id"], channel_id=row["channel_id"], alert_id=row["alert_id"],
            body=row["body"], attempts=row["attempts"], first_at=row["first_at"] or now, token=token,
        )
        for row in rows
    ]  # fmt: skip


def settle(
    connection: Connection, leased: Leased, values: Mapping[str, Any], record: Mapping[str, Any]
) -> bool:
    """Record the attempt and the new state; False when the lease had gone to somebody else."""
    connection.execute(
        attempt.insert().values(delivery_id=leased.id, number=leased.attempts, **record)
    )
    settled = connection.execute(
        update(delivery)
        .where(delivery.c.id == leased.id, delivery.c.lease_token == leased.token)
        .values(**values, lease_token=None, lease_until=EPOCH)
    )
    return settled.rowcount == 1


def redeliver(connection: Connection, delivery_id: int, *, now: datetime) -> bool:
    """Make a delivery due again with its old webhook id and a fresh schedule."""
    done = connection.execute(
        update(delivery)
        .where(delivery.c.id == delivery_id)
        .values(
            state=DeliveryState.DUE.value, next_attempt_at=now, first_at=None, lease_until=EPOCH,
            lease_token=None, last_error=None, done_at=None,
        )
    )  # fmt: skip
    return done.rowcount == 1


def release_all_leases(connection: Connection) -> None:
    """Free every lease: right only where this process is known to be the single owner."""
    connection.execute(update(delivery).values(lease_until=EPOCH, lease_token=None))


def get(connection: Connection, delivery_id: int) -> RowMapping | None:
    """Return one delivery's row."""
    return (
        connection.execute(select(delivery).where(delivery.c.id == delivery_id)).mappings().first()
    )


def attempts_of(connection: Connection, delivery_ids: Sequence[int]) -> dict[int, list[RowMapping]]:
    """Return the attempts of each delivery in their order."""
    found: dict[int, list[RowMapping]] = {key: [] for key in delivery_ids}
    query = select(attempt).where(attempt.c.delivery_id.in_(delivery_ids)).order_by(attempt.c.id)
    for row in connection.execute(query).mappings():
        found[row["delivery_id"]].append(row)
    return found


def page(
    connection: Connection,
    *,
    under_id: int | None,
    limit: int,
    alert_id: int | None = None,
    channel_id: int | None = None,
    states: Sequence[str] | None = None,
) -> list[RowMapping]:
    """Return deliveries, newest first."""
    query = select(delivery).order_by(delivery.c.id.desc()).limit(limit)
    if under_id is not None:
        query = query.where(delivery.c.id < under_id)
    if alert_id is not None:
        query = query.where(delivery.c.alert_id == alert_id)
    if channel_id is not None:
        query = query.where(delivery.c.channel_id == channel_id)
    if states is not None:
        query = query.where(delivery.c.state.in_(states))
    return list(connection.execute(query).mappings())


def next_due(connection: Connection) -> datetime | None:
    """Return when the next delivery is due."""
    due: datetime | None = connection.scalar(
        select(func.min(delivery.c.next_attempt_at)).where(
            delivery.c.state == DeliveryState.DUE.value
        )
    )
    return due


def channels(connection: Connection, *, after: int = 0, limit: int = 500) -> list[RowMapping]:
    """Return up to ``limit`` channels with ids over ``after``, by id."""
    query = select(channel).where(channel.c.id > after).order_by(channel.c.id).limit(limit)
    return list(connection.execute(query).mappings())


def channel_row(connection: Connection, channel_id: int) -> RowMapping | None:
    """Return one channel's row."""
    return connection.execute(select(channel).where(channel.c.id == channel_id)).mappings().first()


def channels_for(connection: Connection, *, tier: int, keyword_list_id: int) -> list[int]:
    """Return the enabled channels that want alerts of this tier about this list."""
    rows = connection.execute(
        select(channel.c.id, channel.c.keyword_lists).where(
            channel.c.enabled, channel.c.min_tier <= tier
        )
    )
    return [key for key, lists in rows if lists is None or keyword_list_id in lists]


def create_channel(
    connection: Connection,
    sealer: Sealer,
    values: Mapping[str, Any],
    *,
    url: str,
    secret: str,
    now: datetime,
) -> int:
    """Insert a channel; its address and secret are sealed for its own row. Returns its id."""
    row = {**values, "created_at": now, "updated_at": now, "url_shown": masked(url)}
    channel_id: int = connection.execute(
        channel.insert().values(**row, url_sealed=b"", secret_sealed=b"").returning(channel.c.id)
    ).scalar_one()
    connection.execute(
        update(channel)
        .where(channel.c.id == channel_id)
        .values(**sealed(sealer, channel_id, url=url, secret=secret))
    )
    return channel_id


def sealed(sealer: Sealer, channel_id: int, *, url: str, secret: str) -> dict[str, bytes]:
    """Return the sealed columns of a channel."""
    return {
        "url_sealed": sealer.seal(url, f"channel:{channel_id}:url"),
        "secret_sealed": sealer.seal(secret, f"channel:{channel_id}:secret"),
    }


def masked(url: str) -> str:
    """Return an address that may be shown: its host and the last four characters."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}/…{url[-4:]}"
