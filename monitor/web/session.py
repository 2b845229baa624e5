"""Signing in on the pages: the cookie, the token of every form, and where a form may come from."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import Request
from starlette.responses import Response

from monitor import auth
from monitor.api.deps import Deps
from monitor.auth import SESSION_COOKIE, SESSION_LASTS, Principal

CSRF_FIELD = "csrf"
SIGN_IN_COOKIE = "jw_signing_in"
SIGN_IN_SECONDS = 3_600


class NotSignedIn(Exception):  # a turn to the sign-in page, not a failure
    """Nobody is signed in; the reader is sent to the sign-in page and back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """Who reads the page, and the token that the page's forms carry."""

    principal: Principal
    csrf: str


def visit(request: Request, deps: Deps) -> Visit:
    """Return who is signed in.

    Raises:
        NotSignedIn: no session, or one that is over.
    """
    cookie = request.cookies.get(SESSION_COOKIE)
    found = (
        auth.session_principal(deps.database, deps.secret, cookie, now=deps.clock())
        if cookie
        else None
    )
    if cookie is None or found is None:
        raise NotSignedIn
    return Visit(principal=found, csrf=auth.csrf_token(deps.secret, cookie))


def is_genuine(request: Request, deps: Deps, token: str | None) -> bool:
    """Whether a form was sent by our own page of this session."""
    cookie = request.cookies.get(SESSION_COOKIE, "")
    return comes_from_here(request) and auth.csrf_matches(deps.secret, cookie, token)


def comes_from_here(request: Request) -> bool:
    """Whether the browser says that the form was on our own page; no word at all is accepted.

    ``Origin: null`` (a sandboxed frame, a redirect from elsewhere) is not ours.
    """
    origin = request.headers.get("origin")
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


def keep(response: Response, request: Request, cookie: str) -> None:
    """Set the session cookie; marked secure where the page itself came over TLS."""
    response.set_cookie(
        SESSION_COOKIE,
        cookie,
        max_age=int(SESSION_LASTS.total_seconds()),
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    response.delete_cookie(SIGN_IN_COOKIE, path="/login")


def start_sign_in(response: Response, request: Request, token: str) -> None:
    """Remember the token of the sign-in form; nobody has a session yet that could carry it."""
    response.set_cookie(
        SIGN_IN_COOKIE,
        token,
        max_age=SIGN_IN_SECONDS,
        path="/login",
        httponly=True,
        samesite="strict",
        secure=request.url.scheme == "https",
    )


def sign_in_token(request: Request) -> str:
    """Return the token for the sign-in form: the one given before, so that two tabs work."""
    return request.cookies.get(SIGN_IN_COOKIE) or secrets.token_urlsafe(24)


def sign_in_is_genuine(request: Request, token: str) -> bool:
    """Whether the sign-in form is ours: an attacker cannot read or set the cookie it must repeat."""
    known = request.cookies.get(SIGN_IN_COOKIE, "")
    same = hmac.compare_digest(known.encode("utf-8", "replace"), token.encode("utf-8", "replace"))
    return bool(known) and same and comes_from_here(request)


def local_path(wanted: str | None) -> str:
    """Return where to go after signing in: a path of ours, never another host."""
    if not wanted or not wanted.startswith("/") or wanted.startswith(("//", "/\\")):
        return "/"
    return wanted if all(" " <= letter != "\\" for letter in wanted) else "/"
