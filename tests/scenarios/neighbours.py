"""Who the service talks to, on loopback: sites with feeds, and a receiver of webhooks."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from xml.sax.saxutils import escape

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

SECRET = "whsec_c2NlbmFyaW9zIGFuZCBmYXVsdHMgdmVyaWZ5IGl0"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: object, client_address: object) -> None:
        """A service that is killed breaks its connections; that is no error of ours."""


@contextmanager
def listening(handler: type[BaseHTTPRequestHandler], port: int = 0) -> Iterator[int]:
    """Serve on loopback; gives the port."""
    server = _Server(("127.0.0.1", port), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@dataclass(frozen=True, slots=True)
class Received:
    """One webhook as it came in."""

    webhook_id: str
    body: bytes
    is_genuine: bool
    at: float

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """Takes webhooks, verifies each with the library of Standard Webhooks, answers by a script.

    ``script`` holds the statuses of the next answers; afterwards it answers 200. While
    ``answering`` is not set, requests are taken and left hanging.
    """

    received: list[Received] = field(default_factory=list)
    script: list[int] = field(default_factory=list)
    answering: threading.Event = field(default_factory=threading.Event)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    @contextmanager
    def up(self) -> Iterator[Receiver]:
        """Listen; again on the same port when it was up before."""
        self.answering.set()
        with listening(self._handler(), self.port) as self.port:
            try:
                yield self
            finally:
                self.answering.set()

    def about(self, list_name: str) -> list[Received]:
        """Return what came about one keyword list, in the order of arrival."""
        return [
            one for one in self.received if one.json["data"]["keyword_list"]["name"] == list_name
        ]

    def take(self, headers: Mapping[str, str], body: bytes) -> int:
        """Keep one message; returns the status to answer."""
        at = time.monotonic()
        try:
            Webhook(SECRET).verify(body, dict(headers))
            is_genuine = True
        except WebhookVerificationError:
            is_genuine = False
        with self._lock:
            self.received.append(Received(headers["webhook-id"], body, is_genuine, at))
            return self.script.pop(0) if self.script else 200

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = receiver.take(headers, body)
                receiver.answering.wait()
                with suppress(OSError):
                    self.send_response(status)
                    self.send_header("content-length", "0")
                    self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@dataclass(frozen=True, slots=True)
class Page:
    """A document and the headers that it is served with."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(slots=True)
class Site:
    """Serves what ``pages`` says at the moment, by path; a page may be made when it is asked for."""

    pages: dict[str, Page | Callable[[], Page]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    port: int = 0

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"

    @contextmanager
    def up(self) -> Iterator[Site]:
        with listening(self._handler(), self.port) as self.port:
            yield self

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append(self.path)
                found = site.pages.get(self.path)
                page = found() if callable(found) else found
                with suppress(OSError):
                    self._answer(page)

            def _answer(self, page: Page | None) -> None:
                etag = page.headers.get("ETag") if page else None
                if etag and self.headers.get("if-none-match") == etag:
                    self.send_response(304)
                    self.end_headers()
                    return
                self.send_response(200 if page else 404)
                for name, value in page.headers.items() if page else ():
                    self.send_header(name, value)
                body = page.body if page else b""
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@dataclass(slots=True)
class GrowingFeed:
    """A feed that keeps all it ever published, the newest entry first, with an ETag."""

    title: str
    entries: list[tuple[str, str]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def publish(self, guid: str, text: str) -> None:
        with self._lock:
            self.entries.append((guid, text))

    def page(self) -> Page:
        with self._lock:
            entries = list(self.entries)
        items = "".join(
            f"<item><guid isPermaLink='false'>{escape(guid)}</guid>"
            f"<title>{escape(text)}</title><description>{escape(text)}</description></item>"
            for guid, text in reversed(entries)
        )
        body = f"<rss version='2.0'><channel><title>{escape(self.title)}</title>{items}</channel></rss>"
        headers = {"Content-Type": "application/rss+xml", "ETag": f'"{len(entries)}"'}
        return Page(body.encode(), headers)
