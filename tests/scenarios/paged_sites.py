"""One list of numbered texts, served as five kinds of site page it: real HTTP on loopback."""

from __future__ import annotations

import json
import math
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.scenarios.neighbours import listening

PAGE = 5
"""Items a page, whatever was asked for."""
Query = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Item:
    """One publication."""

    number: int
    at: datetime
    text: str


@dataclass(frozen=True, slots=True)
class Shown:
    """One answer."""

    body: str
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class PagedSite:
    """Serves its items, the newest first, ``PAGE`` at a time; notes every request but robots.txt."""

    kind: str
    items: list[Item] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    port: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def url(self) -> str:
        """The address of the source."""
        return f"http://127.0.0.1:{self.port}{_KINDS[self.kind].path}"

    @property
    def options(self) -> dict[str, Any]:
        """The options of the source."""
        return {"timezone": "Asia/Shanghai", **_KINDS[self.kind].options}

    @property
    def external_ids(self) -> set[str]:
        """What is to be stored of all this."""
        return {_KINDS[self.kind].external_id(item.number) for item in self.items}

    def publish(self, count: int, now: datetime, text: Callable[[int], str]) -> None:
        """Publish items a second apart, the last one second ago."""
        with self._lock:
            for place in range(count):
                number = len(self.items) + 1
                at = now - timedelta(seconds=count - place)
                self.items.append(Item(number, at, text(number)))

    @contextmanager
    def up(self) -> Iterator[PagedSite]:
        """Listen."""
        with listening(self._handler(), self.port) as self.port:
            yield self

    def answer(self, address: str) -> Shown:
        """Return what is at this path and query."""
        parts = urlsplit(address)
        with self._lock:
            newest = self.items[::-1]
        if parts.path == "/robots.txt":
            return Shown("", 404)
        self.asked.append(address)
        return _KINDS[self.kind].answer(parts.path, dict(parse_qsl(parts.query)), newest)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                shown = site.answer(self.path)
                body = shown.body.encode()
                with suppress(OSError):
                    self.send_response(shown.status)
                    for name, value in shown.headers.items():
                        self.send_header(name, value)
                    self.send_header("content-length", str(len(body)))
                    self.end_headers()
                    self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        return Handler


@dataclass(frozen=True, slots=True)
class _Kind:
    path: str
    options: dict[str, Any]
    external_id: Callable[[int], str]
    answer: Callable[[str, Query, list[Item]], Shown]


def _counted(query: Query, items: list[Item]) -> tuple[int, list[Item]]:
    page = int(query.get("page", "1"))
    return page, items[(page - 1) * PAGE : page * PAGE]


def _reviews(path: str, query: Query, items: list[Item]) -> Shown:
    page, shown = _counted(query, items)
    reviews = [
        {
            "@id": f"{_SHOP}#r{item.number}", "@type": "Review", "reviewBody": item.text,
            "datePublished": item.at.isoformat(),
        }
        for item in shown
    ]  # fmt: skip
    product = {
        "@context": "https://schema.org",
        "@type": "Product",
        "name": "车",
        "review": reviews,
    }
    more = (
        f"<a class=next href='/shop?page={page + 1}'>下一页</a>" if len(items) > page * PAGE else ""
    )
    script = f"<script type='application/ld+json'>{json.dumps(product)}</script>"
    return Shown(f"<html><head>{script}</head><body>{more}</body></html>", headers=_HTML)


def _api(path: str, query: Query, items: list[Item]) -> Shown:
    _, shown = _counted(query, items)
    rows = [{"id": item.number, "text": item.text, "time": item.at.timestamp()} for item in shown]
    return Shown(json.dumps({"items": rows}), headers=_JSON)


