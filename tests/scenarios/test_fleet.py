"""The same program on PostgreSQL and NATS, a role or two a process: from a feed to a webhook."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import uuid
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

import psycopg
import pytest

from monitor.bus_nats import nats_bus
from tests.scenarios.neighbours import SECRET, Page, Receiver, Site
from tests.scenarios.service import MONITOR, Service, clean_environment, eventually, wall_clock

NATS = "nats://127.0.0.1:4222"
ITEM = "<item><guid>{n}</guid><title>青禾手机电池起火,客服推脱,太差了 {n}</title><pubDate>{at}</pubDate></item>"


@pytest.fixture
def fleet_settings(postgres_server: str) -> Iterator[Mapping[str, str]]:
    """A migrated PostgreSQL database and a stream of its own, as settings."""
    try:
        socket.create_connection(("127.0.0.1", 4222), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI"):
            pytest.fail(f"NATS is missing in CI: {error}")
        pytest.skip("no NATS server on 127.0.0.1:4222: the fleet is not tried here")
    name = f"jianwei_fleet_{uuid.uuid4().hex[:10]}"
    root = postgres_server.replace("postgresql:", "postgresql+psycopg:").rsplit("/", 1)[0]
    bus_url = f"{NATS}/FLEET_{uuid.uuid4().hex[:10].upper()}"
    with psycopg.connect(postgres_server, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name}")
        try:
            yield {
                "DATABASE_URL": f"{root}/{name}", "BUS_URL": bus_url, "SECRET_KEY": "one secret for all processes",
            }  # fmt: skip
        finally:
            asyncio.run(forget(bus_url))
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


async def forget(url: str) -> None:
    bus = nats_bus(url)
    await bus.open()
    await bus.forget()
    await bus.close()


def test_a_feed_becomes_a_verified_webhook_over_five_processes(
    new_service: Callable[..., Service],
    fleet_settings: Mapping[str, str],
    receiver: Receiver,
    site: Site,
) -> None:
    early = new_service(**fleet_settings, ROLES="api")
    early.launch()
    assert early.process.wait(30) == 1  # nobody has made the tables yet, and it says so
    assert "monitor db upgrade" in early.log
    upgrade = clean_environment(**fleet_settings, DATA_DIR=str(early.directory))
    subprocess.run([MONITOR, "db", "upgrade"], env=upgrade, check=True, capture_output=True)

    api = new_service(**fleet_settings, ROLES="api")
    api.start()
    for roles in ("collect,analyse", "collect,analyse", "alert,dispatch", "housekeeping"):
        new_service(**fleet_settings, ROLES=roles).launch()

    api.post("/keyword-lists", {"name": "青禾", "aliases": ["青禾"], "kind": "brand"})
    channel = {"name": "值班", "url": receiver.url, "secret": SECRET, "min_tier": "blue"}
    api.post("/channels", channel)
    now = wall_clock()
    items = [
        ITEM.format(n=n, at=f"{now - timedelta(minutes=n):%a, %d %b %Y %H:%M:%S +0000}")
        for n in range(40)
    ]
    feed = f"<?xml version='1.0'?><rss version='2.0'><channel><title>t</title>{''.join(items)}</channel></rss>"
    site.pages["/feed.xml"] = Page(feed.encode(), {"content-type": "application/rss+xml"})
    api.post("/sources", {"name": "论坛", "kind": "feed", "url": site.url("/feed.xml")})

    eventually(lambda: receiver.received, seconds=30, what="a webhook")
    assert receiver.received[0].is_genuine
    assert receiver.received[0].json["type"] == "alert.opened"
    assert len(api.get("/posts?limit=100")["data"]) == 40
    (alert,) = api.get("/alerts")["data"]
    assert alert["state"] == "open"
