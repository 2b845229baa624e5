"""Signals, alerts and their append-only events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select, update

from alerts.model import Alert, AlertState, Change, EventKind
from analysis.model import Sentiment, Signal, Tier
from monitor.storage.engine import Database
from monitor.storage.tables import alert, alert_event, baseline, mention, post, signal, source

OPEN = (AlertState.OPEN.value, AlertState.ACKNOWLEDGED.value)


def get(connection: Connection, alert_id: int, *, lock: bool = False) -> RowMapping | None:
    """Return one alert's row; ``lock`` holds it until the transaction ends."""
    query = select(alert).where(alert.c.id == alert_id)
    return connection.execute(query.with_for_update() if lock else query).mappings().first()


def open_for(connection: Connection, dedup_key: str) -> Alert | None:
    """Return the open alert of this key, locked; there is at most one."""
    query = (
        select(alert)
        .where(alert.c.dedup_key == dedup_key, alert.c.state.in_(OPEN))
        .with_for_update()
    )
    row = connection.execute(query).mappings().first()
    return to_alert(row) if row else None


def last_closed(connection: Connection, dedup_key: str) -> Alert | None:
    """Return the alert of this key that was closed last."""
    query = (
        select(alert)
        .where(alert.c.dedup_key == dedup_key, alert.c.closed_at.is_not(None))
        .order_by(alert.c.closed_at.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().first()
    return to_alert(row) if row else None


def open_lists(connection: Connection) -> set[int]:
    """Return the keyword lists that have an open alert."""
    about_lists = select(alert.c.keyword_list_id).where(
        alert.c.state.in_(OPEN), alert.c.keyword_list_id > 0
    )
    return set(connection.scalars(about_lists))


def to_alert(row: RowMapping) -> Alert:
    """Return a row as the rules see it."""
    names = (
        "id", "dedup_key", "keyword_list_id", "title", "opened_at", "updated_at", "sequence", "acknowledged_at",
        "acknowledged_by", "assignee", "closed_at", "deadline_at", "last_signal_at", "source_id",
    )  # fmt: skip
    return Alert(
        state=AlertState(row["state"]),
        tier=Tier(row["tier"]),
        **{name: row[name] for name in names},
    )


def store_signal(
    database: Database,
    connection: Connection,
    found: Signal,
    body: Mapping[str, Any],
    *,
    at: datetime,
) -> bool:
    """Store a signal once; returns whether it was new."""
    statement = (
        database.insert(signal)
        .values(
            key=found.key,
            keyword_list_id=found.keyword_list_id,
            tier=int(found.tier),
            at=at,
            body=dict(body),
        )
        .on_conflict_do_nothing()
        .returning(signal.c.id)
    )
    return connection.execute(statement).first() is not None


def store_change(
    connection: Connection, change: Change, facts: Mapping[str, Any] | None
) -> tuple[int, int]:
    """Insert or update the alert and append the event; returns (alert id, event id).

    ``facts`` holds explanation, counts and evidence as they are now; None leaves the stored ones.
    """
    item = change.alert
    values: dict[str, Any] = {
        "dedup_key": item.dedup_key, "keyword_list_id": item.keyword_list_id, "state": item.state.value,
        "tier": int(item.tier), "title": item.title, "opened_at": item.opened_at, "updated_at": item.updated_at,
        "sequence": item.sequence, "acknowledged_at": item.acknowledged_at, "acknowledged_by": item.acknowledged_by,
        "assignee": item.assignee, "closed_at": item.closed_at, "deadline_at": item.deadline_at,
        "last_signal_at": item.last_signal_at, "source_id": item.source_id, **(facts or {}),
    }  # fmt: skip
    alert_id = item.id
    if alert_id:
        connection.execute(update(alert).where(alert.c.id == alert_id).values(values))
    else:
        alert_id = connection.execute(
            alert.insert().values(values).returning(alert.c.id)
        ).scalar_one()
    event_id: int = connection.execute(
        alert_event.insert()
        .values(
            alert_id=alert_id, sequence=item.sequence, kind=change.kind.value, at=change.at, tier=int(item.tier),
            previous_tier=int(change.previous_tier), actor=change.actor, reason=change.reason,
        )
        .returning(alert_event.c.id)
    ).scalar_one()  # fmt: skip
    return alert_id, event_id


def touch(connection: Connection, alert_id: int, facts: Mapping[str, Any], *, at: datetime) -> None:
    """Refresh what an open alert shows without an event."""
    connection.execute(
        update(alert).where(alert.c.id == alert_id).values(**facts, last_signal_at=at)
    )


def events(connection: Connection, alert_id: int) -> list[RowMapping]:
    """Return all events of an alert in their order."""
    query = (
        select(alert_event)
        .where(alert_event.c.alert_id == alert_id)
        .order_by(alert_event.c.sequence)
    )
    return list(connection.execute(query).mappings())


def load_baseline(connection: Connection, list_id: int) -> tuple[bytes, datetime] | None:
    """Return the learned state of a list and the time it has learned up to."""
    row = connection.execute(
        select(baseline.c.state, baseline.c.until).where(baseline.c.keyword_list_id == list_id)
    ).first()
    return (row[0], row[1]) if row else None


def save_baseline(
    database: Database, connection: Connection, list_id: int, state: bytes, until: datetime
) -> None:
    """Store the learned state."""
    statement = database.insert(baseline).values(keyword_list_id=list_id, state=state, until=until)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["keyword_list_id"], set_={"state": state, "until": until}
        )
    )


