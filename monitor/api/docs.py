"""``/docs`` and ``/problems/<slug>``: our own files, nothing from elsewhere, useful offline."""

from __future__ import annotations

from functools import cache
from html import escape
from importlib.resources import files
from typing import Literal

from fastapi import APIRouter
from starlette.responses import Response

from monitor.api.problems import KINDS, Problem

router = APIRouter(include_in_schema=False)
TYPES = {"docs.css": "text/css; charset=utf-8", "docs.js": "text/javascript; charset=utf-8"}
HTML = "text/html; charset=utf-8"


@router.get("/docs")
async def get_docs() -> Response:
    """Return the page that shows ``/openapi.json``."""
    return Response(_asset("docs.html"), media_type=HTML)


@router.get("/docs/{name}")
async def get_docs_asset(name: Literal["docs.css", "docs.js"]) -> Response:
    """Return a file of that page."""
    return Response(_asset(name), media_type=TYPES[name])


@router.get("/problems/{slug}")
async def get_problem(slug: str) -> Response:
    """Return what a kind of problem means and what to do about it."""
    kind = KINDS.get(slug)
    if kind is None:
        raise Problem("not-found")
    shown = {"TITLE": kind.title, "STATUS": str(kind.status), "REMEDY": kind.remedy}
    page = _asset("problem.html").decode()
    for name, text in shown.items():
        page = page.replace(f"%{name}%", escape(text))
    return Response(page, media_type=HTML)


@cache
def _asset(name: str) -> bytes:
    return files("monitor.api").joinpath("assets", name).read_bytes()
