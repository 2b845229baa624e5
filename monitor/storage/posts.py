"""Posts and mentions: the one way in, and the ways to read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    bindparam,
    delete,
    func,
    select,
    update,
)

from analysis.model import Understanding
from collectors.model import Post, Precision
from monitor.storage import bulk, rollups, search, sources
from monitor.storage.engine import Database
from monitor.storage.instants import to_micros
from monitor.storage.tables import mention, post

ROW = (
    "key", "source_id", "external_id", "kind", "url", "title", "text", "lang", "author_name", "author_handle", "followers", "published_at", "precision", "edited_at", "ingested_at", "metrics", "rating", "content_hash", "sentiment", "score", "confidence", "risks", "model_version",
)  # fmt: skip
JSONS = frozenset({"metrics", "risks", "keyword_ids", "hits"})
MENTION = (
    "post_id", "keyword_list_id", "published_at", "source_id", "source_kind", "sentiment", "score",
    "keyword_ids", "hits", "risks", "reach",
)  # fmt: skip
CHUNK = 500  # SQLite takes at most 32,766 parameters a statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of a post: enough to tell a duplicate from an edit."""

    id: int
    content_hash: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """A post and what was read out of it, ready to be stored."""

    post: Post
    source_kind: str
    understanding: Understanding


def known(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Known]:
    """Return what is stored of these post keys."""
    found: dict[bytes, Known] = {}
    for start in range(0, len(keys), CHUNK):
        query = select(post.c.key, post.c.id, post.c.content_hash).where(
            post.c.key.in_(keys[start : start + CHUNK])
        )
        for key, post_id, content_hash in connection.execute(query):
            found[key] = Known(id=post_id, content_hash=content_hash)
    return found


def insert(
    database: Database,
    connection: Connection,
    items: Sequence[Understood],
    deltas: rollups.Deltas,
    *,
    now: datetime,
) -> dict[bytes, int]:
    """Store posts that are not there yet, with mentions and index; returns key → id of the new ones.

    A key that is already stored is left alone, and nothing of it reaches the rollups.
    """
    if not items:
        return {}
    created = _create(database, connection, items, now)
    fresh = [(created[item.post.key], item) for item in items if item.post.key in created]
    search.index(database, connection, [(key, item.understanding.tokens) for key, item in fresh])
    _insert_mentions(connection, fresh, deltas, now)
    added: dict[int, int] = {}
    for _, item in fresh:
        added[item.post.source_id] = added.get(item.post.source_id, 0) + 1
    sources.count_posts(connection, added)
    return created


def _create(
    database: Database, connection: Connection, items: Sequence[Understood], now: datetime
) -> dict[bytes, int]:
    """Insert post rows; returns key → id of those that were not there."""
    if not database.is_sqlite:
        statement = database.insert(post).on_conflict_do_nothing().returning(post.c.key, post.c.id)
        made = connection.execute(statement, [_row(item, now) for item in items])
        return {row.key: row.id for row in made}
    # SQLite's one writer is us: what is not there now cannot appear before the insert
    there = known(connection, [item.post.key for item in items])
    first = 1 + (connection.scalar(select(func.max(post.c.id))) or 0)
    new = [item for item in items if item.post.key not in there]
    rows = [(first + place, *_plain(_row(item, now))) for place, item in enumerate(new)]
    bulk.insert(connection, post, ("id", *ROW), rows)
    return {item.post.key: first + place for place, item in enumerate(new)}


def _plain(row: Mapping[str, Any]) -> bulk.Row:
    """Return a post's row as the driver takes it, in the order of ``ROW``."""
    return tuple(
        bulk.json_text(value)
        if name in JSONS
        else to_micros(value)
        if isinstance(value, datetime)
        else value
        for name, value in row.items()
    )


def replace(
    database: Database,
    connection: Connection,
    items: Sequence[tuple[int, str, Understood]],
    deltas: rollups.Deltas,
    *,
    now: datetime,
) -> None:
    """Store edited posts: (id, tokens of the old text, new content). Publication time stays."""
    if not items:
        return
    ids = [post_id for post_id, _, _ in items]
    take_mentions(connection, ids, None, deltas)
    times = connection.execute(select(post.c.id, post.c.published_at).where(post.c.id.in_(ids)))
    kept = {row.id: row.published_at for row in times}
    fields = (
        "title",
        "text",
        "url",
        "lang",
        "content_hash",
        "sentiment",
        "score",
        "confidence",
        "risks",
        "model_version",
    )
    connection.execute(
        update(post)
        .where(post.c.id == bindparam("b_id"))
        .values(
            {name: bindparam(f"b_{name}") for name in fields}
            | {"edited_at": bindparam("b_edited_at")}
        ),
        [_edit(post_id, item, fields, now) for post_id, _, item in items],
    )
    search.forget(database, connection, [(post_id, old) for post_id, old, _ in items])
    search.index(
        database, connection, [(post_id, item.understanding.tokens) for post_id, _, item in items]
    )
    _insert_mentions(connection, [(post_id, item) for post_id, _, item in items], deltas, now, kept)