def _board(path: str, query: Query, items: list[Item]) -> Shown:
    page, shown = _counted(query, items)
    rows = "".join(
        f"<li data-id={item.number}><p>{item.text}</p><time>{item.at.isoformat()}</time></li>"
        for item in shown
    )
    more = f"<a class=next href='?page={page + 1}'>下一页</a>" if len(items) > page * PAGE else ""
    return Shown(f"<html><body><ul>{rows}</ul>{more}</body></html>", headers=_HTML)


def _wordpress(path: str, query: Query, items: list[Item]) -> Shown:
    """Every third item is a comment, the others are posts."""
    is_comments = path.endswith("/comments")
    after, before = query.get("after", query.get("modified_after", "")), query.get("before", "9")
    found = [
        item
        for item in items
        if (item.number % 3 == 0) == is_comments and after < _gmt(item.at) < before
    ]
    page, shown = _counted(query, found)
    if page > 1 and not shown:
        return Shown(json.dumps({"code": "rest_post_invalid_page_number"}), 400, _JSON)
    rows = [_thing(item, is_comments=is_comments) for item in shown]
    pages = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(math.ceil(len(found) / PAGE))}
    return Shown(json.dumps(rows), headers={**_JSON, **pages})


def _thing(item: Item, *, is_comments: bool) -> dict[str, object]:
    row = {
        "id": item.number, "date_gmt": _gmt(item.at), "modified_gmt": _gmt(item.at),
        "content": {"rendered": f"<p>{item.text}</p>"}, "link": f"http://blog.example/{item.number}",
    }  # fmt: skip
    if is_comments:
        return {**row, "status": "approved", "post": 1, "parent": 0, "author_name": "吴"}
    return {**row, "status": "publish", "title": {"rendered": "通报"}}


def _mastodon(path: str, query: Query, items: list[Item]) -> Shown:
    if path == "/api/v2/instance":
        return Shown("{}", headers=_JSON)
    after = int(query.get("min_id", "0")) - _FIRST_STATUS
    newer = [item for item in items if item.number > after]
    shown = newer[-PAGE:] if "min_id" in query else newer[:PAGE]
    link = f'<http://{{}}/?min_id={_FIRST_STATUS + shown[0].number}>; rel="prev"' if shown else ""
    return Shown(json.dumps([_status(item) for item in shown]), headers={**_JSON, "Link": link})


def _status(item: Item) -> dict[str, object]:
    return {
        "id": str(_FIRST_STATUS + item.number), "created_at": item.at.isoformat(), "visibility": "public",
        "content": f"<p>{item.text}</p>", "language": "zh", "account": {"id": "9", "acct": "li"},
        "url": f"https://social.example/@li/{item.number}",
    }  # fmt: skip


def _gmt(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


_SHOP = "https://shop.example/car"
_FIRST_STATUS = 110_000_000_000_000_000
_HTML = {"Content-Type": "text/html; charset=utf-8"}
_JSON = {"Content-Type": "application/json; charset=utf-8"}
_KINDS = {
    "review_page": _Kind(
        "/shop",
        {"next": "a.next", "max_pages": 2},
        lambda number: f"{_SHOP}#r{number}",
        _reviews,
    ),
    "json_api": _Kind(
        "/list?page={page}",
        {
            "items": "items",
            "map": {"id": "id", "text": "text", "created_at": "time"},
            "page": {"type": "page", "max_pages": 2},
        },
        str,
        _api,
    ),
    "html_list": _Kind(
        "/board",
        {
            "item": "li",
            "fields": {"id": {"attr": "data-id"}, "text": "p", "created_at": "time"},
            "next": "a.next::attr(href)",
            "page": {"max_pages": 2},
        },
        str,
        _board,
    ),
    "wordpress": _Kind(
        "/blog",
        {"per_page": PAGE},
        lambda number: f"{'post' if number % 3 else 'comment'}-{number}",
        _wordpress,
    ),
    "mastodon": _Kind("/", {}, lambda number: str(_FIRST_STATUS + number), _mastodon),
}
KINDS = tuple(_KINDS)
