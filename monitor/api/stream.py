"""``/stream``: mentions and alerts as they happen, as server-sent events (WHATWG HTML, section 9.2)."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated

import orjson
from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from monitor.api import alerts, mentions
from monitor.api.access import require
from monitor.api.answers import LARGEST_ID, OPTIONS
from monitor.api.deps import Deps
from monitor.api.filters import KeywordLists, Needs
from monitor.api.problems import Problem, invalid
from monitor.auth import Principal
from monitor.storage import alert_reading, reading
from monitor.storage.following import newest, settled
from monitor.storage.reading import Filters
from monitor.storage.tables import alert_event, mention

router = APIRouter(tags=["stream"])
Reader = Annotated[Principal, Depends(require("read"))]
TOPICS = ("alerts", "mentions")
MOST_STREAMS = 500
MOST_STREAMS_A_KEY = 5
READ_AT_ONCE = 200
LOOK_SECONDS = 2.0  # other processes commit without waking this one
COMMENT_SECONDS = 15.0
RETRY_MS = 3_000
LIFETIME_SECONDS = 3_600.0  # the reader connects again by itself, and its key is looked at again
HEADERS = {"X-Accel-Buffering": "no", "Cache-Control": "no-cache, private"}
CURSOR = re.compile(r"(\d{1,19})\.(\d{1,19})", re.ASCII)


class Streams:
    """The streams that are open in this process. ``stop`` ends them: a server waits for its answers.

    A stream looks at the database when it is woken, and every ``look_seconds``; when it has been
    silent for ``comment_seconds`` it sends a comment, so that proxies and readers keep it.
    """

    def __init__(
        self, look_seconds: float = LOOK_SECONDS, comment_seconds: float = COMMENT_SECONDS
    ) -> None:
        self.look_seconds = look_seconds
        self.comment_seconds = comment_seconds
        self.stopping = False
        self._wake: Callable[[], None] = lambda: None
        self._open: Counter[str] = Counter()

    def stop(self) -> None:
        """End every stream within a moment, and those that are opened later at once."""
        self.stopping = True
        self._wake()

    @contextmanager
    def opened(self, principal_id: str, wake: Callable[[], None]) -> Iterator[None]:
        """Count a stream for as long as it is open; ``wake`` makes it look around."""
        self._wake = wake
        self._open[principal_id] += 1
        try:
            yield
        finally:
            self.ended(principal_id)

    def ended(self, principal_id: str) -> None:
        """Count one stream less."""
        self._open[principal_id] -= 1
        if not self._open[principal_id]:
            del self._open[principal_id]

    def __len__(self) -> int:
        return self._open.total()

    def refuse_too_many(self, principal_id: str) -> None:
        """Refuse one more stream than 5 for a key, or 500 in all.

        Raises:
            Problem: 429.
        """
        if self._open[principal_id] >= MOST_STREAMS_A_KEY or len(self) >= MOST_STREAMS:
            raise Problem(
                "too-many-requests",
                f"打开的流太多: 每个密钥最多 {MOST_STREAMS_A_KEY} 个 (too many open streams)",
                headers={"Retry-After": "10"},
            )


def streams_in(app: FastAPI) -> Streams:
    """Return the open streams of an application; whoever stops the server stops them first."""
    if not hasattr(app.state, "streams"):
        app.state.streams = Streams()
    found: Streams = app.state.streams
    return found


def streams_of(request: Request) -> Streams:
    """Return the open streams of this application (FastAPI dependency)."""
    app: FastAPI = request.app
    return streams_in(app)


@dataclass(slots=True)
class Cursor:
    """How far a stream has been read: ids of mentions and of alert events."""

    mention_id: int
    event_id: int

    def __str__(self) -> str:
        return f"{self.mention_id}.{self.event_id}"


@dataclass(slots=True, kw_only=True)
class Following:
    """One stream: what it wants and where it stands."""

    needs: Deps
    topics: Sequence[str]
    keyword_list_ids: Sequence[int]
    cursor: Cursor

    def read(self) -> list[bytes]:
        """Return the events since the last call, each ready to be sent; blocking."""
        with self.needs.database.read() as connection:
            return [*self._mentions(connection), *self._alerts(connection)]

    def _mentions(self, connection: Connection) -> Iterator[bytes]:
        if "mentions" not in self.topics:
            return
        horizon = settled(self.needs.database, connection, mention, after=self.cursor.mention_id)
        rows = reading.mentions_between(
            self.needs.database,
            connection,
            Filters(keyword_list_ids=self.keyword_list_ids),
            after_id=self.cursor.mention_id,
            until_id=horizon,
            limit=READ_AT_ONCE,
        )
        expressions = reading.expressions(connection, rows)
        for row in rows:
            self.cursor.mention_id = row["id"]
            yield frame("mention", mentions.show(row, expressions), self.cursor)
        if len(rows) < READ_AT_ONCE:
            self.cursor.mention_id = horizon

    def _alerts(self, connection: Connection) -> Iterator[bytes]:
        if "alerts" not in self.topics:
            return
        horizon = settled(self.needs.database, connection, alert_event, after=self.cursor.event_id)
        found = alert_reading.events(
            connection,
            after_id=self.cursor.event_id,
            until_id=horizon,
            keyword_list_ids=self.keyword_list_ids,
            limit=READ_AT_ONCE,
        )
        for event, row in found:
            self.cursor.event_id = event["id"]
            body = {**alerts.show(row), "event": alerts.show_event(event)}
            yield frame("alert", body, self.cursor)
        if len(found) < READ_AT_ONCE:
            self.cursor.event_id = horizon


def frame(name: str, body: object, cursor: Cursor) -> bytes:
    """Return one event as it is sent. JSON holds no line feed, so the body is one data line."""
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (
        str(cursor).encode(),
        name.encode(),
        orjson.dumps(body, option=OPTIONS),
    )


@router.get(
    "/api/v1/stream",
    operation_id="stream_events",
    summary="Follow mentions and alerts as they happen",
    response_class=Response,
    responses={200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_events(  # noqa: PLR0913, PLR0917  # one parameter a query parameter
    request: Request,
    needs: Needs,
    who: Reader,
    streams: Annotated[Streams, Depends(streams_of)],
    topics: Annotated[
        str | None, Query(max_length=40, description="Comma separated: alerts,mentions.")
    ] = None,
    keyword_list: KeywordLists = [],  # noqa: B006  # FastAPI copies defaults
    last_event_id: Annotated[str | None, Query(max_length=50, description="As the header.")] = None,
    last_event_id_header: Annotated[
        str | None, Header(alias="Last-Event-ID", max_length=50)
    ] = None,
) -> Response:
    """Send events `mention` and `alert` as they are stored, with JSON data.

    An alert event carries the alert as it is now and, under `event`, what happened. `id` is a place in the
    database: after a break, however long, `Last-Event-ID` goes on exactly there. Without it only what comes
    from now on is sent. Every 15 s there is a comment line. At most 5 streams a key.
    """
    streams.refuse_too_many(who.id)
    given = last_event_id_header or last_event_id
    following = Following(
        needs=needs,
        topics=_topics(topics),
        keyword_list_ids=keyword_list,
        cursor=_cursor(given) if given else await run_in_threadpool(_now, needs),
    )
    body = _events(request, streams, following, who.id)
    return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS)


def _topics(text: str | None) -> list[str]:
    wanted = [part.strip() for part in (",".join(TOPICS) if text is None else text).split(",")]
    for name in wanted:
        if name not in TOPICS:
            raise invalid(
                "#/topics", f"未知主题 {name!r};可用: {', '.join(TOPICS)} (unknown topic)"
            )
    return wanted


def _cursor(text: str) -> Cursor:
    found = CURSOR.fullmatch(text)
    if found is None or max(int(found[1]), int(found[2])) > LARGEST_ID:
        raise invalid("#/last_event_id", "不是本接口给出的 id (not an id that this stream gave)")
    return Cursor(int(found[1]), int(found[2]))


def _now(needs: Deps) -> Cursor:
    with needs.database.read() as connection:
        return Cursor(newest(connection, mention), newest(connection, alert_event))


async def _events(
    request: Request, streams: Streams, following: Following, principal_id: str
) -> AsyncIterator[bytes]:
    live, time = following.needs.live, asyncio.get_running_loop().time
    with streams.opened(principal_id, live.notify):
        yield b"retry: %d\nid: %s\n\n" % (RETRY_MS, str(following.cursor).encode())
        spoke = began = time()
        while not streams.stopping and time() - began < LIFETIME_SECONDS:
            # waiting begins before reading: what is committed in between wakes us, too
            woken = asyncio.create_task(live.wait(streams.look_seconds))
            await asyncio.sleep(0)
            try:
                events = await run_in_threadpool(following.read)
                for event in events:
                    yield event
                if not events:
                    await woken
            finally:
                woken.cancel()
            if events:
                spoke = time()
            elif time() - spoke >= streams.comment_seconds:
                yield b": still here\n\n"
                spoke = time()
            if await request.is_disconnected():
                return
