"""Small named numbers: the version of everything that matching depends on."""

from __future__ import annotations

from sqlalchemy import Connection, select

from monitor.storage.engine import Database
from monitor.storage.tables import counter

RULES = "rules"


def value(connection: Connection, name: str) -> int:
    """Return the counter, 0 when it was never bumped."""
    found = connection.scalar(select(counter.c.value).where(counter.c.name == name))
    return found or 0


def bump(database: Database, connection: Connection, name: str) -> None:
    """Add one; every process that compiled something from it sees that it is stale."""
    statement = database.insert(counter).values(name=name, value=1)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["name"], set_={"value": counter.c.value + 1}
        )
    )
