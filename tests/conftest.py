"""Fixtures that every part shares: real databases, never fakes of them."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import psycopg
import pytest

from monitor.storage import migrate
from monitor.storage.engine import Database
from monitor.storage.tables import metadata

POSTGRES = os.environ.get("MONITOR_TEST_POSTGRES", "postgresql://127.0.0.1:5432/postgres")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The labelled texts and recordings beside the repository; tests skip where they are missing."""
    path = Path(__file__).parents[2] / "shared" / "data"
    if not path.is_dir():
        pytest.skip("../shared/data is not here: this test reads recorded material")
    return path


@pytest.fixture
def now() -> datetime:
    """A fixed moment: 2026-03-10 13:08 in Shanghai."""
    return datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


@pytest.fixture(scope="session")
def postgres_server() -> str:
    """The address of a PostgreSQL server that tests may make databases on."""
    try:
        psycopg.connect(POSTGRES, connect_timeout=3).close()
    except psycopg.OperationalError as error:
        if os.environ.get("CI"):
            pytest.fail(f"PostgreSQL is missing in CI: {error}")
        pytest.skip("no PostgreSQL on 127.0.0.1:5432: set MONITOR_TEST_POSTGRES to run these tests")
    return POSTGRES


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file to copy: the revisions run once, not once a test."""
    path = tmp_path_factory.mktemp("migrated") / "template.db"
    database = Database(f"sqlite:///{path}")
    migrate.upgrade(database)
    database.close()
    return path


@pytest.fixture(scope="session")
def one_postgres(postgres_server: str) -> Iterator[Database]:
    """One migrated PostgreSQL database for the whole run: making one costs a checkpoint."""
    name = f"jianwei_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        admin.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
        root = postgres_server.replace("postgresql:", "postgresql+psycopg:").rsplit("/", 1)[0]
        database = Database(f"{root}/{name}")
        try:
            migrate.upgrade(database)
            yield database
        finally:
            database.close()
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    """An empty, migrated database: once SQLite, once PostgreSQL."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_database")
        return
    database: Database = request.getfixturevalue("one_postgres")
    yield database
    database.close()  # connections that a test left in a transaction would block the next line
    with database.write() as connection:
        connection.exec_driver_sql("DROP TABLE IF EXISTS stray")
        names = ", ".join([*metadata.tables, "post_search"])
        connection.exec_driver_sql(f"TRUNCATE {names} RESTART IDENTITY CASCADE")


@pytest.fixture
def sqlite_database(tmp_path: Path, migrated_file: Path) -> Iterator[Database]:
    """An empty, migrated SQLite database, for what does not depend on the dialect."""
    path = tmp_path / "test.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    database.close()
