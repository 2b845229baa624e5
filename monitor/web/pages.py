"""The pages: one function and one template each; fragments are shared with the answers to htmx."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, Request
from sqlalchemy import RowMapping
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerts.model import IllegalTransition
from alerts.rules import Action
from monitor import actions
from monitor.api.deps import Deps
from monitor.storage import overview as reads
from monitor.web import assets, overview, signing
from monitor.web.frame import Frame, frame_of
from monitor.web.overview import MENTIONS_SHOWN, Choice
from monitor.web.rows import alert_view, mention_view
from monitor.web.session import CSRF_FIELD, NotSignedIn, Visit, is_genuine, local_path, visit

MOST_NEW = 50

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, deps: Deps) -> None:
    """Add the pages and their static files to the application."""
    app.state.frame = Frame(deps)
    app.add_exception_handler(NotSignedIn, signing.send_to_sign_in)
    app.include_router(router)
    app.include_router(signing.router)


def signed_in(request: Request) -> Visit:
    """Return who reads the page (FastAPI dependency); raises NotSignedIn."""
    return visit(request, frame_of(request).deps)


Reader = Annotated[Visit, Depends(signed_in)]


@router.get("/static/{folder}/{name:path}")
def static(request: Request, folder: str, name: str) -> Response:
    """One static file."""
    return assets.answer(request, folder, name)


@router.get("/")
async def index(
    request: Request, reader: Reader, keyword_list: str | None = None, range: str | None = None  # noqa: A002
) -> Response:  # fmt: skip
    """The overview: is there a crisis, how bad, who has it, how long is left."""
    frame = frame_of(request)
    words = frame.words(request)
    place = frame.place(words)

    def read() -> tuple[overview.Situation, list[RowMapping], int]:
        with frame.deps.database.read() as connection:
            choice = overview.choose(connection, keyword_list, range)
            last_id = reads.last_mention_id(connection)
            rows = reads.newest_mentions(connection, choice.ids, after_id=None, limit=MENTIONS_SHOWN)
            return overview.situation(connection, frame.deps, choice, words), rows, last_id

    situation, rows, last_id = await asyncio.to_thread(read)
    read_words = await frame.reader.words(rows)
    mentions = [mention_view(row, read_words[row["post_id"]], place) for row in rows]
    return frame.page(
        request, "overview.html", words, visit=reader, s=situation, mentions=mentions, last_id=last_id, place=place
    )


@router.get("/fragments/now")
def now(
    request: Request, reader: Reader, keyword_list: str | None = None, range: str | None = None  # noqa: A002
) -> Response:  # fmt: skip
    """Banner and key figures, read anew."""
    return _situation(request, reader, "_now.html", keyword_list, range)


@router.get("/fragments/table")
def table(
    request: Request, reader: Reader, keyword_list: str | None = None, range: str | None = None  # noqa: A002
) -> Response:  # fmt: skip
    """The rows of the chart's table, read anew."""
    return _situation(request, reader, "_table.html", keyword_list, range)


@router.get("/fragments/inbox")
def inbox(
    request: Request, reader: Reader, keyword_list: str | None = None, range: str | None = None  # noqa: A002
) -> Response:  # fmt: skip
    """The alerts, read anew."""
    return _situation(request, reader, "_inbox.html", keyword_list, range)


def _situation(
    request: Request, reader: Visit, template: str, keyword_list: str | None, wanted: str | None
) -> Response:
    frame = frame_of(request)
    words = frame.words(request)
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, keyword_list, wanted)
        situation = overview.situation(connection, frame.deps, choice, words)
    return frame.page(request, template, words, visit=reader, s=situation, place=frame.place(words))


@router.get("/fragments/mentions")
async def mentions(request: Request, reader: Reader, after: int, keyword_list: str | None = None) -> Response:
    """The mentions stored after one id, newest first; the header says up to which id."""
    frame = frame_of(request)
    words = frame.words(request)
    place = frame.place(words)

    def read() -> tuple[Choice, list[RowMapping], int]:
        with frame.deps.database.read() as connection:
            choice = overview.choose(connection, keyword_list, None)
            last_id = reads.last_mention_id(connection)
            return choice, reads.newest_mentions(connection, choice.ids, after_id=after, limit=MOST_NEW), last_id

    _, rows, last_id = await asyncio.to_thread(read)
    read_words = await frame.reader.words(rows)
    views = [mention_view(row, read_words[row["post_id"]], place) for row in rows]
    answer = frame.page(request, "_mentions.html", words, visit=reader, mentions=views, fresh=True)
    answer.headers["X-Last-Id"] = str(max(last_id, after))
    return answer


@router.get("/fragments/band")
def band(
    request: Request, reader: Reader, keyword_list: str | None = None, range: str | None = None  # noqa: A002, ARG001
) -> Response:  # fmt: skip
    """The baseline band of the chart: P5 and P95 of the negative share at the same time of day."""
    frame = frame_of(request)
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, keyword_list, range)
        return JSONResponse(overview.band(overview.trend_of(connection, frame.deps, choice)))


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    request: Request,
    alert_id: int,
    reader: Reader,
    token: Annotated[str, Form(alias=CSRF_FIELD)] = "",
    back: Annotated[str, Form()] = "/",
) -> Response:
    """Take an alert over. Answers the alert's row to htmx, and the page to everybody else."""
    frame = frame_of(request)
    deps = frame.deps
    trouble, status = "", 200
    if not is_genuine(request, deps, token):
        trouble, status = "acknowledge.stale", 403
    else:
        trouble, status = _acknowledge(deps, alert_id, reader)
    if request.headers.get("hx-request") != "true" and not trouble:
        return RedirectResponse(local_path(back), status_code=303)
    return _row(request, frame, reader, alert_id, trouble, status)


def _acknowledge(deps: Deps, alert_id: int, reader: Visit) -> tuple[str, int]:
    """Return what went wrong as a key of the words ("" for nothing), and the status."""
    wanted = actions.Request(action=Action.ACKNOWLEDGE, actor=reader.principal.name)
    base_url = f"http://{deps.settings.host}:{deps.settings.port}"
    try:
        actions.act(deps.database, alert_id, wanted, now=deps.clock(), base_url=base_url)
    except LookupError:
        return "acknowledge.gone", 404
    except IllegalTransition:
        return "acknowledge.closed", 409
    deps.live.notify()
    return "", 200


def _row(
    request: Request, frame: Frame, reader: Visit, alert_id: int, trouble: str, status: int
) -> Response:
    words = frame.words(request)
    place = frame.place(words)
    with frame.deps.database.read() as connection:
        row = reads.alert_row(connection, alert_id)
    view = alert_view(row, place) if row is not None else None
    is_htmx = request.headers.get("hx-request") == "true"
    template = "_alert_answer.html" if is_htmx else "trouble.html"
    answer = frame.page(
        request, template, words, visit=reader, a=view, trouble=words(trouble) if trouble else "", status=status
    )
    if is_htmx and not trouble:
        answer.headers["HX-Trigger"] = "situation"
    return answer
