"""What every request passes: its id, the headers of every answer, and the cap on bodies."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping

import structlog
from fastapi import Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.api.problems import Problem, Wrong, response_of

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
BODY_BYTES = 1 << 20
LARGE_BODIES: Mapping[str, int] = {
    "/api/v1/posts/batch": 10_000_000,
    "/api/v1/keyword-lists/import": 10_000_000,
    "/api/v1/sources/import": 10_000_000,
    "/api/v1/imports": 50_100_000,  # a file of 50 MB and the form around it
}
CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "font-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-cache, private",
}


class Frame:
    """Gives each request an id and each answer its headers. ASGI middleware, the outermost."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"] = request_id = _request_id(scope)

        async def send_framed(message: Message) -> None:
            if message["type"] == "http.response.start":
                _add_headers(MutableHeaders(scope=message), scope)
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=request_id):
            await self._app(scope, receive, send_framed)


def _add_headers(headers: MutableHeaders, scope: Scope) -> None:
    headers["X-Request-ID"] = scope["state"]["request_id"]
    headers.update(scope["state"].get("headers", {}))
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


def on_bug(request: Request, _error: Exception) -> Response:
    """Return a 500 that says nothing about the bug; the server's log gets the traceback.

    Starlette answers bugs outside of all middleware, so the headers are set here.
    """
    response = response_of(Problem("internal"), request.scope)
    _add_headers(response.headers, request.scope)
    return response


def _request_id(scope: Scope) -> str:
    given = header_of(scope, b"x-request-id")
    return given if given and REQUEST_ID.fullmatch(given) else uuid.uuid4().hex


def header_of(scope: Scope, name: bytes) -> str | None:
    """Return a request header (lower-case ``name``), None when it is missing."""
    found: Iterable[tuple[bytes, bytes]] = scope["headers"]
    return next((value.decode("latin-1") for key, value in found if key == name), None)


class BodyLimit:
    """Refuses bodies over the cap: 1 MiB, 10 MB for batches, 50 MB for files. ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, counting its body."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = LARGE_BODIES.get(scope["path"], BODY_BYTES)
        declared = header_of(scope, b"content-length") or ""
        if declared.isdecimal() and int(declared[:20]) > limit:
            await response_of(_too_large(limit), scope)(scope, receive, send)
            return
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:
                raise _too_large(limit)
            return message

        await self._app(scope, receive_counted, send)


def _too_large(limit: int) -> Problem:
    return Problem("too-large", f"请求体超过 {limit} 字节 (the body is over {limit} bytes)")


async def refuse_unknown_parameters(request: Request) -> None:
    """Refuse query parameters that the operation does not have: a typo must not read as "no filter"."""
    route = request.scope["route"]
    if not isinstance(route, APIRoute):
        return
    # routes live as long as the application, and cannot be hashed
    cache: dict[int, frozenset[str]] = request.app.state.parameters
    if (known := cache.get(id(route))) is None:
        known = cache[id(route)] = frozenset(_names(route.dependant))
    unknown = sorted(set(request.query_params) - known)
    if unknown:
        offered = ", ".join(sorted(known)) or "无 (none)"
        raise Problem(
            "unknown-parameter",
            f"未知参数 {', '.join(unknown)};可用参数: {offered} (unknown query parameter)",
            errors=[Wrong(f"#/{name}", "unknown query parameter") for name in unknown],
        )


def _names(dependant: Dependant) -> Iterable[str]:
    yield from (field.alias for field in dependant.query_params)
    for inner in dependant.dependencies:
        yield from _names(inner)
