"""The event stream, read over a real connection."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import pytest
import uvicorn

from alerts.model import Alert, AlertState, Change, EventKind
from analysis.model import Tier
from monitor import auth
from monitor.api.stream import MOST_STREAMS_A_KEY, Streams, streams_in
from monitor.storage import alerts

STREAM = "/api/v1/stream"
PATIENCE = 10


class Server(uvicorn.Server):
    """uvicorn in a thread, on a free port of this machine."""

    def __init__(self, app: Any) -> None:
        super().__init__(
            uvicorn.Config(
                app, port=0, lifespan="off", log_config=None, timeout_graceful_shutdown=PATIENCE
            )
        )
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self.run)

    async def startup(self, sockets: Any = None) -> None:
        await super().startup(sockets)
        self.ready.set()

    @property
    def port(self) -> int:
        found: int = self.servers[0].sockets[0].getsockname()[1]
        return found

    def stop(self) -> None:
        self.should_exit = True
        self.thread.join(PATIENCE)


@dataclass
class Event:
    id: str = ""
    event: str = ""
    data: Any = None
    other: list[str] = field(default_factory=list)


class Reader:
    """One open stream."""

    def __init__(self, port: int, query: str, headers: dict[str, str]) -> None:
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
        self.connection.request("GET", f"{STREAM}{query}", headers=headers)
        self.response = self.connection.getresponse()
        self.hello = self.next() if self.response.status == 200 else Event()

    def next(self) -> Event:
        found = Event()
        while line := self.response.readline().decode().removesuffix("\n"):
            name, _, value = line.partition(": ")
            if name in ("id", "event"):
                setattr(found, name, value)
            elif name == "data":
                found.data = json.loads(value)
            else:
                found.other.append(line)
        return found

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self.response.close()
        self.connection.close()


@pytest.fixture
def server(app, needs) -> Iterator[Server]:
    object.__setattr__(needs.analysing, "told", needs.live.notify)
    server = Server(app)
    server.thread.start()
    assert server.ready.wait(PATIENCE)
    yield server
    streams_in(app).stop()
    server.stop()
    assert not server.thread.is_alive()


@pytest.fixture
def listen(server, key_for) -> Iterator[Callable[..., Reader]]:
    opened: list[Reader] = []
    key = key_for("read")

    def open_one(
        query: str = "",
        *,
        headers: dict[str, str] | None = None,
        given: dict[str, str] | None = None,
    ) -> Reader:
        reader = Reader(
            server.port, query, {**(key if headers is None else headers), **(given or {})}
        )
        opened.append(reader)
        return reader

    yield open_one
    for reader in opened:
        reader.__exit__(None, None, None)


@pytest.fixture
def brands(api) -> dict[str, int]:
    return {
        name: api.post("/api/v1/keyword-lists", json={"name": name, "aliases": [name]}).json()["id"]
        for name in ("青禾", "云雀")
    }


def push(api, *texts: str) -> None:
    rows = [{"source": "论坛", "external_id": text, "text": text} for text in texts]
    assert api.post("/api/v1/posts/batch", json=rows).json()["created"] == len(texts)


def raise_alert(needs, list_id: int) -> int:
    now = needs.clock()
    alert = Alert(
        id=0, dedup_key=f"k{list_id}", keyword_list_id=list_id, state=AlertState.OPEN, tier=Tier.RED, title="t",
        opened_at=now, updated_at=now, sequence=1,
    )  # fmt: skip
    change = Change(
        alert=alert,
        kind=EventKind.OPENED,
        actor="system",
        at=now,
        previous_tier=Tier.NONE,
        reason="",
        notify=True,
    )
    with needs.database.write() as connection:
        facts: dict[str, Any] = {"explanation": {}, "counts": {}, "evidence": []}
        key = alerts.store_change(connection, change, facts)[0]
    needs.live.notify()
    return key


def test_what_is_stored_from_now_on_arrives_as_events(api, needs, brands, listen):
    push(api, "青禾 早先")
    reader = listen()
    assert reader.response.getheader("content-type") == "text/event-stream; charset=utf-8"
    assert reader.response.getheader("x-accel-buffering") == "no"
    assert reader.hello.other == ["retry: 3000"]
    push(api, "青禾手机\n起火")
    mention = reader.next()
    assert (mention.event, mention.data["text"]) == ("mention", "青禾手机\n起火")
    listed = api.get(f"/api/v1/mentions/{mention.data['id']}").json()
    assert mention.data == listed
    key = raise_alert(needs, brands["青禾"])
    opened = reader.next()
    assert (opened.event, opened.data["id"], opened.data["event"]["kind"]) == (
        "alert",
        key,
        "opened",
    )
    api.post(f"/api/v1/alerts/{key}/acknowledge")
    assert reader.next().data["state"] == "acknowledged"


def test_after_a_break_the_stream_goes_on_where_it_was(api, brands, listen):
    with listen() as reader:
        push(api, "青禾 一", "青禾 二")
        first = reader.next()
    push(api, "青禾 三")
    by_header = listen(given={"Last-Event-ID": first.id})
    assert [by_header.next().data["text"] for _ in range(2)] == ["青禾 二", "青禾 三"]
    by_query = listen(f"?last_event_id={first.id}")
    assert [by_query.next().data["text"] for _ in range(2)] == ["青禾 二", "青禾 三"]


def test_topics_and_lists_narrow_a_stream(api, needs, brands, listen):
    only_alerts = listen("?topics=alerts")
    only_skylark = listen(f"?keyword_list={brands['云雀']}")
    push(api, "青禾 一", "云雀 一")
    raise_alert(needs, brands["青禾"])
    key = raise_alert(needs, brands["云雀"])
    assert only_alerts.next().event == "alert"
    assert only_skylark.next().data["text"] == "云雀 一"
    assert only_skylark.next().data["id"] == key


def test_a_quiet_stream_says_that_it_lives(app, listen):
    app.state.streams = Streams(look_seconds=0.05, comment_seconds=0.1)
    reader = listen()
    assert reader.next().other == [": still here"]


class Counting(Streams):
    """Tells when a stream has ended."""

    def __init__(self) -> None:
        super().__init__(look_seconds=0.05)
        self.left = threading.Event()

    def ended(self, principal_id: str) -> None:
        super().ended(principal_id)
        self.left.set()


def test_a_stream_that_is_left_makes_room_for_another(app, listen):
    app.state.streams = streams = Counting()
    open_ones = [listen() for _ in range(MOST_STREAMS_A_KEY)]
    assert listen().response.status == 429
    open_ones[0].__exit__(None, None, None)
    assert streams.left.wait(PATIENCE)
    assert listen().response.status == 200


def test_stopping_ends_every_stream_at_once(app, brands, listen):
    reader = listen()
    streams_in(app).stop()
    assert reader.response.read() == b""


def test_the_session_of_the_page_may_listen_too(api, needs, brands, listen):
    from monitor.storage import keys

    with needs.database.write() as connection:
        keys.set_password(
            needs.database,
            connection,
            "李岚",
            auth.hash_password("long enough 1"),
            now=needs.clock(),
        )
        person = keys.person_by_name(connection, "李岚")
    cookie = auth.sign_session(needs.secret, person, now=needs.clock())
    reader = listen(headers={"Cookie": f"{auth.SESSION_COOKIE}={cookie}"})
    push(api, "青禾 一")
    assert reader.next().data["text"] == "青禾 一"


@pytest.mark.parametrize(
    ("query", "given", "status"),
    [
        pytest.param("?topics=weather", {}, 422, id="unknown topic"),
        pytest.param("?topics=", {}, 422, id="no topic"),
        pytest.param("?last_event_id=abc", {}, 422, id="no id"),
        pytest.param("?last_event_id=1.99999999999999999999", {}, 422, id="a huge id"),
        pytest.param("", {"Last-Event-ID": "1"}, 422, id="half an id"),
        pytest.param("?topic=alerts", {}, 422, id="unknown parameter"),
    ],
)
def test_what_no_stream_can_be_is_422(api, query, given, status):
    assert api.get(f"{STREAM}{query}", headers=given).status_code == status


def test_a_stream_needs_read(anonymous, key_for):
    assert anonymous.get(STREAM).status_code == 401
    assert anonymous.get(STREAM, headers=key_for("ingest")).status_code == 403


def test_a_stream_opened_while_stopping_ends_at_once(app, api):
    streams_in(app).stop()
    assert api.get(STREAM).text.startswith("retry: 3000\n")


def test_nobody_is_remembered_who_has_no_stream():
    streams = Streams()
    with streams.opened("key:a", lambda: None):
        assert len(streams) == 1
    assert len(streams) == 0
