"""What the overview page reads beside rollups and alerts: newest mentions, delays, reach, health."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    func,
    select,
    type_coerce,
)

from collectors.model import Precision, SourceKind
from monitor.storage.instants import MICROSECOND, to_micros
from monitor.storage.tables import alert, delivery, dirty, keyword_list, mention, post, source

NEAR = 50_000  # mentions looked through for several lists' latest, however few of them fit
TIMED = (Precision.EXACT.value, Precision.MINUTE.value)


def lists(connection: Connection, *, limit: int) -> list[RowMapping]:
    """Return the rows of the lists in use, by id."""
    query = (
        select(keyword_list)
        .where(keyword_list.c.deleted_at.is_(None), keyword_list.c.enabled)
        .order_by(keyword_list.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def newest_mentions(
    connection: Connection, list_ids: Sequence[int], *, limit: int
) -> list[RowMapping]:
    """Return mentions with their post and source: one list's latest published, several lists' latest stored.

    Each order is the one that an index answers.
    """
    return list(connection.execute(_latest(_mentions(), list_ids).limit(limit)).mappings())


def mentions_after(
    connection: Connection, list_ids: Sequence[int], *, after_id: int, until_id: int, limit: int
) -> list[RowMapping]:
    """Return the mentions with ids in (after_id, until_id], the latest stored ``limit`` of them, newest first."""
    query = _mentions().where(
        _unindexed(list_ids), mention.c.id > after_id, mention.c.id <= until_id
    )
    return list(connection.execute(query.order_by(mention.c.id.desc()).limit(limit)).mappings())


def _mentions() -> Select[Any]:
    return (
        select(
            mention.c.id, mention.c.post_id, mention.c.published_at, mention.c.sentiment, mention.c.score,
            mention.c.hits, mention.c.keyword_list_id,
            post.c.title, post.c.text, post.c.url, post.c.lang, post.c.author_name, post.c.author_handle,
            post.c.followers, post.c.confidence, post.c.risks, post.c.content_hash, post.c.kind,
            source.c.name.label("source"), keyword_list.c.name.label("list_name"),
        )
        .join(post, post.c.id == mention.c.post_id)
        .join(source, source.c.id == mention.c.source_id)
        .join(keyword_list, keyword_list.c.id == mention.c.keyword_list_id)
    )  # fmt: skip


def _latest(query: Select[Any], list_ids: Sequence[int]) -> Select[Any]:
    """Return the query over these lists' mentions, in the order that an index answers."""
    if len(list_ids) == 1:
        one = query.where(mention.c.keyword_list_id == list_ids[0])
        return one.order_by(mention.c.published_at.desc(), mention.c.id.desc())
    newest = select(func.max(mention.c.id)).scalar_subquery()
    near = query.where(_unindexed(list_ids), mention.c.id > newest - NEAR)
    return near.order_by(mention.c.id.desc())


def _unindexed(list_ids: Sequence[int]) -> ColumnElement[bool]:
    """Match these lists while walking by id: through the lists' index SQLite would sort all their rows."""
    return (mention.c.keyword_list_id + 0).in_(list_ids)


def delays(
    connection: Connection, list_ids: Sequence[int], *, since: datetime, until: datetime, limit: int
) -> list[tuple[datetime, timedelta]]:
    """Return (publication, time until we had it) of the newest ``limit`` mentions of [since, until).

    Only posts whose time is known to the minute, and which appeared after we began to watch their
    source: what was old at the first visit says nothing about how fast we are.
    """
    query = (
        select(mention.c.published_at, post.c.ingested_at)
        .join(post, post.c.id == mention.c.post_id)
        .join(source, source.c.id == mention.c.source_id)
        .where(
            mention.c.published_at >= since,
            mention.c.published_at < until,
            post.c.precision.in_(TIMED),
            mention.c.published_at >= source.c.created_at,
        )
    )
    query = _latest(query, list_ids).limit(limit)
    rows = connection.execute(query)
    return [(row[0], max(row[1] - row[0], timedelta(0))) for row in rows]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reach:
    """Followers of the authors of one stretch of time, summed over their mentions.

    ``people`` is None when no author's following is known; ``known`` of ``mentions`` had one.
    """

    start: datetime
    mentions: int
    known: int
    people: int | None


