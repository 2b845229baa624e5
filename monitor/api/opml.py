"""``/sources/import`` and ``/sources/export``: the feeds as OPML, as readers exchange them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from email.message import Message
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from pydantic import ValidationError
from sqlalchemy import Connection, RowMapping
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from collectors import opml
from collectors.identity import canonical_url
from collectors.model import SourceKind
from collectors.opml import OpmlError, Outline, Outlines, folder_of, path_of
from monitor.api.access import require
from monitor.api.answers import Json
from monitor.api.deps import Deps, deps
from monitor.api.problems import Problem, invalid
from monitor.api.schemas_opml import OpmlOut
from monitor.api.schemas_sources import SourceIn
from monitor.api.sources import columns
from monitor.auth import Principal
from monitor.storage import outlines
from monitor.storage.engine import Database

router = APIRouter(prefix="/api/v1/sources", tags=["sources"])
Needs = Annotated[Deps, Depends(deps)]
MEDIA_TYPE = "text/x-opml"
MEDIA_TYPES = (MEDIA_TYPE, "application/xml", "text/xml")
RESULTS = ("created", "duplicate", "rejected")
LONGEST_NAME = 200
LONGEST_FOLDER = 300
LONGEST_HOMEPAGE = 2_000
TITLE = "见微 Jianwei"
IN_FILE = "文件中前面已有同一地址 (the same address stands above)"
FILE = (
    '<opml version="2.0"><body><outline text="汽车"><outline type="rss" text="汽车论坛 新帖" '
    'xmlUrl="https://forum.example.com/new.rss"/></outline></body></opml>'
)
OPML_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            media_type: {"schema": {"type": "string"}, "example": FILE}
            for media_type in MEDIA_TYPES
        },
    }
}


@router.get(
    "/export",
    operation_id="export_sources",
    summary="Export the feeds as OPML",
    response_class=Response,
    responses={
        200: {"description": "OPML 2.0", "content": {MEDIA_TYPE: {"schema": {"type": "string"}}}}
    },
)
def export_sources(needs: Needs, _: Annotated[Principal, Depends(require("read"))]) -> Response:
    """Return every source of kind `feed`, in its folder; a disabled one is marked `isComment`.

    Sources of other kinds are no feeds and are left out: other readers could not use them.
    """
    body = export_feeds(needs.database, now=needs.clock())
    headers = {"Content-Disposition": 'attachment; filename="sources.opml"'}
    return Response(body, media_type=MEDIA_TYPE, headers=headers)


@router.post(
    "/import",
    operation_id="import_sources",
    summary="Import feeds from OPML",
    responses={200: {"model": OpmlOut}},
    openapi_extra=OPML_BODY,
)
async def import_sources(
    request: Request,
    needs: Needs,
    _: Annotated[Principal, Depends(require("admin"))],
    dry_run: Annotated[
        bool, Query(description="Say what would happen and change nothing.")
    ] = False,
) -> Response:
    """Create a source for every feed that is not one yet; folders are kept, first visits are spread.

    OPML 1.0, 1.1 or 2.0, up to 10 MB and 10,000 feeds, broken XML and GBK too. Two addresses are
    the same feed when they differ in tracking parameters or spelling only. A name that is taken
    gets a number. The same file again changes nothing.
    """
    charset = _charset(request.headers.get("content-type", ""))
    body = await request.body()
    try:
        found = await run_in_threadpool(opml.read, body, charset)
    except OpmlError as error:
        raise invalid("#", str(error)) from error
    answer = await run_in_threadpool(
        import_feeds, needs.database, found, now=needs.clock(), dry_run=dry_run
    )
    if not dry_run:
        needs.live.notify()
    return Json(answer)


def _charset(content_type: str) -> str | None:
    """Return the charset of a Content-Type, None where it names none.

    Raises:
        Problem: 415, the body is something else than XML.
    """
    header = Message()
    header["Content-Type"] = content_type
    if content_type and header.get_content_type() not in MEDIA_TYPES:
        raise Problem(
            "unsupported-media-type",
            f"请用 {', '.join(MEDIA_TYPES)} 之一 (send OPML as one of these)",
        )
    charset = header.get_param("charset")
    return charset if isinstance(charset, str) else None


def export_feeds(database: Database, *, now: datetime) -> bytes:
    """Return the feeds as OPML, folder by folder, in each by id."""
    with database.read() as connection:
        rows = outlines.feeds(connection)
    listed = sorted((_outline(row) for row in rows), key=lambda outline: outline.path)
    return opml.write(listed, title=TITLE, now=now)


def _outline(row: RowMapping) -> Outline:
    return Outline(
        title=row["name"],
        xml_url=row["url"],
        html_url=row["options"].get("homepage"),
        path=path_of(row["options"].get("folder", "")),
        enabled=row["enabled"],
    )


def import_feeds(
    database: Database, found: Outlines, *, now: datetime, dry_run: bool
) -> dict[str, Any]:
    """Create the feeds of a file that are not sources yet; returns counts and a row for each line.

    Raises:
        Problem: 409, somebody took one of the names at the same time; nothing was stored.
    """
    if dry_run:
        with database.read() as connection:
            rows, _ = _judge(connection, found)
        return _answer(rows, dry_run=True)
    try:
        with database.write() as connection:
            outlines.hold(connection)
            rows, new = _judge(connection, found)
            outlines.add(connection, new, now=now)
    except IntegrityError as error:
        raise Problem(
            "conflict",
            "导入时有人新建了同名数据源,没有写入任何内容;请再导入一次 (a name was taken meanwhile: import again)",
        ) from error
    return _answer(rows, dry_run=False)


def _answer(rows: Sequence[Mapping[str, Any]], *, dry_run: bool) -> dict[str, Any]:
    counts = Counter(row["result"] for row in rows)
    ordered = sorted(rows, key=lambda row: row["line"])
    return {"dry_run": dry_run, **{name: counts[name] for name in RESULTS}, "data": ordered}


def _judge(
    connection: Connection, found: Outlines
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return what becomes of each line, and the columns of the new sources."""
    known = _known(connection)
    name_for = _namer(outlines.names(connection))
    rows = [_rejected(one.line, one.title, one.reason) for one in found.problems]
    rows += [_row(one, one.title, "duplicate", IN_FILE) for one in found.repeated]
    new: list[dict[str, Any]] = []
    for outline in found.outlines:
        if name := known.get(canonical_url(outline.xml_url)):
            rows.append(_row(outline, name, "duplicate", f"已有数据源 {name!r} (already a source)"))
            continue
        name = name_for(outline.title)
        if isinstance(made := _columns(outline, name), str):
            rows.append(_row(outline, name, "rejected", made))
            continue
        new.append(made)
        rows.append(_row(outline, name, "created", None))
    return rows, new


