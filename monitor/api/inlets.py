"""``/inlets``: addresses that other systems post their own JSON to; a mapping makes posts of it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from monitor.api.access import require, take
from monitor.api.answers import Json, Page, Row, check_if_match, created, page_of, single
from monitor.api.deps import Deps, deps
from monitor.api.ingest import STATUSES, ingest
from monitor.api.keyword_lists import name_taken
from monitor.api.problems import KINDS, MEDIA_TYPE, Problem, not_found
from monitor.api.receiving import Refused, is_signed, rows_of, token_hash
from monitor.api.schemas import Id, page_model
from monitor.api.schemas_inlets import InletIn, InletOut, InletPatch, NewInletOut
from monitor.api.schemas_posts import BatchAnswer
from monitor.auth import Principal
from monitor.storage import inlets, locks, sources
from monitor.storage.sealing import SealError
from monitor.storage.tables import inlet

router = APIRouter(prefix="/api/v1/inlets", tags=["inlets"])
Needs = Annotated[Deps, Depends(deps)]
Admin = Annotated[Principal, Depends(require("admin"))]
TOKEN_PREFIX = "jw_in_"  # noqa: S105  # what marks a token, not one
TOKEN_BYTES = 24
LONGEST_ERROR = 500
SHOWN = (
    "id", "name", "source", "source_id", "mapping", "enabled", "version", "received", "last_received_at",
    "last_error", "created_at", "updated_at",
)  # fmt: skip


def _problem(status: int) -> dict[str, Any]:
    title = next(kind.title for kind in KINDS.values() if kind.status == status)
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {"description": title, "content": content}


MESSAGE_EXAMPLE = {
    "tickets": [{"no": "T-1024", "said": "门店充电桩冒烟,要求退款", "at": "2026-03-10 13:08"}]
}
"""What a ticket system may send; the inlet's mapping says which field is what."""


@router.get(
    "",
    operation_id="list_inlets",
    summary="List inlets",
    responses={200: {"model": page_model(InletOut)}},
)
def list_inlets(needs: Needs, _: Admin, page: Page) -> Response:
    """Return the inlets by id."""
    with needs.database.read() as connection:
        rows = inlets.page(connection, after=page.after_id or 0, limit=page.limit + 1)
    return page_of(rows, page.limit, show)


@router.post(
    "",
    operation_id="create_inlet",
    summary="Create an inlet",
    status_code=201,
    responses={201: {"model": NewInletOut}},
)
def create_inlet(body: InletIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Create an inlet; `token` and `path` are in this answer and in no other."""
    now, token = needs.clock(), _new_token()
    values = _columns(body.model_dump(exclude={"source", "secret"}))
    try:
        with needs.database.write() as connection:
            values |= {"source_id": _source_id(needs, connection, body.source, now)}
            values |= {"token_hash": token_hash(needs.secret, token)}
            key = inlets.create(connection, values, now=now)
            if body.secret is not None:
                sealed = {"secret_sealed": inlets.seal(needs.sealer, key, body.secret)}
                inlets.change(connection, key, sealed, now=now)
            row = found(inlets.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(body.name) from error
    return created(request, key, show(row) | _opened(token), row["version"])


@router.get(
    "/{key:int}",
    operation_id="get_inlet",
    summary="Read an inlet",
    responses={200: {"model": InletOut}},
)
def get_inlet(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Return one inlet with its ETag."""
    with needs.database.read() as connection:
        row = found(inlets.get(connection, key), key)
    return single(request, show(row), row["version"])


@router.patch(
    "/{key:int}",
    operation_id="update_inlet",
    summary="Change fields of an inlet",
    responses={200: {"model": InletOut}},
)
def update_inlet(key: Id, body: InletPatch, request: Request, needs: Needs, _: Admin) -> Response:
    """Change the fields given."""
    row = _change(key, body.model_dump(exclude_unset=True), request, needs)
    return single(request, show(row), row["version"])


@router.post(
    "/{key:int}/token",
    operation_id="renew_inlet_token",
    summary="Give an inlet a new token",
    responses={200: {"model": NewInletOut}},
)
def renew_inlet_token(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Make a new token; the old one opens nothing from now on."""
    token = _new_token()
    row = _change(key, {"token_hash": token_hash(needs.secret, token)}, request, needs)
    return Json(show(row) | _opened(token))


@router.delete(
    "/{key:int}", operation_id="delete_inlet", summary="Delete an inlet", status_code=204
)
def delete_inlet(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Delete the inlet; its source and what came in stay."""
    with needs.database.write() as connection:
        locks.hold(connection, inlet, key)
        row = found(inlets.get(connection, key), key)
        check_if_match(request, row["version"])
        inlets.delete(connection, key)
    return Response(status_code=204)


@router.post(
    "/receive/{token}",
    operation_id="receive_posts",
    summary="Post a message to an inlet",
    responses={200: {"model": BatchAnswer}, 401: _problem(401), 429: _problem(429)},
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": {}, "example": MESSAGE_EXAMPLE}},
        }
    },
)
async def receive(
    token: Annotated[str, Path(min_length=1, max_length=200)], request: Request, needs: Needs
) -> Response:
    """Store the rows of a message of up to 1 MB; the token in the path is the key.

    Each row gets its answer, good rows are kept, known ones change nothing. Where the inlet has a secret the
    message must be signed: Standard Webhooks, or HMAC-SHA256 of the body in hex in `X-Hub-Signature-256` or
    `X-Signature`. A wrong token and a disabled inlet are both 404.
    """
    row = await run_in_threadpool(_by_token, needs, token)
    if row is None:
        address = request.client.host if request.client else ""
        take(request, request.app.state.failure_limit, f"inlet:{address}")
        raise Problem("not-found")
    take(request, request.app.state.rate_limit, f"inlet:{row['id']}")
    body = await request.body()
    try:
        _check_signature(needs, row, request, body)
        answer, error = await _store(needs, row, body)
    except Problem as problem:
        await run_in_threadpool(_note, needs, row["id"], 0, str(problem.detail))
        raise
    stored = sum(answer[status] for status in STATUSES if status != "rejected")
    await run_in_threadpool(_note, needs, row["id"], stored, error)
    return Json(answer)


