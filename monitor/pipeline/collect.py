"""Due sources → polls → the bus. A poll without news completes at once and never enters the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

import structlog

from collectors.model import Outcome, Poll
from monitor.bus import Bus, BusFull, TooLargeForBus
from monitor.pipeline.batches import pack
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting, broken_poll, too_large_poll
from monitor.storage import sources
from monitor.storage.engine import Database
from monitor.storage.sources import Claim

log = structlog.get_logger()

AT_ONCE = 50
DEEP = 6  # batches waiting: claim nothing more until they are stored
GATHER_SECONDS = 0.2


@dataclass(slots=True, kw_only=True)
class Collector:
    """Visits due sources, each as its own task, so a slow site delays nobody else.

    Polls that come home are gathered for 200 ms and sent on together. ``wake`` is called when
    there is something to send or room for another visit.
    """

    database: Database
    bus: Bus
    visiting: Visiting
    politeness: Politeness
    owner: str
    clock: Callable[[], datetime]
    wake: Callable[[], None] = lambda: None
    running: set[asyncio.Task[None]] = field(default_factory=set)
    home: list[Poll] = field(default_factory=list)
    claims: dict[tuple[int, datetime], Claim] = field(default_factory=dict)

    async def collect_due(self) -> int:
        """Send on what came home, then start visits as far as there is room; returns how many of both.

        While the bus is deep nothing is claimed: the sources stay due, that is the back-pressure.
        """
        sent = await self._send_on()
        room = AT_ONCE - len(self.running)
        if room <= 0 or self.home or await self.bus.depth() >= DEEP:
            return sent
        claims = await asyncio.to_thread(self._claim, room)
        for claim in claims:
            task = asyncio.create_task(self._visit(claim))
            self.running.add(task)
            task.add_done_callback(partial(self._returned, claim))
        return sent + len(claims)

    async def drain(self, seconds: float = 60.0) -> None:
        """Wait for the visits under way and send on what they bring."""
        if self.running:
            await asyncio.wait(set(self.running), timeout=seconds)
        await self._send_on()

    def abandon(self) -> None:
        """Break off the visits under way: their leases run out and the slots come again."""
        for task in self.running:
            task.cancel()

    def _claim(self, room: int) -> list[Claim]:
        now = self.clock()
        with self.database.read() as connection:
            due = sources.next_due(connection, now=now)
        if due is None or due > now:
            return []
        with self.database.write() as connection:
            return sources.claim_due(
                self.database,
                connection,
                now=now,
                owner=self.owner,
                limit=room,
                pause=self.politeness.pause,
                is_exempt=self.politeness.is_exempt,
            )

    async def _visit(self, claim: Claim) -> None:
        poll = await self.visiting.visit(claim)
        log.debug(
            "source polled",
            source_id=poll.source_id,
            outcome=poll.outcome.value,
            posts=len(poll.posts),
            reason=poll.reason,
        )
        self.home.append(poll)
        if poll.outcome is Outcome.NEW:
            self.claims[poll.source_id, poll.slot] = claim

    def _returned(self, claim: Claim, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # a bug of ours or of a plug-in: a source that cannot be read must not look calm
            log.error("visit broke", source_id=claim.source.id, exc_info=error)
            self.home.append(broken_poll(claim, error, self.clock()))
        asyncio.get_running_loop().call_later(GATHER_SECONDS, self.wake)

    async def _send_on(self) -> int:
        home, self.home = self.home, []
        now = self.clock()
        quiet = [poll for poll in home if poll.outcome is not Outcome.NEW]
        if quiet:
            await asyncio.to_thread(self._complete, quiet)
        for batch in pack(poll for poll in home if poll.outcome is Outcome.NEW):
            try:
                await self.bus.publish(batch.body, message_id=batch.message_id)
            except BusFull as full:
                self.home.extend(batch.polls)
                log.warning("batch held back", reason=str(full), message_id=batch.message_id)
            except TooLargeForBus as error:
                failed = [too_large_poll(self._claim_of(poll), error, now) for poll in batch.polls]
                await asyncio.to_thread(self._complete, failed)
        self._forget_claims()
        return len(home) - len(self.home)

    def _claim_of(self, poll: Poll) -> Claim:
        return self.claims[poll.source_id, poll.slot]

    def _forget_claims(self) -> None:
        """Keep the claims of polls that are still to be sent, with the cursors they began at."""
        waiting = {(poll.source_id, poll.slot) for poll in self.home}
        self.claims = {key: claim for key, claim in self.claims.items() if key in waiting}

    def _complete(self, polls: Sequence[Poll]) -> None:
        with self.database.write() as connection:
            sources.complete(connection, polls)
