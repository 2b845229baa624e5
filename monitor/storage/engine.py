"""Connections to SQLite and PostgreSQL, and the two ways to use them: read and write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry

BUSY_SECONDS = 30
PostgresInsert = postgresql.Insert
SqliteInsert = sqlite.Insert


class Database:
    """One database. ``write()`` and ``read()`` give a connection inside one transaction.

    On SQLite writers queue on a lock of this process first: SQLite's own waiting polls, and
    an unlucky writer starves. A write begins IMMEDIATE, so it never fails half way for a lock.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _engine(url)
        self.is_sqlite = self.engine.dialect.name == "sqlite"
        self._writing = threading.RLock()

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """Commit at the end, roll back on any exception."""
        if not self.is_sqlite:
            with self.engine.begin() as connection:
                yield connection
            return
        immediate = self.engine.execution_options(immediate=True)
        with self._writing, immediate.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view; nothing is written."""
        with self.engine.connect() as connection, connection.begin():
            yield connection

    def insert(self, table: Table) -> SqliteInsert | PostgresInsert:
        """Return this dialect's INSERT, which knows ON CONFLICT."""
        return sqlite.insert(table) if self.is_sqlite else postgresql.insert(table)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        engine = create_engine(
            parsed,
            json_serializer=_dumps,
            json_deserializer=orjson.loads,
            connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        )
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    return create_engine(
        parsed,
        json_serializer=_dumps,
        json_deserializer=orjson.loads,
        pool_pre_ping=True,
        pool_size=10,
        max_overflow=10,
        connect_args={"options": "-c timezone=UTC"},
    )


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()


def _prepare_sqlite(connection: Any, _entry: ConnectionPoolEntry) -> None:  # noqa: ANN401
    connection.isolation_level = None  # transactions are begun by _begin_sqlite, never implied
    for pragma in (
        "journal_mode=WAL",
        "synchronous=FULL",  # an answered post survives a power cut, not only a kill
        "foreign_keys=ON",
        "temp_store=MEMORY",
        "cache_size=-16000",
        "journal_size_limit=67108864",
        "wal_autocheckpoint=4000",  # pages that change in every batch are copied back less often
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get("immediate", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")
