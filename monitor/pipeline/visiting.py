"""One visit to a claimed source: the collector gets its secrets, its way out and its time; the poll is put right."""

from __future__ import annotations

import asyncio
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from sqlalchemy import RowMapping

from collectors.base import Http
from collectors.model import Outcome, Poll, Post, Precision, Source, SourceState
from collectors.options import Pace
from collectors.recipes.rehearsal import Rehearsal, Rehearses
from collectors.registry import UnknownKind, collector_for
from collectors.rhythm import Rhythm, adaptive_interval
from collectors.visit import Trouble, Visit, back_off, trouble_state
from monitor.pipeline.analyst import RulesCache
from monitor.pipeline.polite import PoliteHttp, Politeness, RobotsBook, Turns
from monitor.pipeline.storable import storable_poll
from monitor.storage import secrets_of_sources as secrets
from monitor.storage.engine import Database
from monitor.storage.hosts import host_of
from monitor.storage.sealing import Sealer, SealError
from monitor.storage.sources import Claim, to_source

LONGEST_VISIT = timedelta(seconds=90)
SLOW = timedelta(seconds=8)
BROKEN_AFTER = 3
ANSWERED = frozenset({SourceState.OK, SourceState.SLOW})
FIRST_BACKLOG = timedelta(hours=24)
JITTER = 0.1
PUSHED_INTERVAL = timedelta(hours=6)
"""Of a feed whose hub has pushed to us: visits only find what a push lost on the way."""


@dataclass(slots=True, kw_only=True)
class Visiting:
    """Makes visits. ``seconds`` is a monotonic clock for how long they take."""

    database: Database
    http: Http
    turns: Turns
    robots: RobotsBook
    sealer: Sealer
    clock: Callable[[], datetime]
    seconds: Callable[[], float] = time.monotonic
    rules: RulesCache = field(default_factory=RulesCache)
    _simple: set[str] = field(default_factory=set)  # kinds that are loaded and need no terms

    @classmethod
    def over(  # the edges of a visit, each once
        cls,
        *,
        database: Database,
        http: Http,
        politeness: Politeness,
        sealer: Sealer,
        clock: Callable[[], datetime],
        agent: str,
    ) -> Self:
        """Return the maker of visits over these edges; ``agent`` is our name in robots.txt."""
        turns = Turns(database=database, politeness=politeness, clock=clock)
        robots = RobotsBook(http=http, turns=turns, agent=agent, clock=clock)
        return cls(
            database=database, http=http, turns=turns, robots=robots, sealer=sealer, clock=clock
        )

    async def visit(self, claim: Claim) -> Poll:
        """Return what a visit to the claimed source brought, in at most 90 s.

        An unknown kind and secrets that cannot be opened are states of the source like any other.
        """
        visit = Visit(source=claim.source, slot=claim.slot, now=self.clock())
        try:
            source = await self._ready(claim)
            collector = collector_for(source.kind)
        except (UnknownKind, SealError) as error:
            return visit.failed(Trouble(SourceState.FAILING, str(error)))
        started = self.seconds()
        way = self.way_out(source.url, obeys_robots=collector.obeys_robots)
        try:
            async with asyncio.timeout(LONGEST_VISIT.total_seconds()):
                poll = await collector.collect(source, slot=claim.slot, http=way, now=visit.now)
        except TimeoutError:
            return visit.failed(Trouble(SourceState.BACKING_OFF, _TOO_LONG))
        elapsed = self.seconds() - started
        if poll.state not in ANSWERED:
            # asked for with an answer that came so long after the begin, from which it counts
            poll = replace(poll, wait=poll.wait + timedelta(seconds=elapsed))
        # our own waiting for a turn is not the site's slowness
        taken = elapsed - way.waited.total_seconds()
        poll = _put_right(source, poll, max(0.0, taken), self._is_hurried(source))
        is_broken = (
            collector.obeys_robots and poll.is_empty and claim.empty_visits + 1 >= BROKEN_AFTER
        )
        return _broken(source, poll) if is_broken else poll

    def with_secrets(self, row: RowMapping) -> Source:
        """Return the source of a stored row with its secrets; without them where they cannot be opened."""
        found = to_source(row)
        try:
            opened = secrets.opened(self.sealer, found.id, row["secrets_sealed"])
        except SealError:
            return found
        return replace(found, secrets=opened)

    async def rehearse(self, source: Source) -> Rehearsal:
        """Return what a visit would bring, from the beginning; nothing is stored, nothing is claimed."""
        now = self.clock()
        collector = collector_for(source.kind)
        if collector.wants_terms:
            source = replace(source, terms=await asyncio.to_thread(self._terms))
        http = self.way_out("", obeys_robots=collector.obeys_robots)
        try:
            async with asyncio.timeout(LONGEST_VISIT.total_seconds()):
                if isinstance(collector, Rehearses):
                    return await collector.rehearse(source, http=http, now=now)
                poll = await collector.collect(source, slot=now, http=http, now=now)
        except TimeoutError:
            visit = Visit(source=source, slot=now, now=now)
            poll = visit.failed(Trouble(SourceState.BACKING_OFF, _TOO_LONG))
        return Rehearsal(poll=poll)

    def _terms(self) -> tuple[str, ...]:
        with self.database.read() as connection:
            return self.rules.read(connection).terms

    def way_out(self, url: str, *, obeys_robots: bool) -> PoliteHttp:
        """Return the way out of one visit, whose first turn at the host of ``url`` is reserved."""
        robots = self.robots if obeys_robots else None
        return PoliteHttp(http=self.http, turns=self.turns, robots=robots, paid=host_of(url))

    def _is_hurried(self, source: Source) -> bool:
        return self.turns.politeness.is_exempt(host_of(source.url))

    async def _ready(self, claim: Claim) -> Source:
        """A thread costs as much as a fifth of a visit: it is for imports, decryption and the database."""
        if claim.source.kind in self._simple and not claim.secrets_sealed:
            return self._equipped(claim)
        source = await asyncio.to_thread(self._equipped, claim)
        if not collector_for(source.kind).wants_terms:
            self._simple.add(source.kind)
        return source

    def _equipped(self, claim: Claim) -> Source:
        source = claim.source
        interval = source.interval
        if source.options.get("pace") == Pace.ADAPTIVE:
            interval = adaptive_interval(Rhythm.from_json(claim.rhythm), interval)
        if claim.is_pushed:
            interval = max(interval, PUSHED_INTERVAL)
        terms: tuple[str, ...] = ()
        if collector_for(source.kind).wants_terms:
            terms = self._terms()
        opened = secrets.opened(self.sealer, source.id, claim.secrets_sealed)
        return replace(source, secrets=opened, interval=interval, terms=terms)


