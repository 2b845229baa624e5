"""``/deliveries``: what was sent to whom, every attempt, and sending again."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query
from sqlalchemy import RowMapping
from starlette.responses import Response

from alerts.model import DeliveryState
from monitor.api.access import require
from monitor.api.answers import Json, Page, Row, page_of
from monitor.api.deps import Deps, deps
from monitor.api.problems import Problem, not_found
from monitor.api.schemas import LARGEST, Id, page_model
from monitor.api.schemas_channels import DeliveryDetailOut, DeliveryOut
from monitor.auth import Principal
from monitor.storage import deliveries

router = APIRouter(prefix="/api/v1/deliveries", tags=["deliveries"])
Needs = Annotated[Deps, Depends(deps)]
Reader = Annotated[Principal, Depends(require("read"))]
Responder = Annotated[Principal, Depends(require("respond"))]
WantedId = Annotated[int | None, Query(ge=1, le=LARGEST)]
SHOWN = (
    "id", "alert_id", "event_id", "channel_id", "webhook_id", "state", "attempts", "created_at", "done_at",
    "last_error",
)  # fmt: skip
ATTEMPT = ("number", "at", "status", "latency_ms", "verdict", "headers", "answer")


@router.get(
    "",
    operation_id="list_deliveries",
    summary="List deliveries",
    responses={200: {"model": page_model(DeliveryOut)}},
)
def list_deliveries(
    needs: Needs,
    _: Reader,
    page: Page,
    alert_id: WantedId = None,
    channel_id: WantedId = None,
    state: Annotated[
        list[DeliveryState] | None, Query(description="Repeat it for more states.")
    ] = None,
) -> Response:
    """Return deliveries, the newest first."""
    with needs.database.read() as connection:
        rows = deliveries.page(
            connection,
            under_id=page.after_id,
            limit=page.limit + 1,
            alert_id=alert_id,
            channel_id=channel_id,
            states=[one.value for one in state] if state else None,
        )
    return page_of(rows, page.limit, show)


@router.get(
    "/{key:int}",
    operation_id="get_delivery",
    summary="Read a delivery",
    responses={200: {"model": DeliveryDetailOut}},
)
def get_delivery(key: Id, needs: Needs, _: Reader) -> Response:
    """Return one delivery with its body and every attempt."""
    with needs.database.read() as connection:
        row = found(deliveries.get(connection, key), key)
        attempts = deliveries.attempts_of(connection, [key])[key]
    log = [{name: attempt[name] for name in ATTEMPT} for attempt in attempts]
    return Json(show(row) | {"body": orjson.loads(row["body"]), "attempt_log": log})


@router.post(
    "/{key:int}/redeliver",
    operation_id="redeliver_delivery",
    summary="Send a delivery again",
    status_code=202,
    responses={202: {"model": DeliveryOut}},
)
def redeliver_delivery(key: Id, needs: Needs, _: Responder) -> Response:
    """Make the delivery due now, with its old webhook id: the receiver can tell that it is the same."""
    with needs.database.write() as connection:
        row = found(deliveries.get(connection, key), key)
        target = deliveries.channel_row(connection, row["channel_id"])
        if target is None or not target["enabled"]:
            raise Problem(
                "conflict", "渠道已停用,请先启用 (its channel is disabled: enable it first)"
            )
        deliveries.redeliver(connection, key, now=needs.clock())
        row = found(deliveries.get(connection, key), key)
    needs.live.notify()
    return Json(show(row), 202)


def found(row: RowMapping | None, key: int) -> RowMapping:
    """Return the row.

    Raises:
        Problem: 404, there is none.
    """
    if row is None:
        raise not_found("投递", key)
    return row


def show(row: Row) -> dict[str, Any]:
    """Return a delivery as the API shows it; only one that is due has a next attempt."""
    is_due = row["state"] == DeliveryState.DUE
    return {name: row[name] for name in SHOWN} | {
        "next_attempt_at": row["next_attempt_at"] if is_due else None
    }
