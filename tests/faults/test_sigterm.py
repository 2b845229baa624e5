"""SIGTERM under load: the service ends soon, with code 0, and nothing is lost."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from random import Random

import pytest

from tests.faults.audit import Expected, findings
from tests.faults.load import Load
from tests.scenarios import texts
from tests.scenarios.neighbours import Receiver, Site
from tests.scenarios.service import ADMIN_TOKEN, Service, eventually, wall_clock

pytestmark = pytest.mark.slow
OUT_WITHIN_SECONDS = 10.0


@dataclass(slots=True)
class Listener:
    """One open event stream; ``ended`` is set when the server has ended it."""

    service: Service
    lines: list[bytes] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)

    def listen(self) -> None:
        with closing(
            http.client.HTTPConnection("127.0.0.1", self.service.port, timeout=60)
        ) as line:
            line.request(
                "GET", "/api/v1/stream", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
            )
            reply = line.getresponse()
            try:
                while part := reply.readline():
                    self.lines.append(part)
            except (OSError, http.client.HTTPException):
                pass
            self.ended.set()


def listening(service: Service, count: int) -> list[Listener]:
    """Open event streams and wait until each has begun."""
    listeners = [Listener(service) for _ in range(count)]
    for one in listeners:
        threading.Thread(target=one.listen, daemon=True).start()
    eventually(
        lambda: all(one.lines for one in listeners), seconds=10, what="the streams have begun"
    )
    return listeners


def test_sigterm_under_load_ends_soon_and_loses_nothing(
    new_service: Callable[..., Service],
    receiver: Receiver,
    site: Site,
    add_channel: Callable[..., int],
    record_property: Callable[[str, object], None],
) -> None:
    service = new_service()
    service.start()
    add_channel(service, receiver)
    load = Load(service, site, Random("sigterm"), ["云帆汽车"])
    load.prepare()
    listeners = listening(service, 3)
    with load.running(pushers=4):
        eventually(lambda: len(load.accepted) > 500, seconds=30, what="the service is busy")
        assert any(line.startswith(b"event: mention") for line in listeners[0].lines)
        ended = service.terminate()
        eventually(lambda: not service.left_behind(), seconds=5, what="no process is left behind")
        service.start()
    record_property("sigterm_seconds", round(ended.seconds, 2))
    print(f"SIGTERM under load: out after {ended.seconds:.2f} s with code {ended.code}")
    assert ended.code == 0, service.log[-3000:]
    assert ended.seconds <= OUT_WITHIN_SECONDS
    assert all(one.ended.wait(5) for one in listeners)
    assert "Traceback" not in service.log, service.log[service.log.index("Traceback") :][:3000]

    load.wait_stored()
    assert load.wrong == [], load.wrong[:3]
    expected = Expected(load.accepted, receiver.received)
    assert findings(service.directory / "jianwei.db", expected) == []


def test_sigterm_with_open_streams_alone_does_not_wait_for_their_readers(service: Service) -> None:
    listeners = listening(service, 2)
    ended = service.terminate()
    print(f"SIGTERM with idle streams: out after {ended.seconds:.2f} s with code {ended.code}")
    assert ended.code == 0
    assert ended.seconds <= 3
    for one in listeners:
        assert one.ended.wait(5)


def test_sigterm_while_a_receiver_hangs_sends_the_alert_after_the_restart(
    service: Service, receiver: Receiver, add_channel: Callable[..., int]
) -> None:
    receiver.answering.clear()
    add_channel(service, receiver)
    service.watch("云帆汽车")
    service.ingest(texts.burst("云帆汽车", wall_clock(), posts=30))
    eventually(lambda: receiver.received, seconds=10, what="the message is on the wire")
    ended = service.terminate()
    receiver.answering.set()
    assert (ended.code, ended.seconds <= OUT_WITHIN_SECONDS) == (0, True), ended

    service.start()
    eventually(
        lambda: service.rows("SELECT 1 FROM delivery WHERE state = 'done'"),
        seconds=15,
        what="the alert is sent",
    )
    assert len({one.webhook_id for one in receiver.received}) == 1


def test_sigterm_while_starting_ends_it_too(new_service: Callable[..., Service]) -> None:
    for delay in (0.0, 0.2, 0.5, 0.9):
        service = new_service()
        service.launch()
        time.sleep(delay)  # the fault's moment
        ended = service.terminate()
        assert ended.seconds <= OUT_WITHIN_SECONDS
        assert ended.code in (0, -15), "an orderly end, or none was promised yet"
