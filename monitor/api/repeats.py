"""``Idempotency-Key``: a POST that was sent twice takes effect once (draft-ietf-httpapi-idempotency-key)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from fastapi import Request
from sqlalchemy import RowMapping
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.api.access import authenticate
from monitor.api.deps import Deps
from monitor.api.frame import header_of
from monitor.api.problems import Problem, invalid, response_of
from monitor.storage import repeats

HEADER = b"idempotency-key"
LONGEST_KEY = 255
KEPT_HEADERS = frozenset({b"content-type", b"location", b"etag"})


class Repeats:
    """Answers a repeated POST with the first answer. ASGI middleware.

    Only successes are remembered, for 24 hours: a refused request may be corrected and sent again
    under its key. Answers are sealed at rest, as some of them show a secret once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or repeat its answer."""
        given = (
            header_of(scope, HEADER)
            if scope["type"] == "http" and scope["method"] == "POST"
            else None
        )
        if given is None:
            await self._app(scope, receive, send)
            return
        try:
            response = await self._answer(given, scope, receive, send)
        except Problem as problem:
            response = response_of(problem, scope)
        if response is not None:
            await response(scope, receive, send)

    async def _answer(
        self, given: str, scope: Scope, receive: Receive, send: Send
    ) -> Response | None:
        if not 1 <= len(given) <= LONGEST_KEY:
            raise invalid("#/Idempotency-Key", f"1 to {LONGEST_KEY} characters")
        needs: Deps = scope["app"].state.deps
        principal, _ = await run_in_threadpool(authenticate, Request(scope), needs)
        body = await _read(receive)
        key = _digest(principal.id.encode(), given.encode())
        first = await run_in_threadpool(_reserve, needs, key, _request_hash(scope, body))
        if first is not None:
            return _repeated(needs, first, key, _request_hash(scope, body))
        recorder = _Recorder(send)
        try:
            await self._app(scope, _replay(body, receive), recorder)
        finally:
            await run_in_threadpool(_settle, needs, key, recorder)
        return None


@dataclass(slots=True)
class _Recorder:
    """Passes an answer on and keeps a copy."""

    send: Send
    status: int = 500
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kept = ((name.lower(), value) for name, value in message["headers"])
            self.headers = {
                name.decode(): value.decode("latin-1")
                for name, value in kept
                if name in KEPT_HEADERS
            }
        else:
            self.body += message.get("body", b"")
        await self.send(message)

    @property
    def is_success(self) -> bool:
        return 200 <= self.status < 300  # the class of HTTP


def _reserve(needs: Deps, key: str, request_hash: str) -> RowMapping | None:
    with needs.database.write() as connection:
        return repeats.reserve(needs.database, connection, key, request_hash, now=needs.clock())


def _settle(needs: Deps, key: str, recorder: _Recorder) -> None:
    with needs.database.write() as connection:
        if not recorder.is_success:
            repeats.release(connection, key)
            return
        sealed = needs.sealer.seal(recorder.body.decode("latin-1"), f"idempotency:{key}")
        repeats.complete(connection, key, recorder.status, recorder.headers, sealed)


def _repeated(needs: Deps, first: RowMapping, key: str, request_hash: str) -> Response:
    if first["request_hash"] != request_hash:
        raise Problem("repeated-key")
    if first["status"] == repeats.RUNNING:
        raise Problem(
            "conflict", "相同的请求仍在处理 (the first request with this key is still running)"
        )
    body = needs.sealer.open(first["body"], f"idempotency:{key}").encode("latin-1")
    return Response(body, first["status"], {**first["headers"], "Idempotency-Replayed": "true"})


def _request_hash(scope: Scope, body: bytes) -> str:
    return _digest(scope["path"].encode("utf-8", "replace"), scope["query_string"], body)


def _digest(*parts: bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "big") + part)
    return digest.hexdigest()


async def _read(receive: Receive) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body", False):
            return bytes(body)


def _replay(body: bytes, receive: Receive) -> Receive:
    given = False

    async def replay() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replay