def _known(connection: Connection) -> dict[str, str]:
    """Return the names of the feeds by their addresses: as given, and where they moved to."""
    known: dict[str, str] = {}
    for row in outlines.feeds(connection):
        for url in filter(None, (row["url"], row["effective_url"])):
            known.setdefault(canonical_url(url), row["name"])
    return known


def _namer(taken: set[str]) -> Callable[[str], str]:
    """Return what makes names that nobody has yet: ``name``, else ``name (2)``, ``name (3)``."""
    counts: Counter[str] = Counter()

    def name_for(title: str) -> str:
        wanted = title[:LONGEST_NAME].strip()
        name = wanted
        while name in taken:
            counts[wanted] += 1
            suffix = f" ({counts[wanted] + 1})"
            name = wanted[: LONGEST_NAME - len(suffix)].rstrip() + suffix
        taken.add(name)
        return name

    return name_for


def _columns(outline: Outline, name: str) -> dict[str, Any] | str:
    """Return the columns of a new source, or why it cannot be one."""
    homepage = outline.html_url or ""
    options = {
        "folder": folder_of(outline.path)[:LONGEST_FOLDER],
        "homepage": homepage if len(homepage) <= LONGEST_HOMEPAGE else "",
    }
    try:
        body = SourceIn(
            name=name,
            kind=SourceKind.FEED.value,
            url=outline.xml_url,
            enabled=outline.enabled,
            options={key: value for key, value in options.items() if value},
        )
        return columns(body)
    except ValidationError as error:
        return _explained(error)
    except Problem as problem:
        return "; ".join(f"{wrong.pointer}: {wrong.detail}" for wrong in problem.errors)


def _explained(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, item['loc']))}: {item['msg'].removeprefix('Value error, ')}"
        for item in error.errors(include_url=False, include_input=False)
    )


def _row(outline: Outline, name: str, result: str, reason: str | None) -> dict[str, Any]:
    return {
        "line": outline.line,
        "name": name,
        "url": outline.xml_url,
        "folder": folder_of(outline.path),
        "result": result,
        "reason": reason,
    }


def _rejected(line: int, title: str, reason: str) -> dict[str, Any]:
    return {
        "line": line, "name": title, "url": None, "folder": "", "result": "rejected", "reason": reason,
    }  # fmt: skip
