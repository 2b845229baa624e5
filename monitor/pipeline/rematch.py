"""After an edit of a keyword list: its stored posts are matched again, newest first."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, RowMapping, delete, select, update

from analysis.model import Document, KeywordList, Understanding
from collectors.model import Author, Post
from monitor.pipeline.analyst import Analyst, Rules
from monitor.storage import alerts, keyword_lists, posts, rollups, rows, sources
from monitor.storage.engine import Database
from monitor.storage.rows import Understood
from monitor.storage.tables import mention, rematch

STEP = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Rematching:
    """What matching again needs from outside; ``days`` is how far back it goes."""

    database: Database
    analyst: Analyst
    clock: Callable[[], datetime]
    days: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    list_id: int
    version: int
    after_post_id: int
    rules: Rules | None


async def rematch_some(needs: Rematching) -> int:
    """Match the next posts of one queued list again; returns how many posts, 0 when nothing is queued.

    The list's mentions and rollups of these posts change in one transaction with the place
    reached, so a kill in between repeats or skips nothing. Alerts are not decided here, and the
    detector looks at the last two hours only: the past stays silent.
    """
    job = await asyncio.to_thread(_next_job, needs.database)
    if job is None:
        return 0
    if job.rules is None:  # the list is gone or disabled: nothing to match
        await asyncio.to_thread(_finish, needs.database, job)
        return 1
    found, origins = await asyncio.to_thread(_posts, needs, job)
    if not found:
        await asyncio.to_thread(_finish, needs.database, job)
        return 1
    documents = [_document(row, origins[row["source_id"]]) for row in found]
    read = await needs.analyst.understand(job.rules, documents)
    kinds = {key: origin["kind"] for key, origin in origins.items()}
    await asyncio.to_thread(_store, needs, job, list(zip(found, read, strict=True)), kinds)
    return len(found)


def _next_job(database: Database) -> _Job | None:
    with database.read() as connection:
        row = (
            connection.execute(select(rematch).order_by(rematch.c.keyword_list_id).limit(1))
            .mappings()
            .first()
        )
        if row is None:
            return None
        found = keyword_lists.get(connection, row["keyword_list_id"])
        rules = None
        if found is not None and found["enabled"]:
            ids = keyword_lists.keywords_of(connection, [found["id"]])[found["id"]]
            wanted: tuple[KeywordList, ...] = (keyword_lists.to_list(found, ids),)
            # a negative version: these rules hold one list and must not pass for the whole set
            rules = Rules(version=-(found["id"] * 1_000_000 + found["version"]), lists=wanted)
        return _Job(
            list_id=row["keyword_list_id"],
            version=row["version"],
            after_post_id=row["after_post_id"],
            rules=rules,
        )


def _posts(needs: Rematching, job: _Job) -> tuple[list[RowMapping], dict[int, RowMapping]]:
    since = needs.clock() - timedelta(days=needs.days)
    with needs.database.read() as connection:
        found = posts.before(connection, under_id=job.after_post_id, since=since, limit=STEP)
        wanted = sorted({row["source_id"] for row in found})
        return found, {row["id"]: row for row in sources.by_ids(connection, wanted)}


def _document(row: RowMapping, origin: RowMapping) -> Document:
    return Document(
        text=row["text"],
        title=row["title"] or "",
        author=row["author_name"] or row["author_handle"] or "",
        source=origin["name"],
        lang=row["lang"],
    )


def _store(
    needs: Rematching,
    job: _Job,
    items: Sequence[tuple[RowMapping, Understanding]],
    kinds: Mapping[int, str],
) -> None:
    deltas = rollups.Deltas()
    ids = [row["id"] for row, _ in items]
    with needs.database.write() as connection:
        kept = _labelled_by_people(connection, ids, job.list_id)
        posts.take_mentions(
            connection, [key for key in ids if key not in kept], job.list_id, deltas
        )
        fresh = [
            mention_row
            for row, understanding in items
            if row["id"] not in kept
            for mention_row in rows.mentions_of(
                row["id"],
                _understood(row, kinds[row["source_id"]], understanding),
                row["published_at"],
            )
        ]
        posts.add_mentions(connection, fresh, deltas)
        connection.execute(
            update(rematch)
            .where(rematch.c.keyword_list_id == job.list_id, rematch.c.version == job.version)
            .values(after_post_id=min(ids) - 1)
        )
        alerts.forget_baseline(connection, job.list_id)
        rollups.apply(connection, deltas, now=needs.clock())


def _labelled_by_people(connection: Connection, ids: Sequence[int], list_id: int) -> set[int]:
    """Return the posts whose label a person gave: it stays."""
    query = select(mention.c.post_id).where(
        mention.c.post_id.in_(ids),
        mention.c.keyword_list_id == list_id,
        mention.c.label_by.is_not(None),
    )
    return set(connection.scalars(query))


def _understood(row: RowMapping, kind: str, understanding: Understanding) -> Understood:
    item = Post(
        source_id=row["source_id"],
        external_id=row["external_id"],
        author=Author(followers=row["followers"]),
    )
    return Understood(key=row["key"], post=item, source_kind=kind, understanding=understanding)


def _finish(database: Database, job: _Job) -> None:
    with database.write() as connection:
        connection.execute(
            delete(rematch).where(
                rematch.c.keyword_list_id == job.list_id, rematch.c.version == job.version
            )
        )
