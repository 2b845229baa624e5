"""Redirects that want what we told one host."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from monitor.http import FetchError, GuardedClient
from tests.monitor.loopback import LOOPBACK

KEYS = {
    "X-Api-Key": "s3cr3t", "PRIVATE-TOKEN": "s3cr3t", "Authorization": "s3cr3t", "Cookie": "a=s3cr3t",
}  # fmt: skip


@asynccontextmanager
async def served(host, answer):
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    try:
        yield f"{host}:{site._server.sockets[0].getsockname()[1]}"
    finally:
        await runner.cleanup()


async def told(ask):
    """What a second server is told after the first one redirected there."""
    seen = []

    async def note(request):
        seen.append({name.lower(): value for name, value in request.headers.items()})
        return web.Response(text="here")

    async with served("127.0.0.2", note) as other:

        async def redirect(request):
            return web.Response(status=302, headers={"Location": f"http://{other}/"})

        async with served("127.0.0.1", redirect) as first, GuardedClient(LOOPBACK) as http:
            await ask(http, first)
    return seen


def test_no_key_follows_a_redirect_to_another_host():
    async def ask(http, host):
        await http.get(f"http://{host}/", {"Accept": "text/x", **KEYS})

    seen = asyncio.run(told(ask))
    assert len(seen) == 1
    assert seen[0]["accept"] == "text/x"
    assert "s3cr3t" not in str(seen)


@pytest.mark.parametrize("scheme", ["http", "ws"])
def test_a_stream_follows_no_redirect(scheme):
    async def ask(http, host):
        opening = http.lines if scheme == "http" else http.messages
        with pytest.raises(FetchError, match="HTTP 302"):
            async with opening(f"{scheme}://{host}/", KEYS):
                pass

    assert asyncio.run(told(ask)) == []
