"""``/sightings``: what people saw where no collector may look, stored like any other post."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any

import orjson
import structlog
from fastapi import APIRouter, Depends
from starlette.responses import Response

from monitor.api.access import require
from monitor.api.answers import Json
from monitor.api.deps import Deps, deps
from monitor.api.ingest import ingest
from monitor.api.problems import invalid
from monitor.api.schemas_posts import RowAnswer
from monitor.api.schemas_sightings import SightingIn
from monitor.auth import Principal

log = structlog.get_logger()

router = APIRouter(prefix="/api/v1/sightings", tags=["sightings"])
Needs = Annotated[Deps, Depends(deps)]
Ingester = Annotated[Principal, Depends(require("ingest"))]
SOURCES = {"patrol": "人工巡查", "staff": "员工上报", "service": "客服上报"}


@router.post(
    "",
    operation_id="report_sighting",
    summary="Report a sighting",
    responses={200: {"model": RowAnswer}},
)
async def report_sighting(body: SightingIn, needs: Needs, who: Ingester) -> Response:
    """Store what a person saw as a post of 人工巡查, 员工上报 or 客服上报; the same report again is a duplicate."""
    return Json(await store(needs, body, actor=who.name))


async def store(needs: Deps, sighting: SightingIn, *, actor: str) -> dict[str, Any]:
    """Store a sighting and return the answer to its row.

    Raises:
        Problem: 422, with the field that is wrong.
    """
    answer: Any = await ingest(
        needs.analysing,
        [orjson.dumps(row_of(sighting))],
        zone=needs.settings.zone,
        now=needs.clock(),
    )
    row: dict[str, Any] = answer["rows"][0]
    if row["status"] == "rejected":
        pointer = row["pointer"].removeprefix("#/0")
        raise invalid(f"#{pointer.replace('/published_at', '/seen_at')}", row["reason"])
    log.info("sighting stored", post_id=row["id"], status=row["status"], actor=actor)
    return row


def row_of(sighting: SightingIn) -> dict[str, Any]:
    """Return the row of a batch. Two people who report one page in their own words are two posts."""
    parts = (sighting.url or "", sighting.title, sighting.text, sighting.author, sighting.seen_at)
    digest = hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()
    row: dict[str, Any] = {
        "source": SOURCES[sighting.channel],
        "external_id": f"sighting:{digest}",
        "kind": sighting.kind,
        "url": sighting.url,
        "title": sighting.title or None,
        "text": sighting.text or None,
        "published_at": sighting.seen_at or None,
        "tags": [sighting.platform] if sighting.platform else None,
    }
    if sighting.author or sighting.followers is not None:
        row["author"] = {"name": sighting.author or None, "followers": sighting.followers}
    return {name: value for name, value in row.items() if value is not None}
