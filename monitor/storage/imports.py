"""Imports of files: how far each came, so that a killed one goes on and a repeated one changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from monitor.storage.engine import Database
from monitor.storage.tables import import_job, source

MOST_REJECTS = 1_000


def begin(
    database: Database,
    connection: Connection,
    values: Mapping[str, Any],
    *,
    now: datetime,
) -> RowMapping:
    """Return the import of this digest; it is made when there is none."""
    row = {**values, "rejects": [], "started_at": now, "updated_at": now}
    connection.execute(database.insert(import_job).values(row).on_conflict_do_nothing())
    query = select(import_job).where(import_job.c.digest == values["digest"])
    return connection.execute(query).mappings().one()


def advance(  # what one chunk changes
    connection: Connection,
    job: RowMapping,
    *,
    rows: int,
    counts: Mapping[str, int],
    rejects: Sequence[Mapping[str, object]],
    now: datetime,
) -> RowMapping | None:
    """Note a stored chunk and return the import as it is now.

    None when it no longer stands where ``job`` says: another process imports the same file.
    """
    kept = [*job["rejects"], *rejects][:MOST_REJECTS]
    added = {name: import_job.c[name] + count for name, count in counts.items()}
    done = connection.execute(
        update(import_job)
        .where(import_job.c.id == job["id"], import_job.c.rows_done == job["rows_done"])
        .values(**added, rows_done=job["rows_done"] + rows, rejects=kept, updated_at=now)
    )
    return get(connection, job["id"]) if done.rowcount == 1 else None


def finish(
    connection: Connection, job_id: int, *, source_name: str | None, now: datetime
) -> RowMapping | None:
    """Note that the whole file was read; ``source_name`` is the source of all rows, if one."""
    found = connection.scalar(select(source.c.id).where(source.c.name == source_name))
    connection.execute(
        update(import_job)
        .where(import_job.c.id == job_id, import_job.c.finished_at.is_(None))
        .values(finished_at=now, updated_at=now, source_id=found)
    )
    return get(connection, job_id)


def get(connection: Connection, job_id: int) -> RowMapping | None:
    """Return one import."""
    return (
        connection.execute(select(import_job).where(import_job.c.id == job_id)).mappings().first()
    )


def page(connection: Connection, *, after: int, limit: int) -> list[RowMapping]:
    """Return up to ``limit`` imports with ids under ``after`` (0: from the newest), newest first."""
    query = select(import_job).order_by(import_job.c.id.desc()).limit(limit)
    if after:
        query = query.where(import_job.c.id < after)
    return list(connection.execute(query).mappings())
