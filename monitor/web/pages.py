"""The pages: one function and one template each; fragments are shared with the answers to htmx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Form, Query, Request
from pydantic import Field
from sqlalchemy import RowMapping
from starlette.responses import JSONResponse, RedirectResponse, Response

from alerts.model import IllegalTransition
from alerts.rules import Action
from monitor import actions
from monitor.api.deps import Deps
from monitor.api.feeds import feed_token
from monitor.storage import overview as reads
from monitor.storage.following import newest, settled
from monitor.storage.tables import mention
from monitor.web import assets, coverage, overview, sightings, signing
from monitor.web.frame import Frame, frame_of
from monitor.web.overview import MENTIONS_SHOWN
from monitor.web.rows import MentionView, Place, alert_view, mention_view
from monitor.web.session import CSRF_FIELD, NotSignedIn, Visit, is_genuine, local_path, visit
from monitor.web.words import Words

MOST_NEW = 50
Id = Annotated[int, Field(ge=0, le=2**63 - 1)]

router = APIRouter(include_in_schema=False)


def install(app: FastAPI, deps: Deps) -> None:
    """Add the pages and their static files to the application."""
    app.state.frame = Frame(deps)
    app.add_exception_handler(NotSignedIn, signing.send_to_sign_in)
    app.include_router(router)
    app.include_router(signing.router)
    app.include_router(sightings.router)
    app.include_router(coverage.router)


def signed_in(request: Request) -> Visit:
    """Return who reads the page (FastAPI dependency); raises NotSignedIn."""
    return visit(request, frame_of(request).deps)


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address asks for: a keyword list ("all", an id) and how far back; nonsense is forgiven."""

    keyword_list: str | None
    range: str | None


def asked(
    keyword_list: str | None = None, range_: Annotated[str | None, Query(alias="range")] = None
) -> Wish:
    """Return what the address asks for (FastAPI dependency)."""
    return Wish(keyword_list, range_)


Reader = Annotated[Visit, Depends(signed_in)]
Asked = Annotated[Wish, Depends(asked)]


@router.get("/static/{folder}/{name:path}")
def static(request: Request, folder: str, name: str) -> Response:
    """One static file."""
    return assets.answer(request, folder, name)


@router.get("/favicon.ico")
def favicon() -> Response:
    """The icon, for readers that ask without being told where it is."""
    return RedirectResponse(assets.url("icon.svg"))


@router.get("/")
def index(request: Request, reader: Reader, wish: Asked) -> Response:
    """The overview: is there a crisis, how bad, who has it, how long is left."""
    frame = frame_of(request)
    words = frame.words(request)
    place = frame.place(words)
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, wish.keyword_list, wish.range)
        last_id = newest(connection, mention)
        rows = reads.newest_mentions(connection, choice.ids, limit=MENTIONS_SHOWN)
        situation = overview.situation(connection, choice, place)
    return frame.page(
        request,
        "overview.html",
        words,
        visit=reader,
        s=situation,
        mentions=_views(frame, rows, place),
        last_id=last_id,
        place=place,
        atom=f"/feeds/alerts.atom?token={feed_token(frame.deps.secret)}",
    )


@router.get("/fragments/now")
def now(request: Request, reader: Reader, wish: Asked) -> Response:
    """Banner and key figures, read anew."""
    frame = frame_of(request)
    words = frame.words(request)
    place = frame.place(words)
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, wish.keyword_list, wish.range)
        situation = overview.situation(connection, choice, place)
    return frame.page(request, "_now.html", words, visit=reader, s=situation, place=place)


@router.get("/fragments/table")
def table(request: Request, _: Reader, wish: Asked) -> Response:
    """The rows of the chart's table, read anew."""
    frame = frame_of(request)
    words = frame.words(request)
    return frame.page(request, "_table.html", words, trend=_trend(frame, wish, words))


@router.get("/fragments/band")
def band(request: Request, _: Reader, wish: Asked) -> Response:
    """The baseline band of the chart: P5 and P95 of the negative share at the same time of day."""
    frame = frame_of(request)
    return JSONResponse(overview.band(_trend(frame, wish, frame.words(request))))


def _trend(frame: Frame, wish: Wish, words: Words) -> overview.Trend:
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, wish.keyword_list, wish.range)
        return overview.trend(connection, choice, frame.place(words))


@router.get("/fragments/inbox")
def inbox(request: Request, reader: Reader) -> Response:
    """The alerts, read anew."""
    frame = frame_of(request)
    words = frame.words(request)
    with frame.deps.database.read() as connection:
        found = overview.inbox(connection, frame.place(words))
    return frame.page(request, "_inbox.html", words, visit=reader, inbox=found)


@router.get("/fragments/mentions")
def mentions(request: Request, _: Reader, wish: Asked, after: Id = 0) -> Response:
    """The mentions stored after one id, newest first; the header says up to which id all are there."""
    frame = frame_of(request)
    words = frame.words(request)
    with frame.deps.database.read() as connection:
        choice = overview.choose(connection, wish.keyword_list, wish.range)
        until = settled(frame.deps.database, connection, mention, after=after)
        rows = reads.mentions_after(
            connection, choice.ids, after_id=after, until_id=until, limit=MOST_NEW
        )
    views = _views(frame, rows, frame.place(words))
    answer = frame.page(request, "_mentions.html", words, mentions=views, fresh=True)
    answer.headers["X-Last-Id"] = str(until)
    return answer


def _views(frame: Frame, rows: Sequence[RowMapping], place: Place) -> list[MentionView]:
    return [mention_view(row, frame.reader.words(row), place) for row in rows]


@router.post("/alerts/{alert_id}/acknowledge")
def acknowledge(
    request: Request,
    alert_id: Id,
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
    base_url = deps.settings.base_url
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
        request,
        template,
        words,
        visit=reader,
        a=view,
        trouble=words(trouble) if trouble else "",
        status=status,
    )
    if is_htmx and not trouble:
        answer.headers["HX-Trigger"] = "situation"
    return answer
