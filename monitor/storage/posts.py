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
    delete,
    func,
    select,
    update,
)

from collectors.model import Post
from monitor.storage import bulk, rollups, rows, search, sources
from monitor.storage.engine import Database
from monitor.storage.rows import Understood
from monitor.storage.tables import mention, post, post_revision

CHUNK = 1_000  # SQLite takes at most 32,766 parameters a statement
CHANGES = "SELECT total_changes()"
KNOWN = "SELECT key, id, content_hash, delivered_hash FROM post WHERE key"


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is stored of a post: enough to tell a duplicate from an edit.

    ``delivered_hash`` is set where the stored text came from the post's page.
    """

    id: int
    content_hash: bytes
    delivered_hash: bytes | None = None

    def is_repeated_by(self, post: Post) -> bool:
        """Whether ``post`` brings nothing that is not stored.

        A source repeats its teaser after we have read the whole page: that is no edit.
        """
        if post.delivered_hash is not None or self.delivered_hash is None:
            return self.content_hash == post.content_hash
        return self.delivered_hash == post.content_hash


def known(connection: Connection, keys: Sequence[bytes]) -> dict[bytes, Known]:
    """Return what is stored of these post keys."""
    found: dict[bytes, Known] = {}
    for start in range(0, len(keys), CHUNK):
        chunk = tuple(keys[start : start + CHUNK])
        if connection.dialect.name == "sqlite":
            marks = ",".join("?" * len(chunk))
            there = connection.exec_driver_sql(f"{KNOWN} IN ({marks})", chunk)
        else:
            there = connection.exec_driver_sql(f"{KNOWN} = ANY(%s)", (list(chunk),))
        for key, post_id, content_hash, delivered in there:
            found[bytes(key)] = Known(
                id=post_id,
                content_hash=bytes(content_hash),
                delivered_hash=None if delivered is None else bytes(delivered),
            )
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
    fresh = [(created[item.key], item) for item in items if item.key in created]
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
        made = bulk.insert_new(
            connection,
            post,
            rows.POST,
            [rows.post_row(item, now) for item in items],
            returning=("key", "id"),
        )
        return {bytes(key): post_id for key, post_id in made}
    # SQLite has one writer, us: the ids over the highest are ours to give
    first = 1 + (connection.scalar(select(func.max(post.c.id))) or 0)
    numbered = [(first + place, *rows.post_row(item, now)) for place, item in enumerate(items)]
    before = connection.exec_driver_sql(CHANGES).scalar_one()
    bulk.insert(connection, post, ("id", *rows.POST), numbered, then="ON CONFLICT DO NOTHING")
    if connection.exec_driver_sql(CHANGES).scalar_one() - before == len(items):
        return {item.key: first + place for place, item in enumerate(items)}
    there = connection.execute(select(post.c.key, post.c.id).where(post.c.id >= first))
    return {row.key: row.id for row in there}


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
    kept = _revise(database, connection, items, now)
    bulk.update(
        connection,
        post,
        (*rows.EDITED, "edited_at"),
        [rows.edited_row(post_id, item, now) for post_id, _, item in items],
    )
    search.forget(database, connection, [(post_id, old) for post_id, old, _ in items])
    search.index(
        database, connection, [(post_id, item.understanding.tokens) for post_id, _, item in items]
    )
    _insert_mentions(connection, [(post_id, item) for post_id, _, item in items], deltas, now, kept)


def _revise(
    database: Database,
    connection: Connection,
    items: Sequence[tuple[int, str, Understood]],
    now: datetime,
) -> dict[int, datetime]:
    """Keep what edited posts said before; returns their publication times.

    A page that completes a teaser is no edit; one that says something else than before is.
    """
    edited = {post_id for post_id, _, item in items if item.post.delivered_hash is None}
    columns = (post.c.id, post.c.published_at, post.c.title, post.c.text, post.c.delivered_hash)
    ids = [post_id for post_id, _, _ in items]
    stored = connection.execute(select(*columns).where(post.c.id.in_(ids))).all()
    revisions = [
        {"post_id": row.id, "at": now, "title": row.title, "text": row.text}
        for row in stored
        if row.id in edited or row.delivered_hash is not None
    ]
    if revisions:
        connection.execute(database.insert(post_revision).on_conflict_do_nothing(), revisions)
    return {row.id: row.published_at for row in stored}


def revisions(connection: Connection, post_id: int) -> list[RowMapping]:
    """Return what a post said before its edits, oldest first; ``at`` is when the edit was seen."""
    query = (
        select(post_revision.c.at, post_revision.c.title, post_revision.c.text)
        .where(post_revision.c.post_id == post_id)
        .order_by(post_revision.c.at)
    )
    return list(connection.execute(query).mappings())


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
    taken = list(connection.execute(select(mention).where(condition)).mappings())
    for row in taken:
        deltas.add(row, sign=-1)
    connection.execute(delete(mention).where(condition))
    return taken


def add_mentions(
    connection: Connection, found: Sequence[dict[str, Any]], deltas: rollups.Deltas
) -> None:
    """Insert mentions and count them."""
    bulk.insert(connection, mention, rows.MENTION, [rows.mention_row(one) for one in found])
    for one in found:
        deltas.add(one)


def _insert_mentions(
    connection: Connection,
    items: Iterable[tuple[int, Understood]],
    deltas: rollups.Deltas,
    now: datetime,
    published: Mapping[int, datetime] | None = None,
) -> None:
    found = [
        one
        for post_id, item in items
        for one in rows.mentions_of(
            post_id, item, (published or {}).get(post_id) or item.post.published_at or now
        )
    ]
    add_mentions(connection, found, deltas)


def mark_deleted(connection: Connection, keys: Sequence[bytes], *, now: datetime) -> None:
    """Note that the sources say these posts are gone; the first time counts, the text stays."""
    for start in range(0, len(keys), CHUNK):
        connection.execute(
            update(post)
            .where(post.c.key.in_(keys[start : start + CHUNK]), post.c.deleted_at.is_(None))
            .values(deleted_at=now)
        )


def get(connection: Connection, post_id: int) -> RowMapping | None:
    """Return one post's row."""
    return connection.execute(select(post).where(post.c.id == post_id)).mappings().first()


def texts(connection: Connection, post_ids: Sequence[int]) -> dict[int, RowMapping]:
    """Return the rows of these posts by id."""
    found = connection.execute(select(post).where(post.c.id.in_(post_ids))).mappings()
    return {row["id"]: row for row in found}


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