def _edit(post_id: int, item: Understood, fields: Sequence[str], now: datetime) -> dict[str, Any]:
    row = _row(item, now)
    values = {f"b_{name}": row[name] for name in fields}
    return {**values, "b_id": post_id, "b_edited_at": item.post.edited_at or now}


def take_mentions(
    connection: Connection,
    post_ids: Sequence[int],
    keyword_list_id: int | None,
    deltas: rollups.Deltas,
) -> list[RowMapping]:
    """Delete the mentions of these posts (of one list, or all) and take them out of the deltas."""
    condition: ColumnElement[bool] = mention.c.post_id.in_(post_ids)
    if keyword_list_id is not None:
        condition &= mention.c.keyword_list_id == keyword_list_id
    rows = list(connection.execute(select(mention).where(condition)).mappings())
    for row in rows:
        deltas.add(row, sign=-1)
    connection.execute(delete(mention).where(condition))
    return rows


def add_mentions(
    connection: Connection, rows: Sequence[Mapping[str, Any]], deltas: rollups.Deltas
) -> None:
    """Insert mention rows and count them."""
    plain = [
        tuple(bulk.json_text(row[name]) if name in JSONS else row[name] for name in MENTION)
        for row in rows
    ]
    bulk.insert(connection, mention, MENTION, plain)
    for row in rows:
        deltas.add(row)


def _insert_mentions(
    connection: Connection,
    items: Iterable[tuple[int, Understood]],
    deltas: rollups.Deltas,
    now: datetime,
    published: Mapping[int, datetime] | None = None,
) -> None:
    rows = [
        row
        for post_id, item in items
        for row in mention_rows(
            post_id, item, (published or {}).get(post_id) or item.post.published_at or now
        )
    ]
    add_mentions(connection, rows, deltas)


def mention_rows(
    post_id: int, item: Understood, published_at: datetime
) -> Iterable[dict[str, Any]]:
    """Return one row for every keyword list that the post matches."""
    risks = [
        {"class": risk.risk_class, "status": risk.status.value} for risk in item.understanding.risks
    ]
    published = to_micros(published_at)
    for matched in item.understanding.mentions:
        yield {
            "post_id": post_id,
            "keyword_list_id": matched.match.keyword_list_id,
            "published_at": published,
            "source_id": item.post.source_id,
            "source_kind": item.source_kind,
            "sentiment": matched.target.label.value,
            "score": matched.target.score,
            "keyword_ids": list(matched.match.keyword_ids),
            "hits": [[span.start, span.end] for span in matched.match.hits],
            "risks": risks,
            "reach": item.post.author.followers,
        }


def _row(item: Understood, now: datetime) -> dict[str, Any]:
    it, read = item.post, item.understanding
    return {
        "key": it.key,
        "source_id": it.source_id,
        "external_id": it.external_id,
        "kind": it.kind.value,
        "url": it.url,
        "title": it.title,
        "text": it.text,
        "lang": read.lang,
        "author_name": it.author.name,
        "author_handle": it.author.handle,
        "followers": it.author.followers,
        "published_at": it.published_at or now,
        "precision": (it.precision if it.published_at else Precision.INFERRED).value,
        "edited_at": it.edited_at,
        "ingested_at": now,
        "metrics": dict(it.metrics),
        "rating": it.rating,
        "content_hash": it.content_hash,
        "sentiment": read.sentiment.label.value,
        "score": read.sentiment.score,
        "confidence": read.sentiment.confidence,
        "risks": [
            {
                "class": risk.risk_class,
                "status": risk.status.value,
                "hits": [[hit.start, hit.end] for hit in risk.hits],
            }
            for risk in read.risks
        ],
        "model_version": read.model_version,
    }


def get(connection: Connection, post_id: int) -> RowMapping | None:
    """Return one post's row."""
    return connection.execute(select(post).where(post.c.id == post_id)).mappings().first()


def texts(connection: Connection, post_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Return the rows of these posts by id."""
    rows = connection.execute(select(post).where(post.c.id.in_(post_ids))).mappings()
    return {row["id"]: row for row in rows}


def before(
    connection: Connection, *, under_id: int, since: datetime, limit: int
) -> list[RowMapping]:
    """Return up to ``limit`` posts with ids up to ``under_id`` published since then, newest id first."""
    query = (
        select(post)
        .where(post.c.id <= under_id, post.c.published_at >= since)
        .order_by(post.c.id.desc())
        .limit(limit)
    )
    return list(connection.execute(query).mappings())
