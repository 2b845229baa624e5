"""Gaps of a series: where some source could not be read or did not speak, so that little is not calm."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from collectors.model import SourceKind, SourceState
from monitor.storage import blind_spots
from monitor.storage.tables import source

SPEAKING = tuple(state.value for state in SourceState if state.is_speaking)
SILENCE = "silence"


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A source that should have spoken since then and did not; ``until`` is None while it lasts.

    ``cause`` is silence, failing, or the state that says more; ``reason`` is for people.
    """

    source_id: int
    name: str
    since: datetime
    until: datetime | None
    reason: str
    cause: str


def between(connection: Connection, since: datetime, until: datetime) -> tuple[Gap, ...]:
    """Return the gaps that overlap [since, until), by begin.

    These are the blind spots, and the sources in trouble that are not yet, or no longer for long, one.
    """
    spots = [
        Gap(
            source_id=row["source_id"],
            name=row["name"],
            since=row["since"],
            until=row["until"],
            reason=row["reason"],
            cause=row["cause"],
        )
        for row in blind_spots.between(connection, since, until)
    ]
    known = {gap.source_id for gap in spots if gap.until is None}
    troubled = [gap for gap in _troubled(connection, until) if gap.source_id not in known]
    return tuple(sorted([*spots, *troubled], key=lambda gap: (gap.since, gap.source_id)))


def _troubled(connection: Connection, until: datetime) -> list[Gap]:
    """Return the enabled sources that are in trouble now, from their last good visit on."""
    rows = connection.execute(
        select(source).where(is_visited(), source.c.state.not_in(SPEAKING)).order_by(source.c.id)
    ).mappings()
    found = []
    for row in rows:
        is_silent = row["state"] == SourceState.SILENT
        seen = row["last_post_at"] if is_silent else row["last_success_at"]
        gap = Gap(
            source_id=row["id"],
            name=row["name"],
            since=seen or row["created_at"],
            until=None,
            reason=row["reason"] or row["state"],
            cause=SILENCE if is_silent else _cause(row["state"]),
        )
        if gap.since < until:
            found.append(gap)
    return found


def _cause(state: str) -> str:
    return "failing" if state == SourceState.BACKING_OFF else state


def is_visited() -> ColumnElement[bool]:
    """Return the condition that we visit a source ourselves, and do."""
    return source.c.enabled & (source.c.kind != SourceKind.PUSH.value)