def forget_baseline(connection: Connection, list_id: int) -> None:
    """Let the list learn anew from its stored history."""
    connection.execute(baseline.delete().where(baseline.c.keyword_list_id == list_id))


def spread(
    connection: Connection, list_id: int, since: datetime, until: datetime
) -> tuple[int, int | None]:
    """Return the independent voices of a window's negative mentions, and the people they reach.

    A voice is an author; posts without one count as their source's single voice. The reach adds
    each known author once; None when it is known of nobody.
    """
    author = func.coalesce(post.c.author_handle, post.c.author_name, "")
    voices = (
        select(mention.c.source_id, author, func.max(mention.c.reach).label("reach"))
        .join(post, post.c.id == mention.c.post_id)
        .where(
            mention.c.keyword_list_id == list_id,
            mention.c.sentiment == Sentiment.NEGATIVE.value,
            mention.c.published_at >= since,
            mention.c.published_at < until,
        )
        .group_by(mention.c.source_id, author)
        .subquery()
    )
    row = connection.execute(
        select(func.count(), func.sum(voices.c.reach)).select_from(voices)
    ).one()
    return row[0], None if row[1] is None else int(row[1])


def closed_by(connection: Connection, alert_id: int) -> str | None:
    """Return who closed an alert last."""
    query = (
        select(alert_event.c.actor)
        .where(
            alert_event.c.alert_id == alert_id,
            alert_event.c.kind.in_([EventKind.RESOLVED.value, EventKind.FALSE_ALARM.value]),
        )
        .order_by(alert_event.c.sequence.desc())
        .limit(1)
    )
    return connection.scalar(query)


def evidence(
    connection: Connection, list_id: int, since: datetime, until: datetime, limit: int = 10
) -> list[RowMapping]:
    """Return the most telling posts of a window: widest reach first, then most negative."""
    query = (
        select(
            post.c.id, post.c.url, post.c.title, post.c.text, post.c.published_at, post.c.author_name,
            mention.c.sentiment, mention.c.score, mention.c.reach, source.c.name.label("source"),
        )
        .join(post, post.c.id == mention.c.post_id)
        .join(source, source.c.id == mention.c.source_id)
        .where(
            mention.c.keyword_list_id == list_id, mention.c.published_at >= since, mention.c.published_at < until
        )
        .order_by((mention.c.sentiment != "negative"), mention.c.reach.desc().nulls_last(), mention.c.score)
        .limit(limit)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def page(
    connection: Connection,
    *,
    states: Sequence[str] | None,
    under_id: int | None,
    limit: int,
    tiers: Sequence[int] | None,
) -> list[RowMapping]:
    """Return alerts, newest first."""
    query = select(alert).order_by(alert.c.id.desc()).limit(limit)
    if states is not None:
        query = query.where(alert.c.state.in_(states))
    if tiers is not None:
        query = query.where(alert.c.tier.in_(tiers))
    if under_id is not None:
        query = query.where(alert.c.id < under_id)
    return list(connection.execute(query).mappings())
