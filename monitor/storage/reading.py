"""Pages of posts and mentions: filters, two orders, and search in the query language."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, Select, Table, exists, select, tuple_

from analysis.model import Document, Span, Tier
from analysis.query import Query, evaluate
from analysis.search import prefilter
from monitor.storage import search
from monitor.storage.engine import Database
from monitor.storage.following import settled
from monitor.storage.instants import MICROSECOND, to_micros
from monitor.storage.tables import alert, keyword, keyword_list, mention, post, source

SCANNED_AT_ONCE = 250
SCANNED_A_CALL = 5_000
MOST_BRANCHES = 100
ALERT_LEAD = timedelta(hours=1)  # the longest window that a signal looks at


class Order(StrEnum):
    """``published``: newest first. ``ingested``: as stored, oldest first, safe to follow."""

    PUBLISHED = "published"
    INGESTED = "ingested"


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What a page is narrowed to: values of one filter are alternatives, filters add up; () is any.

    ``since`` and ``until`` bound the publication time, half open. ``tiers`` (mentions only) asks
    for mentions published while an alert of that tier stood over their list, or in the hour
    before it opened, which is the longest window that its evidence comes from.
    """

    since: datetime | None = None
    until: datetime | None = None
    sentiments: Sequence[str] = ()
    source_ids: Sequence[int] = ()
    kinds: Sequence[str] = ()
    langs: Sequence[str] = ()
    keyword_list_ids: Sequence[int] = ()
    tiers: Sequence[Tier] = ()
    query: Query | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where a page ended: publication time in microseconds (0 in order of ids), and id."""

    micros: int
    id: int


START = Position(micros=0, id=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A row of a page; ``hits`` are the places of the query in `Document.full`, None without a query."""

    row: RowMapping
    hits: tuple[Span, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PageOfRows:
    """A page. ``position`` is where the next one starts; it is given while following, even at the end."""

    found: Sequence[Found]
    position: Position | None
    has_more: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Listing:
    """A table to be paged in two steps: first the ids of a page, then whole rows of only those.

    ``branches`` select id and publication time; the page is merged from the best of each. One
    branch a keyword list reads an index in its order, where one query over all would sort.
    """

    branches: Sequence[Select[Any]]
    rows: Select[Any]
    table: Table


def posts(
    database: Database,
    connection: Connection,
    filters: Filters,
    *,
    order: Order,
    after: Position | None,
    limit: int,
) -> PageOfRows:
    """Return up to ``limit`` posts after a position, each with its source's name and kind.

    A search reads at most 5,000 candidates a call: the page may be short, or empty, and go on.
    """
    ids = select(post.c.id, post.c.published_at).where(
        *_common(post, filters),
        *_found_by_index(database, filters.query),
        *among(post.c.kind, filters.kinds),
        *among(post.c.lang, filters.langs),
    )
    if order is Order.INGESTED:
        ids = ids.where(post.c.id <= settled(database, connection, post, after=_id(after)))
    listing = _Listing(branches=[ids], rows=_posts(), table=post)
    return _page(connection, listing, filters.query, order=order, after=after, limit=limit)


def mentions(
    database: Database,
    connection: Connection,
    filters: Filters,
    *,
    order: Order,
    after: Position | None,
    limit: int,
) -> PageOfRows:
    """Return up to ``limit`` mentions after a position, each with its post, source and list."""
    ids = select(mention.c.id, mention.c.published_at).where(*_of_mentions(database, filters))
    if filters.query is not None:
        ids = ids.join(post, post.c.id == mention.c.post_id)
    if order is Order.INGESTED:
        horizon = settled(database, connection, mention, after=_id(after))
        branches = [ids.where(mention.c.id <= horizon, *_of_lists(filters))]
    else:
        branches = _branches(connection, ids, filters)
    listing = _Listing(branches=branches, rows=_mentions(), table=mention)
    return _page(connection, listing, filters.query, order=order, after=after, limit=limit)


def _branches(connection: Connection, ids: Select[Any], filters: Filters) -> list[Select[Any]]:
    lists = filters.keyword_list_ids or connection.scalars(select(keyword_list.c.id)).all()
    if len(lists) > MOST_BRANCHES or filters.query is not None:
        return [ids.where(*among(mention.c.keyword_list_id, filters.keyword_list_ids))]
    return [ids.where(mention.c.keyword_list_id == list_id) for list_id in dict.fromkeys(lists)]


def mentions_between(
    database: Database,
    connection: Connection,
    filters: Filters,
    *,
    after_id: int,
    until_id: int,
    limit: int,
) -> list[RowMapping]:
    """Return up to ``limit`` mentions with ids in (after_id, until_id], by id."""
    statement = _mentions().where(
        *_of_mentions(database, filters),
        *_of_lists(filters),
        mention.c.id > after_id,
        mention.c.id <= until_id,
    )
    return list(connection.execute(statement.order_by(mention.c.id).limit(limit)).mappings())


def post_row(connection: Connection, post_id: int) -> RowMapping | None:
    """Return one post with its source's name and kind."""
    return connection.execute(_posts().where(post.c.id == post_id)).mappings().first()


def mention_row(connection: Connection, mention_id: int) -> RowMapping | None:
    """Return one mention with its post, source and list."""
    return connection.execute(_mentions().where(mention.c.id == mention_id)).mappings().first()


def mentions_of_post(connection: Connection, post_id: int) -> list[RowMapping]:
    """Return the mentions of one post, by list."""
    statement = _mentions().where(mention.c.post_id == post_id).order_by(mention.c.keyword_list_id)
    return list(connection.execute(statement).mappings())


def expressions(connection: Connection, rows: Sequence[RowMapping]) -> dict[int, str]:
    """Return keyword id → expression for all keywords of these mentions."""
    ids = sorted({keyword_id for row in rows for keyword_id in row["keyword_ids"]})
    query = select(keyword.c.id, keyword.c.expression)
    found: dict[int, str] = {}
    for start in range(0, len(ids), SCANNED_AT_ONCE):
        part = query.where(keyword.c.id.in_(ids[start : start + SCANNED_AT_ONCE]))
        found |= {row.id: row.expression for row in connection.execute(part)}
    return found


def _posts() -> Select[Any]:
    names = source.c.name.label("source"), source.c.kind.label("source_kind")
    return select(post, *names).join(source, source.c.id == post.c.source_id)


def _mentions() -> Select[Any]:
    of_post = (
        "title", "text", "url", "lang", "author_name", "author_handle", "followers", "precision", "ingested_at",
        "kind", "rating", "metrics",
    )  # fmt: skip
    return (
        select(
            mention,
            *(post.c[name] for name in of_post),
            source.c.name.label("source"),
            keyword_list.c.name.label("keyword_list"),
        )
        .join(post, post.c.id == mention.c.post_id)
        .join(source, source.c.id == mention.c.source_id)
        .join(keyword_list, keyword_list.c.id == mention.c.keyword_list_id)
    )


def _of_mentions(database: Database, filters: Filters) -> list[ColumnElement[bool]]:
    return [
        *_common(mention, filters),
        *_found_by_index(database, filters.query),
        *([_under_alert(filters.tiers)] if filters.tiers else []),
    ]


def _of_lists(filters: Filters) -> list[ColumnElement[bool]]:
    """Return the condition on lists, written so that no index of theirs is taken.

    Who follows by id reads the few rows after one: walking a whole list to find them is slower.
    """
    return among(mention.c.keyword_list_id + 0, filters.keyword_list_ids)


def _common(table: Table, filters: Filters) -> list[ColumnElement[bool]]:
    """Return the conditions on columns that posts and mentions both have."""
    since, until = filters.since, filters.until
    return [
        *([] if since is None else [table.c.published_at >= since]),
        *([] if until is None else [table.c.published_at < until]),
        *among(table.c.sentiment, filters.sentiments),
        *among(table.c.source_id, filters.source_ids),
    ]


def _found_by_index(database: Database, query: Query | None) -> list[ColumnElement[bool]]:
    condition = None if query is None else search.candidates(database, prefilter(query))
    return [] if condition is None else [condition]


def among(column: ColumnElement[Any], values: Sequence[object]) -> list[ColumnElement[bool]]:
    """Return the condition that ``column`` is one of ``values``; without values there is none."""
    return [column.in_(values)] if values else []


def _under_alert(tiers: Sequence[Tier]) -> ColumnElement[bool]:
    return exists().where(
        alert.c.keyword_list_id == mention.c.keyword_list_id,
        alert.c.tier.in_([int(tier) for tier in tiers]),
        alert.c.opened_at <= mention.c.published_at + ALERT_LEAD // MICROSECOND,
        alert.c.closed_at.is_(None) | (alert.c.closed_at > mention.c.published_at),
    )


def _id(after: Position | None) -> int:
    return after.id if after else 0


def _page(
    connection: Connection,
    listing: _Listing,
    query: Query | None,
    *,
    order: Order,
    after: Position | None,
    limit: int,
) -> PageOfRows:
    chunk = limit + 1 if query is None else SCANNED_AT_ONCE
    found: list[Found] = []
    scanned, position = 0, after
    while True:
        places = _places(connection, listing, order, position, chunk)
        for row in _rows(connection, listing, places):
            hits = _hits(query, row)
            if hits is None:
                continue
            if len(found) == limit:
                last = _position(found[-1].row, order)
                return PageOfRows(found=found, position=last, has_more=True)
            found.append(Found(row=row, hits=hits if query else None))
        scanned += len(places)
        position = places[-1] if places else position
        if len(places) < chunk:
            end = (position or START) if order is Order.INGESTED else None
            return PageOfRows(found=found, position=end, has_more=False)
        if scanned >= SCANNED_A_CALL:
            return PageOfRows(found=found, position=position, has_more=True)


def _places(
    connection: Connection, listing: _Listing, order: Order, after: Position | None, limit: int
) -> list[Position]:
    """Return where the next ``limit`` rows stand, in order."""
    found = [
        _position(row, order)
        for branch in listing.branches
        for row in connection.execute(
            _ordered(listing.table, branch, order, after).limit(limit)
        ).mappings()
    ]
    found.sort(key=lambda place: (place.micros, place.id), reverse=order is Order.PUBLISHED)
    return found[:limit]


def _rows(
    connection: Connection, listing: _Listing, places: Sequence[Position]
) -> Iterator[RowMapping]:
    """Yield the whole rows in the order of ``places``; one deleted in between is left out."""
    wanted = listing.rows.where(listing.table.c.id.in_([place.id for place in places]))
    rows = {row["id"]: row for row in connection.execute(wanted).mappings()}
    return (rows[place.id] for place in places if place.id in rows)


def _ordered(
    table: Table, statement: Select[Any], order: Order, after: Position | None
) -> Select[Any]:
    if order is Order.INGESTED:
        return statement.where(table.c.id > _id(after)).order_by(table.c.id)
    statement = statement.order_by(table.c.published_at.desc(), table.c.id.desc())
    if after is None:
        return statement
    # the first condition is implied by the second, and the one that an index understands
    return statement.where(
        table.c.published_at <= after.micros,
        tuple_(table.c.published_at, table.c.id) < (after.micros, after.id),
    )


def _position(row: RowMapping, order: Order) -> Position:
    micros = 0 if order is Order.INGESTED else to_micros(row["published_at"])
    return Position(micros=micros, id=row["id"])


def _hits(query: Query | None, row: RowMapping) -> tuple[Span, ...] | None:
    if query is None:
        return ()
    hits = evaluate(query, document_of(row))
    return None if hits is None else tuple(hits)


def document_of(row: RowMapping) -> Document:
    """Return a row of a page as it was given to the analysis when it was stored."""
    return Document(
        text=row["text"],
        title=row["title"] or "",
        author=row["author_name"] or row["author_handle"] or "",
        source=row["source"],
        lang=row["lang"],
    )
