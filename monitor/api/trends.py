"""``/trends``: counts over time, for charts and spreadsheets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from monitor.api import sheets
from monitor.api.access import require
from monitor.api.answers import Json
from monitor.api.deps import Deps
from monitor.api.filters import KeywordLists, Moment, Needs, moment
from monitor.api.problems import invalid
from monitor.api.schemas_posts import TrendOut
from monitor.auth import Principal
from monitor.storage import trends
from monitor.storage.trends import Axis, Group, Point, Trend, TrendError

router = APIRouter(prefix="/api/v1/trends", tags=["trends"])
Reader = Annotated[Principal, Depends(require("read"))]
DEFAULT_RANGE = "24h"
COUNTS = ("time", "count", "negative", "neutral", "positive", "score")


def asked(  # one parameter a query parameter
    needs: Needs,
    since: Moment = None,
    until: Moment = None,
    range_: Annotated[
        str | None,
        Query(
            alias="range",
            max_length=10,
            description="Instead of since and until: 24h, 7d, 90m, 2w, today.",
        ),
    ] = None,
    bucket: Annotated[Literal["auto", "5m", "15m", "1h", "1d"], Query()] = "auto",
    tz: Annotated[
        str | None,
        Query(max_length=64, description="IANA time zone of days; the installation's by default."),
    ] = None,
) -> Axis:
    """Return the buckets asked for (FastAPI dependency)."""
    zone = _zone(tz) if tz is not None else needs.settings.zone
    try:
        first, last = _bounds(needs, since, until, range_, zone)
        return trends.axis(first, last, bucket=bucket, zone=zone)
    except TrendError as error:
        raise invalid(f"#/{error.parameter}", str(error)) from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise invalid(
            "#/tz", f"{name!r} 不是 IANA 时区 (no IANA time zone; try Asia/Shanghai)"
        ) from None


def _bounds(
    needs: Deps, since: str | None, until: str | None, range_: str | None, zone: ZoneInfo
) -> tuple[datetime, datetime]:
    now = needs.clock()
    if range_ is not None:
        if since is not None or until is not None:
            raise TrendError("range", "give either range or since and until")
        return trends.span(range_, zone=zone, now=now)
    last = moment("until", until, needs.settings.zone) if until is not None else now
    if since is not None:
        return moment("since", since, needs.settings.zone), last
    return trends.span(DEFAULT_RANGE, zone=zone, now=last)


@router.get(
    "",
    operation_id="get_trend",
    summary="Count mentions over time",
    responses={200: {"model": TrendOut, "content": {"text/csv": {"schema": {"type": "string"}}}}},
)
def get_trend(
    needs: Needs,
    _: Reader,
    axis: Annotated[Axis, Depends(asked)],
    keyword_list: KeywordLists = [],  # noqa: B006  # FastAPI copies defaults
    group_by: Annotated[Group | None, Query()] = None,
    format_: Annotated[Literal["json", "csv"], Query(alias="format")] = "json",
) -> Response:
    """Return a zero-filled series of at most 1,500 points, by default the last 24 hours.

    `since` is rounded down and `until` up to whole buckets of `tz`; the answer tells both. Several lists are
    added up (a post that two of them matched counts twice), none means all. After `complete_until` some feed
    has not been read yet; `gaps` are sources that should speak and do not. A mention may count in several
    groups of `keyword` and `risk`.
    """
    try:
        with needs.database.read() as connection:
            found = trends.read(
                connection,
                axis,
                keyword_list_ids=keyword_list or None,
                group=group_by,
                now=needs.clock(),
            )
    except TrendError as error:
        raise invalid(f"#/{error.parameter}", str(error)) from None
    if format_ == "csv":
        return Response(_csv(found, group_by), media_type=sheets.MEDIA_TYPE)
    return Json(_show(found))


def _show(found: Trend) -> dict[str, Any]:
    return {
        "since": found.axis.since,
        "until": found.axis.until,
        "tz": found.axis.zone.key,
        "bucket": found.axis.bucket,
        "complete_until": found.complete_until,
        "gaps": [
            {
                "source_id": gap.source_id,
                "name": gap.name,
                "since": gap.since,
                "until": gap.until,
                "cause": gap.cause,
                "reason": gap.reason,
            }
            for gap in found.gaps
        ],
        "data": [_row(point) for point in found.points],
    }


def _row(point: Point) -> dict[str, Any]:
    row = {name: getattr(point, name) for name in COUNTS}
    if point.group is not None:
        row["group"] = point.group
    if point.keyword_id is not None:
        row["keyword_id"] = point.keyword_id
    return row


def _csv(found: Trend, group: Group | None) -> str:
    """Return the rows with local times, as a spreadsheet wants them."""
    names = COUNTS if group is None else (*COUNTS, "group")
    zone = found.axis.zone
    rows = (
        [
            point.time.astimezone(zone).isoformat(timespec="seconds"),
            *(getattr(point, name) for name in names[1:]),
        ]
        for point in found.points
    )
    return sheets.BOM + sheets.lines([names, *rows])
