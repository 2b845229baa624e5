"""What every page shares: templates, language, theme, and the edges it reads from."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup
from starlette.responses import HTMLResponse, Response

import monitor
from monitor.api.deps import Deps
from monitor.auth import SignInGuard
from monitor.web import assets, drawings, formats
from monitor.web.reading import Reader
from monitor.web.rows import Place
from monitor.web.words import LANGUAGES, Words, choose

TEMPLATES = Path(__file__).parent / "templates"
THEMES = ("light", "dark")
A_YEAR = 365 * 24 * 3_600
PREFERENCES = {"lang": LANGUAGES, "theme": THEMES}


class Frame:
    """Renders pages for one application; ``guard`` counts failed sign-ins."""

    def __init__(self, deps: Deps) -> None:
        self.deps = deps
        self.reader = Reader(deps.settings.scorer)
        self.guard = SignInGuard()
        self._templates = Environment(
            loader=FileSystemLoader(TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.globals.update(
            static=assets.url,
            icon=icon,
            bar=drawings.bar,
            formats=formats,
            version=monitor.__version__,
        )

    def words(self, request: Request) -> Words:
        """Return the sentences in the reader's language."""
        asked, kept = request.query_params.get("lang"), request.cookies.get("lang")
        return Words(choose(asked, kept, request.headers.get("accept-language")))

    def place(self, words: Words) -> Place:
        """Return where and when the page is read."""
        return Place(words=words, zone=self.deps.settings.zone, now=self.deps.clock())

    def page(self, request: Request, template: str, words: Words, **values: Any) -> Response:  # noqa: ANN401
        """Return a rendered template; ``status`` among the values is the answer's."""
        theme = request.query_params.get("theme", request.cookies.get("theme"))
        html = self._templates.get_template(template).render(
            t=words,
            theme=theme if theme in THEMES else THEMES[0],
            zone_name=self.deps.settings.timezone,
            with_preference=lambda name, value: _address(request, name, value),
            **values,
        )
        answer = HTMLResponse(html, status_code=values.get("status", 200))
        answer.headers["Vary"] = "Accept-Language, Cookie"
        _keep_preferences(request, answer)
        return answer


def frame_of(request: Request) -> Frame:
    """Return the frame of this application."""
    frame: Frame = request.app.state.frame
    return frame


def icon(name: str) -> Markup:
    """Return one icon of the sprite, drawn in the text's colour."""
    return Markup('<svg class="i" aria-hidden="true"><use href="{}#{}"/></svg>').format(
        assets.url("vendor/icons.svg"), name
    )


def _address(request: Request, name: str, value: str) -> str:
    """Return this page's address with one parameter changed."""
    return f"{request.url.path}?{urlencode({**request.query_params, name: value})}"


def _keep_preferences(request: Request, answer: Response) -> None:
    for name, allowed in PREFERENCES.items():
        asked = request.query_params.get(name)
        if asked in allowed:
            answer.set_cookie(name, asked, max_age=A_YEAR, samesite="lax")
