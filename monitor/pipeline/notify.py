"""A change of an alert becomes rows: the alert, its event, and one delivery for every channel that wants it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select

from alerts import message
from alerts.message import Evidence, Links
from alerts.model import Alert, Change
from analysis.model import Tier
from monitor.storage import alerts, deliveries
from monitor.storage.engine import Database
from monitor.storage.tables import keyword_list, source

GRAVEST_FIRST = {Tier.RED: 0, Tier.ORANGE: 1, Tier.YELLOW: 2, Tier.BLUE: 3, Tier.NONE: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What an alert rests on, as it was when it was judged; stored with the alert and told to all."""

    counts: Mapping[str, Any]
    explanation: Mapping[str, Any]
    evidence: Sequence[Evidence]

    def row(self) -> dict[str, Any]:
        """Return the columns of the alert's row."""
        return {
            "counts": dict(self.counts),
            "explanation": dict(self.explanation),
            "evidence": [_stored(one) for one in self.evidence],
        }


def facts_of(row: RowMapping) -> Facts:
    """Return the facts that an alert's row holds."""
    return Facts(
        counts=row["counts"],
        explanation=row["explanation"],
        evidence=[_loaded(one) for one in row["evidence"]],
    )


def announce(
    database: Database, connection: Connection, change: Change, facts: Facts, *, base_url: str
) -> int:
    """Store a change and queue the news of it, in the caller's transaction; returns the alert's id."""
    alert_id, event_id = alerts.store_change(connection, change, facts.row())
    if not change.notify:
        return alert_id
    told = replace(change, alert=replace(change.alert, id=alert_id))
    page = f"{base_url}/?alert={alert_id}"
    body = message.body_of(
        told,
        subject=_name(connection, change.alert),
        counts=facts.counts,
        explanation=facts.explanation,
        evidence=facts.evidence,
        links=Links(alert=page, ack=page),
    )
    if body is not None:
        tier = max(change.alert.tier, change.previous_tier)
        wanted = deliveries.channels_for(
            connection, tier=int(tier), keyword_list_id=change.alert.keyword_list_id
        )
        deliveries.enqueue(
            database,
            connection,
            event_id=event_id,
            alert_id=alert_id,
            channels=wanted,
            body=body.decode(),
            lane=GRAVEST_FIRST[tier],
            now=change.at,
        )
    return alert_id


def _name(connection: Connection, about: Alert) -> str:
    """Return the name of the keyword list or the source; "" where the alert is about many sources."""
    if about.keyword_list_id:
        list_id = about.keyword_list_id
        name = connection.scalar(select(keyword_list.c.name).where(keyword_list.c.id == list_id))
        return name or f"#{list_id}"
    if about.source_id is None:
        return ""
    name = connection.scalar(select(source.c.name).where(source.c.id == about.source_id))
    return name or f"#{about.source_id}"


def _stored(one: Evidence) -> dict[str, Any]:
    published = one.published_at.isoformat() if one.published_at else None
    return {
        "post_id": one.post_id, "url": one.url, "source": one.source, "excerpt": one.excerpt,
        "published_at": published,
    }  # fmt: skip


def _loaded(one: Mapping[str, Any]) -> Evidence:
    published = one["published_at"]
    return Evidence(
        **{**one, "published_at": datetime.fromisoformat(published) if published else None}
    )
