"""Remembered answers to requests that may be sent again: first reserved, then completed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, select, update

from monitor.storage.engine import Database
from monitor.storage.keys import REMEMBERED
from monitor.storage.tables import idempotency

RUNNING = 0  # the status of a request that has no answer yet
GIVEN_UP = timedelta(seconds=60)  # a request that never ended: its process was killed


def reserve(
    database: Database, connection: Connection, key: str, request_hash: str, *, now: datetime
) -> RowMapping | None:
    """Return None when the request is ours to carry out, else the row of the one that came first."""
    forgotten = idempotency.c.at <= now - REMEMBERED
    stuck = (idempotency.c.status == RUNNING) & (idempotency.c.at <= now - GIVEN_UP)
    connection.execute(idempotency.delete().where(forgotten | stuck))
    row = {
        "key": key,
        "request_hash": request_hash,
        "status": RUNNING,
        "headers": {},
        "body": b"",
        "at": now,
    }
    new = (
        database.insert(idempotency)
        .values(row)
        .on_conflict_do_nothing()
        .returning(idempotency.c.key)
    )
    if connection.execute(new).first() is not None:
        return None
    return connection.execute(select(idempotency).where(idempotency.c.key == key)).mappings().one()


def complete(
    connection: Connection, key: str, status: int, headers: Mapping[str, str], body: bytes
) -> None:
    """Store the answer of a reserved request."""
    connection.execute(
        update(idempotency)
        .where(idempotency.c.key == key)
        .values(status=status, headers=dict(headers), body=body)
    )


def release(connection: Connection, key: str) -> None:
    """Forget a reserved request that changed nothing: it may be sent again, corrected."""
    connection.execute(
        idempotency.delete().where(idempotency.c.key == key, idempotency.c.status == RUNNING)
    )
