"""``/tokens``: API keys. A key's text is shown once; what is stored opens nothing."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from monitor import auth
from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, created, page_of
from monitor.api.deps import Deps, deps
from monitor.api.problems import invalid, not_found
from monitor.api.schemas import page_model
from monitor.api.schemas_channels import NewTokenOut, TokenIn, TokenOut
from monitor.auth import Principal, Scope
from monitor.storage import keys

router = APIRouter(prefix="/api/v1/tokens", tags=["tokens"])
Needs = Annotated[Deps, Depends(deps)]
Admin = Annotated[Principal, Depends(require("admin"))]
KeyId = Annotated[str, Path(pattern=r"^[0-9A-Za-z]{8}$")]
SHOWN = ("id", "name", "scopes", "created_at", "expires_at", "revoked_at", "last_used_at")


@router.get(
    "",
    operation_id="list_tokens",
    summary="List API keys",
    responses={200: {"model": page_model(TokenOut)}},
)
def list_tokens(needs: Needs, _: Admin, page: Page) -> Response:
    """Return the keys in the order they were made, without their secrets; revoked ones too."""
    with needs.database.read() as connection:
        rows = keys.page(connection)
    skipped = page.after_id or 0
    numbered = [{**row, "place": place} for place, row in enumerate(rows, 1) if place > skipped]
    return page_of(numbered[: page.limit + 1], page.limit, show, lambda row: [row["place"]])


@router.post(
    "",
    operation_id="create_token",
    summary="Create an API key",
    status_code=201,
    responses={201: {"model": NewTokenOut}},
)
def create_token(body: TokenIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Create a key; `key` in this answer is the only time its text is shown."""
    now = needs.clock()
    if body.expires_at is not None and body.expires_at <= now:
        raise invalid("#/expires_at", "到期时间已过 (it lies in the past)")
    made = auth.create_key(
        needs.database,
        needs.secret,
        name=body.name,
        scopes={Scope(name) for name in body.scopes},
        now=now,
        expires_at=body.expires_at,
    )
    with needs.database.read() as connection:
        row = keys.get(connection, made.id)
    if row is None:
        raise not_found("密钥", made.id)
    return created(request, made.id, show(row) | {"key": made.text})


@router.get(
    "/{key}",
    operation_id="get_token",
    summary="Read an API key",
    responses={200: {"model": TokenOut}},
)
def get_token(key: KeyId, needs: Needs, _: Admin) -> Response:
    """Return one key without its secret."""
    with needs.database.read() as connection:
        row = keys.get(connection, key)
    if row is None:
        raise not_found("密钥", key)
    return Json(show(row))


@router.delete("/{key}", operation_id="revoke_token", summary="Revoke an API key", status_code=204)
def revoke_token(key: KeyId, needs: Needs, _: Admin) -> Response:
    """Refuse the key from the next request on; its row stays for the record."""
    with needs.database.write() as connection:
        is_there = keys.revoke(connection, key, now=needs.clock())
    if not is_there:
        raise not_found("密钥", key)
    return Response(status_code=204)


def show(row: Row) -> dict[str, Any]:
    """Return a key as the API shows it."""
    return {name: row[name] for name in SHOWN}
