"""A real ``monitor serve`` on loopback, asked over HTTP; and waiting that ends.

Scenarios and faults look at the service from outside only: its process, its API, and, as a
second witness, its database file, read without the product's own code.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import psutil  # type: ignore[import-untyped]  # it has no stubs

MONITOR = Path(sys.executable).with_name("monitor")
ADMIN_TOKEN = "an-admin-token-of-the-scenarios-0123456789"
READY_SECONDS = 30.0
LOOK_EVERY_SECONDS = 0.03
T = TypeVar("T")


class Unanswered(Exception):
    """The request got no answer: nobody knows whether it had its effect. A client asks again."""


def wall_clock() -> datetime:
    """Return the time of this machine, which is the service's as well."""
    return datetime.now(UTC)  # noqa: TID251  # the process under test reads the same clock


def eventually(check: Callable[[], T], *, seconds: float, what: str) -> T:
    """Return the first answer of ``check`` that is true; fails when none comes in time."""
    deadline = time.monotonic() + seconds
    while not (found := check()):
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what} (last answer: {found!r})")
        time.sleep(LOOK_EVERY_SECONDS)
    return found


def free_port() -> int:
    """Return a port of loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def clean_environment(**settings: str) -> dict[str, str]:
    """Return this environment without any setting of a Jianwei installation but those given."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MONITOR_")}
    return kept | {f"MONITOR_{name}": value for name, value in settings.items()}


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class Ended:
    """How the process ended after a polite request."""

    code: int
    seconds: float


@dataclass(slots=True)
class Service:
    """One installation; its process may be started and ended many times."""

    directory: Path
    settings: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    _process: subprocess.Popen[bytes] | None = None
    _groups: list[int] = field(default_factory=list)

    # the process

    def launch(self) -> None:
        """Start the process and do not wait for it."""
        self.directory.mkdir(parents=True, exist_ok=True)
        settings = {
            "DATA_DIR": str(self.directory),
            "PORT": str(self.port),
            "ADMIN_TOKEN": ADMIN_TOKEN,
            "ALLOW_NETWORKS": "127.0.0.0/8",
            "HOST_PAUSE_SECONDS": "0",
            **self.settings,
        }
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                [MONITOR, "serve"],
                cwd=self.directory,
                env=clean_environment(**settings),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # what it leaves behind can be found, and ended
            )
        self._groups.append(self._process.pid)

    def start(self) -> float:
        """Start the process; returns after how many seconds it was ready."""
        begun = time.monotonic()
        self.launch()
        self.wait_ready()
        return time.monotonic() - begun

    def wait_ready(self) -> None:
        """Wait until requests are served."""

        def is_ready() -> bool:
            if self.process.poll() is not None:
                raise AssertionError(
                    f"it ended with {self.process.returncode}:\n{self.log[-3000:]}"
                )
            with suppress(Unanswered):
                return self.ask("GET", "/readyz").status == 200
            return False

        eventually(is_ready, seconds=READY_SECONDS, what="the service is ready")

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "the service was never started"
        return self._process

    @property
    def log_file(self) -> Path:
        return self.directory / "serve.log"

    @property
    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def kill(self) -> None:
        """End the process at once, as a crash or the kernel would: SIGKILL."""
        self.process.kill()
        self.process.wait()

    def terminate(self, seconds: float = 30.0) -> Ended:
        """Ask the process to end (SIGTERM) and wait for it."""
        begun = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(seconds)
        return Ended(code, time.monotonic() - begun)

    def left_behind(self) -> list[psutil.Process]:
        """Return the processes that live on although the service that started them has ended."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error, ProcessLookupError):
                is_ours = os.getpgid(process.pid) in self._groups
                if is_ours and process.pid != self.process.pid:
                    found.append(process)
        return [one for one in found if one.is_running() and one.status() != "zombie"]

    def clear_away(self) -> None:
        """End what earlier, ended processes left behind, so that fifty of them do not add up."""
        running = self.process.pid if self.process.poll() is None else None
        for group in self._groups:
            if group != running:
                with suppress(ProcessLookupError):
                    os.killpg(group, signal.SIGKILL)
        self._groups = [group for group in self._groups if group == running]

    def close(self) -> None:
        """End everything that was started here."""
        if self._process is not None:
            self.kill()
            self.clear_away()

    # the API

    def ask(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Return the answer to one request; raises Unanswered."""
        given = {"Authorization": f"Bearer {ADMIN_TOKEN}", **(headers or {})}
        sent = None
        if body is not None:
            sent = body if isinstance(body, bytes) else json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)) as line:
            try:
                line.request(method, path, body=sent, headers=given)
                reply = line.getresponse()
                return Answer(
                    reply.status,
                    {name.lower(): value for name, value in reply.getheaders()},
                    reply.read(),
                )
            except (OSError, http.client.HTTPException) as error:
                raise Unanswered(f"{method} {path}: {error!r}") from error

    def get(self, path: str) -> Any:
        """Return what a GET of ``/api/v1`` + ``path`` answers."""
        return self._good(self.ask("GET", f"/api/v1{path}"))

    def post(self, path: str, body: object = None) -> Any:
        """Return what a POST answers."""
        return self._good(self.ask("POST", f"/api/v1{path}", body if body is not None else {}))

    @staticmethod
    def _good(answer: Answer) -> Any:
        assert answer.status < 400, f"{answer.status}: {answer.body.decode()[:1000]}"
        return answer.json

    def all_of(self, path: str) -> Iterator[dict[str, Any]]:
        """Yield the rows of every page of a list."""
        joint = "&" if "?" in path else "?"
        cursor = ""
        while True:
            page = self.get(f"{path}{joint}limit=500{cursor}")
            yield from page["data"]
            if not page["has_more"]:
                return
            cursor = f"&cursor={page['next_cursor']}"

    def watch(self, name: str, **fields: object) -> int:
        """Create a keyword list of a brand; returns its id. Its name is its alias, too."""
        body = {"name": name, "kind": "brand", "aliases": [name], **fields}
        created: int = self.post("/keyword-lists", body)["id"]
        return created

    def ingest(self, rows: Sequence[Mapping[str, object]]) -> dict[str, Any]:
        """Post a batch of which every row must be good."""
        answer: dict[str, Any] = self.post("/posts/batch", list(rows))
        assert answer["rejected"] == 0, answer
        return answer

    # the second witness

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """Return what the database file holds; to be asked while the service runs."""
        address = f"file:{self.directory / 'jianwei.db'}?mode=ro"
        with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
            return list(connection.execute(query, parameters))

    def wait_judged(self, seconds: float = 15.0) -> None:
        """Wait until every stored mention has been judged: no bucket is dirty any more."""
        eventually(
            lambda: not self.rows("SELECT 1 FROM dirty LIMIT 1"),
            seconds=seconds,
            what="all dirty buckets are judged",
        )
