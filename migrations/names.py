"""What Alembic compares with ``storage/tables.py``, and how our own types are written down."""

from __future__ import annotations

from typing import Any, Literal

from monitor.storage.instants import Instant


def is_compared(
    _item: object,
    name: str | None,
    kind: str,
    _reflected: bool,
    _other: object,
) -> bool:
    """The full-text index differs by database and is made by hand; all else must be equal."""
    return not (
        kind in ("table", "index") and (name or "").startswith(("post_search", "ix_post_search"))
    )


def render_item(kind: str, item: Any, _context: Any) -> str | Literal[False]:
    """Write an Instant as the plain integer it is in the database."""
    return "sa.BigInteger()" if kind == "type" and isinstance(item, Instant) else False
