"""The pages over a real database, asked in process; the clock is ours."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from collectors.model import Author, Post
from monitor import auth
from monitor.api import application
from monitor.api.deps import Deps
from monitor.config import Settings
from monitor.http.errors import FetchError, Reason
from monitor.live import Live
from monitor.pipeline.analyse import Analysing, store_posts
from monitor.pipeline.analyst import InlineAnalyst
from monitor.pipeline.evaluate import Evaluator
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import keys, keyword_lists, sources
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.web import pages

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # starlette would like its client over httpx2
    from starlette.testclient import TestClient

SECRET = b"a secret of the tests, long enough for anything"
PASSWORD = "correct horse battery"
START = datetime(2026, 3, 15, 7, 36, 12, tzinfo=UTC)


@cache
def password_hash() -> str:
    return auth.hash_password(PASSWORD)


@dataclass(slots=True)
class Clock:
    """A clock that stands until it is moved."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now


class NoHttp:
    """The pages never go out."""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Any:
        raise FetchError(Reason.CONNECT, url)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None, **_: Any
    ) -> Any:
        raise FetchError(Reason.CONNECT, url)


@dataclass(slots=True)
class Site:
    """The pages, and a hand to fill them with."""

    deps: Deps
    clock: Clock
    client: TestClient
    evaluator: Evaluator
    count: int = 0
    lists: dict[str, int] = field(default_factory=dict)

    def add_person(self) -> None:
        with self.deps.database.write() as connection:
            keys.set_password(
                self.deps.database, connection, "admin", password_hash(), now=self.clock.now
            )

    def enter(self) -> None:
        """Sign in without the form and its deliberately slow check."""
        with self.deps.database.read() as connection:
            person = keys.person_by_name(connection, "admin")
        cookie = auth.sign_session(SECRET, person, now=self.clock.now)
        self.client.cookies.set(auth.SESSION_COOKIE, cookie)

    def sign_in(self, password: str = PASSWORD, **fields: str) -> Any:
        form = self.client.get("/login").text
        return self.client.post(
            "/login",
            data={"name": "admin", "password": password, "csrf": field_of(form, "csrf"), **fields},
            follow_redirects=False,
        )

    def add_list(self, name: str = "栗屿咖啡", *aliases: str) -> int:
        body = {
            "name": name, "kind": "brand", "aliases": [name, *aliases], "keywords": [], "exclude": [],
            "thresholds": None, "owner": None, "enabled": True,
        }  # fmt: skip
        database = self.deps.database
        with database.write() as connection:
            list_id = keyword_lists.create(
                database, connection, body, actor="test", now=self.clock.now
            )
        self.lists[name] = list_id
        return list_id

    def add_source(self, name: str = "微讯", **values: Any) -> int:
        row = {"name": name, "kind": "feed", "url": "http://127.0.0.1/f", "options": {}, **values}
        with self.deps.database.write() as connection:
            return sources.create(connection, row, now=self.clock.now - timedelta(days=30))

    def add_posts(self, *texts: str, at: datetime | None = None, **values: Any) -> None:
        """Store posts published at ``at`` (a minute ago by default)."""
        when = at or self.clock.now - timedelta(minutes=1)
        self.store([self.post(text, when, **values) for text in texts])

    def post(self, text: str, at: datetime, **values: Any) -> Post:
        """Return a post of the first source."""
        self.count += 1
        fields = {"author": Author(name=f"作者{self.count}", followers=100), **values}
        return Post(source_id=1, external_id=str(self.count), text=text, published_at=at, **fields)

    def store(self, posts: list[Post]) -> None:
        asyncio.run(store_posts(self.deps.analysing, posts))

    def add_crisis(self) -> None:
        """Store 15 quiet days, 8 mentions each, and an hour with 60 complaints; then judge."""
        now = self.clock.now
        quiet = [now - timedelta(hours=at) for at in range(3, 24 * 15, 3)]
        loud = [now - timedelta(minutes=at) for at in range(60)]
        self.store(
            [self.post("栗屿咖啡的新品味道不错,推荐", at) for at in quiet]
            + [self.post("栗屿咖啡喝完拉肚子,要求退款", at) for at in loud]
        )
        self.evaluator.evaluate_now()


def field_of(html: str, name: str) -> str:
    """Return the value of a hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', html)
    assert found, f"no field {name}"
    return found[1]


@pytest.fixture
def field_value() -> Callable[[str, str], str]:
    return field_of


@pytest.fixture
def site_over(tmp_path: Path) -> Callable[[Database], Site]:
    """Make the pages over a database."""

    def make(database: Database) -> Site:
        clock = Clock()
        live = Live()
        settings = Settings(data_dir=tmp_path)
        http = NoHttp()
        deps = Deps(
            settings=settings,
            database=database,
            clock=clock,
            sealer=Sealer(SECRET),
            secret=SECRET,
            analysing=Analysing(
                database=database, analyst=InlineAnalyst(), clock=clock, told=live.notify
            ),
            visiting=Visiting.over(
                database=database,
                http=http,
                politeness=Politeness(pause=timedelta(), is_exempt=lambda host: True),
                sealer=Sealer(SECRET),
                clock=clock,
                agent="Jianwei",
            ),
            http=http,
            live=live,
        )
        app = application.create(deps)
        pages.install(app, deps)
        client = TestClient(app, base_url="http://127.0.0.1", headers={"accept-language": "zh-CN"})
        evaluator = Evaluator(
            database=database, clock=clock, zone=settings.zone, base_url="http://127.0.0.1"
        )
        return Site(deps=deps, clock=clock, client=client, evaluator=evaluator)

    return make


@pytest.fixture
def site(site_over: Callable[[Database], Site], sqlite_database: Database) -> Iterator[Site]:
    """The pages with one person, and nothing else."""
    made = site_over(sqlite_database)
    made.add_person()
    yield made
    made.client.close()


@pytest.fixture
def reader(site: Site) -> Site:
    """The pages, signed in, with one list and one healthy source."""
    site.enter()
    site.add_list()
    site.add_source(state="ok", last_polled_at=site.clock.now, last_success_at=site.clock.now)
    return site
