"""The API over a real database, asked in process; the way out and the clock are ours."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from monitor import auth
from monitor.api import application
from monitor.api.deps import Deps
from monitor.config import Settings
from monitor.http.errors import FetchError, Reason
from monitor.live import Live
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer

with warnings.catch_warnings():
    # starlette would like its client over httpx2; httpx is what the project ships
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

SECRET = b"a secret of the tests, long enough for anything"
ADMIN_TOKEN = "an-admin-token-of-the-tests-0123456789"
START = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        self.now += by


@dataclass(frozen=True, slots=True)
class FakeReply:
    """An answer from outside."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    url: str = ""
    permanent_redirect: bool = False


@dataclass(slots=True)
class FakeHttp:
    """The way out: answers what it was told to, and remembers what it was asked."""

    answer: Callable[[str], FakeReply] = lambda url: FakeReply(url=url)
    posted: list[tuple[str, bytes, Mapping[str, str]]] = field(default_factory=list)

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> FakeReply:
        return self.answer(url)

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = timedelta(seconds=15),  # noqa: ASYNC109
    ) -> FakeReply:
        self.posted.append((url, body, headers or {}))
        return self.answer(url)

    def lines(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        raise FetchError(Reason.CONNECT, url)

    def messages(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        raise FetchError(Reason.CONNECT, url)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def http() -> FakeHttp:
    return FakeHttp()


@pytest.fixture
def fake_reply() -> type[FakeReply]:
    return FakeReply


@pytest.fixture
def no_answer() -> Callable[[str], FakeReply]:
    """Stands for a receiver that cannot be reached."""

    def fail(url: str) -> FakeReply:
        raise FetchError(Reason.CONNECT, url)

    return fail


@pytest.fixture
def client_over(clock: Clock, http: FakeHttp, tmp_path: Path) -> Callable[[Database], TestClient]:
    """Make a client with the admin key over another database."""

    def make(database: Database) -> TestClient:
        app = application.create(deps_over(database, clock, http, tmp_path))
        headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
        return TestClient(app, base_url="http://127.0.0.1", headers=headers)

    return make


@pytest.fixture
def needs(database: Database, clock: Clock, http: FakeHttp, tmp_path: Path) -> Deps:
    return deps_over(database, clock, http, tmp_path)


def deps_over(database: Database, clock: Clock, http: FakeHttp, data_dir: Path) -> Deps:
    """The edges of an API over this database."""
    return Deps(
        settings=Settings(data_dir=data_dir, admin_token=SecretStr(ADMIN_TOKEN)),
        database=database,
        clock=clock,
        sealer=Sealer(SECRET),
        secret=SECRET,
        analysing=Analysing(database=database, analyst=InlineAnalyst(), clock=clock),
        visiting=visiting_over(database, http, clock),
        http=http,
        live=Live(),
    )


def visiting_over(database: Database, http: FakeHttp, clock: Clock) -> Visiting:
    """Visits without pauses: the way out is a fake."""
    return Visiting.over(
        database=database,
        http=http,
        politeness=Politeness(pause=timedelta(), is_exempt=lambda host: True),
        sealer=Sealer(SECRET),
        clock=clock,
        agent="Jianwei",
    )


@pytest.fixture
def app(needs: Deps) -> FastAPI:
    return application.create(needs)


@pytest.fixture
def anonymous(app: FastAPI) -> Iterator[TestClient]:
    """A client without a key; a bug in a route is an answer 500, as outside."""
    with TestClient(app, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def api(app: FastAPI) -> Iterator[TestClient]:
    """A client with the admin key; a bug in a route breaks the test."""
    headers = {"Authorization": f"Bearer {ADMIN_TOKEN}"}
    with TestClient(app, base_url="http://127.0.0.1", headers=headers) as client:
        yield client


@pytest.fixture
def key_for(needs: Deps) -> Callable[..., dict[str, str]]:
    """Make a key with these scopes; returns the header to send."""

    def make(*scopes: str, **more: datetime) -> dict[str, str]:
        wanted = {auth.Scope(scope) for scope in scopes}
        made = auth.create_key(
            needs.database, SECRET, name="test", scopes=wanted, now=needs.clock(), **more
        )
        return {"Authorization": f"Bearer {made.text}"}

    return make