def broken_poll(claim: Claim, error: BaseException, now: datetime) -> Poll:
    """Return the poll of a visit that a bug of ours or of a plug-in ended: a state, never calm."""
    visit = Visit(source=claim.source, slot=claim.slot, now=now)
    name = type(error).__name__
    reason = f"抓取程序出错：{name}，详见日志 (the collector broke, see the log)"
    return visit.failed(Trouble(trouble_state(claim.source), reason))


def too_large_poll(claim: Claim, error: Exception, now: datetime) -> Poll:
    """Return the poll of a visit that brought more than the bus carries; its cursor stays."""
    visit = Visit(source=claim.source, slot=claim.slot, now=now)
    return replace(
        visit.failed(Trouble(SourceState.FAILING, str(error))), wait=back_off(claim.source)
    )


_TOO_LONG = f"抓取超过 {LONGEST_VISIT.total_seconds():.0f} 秒，已中止 (the visit took too long and was ended)"


def _put_right(source: Source, poll: Poll, seconds: float, is_hurried: bool) -> Poll:
    """Return the poll with its time taken, its undated posts placed, its next visit a little off the beat."""
    poll = storable_poll(poll)
    posts = placed(poll.posts, since=source.last_success_at, now=poll.fetched_at)
    poll = replace(poll, seconds=seconds, posts=posts)
    if not is_hurried and poll.wait < timedelta(days=1):
        poll = replace(poll, wait=poll.wait * (1 + JITTER * _chance(poll)))
    is_listening = poll.wait < source.interval
    if poll.state is SourceState.OK and seconds > SLOW.total_seconds() and not is_listening:
        reason = f"响应很慢：{seconds:.0f} 秒 (answers slowly)"
        poll = replace(poll, state=SourceState.SLOW, reason=reason)
    return poll


def _broken(source: Source, poll: Poll) -> Poll:
    """Return the poll of a page that held nothing of what we look for three times: no calm, a blind spot."""
    return replace(
        poll,
        state=SourceState.RECIPE_BROKEN,
        outcome=Outcome.FAILED,
        wait=max(poll.wait, back_off(source)),
    )


def placed(posts: Sequence[Post], *, since: datetime | None, now: datetime) -> tuple[Post, ...]:
    """Return the posts with those of unknown time placed evenly between the last visit and this one.

    They were published somewhere in between; all of them "now" would be a spike after each gap and
    at a source's first visit (which reaches a day back). The first in the list counts as the newest.
    """
    undated = sum(post.published_at is None for post in posts)
    if not undated:
        return tuple(posts)
    span = max(now - (since or now - FIRST_BACKLOG), timedelta())
    times = (now - span * (place / undated) for place in range(undated))
    return tuple(
        replace(post, published_at=next(times), precision=Precision.INFERRED)
        if post.published_at is None
        else post
        for post in posts
    )


def _chance(poll: Poll) -> float:
    """Return 0…1, the same for the same slot: a poll done twice is due at the same time."""
    return zlib.crc32(f"{poll.source_id}:{poll.slot.timestamp()}".encode()) / 0xFFFFFFFF
