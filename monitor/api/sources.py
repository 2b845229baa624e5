"""``/sources``: where posts come from, and how each source is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from collectors.model import SourceKind, SourceState
from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, check_if_match, created, page_of, single
from monitor.api.deps import Deps, deps
from monitor.api.filters import Bounds
from monitor.api.keyword_lists import name_taken
from monitor.api.problems import Problem, invalid, not_found
from monitor.api.schemas import Id, page_model
from monitor.api.schemas_health import SourceHealthOut
from monitor.api.schemas_sources import (
    PollOut,
    RatingOut,
    SourceIn,
    SourceOut,
    SourcePatch,
    VisitIn,
    VisitOut,
)
from monitor.api.source_health import show_health
from monitor.api.source_kinds import address_of, checked_options, checked_secrets
from monitor.api.visiting import visit
from monitor.auth import Principal
from monitor.storage import locks, ratings, secrets_of_sources, sources
from monitor.storage.hosts import host_of
from monitor.storage.instants import EPOCH
from monitor.storage.tables import source

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])
Needs = Annotated[Deps, Depends(deps)]
Reader = Annotated[Principal, Depends(require("read"))]
Admin = Annotated[Principal, Depends(require("admin"))]
RATING = ("at", "product", "name", "url", "value", "best", "worst", "normalised", "count")
MOST_RATINGS = 5_000
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
SHOWN = (
    "id", "name", "kind", "interval_seconds", "options", "enabled", "version", "state", "reason", "state_since",
    "posts_total", "created_at", "updated_at",
)  # fmt: skip


@router.get(
    "",
    operation_id="list_sources",
    summary="List sources",
    responses={200: {"model": page_model(SourceOut)}},
)
def list_sources(needs: Needs, _: Reader, page: Page) -> Response:
    """Return the sources by id."""
    with needs.database.read() as connection:
        rows = sources.page(connection, after=page.after_id or 0, limit=page.limit + 1)
    return page_of(rows, page.limit, partial(show, needs))


@router.post(
    "",
    operation_id="create_source",
    summary="Create a source",
    status_code=201,
    responses={201: {"model": SourceOut}},
)
def create_source(body: SourceIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Create a source; one that is visited is due at once."""
    values, secrets = columns(body), checked_secrets(body.kind, body.secrets)
    if body.kind == "push":
        values |= {"state": SourceState.OK.value, "next_due_at": NEVER}
    try:
        with needs.database.write() as connection:
            key = sources.create(connection, values, now=needs.clock())
            secrets_of_sources.change(connection, needs.sealer, key, secrets)
            row = found(sources.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(body.name) from error
    needs.live.notify()
    return created(request, key, show(needs, row), row["version"])


@router.post(
    "/test",
    operation_id="test_source",
    summary="Fetch a source once",
    responses={200: {"model": VisitOut}},
)
async def try_source(body: VisitIn, needs: Needs, _: Admin) -> Response:
    """Fetch once and return the first five posts as they would be stored; nothing is stored."""
    return Json(await visit(needs, body))


@router.get(
    "/{key:int}",
    operation_id="get_source",
    summary="Read a source",
    responses={200: {"model": SourceOut}},
)
def get_source(key: Id, request: Request, needs: Needs, _: Reader) -> Response:
    """Return one source with its ETag."""
    with needs.database.read() as connection:
        row = found(sources.get(connection, key), key)
    return single(request, show(needs, row), row["version"])


@router.put(
    "/{key:int}",
    operation_id="replace_source",
    summary="Replace a source",
    responses={200: {"model": SourceOut}},
)
def replace_source(key: Id, body: SourceIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Replace the settings of a source; absent fields take their defaults, kind and secrets stay."""
    secrets = body.secrets if "secrets" in body.model_fields_set else {}
    return _change(key, {**columns(body), "secrets": secrets}, request, needs)


@router.patch(
    "/{key:int}",
    operation_id="update_source",
    summary="Change fields of a source",
    responses={200: {"model": SourceOut}},
)
def update_source(key: Id, body: SourcePatch, request: Request, needs: Needs, _: Admin) -> Response:
    """Change the fields given; a new address starts from an empty cursor."""
    return _change(key, body.model_dump(exclude_unset=True), request, needs)


@router.delete(
    "/{key:int}", operation_id="delete_source", summary="Delete a source", status_code=204
)
def delete_source(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Delete a source that has no posts and no inlet; others can only be disabled."""
    with needs.database.write() as connection:
        locks.hold(connection, source, key)
        row = found(sources.get(connection, key), key)
        check_if_match(request, row["version"])
        if not sources.delete(connection, key):
            raise Problem(
                "conflict",
                '该数据源已有信息或接口,不能删除;请停用: PATCH {"enabled": false} (it has posts or an inlet: disable it instead)',
            )
    return Response(status_code=204)


@router.post(
    "/{key:int}/poll",
    operation_id="poll_source",
    summary="Visit a source now",
    status_code=202,
    responses={202: {"model": PollOut}},
)
def poll_source(key: Id, needs: Needs, _: Admin) -> Response:
    """Make the source due at once, whatever its interval."""
    now = needs.clock()
    with needs.database.write() as connection:
        row = found(sources.get(connection, key), key)
        if row["kind"] == SourceKind.PUSH:
            raise Problem(
                "conflict",
                "push 数据源不主动抓取,信息由 POST /posts/batch 送入 (it is not visited)",
            )
        if not row["enabled"]:
            raise Problem(
                "conflict", '数据源已停用;请先启用: PATCH {"enabled": true} (enable it first)'
            )
        sources.poll_now(connection, key, now=now)
    needs.live.notify()
    return Json({"id": key, "next_due_at": now}, 202)


@router.get(
    "/{key:int}/health",
    operation_id="get_source_health",
    summary="How a source is",
    responses={200: {"model": SourceHealthOut}},
)
def get_source_health(key: Id, needs: Needs, _: Reader) -> Response:
    """Return state, reason, times and counts: the silence of a source is never shown as calm."""
    with needs.database.read() as connection:
        row = found(sources.get(connection, key), key)
        return Json(show_health(connection, row, needs.clock()))


@router.get(
    "/{key:int}/ratings",
    operation_id="list_ratings",
    summary="Ratings of a source's products over time",
    responses={200: {"model": page_model(RatingOut)}},
)
def list_ratings(key: Id, needs: Needs, _: Reader, bounds: Bounds) -> Response:
    """Return up to 5,000 points, oldest first; a rating that stayed the same is not repeated."""
    since, until = bounds
    with needs.database.read() as connection:
        found(sources.get(connection, key), key)
        rows = ratings.series(
            connection, key, since or EPOCH, until or NEVER, limit=MOST_RATINGS + 1
        )
    shown = [{name: row[name] for name in RATING} for row in rows[:MOST_RATINGS]]
    return Json({"data": shown, "next_cursor": None, "has_more": len(rows) > MOST_RATINGS})


def _change(key: int, values: dict[str, Any], request: Request, needs: Deps) -> Response:
    now = needs.clock()
    try:
        with needs.database.write() as connection:
            locks.hold(connection, source, key)
            row = found(sources.get(connection, key), key)
            check_if_match(request, row["version"])
            secrets = checked_secrets(row["kind"], values.pop("secrets", {}))
            secrets_of_sources.change(connection, needs.sealer, key, secrets)
            changes = _changes(row, values, now) | ({"next_due_at": now} if secrets else {})
            sources.change(connection, key, changes, now=now)
            row = found(sources.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(values.get("name", "")) from error
    needs.live.notify()
    return single(request, show(needs, row), row["version"])


def _changes(row: RowMapping, values: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return the columns that change: an unchanged address keeps its cursor."""
    if values.get("kind", row["kind"]) != row["kind"]:
        raise invalid(
            "#/kind", "数据源的类型不能更改,请新建一个 (the kind cannot change: create another)"
        )
    changes = dict(values)
    if "options" in changes:
        changes["options"] = checked_options(row["kind"], changes["options"])
    if "url" in changes:
        changes["url"] = address_of(row["kind"], changes["url"])
        changes["host"] = host_of(changes["url"])
        if changes["url"] == row["url"]:
            del changes["url"]
    interval = changes.get("interval_seconds", row["interval_seconds"])
    if "url" not in changes and interval < row["interval_seconds"]:
        changes["next_due_at"] = min(row["next_due_at"], now + timedelta(seconds=interval))
    return changes


def columns(body: SourceIn) -> dict[str, Any]:
    """Return the columns of a new source, checked by the collector of its kind.

    Raises:
        Problem: 422, what is wrong and where.
    """
    url = address_of(body.kind, body.url)
    return {
        "name": body.name,
        "kind": body.kind,
        "url": url,
        "host": host_of(url),
        "interval_seconds": body.interval_seconds,
        "options": checked_options(body.kind, body.options),
        "enabled": body.enabled,
    }


def found(row: RowMapping | None, key: int) -> RowMapping:
    """Return the row.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found("数据源", key)
    return row


def show(needs: Deps, row: Row) -> dict[str, Any]:
    """Return a source as the API shows it: of its secrets the names, of a push source no address."""
    return {name: row[name] for name in SHOWN} | {
        "url": row["url"] or None,
        "secrets": secrets_of_sources.names(needs.sealer, row["id"], row["secrets_sealed"]),
    }
