"""Batches of posts: rows that are good are stored in one go, and each row gets its answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from zoneinfo import ZoneInfo

import structlog
from sqlalchemy import RowMapping

from collectors.model import Post
from monitor.api.incoming import PostRow, Reading, Rejection, read_row, to_post
from monitor.pipeline.analyse import Analysing, store_posts
from monitor.pipeline.analyst import PoisonedBatch
from monitor.storage import posts, sources
from monitor.storage.engine import Database

log = structlog.get_logger()

STATUSES = ("created", "duplicate", "updated", "rejected")


@dataclass(slots=True, kw_only=True)
class Batch:
    """Rows on their way: accepted ones as posts by index, the others with the reason by index."""

    size: int
    posts: dict[int, Post] = field(default_factory=dict)
    rejected: dict[int, Rejection] = field(default_factory=dict)


@dataclass(slots=True)
class _Outcome:
    """What the store said, by key of the post."""

    created: dict[bytes, int] = field(default_factory=dict)
    edited: dict[bytes, int] = field(default_factory=dict)
    known: dict[bytes, int] = field(default_factory=dict)
    poisoned: set[bytes] = field(default_factory=set)


async def ingest(
    analysing: Analysing, raw_rows: Sequence[bytes], *, zone: ZoneInfo, now: datetime
) -> dict[str, object]:
    """Store the good rows and return the answer to the batch (see `schemas_posts.BatchAnswer`)."""
    batch = await asyncio.to_thread(
        _read, analysing.database, raw_rows, Reading(zone=zone, now=now)
    )
    found = _Outcome()
    await _store(analysing, list({post.key: post for post in batch.posts.values()}.values()), found)
    await asyncio.to_thread(_complete, analysing.database, batch, found)
    rows = list(_answers(batch, found))
    counts = {status: sum(row["status"] == status for row in rows) for status in STATUSES}
    return {**counts, "rows": rows}


def _read(database: Database, raw_rows: Sequence[bytes], reading: Reading) -> Batch:
    batch = Batch(size=len(raw_rows))
    rows: dict[int, PostRow] = {}
    for index, raw in enumerate(raw_rows):
        try:
            rows[index] = read_row(raw)
            to_post(rows[index], 0, reading)  # its date is read before its source comes to be
        except Rejection as rejection:
            batch.rejected[index] = rejection
            rows.pop(index, None)
    named = _sources(database, {row.source for row in rows.values()}, reading.now)
    batch.posts = {
        index: to_post(row, named[row.source]["id"], reading) for index, row in rows.items()
    }
    return batch


def _sources(database: Database, names: Iterable[str], now: datetime) -> Mapping[str, RowMapping]:
    wanted = sorted(names)
    if not wanted:
        return {}
    with database.write() as connection:
        return sources.ensure_push(database, connection, wanted, now=now)


async def _store(analysing: Analysing, items: Sequence[Post], found: _Outcome) -> None:
    """Store the posts together; where one of them kills its reader, halve until it stands alone."""
    if not items:
        return
    try:
        stored = await store_posts(analysing, items)
    except PoisonedBatch:
        if len(items) == 1:
            log.exception("post given up", external_id=items[0].external_id[:200])
            found.poisoned.add(items[0].key)
            return
        half = len(items) // 2
        await _store(analysing, items[:half], found)
        await _store(analysing, items[half:], found)
        return
    found.created |= stored.created
    found.edited |= stored.edited
    found.known |= stored.known


def _complete(database: Database, batch: Batch, found: _Outcome) -> None:
    """Somebody else may have stored a post between our look and our write: it is known by now."""
    told = found.created.keys() | found.edited.keys() | found.known.keys() | found.poisoned
    missing = [post.key for post in batch.posts.values() if post.key not in told]
    if missing:
        with database.read() as connection:
            found.known |= {key: row.id for key, row in posts.known(connection, missing).items()}


def _answers(batch: Batch, found: _Outcome) -> Iterable[dict[str, object]]:
    last = {post.key: index for index, post in batch.posts.items()}
    seen: dict[bytes, bytes] = {}
    for index in range(batch.size):
        post = batch.posts.get(index)
        if post is None:
            rejection = batch.rejected[index]
            yield _rejected(index, rejection.reason, rejection.pointer)
        elif post.key in found.poisoned:
            yield _rejected(
                index, "分析这条内容的进程崩溃了 (it killed the process that read it)", ""
            )
        else:
            before = seen.get(post.key)
            seen[post.key] = post.content_hash
            status = _status(post, before, is_last=last[post.key] == index, found=found)
            key = found.created.get(post.key) or found.edited.get(post.key) or found.known[post.key]
            yield {"index": index, "status": status, "id": key}


def _status(post: Post, before: bytes | None, *, is_last: bool, found: _Outcome) -> str:
    """Return what a row did: a later row of the batch with the same key edits or repeats the first."""
    if post.key in found.created:
        if before is None:
            return "created"
        return "duplicate" if before == post.content_hash else "updated"
    return "updated" if post.key in found.edited and is_last else "duplicate"


def _rejected(index: int, reason: str, pointer: str) -> dict[str, object]:
    return {
        "index": index,
        "status": "rejected",
        "reason": reason,
        "pointer": f"#/{index}{pointer}",
    }
