"""The demo from start to end: a fresh installation, the replay, and what came of it."""

from __future__ import annotations

import asyncio
import os
import secrets
import shutil
import socket
import sys
import webbrowser
from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from monitor import auth
from monitor.app import App, StartError, build, utc_now
from monitor.config import Settings
from monitor.demo import report
from monitor.demo.clock import SimulatedClock
from monitor.demo.replay import Service, prepare, replay, stage
from monitor.demo.scenario import BAD_DAY, DAY, FIRST_WEEKDAY, ZONE, Scenario, load
from monitor.demo.server import DemoServer
from monitor.pipeline.analyst import InlineAnalyst
from monitor.serving import serving
from monitor.storage import keys
from monitor.telemetry import setup_logging

LOOPBACK = ip_network("127.0.0.1/32")
MARKER = "demo.marker"
STILL = timedelta(seconds=2)
SPEED = 10.0
HANDED_OVER = timedelta(hours=15, minutes=45)  # red, and not yet over: what the page shows first


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """How the demo was called."""

    directory: Path
    once: bool
    open_browser: bool
    as_json: bool


@dataclass(frozen=True, slots=True)
class _Telling:
    """Where the replay is told, and up to when of the bad day it goes."""

    console: Console
    until: timedelta


async def run(options: DemoOptions) -> int:
    """Replay the crisis; returns 0 if the expected alerts were raised, delivered and verified."""
    setup_logging("ERROR")
    console = Console(stderr=options.as_json, soft_wrap=True)
    scenario = load()
    day0 = first_day(utc_now())
    clock = SimulatedClock(day0)
    listener = socket.create_server(("127.0.0.1", 0))
    app = build(_settings(options.directory, listener), clock=clock, analyst=InlineAnalyst())
    with DemoServer(scenario, clock, day0) as server:
        try:
            await app.open()
            access = _grant(app)
            prepare(app, scenario, server, clock())
            console.print(report.opening(scenario, options.directory, app.settings.port, access))
            async with serving(app, listener) as running:
                if options.open_browser and not options.once and _has_desktop():
                    webbrowser.open(f"http://127.0.0.1:{app.settings.port}/")
                until = DAY if options.once else HANDED_OVER
                service = stage(app, clock, scenario, day0)
                await _play(service, day0, scenario, _Telling(console, until))
                result = report.result(app.database, server.receiver, scenario, day0, clock())
                console.print(report.closing(result))
                if options.as_json:
                    print(result.to_json())  # noqa: T201  # the answer of the command
                if not options.once:
                    console.print(report.invitation(app.settings.port, access))
                    await _go_on(service, running)
        finally:
            await app.stop()
    return 0 if result.is_expected else 1


def _has_desktop() -> bool:
    """Whether there is a screen: without one a text browser would take over the terminal."""
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def first_day(now: datetime) -> datetime:
    """Return the local midnight that puts the bad day on the last full day with the right weekday."""
    today = now.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    back = (today.weekday() - FIRST_WEEKDAY - BAD_DAY - 1) % 7 + 1
    return today - back * DAY - BAD_DAY * DAY


def _settings(directory: Path, listener: socket.socket) -> Settings:
    """A fresh installation in its own directory, which only a demo may have made."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / MARKER).exists():
            raise StartError(
                f"{directory} 不是演示目录,不会清空;请用 --dir 指定别处 · not a demo's directory"
            )
        shutil.rmtree(directory)
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    (directory / MARKER).write_text(
        "made by monitor demo; emptied at its next start\n", encoding="utf-8"
    )
    return Settings(
        data_dir=directory.resolve(),
        database_url=f"sqlite:///{directory.resolve() / 'demo.db'}",
        bus_url="memory://",
        host="127.0.0.1",
        port=listener.getsockname()[1],
        allow_networks=(LOOPBACK,),
        host_pause_seconds=0,
        timezone="Asia/Shanghai",
        admin_token=None,
    )


def _grant(app: App) -> report.Access:
    now = app.clock()
    password = secrets.token_urlsafe(9)
    with app.database.write() as connection:
        keys.set_password(app.database, connection, "admin", auth.hash_password(password), now=now)
    made = auth.create_key(
        app.database, app.secret, name="demo", scopes=[auth.Scope.ADMIN], now=now
    )
    return report.Access(password=password, key=made.text)


async def _play(service: Service, day0: datetime, scenario: Scenario, tell: _Telling) -> None:
    teller = report.Teller(service.app.database, day0)
    columns = (
        TextColumn("回放 {task.fields[at]}"), BarColumn(), MofNCompleteColumn(), TextColumn("条 · posts"),
    )  # fmt: skip
    offsets = [post.offset for post in scenario.posts]
    with Progress(*columns, console=tell.console, transient=True) as bar:
        task = bar.add_task("replay", total=len(offsets), at="")
        async for at in replay(service, day0, tell.until):
            published = bisect_right(offsets, at - day0)
            bar.update(task, completed=published, at=f"{at.astimezone(ZONE):%m-%d %H:%M}")
            for line in teller.news():
                bar.console.print(line)
            await asyncio.sleep(0)


async def _go_on(service: Service, running: asyncio.Task[None]) -> None:
    """Keep the page alive: the bad day goes on, ten times as fast, until somebody stops the demo."""
    service.clock.run_on(SPEED)
    while not running.done():
        await service.step()
        await asyncio.wait({running}, timeout=STILL.total_seconds())
