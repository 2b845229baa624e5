"""Hosts and their turns: when each may be asked again, for all processes together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from urllib.parse import urlsplit

from sqlalchemy import Connection, select, update

from monitor.storage.engine import Database
from monitor.storage.instants import EPOCH
from monitor.storage.tables import host


@lru_cache(maxsize=10_000)  # asked several times a visit, of the same addresses
def host_of(url: str) -> str:
    """Return the host and port that politeness counts by, lower case; "" for what is no address."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:  # a port of eight digits, an open bracket: links of hostile pages
        return ""
    port = port or {"http": 80, "https": 443, "ws": 80, "wss": 443}.get(parts.scheme)
    return f"{parts.hostname or ''}:{port}".lower() if parts.hostname else ""


def reserve_free(  # one reservation, told whole
    database: Database,
    connection: Connection,
    names: Sequence[str],
    *,
    now: datetime,
    pause: timedelta,
    most: int,
) -> set[str]:
    """Take the turn at the first ``most`` of these hosts that are free now; returns those taken."""
    if not names:
        return set()
    _ensure(database, connection, sorted(names))
    free = set(
        connection.scalars(
            select(host.c.name)
            .where(host.c.name.in_(names), host.c.next_ok_at <= now)
            .order_by(host.c.name)
            .with_for_update(skip_locked=True)
        )
    )
    taken = [name for name in names if name in free][:most]
    connection.execute(update(host).where(host.c.name.in_(taken)).values(next_ok_at=now + pause))
    return set(taken)


def reserve(  # one reservation, told whole
    database: Database,
    connection: Connection,
    name: str,
    *,
    now: datetime,
    pause: timedelta,
    most: timedelta,
) -> datetime:
    """Take the next turn at a host and return when it is; one further than ``most`` is not taken."""
    _ensure(database, connection, [name])
    known: datetime = connection.execute(
        select(host.c.next_ok_at).where(host.c.name == name).with_for_update()
    ).scalar_one()
    turn = max(known, now)
    if turn - now <= most:
        connection.execute(update(host).where(host.c.name == name).values(next_ok_at=turn + pause))
    return turn


def free_at(connection: Connection, name: str) -> datetime:
    """Return when the next turn at a host is, as things stand."""
    known: datetime | None = connection.scalar(select(host.c.next_ok_at).where(host.c.name == name))
    return known or EPOCH


def hold(connection: Connection, name: str, *, until: datetime) -> None:
    """Move the next turn at a host to ``until`` where it would come earlier."""
    connection.execute(
        update(host).where(host.c.name == name, host.c.next_ok_at < until).values(next_ok_at=until)
    )


def _ensure(database: Database, connection: Connection, names: Sequence[str]) -> None:
    new = database.insert(host).on_conflict_do_nothing()
    connection.execute(new, [{"name": name, "next_ok_at": EPOCH} for name in names])
