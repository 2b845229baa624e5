"""The composition root: settings → edges → steps → loops. Only this module reads the clock."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import ip_address
from typing import IO, TYPE_CHECKING

import structlog

from collectors import registry
from monitor import garbage
from monitor.bus import Bus, BusUnavailable, LocalBus
from monitor.config import Role, Settings, SettingsError, secret_key
from monitor.http import GuardedClient
from monitor.live import Live
from monitor.pipeline.analyse import Analysing, analyse_batches
from monitor.pipeline.analyst import Analyst, PoolAnalyst
from monitor.pipeline.collect import Collector
from monitor.pipeline.dispatch import Dispatcher
from monitor.pipeline.evaluate import Evaluator
from monitor.pipeline.extractor import Extractor
from monitor.pipeline.looks import Looking
from monitor.pipeline.polite import Politeness
from monitor.pipeline.rematch import Rematching, rematch_some
from monitor.pipeline.visiting import Visiting
from monitor.pipeline.watch import Watcher
from monitor.pipeline.websub import Subscribing
from monitor.scheduler import ticking
from monitor.storage import deliveries, migrate, sources
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.worker import Loop, Worker

if TYPE_CHECKING:
    from fastapi import FastAPI

    from monitor.api.deps import Deps

log = structlog.get_logger()

TICK_SECONDS = 1.0
SWEEP_SECONDS = 5.0


def utc_now() -> datetime:
    """Return the time of this machine."""
    return datetime.now(UTC)  # noqa: TID251  # the one clock


class StartError(Exception):
    """This process may not start like that; the text says what to do."""


@dataclass(slots=True, kw_only=True)
class App:
    """Everything that one process holds, ready to be started; tests and the demo build the same."""

    settings: Settings
    database: Database
    secret: bytes
    clock: Callable[[], datetime]
    bus: Bus
    analyst: Analyst
    http: GuardedClient
    sealer: Sealer
    live: Live = field(default_factory=Live)
    worker: Worker = field(default_factory=Worker)
    visiting: Visiting = field(init=False)
    collector: Collector = field(init=False)
    analysing: Analysing = field(init=False)
    evaluator: Evaluator = field(init=False)
    dispatcher: Dispatcher = field(init=False)
    rematching: Rematching = field(init=False)
    reader: Extractor = field(default_factory=Extractor)
    looking: Looking = field(init=False)
    watcher: Watcher = field(init=False)
    subscribing: Subscribing = field(init=False)
    _open: AsyncExitStack = field(default_factory=AsyncExitStack)
    _loops: dict[str, Loop] = field(default_factory=dict)
    _owned: IO[str] | None = None

    def __post_init__(self) -> None:
        """Wire the steps to their edges."""
        settings = self.settings
        self.visiting = self._visiting()
        self.collector = Collector(
            database=self.database,
            bus=self.bus,
            visiting=self.visiting,
            politeness=self.visiting.turns.politeness,
            owner=f"{socket.gethostname()}:{os.getpid()}",
            clock=self.clock,
            wake=partial(self._wake, "collect"),
        )
        self.analysing = Analysing(
            database=self.database, analyst=self.analyst, clock=self.clock, told=self._stored
        )
        self.looking = Looking(analysing=self.analysing, visiting=self.visiting, reader=self.reader)
        self.watcher = Watcher(
            database=self.database,
            clock=self.clock,
            base_url=settings.base_url,
            told=self._decided,
        )
        self.subscribing = Subscribing(
            database=self.database,
            http=self.http,
            sealer=self.sealer,
            clock=self.clock,
            base_url=settings.public_url,
        )
        self.evaluator = Evaluator(
            database=self.database,
            clock=self.clock,
            zone=settings.zone,
            base_url=settings.base_url,
            told=self._decided,
        )
        self.dispatcher = Dispatcher(
            database=self.database, http=self.http, sealer=self.sealer, clock=self.clock
        )
        self.rematching = Rematching(
            database=self.database,
            analyst=self.analyst,
            clock=self.clock,
            days=settings.rematch_days,
        )

    async def analyse(self, wait: timedelta = timedelta(seconds=1)) -> int:
        """Store what the bus brings; returns how many batches."""
        return await analyse_batches(self.analysing, self.bus, wait=wait)

    async def rematch(self) -> int:
        """Match stored posts again after an edit; returns how many."""
        return await rematch_some(self.rematching)

    async def open(self) -> None:
        """Take the data directory, bring the database up to date, open the way out."""
        await self._open.__aenter__()
        self._own()
        self._upgrade()
        await self._open.enter_async_context(self.http)
        try:
            await self.bus.open()
        except BusUnavailable as error:
            raise StartError(str(error)) from error

    async def start(self) -> None:
        """Open, then run the loops of this process's roles."""
        await self.open()
        roles = set(self.settings.roles)
        for name, role, step, idle in (
            ("collect", Role.COLLECT, self.collector.collect_due, TICK_SECONDS),
            ("look", Role.COLLECT, self.looking.look, 2 * TICK_SECONDS),
            ("analyse", Role.ANALYSE, self.analyse, 0.05),
            ("alert", Role.ALERT, self.evaluator.evaluate, SWEEP_SECONDS),
            ("dispatch", Role.DISPATCH, self.dispatcher.dispatch_due, TICK_SECONDS),
            ("watch", Role.HOUSEKEEPING, self.watcher.watch_sources, 10 * TICK_SECONDS),
            ("websub", Role.HOUSEKEEPING, self.subscribing.subscribe, 30 * TICK_SECONDS),
            ("rematch", Role.HOUSEKEEPING, self.rematch, 2 * TICK_SECONDS),
        ):
            if role in roles:
                self._loops[name] = self.worker.add(Loop(name=name, step=step, idle=idle))
        ticks = {
            name: (loop.idle, loop.wake)
            for name, loop in self._loops.items()
            if loop.idle >= TICK_SECONDS
        }
        scheduler = ticking(ticks)
        scheduler.start()
        self._open.callback(scheduler.shutdown, wait=False)
        self.worker.start()
        garbage.look_less_often()
        log.info("started", roles=[role.value for role in self.settings.roles])

    def _visiting(self) -> Visiting:
        settings = self.settings
        politeness = Politeness(
            pause=timedelta(seconds=settings.host_pause_seconds),
            is_exempt=partial(_is_allowed, settings),
        )
        return Visiting.over(
            database=self.database,
            http=self.http,
            politeness=politeness,
            sealer=self.sealer,
            clock=self.clock,
            agent=settings.robots_agent,
        )

    async def stop(self) -> None:
        """Stop claiming, let steps end, close everything. Safe to call after a failed start."""
        await self.worker.stop()
        self.collector.abandon()
        await self.dispatcher.drain(2.0)
        await self._open.aclose()
        await self.bus.close()
        self.analyst.close()
        await asyncio.to_thread(self.reader.close)
        self.database.close()
        if self._owned is not None:
            self._owned.close()
        log.info("stopped")

    def deps(self) -> Deps:
        """Return what the routes need, from this process's edges."""
        from monitor.api.deps import Deps

        return Deps(
            settings=self.settings,
            database=self.database,
            clock=self.clock,
            sealer=self.sealer,
            secret=self.secret,
            analysing=self.analysing,
            visiting=self.visiting,
            http=self.http,
            live=self.live,
        )

    def web(self) -> FastAPI:
        """Return the API and the pages over this process's edges."""
        from monitor.api import application
        from monitor.web import pages

        deps = self.deps()
        web = application.create(deps)
        pages.install(web, deps)
        return web

    def _stored(self) -> None:
        self.live.notify()
        self._wake("alert")

    def _decided(self) -> None:
        self.live.notify()
        self._wake("dispatch")

    def _wake(self, name: str) -> None:
        if loop := self._loops.get(name):
            loop.wake()

    def _own(self) -> None:
        """Hold the data directory for as long as we live; then every stored lease is a dead one's."""
        if not self.database.is_sqlite:
            return
        directory = self.settings.data_dir
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._owned = (directory / "owner.lock").open("w")
        try:
            fcntl.flock(self._owned, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise StartError(
                f"{directory} 正被另一个 monitor 进程使用;请先停止它,或设置另一个 MONITOR_DATA_DIR"
                f" (another process owns {directory})"
            ) from error

    def _upgrade(self) -> None:
        if self.database.is_sqlite:
            migrate.upgrade(self.database)
            with self.database.write() as connection:
                sources.release_all_leases(connection)
                deliveries.release_all_leases(connection)
        else:
            self._refuse_another_revision()
        self._refuse_unknown_kinds()

    def _refuse_another_revision(self) -> None:
        with self.database.read() as connection:
            found = migrate.current(connection)
        if found != migrate.newest():
            raise StartError(
                f"the database is at revision {found or 'none'}, this program needs {migrate.newest()}:"
                " run `monitor db upgrade` once, then start again"
            )

    def _refuse_unknown_kinds(self) -> None:
        """A collector that is not installed here must not read as a source that says nothing."""
        with self.database.read() as connection:
            used = sources.kinds_in_use(connection)
        if unknown := sorted(kind for kind in used if not registry.is_known(kind)):
            known = ", ".join(registry.kinds())
            raise StartError(
                f"有数据源的类型没有安装采集器: {', '.join(unknown)};已安装: {known}。"
                "请安装对应的插件,或用 monitor source disable 停用这些数据源 (enabled sources have kinds"
                " without a collector: install the plug-in, or `monitor source disable` them)"
            )


def build(
    settings: Settings,
    *,
    clock: Callable[[], datetime] = utc_now,
    analyst: Analyst | None = None,
    http: GuardedClient | None = None,
) -> App:
    """Return the application of these settings; nothing is opened or started yet.

    Raises:
        SettingsError: a bus that this program does not know.
    """
    secret = secret_key(settings)
    return App(
        settings=settings,
        database=Database(settings.database_url),
        secret=secret,
        clock=clock,
        bus=_bus(settings),
        analyst=analyst or PoolAnalyst(max(1, settings.analysis_processes), settings.scorer),
        http=http or GuardedClient(settings.allow_networks, settings.user_agent),
        sealer=Sealer(secret),
    )


def _bus(settings: Settings) -> Bus:
    if settings.bus_url.startswith("memory://"):
        return LocalBus()
    if settings.bus_url.startswith(("nats://", "tls://")):
        from monitor.bus_nats import nats_bus

        return nats_bus(settings.bus_url)
    scheme = settings.bus_url.partition(":")[0]
    raise SettingsError(f"MONITOR_BUS_URL: {scheme}:// is not known; use memory:// or nats://")


def _is_allowed(settings: Settings, host: str) -> bool:
    """Return whether the operator opened the network of this host (a literal, or localhost)."""
    name = host.rsplit(":", 1)[0].strip("[]")
    try:
        address = ip_address("127.0.0.1" if name == "localhost" else name)
    except ValueError:
        return False
    return any(address in net for net in settings.allow_networks if net.version == address.version)
