"""``/keyword-lists/export`` and ``/import``: keyword lists as CSV, good rows kept, bad rows explained."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import Connection, RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from monitor.api import keyword_csv
from monitor.api.access import require
from monitor.api.answers import MOST_ROWS, Json, Row
from monitor.api.deps import Deps, deps
from monitor.api.keyword_lists import values_of
from monitor.api.problems import Wrong
from monitor.api.schemas import ImportOut, KeywordListIn
from monitor.auth import Principal
from monitor.storage import keyword_lists
from monitor.storage.keyword_lists import BODY

router = APIRouter(prefix="/api/v1/keyword-lists", tags=["keyword lists"])
Needs = Annotated[Deps, Depends(deps)]
RESULTS = ("created", "updated", "unchanged", "rejected")
CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "text/csv": {
                "schema": {"type": "string"},
                "example": "name,kind,aliases,keywords,exclude,enabled\r\n云雀汽车,brand,云雀汽车,电池 NEAR/5 起火,,true\r\n",
            }
        },
    }
}


@router.get(
    "/export",
    operation_id="export_keyword_lists",
    summary="Export keyword lists as CSV",
    response_class=Response,
    responses={
        200: {
            "description": "CSV, UTF-8 with BOM",
            "content": {"text/csv": {"schema": {"type": "string"}}},
        }
    },
)
def export_keyword_lists(
    needs: Needs, _: Annotated[Principal, Depends(require("read"))]
) -> Response:
    """Return all lists; entries of a cell stand on lines of their own, formulas are defused with a quote."""
    headers = {"Content-Disposition": 'attachment; filename="keyword-lists.csv"'}
    return Response(
        keyword_csv.write(_all(needs)), media_type="text/csv; charset=utf-8", headers=headers
    )


@router.post(
    "/import",
    operation_id="import_keyword_lists",
    summary="Import keyword lists from CSV",
    responses={200: {"model": ImportOut}},
    openapi_extra=CSV_BODY,
)
async def import_keyword_lists(
    request: Request,
    needs: Needs,
    who: Annotated[Principal, Depends(require("admin"))],
    dry_run: Annotated[
        bool, Query(description="Say what would happen and change nothing.")
    ] = False,
) -> Response:
    """Create lists, or change those of the same name: columns that the file lacks keep their content.

    UTF-8 or GB18030. Rows that cannot be read are answered with the reason; the others are kept.
    """
    rows = keyword_csv.read(await request.body())
    answered = await run_in_threadpool(_import, needs, rows, who.name, dry_run)
    counts = Counter(row["result"] for row in answered)
    return Json({"dry_run": dry_run, **{name: counts[name] for name in RESULTS}, "data": answered})


def _import(
    needs: Deps, rows: Sequence[tuple[int, Mapping[str, str]]], actor: str, dry_run: bool
) -> list[dict[str, Any]]:
    if dry_run:
        with needs.database.read() as connection:
            return [_answer(number, cells, None, connection, "") for number, cells in rows]
    with needs.database.write() as connection:
        return [_answer(number, cells, needs, connection, actor) for number, cells in rows]


def _answer(
    number: int, cells: Mapping[str, str], needs: Deps | None, connection: Connection, actor: str
) -> dict[str, Any]:
    read = keyword_csv.parse_row(cells)
    if not isinstance(read, KeywordListIn):
        return _row(number, cells.get("name", ""), "rejected", read)
    old = keyword_lists.by_name(connection, read.name)
    given = {name: value for name, value in values_of(read).items() if name in cells}
    if old is not None and all(old[name] == value for name, value in given.items()):
        return _row(number, read.name, "unchanged", ())
    if needs is not None:
        _store(
            needs, connection, None if old is None else old["id"], _whole(read, old, given), actor
        )
    return _row(number, read.name, "created" if old is None else "updated", ())


def _whole(read: KeywordListIn, old: Row | None, given: Mapping[str, Any]) -> dict[str, Any]:
    return values_of(read) if old is None else {name: old[name] for name in BODY} | dict(given)


def _store(
    needs: Deps, connection: Connection, list_id: int | None, values: Mapping[str, Any], actor: str
) -> None:
    now = needs.clock()
    if list_id is None:
        keyword_lists.create(needs.database, connection, values, actor=actor, now=now)
    else:
        keyword_lists.change(needs.database, connection, list_id, values, actor=actor, now=now)


def _row(number: int, name: str, result: str, errors: Sequence[Wrong]) -> dict[str, Any]:
    return {
        "row": number,
        "name": name,
        "result": result,
        "errors": [{"pointer": wrong.pointer, "detail": wrong.detail} for wrong in errors],
    }


def _all(needs: Deps) -> list[RowMapping]:
    found: list[RowMapping] = []
    with needs.database.read() as connection:
        while page := keyword_lists.page(
            connection, after=found[-1]["id"] if found else 0, limit=MOST_ROWS
        ):
            found += page
    return found
