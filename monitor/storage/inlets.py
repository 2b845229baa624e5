"""Inlets: addresses that other systems post to, found by the hash of their token."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select, update

from monitor.storage.sealing import Sealer
from monitor.storage.tables import inlet, source


def _rows() -> Select[Any]:
    return select(inlet, source.c.name.label("source")).join(
        source, source.c.id == inlet.c.source_id
    )


def create(connection: Connection, values: Mapping[str, Any], *, now: datetime) -> int:
    """Insert an inlet; raises IntegrityError when the name is taken."""
    row = {**values, "created_at": now, "updated_at": now}
    created: int = connection.execute(inlet.insert().values(row).returning(inlet.c.id)).scalar_one()
    return created


def change(
    connection: Connection, inlet_id: int, values: Mapping[str, Any], *, now: datetime
) -> None:
    """Update columns of an inlet; raises IntegrityError when the name is taken."""
    row = {**values, "updated_at": now, "version": inlet.c.version + 1}
    connection.execute(update(inlet).where(inlet.c.id == inlet_id).values(row))


def delete(connection: Connection, inlet_id: int) -> None:
    """Delete an inlet; its source and posts stay."""
    connection.execute(inlet.delete().where(inlet.c.id == inlet_id))


def get(connection: Connection, inlet_id: int) -> RowMapping | None:
    """Return one inlet with the name of its source."""
    return connection.execute(_rows().where(inlet.c.id == inlet_id)).mappings().first()


def by_token(connection: Connection, token_hash: bytes) -> RowMapping | None:
    """Return the enabled inlet of a token."""
    query = _rows().where(inlet.c.token_hash == token_hash, inlet.c.enabled)
    return connection.execute(query).mappings().first()


def page(connection: Connection, *, after: int, limit: int) -> list[RowMapping]:
    """Return up to ``limit`` inlets with ids over ``after``, by id."""
    query = _rows().where(inlet.c.id > after).order_by(inlet.c.id).limit(limit)
    return list(connection.execute(query).mappings())


def received(
    connection: Connection, inlet_id: int, *, rows: int, error: str | None, now: datetime
) -> None:
    """Note a message: how many of its rows are stored, and what was wrong (None keeps the last error)."""
    values: dict[str, Any] = {"received": inlet.c.received + rows, "last_received_at": now}
    if error is not None:
        values["last_error"] = error
    connection.execute(update(inlet).where(inlet.c.id == inlet_id).values(values))


def seal(sealer: Sealer, inlet_id: int, secret: str | None) -> bytes | None:
    """Return the sealed secret, bound to this inlet; None for none."""
    return None if secret is None else sealer.seal(secret, f"inlet:{inlet_id}:secret")


def open_secret(sealer: Sealer, row: RowMapping) -> str | None:
    """Return the secret of an inlet, None for one without; raises SealError."""
    sealed = row["secret_sealed"]
    return None if sealed is None else sealer.open(sealed, f"inlet:{row['id']}:secret")
