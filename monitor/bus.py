"""The way of polls from collecting to understanding: a port, and its embedded form in memory.

Nothing on a bus is precious: a source's cursor moves only when its posts are stored, so a bus
may lose everything and the polls are simply done again (DESIGN section 3).
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol


class BusFull(Exception):
    """The bus takes no more now; try again later and claim nothing until then."""


class TooLargeForBus(Exception):
    """One poll is larger than the bus carries; the text names the remedy. Trying again is useless."""


class BusUnavailable(Exception):
    """The bus cannot be reached at start; the text names the setting."""


class Message(Protocol):
    """A delivered body. Exactly one of ack, retry and dead ends it; unended it comes again."""

    @property
    def body(self) -> bytes:
        """What was published."""

    @property
    def deliveries(self) -> int:
        """How often this message has been handed out, this time included."""

    async def ack(self) -> None:
        """Its effect is stored."""

    async def retry(self, delay: timedelta) -> None:
        """Hand it out again after the delay."""

    async def dead(self, reason: str) -> None:
        """Give up on it and keep the reason."""

    async def extend(self) -> None:
        """Still working: do not hand it to somebody else."""


class Bus(Protocol):
    """A work queue: every message goes to one fetcher at a time, at least once."""

    async def open(self) -> None:
        """Make it ready; raises BusUnavailable."""

    async def publish(self, body: bytes, *, message_id: str) -> None:
        """Queue a body; the same id within five minutes counts once. Raises BusFull, TooLargeForBus."""

    async def fetch(self, limit: int, wait: timedelta) -> list[Message]:
        """Return up to ``limit`` messages, waiting up to ``wait`` for the first."""

    async def depth(self) -> int:
        """Return how many messages wait or are being worked on."""

    async def close(self) -> None:
        """Stop; messages that were not acknowledged are lost or kept, as the bus may."""


@dataclass(slots=True)
class _Entry:
    message_id: str
    body: bytes
    deliveries: int = 0


@dataclass(slots=True)
class LocalMessage:
    """A message of the bus in memory."""

    bus: LocalBus
    entry: _Entry
    ended: bool = False
    timer: asyncio.TimerHandle | None = None

    @property
    def body(self) -> bytes:
        """What was published."""
        return self.entry.body

    @property
    def deliveries(self) -> int:
        """How often this message has been handed out."""
        return self.entry.deliveries

    async def ack(self) -> None:
        """Forget the message."""
        if self._end():
            self.bus.working -= 1

    async def retry(self, delay: timedelta) -> None:
        """Queue it again after the delay."""
        if self._end():
            self.bus.again(self.entry, delay)

    async def dead(self, reason: str) -> None:
        """Forget the message and remember the reason."""
        if self._end():
            self.bus.working -= 1
            self.bus.dead_letters.append((self.entry.message_id, reason))

    async def extend(self) -> None:
        """Start the waiting time anew."""
        if not self.ended:
            self.watch()

    def watch(self) -> None:
        """Hand the message to somebody else if it is not ended within the acknowledgement wait."""
        if self.timer:
            self.timer.cancel()
        loop = asyncio.get_running_loop()
        self.timer = loop.call_later(self.bus.ack_wait.total_seconds(), self._expire)

    def _expire(self) -> None:
        if self._end():
            self.bus.again(self.entry, timedelta(0))

    def _end(self) -> bool:
        if self.ended:
            return False
        self.ended = True
        if self.timer:
            self.timer.cancel()
        return True


@dataclass(slots=True)
class LocalBus:
    """A bounded queue inside one process: ``capacity`` messages wait at most."""

    capacity: int = 8
    ack_wait: timedelta = timedelta(seconds=60)
    seen_limit: int = 1_000
    working: int = 0
    dead_letters: list[tuple[str, str]] = field(default_factory=list)
    _waiting: asyncio.Queue[_Entry] = field(default_factory=asyncio.Queue)
    _delayed: int = 0
    _seen: dict[str, None] = field(default_factory=dict)

    async def open(self) -> None:
        """Memory is always there."""

    async def publish(self, body: bytes, *, message_id: str) -> None:
        """Queue a body; a repeated id is taken as already queued. Raises BusFull."""
        if message_id in self._seen:
            return
        if self._waiting.qsize() + self._delayed >= self.capacity:
            raise BusFull(f"{self.capacity} batches wait to be analysed")
        self._seen[message_id] = None
        while len(self._seen) > self.seen_limit:
            del self._seen[next(iter(self._seen))]
        self._waiting.put_nowait(_Entry(message_id, body))

    async def fetch(self, limit: int, wait: timedelta) -> list[Message]:
        """Return what is there, up to ``limit``; waits up to ``wait`` for the first."""
        entries = []
        if self._waiting.empty() and wait > timedelta(0):
            try:
                entries.append(await asyncio.wait_for(self._waiting.get(), wait.total_seconds()))
            except TimeoutError:
                return []
        while len(entries) < limit and not self._waiting.empty():
            entries.append(self._waiting.get_nowait())
        return [self._hand_out(entry) for entry in entries]

    async def depth(self) -> int:
        """Return waiting, delayed and worked-on messages."""
        return self._waiting.qsize() + self._delayed + self.working

    async def close(self) -> None:
        """Nothing to give back: what waited is polled again."""

    def again(self, entry: _Entry, delay: timedelta) -> None:
        """Queue a message again after the delay, beyond the capacity if need be."""
        self.working -= 1
        if delay <= timedelta(0):
            self._waiting.put_nowait(entry)
            return
        self._delayed += 1
        asyncio.get_running_loop().call_later(delay.total_seconds(), self._return, entry)

    def _return(self, entry: _Entry) -> None:
        self._delayed -= 1
        self._waiting.put_nowait(entry)

    def _hand_out(self, entry: _Entry) -> Message:
        entry.deliveries += 1
        self.working += 1
        message = LocalMessage(self, entry)
        message.watch()
        return message
