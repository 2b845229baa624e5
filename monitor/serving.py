"""Listening for requests: the first keys, the address rule, and uvicorn under our own signals."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import signal
import socket
import sys
from collections.abc import AsyncIterator, Iterator

import uvicorn

from monitor import auth
from monitor.api.stream import streams_in
from monitor.app import App, StartError
from monitor.storage import keys

ADMIN = "admin"
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class _Server(uvicorn.Server):
    """uvicorn without its signal handling: it would raise SIGTERM again before our own end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def require_safe_address(app: App) -> None:
    """Refuse to be reachable from other machines while there is no key."""
    if app.settings.binds_loopback or app.settings.admin_token is not None:
        return
    with app.database.read() as connection:
        if keys.any_active(connection, now=app.clock()):
            return
    raise StartError(
        f"MONITOR_HOST={app.settings.host} 可从其他机器访问,但还没有任何密钥;请先设置 MONITOR_ADMIN_TOKEN,"
        "或在本机启动一次以生成密钥 (set MONITOR_ADMIN_TOKEN first, or start once on loopback)"
    )


def first_keys(app: App) -> None:
    """At the very first start make an admin key and a password; each is shown once, on stderr."""
    now = app.clock()
    with app.database.read() as connection:
        needs_key = app.settings.admin_token is None and not keys.page(connection)
        needs_person = not keys.any_person(connection)
    if needs_key:
        scopes = [auth.Scope.ADMIN]
        made = auth.create_key(app.database, app.secret, name=ADMIN, scopes=scopes, now=now)
        path = app.settings.data_dir / "admin.key"
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(made.text + "\n")
        _say(f"管理密钥已写入 · admin key written to {path} (0600)")
    if needs_person:
        password = secrets.token_urlsafe(12)
        with app.database.write() as connection:
            hashed = auth.hash_password(password)
            keys.set_password(app.database, connection, ADMIN, hashed, now=now)
        _say(f"首次登录 · first sign-in: 用户 {ADMIN} 口令 {password}  (只显示一次 · shown once)")


@contextlib.asynccontextmanager
async def serving(app: App, listener: socket.socket) -> AsyncIterator[asyncio.Task[None]]:
    """Serve API and pages on this socket; the task given ends at SIGTERM or SIGINT."""
    web = app.web()
    config = uvicorn.Config(
        web,
        log_config=None,
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=5,
        server_header=False,
        proxy_headers=False,
    )
    server = _Server(config)
    streams = streams_in(web)

    def stop() -> None:
        streams.stop()  # an open stream would hold the server up
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for name in STOP_SIGNALS:
        loop.add_signal_handler(name, stop)
    task = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield task
    finally:
        stop()
        await task
        for name in STOP_SIGNALS:
            loop.remove_signal_handler(name)


async def serve(app: App) -> None:
    """Start everything, listen until told to stop, stop everything."""
    try:
        listener = socket.create_server((app.settings.host, app.settings.port), backlog=512)
    except OSError as error:
        raise StartError(
            f"{app.settings.host}:{app.settings.port} 无法监听({error.strerror});端口被占用时请设置 MONITOR_PORT"
            " · cannot listen there; set MONITOR_PORT"
        ) from error
    try:
        await app.start()
        require_safe_address(app)
        first_keys(app)
        async with serving(app, listener) as running:
            port = listener.getsockname()[1]
            _say(f"见微 Jianwei  http://{app.settings.host}:{port}  (API: /docs)")
            await running
    finally:
        listener.close()
        await app.stop()


async def work(app: App) -> None:
    """Run the loops without the API until SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for name in STOP_SIGNALS:
        loop.add_signal_handler(name, stopping.set)
    try:
        await app.start()
        await stopping.wait()
    finally:
        await app.stop()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201  # what the operator must see once
