"""``/keyword-lists``: what is watched. A change takes effect on the next batch, without a restart."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from sqlalchemy import RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, check_if_match, created, page_of, single
from monitor.api.deps import Deps, deps
from monitor.api.previewing import preview, wanted_of
from monitor.api.problems import Problem, Wrong, not_found
from monitor.api.schemas import (
    Id,
    KeywordListIn,
    KeywordListOut,
    KeywordListPatch,
    PreviewIn,
    PreviewOut,
    VersionOut,
    page_model,
)
from monitor.auth import Principal
from monitor.storage import keyword_lists, locks
from monitor.storage.keyword_lists import BODY
from monitor.storage.tables import keyword_list

router = APIRouter(prefix="/api/v1/keyword-lists", tags=["keyword lists"])
Needs = Annotated[Deps, Depends(deps)]
Reader = Annotated[Principal, Depends(require("read"))]
Admin = Annotated[Principal, Depends(require("admin"))]
SHOWN = ("id", *BODY, "version", "created_at", "updated_at")


@router.get(
    "",
    operation_id="list_keyword_lists",
    summary="List keyword lists",
    responses={200: {"model": page_model(KeywordListOut)}},
)
def list_keyword_lists(needs: Needs, _: Reader, page: Page) -> Response:
    """Return the keyword lists by id."""
    with needs.database.read() as connection:
        rows = keyword_lists.page(connection, after=page.after_id or 0, limit=page.limit + 1)
    return page_of(rows, page.limit, show)


@router.post(
    "",
    operation_id="create_keyword_list",
    summary="Create a keyword list",
    status_code=201,
    responses={201: {"model": KeywordListOut}},
)
def create_keyword_list(
    body: KeywordListIn, request: Request, needs: Needs, who: Admin
) -> Response:
    """Create a list; stored posts are matched with it in the background, without alerts about the past."""
    values = values_of(body)
    try:
        with needs.database.write() as connection:
            key = keyword_lists.create(
                needs.database, connection, values, actor=who.name, now=needs.clock()
            )
            row = found(keyword_lists.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(body.name) from error
    return created(request, key, show(row), row["version"])


@router.post(
    "/preview",
    operation_id="preview_keyword_list",
    summary="Try expressions on stored posts",
    responses={200: {"model": PreviewOut}},
)
def preview_keyword_list(body: PreviewIn, needs: Needs, _: Reader) -> Response:
    """Return how many posts of the last days would be mentions, by expression, with up to 20 samples."""
    now = needs.clock()
    wanted = wanted_of(body.aliases, body.keywords, body.exclude)
    return Json(preview(needs.database, wanted, since=now - timedelta(days=body.days), until=now))


@router.get(
    "/{key:int}",
    operation_id="get_keyword_list",
    summary="Read a keyword list",
    responses={200: {"model": KeywordListOut}},
)
def get_keyword_list(key: Id, request: Request, needs: Needs, _: Reader) -> Response:
    """Return one list with its ETag."""
    with needs.database.read() as connection:
        row = found(keyword_lists.get(connection, key), key)
    return single(request, show(row), row["version"])


@router.put(
    "/{key:int}",
    operation_id="replace_keyword_list",
    summary="Replace a keyword list",
    responses={200: {"model": KeywordListOut}},
)
def replace_keyword_list(
    key: Id, body: KeywordListIn, request: Request, needs: Needs, who: Admin
) -> Response:
    """Replace the whole list; absent fields take their defaults."""
    return _change(key, values_of(body), request, needs, who)


@router.patch(
    "/{key:int}",
    operation_id="update_keyword_list",
    summary="Change fields of a keyword list",
    responses={200: {"model": KeywordListOut}},
)
def update_keyword_list(
    key: Id, body: KeywordListPatch, request: Request, needs: Needs, who: Admin
) -> Response:
    """Change the fields given and leave the others."""
    return _change(key, body.model_dump(exclude_unset=True), request, needs, who)


@router.delete(
    "/{key:int}",
    operation_id="delete_keyword_list",
    summary="Delete a keyword list",
    status_code=204,
)
def delete_keyword_list(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Delete the list with its mentions and rollups; its alerts stay as history."""
    with needs.database.write() as connection:
        locks.hold(connection, keyword_list, key)
        row = found(keyword_lists.get(connection, key), key)
        check_if_match(request, row["version"])
        keyword_lists.delete_list(needs.database, connection, key, now=needs.clock())
    return Response(status_code=204)


@router.get(
    "/{key:int}/versions",
    operation_id="list_keyword_list_versions",
    summary="List the versions of a keyword list",
    responses={200: {"model": page_model(VersionOut)}},
)
def list_versions(key: Id, needs: Needs, _: Reader, page: Page) -> Response:
    """Return all versions, the newest first: who changed what, when."""
    with needs.database.read() as connection:
        found(keyword_lists.get(connection, key), key)
        rows = keyword_lists.versions(connection, key)
    if (before := page.after_id) is not None:
        rows = [row for row in rows if row["version"] < before]
    return page_of(rows[: page.limit + 1], page.limit, _show_version, lambda row: [row["version"]])


def _change(
    key: int, values: dict[str, Any], request: Request, needs: Deps, who: Principal
) -> Response:
    try:
        with needs.database.write() as connection:
            locks.hold(connection, keyword_list, key)
            row = found(keyword_lists.get(connection, key), key)
            check_if_match(request, row["version"])
            whole = {name: row[name] for name in BODY} | values
            keyword_lists.change(
                needs.database, connection, key, whole, actor=who.name, now=needs.clock()
            )
            row = found(keyword_lists.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(values.get("name", "")) from error
    return single(request, show(row), row["version"])


def values_of(body: KeywordListIn) -> dict[str, Any]:
    """Return the columns of a whole list."""
    return {name: getattr(body, name) for name in BODY}


def found(row: RowMapping | None, key: int) -> RowMapping:
    """Return the row.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found("词表", key)
    return row


def show(row: Row) -> dict[str, Any]:
    """Return a list as the API shows it."""
    return {name: row[name] for name in SHOWN}


def name_taken(name: str) -> Problem:
    """Return the 409 of a name that another one has."""
    detail = f"名称“{name}”已被使用 (the name is taken)"
    return Problem("conflict", detail, errors=[Wrong("#/name", detail)])


def _show_version(row: Row) -> dict[str, Any]:
    return {
        "id": row["keyword_list_id"],
        "version": row["version"],
        "body": row["body"],
        "actor": row["actor"],
        "at": row["at"],
    }
