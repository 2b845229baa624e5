"""Sites on loopback with feeds that seldom change, in a process of its own whose CPU nobody counts.

Every address 127.0.0.1 … 127.0.0.N is a host of its own. `/feed/N` is RSS with ETag and
Last-Modified, 304 when it is asked with either; `/list?page=N` is one of four pages of a list that
never ends; robots.txt asks for a delay where one is given. When each host was asked is written down.
"""

from __future__ import annotations

import asyncio
import hashlib
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from html import escape
from itertools import count, cycle, islice
from multiprocessing import get_context
from multiprocessing.connection import Connection
from urllib.parse import SplitResult, urlsplit

from tests.bench.material import texts

ENTRIES = 20
PAGES = 4
SHARES = 10
MOST_CONNECTIONS = 512
LONGEST_REQUEST = 16 * 1024
_REASONS = {200: "OK", 304: "Not Modified", 404: "Not Found"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Sites:
    """What is served: ``feeds`` feeds whose newest entry is of ``newest``, on ``hosts`` addresses.

    ``crawl_delays`` are the seconds that robots.txt of a host asks for, by address.
    """

    feeds: int
    newest: datetime
    hosts: int = 1
    crawl_delays: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One request: seconds of the server's monotonic clock, the host's address, path, status."""

    at: float
    host: str
    path: str
    status: int


class FeedsServer:
    """The handle of the process that asks."""

    def __init__(self, line: Connection) -> None:
        self._line = line
        self.port: int = line.recv()

    def grow(self, share: int, at: datetime) -> None:
        """Publish one entry on each feed whose number is ``share`` modulo 10."""
        self._line.send(("grow", share, at))
        self._line.recv()

    def asked(self) -> list[Asked]:
        """Return the requests since the last call."""
        self._line.send(("asked",))
        found: list[Asked] = self._line.recv()
        return found

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        """Return the address of a page."""
        return f"http://{host}:{self.port}{path}"


@contextmanager
def serving(sites: Sites) -> Iterator[FeedsServer]:
    """Give a server that ends with the block, or with this process."""
    context = get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_serve, args=(there, sites), daemon=True)
    process.start()
    there.close()  # so that the end of the process is the end of the line
    try:
        yield FeedsServer(here)
    finally:
        process.terminate()
        process.join()
        here.close()


def addresses(count: int) -> list[str]:
    """Return the addresses of the hosts."""
    return [f"127.0.0.{number}" for number in range(1, count + 1)]


@dataclass(slots=True)
class Feed:
    """The newest entries of one feed; the answer is made once after each change."""

    number: int
    published: list[datetime]
    body: bytes = b""
    head: bytes = b""
    etag: str = ""
    modified: str = ""

    @classmethod
    def filled(cls, number: int, newest: datetime) -> Feed:
        """Return a feed with its first entries, ten minutes apart."""
        ages = range(ENTRIES - 1, -1, -1)
        feed = cls(number, [newest - timedelta(minutes=10) * age for age in ages])
        feed.write()
        return feed

    def publish(self, at: datetime) -> None:
        """Add an entry; the oldest one leaves the document."""
        self.published.append(at)
        self.write()

    def write(self) -> None:
        """Make the document and its validators."""
        first = max(0, len(self.published) - ENTRIES)
        begin = self.number * ENTRIES % len(texts())
        supply = islice(cycle(texts()), begin + first, None)
        shown = zip(range(first, len(self.published)), supply, strict=False)
        items = [self._item(place, text) for place, text in shown]
        self.body = (
            '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
            f"<title>频道 {self.number}</title><link>http://feeds.example/{self.number}</link>"
            "<description>测试</description><language>zh-cn</language>\n"
            f"{''.join(reversed(items))}</channel></rss>"
        ).encode()
        self.etag = f'"{hashlib.sha256(self.body).hexdigest()[:16]}"'
        self.modified = format_datetime(self.published[-1].astimezone(UTC), usegmt=True)
        self.head = f"ETag: {self.etag}\r\nLast-Modified: {self.modified}\r\n".encode()

    def _item(self, place: int, text: str) -> str:
        link = f"http://feeds.example/{self.number}/{place}.html"
        return (
            f"<item><title>{escape(text[:20])}</title><link>{link}</link>"
            f'<guid isPermaLink="true">{link}</guid>'
            f"<pubDate>{format_datetime(self.published[place])}</pubDate>"
            f"<description>{escape(text[20:])}</description></item>\n"
        )

    def is_known(self, headers: Mapping[str, str]) -> bool:
        """Return whether the request names the present state (an ETag decides, where there is one)."""
        if told := headers.get("if-none-match"):
            return told == self.etag
        return headers.get("if-modified-since") == self.modified


class Content:
    """What is served at the moment, and what was asked."""

    def __init__(self, sites: Sites) -> None:
        self._sites = sites
        self._feeds = [Feed.filled(number, sites.newest) for number in range(sites.feeds)]
        self._lists = count()
        self.asked: list[Asked] = []

    def grow(self, share: int, at: datetime) -> None:
        """Publish on every tenth feed."""
        for feed in self._feeds[share::SHARES]:
            feed.publish(at)

    def answer(self, host: str, target: str, headers: Mapping[str, str]) -> bytes:
        """Return the bytes that answer a GET, and note the request."""
        status, head, body = self._found(host, urlsplit(target), headers)
        self.asked.append(Asked(at=time.monotonic(), host=host, path=target, status=status))
        start = f"HTTP/1.1 {status} {_REASONS[status]}\r\nContent-Length: {len(body)}\r\n"
        return start.encode() + head + b"\r\n" + body

    def _found(
        self, host: str, target: SplitResult, headers: Mapping[str, str]
    ) -> tuple[int, bytes, bytes]:
        """Return status, header lines and body."""
        _, kind, *rest = target.path.split("/")
        if kind == "feed":
            return _feed(self._feeds[int(rest[0])], headers)
        if kind == "list":
            return 200, _HTML, _list(int(target.query.partition("=")[2] or 1), next(self._lists))
        if kind == "robots.txt" and host in self._sites.crawl_delays:
            delay = self._sites.crawl_delays[host]
            return 200, _TEXT, f"User-agent: *\nCrawl-delay: {delay}\n".encode()
        return 404, _TEXT, b""


_HTML = b"Content-Type: text/html; charset=utf-8\r\n"
_TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
_RSS = b"Content-Type: application/rss+xml; charset=utf-8\r\n"


def _feed(feed: Feed, headers: Mapping[str, str]) -> tuple[int, bytes, bytes]:
    if feed.is_known(headers):
        return 304, feed.head, b""
    return 200, _RSS + feed.head, feed.body


def _list(page: int, asked: int) -> bytes:
    """Return a page of which every item is new, so that a visit turns all pages."""
    items = "".join(f'<li data-id="{asked}-{n}"><p>第 {asked}-{n} 条</p></li>' for n in range(3))
    link = f'<a class="next" href="/list?page={page + 1}">下一页</a>' if page < PAGES else ""
    return f"<html><body><ul>{items}</ul>{link}</body></html>".encode()


class _Talk(asyncio.Protocol):
    """One connection: GET after GET, kept alive."""

    def __init__(self, content: Content, open_now: set[asyncio.Protocol]) -> None:
        self._content = content
        self._open = open_now
        self._buffer = b""
        self._host = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._host = transport.get_extra_info("sockname")[0]
        self._open.add(self)
        if len(self._open) > MOST_CONNECTIONS:
            transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while b"\r\n\r\n" in self._buffer:
            request, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
            self._transport.write(self._answer(request.decode("latin-1")))
        if len(self._buffer) > LONGEST_REQUEST:
            self._transport.abort()

    def _answer(self, request: str) -> bytes:
        first, *lines = request.split("\r\n")
        pairs = (line.partition(":") for line in lines)
        headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
        return self._content.answer(self._host, first.split(" ")[1], headers)


def _serve(line: Connection, sites: Sites) -> None:
    with suppress(KeyboardInterrupt):
        asyncio.run(_serve_until_told(line, Content(sites), sites.hosts))


async def _serve_until_told(line: Connection, content: Content, hosts: int) -> None:
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    open_now: set[asyncio.Protocol] = set()
    taken = _sockets(hosts)
    for one in taken:
        await loop.create_server(lambda: _Talk(content, open_now), sock=one)
    line.send(taken[0].getsockname()[1])

    def told() -> None:
        if not _obey(line, content):
            ended.set()

    loop.add_reader(line.fileno(), told)
    await ended.wait()


def _sockets(hosts: int) -> list[socket.socket]:
    """Return listening sockets of these addresses, all on one port that is free on each."""
    port = 0
    taken = []
    for address in addresses(hosts):
        one = socket.create_server((address, port), backlog=256)
        port = one.getsockname()[1]
        taken.append(one)
    return taken


def _obey(line: Connection, content: Content) -> bool:
    """Do what the other process says; False when it has gone."""
    try:
        told = line.recv()
    except EOFError:
        return False
    if told[0] == "grow":
        content.grow(told[1], told[2])
        line.send(None)
    else:
        found, content.asked = content.asked, []
        line.send(found)
    return True
