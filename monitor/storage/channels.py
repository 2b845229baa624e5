"""Making, changing and deleting channels; secrets are sealed under the channel's own id."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, update

from monitor.storage.sealing import Sealer
from monitor.storage.tables import channel


def create(
    connection: Connection,
    sealer: Sealer,
    values: Mapping[str, Any],
    *,
    url: str,
    secret: str,
    now: datetime,
) -> int:
    """Insert a channel; raises IntegrityError when the name is taken."""
    row = {**values, "url_sealed": b"", "secret_sealed": b"", "created_at": now, "updated_at": now}
    channel_id: int = connection.execute(
        channel.insert().values(row).returning(channel.c.id)
    ).scalar_one()
    sealed = seal(sealer, channel_id, url=url, secret=secret)
    connection.execute(update(channel).where(channel.c.id == channel_id).values(sealed))
    return channel_id


def seal(sealer: Sealer, channel_id: int, **secrets: str) -> dict[str, bytes]:
    """Return the sealed columns of ``url`` and ``secret``, bound to this channel."""
    return {
        f"{name}_sealed": sealer.seal(text, f"channel:{channel_id}:{name}")
        for name, text in secrets.items()
    }


def change(
    connection: Connection, channel_id: int, values: Mapping[str, Any], *, now: datetime
) -> None:
    """Update columns of a channel; raises IntegrityError when the name is taken."""
    row = {**values, "updated_at": now, "version": channel.c.version + 1}
    connection.execute(update(channel).where(channel.c.id == channel_id).values(row))


def delete(connection: Connection, channel_id: int) -> None:
    """Delete a channel with its deliveries and their attempts."""
    connection.execute(channel.delete().where(channel.c.id == channel_id))
