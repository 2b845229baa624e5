"""``/channels``: where alerts go. Addresses are masked and secrets never shown again."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from fastapi import APIRouter, Depends, Request
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from alerts.webhook import wrap_secret
from analysis.model import Tier
from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, check_if_match, created, page_of, single
from monitor.api.deps import Deps, deps
from monitor.api.keyword_lists import name_taken
from monitor.api.problems import Problem, Wrong, not_found
from monitor.api.schemas import Id, page_model
from monitor.api.schemas_channels import (
    AttemptedOut,
    ChannelIn,
    ChannelOut,
    ChannelPatch,
    NewChannelOut,
)
from monitor.auth import Principal
from monitor.pipeline.dispatch import Attempted, Target, open_target, send
from monitor.storage import channels, deliveries, keyword_lists, locks
from monitor.storage.sealing import SealError
from monitor.storage.tables import channel

router = APIRouter(prefix="/api/v1/channels", tags=["channels"])
Needs = Annotated[Deps, Depends(deps)]
Reader = Annotated[Principal, Depends(require("read"))]
Admin = Annotated[Principal, Depends(require("admin"))]
SECRET_BYTES = 32
SHOWN_LETTERS = 4
PLAIN = ("name", "kind", "keyword_lists", "enabled")
SHOWN = (
    "id",
    "name",
    "kind",
    "keyword_lists",
    "enabled",
    "disabled_reason",
    "version",
    "created_at",
    "updated_at",
)


@router.get(
    "",
    operation_id="list_channels",
    summary="List channels",
    responses={200: {"model": page_model(ChannelOut)}},
)
def list_channels(needs: Needs, _: Reader, page: Page) -> Response:
    """Return the channels by id."""
    with needs.database.read() as connection:
        rows = deliveries.channels(connection, after=page.after_id or 0, limit=page.limit + 1)
    return page_of(rows, page.limit, show)


@router.post(
    "",
    operation_id="create_channel",
    summary="Create a channel",
    status_code=201,
    responses={201: {"model": NewChannelOut}},
)
def create_channel(body: ChannelIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Create a channel; a secret that we make is in this answer and in no other."""
    made = None if body.secret else wrap_secret(secrets.token_bytes(SECRET_BYTES))
    values = _columns(body.model_dump(exclude={"secret"}))
    url = values.pop("url")
    try:
        with needs.database.write() as connection:
            _check_lists(connection, body.keyword_lists)
            key = channels.create(
                connection,
                needs.sealer,
                values,
                url=url,
                secret=body.secret or made or "",
                now=needs.clock(),
            )
            row = found(deliveries.channel_row(connection, key), key)
    except IntegrityError as error:
        raise name_taken(body.name) from error
    shown = show(row) | ({"secret": made} if made else {})
    return created(request, key, shown, row["version"])


@router.get(
    "/{key:int}",
    operation_id="get_channel",
    summary="Read a channel",
    responses={200: {"model": ChannelOut}},
)
def get_channel(key: Id, request: Request, needs: Needs, _: Reader) -> Response:
    """Return one channel with its ETag."""
    with needs.database.read() as connection:
        row = found(deliveries.channel_row(connection, key), key)
    return single(request, show(row), row["version"])


@router.put(
    "/{key:int}",
    operation_id="replace_channel",
    summary="Replace a channel",
    responses={200: {"model": ChannelOut}},
)
def replace_channel(key: Id, body: ChannelIn, request: Request, needs: Needs, _: Admin) -> Response:
    """Replace the settings; absent fields take their defaults, an absent secret stays as it is."""
    left_out = {"secret"} if body.secret is None else set()
    return _change(key, body.model_dump(exclude=left_out), request, needs)


@router.patch(
    "/{key:int}",
    operation_id="update_channel",
    summary="Change fields of a channel",
    responses={200: {"model": ChannelOut}},
)
def update_channel(
    key: Id, body: ChannelPatch, request: Request, needs: Needs, _: Admin
) -> Response:
    """Change the fields given."""
    return _change(key, body.model_dump(exclude_unset=True), request, needs)


