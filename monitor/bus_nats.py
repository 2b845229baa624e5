"""The bus on NATS JetStream: a work queue that many machines share, explicit acknowledgement.

The stream refuses new messages when it is full (discard new), so back-pressure reaches the
collectors; JetStream's lazy fsync costs nothing here, for a lost batch is polled again.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.parse import urlsplit

import nats
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import MaxPayloadError, NoServersError
from nats.errors import TimeoutError as NatsTimeoutError
from nats.js import JetStreamContext
from nats.js.api import (
    AckPolicy,
    ConsumerConfig,
    DiscardPolicy,
    RetentionPolicy,
    StreamConfig,
)
from nats.js.errors import (
    APIError,
    BadRequestError,
    NoStreamResponseError,
    NotFoundError,
    ServerError,
)

from monitor.bus import BusFull, BusUnavailable, Message, TooLargeForBus

CONSUMER = "analyse"
FULL = frozenset({10077, 10122})  # maximum messages or bytes exceeded, under discard new
SHORTEST_WAIT = 0.05
LIMIT_BYTES = 1 << 30
DEAD_FOR = timedelta(days=7)
KEPT_FOR = timedelta(hours=24)
SAME_WITHIN = timedelta(minutes=5)


@dataclass(slots=True)
class NatsMessage:
    """A delivered message of the stream."""

    bus: NatsBus
    message: Msg
    ended: bool = False

    @property
    def body(self) -> bytes:
        """What was published."""
        return self.message.data

    @property
    def deliveries(self) -> int:
        """How often it has been handed out, this time included."""
        return self.message.metadata.num_delivered or 1

    async def ack(self) -> None:
        """Its effect is stored; the server forgets it."""
        if self._end():
            await self.message.ack_sync()

    async def retry(self, delay: timedelta) -> None:
        """Hand it out again after the delay."""
        if self._end():
            await self.message.nak(delay=delay.total_seconds())

    async def dead(self, reason: str) -> None:
        """Move it to the dead letters, where it is kept for seven days with the reason."""
        if self._end():
            await self.bus.bury(self.message.data, reason)
            await self.message.term()

    async def extend(self) -> None:
        """Start the acknowledgement wait anew."""
        if not self.ended:
            await self.message.in_progress()

    def _end(self) -> bool:
        was, self.ended = self.ended, True
        return not was


@dataclass(slots=True, kw_only=True)
class NatsBus:
    """A work queue named ``stream`` on the servers of ``url``; open it before use.

    ``capacity`` bounds the messages (None: only the bytes, 1 GiB).
    """

    url: str
    stream: str = "MON_RAW"
    capacity: int | None = None
    ack_wait: timedelta = timedelta(seconds=60)
    _client: Client | None = None
    _stream: JetStreamContext | None = None
    _pull: JetStreamContext.PullSubscription | None = field(default=None, repr=False)

    async def open(self) -> None:
        """Connect and declare stream and consumer; repeating it changes nothing.

        Raises:
            BusUnavailable: no server answers there.
        """
        try:
            self._client = await nats.connect(
                self.url, connect_timeout=5, max_reconnect_attempts=-1, allow_reconnect=True
            )
        except (NoServersError, OSError, NatsTimeoutError) as error:
            raise BusUnavailable(
                f"MONITOR_BUS_URL: no NATS server answers at {self.url}: {error}"
            ) from error
        self._stream = self._client.jetstream()
        await self._declare()

    async def publish(self, body: bytes, *, message_id: str) -> None:
        """Queue a body; the server takes the same id once within five minutes."""
        headers = {"Nats-Msg-Id": message_id}
        try:
            await self._js().publish(f"{self._subject}.normal.0", body, headers=headers, timeout=10)
        except MaxPayloadError as error:
            raise TooLargeForBus(
                f"a batch of {len(body)} bytes is over the NATS server's max_payload; raise it to 16MB"
            ) from error
        except (NotFoundError, NoStreamResponseError, NatsTimeoutError, TimeoutError) as error:
            await self._declare()  # a server that lost its store forgot the stream too
            raise BusFull(f"stream {self.stream} did not answer") from error
        except (APIError, ServerError, BadRequestError) as error:
            if error.err_code in FULL:
                raise BusFull(f"stream {self.stream} is full") from error
            raise

    async def fetch(self, limit: int, wait: timedelta) -> list[Message]:
        """Return up to ``limit`` messages, waiting up to ``wait`` for the first."""
        assert self._pull is not None  # noqa: S101  # open() has run
        try:
            found = await self._pull.fetch(limit, timeout=max(wait.total_seconds(), SHORTEST_WAIT))
        except (NatsTimeoutError, TimeoutError):  # the library raises either
            return []
        return [NatsMessage(self, message) for message in found]

    async def depth(self) -> int:
        """Return how many messages wait or are being worked on."""
        state = await self._js().consumer_info(self.stream, CONSUMER)
        return (state.num_pending or 0) + (state.num_ack_pending or 0)

    async def close(self) -> None:
        """Leave; what was not acknowledged comes to somebody else."""
        if self._client is not None:
            with contextlib.suppress(NatsTimeoutError, OSError):
                await self._client.close()
            self._client = None

    async def bury(self, body: bytes, reason: str) -> None:
        """Keep a body that nobody could work on."""
        headers = {
            "Jianwei-Reason": " ".join(reason.split())[:500].encode("ascii", "replace").decode()
        }
        await self._js().publish(f"{self._subject}.dead", body, headers=headers)

    async def forget(self) -> None:
        """Delete stream and dead letters (tests, or a change of name)."""
        for name in (self.stream, f"{self.stream}_DEAD"):
            with contextlib.suppress(NotFoundError):
                await self._js().delete_stream(name)

    async def _declare(self) -> None:
        js = self._js()
        await self._ensure(
            StreamConfig(
                name=self.stream,
                subjects=[f"{self._subject}.normal.>"],
                retention=RetentionPolicy.WORK_QUEUE,
                discard=DiscardPolicy.NEW,
                max_bytes=LIMIT_BYTES,
                max_msgs=self.capacity or -1,
                max_age=KEPT_FOR.total_seconds(),
                duplicate_window=SAME_WITHIN.total_seconds(),
            )
        )
        await self._ensure(
            StreamConfig(
                name=f"{self.stream}_DEAD",
                subjects=[f"{self._subject}.dead"],
                max_bytes=LIMIT_BYTES,
                max_age=DEAD_FOR.total_seconds(),
            )
        )
        await js.add_consumer(
            self.stream,
            ConsumerConfig(
                durable_name=CONSUMER,
                ack_policy=AckPolicy.EXPLICIT,
                ack_wait=self.ack_wait.total_seconds(),
                max_ack_pending=64,
                filter_subject=f"{self._subject}.normal.>",
            ),
        )
        self._pull = await js.pull_subscribe_bind(consumer=CONSUMER, stream=self.stream)

    async def _ensure(self, config: StreamConfig) -> None:
        try:
            await self._js().add_stream(config)
        except BadRequestError:  # it exists with other limits: ours hold from now on
            await self._js().update_stream(config)

    @property
    def _subject(self) -> str:
        return self.stream.lower().replace("_", ".")

    def _js(self) -> JetStreamContext:
        assert self._stream is not None  # noqa: S101  # open() has run
        return self._stream


def nats_bus(url: str) -> NatsBus:
    """Return the bus of a URL; a path names the stream, so that installations can share a server."""
    parts = urlsplit(url)
    name = parts.path.strip("/")
    server = parts._replace(path="").geturl()
    return NatsBus(url=server, stream=name) if name else NatsBus(url=server)
