"""Many rows in one statement: plain tuples straight to the driver.

SQLAlchemy's own executemany binds every value through its type and costs two to four times as
much; the hot path (posts, mentions, rollups) writes values that the database takes as they are:
numbers, strings, bytes, times as microseconds, JSON as text.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from sqlalchemy import JSON, Column, Connection, Float, LargeBinary, String, Table

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


def update(
    connection: Connection, table: Table, columns: Sequence[str], rows: Sequence[Row]
) -> None:
    """Set ``columns`` of rows by id: each row holds the values, then the id."""
    if not rows:
        return
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    changes = ", ".join(f'"{name}" = {mark}' for name in columns)
    connection.exec_driver_sql(
        f'UPDATE "{table.name}" SET {changes} WHERE id = {mark}',  # noqa: S608  # our own names
        list(rows),
    )


def insert_new(
    connection: Connection,
    table: Table,
    columns: Sequence[str],
    rows: Sequence[Row],
    *,
    returning: Sequence[str],
) -> list[tuple[Any, ...]]:
    """Insert the rows that conflict with none; returns the columns asked for of those (PostgreSQL).

    One statement over arrays: the server says which rows are new, whoever else is writing.
    """
    if not rows:
        return []
    kinds = [_array_of(table.c[name]) for name in columns]
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    taken = ", ".join(
        f"c{place}::json" if isinstance(table.c[name].type, JSON) else f"c{place}"
        for place, name in enumerate(columns)
    )
    names = ", ".join(f'"{name}"' for name in columns)
    aliases = ", ".join(f"c{place}" for place in range(len(columns)))
    statement = (
        f'INSERT INTO "{table.name}" ({names}) SELECT {taken} FROM unnest({arrays}) AS given({aliases})'  # noqa: S608
        f" ON CONFLICT DO NOTHING RETURNING {', '.join(returning)}"
    )
    values = tuple(list(column) for column in zip(*rows, strict=True))
    return [tuple(row) for row in connection.exec_driver_sql(statement, values)]


def _array_of(column: Column[Any]) -> str:
    """Return the element type of the array that carries a column's values; JSON travels as text."""
    kind = column.type
    if isinstance(kind, JSON | String):
        return "text"
    if isinstance(kind, LargeBinary):
        return "bytea"
    return "double precision" if isinstance(kind, Float) else "bigint"


def json_text(value: object) -> str:
    """Return a value as the text of a JSON column."""
    return orjson.dumps(value).decode()
