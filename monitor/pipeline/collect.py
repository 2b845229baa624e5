"""Due sources → polls → the bus. A poll without news completes at once and never enters the bus."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from collectors.base import Http, collector_for
from collectors.model import Outcome, Poll
from monitor.bus import Bus, BusFull
from monitor.pipeline.batches import pack
from monitor.storage import sources
from monitor.storage.engine import Database
from monitor.storage.sources import Claim

log = structlog.get_logger()

CLAIM_LIMIT = 100
AT_ONCE = 20
DEEP = 6  # batches waiting: claim nothing more until they are stored


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How often one host may be asked; exempt hosts (the operator's own networks) as often as is due."""

    pause: timedelta
    is_exempt: Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collecting:
    """What collecting needs from outside."""

    database: Database
    bus: Bus
    http: Http
    politeness: Politeness
    owner: str
    clock: Callable[[], datetime]


async def collect_due(needs: Collecting) -> int:
    """Visit the sources that are due now; returns how many. Returns 0 while the bus is deep."""
    if await needs.bus.depth() >= DEEP:
        return 0
    claims = await asyncio.to_thread(_claim, needs)
    if not claims:
        return 0
    polls = await _visit(needs, claims)
    news = [poll for poll in polls if poll.outcome is Outcome.NEW]
    quiet = [poll for poll in polls if poll.outcome is not Outcome.NEW]
    if quiet:
        await asyncio.to_thread(_complete, needs.database, quiet)
    await _publish(needs, news)
    return len(claims)


def _claim(needs: Collecting) -> list[Claim]:
    with needs.database.write() as connection:
        return sources.claim_due(
            needs.database,
            connection,
            now=needs.clock(),
            owner=needs.owner,
            limit=CLAIM_LIMIT,
            pause=needs.politeness.pause,
            is_exempt=needs.politeness.is_exempt,
        )


async def _visit(needs: Collecting, claims: Sequence[Claim]) -> list[Poll]:
    free = asyncio.Semaphore(AT_ONCE)

    async def visit(claim: Claim) -> Poll:
        async with free:
            collector = collector_for(claim.source.kind)
            poll = await collector.collect(
                claim.source, slot=claim.slot, http=needs.http, now=needs.clock()
            )
            log.debug(
                "source polled",
                source_id=poll.source_id,
                outcome=poll.outcome.value,
                posts=len(poll.posts),
                reason=poll.reason,
            )
            return poll

    return list(await asyncio.gather(*(visit(claim) for claim in claims)))


def _complete(database: Database, polls: Sequence[Poll]) -> None:
    with database.write() as connection:
        sources.complete(connection, polls)


async def _publish(needs: Collecting, polls: Sequence[Poll]) -> None:
    for batch in pack(polls):
        try:
            await needs.bus.publish(batch.body, message_id=batch.message_id)
        except BusFull as full:
            # the leases run out, the slots come again: that is the whole back-pressure
            log.warning("batch held back", reason=str(full), message_id=batch.message_id)
            return
