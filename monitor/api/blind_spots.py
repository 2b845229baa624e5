"""``/blind-spots``: where and when we did not see, so that little is not taken for calm."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from monitor.api.access import require
from monitor.api.answers import Page, page_of
from monitor.api.filters import Bounds, Needs
from monitor.api.schemas import page_model
from monitor.api.schemas_health import BlindSpotOut
from monitor.api.source_health import show_spot
from monitor.auth import Principal
from monitor.storage import blind_spots

router = APIRouter(prefix="/api/v1/blind-spots", tags=["sources"])
Reader = Annotated[Principal, Depends(require("read"))]


@router.get(
    "",
    operation_id="list_blind_spots",
    summary="List blind spots",
    responses={200: {"model": page_model(BlindSpotOut)}},
)
def list_blind_spots(needs: Needs, _: Reader, page: Page, bounds: Bounds) -> Response:
    """Return the blind spots that overlap `since` … `until`, the newest first; without a range the open ones."""
    since, until = bounds
    with needs.database.read() as connection:
        rows = blind_spots.page(
            connection, since=since, until=until, under_id=page.after_id, limit=page.limit + 1
        )
    return page_of(rows, page.limit, show_spot)
