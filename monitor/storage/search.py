"""The full-text index: candidates for a query, newest first. The query itself decides later."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Connection, column, text

from analysis.search import Prefilter, to_fts5, to_tsquery
from monitor.storage.engine import Database
from monitor.storage.tables import post


def index(database: Database, connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Add (post id, tokens) to the index."""
    if not rows:
        return
    if database.is_sqlite:
        connection.exec_driver_sql(
            "INSERT INTO post_search(rowid, tokens) VALUES (?, ?)", list(rows)
        )
        return
    connection.execute(
        text(
            "INSERT INTO post_search(post_id, tokens)"
            " VALUES (:id, array_to_tsvector(string_to_array(:tokens, ' ')))"
            " ON CONFLICT (post_id) DO UPDATE SET tokens = excluded.tokens"
        ),
        [{"id": key, "tokens": tokens} for key, tokens in rows],
    )


def forget(database: Database, connection: Connection, rows: Sequence[tuple[int, str]]) -> None:
    """Take (post id, the tokens it was indexed with) out again."""
    if database.is_sqlite:
        for key, tokens in rows:
            connection.exec_driver_sql(
                "INSERT INTO post_search(post_search, rowid, tokens) VALUES ('delete', ?, ?)",
                (key, tokens),
            )
        return
    connection.execute(
        text("DELETE FROM post_search WHERE post_id = :id"), [{"id": key} for key, _ in rows]
    )


def candidates(database: Database, prefilter: Prefilter) -> ColumnElement[bool] | None:
    """Return the condition on ``post.id``, None where the index cannot narrow the query."""
    expression = to_fts5(prefilter) if database.is_sqlite else to_tsquery(prefilter)
    if expression is None:
        return None
    inner = text(
        "SELECT rowid FROM post_search WHERE post_search MATCH :search_expression"
        if database.is_sqlite
        else "SELECT post_id FROM post_search WHERE tokens @@ CAST(:search_expression AS tsquery)"
    )
    return post.c.id.in_(inner.bindparams(search_expression=expression).columns(column("id")))
