"""A server on a free port of loopback, from its start to its end by its own process id."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from tests.scenarios.service import clean_environment, eventually, free_port
from tests.servers import install
from tests.servers.install import Unavailable

HERE = Path(__file__).parent
START_SECONDS = 60.0
STEP_SECONDS = 60.0
MARIADB = "MONITOR_TEST_MARIADB"


@contextmanager
def running(
    command: Sequence[str], folder: Path, settings: Mapping[str, str], port: int
) -> Iterator[None]:
    """Run ``command`` in ``folder`` until the block ends, from when ``port`` answers HTTP.

    What it says goes to ``server.log`` there. It leads a process group of its own, and that group
    alone is ended.
    """
    log = folder / "server.log"
    with log.open("ab") as out:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**clean_environment(), **settings},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )

    def answers() -> bool:
        if process.poll() is not None:
            said = log.read_text(encoding="utf-8", errors="replace")[-2000:]
            raise AssertionError(f"{command[0]} ended with {process.returncode}:\n{said}")
        with suppress(OSError, http.client.HTTPException):
            return ask(port, "GET", "/").status > 0
        return False

    try:
        eventually(answers, seconds=START_SECONDS, what=f"{command[0]} answers on port {port}")
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True, slots=True)
class Reply:
    """What a server answered to a test; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def ask(
    port: int,
    method: str,
    path: str,
    headers: Mapping[str, str] | None = None,
    body: bytes | None = None,
) -> Reply:
    """Return the answer to one request that a test makes itself."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as line:
        line.request(method, path, body=body, headers=dict(headers or {}))
        answer = line.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())


@dataclass(slots=True, kw_only=True)
class WordPress:
    """A WordPress site with a database of its own."""

    files: Path
    folder: Path
    port: int = field(default_factory=free_port)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def settings(self) -> dict[str, str]:
        return {
            "WP_FILES": str(self.files),
            "WP_URL": self.url,
            "WP_DB_NAME": f"wp_test_{os.getpid()}",
            "WP_DB_HOST": os.environ.get(MARIADB, "127.0.0.1:3306"),
            "WP_ACCESS_LOG": str(self.folder / "access.log"),
        }

    @property
    def accesses(self) -> list[str]:
        """The access log: ``304 GET /feed/``, one line a request, oldest first."""
        log = self.folder / "access.log"
        return log.read_text(encoding="utf-8").splitlines() if log.exists() else []

    def edit(self, *steps: Mapping[str, object]) -> list[int]:
        """Carry out what editors and readers do; returns the id of each post or comment."""
        found = self._php("edit.php", given=json.dumps(steps))
        ids: list[int] = json.loads(found)
        assert all(ids), f"{steps}: {ids}"
        return ids

    @contextmanager
    def up(self) -> Iterator[WordPress]:
        """Install the site in a fresh database, serve it, drop the database."""
        self._php("database.php", "create")
        try:
            self._php("install.php")
            router = str(HERE / "wordpress" / "router.php")
            serve = ["php", "-S", f"127.0.0.1:{self.port}", "-t", str(self.files), router]
            workers = {"PHP_CLI_SERVER_WORKERS": "4"}
            with running(serve, self.folder, self.settings | workers, self.port):
                yield self
        finally:
            self._php("database.php", "drop")

    def _php(self, script: str, *arguments: str, given: str = "") -> str:
        done = subprocess.run(
            ["php", "-d", "display_errors=stderr", str(HERE / "wordpress" / script), *arguments],
            cwd=self.folder,
            env={**os.environ, **self.settings, "HTTP_HOST": f"127.0.0.1:{self.port}"},
            input=given.encode(),
            capture_output=True,
            timeout=STEP_SECONDS,
            check=False,
        )
        said = done.stdout.decode(errors="replace")
        if done.returncode:
            wrong = f"{script}: {said[-600:]} {done.stderr.decode(errors='replace')[-600:]}"
            if script == "database.php":
                raise Unavailable(f"WordPress needs MariaDB ({MARIADB}=host:port): {wrong}")
            raise AssertionError(wrong)
        return said


@contextmanager
def wordpress(folder: Path) -> Iterator[WordPress]:
    """Give a running WordPress whose configuration and log lie in ``folder``."""
    files = install.wordpress()
    (files / "wp-content" / "mu-plugins").mkdir(exist_ok=True)
    for ours, place in (("wp-config.php", "."), ("closed.php", "wp-content/mu-plugins")):
        (files / place / ours).write_bytes((HERE / "wordpress" / ours).read_bytes())
    with WordPress(files=files, folder=folder).up() as site:
        yield site


@dataclass(frozen=True, slots=True, kw_only=True)
class RSSHub:
    """An RSSHub whose ``/test/…`` routes ask nobody outside."""

    folder: Path
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def rsshub(folder: Path) -> Iterator[RSSHub]:
    """Give a running RSSHub; routes are kept in its memory for five minutes, as it comes."""
    script, port = install.rsshub(), free_port()
    settings = {
        "PORT": str(port), "LISTEN_INADDR_ANY": "0", "NO_LOGFILES": "1", "NODE_ENV": "production",
    }  # fmt: skip
    with running(["node", str(script)], folder, settings, port):
        yield RSSHub(folder=folder, port=port)


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSite:
    """A publisher with two topics, ``sha512`` and ``sha1``, and a WebSub hub for each."""

    folder: Path
    port: int

    def url(self, topic: str) -> str:
        """Return the address of a topic's feed."""
        return f"http://127.0.0.1:{self.port}/{topic}/feed.xml"

    def publish(self, topic: str, guid: str, title: str) -> None:
        """Add an entry and tell the hub, as publishers do."""
        self._post(f"/{topic}/entries", {"guid": guid, "title": title})
        self._post(f"/{topic}/hub", {"hub.mode": "publish", "hub.topic": self.url(topic)})

    def _post(self, path: str, form: Mapping[str, str]) -> None:
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        assert ask(self.port, "POST", path, kind, urlencode(form).encode()).status in (201, 202)


@contextmanager
def websub_hub(folder: Path) -> Iterator[HubSite]:
    """Give a running publisher with its hubs."""
    python, port = install.websub_hub(), free_port()
    command = [str(python), str(HERE / "hub_server.py"), str(port), str(folder)]
    with running(command, folder, {"PYTHONDONTWRITEBYTECODE": "1"}, port):
        yield HubSite(folder=folder, port=port)
