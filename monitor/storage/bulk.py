"""Many rows in one statement: plain tuples straight to the driver.

SQLAlchemy's own executemany binds every value through its type and costs two to four times as
much; the hot path (posts, mentions, rollups) writes values that the database takes as they are:
numbers, strings, bytes, times as microseconds, JSON as text.
"""

from __future__ import annotations

from collections.abc import Sequence

import orjson
from sqlalchemy import Connection, Table

Row = tuple[object, ...]


def insert(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    then: str = "",
) -> None:
    """Insert rows whose values stand in the order of ``columns``; ``then`` is an ON CONFLICT clause."""
    if not rows:
        return
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    quoted = [f'"{name}"' for name in columns]
    marks = ", ".join(mark for _ in columns)
    connection.exec_driver_sql(
        f'INSERT INTO "{table.name}" ({", ".join(quoted)}) VALUES ({marks}) {then}',  # noqa: S608  # our own names
        list(rows),
    )


def json_text(value: object) -> str:
    """Return a value as the text of a JSON column."""
    return orjson.dumps(value).decode()
