"""The one client for everything that leaves the process."""

from __future__ import annotations

import asyncio
import re
import ssl
import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Self

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from monitor.http.addresses import PUBLIC_PORTS, AddressPolicy, IPNetwork
from monitor.http.body import read_body
from monitor.http.connect import GuardedConnector, Refusal, Resolve, resolve_by_system
from monitor.http.errors import FetchError, Reason, RefusedAddress
from monitor.http.streams import Session, lines_of, messages_of, no_redirects
from monitor.http.trouble import reason_of
from monitor.http.urls import checked_url, follow, headers_for_next_hop, is_literal

CONNECT_SECONDS = 5.0
FIRST_BYTE_SECONDS = 10.0
WALL = timedelta(seconds=15)
REDIRECTS = 5
HEADER_BYTES = 64 * 1024
HEADER_COUNT = 100
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PERMANENT = frozenset({301, 308})
_TROUBLE = (httpx.HTTPError, httpx.InvalidURL, aiohttp.ClientError, ValueError, OSError)
_NO_BODY = frozenset({204, 304})
_WEBSOCKET = re.compile(r"^ws(s?)://", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, read whole.

    ``headers`` has lower-case names. ``url`` is where the answer came from;
    ``permanent_redirect`` says that every hop on the way there was a 301 or 308 (and that
    there was one).
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    permanent_redirect: bool = False


class GuardedClient:
    """An HTTP client that reaches public addresses only. An async context manager.

    Args:
        allow: networks of the operator: reachable although private, and on every port.
        user_agent: sent with every request.
        ports: ports of public addresses that may be reached.
        resolve: answers the addresses of a host name.
    """

    def __init__(
        self,
        allow: Sequence[IPNetwork] = (),
        user_agent: str = "Jianwei",
        *,
        ports: frozenset[int] = PUBLIC_PORTS,
        resolve: Resolve = resolve_by_system,
    ) -> None:
        self._policy = AddressPolicy(allow=tuple(allow), ports=ports)
        self._resolve = resolve
        self._defaults = {"User-Agent": user_agent, "Accept": "*/*", "Accept-Encoding": "gzip"}
        self._transport: AiohttpTransport | None = None
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        tls = httpx.create_ssl_context(trust_env=False)
        tls.load_default_certs(ssl.Purpose.SERVER_AUTH)  # the operator's own authorities
        session = self._session = aiohttp.ClientSession(  # noqa: TID251  # the one place
            connector=GuardedConnector(self._policy, self._resolve, tls),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            auto_decompress=False,
            trace_configs=[no_redirects()],
        )
        # No httpx client around it: its redirects, cookies, sign-ins and logging of whole URLs
        # are what we do not want, and a quarter of the processor time of a small request.
        self._transport = AiohttpTransport(verify=tls, trust_env=False, client=session)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = self._session = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a GET, following at most five redirects, each hop checked.

        Raises:
            RefusedAddress: the host, or a host redirected to, is not one we connect to.
            FetchError: no answer, or one that breaks a cap.
        """
        async with _wall(url, WALL):
            return await self._get(checked_url(url), {**self._defaults, **(headers or {})})

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = WALL,  # noqa: ASYNC109  # a port's parameter, enforced below
    ) -> Reply:
        """Return the answer to a POST; a redirect is an answer and is not followed.

        Raises:
            RefusedAddress: the host is not one we connect to.
            FetchError: no answer, or one that breaks a cap.
        """
        async with _wall(url, timeout):
            target = checked_url(url)
            return await self._once("POST", target, {**self._defaults, **(headers or {})}, body)

    @asynccontextmanager
    async def lines(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[str]]:
        """Open an answer that never ends and yield its lines; redirects are refused.

        Raises:
            RefusedAddress: the host is not one we connect to.
            FetchError: no answer, or another status than 200.
        """
        asked = {**self._defaults, "Accept": "text/event-stream", "Accept-Encoding": "identity"}
        with _refusals(url):
            session, target = self._stream_to(url)
            async with lines_of(session, target, {**asked, **(headers or {})}) as lines:
                yield lines

    @asynccontextmanager
    async def messages(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open a websocket (``ws://`` or ``wss://``) and yield its messages.

        Raises:
            RefusedAddress: the host is not one we connect to.
            FetchError: no answer, or no websocket.
        """
        user_agent = {"User-Agent": self._defaults["User-Agent"]}
        with _refusals(url):
            session, target = self._stream_to(_WEBSOCKET.sub(r"http\1://", url, count=1))
            async with messages_of(session, target, {**user_agent, **(headers or {})}) as messages:
                yield messages

    def _stream_to(self, url: str) -> tuple[Session, str]:
        target = checked_url(url)
        self._refuse_literal(target)
        if self._session is None:
            raise RuntimeError("GuardedClient is used outside of `async with`")
        return self._session, str(target)

    async def _get(self, url: httpx.URL, headers: dict[str, str]) -> Reply:
        permanent = True
        for hop in range(REDIRECTS + 1):
            reply = await self._once("GET", url, headers)
            location = reply.headers.get("location")
            if reply.status not in _REDIRECTS or not location:
                return _with_history(reply, permanent=permanent and hop > 0)
            permanent = permanent and reply.status in _PERMANENT
            target = follow(url, location)
            headers = headers_for_next_hop(headers, url, target)
            url = target
        raise FetchError(Reason.TOO_MANY_REDIRECTS, str(url), f"more than {REDIRECTS}")

    async def _once(
        self, method: str, url: httpx.URL, headers: Mapping[str, str], body: bytes | None = None
    ) -> Reply:
        self._refuse_literal(url)
        transport = self._running()
        try:
            request = httpx.Request(
                method,
                url,
                # As bytes: an ETag goes back as it came, ASCII or not.
                headers=[(name.encode(), value.encode()) for name, value in headers.items()],
                content=body,
                extensions={"timeout": {"connect": CONNECT_SECONDS, "read": FIRST_BYTE_SECONDS}},
            )
            response = await transport.handle_async_request(request)
            try:
                return await _read(response, str(url))
            finally:
                await response.aclose()
        except Refusal as refused:
            raise RefusedAddress(str(url), str(refused)) from None
        except _TROUBLE as trouble:
            # `from None`: the texts of httpx and aiohttp carry the whole URL.
            raise FetchError(reason_of(trouble), str(url)) from None

    def _refuse_literal(self, url: httpx.URL) -> None:
        port = url.port or (443 if url.scheme == "https" else 80)
        if is_literal(url.host) and (why := self._policy.refusal(url.host, port)):
            raise RefusedAddress(str(url), why)

    def _running(self) -> AiohttpTransport:
        if self._transport is None:
            raise RuntimeError("GuardedClient is used outside of `async with`")
        return self._transport


@contextmanager
def _refusals(url: str) -> Iterator[None]:
    try:
        yield
    except Refusal as refused:
        raise RefusedAddress(url, str(refused)) from None


def _with_history(reply: Reply, *, permanent: bool) -> Reply:
    return replace(reply, permanent_redirect=True) if permanent else reply


async def _read(response: httpx.Response, url: str) -> Reply:
    raw = response.headers.raw
    if len(raw) > HEADER_COUNT or sum(len(k) + len(v) for k, v in raw) > HEADER_BYTES:
        raise FetchError(Reason.TOO_LARGE, url, "too many headers")
    headers = dict(response.headers.items())  # without it each name is searched for on its own
    body = b""
    if response.status_code not in _NO_BODY | _REDIRECTS:
        coding = headers.get("content-encoding", "")
        body = await read_body(response.aiter_raw(), coding=coding, url=url, clock=time.monotonic)
    return Reply(status=response.status_code, headers=headers, body=body, url=url)


@asynccontextmanager
async def _wall(url: str, limit: timedelta) -> AsyncIterator[None]:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            yield
    except TimeoutError:
        raise FetchError(
            Reason.TIMEOUT, url, f"no whole answer within {limit.total_seconds():g} s"
        ) from None
