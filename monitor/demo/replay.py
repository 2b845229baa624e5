"""The replay itself: the clock moves, sources are visited, files imported, alerts decided and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from monitor.app import App
from monitor.demo.clock import SimulatedClock
from monitor.demo.exports import Exports
from monitor.demo.scenario import BAD_DAY, DAY, DemoSource, Format, Scenario
from monitor.demo.server import DemoServer
from monitor.demo.video_api import RECIPE
from monitor.storage import keyword_lists, sources
from monitor.storage.deliveries import create_channel
from monitor.storage.hosts import host_of

CALM_STEP = timedelta(minutes=90)  # under the two hours that the demo's sites show
MORNING_STEP = timedelta(minutes=15)
CRISIS_STEP = timedelta(minutes=1)
EVENING_STEP = timedelta(minutes=5)
CRISIS_FROM = timedelta(hours=13)
CRISIS_UNTIL = timedelta(hours=16, minutes=30)


def moments(day0: datetime, until: timedelta) -> Iterator[datetime]:
    """Yield the simulated moments at which the service is stepped, up to ``until`` of the bad day."""
    bad_day = day0 + BAD_DAY * DAY
    at = day0
    while at < bad_day + until:
        at += _step_at(at - bad_day - CRISIS_FROM)
        yield at


def _step_at(since_crisis: timedelta) -> timedelta:
    if since_crisis < -CRISIS_FROM:
        return CALM_STEP
    if since_crisis < timedelta(0):
        return MORNING_STEP
    return CRISIS_STEP if since_crisis < CRISIS_UNTIL - CRISIS_FROM else EVENING_STEP


def prepare(app: App, scenario: Scenario, server: DemoServer, now: datetime) -> None:
    """Create the scenario's sources, keyword lists and the receiver's channel."""
    with app.database.write() as connection:
        for source in scenario.sources:
            url = server.url_of(source)
            if url is None:
                sources.ensure_push(app.database, connection, [source.name], now=now)
            else:
                sources.create(connection, _row(source, url), now=now)
        for body in scenario.keyword_lists:
            complete = {"thresholds": None, "owner": None, "enabled": True, **body}
            keyword_lists.create(app.database, connection, complete, actor="demo", now=now)
        create_channel(
            connection,
            app.sealer,
            {"name": "内置接收器", "kind": "webhook", "min_tier": 1, "keyword_lists": None},
            url=server.hook_url,
            secret=server.secret,
            now=now,
        )


def _row(source: DemoSource, url: str) -> dict[str, Any]:
    recipe = RECIPE if source.format is Format.API else {}
    return {
        "name": source.name, "kind": source.kind, "url": url, "host": host_of(url),
        "interval_seconds": 60, "options": {"timezone": "Asia/Shanghai", **recipe},
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """The service under the simulated clock, and whoever hands it the exported files."""

    app: App
    clock: SimulatedClock
    exports: tuple[Exports, ...]

    async def step(self) -> None:
        """Collect, import, understand and store, decide, deliver, until nothing is left to do now."""
        app = self.app
        while await app.collector.collect_due():
            await app.collector.drain()
            while await app.analyse(timedelta(0)):
                pass
        for exports in self.exports:
            await exports.import_due(app.analysing)
        while await app.rematch():
            pass
        while await app.evaluator.evaluate():
            pass
        while await app.dispatcher.dispatch_due():
            await app.dispatcher.drain()


def stage(app: App, clock: SimulatedClock, scenario: Scenario, day0: datetime) -> Service:
    """Return the service with the files of the sources that give nothing else."""
    directory = app.settings.data_dir / "exports"
    exports = tuple(
        Exports(source, scenario.of_source(source.slug), day0, directory)
        for source in scenario.sources
        if source.format is Format.FILES
    )
    return Service(app=app, clock=clock, exports=exports)


async def replay(service: Service, day0: datetime, until: timedelta) -> AsyncIterator[datetime]:
    """Step the service through the scenario; every step is the same code that ``serve`` runs."""
    for at in moments(day0, until):
        service.clock.set(at)
        await service.step()
        yield at
