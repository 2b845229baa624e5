"""``/imports``: files of posts, mapped by their columns, rehearsed or stored; each row is answered for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import msgspec
from fastapi import APIRouter, Depends, Form
from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from collectors.column_map import Constants, MapError
from collectors.sheet import SheetError
from monitor.api import sheets
from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, page_of
from monitor.api.deps import Deps, deps
from monitor.api.importing import (
    SHOWN_REJECTS,
    ImportBusy,
    Outcome,
    Plan,
    Upload,
    import_file,
    rehearse,
)
from monitor.api.problems import Problem, invalid, not_found
from monitor.api.schemas import Id, page_model
from monitor.api.schemas_imports import (
    ImportDetailOut,
    ImportedOut,
    ImportForm,
    ImportJobOut,
    ImportPreviewOut,
)
from monitor.auth import Principal
from monitor.storage import imports

router = APIRouter(prefix="/api/v1/imports", tags=["imports"])
Needs = Annotated[Deps, Depends(deps)]
Reader = Annotated[Principal, Depends(require("read"))]
Ingester = Annotated[Principal, Depends(require("ingest"))]
MOST_BYTES = 50_000_000
SHOWN = tuple(ImportJobOut.model_fields)


@router.post(
    "",
    operation_id="import_posts",
    summary="Import a file of posts",
    responses={200: {"model": ImportedOut | ImportPreviewOut}},
)
async def import_posts(
    form: Annotated[ImportForm, Form(media_type="multipart/form-data")], needs: Needs, who: Ingester
) -> Response:
    """Store the rows of a CSV, TSV, XLSX or JSON lines file, up to 50 MB; UTF-8, GB18030, Big5 and UTF-16 are read.

    Columns are mapped by `mapping`, else by their headers. Good rows are kept, each bad one is answered with line,
    column and reason. The same file with the same mapping again changes nothing; after an interruption it goes on
    where it stopped. With `dry_run` nothing is stored.
    """
    plan = plan_of(form, needs)
    upload = Upload(file=form.file.file, name=form.file.filename or "")
    if form.file.size is not None and form.file.size > MOST_BYTES:
        raise Problem(
            "too-large", f"文件超过 {MOST_BYTES} 字节 (the file is over {MOST_BYTES} bytes)"
        )
    try:
        if form.dry_run:
            return Json(await run_in_threadpool(rehearse, upload, plan, now=needs.clock()))
        return Json(_imported(await import_file(needs.analysing, upload, plan, actor=who.name)))
    except SheetError as error:
        raise invalid("#/file", str(error)) from error
    except MapError as error:
        raise invalid(f"#/mapping/{error.place}", error.reason) from error
    except ImportBusy as error:
        raise Problem("conflict", str(error)) from error


@router.get(
    "",
    operation_id="list_imports",
    summary="List imports",
    responses={200: {"model": page_model(ImportJobOut)}},
)
def list_imports(needs: Needs, _: Reader, page: Page) -> Response:
    """Return the imports, newest first."""
    with needs.database.read() as connection:
        rows = imports.page(connection, after=page.after_id or 0, limit=page.limit + 1)
    return page_of(rows, page.limit, show)


@router.get(
    "/{key:int}",
    operation_id="get_import",
    summary="Read an import",
    responses={200: {"model": ImportDetailOut}},
)
def get_import(key: Id, needs: Needs, _: Reader) -> Response:
    """Return how far the import is, with its first 1,000 rejects."""
    row = _found(needs, key)
    return Json({**show(row), "rejects": row["rejects"]})


@router.get(
    "/{key:int}/rejects.csv",
    operation_id="export_import_rejects",
    summary="Export the rejects of an import",
    response_class=Response,
    responses={
        200: {
            "description": "CSV, UTF-8 with BOM",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
def export_import_rejects(key: Id, needs: Needs, _: Reader) -> Response:
    """Return the first 1,000 rejects for a spreadsheet; what would be a formula is defused with a quote."""
    rejects = _found(needs, key)["rejects"]
    names = ("line", "column", "reason")
    body = sheets.BOM + sheets.lines([names, *([one[name] for name in names] for one in rejects)])
    headers = {"Content-Disposition": f'attachment; filename="import-{key}-rejects.csv"'}
    return Response(body.encode("utf-8", "replace"), media_type=sheets.MEDIA_TYPE, headers=headers)


def plan_of(form: ImportForm, needs: Deps) -> Plan:
    """Return how the file is to be read.

    Raises:
        Problem: 422, the mapping is no JSON object of columns.
    """
    return Plan(
        columns=columns_of(form.mapping),
        constants=Constants(
            source=form.source,
            kind=form.kind.value if form.kind else None,
            lang=form.lang,
            product=form.product,
            rating_best=int(form.rating_best) if form.rating_best else None,
        ),
        zone=ZoneInfo(form.timezone) if form.timezone else needs.settings.zone,
    )


def columns_of(mapping: str) -> Mapping[str, str | None]:
    """Return a mapping from its JSON; "" is an empty one.

    Raises:
        Problem: 422, it is no JSON object of texts and nulls.
    """
    if not mapping.strip():
        return {}
    try:
        return msgspec.json.decode(mapping, type=dict[str, str | None])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise invalid(
            "#/mapping",
            f'应为 JSON 对象,例如 {{"text": "内容"}} (must be a JSON object of columns: {error})',
        ) from None


def _imported(outcome: Outcome) -> dict[str, Any]:
    return {
        **show(outcome.job),
        "dry_run": False,
        "rows_before": outcome.rows_before,
        "repeated": outcome.was_finished,
        "rejects": outcome.job["rejects"][:SHOWN_REJECTS],
    }


def _found(needs: Deps, key: int) -> RowMapping:
    with needs.database.read() as connection:
        row = imports.get(connection, key)
    if row is None:
        raise not_found("导入", key)
    return row


def show(row: Row) -> dict[str, Any]:
    """Return an import as the API shows it."""
    return {name: row[name] for name in SHOWN}
