"""Holding one row for the rest of a transaction: two edits of the same version cannot both pass."""

from __future__ import annotations

from sqlalchemy import Connection, Table, select


def hold(connection: Connection, table: Table, key: int) -> None:
    """Lock the row of this id, if it exists. SQLite has one writer anyway and ignores it."""
    connection.execute(select(table.c.id).where(table.c.id == key).with_for_update())
