"""Query parameters that several lists share, read once and in one way."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from zoneinfo import ZoneInfo

from fastapi import Depends, Query
from pydantic import Field

from analysis.model import Sentiment, Tier
from analysis.query import Query as Expression
from analysis.query import QueryError, parse
from monitor.api.answers import LARGEST_ID, Paging, write_cursor
from monitor.api.deps import Deps, deps
from monitor.api.problems import invalid
from monitor.storage.reading import Order, PageOfRows, Position

LONGEST_QUERY = 500
MOST_VALUES = 100
EARLIEST_YEAR, LATEST_YEAR = 1, 9998
LARGEST_MICROS = 2**62

Id = Annotated[int, Field(ge=1, le=LARGEST_ID)]
Needs = Annotated[Deps, Depends(deps)]
KeywordLists = Annotated[
    list[Id],
    Query(
        alias="keyword_list",
        max_length=MOST_VALUES,
        description="Ids of keyword lists; repeat for several.",
    ),
]
Sources = Annotated[
    list[Id],
    Query(
        alias="source", max_length=MOST_VALUES, description="Ids of sources; repeat for several."
    ),
]
Sentiments = Annotated[list[Sentiment], Query(alias="sentiment", max_length=MOST_VALUES)]
TierName = Annotated[str, Field(pattern="^(blue|yellow|orange|red)$")]
Tiers = Annotated[
    list[TierName],
    Query(alias="tier", max_length=MOST_VALUES, description="blue, yellow, orange or red."),
]
OrderBy = Annotated[
    Order,
    Query(
        description="`published`: newest first. `ingested`: in the order of storing, oldest first; `next_cursor`"
        " is given even at the end, and reading on from it misses no late row."
    ),
]
Moment = Annotated[
    str | None,
    Query(
        max_length=40,
        description="RFC 3339; without a zone the installation's time zone is meant.",
        json_schema_extra={"format": "date-time"},
    ),
]
Search = Annotated[
    str | None,
    Query(alias="q", max_length=LONGEST_QUERY, description="An expression of the query language."),
]


def moment(name: str, text: str, zone: ZoneInfo) -> datetime:
    """Return the moment in UTC that parameter ``name`` gives.

    Raises:
        Problem: 422, ``text`` is no time.
    """
    # a + that was not escaped arrives as a space: 2026-03-10T13:08:00 08:00
    written = (
        text[:-6] + "+" + text[-5:]
        if text[-6:-5] == " " and text[-3:-2] == ":" and "T" in text
        else text
    )
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        found = None
    if found is None or not EARLIEST_YEAR < found.year <= LATEST_YEAR:
        detail = (
            f"{text!r} 不是 RFC 3339 时间 (write 2026-03-10T13:08:00+08:00 or 2026-03-10T05:08:00Z)"
        )
        raise invalid(f"#/{name}", detail)
    return (found if found.tzinfo else found.replace(tzinfo=zone)).astimezone(UTC)


def bounds(
    needs: Needs, since: Moment = None, until: Moment = None
) -> tuple[datetime | None, datetime | None]:
    """Return [since, until) of the publication times asked for (FastAPI dependency)."""
    zone = needs.settings.zone
    first = moment("since", since, zone) if since is not None else None
    last = moment("until", until, zone) if until is not None else None
    if first and last and first >= last:
        raise invalid("#/since", "since 必须早于 until (since must lie before until)")
    return first, last


Bounds = Annotated[tuple[datetime | None, datetime | None], Depends(bounds)]


def expression(query: Search = None) -> Expression | None:
    """Return the parsed ``q`` (FastAPI dependency).

    Raises:
        Problem: 422 with the column and the remedy.
    """
    if query is None or not query.strip():
        return None
    try:
        return parse(query)
    except QueryError as error:
        raise invalid("#/q", str(error)) from None


Searched = Annotated[Expression | None, Depends(expression)]


def tiers_of(names: list[str]) -> list[Tier]:
    """Return the tiers of their wire names."""
    return [Tier.parse(name) for name in names]


def position_of(page: Paging) -> Position | None:
    """Return where the page asked for starts.

    Raises:
        Problem: 422, the cursor is none of these lists'.
    """
    if page.after is None:
        return None
    match page.after:
        case [int(micros), int(key)] if abs(micros) <= LARGEST_MICROS and 0 <= key <= LARGEST_ID:
            return Position(micros=micros, id=key)
        case _:
            raise invalid(
                "#/cursor",
                "游标已损坏,请从第一页重新开始 (damaged cursor: start from the first page)",
            )


def cursor_of(page: PageOfRows) -> str | None:
    """Return the cursor of the page after this one."""
    return write_cursor([page.position.micros, page.position.id]) if page.position else None
