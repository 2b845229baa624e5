"""Keyword lists, their keywords' stable ids and their versions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, func, select, update

from analysis.model import Keyword, KeywordList
from monitor.storage import counters
from monitor.storage.engine import Database
from monitor.storage.tables import (
    baseline,
    dirty,
    keyword,
    keyword_list,
    keyword_list_version,
    mention,
    post,
    rematch,
    rollup,
)

BODY = ("name", "kind", "aliases", "keywords", "exclude", "thresholds", "owner", "enabled")


def get(connection: Connection, list_id: int) -> RowMapping | None:
    """Return one list's row; deleted ones are not found."""
    query = select(keyword_list).where(
        keyword_list.c.id == list_id, keyword_list.c.deleted_at.is_(None)
    )
    return connection.execute(query).mappings().first()


def by_name(connection: Connection, name: str) -> RowMapping | None:
    """Return the list of this name."""
    query = select(keyword_list).where(
        keyword_list.c.name == name, keyword_list.c.deleted_at.is_(None)
    )
    return connection.execute(query).mappings().first()


def page(connection: Connection, *, after: int, limit: int) -> list[RowMapping]:
    """Return up to ``limit`` lists with ids over ``after``, by id."""
    query = (
        select(keyword_list)
        .where(keyword_list.c.id > after, keyword_list.c.deleted_at.is_(None))
        .order_by(keyword_list.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).mappings())


def create(
    database: Database,
    connection: Connection,
    body: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> int:
    """Insert a list and its first version; raises IntegrityError when the name is taken."""
    values = {name: body[name] for name in BODY}
    row = {**values, "created_at": now, "updated_at": now}
    list_id: int = connection.execute(
        keyword_list.insert().values(row).returning(keyword_list.c.id)
    ).scalar_one()
    _changed(database, connection, list_id, 1, values, actor=actor, now=now)
    return list_id


def change(
    database: Database,
    connection: Connection,
    list_id: int,
    body: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> int:
    """Replace the body, keep the old one as a version; returns the new version number.

    The new expressions hold from the next batch on; stored posts are queued to be matched again.
    """
    values = {name: body[name] for name in BODY}
    version: int = connection.execute(
        update(keyword_list)
        .where(keyword_list.c.id == list_id)
        .values(**values, version=keyword_list.c.version + 1, updated_at=now)
        .returning(keyword_list.c.version)
    ).scalar_one()
    _changed(database, connection, list_id, version, values, actor=actor, now=now)
    return version


def _changed(  # noqa: PLR0913
    database: Database,
    connection: Connection,
    list_id: int,
    version: int,
    values: Mapping[str, Any],
    *,
    actor: str,
    now: datetime,
) -> None:
    connection.execute(
        keyword_list_version.insert().values(
            keyword_list_id=list_id, version=version, body=dict(values), actor=actor, at=now
        )
    )
    expressions = dict.fromkeys([*values["aliases"], *values["keywords"]])
    if expressions:
        connection.execute(
            database.insert(keyword).on_conflict_do_nothing(),
            [{"keyword_list_id": list_id, "expression": text} for text in expressions],
        )
    counters.bump(database, connection, counters.RULES)
    queue_rematch(database, connection, list_id, version)


def queue_rematch(database: Database, connection: Connection, list_id: int, version: int) -> None:
    """Ask for all stored posts up to now to be matched again with this list."""
    newest = connection.scalar(select(func.max(post.c.id))) or 0
    row = {"version": version, "after_post_id": newest, "until_post_id": 0}
    statement = database.insert(rematch).values(keyword_list_id=list_id, **row)
    connection.execute(
        statement.on_conflict_do_update(index_elements=["keyword_list_id"], set_=row)
    )


def delete_list(database: Database, connection: Connection, list_id: int, *, now: datetime) -> None:
    """Take a list away with its mentions and rollups; its alerts stay as history."""
    for table in (mention, rollup, dirty, baseline, rematch):
        connection.execute(delete(table).where(table.c.keyword_list_id == list_id))
    connection.execute(
        update(keyword_list)
        .where(keyword_list.c.id == list_id)
        .values(
            deleted_at=now, enabled=False, name=keyword_list.c.name + f" (deleted {list_id})",
        )
    )  # fmt: skip
    counters.bump(database, connection, counters.RULES)


def versions(connection: Connection, list_id: int) -> list[RowMapping]:
    """Return all versions of a list, newest first."""
    query = (
        select(keyword_list_version)
        .where(keyword_list_version.c.keyword_list_id == list_id)
        .order_by(keyword_list_version.c.version.desc())
    )
    return list(connection.execute(query).mappings())


def keywords_of(connection: Connection, list_ids: Sequence[int]) -> dict[int, dict[str, int]]:
    """Return expression → keyword id for each list."""
    query = select(keyword).where(keyword.c.keyword_list_id.in_(list_ids))
    found: dict[int, dict[str, int]] = {list_id: {} for list_id in list_ids}
    for row in connection.execute(query).mappings():
        found[row["keyword_list_id"]][row["expression"]] = row["id"]
    return found


def compiled_input(connection: Connection) -> tuple[KeywordList, ...]:
    """Return all enabled lists as matching wants them."""
    query = select(keyword_list).where(keyword_list.c.enabled, keyword_list.c.deleted_at.is_(None))
    rows = connection.execute(query.order_by(keyword_list.c.id)).mappings().all()
    ids = keywords_of(connection, [row["id"] for row in rows])
    return tuple(to_list(row, ids[row["id"]]) for row in rows)


def to_list(row: RowMapping, ids: Mapping[str, int]) -> KeywordList:
    """Return a row as the analysis sees it."""
    return KeywordList(
        id=row["id"],
        name=row["name"],
        aliases=tuple(Keyword(id=ids[text], expression=text) for text in row["aliases"]),
        keywords=tuple(Keyword(id=ids[text], expression=text) for text in row["keywords"]),
        exclude=tuple(row["exclude"]),
    )
