"""Pages of alerts and of their events."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, RowMapping, Select, select

from analysis.model import Tier
from monitor.storage.reading import among
from monitor.storage.tables import alert, alert_event, keyword_list


def page(
    connection: Connection,
    *,
    states: Sequence[str] = (),
    tiers: Sequence[Tier] = (),
    keyword_list_ids: Sequence[int] = (),
    under_id: int | None = None,
    limit: int,
) -> list[RowMapping]:
    """Return up to ``limit`` alerts with ids under ``under_id``, newest first, with their list's name."""
    statement = _alerts().where(
        *among(alert.c.state, states),
        *among(alert.c.tier, [int(tier) for tier in tiers]),
        *among(alert.c.keyword_list_id, keyword_list_ids),
    )
    if under_id is not None:
        statement = statement.where(alert.c.id < under_id)
    return list(connection.execute(statement.order_by(alert.c.id.desc()).limit(limit)).mappings())


def row(connection: Connection, alert_id: int) -> RowMapping | None:
    """Return one alert with its list's name."""
    return connection.execute(_alerts().where(alert.c.id == alert_id)).mappings().first()


def last_changed(connection: Connection, *, limit: int) -> list[RowMapping]:
    """Return the alerts whose state changed last, the newest change first."""
    statement = _alerts().order_by(alert.c.updated_at.desc(), alert.c.id.desc()).limit(limit)
    return list(connection.execute(statement).mappings())


def events(
    connection: Connection,
    *,
    after_id: int,
    until_id: int,
    keyword_list_ids: Sequence[int] = (),
    limit: int,
) -> list[tuple[RowMapping, RowMapping]]:
    """Return up to ``limit`` (event, its alert as it is now) with event ids in (after_id, until_id]."""
    statement = (
        select(alert_event)
        .join(alert, alert.c.id == alert_event.c.alert_id)
        .where(alert_event.c.id > after_id, alert_event.c.id <= until_id)
        .where(*among(alert.c.keyword_list_id, keyword_list_ids))
        .order_by(alert_event.c.id)
        .limit(limit)
    )
    events = connection.execute(statement).mappings().all()
    wanted = {event["alert_id"] for event in events}
    rows = connection.execute(_alerts().where(alert.c.id.in_(wanted))).mappings()
    known = {one["id"]: one for one in rows}
    return [(event, known[event["alert_id"]]) for event in events]


def _alerts() -> Select[Any]:
    """The list may have been deleted since: its row stays, so its name does."""
    return select(alert, keyword_list.c.name.label("keyword_list")).join(
        keyword_list, keyword_list.c.id == alert.c.keyword_list_id, isouter=True
    )
