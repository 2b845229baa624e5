"""Answers that never end: server-sent events line by line, and websockets message by message.

They go through the guarded session like everything else: each socket is checked where it is made.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp

from monitor.http.errors import FetchError, Reason
from monitor.http.trouble import reason_of

CONNECT_SECONDS = 10.0
SILENCE_SECONDS = 75.0  # heartbeats come every 15 to 30 s
LINE_BYTES = 1024 * 1024
MESSAGE_BYTES = 1024 * 1024
_MAY_PASS = frozenset({408, 425, 429})
_SERVER_TROUBLE = 500
Session = aiohttp.ClientSession  # noqa: TID251  # the type; it is made in monitor.http.client
_TROUBLE = (aiohttp.ClientError, ValueError, OSError, TimeoutError)
_TIMEOUT = aiohttp.ClientTimeout(
    total=None, sock_connect=CONNECT_SECONDS, sock_read=SILENCE_SECONDS
)


class Redirected(aiohttp.ClientError):
    """aiohttp was about to follow a redirect by itself, unchecked and with all of our headers."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def no_redirects() -> aiohttp.TraceConfig:
    """Return the tracing of a session that follows no redirect: opening a websocket cannot say so itself."""

    async def refuse(  # aiohttp awaits it
        _session: Session, _context: object, told: aiohttp.TraceRequestRedirectParams
    ) -> None:
        raise Redirected(told.response.status)

    tracing = aiohttp.TraceConfig()
    tracing.on_request_redirect.append(refuse)
    return tracing


@asynccontextmanager
async def lines_of(
    session: Session, url: str, headers: Mapping[str, str]
) -> AsyncIterator[AsyncIterator[str]]:
    """Yield the lines of an endless answer, without their ends.

    Raises:
        FetchError: it was refused (the text names the status), broke, or sent a line over 1 MB.
    """
    try:
        response = await session.get(url, headers=headers, timeout=_TIMEOUT, allow_redirects=False)
    except _TROUBLE as trouble:
        raise FetchError(reason_of(trouble), url) from None
    async with response:
        if response.status != 200:
            raise _refused(url, response.status)
        yield _lines(response, url)


def _refused(url: str, status: int) -> FetchError:
    error = FetchError(Reason.REFUSED, url, f"HTTP {status}")
    error.retryable = status in _MAY_PASS or status >= _SERVER_TROUBLE
    return error


async def _lines(response: aiohttp.ClientResponse, url: str) -> AsyncIterator[str]:
    begun: list[bytes] = []  # joined when the line ends: it may come byte by byte
    size = 0
    try:
        async for chunk in response.content.iter_any():
            begun.append(chunk)
            size += len(chunk)
            if b"\n" in chunk:
                *whole, rest = b"".join(begun).split(b"\n")
                begun, size = [rest], len(rest)
                for line in whole:
                    yield line.removesuffix(b"\r").decode("utf-8", "replace")
            if size > LINE_BYTES:
                raise FetchError(Reason.TOO_LARGE, url, "a line over 1 MB")
    except _TROUBLE as trouble:
        raise FetchError(reason_of(trouble), url) from None
    if size:
        yield b"".join(begun).decode("utf-8", "replace")


@asynccontextmanager
async def messages_of(
    session: Session, url: str, headers: Mapping[str, str]
) -> AsyncIterator[AsyncIterator[bytes]]:
    """Yield the messages of a websocket; ``url`` begins with http(s) here.

    Raises:
        FetchError: it was refused, broke, or sent a message over 1 MB.
    """
    try:
        socket = await session.ws_connect(
            url,
            headers=headers,
            max_msg_size=MESSAGE_BYTES,
            timeout=aiohttp.ClientWSTimeout(ws_receive=SILENCE_SECONDS, ws_close=2.0),
        )
    except (aiohttp.WSServerHandshakeError, Redirected) as refused:
        raise _refused(url, refused.status) from None
    except _TROUBLE as trouble:
        raise FetchError(reason_of(trouble), url) from None
    async with socket:
        yield _messages(socket, url)


async def _messages(
    socket: aiohttp.ClientWebSocketResponse[bool], url: str
) -> AsyncIterator[bytes]:
    while True:
        try:
            message = await socket.receive()
        except _TROUBLE as trouble:
            raise FetchError(reason_of(trouble), url) from None
        if message.type is aiohttp.WSMsgType.TEXT:
            yield message.data.encode()
        elif message.type is aiohttp.WSMsgType.BINARY:
            yield message.data
        elif message.type is aiohttp.WSMsgType.ERROR:
            raise FetchError(Reason.PROTOCOL, url, "the websocket broke")
        elif message.type in (
            aiohttp.WSMsgType.CLOSE,
            aiohttp.WSMsgType.CLOSING,
            aiohttp.WSMsgType.CLOSED,
        ):
            return