def reach(
    connection: Connection,
    list_ids: Sequence[int],
    *,
    since: datetime,
    until: datetime,
    step: timedelta,
) -> list[Reach]:
    """Return the known reach of [since, until) by steps from ``since``; empty steps are left out."""
    published = type_coerce(mention.c.published_at, BigInteger)
    slot = ((published - to_micros(since)) // (step // MICROSECOND)).label("slot")
    query = (
        select(slot, func.count(), func.count(mention.c.reach), func.sum(mention.c.reach))
        .where(
            mention.c.keyword_list_id.in_(list_ids),
            mention.c.published_at >= since,
            mention.c.published_at < until,
        )
        .group_by(slot)
        .order_by(slot)
    )
    return [
        Reach(
            start=since + row[0] * step,
            mentions=row[1],
            known=row[2],
            people=None if row[3] is None else int(row[3]),
        )
        for row in connection.execute(query)
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """How far we have looked: last poll and last new post (None: never), buckets still to be judged."""

    polled_at: datetime | None
    ingested_at: datetime | None
    unjudged: int


def watch(connection: Connection) -> Watch:
    """Return when something was last looked at, last came in, and what waits to be judged."""
    newest = connection.scalar(select(post.c.ingested_at).order_by(post.c.id.desc()).limit(1))
    return Watch(
        polled_at=connection.scalar(select(func.max(source.c.last_polled_at))),
        ingested_at=newest,
        unjudged=connection.scalar(select(func.count()).select_from(dirty)) or 0,
    )


def sources(connection: Connection) -> list[RowMapping]:
    """Return name, kind, state, reason and times of all enabled sources, the troubled ones first."""
    query = (
        select(
            source.c.id, source.c.name, source.c.kind, source.c.state, source.c.reason, source.c.interval_seconds,
            source.c.last_success_at, source.c.created_at,
        )
        .where(source.c.enabled)
        .order_by(source.c.error_count.desc(), source.c.id)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def is_pulled(kind: str) -> bool:
    """Whether we visit sources of this kind ourselves; silence of a push source is not ours to judge."""
    return kind != SourceKind.PUSH


def delivery_states(connection: Connection, *, since: datetime) -> dict[str, int]:
    """Return how many deliveries made since then are in each state."""
    query = (
        select(delivery.c.state, func.count())
        .where(delivery.c.created_at >= since)
        .group_by(delivery.c.state)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def _alerts() -> Select[Any]:
    """An alert is about a keyword list, one source, or (without a name) many sources."""
    name = func.coalesce(keyword_list.c.name, source.c.name, "")
    return (
        select(alert, name.label("list_name"))
        .join(keyword_list, keyword_list.c.id == alert.c.keyword_list_id, isouter=True)
        .join(source, source.c.id == alert.c.source_id, isouter=True)
    )


def recent_alerts(connection: Connection, *, since: datetime, limit: int) -> list[RowMapping]:
    """Return alerts that are open or were closed since then: open first, then by tier and time."""
    closed = alert.c.closed_at.is_not(None)
    query = (
        _alerts()
        .where(alert.c.closed_at.is_(None) | (alert.c.closed_at >= since))
        .order_by(closed, alert.c.tier.desc(), alert.c.opened_at.desc())
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def open_alerts(connection: Connection, *, limit: int) -> list[RowMapping]:
    """Return the open alerts' keyword lists, highest tier first."""
    query = (
        select(alert.c.id, alert.c.keyword_list_id, alert.c.tier)
        .where(alert.c.closed_at.is_(None), alert.c.keyword_list_id > 0)
        .order_by(alert.c.tier.desc(), alert.c.opened_at.desc())
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def alert_row(connection: Connection, alert_id: int) -> RowMapping | None:
    """Return one alert with the name of its list."""
    query = _alerts().where(alert.c.id == alert_id)
    return connection.execute(query).mappings().first()
