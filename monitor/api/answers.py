"""Answers: JSON without a detour, pages with a cursor, single resources with an ETag."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias, TypeVar

import orjson
from fastapi import Depends, Query, Request
from sqlalchemy import RowMapping
from starlette.responses import Response

from monitor.api.problems import Problem, invalid

MOST_ROWS = 500
DEFAULT_ROWS = 50
LARGEST_ID = 2**63 - 1
OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS
Row: TypeAlias = RowMapping | Mapping[str, Any]
R = TypeVar("R", bound=Row)


class Json(Response):
    """A JSON answer written by orjson: times are RFC 3339 in UTC with ``Z``."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:  # noqa: ANN401  # as in the base class
        """Return the body."""
        return orjson.dumps(content, option=OPTIONS)


@dataclass(frozen=True, slots=True)
class Paging:
    """What part of a list is asked for: ``after`` is what the last page's cursor held, or None."""

    limit: int
    after: list[Any] | None

    @property
    def after_id(self) -> int | None:
        """The id that the cursor held, None on the first page.

        Raises:
            Problem: the cursor holds no id.
        """
        if self.after is None:
            return None
        if len(self.after) != 1 or not _is_id(self.after[0]):
            raise _damaged()
        found: int = self.after[0]
        return found


def paging(
    limit: Annotated[int, Query(ge=1, le=MOST_ROWS, description="Rows a page.")] = DEFAULT_ROWS,
    cursor: Annotated[
        str | None, Query(max_length=500, description="`next_cursor` of the page before; opaque.")
    ] = None,
) -> Paging:
    """Return the page asked for (FastAPI dependency)."""
    return Paging(limit, None if cursor is None else read_cursor(cursor))


Page = Annotated[Paging, Depends(paging)]


def write_cursor(values: Sequence[int | str | float | None]) -> str:
    """Return an opaque cursor that holds these values."""
    return base64.urlsafe_b64encode(orjson.dumps(list(values))).decode().rstrip("=")


def read_cursor(text: str) -> list[Any]:
    """Return what a cursor holds.

    Raises:
        Problem: 422, it was not made by us.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        values = orjson.loads(raw)
    except (binascii.Error, ValueError):
        raise _damaged() from None
    if not isinstance(values, list):
        raise _damaged()
    return values


def _damaged() -> Problem:
    return invalid(
        "#/cursor", "游标已损坏,请从第一页重新开始 (damaged cursor: start from the first page)"
    )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= LARGEST_ID


def page_of(
    rows: Sequence[R],
    limit: int,
    show: Callable[[R], object],
    key: Callable[[R], Sequence[int | str | float | None]] = lambda row: [row["id"]],
) -> Json:
    """Return a page. ``rows`` were asked for with ``limit + 1``: the one too many says that there is more."""
    has_more = len(rows) > limit
    shown = rows[:limit]
    return Json(
        {
            "data": [show(row) for row in shown],
            "next_cursor": write_cursor(key(shown[-1])) if has_more else None,
            "has_more": has_more,
        }
    )


def single(request: Request, body: Mapping[str, Any], version: int) -> Response:
    """Return one resource with its ETag; 304 when the client has this version already."""
    tag = etag(version)
    if tag in _tags(request.headers.get("if-none-match")):
        return Response(status_code=304, headers={"ETag": tag})
    return Json(body, headers={"ETag": tag})


def created(
    request: Request, key: int | str, body: Mapping[str, Any], version: int | None = None
) -> Json:
    """Return 201 with the place of the new resource."""
    headers = {"Location": f"{request.url.path.rstrip('/')}/{key}"}
    if version is not None:
        headers["ETag"] = etag(version)
    return Json(body, 201, headers)


def etag(version: int) -> str:
    """Return the entity tag of a version."""
    return f'"{version}"'


def check_if_match(request: Request, version: int) -> None:
    """Refuse a change that was made up from an older version.

    Raises:
        Problem: 412 when an If-Match header names other versions only.
    """
    given = request.headers.get("if-match")
    tags = _tags(given)
    if given is not None and "*" not in tags and etag(version) not in tags:
        raise Problem(
            "stale",
            f"当前版本是 {etag(version)},请重新读取后再修改 (the current version is {etag(version)}; read it again)",
            headers={"ETag": etag(version)},
        )


def _tags(header: str | None) -> set[str]:
    return {tag.strip() for tag in (header or "").split(",")}
