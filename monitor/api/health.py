"""``/healthz`` and ``/readyz``: for whoever restarts us and whoever sends us requests."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends
from pydantic import BaseModel
from sqlalchemy.exc import SQLAlchemyError
from starlette.responses import Response

from monitor.api.answers import Json
from monitor.api.deps import Deps, deps
from monitor.storage import migrate

router = APIRouter(tags=["health"])


class AliveOut(BaseModel):
    """The process answers."""

    status: Literal["ok"]


class ReadyOut(BaseModel):
    """The process can serve: its database answers and has a schema."""

    status: Literal["ok", "unavailable"]
    database: Literal["ok", "unreachable", "not migrated"]


@router.get(
    "/healthz", operation_id="get_liveness", summary="Alive?", responses={200: {"model": AliveOut}}
)
async def get_liveness() -> Response:
    """Return ok while the process lives; asks nobody else, so a slow database restarts nothing."""
    return Json({"status": "ok"})


@router.get(
    "/readyz",
    operation_id="get_readiness",
    summary="Ready?",
    responses={200: {"model": ReadyOut}, 503: {"model": ReadyOut, "description": "Not now"}},
)
def get_readiness(needs: Annotated[Deps, Depends(deps)]) -> Response:
    """Return whether requests can be served now."""
    try:
        with needs.database.read() as connection:
            state = "ok" if migrate.current(connection) else "not migrated"
    except SQLAlchemyError:
        state = "unreachable"
    is_ready = state == "ok"
    return Json(
        {"status": "ok" if is_ready else "unavailable", "database": state}, 200 if is_ready else 503
    )
