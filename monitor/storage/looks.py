"""Posts to be looked at again: for the whole text of their page, and later for what became of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, delete, func, select, update

from collectors.model import Author, Post, PostKind, Precision, Stars
from monitor.storage.engine import Database
from monitor.storage.instants import EPOCH
from monitor.storage.tables import look, post

LEASE = timedelta(minutes=5)
STEPS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24), timedelta(days=3))
TRIES = 3


class Purpose(StrEnum):
    """Why a post is looked at: for its whole text, or for what became of it."""

    PAGE = "page"
    AGAIN = "again"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claimed:
    """A look that is ours until its lease ends, with the post as stored."""

    id: int
    post_id: int
    purpose: Purpose
    step: int
    tries: int
    post: Post
    is_deleted: bool


def plan(
    database: Database,
    connection: Connection,
    wanted: Iterable[tuple[int, int, Purpose]],
    *,
    now: datetime,
) -> None:
    """Plan looks: (post id, source id, purpose). One already planned stays as it is."""
    rows = [
        {
            "post_id": post_id,
            "source_id": source_id,
            "purpose": purpose.value,
            "step": 0,
            "due_at": now if purpose is Purpose.PAGE else now + STEPS[0],
            "lease_until": EPOCH,
        }
        for post_id, source_id, purpose in wanted
    ]
    if rows:
        connection.execute(database.insert(look).on_conflict_do_nothing(), rows)


def next_due(connection: Connection) -> datetime | None:
    """Return when the next look is due."""
    due: datetime | None = connection.scalar(select(func.min(look.c.due_at)))
    return due


def claim(connection: Connection, *, now: datetime, limit: int) -> list[Claimed]:
    """Lease up to ``limit`` due looks, the longest due first."""
    rows = list(
        connection.execute(
            select(look)
            .where(look.c.due_at <= now, look.c.lease_until <= now)
            .order_by(look.c.due_at)
            .limit(limit)
            .with_for_update(skip_locked=True)
        ).mappings()
    )
    if not rows:
        return []
    ids = [row["id"] for row in rows]
    connection.execute(update(look).where(look.c.id.in_(ids)).values(lease_until=now + LEASE))
    wanted = select(post).where(post.c.id.in_([row["post_id"] for row in rows]))
    stored = {row["id"]: row for row in connection.execute(wanted).mappings()}
    return [_claimed(row, stored[row["post_id"]]) for row in rows if row["post_id"] in stored]


def _claimed(row: RowMapping, stored: RowMapping) -> Claimed:
    return Claimed(
        id=row["id"],
        post_id=row["post_id"],
        purpose=Purpose(row["purpose"]),
        step=row["step"],
        tries=row["tries"],
        post=to_post(stored),
        is_deleted=stored["deleted_at"] is not None,
    )


def settle(connection: Connection, done: Sequence[Claimed], *, now: datetime) -> None:
    """End these looks, or plan the next of the series (after 1 h, 6 h, 24 h, 3 days)."""
    ended, again = [], []
    for one in done:
        last = one.purpose is Purpose.PAGE or one.step + 1 >= len(STEPS) or one.is_deleted
        if last:
            ended.append(one.id)
        else:
            due = now + STEPS[one.step + 1] - STEPS[one.step]
            again.append({"b_id": one.id, "b_step": one.step + 1, "b_due": due})
    connection.execute(delete(look).where(look.c.id.in_(ended)))
    _move(connection, again)


def postpone(
    connection: Connection,
    failed: Mapping[int, timedelta],
    tries: Mapping[int, int],
    *,
    now: datetime,
) -> None:
    """Plan looks that found no answer for later; ``tries`` are those made, after three they are given up."""
    given_up = [key for key in failed if tries[key] >= TRIES]
    connection.execute(delete(look).where(look.c.id.in_(given_up)))
    rows = [
        {"b_id": key, "b_due": now + wait, "b_tries": tries[key]}
        for key, wait in failed.items()
        if key not in given_up
    ]
    if rows:
        connection.execute(
            update(look)
            .where(look.c.id == bindparam("b_id"))
            .values(due_at=bindparam("b_due"), tries=bindparam("b_tries"), lease_until=EPOCH),
            rows,
        )


def _move(connection: Connection, rows: Sequence[Mapping[str, Any]]) -> None:
    if rows:
        connection.execute(
            update(look)
            .where(look.c.id == bindparam("b_id"))
            .values(
                due_at=bindparam("b_due"), step=bindparam("b_step"), tries=0, lease_until=EPOCH
            ),
            list(rows),
        )


def to_post(row: RowMapping) -> Post:
    """Return a stored post as its collector gave it."""
    details = row["details"] or {}
    stars = details.get("stars")
    delivered = row["delivered_hash"]
    return Post(
        source_id=row["source_id"],
        external_id=row["external_id"],
        kind=PostKind(row["kind"]),
        url=row["url"],
        title=row["title"],
        text=row["text"],
        author=Author(
            name=row["author_name"], handle=row["author_handle"], followers=row["followers"]
        ),
        published_at=row["published_at"],
        precision=Precision(row["precision"]),
        edited_at=row["edited_at"],
        lang=row["lang"] or None,
        metrics=row["metrics"],
        rating=row["rating"],
        stars=Stars(**stars) if stars else None,
        tags=tuple(details.get("tags", ())),
        delivered_hash=None if delivered is None else bytes(delivered),
        **{
            name: details.get(name)
            for name in ("parent_id", "root_id", "repost_of", "product", "location")
        },
    )
