"""The replay itself: the clock moves, due feeds are polled, alerts are decided and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime, timedelta

from monitor.app import App
from monitor.demo.clock import SimulatedClock
from monitor.demo.scenario import BAD_DAY, DAY, Scenario
from monitor.demo.server import DemoServer
from monitor.storage import keyword_lists, sources
from monitor.storage.deliveries import create_channel
from monitor.storage.sources import host_of

CALM_STEP = timedelta(minutes=90)  # under the two hours that the demo's feeds hold
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
            url = server.url + source.path
            sources.create(
                connection,
                {
                    "name": source.name, "kind": "feed", "url": url, "host": host_of(url),
                    "interval_seconds": 60, "options": {"timezone": "Asia/Shanghai"},
                },
                now=now,
            )  # fmt: skip
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


async def replay(
    app: App, clock: SimulatedClock, day0: datetime, until: timedelta
) -> AsyncIterator[datetime]:
    """Step the service through the scenario; every step is the same code that ``serve`` runs."""
    for at in moments(day0, until):
        clock.set(at)
        await step(app)
        yield at


async def step(app: App) -> None:
    """Collect, understand and store, decide, deliver, until nothing is left to do at this moment."""
    while await app.collector.collect_due():
        await app.collector.drain()
        while await app.analyse(timedelta(0)):
            pass
    while await app.rematch():
        pass
    while await app.evaluator.evaluate():
        pass
    while await app.dispatcher.dispatch_due():
        await app.dispatcher.drain()
