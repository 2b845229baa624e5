"""The sign-in page, and the way out."""

from __future__ import annotations

import threading
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form, Request
from starlette.responses import RedirectResponse, Response

from monitor import auth
from monitor.auth import SESSION_COOKIE
from monitor.storage import keys
from monitor.web import formats
from monitor.web.frame import Frame, frame_of
from monitor.web.session import (
    CSRF_FIELD,
    is_genuine,
    keep,
    local_path,
    sign_in_is_genuine,
    sign_in_token,
    start_sign_in,
)

MOST_LETTERS = 200

router = APIRouter(include_in_schema=False)
_one_at_a_time = threading.Lock()  # so that a flood of guesses cannot pass the guard side by side


async def send_to_sign_in(request: Request, _error: Exception) -> Response:
    """Turn a reader without a session to the sign-in page; a fragment's reader is told by status."""
    if request.url.path.startswith("/fragments/") or request.headers.get("hx-request") == "true":
        return Response(
            "signed out",
            status_code=401,
            media_type="text/plain",
            headers={"HX-Redirect": "/login"},
        )
    back = request.url.path if request.method == "GET" else "/"
    query = f"?{request.url.query}" if request.url.query and request.method == "GET" else ""
    return RedirectResponse(f"/login?{urlencode({'next': back + query})}", status_code=303)


@router.get("/login")
def sign_in_page(request: Request) -> Response:
    """The form."""
    return _form(request, status=200, trouble="", back=request.query_params.get("next"))


@router.post("/login")
def sign_in(
    request: Request,
    name: Annotated[str, Form(max_length=MOST_LETTERS)] = "",
    password: Annotated[str, Form(max_length=MOST_LETTERS)] = "",
    token: Annotated[str, Form(alias=CSRF_FIELD)] = "",
    back: Annotated[str, Form(alias="next")] = "/",
) -> Response:
    """Check name and password, five wrong tries in 15 minutes at most; then go where the reader wanted."""
    frame = frame_of(request)
    words = frame.words(request)
    if not sign_in_is_genuine(request, token):
        return _form(request, status=403, trouble=words("sign_in.stale"), back=back)
    deps, now = frame.deps, frame.deps.clock()
    names = (f"account:{name}", f"address:{request.client.host if request.client else ''}")
    with _one_at_a_time:
        wait = frame.guard.wait(names, now=now)
        if wait:
            shown = formats.duration(wait, words.lang)
            answer = _form(
                request, status=429, trouble=words("sign_in.wait", wait=shown), back=back
            )
            answer.headers["Retry-After"] = str(int(wait.total_seconds()) + 1)
            return answer
        person = auth.check_password(deps.database, name, password)
        if person is None:
            frame.guard.failed(names, now=now)
            return _form(request, status=401, trouble=words("sign_in.wrong"), back=back)
    gone = RedirectResponse(local_path(back), status_code=303)
    keep(gone, request, auth.sign_session(deps.secret, person, now=now))
    return gone


@router.post("/logout")
def sign_out(request: Request, token: Annotated[str, Form(alias=CSRF_FIELD)] = "") -> Response:
    """Forget the session; a form from elsewhere changes nothing."""
    answer = RedirectResponse("/login", status_code=303)
    if is_genuine(request, frame_of(request).deps, token):
        answer.delete_cookie(SESSION_COOKIE)
    return answer


def _form(request: Request, *, status: int, trouble: str, back: str | None) -> Response:
    frame: Frame = frame_of(request)
    with frame.deps.database.read() as connection:
        is_ready = keys.any_person(connection)
    token = sign_in_token(request)
    answer = frame.page(
        request, "login.html", frame.words(request), status=status, trouble=trouble, back=local_path(back),
        token=token, is_ready=is_ready,
    )  # fmt: skip
    start_sign_in(answer, request, token)
    return answer
