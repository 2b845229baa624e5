"""``/posts``: one item as published; searched, explained, and pushed in by clients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import msgspec
from fastapi import APIRouter, Depends, Path, Query, Request
from pydantic import Field
from sqlalchemy import Connection, RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from analysis.model import Judgement, Span
from analysis.sentiment import scorer
from analysis.understand import Understander
from collectors.model import PostKind
from monitor.api.access import require
from monitor.api.answers import Json, Page
from monitor.api.filters import (
    MOST_VALUES,
    Bounds,
    Needs,
    OrderBy,
    Searched,
    Sentiments,
    Sources,
    cursor_of,
    position_of,
)
from monitor.api.incoming import inflated, split
from monitor.api.ingest import ingest
from monitor.api.problems import MEDIA_TYPE, Problem, Wrong, invalid, not_found
from monitor.api.schemas import Id
from monitor.api.schemas_posts import (
    BatchAnswer,
    MetricsOut,
    PostExplanation,
    PostOut,
    PostPage,
    RevisionsOut,
    batch_body,
    row_body,
)
from monitor.auth import Principal
from monitor.storage import post_metrics, posts, reading
from monitor.storage.engine import Database
from monitor.storage.reading import Filters, Order

router = APIRouter(prefix="/api/v1/posts", tags=["posts"])
Reader = Annotated[Principal, Depends(require("read"))]
Ingester = Annotated[Principal, Depends(require("ingest"))]
Kinds = Annotated[list[PostKind], Query(alias="kind", max_length=MOST_VALUES)]
Lang = Annotated[str, Field(pattern="^[A-Za-z0-9-]{1,20}$")]
Langs = Annotated[
    list[Lang], Query(alias="lang", max_length=MOST_VALUES, description="As stored: zh, en …")
]
UNREADABLE: dict[str, Any] = {
    "description": "Neither JSON nor NDJSON, or an encoding other than gzip",
    "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
COPIED = (
    "id", "source_id", "source", "source_kind", "external_id", "kind", "url", "title", "text", "lang", "published_at",
    "precision", "edited_at", "ingested_at", "metrics", "rating", "deleted_at", "sentiment", "score", "confidence",
)  # fmt: skip


@router.get(
    "",
    operation_id="list_posts",
    summary="List and search posts",
    responses={200: {"model": PostPage}},
)
def list_posts(  # noqa: PLR0913, PLR0917  # one parameter a filter
    needs: Needs,
    _: Reader,
    page: Page,
    bounds: Bounds,
    query: Searched,
    source: Sources = [],  # noqa: B006  # FastAPI copies defaults
    kind: Kinds = [],  # noqa: B006
    sentiment: Sentiments = [],  # noqa: B006
    lang: Langs = [],  # noqa: B006
    order: OrderBy = Order.PUBLISHED,
) -> Response:
    """Return posts. A search looks at 5,000 candidates a call: a page may be short and still have more."""
    filters = Filters(
        since=bounds[0],
        until=bounds[1],
        sentiments=sentiment,
        source_ids=source,
        kinds=kind,
        langs=lang,
        query=query,
    )
    with needs.database.read() as connection:
        found = reading.posts(
            needs.database,
            connection,
            filters,
            order=order,
            after=position_of(page),
            limit=page.limit,
        )
    rows = [{**show(one.row), **_found_at(one.hits)} for one in found.found]
    return Json({"data": rows, "next_cursor": cursor_of(found), "has_more": found.has_more})


@router.post(
    "/batch",
    operation_id="ingest_posts",
    summary="Store a batch of posts",
    responses={200: {"model": BatchAnswer}, 415: UNREADABLE},
    openapi_extra=batch_body(),
)
async def ingest_posts(request: Request, needs: Needs, _: Ingester) -> Response:
    """Store up to 5,000 rows or 10 MB: a JSON array, or NDJSON (`application/x-ndjson`); gzip is read.

    Each row gets its answer, good rows are kept. An unknown source name becomes a push source. Without an
    `external_id` the URL is taken, else a hash of title and text. A time without a zone is meant in the
    installation's time zone; one more than 15 minutes ahead is not believed, the post then counts from its
    storing. A rating is 0…1; over 1 it is read as stars of five. A known post with another title or text is
    updated, its publication time stays.
    """
    rows = await run_in_threadpool(_rows, request, await request.body())
    return Json(await ingest(needs.analysing, rows, zone=needs.settings.zone, now=needs.clock()))


def _rows(request: Request, body: bytes) -> list[bytes]:
    encoding = request.headers.get("content-encoding", "").strip().lower()
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    return split(inflated(body, encoding), media_type)


@router.put(
    "/by-key/{source}/{external_id:path}",
    operation_id="put_post",
    summary="Store one post under its key",
    responses={200: {"model": PostOut}, 201: {"model": PostOut}},
    openapi_extra=row_body(),
)
async def put_post(
    source: Annotated[str, Path(min_length=1, max_length=200)],
    external_id: Annotated[str, Path(min_length=1, max_length=2_000)],
    request: Request,
    needs: Needs,
    _: Ingester,
) -> Response:
    """Store or edit the post of this source name and external id; the body is a row of a batch."""
    row = _keyed(await request.body(), source, external_id)
    answer: Any = await ingest(needs.analysing, [row], zone=needs.settings.zone, now=needs.clock())
    outcome = answer["rows"][0]
    if outcome["status"] == "rejected":
        pointer = outcome["pointer"].removeprefix("#/0")
        raise Problem(
            "invalid", outcome["reason"], errors=[Wrong(f"#{pointer}", outcome["reason"])]
        )
    stored = await run_in_threadpool(_stored, needs.database, outcome["id"])
    if outcome["status"] == "created":
        return Json(show(stored), 201, {"Location": f"/api/v1/posts/{stored['id']}"})
    return Json(show(stored))


def _keyed(body: bytes, source: str, external_id: str) -> bytes:
    try:
        row = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
        key = {"source": source, "external_id": external_id}
        for name, value in key.items():
            if name in row and msgspec.json.decode(row[name]) != value:
                raise invalid(f"#/{name}", f"与地址中的 {name} 不同 (differs from the path)")
        return msgspec.json.encode({**row, **key})
    except msgspec.ValidationError:
        raise invalid("#", "请求体应为一个对象 (the body must be an object)") from None
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem("bad-request", f"请求体不是有效的 JSON ({error})") from None


@router.get(
    "/{key}", operation_id="get_post", summary="Read a post", responses={200: {"model": PostOut}}
)
def get_post(key: Id, needs: Needs, _: Reader) -> Response:
    """Return one post."""
    return Json(show(_stored(needs.database, key)))


@router.get(
    "/{key}/explanation",
    operation_id="explain_post",
    summary="Explain how a post was judged",
    responses={200: {"model": PostExplanation}},
)
def explain_post(key: Id, needs: Needs, _: Reader) -> Response:
    """Return the words that drive the sentiment now, the risks, and the lists that it is a mention of."""
    with needs.database.read() as connection:
        row = _row(connection, key)
        mentions = reading.mentions_of_post(connection, key)
        expressions = reading.expressions(connection, mentions)
    document = reading.document_of(row)
    judged = Understander((), needs.settings.scorer).explain(document)
    return Json(
        {
            "post_id": key,
            "text": document.full,
            "lang": row["lang"],
            "sentiment": _sentiment(judged),
            "stored": {
                "label": row["sentiment"],
                "score": row["score"],
                "confidence": row["confidence"],
            },
            "words": [
                {"text": word.text, "start": word.start, "end": word.end, "weight": word.weight}
                for word in judged.words
            ],
            "risks": risks_of(row["risks"]),
            "mentions": [_explained(mention, expressions) for mention in mentions],
            "model_version": scorer(needs.settings.scorer).version,
            "stored_model_version": row["model_version"],
        }
    )


@router.get(
    "/{key}/metrics",
    operation_id="list_post_metrics",
    summary="Counts of a post over time",
    responses={200: {"model": MetricsOut}},
)
def list_post_metrics(key: Id, needs: Needs, _: Reader) -> Response:
    """Return likes, replies, views … each time they had changed, and how fast they grow."""
    with needs.database.read() as connection:
        _row(connection, key)
        points = [dict(point) for point in post_metrics.history(connection, key)]
    return Json({"post_id": key, "data": points, "velocity": post_metrics.velocity(points)})


@router.get(
    "/{key}/revisions",
    operation_id="list_post_revisions",
    summary="What a post said before it was edited",
    responses={200: {"model": RevisionsOut}},
)
def list_post_revisions(key: Id, needs: Needs, _: Reader) -> Response:
    """Return earlier titles and texts, oldest first."""
    with needs.database.read() as connection:
        _row(connection, key)
        rows = [dict(row) for row in posts.revisions(connection, key)]
    return Json({"post_id": key, "data": rows})


def _stored(database: Database, key: int) -> RowMapping:
    with database.read() as connection:
        return _row(connection, key)


def _row(connection: Connection, key: int) -> RowMapping:
    row = reading.post_row(connection, key)
    if row is None:
        raise not_found("信息", key)
    return row


def show(row: RowMapping) -> dict[str, Any]:
    """Return a post as the API gives it."""
    author = {
        "name": row["author_name"],
        "handle": row["author_handle"],
        "followers": row["followers"],
    }
    return {name: row[name] for name in COPIED} | {
        "author": author,
        "details": row["details"] or {},
        "risks": risks_of(row["risks"]),
    }


def places(hits: Sequence[Sequence[int]]) -> list[dict[str, int]]:
    """Return stored ``[start, end]`` pairs as the API gives them."""
    return [{"start": start, "end": end} for start, end in hits]


def risks_of(stored: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return stored risks as the API gives them."""
    return [
        {**risk, "hits": places(risk["hits"])} if "hits" in risk else dict(risk) for risk in stored
    ]


def spans(hits: Sequence[Span]) -> list[dict[str, int]]:
    """Return places of a text as the API gives them."""
    return [{"start": hit.start, "end": hit.end} for hit in hits]


def _found_at(hits: Sequence[Span] | None) -> dict[str, Any]:
    return {} if hits is None else {"hits": spans(hits)}


def _sentiment(judged: Judgement) -> dict[str, Any]:
    return {"label": judged.label, "score": judged.score, "confidence": judged.confidence}


def _explained(mention: RowMapping, expressions: Mapping[int, str]) -> dict[str, Any]:
    return {
        "id": mention["id"],
        "keyword_list_id": mention["keyword_list_id"],
        "keyword_list": {"id": mention["keyword_list_id"], "name": mention["keyword_list"]},
        "keywords": [expressions[key] for key in mention["keyword_ids"] if key in expressions],
        "hits": places(mention["hits"]),
        "sentiment": mention["sentiment"],
        "score": mention["score"],
        "label_by": mention["label_by"],
    }
