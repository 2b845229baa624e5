"""What a visit costs: unchanged by ETag, unchanged by its body, and with one new post.

The feeds come over real HTTP from a server in a process of its own (its CPU is not counted);
visiting, parsing, understanding and storing are the service's own steps. Most polls of real feeds
bring nothing, so this cost decides how many sources one machine can watch.
"""

from __future__ import annotations

import asyncio
import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from monitor.http.client import GuardedClient
from monitor.pipeline.analyst import InlineAnalyst
from tests.bench.material import feed_of, watched
from tests.bench.measure import Report, apart, cpu, table
from tests.bench.sizes import Size

if TYPE_CHECKING:
    from tests.bench.ours import Service

ENTRIES = 20
KINDS = ("etag", "body", "news")
COUNTED = 4


def run(size: Size) -> Report:
    """Poll every kind of feed; print and return what was found."""
    report = Report("poll")
    with _server(size.polled) as port, apart(1) as (process,):
        found = {kind: process.run(_polled, port, kind, size.polled) for kind in KINDS}
    rows = [
        ("unchanged, 304 by ETag", found["etag"][0], "–"),
        ("unchanged, same body again", found["body"][0], "–"),
        (f"one new entry among {ENTRIES}", found["news"][0], found["news"][0] - found["body"][0]),
    ]
    table((f"{size.polled} sources, CPU", "µs/poll", "µs/new post"), rows)
    report.figures = {f"{kind}_us_per_poll": round(found[kind][0], 1) for kind in KINDS}
    for kind, wanted in (("etag", 0), ("body", 0), ("news", COUNTED * size.polled)):
        stored = found[kind][1]
        report.must(stored == wanted, f"{kind}: {wanted:,} new posts expected, {stored:,} stored")
    return report


def _polled(port: int, kind: str, count: int) -> tuple[float, int]:
    """Return CPU µs a poll (median of the ticks after the first) and the posts those ticks brought."""
    return asyncio.run(_poll_all(port, kind, count))


async def _poll_all(port: int, kind: str, count: int) -> tuple[float, int]:
    from tests.bench import ours

    urls = [f"http://127.0.0.1:{port}/{kind}/{number}" for number in range(count)]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "poll.db"
        database = ours.prepare(path, watched(), urls)
        analyst = InlineAnalyst()
        ours.warm(database, analyst)
        async with GuardedClient(allow=(ip_network("127.0.0.0/8"),)) as http:
            service = ours.Service(database, analyst, http)
            await service.tick(0)
            first = ours.counted(database, path).posts
            seconds = [await _tick(service, number) for number in range(1, COUNTED + 1)]
        posts = ours.counted(database, path).posts - first
        database.close()
    return median(seconds) / count * 1e6, posts


async def _tick(service: Service, number: int) -> float:
    with cpu() as spent:
        await service.tick(number)
    return spent.seconds


@contextmanager
def _server(sources: int) -> Iterator[int]:
    """Give the port of a feed server that runs until the end of the block."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, sources), daemon=True)
    process.start()
    try:
        yield here.recv()
    finally:
        process.terminate()
        process.join()


def _serve(told: Connection, sources: int) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(sources))
    told.send(server.server_port)
    server.serve_forever()


def _handler(sources: int) -> type[BaseHTTPRequestHandler]:
    """Return a handler of /etag/N and /body/N, always the same, and /news/N, one entry more each time."""
    bodies = [_growing(number) for number in range(sources)]
    asked = [0] * sources

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            kind, number = self.path.strip("/").split("/")
            at = 0
            if kind == "news":
                at = min(asked[int(number)], COUNTED)
                asked[int(number)] += 1
            body = bodies[int(number)][at]
            etag = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
            same = kind == "etag" and self.headers.get("If-None-Match") == etag
            self.send_response(304 if same else 200)
            if kind == "etag":
                self.send_header("ETag", etag)
            self.send_header("Content-Type", "application/rss+xml; charset=utf-8")
            self.send_header("Content-Length", "0" if same else str(len(body)))
            self.end_headers()
            self.wfile.write(b"" if same else body)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


def _growing(number: int) -> list[bytes]:
    """Return bodies of which each has one entry more than the one before."""
    return [feed_of(number, ENTRIES - COUNTED + more) for more in range(COUNTED + 1)]