@router.delete(
    "/{key:int}", operation_id="delete_channel", summary="Delete a channel", status_code=204
)
def delete_channel(key: Id, request: Request, needs: Needs, _: Admin) -> Response:
    """Delete the channel with its deliveries."""
    with needs.database.write() as connection:
        locks.hold(connection, channel, key)
        row = found(deliveries.channel_row(connection, key), key)
        check_if_match(request, row["version"])
        channels.delete(connection, key)
    return Response(status_code=204)


@router.post(
    "/{key:int}/test",
    operation_id="test_channel",
    summary="Send a test message",
    responses={200: {"model": AttemptedOut}},
)
async def try_channel(key: Id, needs: Needs, _: Admin) -> Response:
    """Send one signed test message now, as the dispatcher would, and return what came of it."""
    row = await asyncio.to_thread(_row, needs, key)
    webhook_id = f"msg_test_{secrets.token_hex(8)}"
    now = needs.clock()
    attempted = await send(
        needs.http, _target(needs, row), webhook_id, _test_body(row, now), at=now
    )
    return Json(_show_attempted(webhook_id, attempted))


def _row(needs: Deps, key: int) -> RowMapping:
    with needs.database.read() as connection:
        return found(deliveries.channel_row(connection, key), key)


def _target(needs: Deps, row: RowMapping) -> Target:
    try:
        return open_target(needs.sealer, row)
    except SealError as error:
        raise Problem("conflict", str(error)) from error


def _test_body(row: RowMapping, now: datetime) -> bytes:
    note = "这是一条测试消息,不是预警 (a test message, no alert)"
    shown = {"channel": {"id": row["id"], "name": row["name"]}, "note": note}
    return orjson.dumps(
        {"type": "channel.test", "timestamp": now, "data": shown}, option=orjson.OPT_UTC_Z
    )


def _show_attempted(webhook_id: str, attempted: Attempted) -> dict[str, Any]:
    return {
        "webhook_id": webhook_id,
        "at": attempted.at,
        "status": attempted.answer.status,
        "latency_ms": attempted.latency_ms,
        "verdict": attempted.verdict.value,
        "error": attempted.answer.error,
        "answer": attempted.answer.body,
    }


def _change(key: int, given: Mapping[str, Any], request: Request, needs: Deps) -> Response:
    values = _columns(given)
    hidden = {name: values.pop(name) for name in ("url", "secret") if name in values}
    if values.get("enabled"):
        values["disabled_reason"] = None
    try:
        with needs.database.write() as connection:
            locks.hold(connection, channel, key)
            row = found(deliveries.channel_row(connection, key), key)
            check_if_match(request, row["version"])
            _check_lists(connection, values.get("keyword_lists"))
            sealed = channels.seal(needs.sealer, key, **hidden)
            channels.change(connection, key, values | sealed, now=needs.clock())
            row = found(deliveries.channel_row(connection, key), key)
    except IntegrityError as error:
        raise name_taken(values.get("name", "")) from error
    return single(request, show(row), row["version"])


def _columns(given: Mapping[str, Any]) -> dict[str, Any]:
    values = {name: given[name] for name in (*PLAIN, "url", "secret") if name in given}
    if "min_tier" in given:
        values["min_tier"] = int(Tier.parse(given["min_tier"]))
    if "url" in given:
        values["url_shown"] = masked(given["url"])
    return values


def masked(url: str) -> str:
    """Return scheme, host and the last four letters: enough to know it by, too little to use it."""
    parts = urlsplit(url)
    rest = url.split(parts.netloc, 1)[1]
    tail = rest[-SHOWN_LETTERS:] if len(rest) > 2 * SHOWN_LETTERS else ""
    return f"{parts.scheme}://{parts.netloc}/…{tail}"


def _check_lists(connection: Connection, ids: list[int] | None) -> None:
    missing = [
        Wrong(f"#/keyword_lists/{place}", f"没有编号为 {key} 的词表 (no such keyword list)")
        for place, key in enumerate(ids or ())
        if keyword_lists.get(connection, key) is None
    ]
    if missing:
        raise Problem("invalid", missing[0].detail, errors=missing)


def found(row: RowMapping | None, key: int) -> RowMapping:
    """Return the row.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found("渠道", key)
    return row


def show(row: Row) -> dict[str, Any]:
    """Return a channel as the API shows it: never its address or secret."""
    return {name: row[name] for name in SHOWN} | {
        "url": row["url_shown"],
        "min_tier": Tier(row["min_tier"]).wire,
    }
