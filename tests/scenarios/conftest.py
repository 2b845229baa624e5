"""Fixtures of the scenarios: services, receivers and sites that end with their test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.scenarios.neighbours import SECRET, Receiver, Site
from tests.scenarios.service import Service


@pytest.fixture
def new_service(tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """A way to make services, not started yet; keyword arguments are settings (MONITOR_…)."""
    made: list[Service] = []

    def make(**settings: str) -> Service:
        service = Service(tmp_path / f"data-{len(made)}", settings)
        made.append(service)
        return service

    yield make
    for service in made:
        service.close()


@pytest.fixture
def service(new_service: Callable[..., Service]) -> Service:
    """One running service with an empty database."""
    made = new_service()
    made.start()
    return made


@pytest.fixture(scope="module")
def lasting_service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A running service that the tests of a module share; each uses names of its own."""
    made = Service(tmp_path_factory.mktemp("lasting") / "data")
    try:
        made.start()
        yield made
    finally:
        made.close()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A receiver of webhooks that is up and answers 200."""
    with ExitStack() as stack:
        yield stack.enter_context(Receiver().up())


@pytest.fixture
def site() -> Iterator[Site]:
    """A web site without pages."""
    with ExitStack() as stack:
        yield stack.enter_context(Site().up())


@pytest.fixture
def add_channel() -> Callable[..., int]:
    """A way to send a service's alerts, blue ones included, to a receiver; returns the channel's id."""

    def add(service: Service, receiver: Receiver, **fields: object) -> int:
        body = {"name": "值班", "url": receiver.url, "secret": SECRET, "min_tier": "blue", **fields}
        created: int = service.post("/channels", body)["id"]
        return created

    return add
