"""The whole service inside the test, under a clock that is set by hand: days pass in seconds."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from pydantic import SecretStr

from monitor.app import App, build
from monitor.config import Settings
from monitor.demo.clock import SimulatedClock
from monitor.http import GuardedClient
from monitor.http.client import Reply
from monitor.pipeline.analyst import InlineAnalyst

with warnings.catch_warnings():
    # starlette would like its client over httpx2; httpx is what the project ships
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

ADMIN_TOKEN = "an-admin-token-of-the-stations-0123456789"
SECRET_KEY = "one secret of an installation, kept over restarts"
NO_PAUSE = timedelta(0)

Host = Callable[[str, str, Mapping[str, str], bytes], Reply]
"""Answers (method, URL, headers, body)."""


class Web(GuardedClient):
    """The way out without a network: every host answers in process."""

    def __init__(self) -> None:
        super().__init__()
        self.hosts: dict[str, Host] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        """There is nothing to close."""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        return self._answer("GET", url, headers, b"")

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = NO_PAUSE,  # noqa: ASYNC109  # the client's signature
    ) -> Reply:
        return self._answer("POST", url, headers, body)

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str] | None, body: bytes
    ) -> Reply:
        host = self.hosts[urlsplit(url).netloc]
        return host(method, url, headers or {}, body)


def app_over(
    database_url: str,
    directory: Path,
    clock: Callable[[], datetime],
    http: GuardedClient | None = None,
) -> App:
    """Return the application over an existing database; loopback may be read, without pauses."""
    settings = Settings(
        data_dir=directory,
        database_url=database_url,
        bus_url="memory://",
        host_pause_seconds=0,
        timezone="Asia/Shanghai",
        admin_token=SecretStr(ADMIN_TOKEN),
        secret_key=SecretStr(SECRET_KEY),
        allow_networks=(ip_network("127.0.0.0/8"),),
    )
    return build(settings, clock=clock, analyst=InlineAnalyst(), http=http)


async def store(app: App) -> None:
    """Understand and store what waits on the bus."""
    while await app.analyse(timedelta(0)):
        pass


async def collect(app: App) -> None:
    """Visit what is due and store what it brings, until nothing is due."""
    while await app.collector.collect_due():
        await app.collector.drain()
        await store(app)


async def decide(app: App) -> None:
    """Judge what changed and send what follows from it."""
    while await app.evaluator.evaluate():
        pass
    while await app.dispatcher.dispatch_due():
        await app.dispatcher.drain()


@dataclass(slots=True)
class Station:
    """A service, its clock, the web around it, and its API. A context manager."""

    database_url: str
    directory: Path
    clock: SimulatedClock
    web: Web = field(default_factory=Web)
    app: App = field(init=False)
    api: TestClient = field(init=False)
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)

    def __enter__(self) -> Self:
        self.app = app_over(self.database_url, self.directory, self.clock, self.web)
        self._runner.run(self.app.open())
        key = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        self.api = TestClient(self.app.web(), base_url="http://127.0.0.1", headers=key)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.api.close()
        self._runner.run(self.app.stop())
        self._runner.close()

    @property
    def now(self) -> datetime:
        return self.clock()

    def step(self, at: datetime) -> None:
        """Do what the loops of ``monitor serve`` would have done by ``at``, each at least once."""
        self.clock.set(at)
        self._runner.run(self._step())

    async def _step(self) -> None:
        await collect(self.app)
        await decide(self.app)
        if await self.app.watcher.watch_sources():
            await decide(self.app)

    def get(self, path: str, **query: Any) -> Any:
        """Return what a GET of ``/api/v1`` + ``path`` answers."""
        return self._good(self.api.get(f"/api/v1{path}", params=query))

    def post(self, path: str, body: object = None) -> Any:
        """Return what a POST answers."""
        return self._good(self.api.post(f"/api/v1{path}", json=body))

    def patch(self, path: str, body: object) -> Any:
        """Return what a PATCH of any version answers."""
        return self._good(self.api.patch(f"/api/v1{path}", json=body))

    def all_of(self, path: str, **query: Any) -> list[dict[str, Any]]:
        """Return the rows of every page of a list."""
        rows: list[dict[str, Any]] = []
        more: dict[str, Any] = {}
        while True:
            page = self.get(path, limit=500, **query, **more)
            rows += page["data"]
            if not page["has_more"]:
                return rows
            more = {"cursor": page["next_cursor"]}

    @staticmethod
    def _good(answer: Any) -> Any:
        assert answer.status_code < 400, f"{answer.status_code}: {answer.text[:1000]}"
        return answer.json()
