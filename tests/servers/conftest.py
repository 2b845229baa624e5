"""Real servers of other projects: asked for by MONITOR_TEST_SERVERS=1, skipped with one line otherwise."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from tests.scenarios.conftest import add_channel, receiver
from tests.scenarios.service import Service, free_port
from tests.servers import running
from tests.servers.install import Unavailable

__all__ = ["add_channel", "receiver"]
ASKED_FOR = os.environ.get("MONITOR_TEST_SERVERS") == "1"
T = TypeVar("T")


def pytest_runtest_setup() -> None:
    """Skip here, not in a fixture: all tests of this folder become one line of the report."""
    if not ASKED_FOR:
        pytest.skip("MONITOR_TEST_SERVERS=1 installs and starts WordPress, RSSHub and a WebSub hub")


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service that a module's tests share, reachable by hubs, saying what each visit was."""
    port = free_port()
    settings = {"PUBLIC_URL": f"http://127.0.0.1:{port}", "LOG_LEVEL": "DEBUG"}
    made = Service(tmp_path_factory.mktemp("ours") / "data", settings, port)
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def wordpress(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.WordPress]:
    """A WordPress site with one post and one comment."""
    yield from _given(running.wordpress, tmp_path_factory.mktemp("wordpress"))


@pytest.fixture(scope="module")
def rsshub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.RSSHub]:
    """An RSSHub."""
    yield from _given(running.rsshub, tmp_path_factory.mktemp("rsshub"))


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[running.HubSite]:
    """A publisher and its WebSub hubs."""
    yield from _given(running.websub_hub, tmp_path_factory.mktemp("hub"))


def _given(server: Callable[[Path], AbstractContextManager[T]], folder: Path) -> Iterator[T]:
    with ExitStack() as stack:
        try:
            found = stack.enter_context(server(folder))
        except Unavailable as error:
            if os.environ.get("CI"):
                pytest.fail(f"a server is missing in CI: {error}")
            pytest.skip(str(error))
        yield found
