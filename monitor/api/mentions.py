"""``/mentions``: posts that keyword lists matched; listed, exported, corrected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import orjson
from fastapi import APIRouter, Depends, Query
from sqlalchemy import RowMapping
from starlette.responses import Response, StreamingResponse

from analysis.model import Sentiment
from monitor.api import sheets
from monitor.api.access import require
from monitor.api.answers import OPTIONS, Json, Page
from monitor.api.filters import (
    Bounds,
    KeywordLists,
    Needs,
    OrderBy,
    Searched,
    Sentiments,
    Sources,
    Tiers,
    cursor_of,
    position_of,
    tiers_of,
)
from monitor.api.posts import places, risks_of, spans
from monitor.api.problems import not_found
from monitor.api.schemas import Id
from monitor.api.schemas_posts import LabelIn, MentionOut, MentionPage
from monitor.auth import Principal
from monitor.storage import labels, reading
from monitor.storage.engine import Database
from monitor.storage.reading import Filters, Found, Order

router = APIRouter(prefix="/api/v1/mentions", tags=["mentions"])
Reader = Annotated[Principal, Depends(require("read"))]
Responder = Annotated[Principal, Depends(require("respond"))]
EXPORTED_AT_ONCE = 500
COPIED = (
    "id", "post_id", "keyword_list_id", "source_id", "source", "source_kind", "kind", "title", "text", "url", "lang",
    "followers", "published_at", "precision", "ingested_at", "sentiment", "score", "reach", "label_by",
)  # fmt: skip
COLUMNS = (
    "id", "published_at", "keyword_list", "sentiment", "score", "source", "author", "followers", "title", "text",
    "url", "risks", "keywords", "reach", "label_by", "post_id",
)  # fmt: skip


def filters(  # one parameter a filter
    bounds: Bounds,
    query: Searched,
    keyword_list: KeywordLists = [],  # noqa: B006  # FastAPI copies defaults
    sentiment: Sentiments = [],  # noqa: B006
    source: Sources = [],  # noqa: B006
    tier: Tiers = [],  # noqa: B006
) -> Filters:
    """Return what the mentions asked for are narrowed to (FastAPI dependency)."""
    return Filters(
        since=bounds[0],
        until=bounds[1],
        sentiments=sentiment,
        source_ids=source,
        keyword_list_ids=keyword_list,
        tiers=tiers_of(tier),
        query=query,
    )


Narrowed = Annotated[Filters, Depends(filters)]


@router.get(
    "",
    operation_id="list_mentions",
    summary="List and search mentions",
    responses={200: {"model": MentionPage}},
)
def list_mentions(
    needs: Needs, _: Reader, page: Page, narrowed: Narrowed, order: OrderBy = Order.PUBLISHED
) -> Response:
    """Return mentions with their posts.

    `tier` asks for mentions that were published while an alert of that tier stood over their list, or in
    the hour before it opened (the longest window that its evidence comes from).
    """
    with needs.database.read() as connection:
        found = reading.mentions(
            needs.database,
            connection,
            narrowed,
            order=order,
            after=position_of(page),
            limit=page.limit,
        )
        expressions = reading.expressions(connection, [one.row for one in found.found])
    rows = [_shown(one, expressions) for one in found.found]
    return Json({"data": rows, "next_cursor": cursor_of(found), "has_more": found.has_more})


@router.get(
    "/export",
    operation_id="export_mentions",
    summary="Export mentions as CSV or JSON lines",
    response_class=Response,
    responses={
        200: {
            "description": "The mentions, newest first.",
            "content": {
                "text/csv": {"schema": {"type": "string"}},
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
def export_mentions(
    needs: Needs,
    _: Reader,
    narrowed: Narrowed,
    format_: Annotated[Literal["csv", "jsonl"], Query(alias="format")] = "csv",
    bom: Annotated[
        bool, Query(description="Begin CSV with a byte order mark, as Excel needs.")
    ] = True,
) -> Response:
    """Stream all mentions of the filters. In CSV a cell that a spreadsheet would run gets an apostrophe."""
    pages = _pages(needs.database, narrowed)
    headers = {"Content-Disposition": f'attachment; filename="mentions.{format_}"'}
    if format_ == "csv":
        return StreamingResponse(
            _csv(pages, bom=bom), headers=headers, media_type=sheets.MEDIA_TYPE
        )
    return StreamingResponse(_json_lines(pages), headers=headers, media_type="application/x-ndjson")


@router.get(
    "/{key}",
    operation_id="get_mention",
    summary="Read a mention",
    responses={200: {"model": MentionOut}},
)
def get_mention(key: Id, needs: Needs, _: Reader) -> Response:
    """Return one mention with its post."""
    return Json(_read(needs.database, key))


@router.patch(
    "/{key}",
    operation_id="label_mention",
    summary="Correct the sentiment of a mention",
    responses={200: {"model": MentionOut}},
)
def label_mention(key: Id, body: LabelIn, needs: Needs, who: Responder) -> Response:
    """Set the sentiment that a person found. Counts and trends move along; its score becomes −1, 0 or 1."""
    with needs.database.write() as connection:
        label = Sentiment(body.sentiment)
        if not labels.relabel(
            needs.database, connection, key, label, actor=who.name, now=needs.clock()
        ):
            raise not_found("提及", key)
    needs.live.notify()
    return Json(_read(needs.database, key))


def _read(database: Database, key: int) -> dict[str, Any]:
    with database.read() as connection:
        row = reading.mention_row(connection, key)
        if row is None:
            raise not_found("提及", key)
        return show(row, reading.expressions(connection, [row]))


def show(row: RowMapping, expressions: Mapping[int, str]) -> dict[str, Any]:
    """Return a mention as the API gives it; ``expressions`` names its keywords."""
    return {name: row[name] for name in COPIED} | {
        "keyword_list": {"id": row["keyword_list_id"], "name": row["keyword_list"]},
        "author": row["author_name"] or row["author_handle"],
        "keywords": [expressions[key] for key in row["keyword_ids"] if key in expressions],
        "hits": places(row["hits"]),
        "risks": risks_of(row["risks"]),
    }


def _shown(found: Found, expressions: Mapping[int, str]) -> dict[str, Any]:
    searched = {} if found.hits is None else {"query_hits": spans(found.hits)}
    return show(found.row, expressions) | searched


def _pages(database: Database, narrowed: Filters) -> Iterator[list[dict[str, Any]]]:
    """Page by page, each in a transaction of its own: a slow reader holds nothing open."""
    after, has_more = None, True
    while has_more:
        with database.read() as connection:
            page = reading.mentions(
                database,
                connection,
                narrowed,
                order=Order.PUBLISHED,
                after=after,
                limit=EXPORTED_AT_ONCE,
            )
            expressions = reading.expressions(connection, [one.row for one in page.found])
        yield [_shown(one, expressions) for one in page.found]
        after, has_more = page.position, page.has_more


def _json_lines(pages: Iterator[list[dict[str, Any]]]) -> Iterator[bytes]:
    for page in pages:
        yield b"".join(
            orjson.dumps(row, option=OPTIONS | orjson.OPT_APPEND_NEWLINE) for row in page
        )


def _csv(pages: Iterator[list[dict[str, Any]]], *, bom: bool) -> Iterator[str]:
    yield (sheets.BOM if bom else "") + sheets.lines([COLUMNS])
    for page in pages:
        yield sheets.lines(_cells(row) for row in page)


def _cells(row: Mapping[str, Any]) -> Sequence[object]:
    at: datetime = row["published_at"]
    flat = {
        **row,
        "published_at": at.isoformat(timespec="seconds").replace("+00:00", "Z"),
        "keyword_list": row["keyword_list"]["name"],
        "risks": " ".join(f"{risk['class']}:{risk['status']}" for risk in row["risks"]),
        "keywords": "; ".join(row["keywords"]),
    }
    return [flat[name] for name in COLUMNS]
