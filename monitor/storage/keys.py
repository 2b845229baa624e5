"""API keys, people and remembered answers to repeated requests."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, func, literal, or_, select, update

from monitor.storage.engine import Database
from monitor.storage.instants import Instant
from monitor.storage.tables import api_key, idempotency, person

REMEMBERED = timedelta(hours=24)


def get(connection: Connection, key_id: str) -> RowMapping | None:
    """Return one key's row."""
    return connection.execute(select(api_key).where(api_key.c.id == key_id)).mappings().first()


def page(connection: Connection) -> list[RowMapping]:
    """Return all keys, oldest first."""
    return list(
        connection.execute(select(api_key).order_by(api_key.c.created_at, api_key.c.id)).mappings()
    )


def create(connection: Connection, values: Mapping[str, Any]) -> None:
    """Insert a key."""
    connection.execute(api_key.insert().values(**values))


def revoke(connection: Connection, key_id: str, *, now: datetime) -> bool:
    """Refuse a key from now on; False when there is none of this id."""
    done = connection.execute(
        update(api_key)
        .where(api_key.c.id == key_id)
        .values(revoked_at=func.coalesce(api_key.c.revoked_at, literal(now, Instant())))
    )
    return done.rowcount == 1


def used(connection: Connection, key_id: str, *, now: datetime) -> None:
    """Note the last use, to the minute."""
    connection.execute(update(api_key).where(api_key.c.id == key_id).values(last_used_at=now))


def any_active(connection: Connection, *, now: datetime) -> bool:
    """Return whether a usable key exists."""
    query = select(api_key.c.id).where(
        api_key.c.revoked_at.is_(None),
        or_(api_key.c.expires_at.is_(None), api_key.c.expires_at > now),
    )
    return connection.scalar(query.limit(1)) is not None


def person_by_name(connection: Connection, name: str) -> RowMapping | None:
    """Return a person's row."""
    return connection.execute(select(person).where(person.c.name == name)).mappings().first()


def any_person(connection: Connection) -> bool:
    """Return whether somebody can sign in."""
    return connection.scalar(select(person.c.id).limit(1)) is not None


def set_password(
    database: Database, connection: Connection, name: str, password_hash: str, *, now: datetime
) -> None:
    """Create a person or change the password."""
    statement = database.insert(person).values(
        name=name, password_hash=password_hash, created_at=now
    )
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"password_hash": password_hash}
        )
    )


def remembered(connection: Connection, key: str, *, now: datetime) -> RowMapping | None:
    """Return the stored answer to a request with this idempotency key, for 24 hours."""
    query = select(idempotency).where(idempotency.c.key == key, idempotency.c.at > now - REMEMBERED)
    return connection.execute(query).mappings().first()


def remember(
    database: Database, connection: Connection, values: Mapping[str, Any], *, now: datetime
) -> None:
    """Store an answer and forget those older than 24 hours."""
    connection.execute(idempotency.delete().where(idempotency.c.at <= now - REMEMBERED))
    connection.execute(database.insert(idempotency).values(**values).on_conflict_do_nothing())
