"""The demo's small web server on loopback: the invented sites, and a webhook receiver.

It speaks real HTTP, so the real collectors and the real sender are what is shown. Only its
clock is simulated: a feed or page holds what was published until ``clock()``, and the receiver checks a
signature's age against the same clock that stamped it.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime, parsedate_to_datetime
from types import TracebackType
from typing import Self

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from alerts import webhook
from monitor.demo.feeds import Feed
from monitor.demo.publication import Document, Publication
from monitor.demo.review_site import ReviewPage
from monitor.demo.scenario import DemoSource, Format, Scenario
from monitor.demo.video_api import QUERY, VideoApi

WINDOW = timedelta(hours=2)
STOP_PATIENCE_SECONDS = 5.0
ROBOTS = "User-agent: *\nAllow: /\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A verified webhook: its constant id, when it came (simulated time), and its body."""

    webhook_id: str
    at: datetime
    body: dict[str, object]


@dataclass
class Receiver:
    """Checks every message by Standard Webhooks and keeps those whose signature is right.

    ``invalid`` counts what was refused.
    """

    clock: Callable[[], datetime]
    secret: str = field(repr=False)
    received: list[Received] = field(default_factory=list)
    invalid: int = 0

    @property
    def webhook_ids(self) -> frozenset[str]:
        """The distinct ids: a message that was delivered twice counts once."""
        return frozenset(one.webhook_id for one in self.received)

    def accept(self, headers: dict[str, str], body: bytes) -> bool:
        """Return whether the message is genuine; a genuine one is kept."""
        now = self.clock()
        try:
            webhook_id = webhook.verify(headers, body, [self.secret], now=now)
        except webhook.SignatureInvalid:
            self.invalid += 1
            return False
        self.received.append(Received(webhook_id=webhook_id, at=now, body=json.loads(body)))
        return True


def new_secret() -> str:
    """Return a fresh Standard Webhooks secret of 32 random bytes."""
    return webhook.wrap_secret(secrets.token_bytes(32))


class DemoServer:
    """The sites' feeds, page and interface, and the receiver at ``/hook``, on a free port of 127.0.0.1.

    A context manager; serves from a thread of its own. ``day0`` is a local midnight. A reader
    that visits each source at least once per ``window`` of simulated time misses no post.
    """

    def __init__(
        self,
        scenario: Scenario,
        clock: Callable[[], datetime],
        day0: datetime,
        *,
        secret: str | None = None,
        window: timedelta = WINDOW,
    ) -> None:
        self.secret = secret or new_secret()
        self.receiver = Receiver(clock, self.secret)
        self._clock = clock
        self._documents: dict[str, Publication] = {}
        self._apis: dict[str, VideoApi] = {}
        for source in scenario.sources:
            posts = scenario.of_source(source.slug)
            if source.format is Format.API:
                self._apis[source.path] = VideoApi(posts, day0)
            elif source.path:
                kind = ReviewPage if source.format is Format.REVIEWS else Feed
                self._documents[source.path] = kind(source, posts, day0, window)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._server = uvicorn.Server(_config(self._app()))
        self._thread = threading.Thread(target=self._serve, name="demo-server", daemon=True)

    @property
    def url(self) -> str:
        """Scheme, address and port, without a slash at the end."""
        return f"http://127.0.0.1:{self._socket.getsockname()[1]}"

    @property
    def hook_url(self) -> str:
        """Where the receiver listens."""
        return f"{self.url}/hook"

    @property
    def received(self) -> list[Received]:
        """Verified messages in order of arrival, repeats included."""
        return self.receiver.received

    def url_of(self, source: DemoSource) -> str | None:
        """Return the address of a source as it is typed in; None for one that gives only files."""
        if not source.path:
            return None
        query = QUERY if source.format is Format.API else ""
        return f"{self.url}{source.path}{query}"

    def __enter__(self) -> Self:
        # The socket listens already: who connects before the thread is ready waits, and is served.
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.should_exit = True
        self._thread.join(STOP_PATIENCE_SECONDS)
        self._socket.close()

    def _serve(self) -> None:
        self._server.run(sockets=[self._socket])

    def _app(self) -> Starlette:
        routes = [
            Route("/feeds/{file}", self._document, methods=["GET"]),
            Route("/reviews/{site}", self._document, methods=["GET"]),
            Route("/api/{site}", self._api, methods=["GET"]),
            Route("/robots.txt", self._robots, methods=["GET"]),
            Route("/hook", self._hook, methods=["POST"]),
        ]
        return Starlette(routes=routes)

    async def _document(self, request: Request) -> Response:
        publication = self._documents.get(request.url.path)
        if publication is None:
            return self._not_found()
        document = publication.document(self._clock())
        headers = {
            "ETag": document.etag,
            "Last-Modified": _http_date(document.last_modified),
            "Date": _http_date(self._clock()),
        }
        if _is_unchanged(request, document):
            return Response(status_code=304, headers=headers)
        return Response(document.body, headers={**headers, "Content-Type": document.media_type})

    async def _api(self, request: Request) -> Response:
        api = self._apis.get(request.url.path)
        if api is None:
            return self._not_found()
        asked = request.query_params
        page = api.answer(
            self._clock(), cursor=asked.get("cursor", ""), count=asked.get("count", "")
        )
        return JSONResponse(page, headers={"Date": _http_date(self._clock())})

    async def _robots(self, _: Request) -> Response:
        return PlainTextResponse(ROBOTS)

    def _not_found(self) -> Response:
        known = "\n".join((*self._documents, *self._apis))
        return PlainTextResponse(f"no such site; there are:\n{known}\n", 404)

    async def _hook(self, request: Request) -> Response:
        body = await request.body()
        if self.receiver.accept(dict(request.headers), body):
            return Response(status_code=204)
        return JSONResponse({"error": "the signature does not verify"}, 401)


def _config(app: Starlette) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=1,
    )


def _http_date(moment: datetime) -> str:
    return format_datetime(moment.astimezone(UTC), usegmt=True)


def _is_unchanged(request: Request, document: Document) -> bool:
    # RFC 9110 13.2.2: If-Modified-Since counts only where If-None-Match is absent.
    wanted = request.headers.get("if-none-match")
    if wanted is not None:
        tags = {tag.strip().removeprefix("W/") for tag in wanted.split(",")}
        return bool(tags & {document.etag, "*"})
    return _is_not_newer(document.last_modified, request.headers.get("if-modified-since"))


def _is_not_newer(modified: datetime, since: str | None) -> bool:
    try:
        return since is not None and modified <= parsedate_to_datetime(since)
    except (TypeError, ValueError):
        return False  # an unreadable date or one without a zone asks for nothing
