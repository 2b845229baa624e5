"""What all reviewers together gave a product, over time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, and_, func, select

from collectors.model import Poll, ProductRating
from monitor.storage.engine import Database
from monitor.storage.tables import product_rating

LONGEST_PRODUCT = 300


def note(database: Database, connection: Connection, polls: Sequence[Poll]) -> None:
    """Store the ratings of these polls; one equal to the last of its product is not repeated."""
    found = [(poll, rating) for poll in polls for rating in poll.ratings]
    if not found:
        return
    last = _last(connection, sorted({poll.source_id for poll, _ in found}))
    rows = [
        _row(poll, rating)
        for poll, rating in found
        if last.get((poll.source_id, rating.product[:LONGEST_PRODUCT])) != _value(rating)
    ]
    if rows:
        connection.execute(database.insert(product_rating).on_conflict_do_nothing(), rows)


def _last(
    connection: Connection, source_ids: Sequence[int]
) -> dict[tuple[int, str], tuple[Any, ...]]:
    """Return the latest of each product, without reading the series."""
    table = product_rating
    newest = (
        select(table.c.source_id, table.c.product, func.max(table.c.at).label("at"))
        .where(table.c.source_id.in_(source_ids))
        .group_by(table.c.source_id, table.c.product)
        .subquery()
    )
    rows = connection.execute(
        select(table).join(
            newest,
            and_(
                table.c.source_id == newest.c.source_id,
                table.c.product == newest.c.product,
                table.c.at == newest.c.at,
            ),
        )
    ).mappings()
    return {
        (row["source_id"], row["product"]): (row["value"], row["best"], row["worst"], row["count"])
        for row in rows
    }


def _value(rating: ProductRating) -> tuple[Any, ...]:
    return (rating.stars.value, rating.stars.best, rating.stars.worst, rating.count)


def _row(poll: Poll, rating: ProductRating) -> dict[str, Any]:
    return {
        "source_id": poll.source_id,
        "product": rating.product[:LONGEST_PRODUCT],
        "at": poll.fetched_at,
        "value": rating.stars.value,
        "best": rating.stars.best,
        "worst": rating.stars.worst,
        "normalised": rating.stars.normalised,
        "count": rating.count,
        "name": rating.name,
        "url": rating.url,
    }


def series(
    connection: Connection, source_id: int, since: datetime, until: datetime, limit: int
) -> list[RowMapping]:
    """Return the ratings of a source's products in [since, until), oldest first."""
    query = (
        select(product_rating)
        .where(
            product_rating.c.source_id == source_id,
            product_rating.c.at >= since,
            product_rating.c.at < until,
        )
        .order_by(product_rating.c.at, product_rating.c.product)
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def forget(connection: Connection, source_id: int) -> None:
    """Drop the ratings of a source that is about to be deleted."""
    connection.execute(product_rating.delete().where(product_rating.c.source_id == source_id))
