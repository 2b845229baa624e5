"""A real server with a real database under a real browser. Nothing of it leaves this machine."""

from __future__ import annotations

import os
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright
from pydantic import SecretStr

from monitor import auth
from monitor.api import application
from monitor.api.deps import Deps
from monitor.api.stream import Streams, streams_in
from monitor.config import Settings
from monitor.http import GuardedClient
from monitor.live import Live
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst
from monitor.pipeline.evaluate import Evaluator
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import keys
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.web import pages

SECRET = b"a secret of the tests, long enough for anything"
TOKEN = "an-admin-token-of-the-tests-0123456789"
PASSWORD = "correct horse battery"
START = datetime(2026, 3, 15, 7, 36, 12, tzinfo=UTC)
CHROMIUM = (
    os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
)
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
)  # fmt: skip
PATIENCE_MS = 15_000


@dataclass(slots=True)
class Server:
    """The service on a port of its own; it can be stopped and started again under an open page."""

    database: Database
    data_dir: Path
    port: int
    began: float = field(default_factory=time.monotonic)
    live: Live = field(default_factory=Live)
    evaluator: Evaluator = field(init=False)
    _streams: Streams | None = None
    _server: uvicorn.Server | None = None
    _thread: threading.Thread | None = None
    count: int = 0

    def __post_init__(self) -> None:
        zone = Settings(data_dir=self.data_dir).zone
        self.evaluator = Evaluator(
            database=self.database, clock=self.clock, zone=zone, base_url=self.base, told=self._told
        )

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def clock(self) -> datetime:
        """Time goes on from START."""
        return START + timedelta(seconds=time.monotonic() - self.began)

    def start(self) -> None:
        settings = Settings(data_dir=self.data_dir, port=self.port, admin_token=SecretStr(TOKEN))
        http = GuardedClient((), "Jianwei tests")
        deps = Deps(
            settings=settings,
            database=self.database,
            clock=self.clock,
            sealer=Sealer(SECRET),
            secret=SECRET,
            analysing=Analysing(
                database=self.database, analyst=InlineAnalyst(), clock=self.clock, told=self._told
            ),
            visiting=Visiting.over(
                database=self.database,
                http=http,
                politeness=Politeness(pause=timedelta(), is_exempt=lambda host: True),
                sealer=Sealer(SECRET),
                clock=self.clock,
                agent="Jianwei",
            ),
            http=http,
            live=self.live,
        )
        app = application.create(deps)
        pages.install(app, deps)
        self._server = uvicorn.Server(
            uvicorn.Config(app, host="127.0.0.1", port=self.port, log_level="error", ws="none")
        )
        self._streams = streams_in(app)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive(), "the server did not start"
            threading.Event().wait(0.01)

    def stop(self) -> None:
        if self._server and self._thread and self._streams:
            self._streams.stop()
            self._server.should_exit = True
            self._thread.join(10)
            assert not self._thread.is_alive(), "the server did not stop"
        self.live = Live()

    def ask(self, method: str, path: str, body: object) -> httpx.Response:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        answer = httpx.request(method, self.base + path, json=body, headers=headers, timeout=30)
        assert answer.is_success, answer.text
        return answer

    def add_posts(self, *texts: str, ago: timedelta = timedelta(seconds=5)) -> None:
        at = (self.clock() - ago).isoformat()
        self.add_rows([(text, at) for text in texts])

    def add_rows(self, rows: list[tuple[str, str]]) -> None:
        body = []
        for text, at in rows:
            self.count += 1
            body.append(
                {
                    "source": "微讯", "external_id": str(self.count), "text": text, "published_at": at,
                    "url": f"https://example.org/{self.count}",
                    "author": {"name": f"作者{self.count}", "followers": 100 * self.count},
                }
            )  # fmt: skip
        self.ask("POST", "/api/v1/posts/batch", body)

    def add_crisis(self) -> None:
        """Fifteen quiet days, then an hour of complaints, judged."""
        now = self.clock()
        rows = [
            ("栗屿咖啡的新品味道不错,推荐", now - timedelta(hours=at, minutes=5))
            for at in range(3, 24 * 15)
        ]
        rows += [
            ("栗屿咖啡喝完拉肚子,恶心,要求退款", now - timedelta(seconds=55 * at))
            for at in range(1, 61)
        ]
        self.add_rows([(text, at.isoformat()) for text, at in rows])
        self.evaluator.evaluate_now()

    def _told(self) -> None:
        self.live.notify()


@pytest.fixture
def server(sqlite_database: Database, tmp_path: Path) -> Iterator[Server]:
    """A running service with one person and one keyword list."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = Server(database=sqlite_database, data_dir=tmp_path, port=port)
    with sqlite_database.write() as connection:
        keys.set_password(
            sqlite_database, connection, "admin", auth.hash_password(PASSWORD), now=START
        )
    server.start()
    server.ask(
        "POST",
        "/api/v1/keyword-lists",
        {"name": "栗屿咖啡", "kind": "brand", "aliases": ["栗屿咖啡"]},
    )
    yield server
    server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium of this machine; none is ever downloaded.

    Closed after each module: while it is open Playwright's event loop runs in this thread, and
    nobody else's test could call ``asyncio.run``.
    """
    if CHROMIUM is None:
        if os.environ.get("CI"):
            pytest.fail("Chromium is missing in CI")
        pytest.skip(
            "no Chromium here: install it or set CHROMIUM to its path to run the browser tests"
        )
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@dataclass(slots=True)
class Visitor:
    """A signed-in page that notes what must not happen: console messages, errors, foreign requests."""

    page: Page
    context: BrowserContext
    base: str
    complaints: list[str] = field(default_factory=list)

    def watch(self) -> None:
        page = self.page
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("request", lambda request: self._look_at(request.url))

    def _look_at(self, url: str) -> None:
        if not url.startswith((self.base, "data:")):
            self.complaints.append(f"request to {url}")

    def sign_in(self) -> None:
        self.page.goto(f"{self.base}/")
        self.page.fill("input[name=password]", PASSWORD)
        self.page.click("button.pri")

    def open(self, path: str = "/") -> None:
        """Open a page, wait until the chart is drawn and the stream is on."""
        self.page.goto(self.base + path)
        self.page.wait_for_selector("m-trend[data-state=drawn]", timeout=PATIENCE_MS)
        self.page.wait_for_selector(".live:not(.waiting):not(.off)", timeout=PATIENCE_MS)


@pytest.fixture
def visitor(browser: Browser, server: Server) -> Iterator[Visitor]:
    """A reader who has signed in."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="zh-CN")
    context.set_default_timeout(PATIENCE_MS)
    visitor = Visitor(page=context.new_page(), context=context, base=server.base)
    visitor.watch()
    visitor.sign_in()
    yield visitor
    context.close()
