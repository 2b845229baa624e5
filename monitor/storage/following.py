"""Following a table by its ids without ever missing a row that is committed late.

Ids are drawn before a row is committed. On PostgreSQL a slow transaction may commit id 7 after a
quick one showed 8, and who has read up to 8 would never see 7. SQLite has one writer: no gap.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from sqlalchemy import Connection, Table, func, select, text

from monitor.storage.engine import Database

PATIENCE_SECONDS = 1.0
PAUSE_SECONDS = 0.01

# A writer holds this lock from before its first id is drawn until its rows are seen by all.
_WRITERS = text(
    "SELECT virtualtransaction FROM pg_locks WHERE locktype = 'relation'"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND relation = to_regclass(:name) AND mode = 'RowExclusiveLock' AND granted"
)


def settled(
    database: Database,
    connection: Connection,
    table: Table,
    *,
    after: int,
    wait: Callable[[float], None] = time.sleep,
) -> int:
    """Return an id, ``after`` or more, up to which no further row of ``table`` can appear.

    Waits for the writers that were busy when it began, never for later ones, so it is not starved
    by a steady stream of them. Where one of them takes longer than a second the answer is
    ``after``: nothing new can be promised yet. ``connection`` must see each commit as it happens
    (READ COMMITTED, PostgreSQL's default).
    """
    seen = newest(connection, table)
    if database.is_sqlite or seen <= after:
        return max(seen, after)
    busy = _writers(connection, table)
    waited = 0.0
    while busy and waited < PATIENCE_SECONDS:
        wait(PAUSE_SECONDS)
        waited += PAUSE_SECONDS
        busy &= _writers(connection, table)
    return after if busy else seen


def newest(connection: Connection, table: Table) -> int:
    """Return the highest id that can be seen, 0 in an empty table."""
    return connection.scalar(select(func.max(table.c.id))) or 0


def _writers(connection: Connection, table: Table) -> set[str]:
    return set(connection.scalars(_WRITERS, {"name": table.name}))
