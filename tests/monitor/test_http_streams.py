"""Answers that never end, through the guard: lines of server-sent events, messages of websockets."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from monitor.http import FetchError, GuardedClient, RefusedAddress
from tests.monitor.loopback import LOOPBACK


async def events(request):
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    for part in (b"event: upd", b"ate\r\ndata: \xe4\xba\x91", b"\xe9\x9b\x80\r\n\r\n:thump"):
        await answer.write(part)
    return answer


async def endless(request):
    answer = web.StreamResponse()
    await answer.prepare(request)
    for _ in range(40):
        await answer.write(b"x" * 65_536)
    return answer


async def socket(request):
    made = web.WebSocketResponse()
    await made.prepare(request)
    await made.send_str("一")
    await made.send_bytes(b"\x02")
    await made.close()
    return made


async def refused(request):
    return web.Response(status=int(request.match_info["status"]))


@asynccontextmanager
async def served():
    app = web.Application()
    app.router.add_get("/events", events)
    app.router.add_get("/endless", endless)
    app.router.add_get("/socket", socket)
    app.router.add_get("/refused/{status}", refused)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"127.0.0.1:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


def test_lines_come_whole_however_they_were_sent():
    async def whole():
        async with (
            served() as host,
            GuardedClient(LOOPBACK) as http,
            http.lines(f"http://{host}/events") as lines,
        ):
            return [line async for line in lines]

    assert asyncio.run(whole()) == ["event: update", "data: 云雀", "", ":thump"]


def test_messages_come_as_bytes_and_end_with_the_socket():
    async def whole():
        async with (
            served() as host,
            GuardedClient(LOOPBACK) as http,
            http.messages(f"ws://{host}/socket") as messages,
        ):
            return [message async for message in messages]

    assert asyncio.run(whole()) == ["一".encode(), b"\x02"]


@pytest.mark.parametrize("status", [401, 404, 302, 429, 503])
@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_refusal_names_its_status(status, scheme):
    async def whole():
        async with served() as host, GuardedClient(LOOPBACK) as http:
            url = f"{scheme}://{host}/refused/{status}"
            opened = http.lines(url) if scheme == "http" else http.messages(url)
            async with opened:
                pass

    with pytest.raises(FetchError, match=f"HTTP {status}") as refused:
        asyncio.run(whole())
    assert refused.value.retryable is (status in (429, 503))


def test_a_line_without_an_end_is_cut_off():
    async def whole():
        async with (
            served() as host,
            GuardedClient(LOOPBACK) as http,
            http.lines(f"http://{host}/endless") as lines,
        ):
            async for _ in lines:
                pass

    with pytest.raises(FetchError, match="1 MB"):
        asyncio.run(whole())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "ws://127.0.0.1:9/", "ws://localhost:9/"])
def test_private_addresses_are_refused_for_streams_too(url):
    async def whole():
        async with GuardedClient() as http:
            opened = http.messages(url) if url.startswith("ws") else http.lines(url)
            async with opened:
                pass

    with pytest.raises(RefusedAddress):
        asyncio.run(whole())


def test_another_scheme_is_no_stream():
    async def whole():
        async with GuardedClient() as http, http.messages("file:///etc/passwd"):
            pass

    with pytest.raises(FetchError):
        asyncio.run(whole())
