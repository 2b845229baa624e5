"""A way out that answers from a table: recorded replies by method, address and query; streams from lists.

    http = Recorded({"https://a.example/posts?page=1": answer([...]), "POST https://a.example/key": answer({})})

A key may leave out ``GET`` and the query (then it answers for every query without a reply of its
own). A list of replies is given in turn, its last one for ever. A reply that is an exception is raised.
A request that nobody wrote down fails the test.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import yaml

SILENCE = object()
"""In a stream: nothing more comes, and the connection stays open. As a stream: it never opens."""


@dataclass
class Answer:
    """One HTTP answer."""

    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    url: str = ""
    permanent_redirect: bool = False


@dataclass
class Request:
    """One request that was made."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes = b""

    @property
    def query(self) -> dict[str, str]:
        """The query's last value of each name."""
        return dict(parse_qsl(urlsplit(self.url).query, keep_blank_values=True))


Reply = Answer | Exception
Replies = Mapping[str, "Reply | Sequence[Reply]"]
Stream = Exception | Sequence[object]


def answer(value: object = None, *, status: int = 200, **headers: str) -> Answer:
    """An answer with ``value`` as its body: bytes and str as they are, anything else as JSON."""
    if isinstance(value, str):
        value = value.encode()
    body = value if isinstance(value, bytes) else json.dumps(value, ensure_ascii=False).encode()
    named = {name.replace("_", "-").lower(): text for name, text in headers.items()}
    return Answer(status=status, headers=named, body=body)


def key_of(key: str) -> str:
    """``METHOD url?sorted=query``, GET where no method is named."""
    method, _, url = key.rpartition(" ")
    parts = urlsplit(url)
    query = urlencode(sorted(parse_qsl(parts.query, keep_blank_values=True)))
    return f"{method or 'GET'} {urlunsplit((parts.scheme, parts.netloc, parts.path, query, ''))}"


class Recorded:
    """A `collectors.base.Http` that answers from a table and notes what was asked in ``requests``."""

    def __init__(
        self,
        replies: Replies | None = None,
        *,
        lines: Mapping[str, Stream | Sequence[Stream]] | None = None,
        messages: Mapping[str, Stream | Sequence[Stream]] | None = None,
    ) -> None:
        self.replies = {key_of(key): _in_turn(value) for key, value in (replies or {}).items()}
        self.line_streams = dict(lines or {})
        self.message_streams = dict(messages or {})
        self.requests: list[Request] = []
        self.opened: list[Request] = []

    @property
    def asked(self) -> list[str]:
        """The addresses asked, in order."""
        return [request.url for request in self.requests]

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        return self._reply(Request("GET", url, dict(headers or {})))

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        return self._reply(Request("POST", url, dict(headers or {}), body))

    @asynccontextmanager
    async def lines(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[str]]:
        yield _played(await self._stream(self.line_streams, url, headers))

    @asynccontextmanager
    async def messages(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        yield _played(await self._stream(self.message_streams, url, headers))

    def _reply(self, request: Request) -> Answer:
        self.requests.append(request)
        exact = key_of(f"{request.method} {request.url}")
        queue = self.replies.get(exact) or self.replies.get(exact.partition("?")[0])
        if queue is None:
            raise AssertionError(f"nobody recorded {exact}; known: {sorted(self.replies)}")
        reply = queue.pop(0) if len(queue) > 1 else queue[0]
        if isinstance(reply, Exception):
            raise reply
        return Answer(reply.status, reply.headers, reply.body, reply.url or request.url)

    async def _stream(
        self, streams: dict[str, object], url: str, headers: Mapping[str, str] | None
    ) -> Sequence[object]:
        self.opened.append(Request("GET", url, dict(headers or {})))
        bare = url.partition("?")[0]
        name = url if url in streams else bare
        if name not in streams:
            raise AssertionError(f"nobody recorded the stream {url}; known: {sorted(streams)}")
        stream = streams[name]
        if stream is SILENCE:
            await asyncio.Event().wait()
        if isinstance(stream, Exception):
            raise stream
        return stream  # type: ignore[return-value]


def _in_turn(value: Reply | Sequence[Reply]) -> list[Reply]:
    return [value] if isinstance(value, Answer | Exception) else list(value)


async def _played(stream: Sequence[object]) -> AsyncIterator:
    """The items one by one; an exception is raised in its turn, after `SILENCE` nothing comes."""
    for item in stream:
        if isinstance(item, Exception):
            raise item
        if item is SILENCE:
            await asyncio.Event().wait()
        yield item


def cassette(path: Path) -> dict[str, list[Answer]]:
    """The replies of a VCR cassette: YAML (Mastodon.py) or JSON (asyncpraw), all methods, in order."""
    text = path.read_text(encoding="utf-8")
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    recorded = json.loads(text) if path.suffix == ".json" else yaml.load(text, Loader=loader)
    replies: dict[str, list[Answer]] = {}
    for interaction in recorded["interactions"]:
        request = interaction["request"]
        replies.setdefault(key_of(f"{request['method']} {request['uri']}"), []).append(
            _answer_of(interaction["response"])
        )
    return replies


def _answer_of(response: Mapping) -> Answer:
    body = response["body"].get("string") or ""
    headers = {
        name.lower(): ", ".join(value) if isinstance(value, list) else value
        for name, value in response["headers"].items()
    }
    return Answer(
        response["status"]["code"], headers, body if isinstance(body, bytes) else body.encode()
    )
