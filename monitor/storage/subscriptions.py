"""WebSub subscriptions: which hubs push which feeds to us, and until when."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    Connection,
    RowMapping,
    func,
    or_,
    select,
    type_coerce,
    update,
)

from monitor.storage.engine import Database
from monitor.storage.instants import EPOCH, to_micros
from monitor.storage.sealing import Sealer, SealError
from monitor.storage.tables import source, subscription

SECRET_BYTES = 32
LATE_PUSH = timedelta(minutes=5)
ASK_AGAIN = timedelta(hours=1)
"""An answer that is on its way: a hub verifies within minutes."""

Subscribed = RowMapping | dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """A subscription to be asked for: to whom, for what, and what it is to be signed with."""

    id: int
    source_id: int
    callback: str
    hub_url: str
    topic: str
    secret: str


def claim_due(
    database: Database, connection: Connection, sealer: Sealer, *, now: datetime, limit: int
) -> list[Asking]:
    """Return subscriptions to ask for now: new hubs, leases about to end, hubs that moved.

    Each is not asked for again for an hour, whatever becomes of the answer.
    """
    _begin(database, connection, sealer, now=now, limit=limit)
    rows = list(
        connection.execute(
            select(subscription)
            .join(source, source.c.id == subscription.c.source_id)
            .where(source.c.enabled, subscription.c.next_ask_at <= now)
            .order_by(subscription.c.next_ask_at)
            .limit(limit)
            .with_for_update(skip_locked=True, of=subscription)
        ).mappings()
    )
    ids = [row["id"] for row in rows]
    connection.execute(
        update(subscription)
        .where(subscription.c.id.in_(ids))
        .values(next_ask_at=now + ASK_AGAIN, asked_at=now)
    )
    return [_asking(sealer, _opened(connection, sealer, row)) for row in rows]


def _opened(connection: Connection, sealer: Sealer, row: RowMapping) -> Subscribed:
    """Return the row, begun anew where its secret was sealed with another key: nobody can open it."""
    try:
        secret_of(sealer, row)
    except SealError:
        fresh = _fresh(sealer, row["hub_url"], row["topic"])
        del fresh["next_ask_at"]  # it is being asked
        change(connection, row["id"], fresh)
        return dict(row) | fresh
    return row


def _begin(
    database: Database, connection: Connection, sealer: Sealer, *, now: datetime, limit: int
) -> None:
    """Make a row for every source whose feed names a hub it did not name before."""
    moved = or_(
        subscription.c.id.is_(None),
        subscription.c.hub_url != source.c.hub_url,
        subscription.c.topic != source.c.hub_topic,
    )
    new = connection.execute(
        select(source.c.id, source.c.hub_url, source.c.hub_topic)
        .outerjoin(subscription, subscription.c.source_id == source.c.id)
        .where(source.c.enabled, source.c.hub_url.is_not(None), moved)
        .limit(limit)
    ).all()
    for row in new:
        fresh = _fresh(sealer, row.hub_url, row.hub_topic)
        insert = database.insert(subscription).values(source_id=row.id, **fresh)
        connection.execute(insert.on_conflict_do_update(index_elements=["source_id"], set_=fresh))


def _fresh(sealer: Sealer, hub_url: str, topic: str) -> dict[str, Any]:
    """Return the columns of a subscription nobody has heard of yet: its address, its secret."""
    callback = secrets.token_urlsafe(24)
    return {
        "callback": callback,
        "hub_url": hub_url,
        "topic": topic,
        "secret_sealed": sealer.seal(secrets.token_urlsafe(SECRET_BYTES), _place(callback)),
        "state": "asked",
        "reason": None,
        "next_ask_at": EPOCH,
        "lease_until": None,
    }


def _asking(sealer: Sealer, row: Subscribed) -> Asking:
    return Asking(
        id=row["id"],
        source_id=row["source_id"],
        callback=row["callback"],
        hub_url=row["hub_url"],
        topic=row["topic"],
        secret=secret_of(sealer, row),
    )


def secret_of(sealer: Sealer, row: Subscribed) -> str:
    """Return what the hub signs its pushes with; raises SealError under another key."""
    return sealer.open(bytes(row["secret_sealed"]), _place(row["callback"]))


def _place(callback: str) -> str:
    return f"subscription:{callback}"


def by_callback(connection: Connection, callback: str) -> RowMapping | None:
    """Return the subscription that this address was made for."""
    query = select(subscription).where(subscription.c.callback == callback)
    return connection.execute(query).mappings().first()


def of_source(connection: Connection, source_id: int) -> RowMapping | None:
    """Return the subscription of a source."""
    query = select(subscription).where(subscription.c.source_id == source_id)
    return connection.execute(query).mappings().first()


def forget(connection: Connection, source_id: int) -> None:
    """Drop the subscription of a source that is deleted or has another address now."""
    connection.execute(subscription.delete().where(subscription.c.source_id == source_id))


def change(connection: Connection, key: int, values: Mapping[str, Any]) -> None:
    """Set columns of a subscription."""
    connection.execute(update(subscription).where(subscription.c.id == key).values(**values))


def count_push(connection: Connection, key: int, *, now: datetime) -> None:
    """Note that the hub pushed something genuine."""
    connection.execute(
        update(subscription)
        .where(subscription.c.id == key)
        .values(last_push_at=now, pushes=subscription.c.pushes + 1)
    )


def pushed(connection: Connection, source_ids: Sequence[int], *, now: datetime) -> set[int]:
    """Return which of these sources are pushed by a hub that has proven itself, at this moment.

    A hub that did not push the newest post has lost it on the way: until its next push it is not
    to be relied on.
    """
    pushed_at = type_coerce(subscription.c.last_push_at, BigInteger) + to_micros(EPOCH + LATE_PUSH)
    posted_at = func.coalesce(type_coerce(source.c.last_post_at, BigInteger), 0)
    return set(
        connection.scalars(
            select(subscription.c.source_id)
            .join(source, source.c.id == subscription.c.source_id)
            .where(
                pushed_at >= posted_at,
                subscription.c.source_id.in_(source_ids),
                subscription.c.state == "active",
                subscription.c.lease_until > now,
                subscription.c.pushes > 0,
            )
        )
    )
