"""Feeds as a reader's list knows them: all of them at once, and many new ones at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, select, text

from collectors.model import SourceKind
from monitor.storage.instants import EPOCH
from monitor.storage.tables import source

LOCK = 0x4F504D4C  # "OPML": two imports of one file at once must not make its feeds twice


def hold(connection: Connection) -> None:
    """Let no other import begin until this transaction ends. SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})


def feeds(connection: Connection) -> list[RowMapping]:
    """Return id, name, url, effective_url, options and enabled of every feed, by id."""
    columns = (
        source.c.id, source.c.name, source.c.url, source.c.effective_url, source.c.options, source.c.enabled,
    )  # fmt: skip
    query = select(*columns).where(source.c.kind == SourceKind.FEED).order_by(source.c.id)
    return list(connection.execute(query).mappings())


def names(connection: Connection) -> set[str]:
    """Return the names of all sources, of whatever kind: none may come twice."""
    return set(connection.scalars(select(source.c.name)))


def add(connection: Connection, rows: Sequence[Mapping[str, Any]], *, now: datetime) -> None:
    """Insert sources whose first visits are spread evenly over the interval of each.

    Raises:
        IntegrityError: a name was taken in between.
    """
    if not rows:
        return
    connection.execute(
        source.insert(),
        [
            {
                **row,
                "lease_until": EPOCH,
                "next_due_at": now + _share(row, place, len(rows)),
                "created_at": now,
                "updated_at": now,
            }
            for place, row in enumerate(rows)
        ],
    )


def _share(row: Mapping[str, Any], place: int, count: int) -> timedelta:
    return timedelta(seconds=row["interval_seconds"] * place / count)
