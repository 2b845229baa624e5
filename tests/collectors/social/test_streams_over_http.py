"""Both streams over real sockets: leaving a stream that goes on, and one that is cut."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from ipaddress import ip_network

import pytest
from aiohttp import web

from collectors.model import Outcome, Poll, SourceState
from collectors.social.bluesky import BlueskyCollector
from collectors.social.listening import Patience
from collectors.social.mastodon import MastodonCollector
from monitor.http import GuardedClient
from tests.collectors.social import synthetic_bluesky, synthetic_mastodon
from tests.collectors.social.synthetic_mastodon import NOW, status

PATIENCE = Patience(longest=5.0, after_first=0.05)
Visit = Callable[[str, GuardedClient], Awaitable[Poll]]


def visited(app: web.Application, visit: Visit) -> Poll:
    async def run() -> Poll:
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        try:
            async with GuardedClient(allow=[ip_network("127.0.0.0/8")]) as http:
                return await visit(f"{host}:{port}", http)
        finally:
            await runner.cleanup()

    return asyncio.run(run())


def mastodon(*, token: str = "s3cret") -> web.Application:
    async def instance(request: web.Request) -> web.Response:
        urls = {"streaming": f"ws://{request.host}"}
        return web.json_response({"configuration": {"urls": urls}})

    async def public(_request: web.Request) -> web.Response:
        return web.json_response([status(100)])

    async def stream(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Bearer {token}":
            return web.json_response({"error": "Missing access token"}, status=401)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        text = json.dumps(status(101), ensure_ascii=False)
        for piece in (b":)\n", b"\nevent: upd", b"ate\ndata: ", text.encode(), b"\n\n"):
            await response.write(piece)
        await asyncio.sleep(30)
        return response

    app = web.Application()
    app.router.add_get("/api/v2/instance", instance)
    app.router.add_get("/api/v1/timelines/public", public)
    app.router.add_get("/api/v1/streaming/public", stream)
    return app


@pytest.mark.parametrize(
    ("token", "ids", "state"),
    [("s3cret", {"100", "101"}, SourceState.OK), ("wrong", {"100"}, None)],
    ids=["listened to", "refused"],
)
def test_server_sent_events(token: str, ids: set[str], state: SourceState | None) -> None:
    async def visit(host: str, http: GuardedClient) -> Poll:
        of = synthetic_mastodon.source({"streaming": True}, token=token)
        of = replace(of, url=f"http://{host}")
        return await MastodonCollector(PATIENCE).collect(of, slot=NOW, http=http, now=NOW)

    poll = visited(mastodon(), visit)
    assert {post.external_id for post in poll.posts} == ids
    assert poll.state is state or (state is None and poll.state is not SourceState.OK)
    assert token not in repr(poll)


@pytest.mark.parametrize("goes_on", [True, False], ids=["goes on", "is cut"])
def test_a_websocket(goes_on: bool) -> None:
    async def subscribe(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(synthetic_bluesky.frame("a", 9, "天气").decode())
        await socket.send_bytes(synthetic_bluesky.frame("b", 8))
        if goes_on:
            await asyncio.sleep(30)
        elif request.transport:
            request.transport.abort()
        return socket

    async def visit(host: str, http: GuardedClient) -> Poll:
        options = {"mode": "stream", "keywords": ["云雀"], "jetstream": f"ws://{host}/subscribe"}
        of = synthetic_bluesky.source(options)
        return await BlueskyCollector(PATIENCE).collect(of, slot=NOW, http=http, now=NOW)

    app = web.Application()
    app.router.add_get("/subscribe", subscribe)
    poll = visited(app, visit)
    if goes_on:
        assert [post.external_id for post in poll.posts] == [synthetic_bluesky.uri("b")]
        assert poll.outcome is Outcome.NEW
    assert poll.posts or poll.outcome is Outcome.FAILED
