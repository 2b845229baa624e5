"""The pages over a real database, asked in process; the clock is ours."""

from __future__ import annotations

import asyncio
import re
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
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
            hashed = auth.hash_password(PASSWORD)
            keys.set_password(self.deps.database, connection, "admin", hashed, now=self.clock.now)

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
        with self.deps.database.read() as connection:
            source_id = sources.page(connection, after=0, limit=1)[0]["id"]
        posts = []
        for text in texts:
            self.count += 1
            fields = {"author": Author(name=f"作者{self.count}", followers=100), **values}
            published = at or self.clock.now - timedelta(minutes=1)
            posts.append(
                Post(
                    source_id=source_id,
                    external_id=str(self.count),
                    text=text,
                    published_at=published,
                    **fields,
                )
            )
        asyncio.run(store_posts(self.deps.analysing, posts))

    def add_crisis(self) -> None:
        """Fill in 15 quiet days, 8 mentions each, and an hour with 60 complaints; then judge."""
        for day in range(1, 16):
            for hour in range(0, 24, 3):
                at = self.clock.now - timedelta(days=day) + timedelta(hours=hour, minutes=5)
                if at < self.clock.now - timedelta(hours=2):
                    self.add_posts("栗屿咖啡的新品味道不错,推荐", at=at)
        for minute in range(0, 60, 1):
            self.add_posts(
                "栗屿咖啡喝完拉肚子,要求退款", at=self.clock.now - timedelta(minutes=minute)
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
        deps = Deps(
            settings=settings,
            database=database,
            clock=clock,
            sealer=Sealer(SECRET),
            secret=SECRET,
            analysing=Analysing(
                database=database, analyst=InlineAnalyst(), clock=clock, told=live.notify
            ),
            http=NoHttp(),
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
    site.sign_in()
    site.add_list()
    site.add_source(state="ok", last_polled_at=site.clock.now, last_success_at=site.clock.now)
    return site
