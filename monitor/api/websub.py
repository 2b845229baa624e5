"""``/websub``: where hubs check that we mean it, and push what is new. The address is the key."""

from __future__ import annotations

from typing import Annotated

import structlog
from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from monitor.api.access import take
from monitor.api.deps import Deps, deps
from monitor.api.problems import Problem
from monitor.pipeline.websub import Check, answer_check, is_signed, store_push
from monitor.storage import subscriptions
from monitor.storage.sealing import SealError

log = structlog.get_logger()

router = APIRouter(prefix="/websub", tags=["websub"])
Needs = Annotated[Deps, Depends(deps)]
Callback = Annotated[str, Path(pattern="^[A-Za-z0-9_-]{20,60}$")]
Word = Annotated[str, Query(max_length=2_000)]


@router.get(
    "/{callback}",
    operation_id="check_subscription",
    summary="Answer a hub's check",
    response_class=PlainTextResponse,
)
def check_subscription(  # noqa: PLR0913, PLR0917  # one parameter a field of the protocol
    callback: Callback,
    request: Request,
    needs: Needs,
    mode: Annotated[Word, Query(alias="hub.mode")],
    topic: Annotated[Word, Query(alias="hub.topic")],
    challenge: Annotated[Word, Query(alias="hub.challenge")] = "",
    lease: Annotated[int | None, Query(alias="hub.lease_seconds", ge=0, le=2**40)] = None,
    reason: Annotated[Word, Query(alias="hub.reason")] = "",
) -> Response:
    """Repeat the challenge for a subscription that we asked for; 404 for every other."""
    check = Check(mode=mode, topic=topic, challenge=challenge, lease_seconds=lease, reason=reason)
    answer = answer_check(needs.database, callback, check, now=needs.clock())
    if answer is None:
        raise _not_ours(request)
    return PlainTextResponse(answer)


@router.post(
    "/{callback}", operation_id="receive_push", summary="Take what a hub pushes", status_code=202
)
async def receive_push(callback: Callback, request: Request, needs: Needs) -> Response:
    """Store a signed push. One with a wrong signature is answered alike and ignored (section 8.1)."""
    row = await run_in_threadpool(_row, needs, callback)
    if row is None:
        raise _not_ours(request)
    take(request, request.app.state.rate_limit, f"websub:{row['id']}")
    body = await request.body()
    signature = request.headers.get("x-hub-signature", "")
    if not _is_genuine(needs, row, body, signature):
        log.warning("push ignored", source_id=row["source_id"], reason="signature")
        return Response(status_code=202)
    found = await store_push(needs.analysing, row, body, request.headers.get("content-type"))
    log.info("push stored", source_id=row["source_id"], posts=found)
    return Response(status_code=202)


def _not_ours(request: Request) -> Problem:
    address = request.client.host if request.client else ""
    take(request, request.app.state.failure_limit, f"websub:{address}")
    return Problem("not-found", "没有这个订阅 (no such subscription)")


def _row(needs: Deps, callback: str) -> RowMapping | None:
    with needs.database.read() as connection:
        return subscriptions.by_callback(connection, callback)


def _is_genuine(needs: Deps, row: RowMapping, body: bytes, signature: str) -> bool:
    try:
        secret = subscriptions.secret_of(needs.sealer, row)
    except SealError:
        return False
    return is_signed(body, signature, secret)
