"""Bringing a database to the newest revision, and telling whether it is there."""

from __future__ import annotations

import io
from importlib.resources import files

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from monitor.storage.engine import Database
from monitor.storage.tables import metadata

LOCK = 7_310_550_871  # any fixed number; two upgrades at once queue on it


def upgrade(database: Database) -> str:
    """Run all missing revisions in one transaction; returns the revision reached. Safe to repeat."""
    with database.write() as connection:
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        command.upgrade(_config(connection), "head")
        return current(connection) or ""


def current(connection: Connection) -> str | None:
    """Return the revision of this database, None for an empty one."""
    return MigrationContext.configure(connection).get_current_revision()


def newest() -> str:
    """Return the newest revision that this program knows."""
    return ScriptDirectory.from_config(_config(None)).get_current_head() or ""


def differences(database: Database) -> list[object]:
    """Return what the revisions and ``storage/tables.py`` disagree on; empty is right."""
    from migrations.names import is_compared  # it imports this package

    with database.read() as connection:
        options = {"include_object": is_compared, "compare_type": True}
        context = MigrationContext.configure(connection, opts=options)
        return list(compare_metadata(context, metadata))


def _config(connection: Connection | None) -> Config:
    config = Config(output_buffer=io.StringIO(), stdout=io.StringIO())
    config.set_main_option("script_location", str(files("migrations")))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config
