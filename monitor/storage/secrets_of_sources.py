"""Tokens, passwords and cookies of sources: sealed in one column, shown by name only."""

from __future__ import annotations

from collections.abc import Mapping

import orjson
from sqlalchemy import Connection, select, update

from monitor.storage.sealing import Sealer, SealError
from monitor.storage.tables import source


def opened(sealer: Sealer, source_id: int, sealed: bytes | None) -> dict[str, str]:
    """Return the secrets of a source by name.

    Raises:
        SealError: they were sealed with another key.
    """
    if sealed is None:
        return {}
    found: dict[str, str] = orjson.loads(sealer.open(bytes(sealed), _place(source_id)))
    return found


def names(sealer: Sealer, source_id: int, sealed: bytes | None) -> list[str]:
    """Return the names of the secrets that are set; none where they cannot be opened any more."""
    try:
        return sorted(opened(sealer, source_id, sealed))
    except SealError:
        return []


def change(
    connection: Connection, sealer: Sealer, source_id: int, given: Mapping[str, str | None]
) -> None:
    """Set the secrets given; None takes one away, one not named stays.

    What was sealed with another key nobody can open any more: it gives way to what is given.
    """
    if not given:
        return
    column = source.c.secrets_sealed
    sealed = connection.scalar(select(column).where(source.c.id == source_id))
    try:
        kept = opened(sealer, source_id, sealed)
    except SealError:
        kept = {}
    left = {name: value for name, value in {**kept, **given}.items() if value is not None}
    new = sealer.seal(orjson.dumps(left).decode(), _place(source_id)) if left else None
    connection.execute(update(source).where(source.c.id == source_id).values(secrets_sealed=new))


def _place(source_id: int) -> str:
    return f"source:{source_id}:secrets"
