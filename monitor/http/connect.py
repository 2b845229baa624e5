"""Connecting under an address policy: the guard at the places where aiohttp picks an address."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from monitor.http.addresses import AddressPolicy

if TYPE_CHECKING:
    from aiohttp.client_proto import ResponseHandler
    from aiohttp.client_reqrep import ClientRequest
    from aiohttp.tracing import Trace

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

RESOLVE_SECONDS = 5.0
CONNECTIONS = 100
KEEP_ALIVE_SECONDS = 30.0


async def resolve_by_system(host: str, port: int) -> Sequence[str]:
    """Return every address the system gives for ``host``, with the zone id where it has one."""
    loop = asyncio.get_running_loop()
    infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [_literal(family, address) for family, _, _, _, address in infos]


def _literal(family: int, address: Sequence[object]) -> str:
    host = str(address[0])
    if family == socket.AF_INET6 and "%" not in host and len(address) > 3 and address[3]:
        return f"{host}%{address[3]}"
    return host


class Refusal(Exception):
    """The policy refuses an address; not an OSError, so that nobody tries the next address."""


class GuardedResolver(AbstractResolver):
    """Resolves a name once and refuses it unless all of its addresses pass."""

    def __init__(self, policy: AddressPolicy, resolve: Resolve) -> None:
        self._policy = policy
        self._resolve = resolve

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of ``host``.

        Raises:
            Refusal: one of them is refused.
            OSError: the name is unknown, or answered too late.
        """
        async with asyncio.timeout(RESOLVE_SECONDS):
            addresses = await self._resolve(host, port)
        if not addresses:
            raise OSError(f"{host} has no address")
        if why := self._policy.refusal_of_any(addresses, port):
            raise Refusal(why)
        return [_result(host, port, address) for address in dict.fromkeys(addresses)]

    async def close(self) -> None:
        """Do nothing: there is nothing to close."""


def _result(host: str, port: int, address: str) -> ResolveResult:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=address, port=port, family=family, proto=0, flags=flags
    )


class GuardedConnector(aiohttp.TCPConnector):
    """A connector whose every socket and every peer is checked.

    aiohttp does not ask the resolver for IP literals, so each socket is checked where it is
    made, by the address it is made for; and the peer once more after connecting.
    """

    def __init__(self, policy: AddressPolicy, resolve: Resolve, tls: ssl.SSLContext) -> None:
        self._policy = policy
        super().__init__(
            resolver=GuardedResolver(policy, resolve),
            ssl=tls,
            limit=CONNECTIONS,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            socket_factory=self._checked_socket,
        )

    def _checked_socket(self, info: aiohttp.AddrInfoType) -> socket.socket:
        family, kind, proto, _, address = info
        self._check(_literal(family, address), int(address[1]))
        made = socket.socket(family, kind, proto)
        made.setblocking(False)
        return made

    async def _create_connection(
        self,
        req: ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109  # aiohttp's signature
    ) -> ResponseHandler:
        protocol = await super()._create_connection(req, traces, timeout)
        peer = protocol.transport and protocol.transport.get_extra_info("peername")
        try:
            self._check(str(peer[0]) if peer else "", int(peer[1]) if peer else 0)
        except Refusal:
            protocol.close()
            raise
        return protocol

    def _check(self, address: str, port: int) -> None:
        if why := self._policy.refusal(address, port):
            raise Refusal(why)
