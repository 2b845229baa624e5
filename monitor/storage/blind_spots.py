"""Blind spots: stretches of time in which a source should have spoken and did not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, bindparam, select, update

from monitor.storage.engine import Database
from monitor.storage.tables import blind_spot, source

_SHOWN = (
    blind_spot.c.id, blind_spot.c.source_id, source.c.name, blind_spot.c.cause, blind_spot.c.since,
    blind_spot.c.until, blind_spot.c.noticed_at, blind_spot.c.reason, blind_spot.c.alert_id,
)  # fmt: skip


def open_many(
    database: Database, connection: Connection, spots: Sequence[Mapping[str, Any]]
) -> set[int]:
    """Open a blind spot for each row (source_id, cause, since, noticed_at, reason).

    Returns the sources for which one was opened; a source that has an open one keeps it.
    """
    if not spots:
        return set()
    statement = database.insert(blind_spot).on_conflict_do_nothing()
    made = connection.execute(
        statement.values([{"until": None, "alert_id": None, **spot} for spot in spots]).returning(
            blind_spot.c.source_id
        )
    )
    return set(made.scalars())


def change_many(connection: Connection, changes: Mapping[int, tuple[str, str]]) -> None:
    """Give open blind spots another (cause, reason), by source."""
    if changes:
        connection.execute(
            update(blind_spot)
            .where(blind_spot.c.source_id == bindparam("b_source"), blind_spot.c.until.is_(None))
            .values(cause=bindparam("b_cause"), reason=bindparam("b_reason")),
            [
                {"b_source": key, "b_cause": cause, "b_reason": reason}
                for key, (cause, reason) in sorted(changes.items())
            ],
        )


def close_many(connection: Connection, source_ids: Sequence[int], *, until: datetime) -> None:
    """End the open blind spots of these sources."""
    if source_ids:
        connection.execute(
            update(blind_spot)
            .where(blind_spot.c.source_id.in_(source_ids), blind_spot.c.until.is_(None))
            .values(until=until)
        )


def tell_alert(connection: Connection, source_ids: Sequence[int], alert_id: int) -> None:
    """Note which alert speaks of the open blind spots of these sources."""
    connection.execute(
        update(blind_spot)
        .where(blind_spot.c.source_id.in_(source_ids), blind_spot.c.until.is_(None))
        .values(alert_id=alert_id)
    )


def alerts_still_needed(connection: Connection, alert_ids: Sequence[int]) -> set[int]:
    """Return those of these alerts that speak of an open blind spot."""
    query = select(blind_spot.c.alert_id).where(
        blind_spot.c.alert_id.in_(alert_ids), blind_spot.c.until.is_(None)
    )
    return {key for key in connection.scalars(query) if key is not None}


def noticed_since(connection: Connection, since: datetime) -> int:
    """Return how many of the open blind spots were noticed since then."""
    query = select(blind_spot.c.id).where(
        blind_spot.c.until.is_(None), blind_spot.c.noticed_at >= since
    )
    return len(connection.scalars(query).all())


def between(
    connection: Connection, since: datetime | None, until: datetime | None
) -> list[RowMapping]:
    """Return the blind spots that overlap [since, until), with their source's name, by time.

    An open end of the range is None. A blind spot that is still open has no end.
    """
    return _found(connection, *_overlapping(since, until))


def page(
    connection: Connection,
    *,
    since: datetime | None,
    until: datetime | None,
    under_id: int | None,
    limit: int,
) -> list[RowMapping]:
    """Return up to ``limit`` blind spots with ids under ``under_id``, the newest first.

    Without a range only the open ones are meant.
    """
    wanted = _overlapping(since, until)
    if since is None and until is None:
        wanted = [blind_spot.c.until.is_(None)]
    if under_id is not None:
        wanted.append(blind_spot.c.id < under_id)
    query = select(*_SHOWN).join(source, source.c.id == blind_spot.c.source_id).where(*wanted)
    query = query.order_by(blind_spot.c.id.desc()).limit(limit)
    return list(connection.execute(query).mappings())


def open_of(connection: Connection, source_id: int) -> RowMapping | None:
    """Return the open blind spot of a source."""
    found = _found(connection, blind_spot.c.source_id == source_id, blind_spot.c.until.is_(None))
    return found[0] if found else None


def forget(connection: Connection, source_id: int) -> None:
    """Drop the blind spots of a source that is about to be deleted."""
    connection.execute(blind_spot.delete().where(blind_spot.c.source_id == source_id))


def _overlapping(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    wanted: list[ColumnElement[bool]] = []
    if since is not None:
        wanted.append(blind_spot.c.until.is_(None) | (blind_spot.c.until > since))
    if until is not None:
        wanted.append(blind_spot.c.since < until)
    return wanted


def _found(connection: Connection, *wanted: ColumnElement[bool]) -> list[RowMapping]:
    query = select(*_SHOWN).join(source, source.c.id == blind_spot.c.source_id).where(*wanted)
    return list(connection.execute(query.order_by(blind_spot.c.since, blind_spot.c.id)).mappings())