def _by_token(needs: Deps, token: str) -> RowMapping | None:
    with needs.database.read() as connection:
        return inlets.by_token(connection, token_hash(needs.secret, token))


def _check_signature(needs: Deps, row: RowMapping, request: Request, body: bytes) -> None:
    try:
        secret = inlets.open_secret(needs.sealer, row)
    except SealError as error:
        raise Problem("conflict", str(error)) from error
    if secret is not None and not is_signed(request.headers, body, secret, now=needs.clock()):
        raise Problem("bad-key", "签名缺失或不对 (missing or wrong signature)")


async def _store(needs: Deps, row: RowMapping, body: bytes) -> tuple[dict[str, Any], str | None]:
    """Return the answer, row by row in their order, and the first reason of a rejection."""
    now, mapping = needs.clock(), row["mapping"]
    zone = ZoneInfo(mapping["timezone"]) if mapping.get("timezone") else needs.settings.zone
    read = await run_in_threadpool(rows_of, body, mapping, source=row["source"], zone=zone, now=now)
    good = [(index, raw) for index, raw in enumerate(read) if isinstance(raw, bytes)]
    answer: Any = await ingest(needs.analysing, [raw for _, raw in good], zone=zone, now=now)
    rows = [_refused(one) for one in read if isinstance(one, Refused)]
    for (index, _), told in zip(good, answer["rows"], strict=True):
        moved = {"pointer": _moved(told["pointer"], index)} if "pointer" in told else {}
        rows.append({**told, "index": index, **moved})
    rows.sort(key=lambda one: int(one["index"]))
    counts = {status: sum(one["status"] == status for one in rows) for status in STATUSES}
    reason = next((one["reason"] for one in rows if one["status"] == "rejected"), None)
    return {**counts, "rows": rows}, reason


def _refused(refused: Refused) -> dict[str, Any]:
    place = f"/{refused.field.replace('.', '/')}" if refused.field else ""
    return {
        "index": refused.index,
        "status": "rejected",
        "reason": refused.reason,
        "pointer": f"#/{refused.index}{place}",
    }


def _moved(pointer: str, index: int) -> str:
    _, slash, place = pointer.removeprefix("#/").partition("/")
    return f"#/{index}{slash}{place}"


def _note(needs: Deps, inlet_id: int, rows: int, error: str | None) -> None:
    now = needs.clock()
    told = None
    if error is not None:
        told = f"{now:%Y-%m-%dT%H:%M:%SZ} {error}".replace("\0", "")[:LONGEST_ERROR]
        told = told.encode("utf-8", "replace").decode()
    with needs.database.write() as connection:
        inlets.received(connection, inlet_id, rows=rows, error=told, now=now)


def _change(key: int, given: Mapping[str, Any], request: Request, needs: Deps) -> RowMapping:
    now = needs.clock()
    values = _columns(given)
    try:
        with needs.database.write() as connection:
            locks.hold(connection, inlet, key)
            row = found(inlets.get(connection, key), key)
            check_if_match(request, row["version"])
            if "source" in values:
                values["source_id"] = _source_id(needs, connection, values.pop("source"), now)
            if "secret" in values:
                values["secret_sealed"] = inlets.seal(needs.sealer, key, values.pop("secret"))
            inlets.change(connection, key, values, now=now)
            return found(inlets.get(connection, key), key)
    except IntegrityError as error:
        raise name_taken(str(given.get("name", ""))) from error


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    values = dict(given)
    if "mapping" in values:
        mapping = values["mapping"]
        values["mapping"] = {name: value for name, value in mapping.items() if value is not None}
    return values


def _source_id(needs: Deps, connection: Connection, name: str, now: datetime) -> int:
    row = sources.ensure_push(needs.database, connection, [name], now=now)[name]
    return int(row["id"])


def _new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def _opened(token: str) -> dict[str, str]:
    return {"token": token, "path": f"{router.prefix}/receive/{token}"}


def found(row: RowMapping | None, key: int) -> RowMapping:
    """Return the row.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found("接入口", key)
    return row


def show(row: Row) -> dict[str, Any]:
    """Return an inlet as the API shows it: never its token or secret."""
    return {name: row[name] for name in SHOWN} | {"signed": row["secret_sealed"] is not None}
