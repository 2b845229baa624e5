"""A loopback server for tests of the guarded client, and ways to run and resolve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network

LOOPBACK = (ip_network("127.0.0.0/8"),)

Answer = Callable[[str, bytes], bytes]


class Sentinel:
    """A loopback server that notes every connection and answers what it is told to."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.connections = 0
        self.requests: list[bytes] = []
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await _head(reader):
                self.requests.append(head)
                path = head.split(b" ")[1].decode()
                writer.write(self.answer(path, head))
                await writer.drain()
                if b"connection: close" in self.answer(path, head)[:400].lower():
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _head(reader: asyncio.StreamReader) -> bytes:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return b""
    for line in head.split(b"\r\n"):
        if line.lower().startswith(b"content-length:"):
            head += await reader.readexactly(int(line.split(b":")[1]))
    return head


@asynccontextmanager
async def sentinel(answer: Answer = lambda path, head: reply()) -> AsyncIterator[Sentinel]:
    watch = Sentinel(answer)
    server = await asyncio.start_server(watch.serve, "127.0.0.1", 0)
    watch.port = server.sockets[0].getsockname()[1]
    try:
        yield watch
    finally:
        server.close()


def reply(body: bytes = b"ok", status: str = "200 OK", **headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def run(test: Awaitable[None]) -> None:
    async def whole() -> None:
        await test

    asyncio.run(whole())


def answers(*addresses: str) -> Callable[[str, int], Awaitable[Sequence[str]]]:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return addresses

    return resolve
