"""The way out as a collector gets it: one request at a time a host, at its pace, where robots may go."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from collectors.base import Http, Reply
from collectors.model import CollectError
from collectors.robots import Robots
from monitor.storage import hosts
from monitor.storage.engine import Database

MOST_WAIT = timedelta(seconds=30)
GIVEN_WAY = timedelta(seconds=1.5)  # due sources are claimed every second
LONGEST_CRAWL_DELAY = timedelta(seconds=60)
ROBOTS_KEPT = 10_000
HOSTS_KEPT = 10_000
ROBOTS_AGE = timedelta(hours=24)
ROBOTS_RETRY = timedelta(hours=1)
_NO_ADDRESS = "这不是一个可访问的网址 (not an address that can be asked)"
_Stream = TypeVar("_Stream")


class Forbidden(CollectError):
    """robots.txt of the site says no."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"{host} 的 robots.txt 不允许读取这个页面 (robots.txt forbids it)", retryable=False
        )


class HostBusy(CollectError):
    """Too many of us wait for this host; come back when the queue is shorter."""

    def __init__(self, host: str, wait: timedelta) -> None:
        super().__init__(
            f"{host} 的请求已排队 {wait.total_seconds():.0f} 秒，稍后再试 (our queue for this host is full)",
            wait=wait,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Politeness:
    """How often one host may be asked; exempt hosts (the operator's own networks) as often as is due."""

    pause: timedelta
    is_exempt: Callable[[str], bool]


@dataclass(slots=True, kw_only=True)
class Turns:
    """Whose turn it is at a host. The queue is a row, so it holds for all processes together.

    A request may leave later than its turn: the loop was busy, a connection had to be opened. The
    next one then comes too soon after it, as the host sees it; so this process also counts
    the pause from when its last request left and was answered.
    """

    database: Database
    politeness: Politeness
    clock: Callable[[], datetime]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _rested: OrderedDict[str, datetime] = field(default_factory=OrderedDict)

    async def wait(self, url: str, least: timedelta = timedelta()) -> None:
        """Wait for our turn at the host of ``url``; ``least`` is a longer pause the site asks for.

        Raises:
            HostBusy: the turn would come in more than 30 s.
        """
        host = hosts.host_of(url)
        if not host or self.politeness.is_exempt(host):
            return
        pause = max(self.politeness.pause, least)
        ahead = await asyncio.to_thread(self._reserve, host, pause)
        if ahead > MOST_WAIT:
            raise HostBusy(host, ahead)
        if ahead > timedelta():
            await self.sleep(ahead.total_seconds())
        await self.rest(url, least)

    async def rest(self, url: str, least: timedelta = timedelta()) -> None:
        """Wait until the host of ``url`` has had its pause after our last request, and note that we ask."""
        host = hosts.host_of(url)
        if not host or self.politeness.is_exempt(host):
            return
        pause, now = max(self.politeness.pause, least), self.clock()
        left = min(
            self._rested.get(host, now) - now, LONGEST_CRAWL_DELAY
        )  # a clock may be set back
        self._note(host, now + max(left, timedelta()) + pause)
        if left > timedelta():
            await self.sleep(left.total_seconds())

    def answered(self, url: str, least: timedelta = timedelta()) -> None:
        """Count the pause at the host of ``url`` from now."""
        host = hosts.host_of(url)
        if host in self._rested:  # an exempt one never is
            until = self.clock() + max(self.politeness.pause, least)
            self._note(host, max(self._rested[host], until))

    def _note(self, host: str, until: datetime) -> None:
        self._rested[host] = until
        self._rested.move_to_end(host)
        while len(self._rested) > HOSTS_KEPT:
            self._rested.popitem(last=False)

    async def give_way(self, url: str) -> None:
        """Wait until the host of ``url`` has been free for longer than it takes to claim what is due there.

        A row of requests that each take the next turn would never let a due source have one.

        Raises:
            HostBusy: it will not be free within 30 s.
        """
        host = hosts.host_of(url)
        if not host or self.politeness.is_exempt(host):
            return
        ahead = await asyncio.to_thread(self._ahead, host)
        if ahead > MOST_WAIT:
            raise HostBusy(host, ahead)
        await self.sleep((ahead + GIVEN_WAY).total_seconds())

    def _ahead(self, host: str) -> timedelta:
        now = self.clock()
        with self.database.read() as connection:
            return max(hosts.free_at(connection, host) - now, timedelta())

    async def hold(self, url: str, least: timedelta) -> None:
        """Keep everybody from the host of ``url`` for ``least``: its turn was taken for less."""
        host = hosts.host_of(url)
        if least > self.politeness.pause and not self.politeness.is_exempt(host):
            await asyncio.to_thread(self._hold, host, least)

    def _hold(self, host: str, least: timedelta) -> None:
        with self.database.write() as connection:
            hosts.hold(connection, host, until=self.clock() + least)

    def _reserve(self, host: str, pause: timedelta) -> timedelta:
        now = self.clock()
        with self.database.write() as connection:
            turn = hosts.reserve(
                self.database, connection, host, now=now, pause=pause, most=MOST_WAIT
            )
        return turn - now


@dataclass(slots=True, kw_only=True)
class RobotsBook:
    """What robots.txt of each site says, asked once a day."""

    http: Http
    turns: Turns
    agent: str
    clock: Callable[[], datetime]
    _known: OrderedDict[str, tuple[datetime, Robots]] = field(default_factory=OrderedDict)
    _asking: dict[str, asyncio.Lock] = field(default_factory=dict)

    def knows(self, url: str) -> bool:
        """Return whether the site need not be asked for its robots.txt now.

        Raises:
            CollectError: ``url`` is no address.
        """
        known = self._known.get(_site_of(url))
        return known is not None and self.clock() < known[0]

    async def crawl_delay(self, url: str, *, is_paid: bool = False) -> timedelta:
        """Return the pause the site asks for, at most a minute.

        ``is_paid``: our turn at the host is reserved, for robots.txt if that must be asked.

        Raises:
            Forbidden: the page is not for us.
            CollectError: ``url`` is no address.
        """
        site = _site_of(url)
        robots = await self._robots(site, is_paid)
        if not robots.allows(url, self.agent):
            raise Forbidden(urlsplit(site).netloc)
        return min(robots.crawl_delay(self.agent) or timedelta(), LONGEST_CRAWL_DELAY)

    async def _robots(self, site: str, is_paid: bool) -> Robots:
        async with self._asking.setdefault(site, asyncio.Lock()):
            known = self._known.get(site)
            if known is None or self.clock() >= known[0]:
                known = await self._ask(site, is_paid)
                self._known[site] = known
                while len(self._known) > ROBOTS_KEPT:
                    self._asking.pop(self._known.popitem(last=False)[0], None)
        return known[1]

    async def _ask(self, site: str, is_paid: bool) -> tuple[datetime, Robots]:
        await (self.turns.rest(site) if is_paid else self.turns.wait(site))
        try:
            reply = await self.http.get(f"{site}/robots.txt", {"Accept": "text/plain, */*;q=0.5"})
        except CollectError:
            return self.clock() + ROBOTS_RETRY, Robots.parse(None, b"")
        finally:
            self.turns.answered(site)
        age = ROBOTS_RETRY if reply.status >= 500 else ROBOTS_AGE
        robots = await asyncio.to_thread(Robots.parse, reply.status, reply.body)
        return self.clock() + age, robots


def _site_of(url: str) -> str:
    if not hosts.host_of(url):
        raise CollectError(_NO_ADDRESS, retryable=False)
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


@dataclass(slots=True, kw_only=True)
class PoliteHttp:
    """One visit's way out. ``paid`` is the host whose turn the claim has reserved already.

    ``waited`` is how long it was not our turn so far: time that the sites did not take.
    """

    http: Http
    turns: Turns
    robots: RobotsBook | None = None
    paid: str = ""
    waited: timedelta = timedelta()

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a GET, when it is our turn."""
        least = await self._turn(url)
        try:
            return await self.http.get(url, headers)
        finally:
            self.turns.answered(url, least)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a POST, when it is our turn."""
        least = await self._turn(url)
        try:
            return await self.http.post(url, body, headers)
        finally:
            self.turns.answered(url, least)

    def lines(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Open an answer that never ends, when it is our turn."""
        return self._opened(url, lambda: self.http.lines(url, headers))

    def messages(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a websocket, when it is our turn."""
        return self._opened(url, lambda: self.http.messages(url, headers))

    @asynccontextmanager
    async def _opened(
        self, url: str, opening: Callable[[], AbstractAsyncContextManager[_Stream]]
    ) -> AsyncIterator[_Stream]:
        await self._turn(url)
        async with opening() as stream:
            yield stream

    async def _turn(self, url: str) -> timedelta:
        """Wait for it; returns the pause that robots.txt asks for."""
        began = self.turns.clock()
        try:
            return await self._taken(url)
        finally:
            self.waited += max(self.turns.clock() - began, timedelta())

    async def _taken(self, url: str) -> timedelta:
        is_paid = bool(self.paid) and hosts.host_of(url) == self.paid
        least = timedelta()
        if self.robots:
            is_known = self.robots.knows(url)
            least = await self.robots.crawl_delay(url, is_paid=is_paid)
            if is_paid and not is_known:  # robots.txt has had the turn
                self.paid, is_paid = "", False
        if not is_paid:
            await self.turns.wait(url, least)
            return least
        self.paid = ""
        await self.turns.hold(url, least)
        await self.turns.rest(url, least)
        return least
