"""The replay itself: the clock moves, due feeds are polled, alerts are decided and delivered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where the replay stands."""

    at: datetime
    share: float


def moments(day0: datetime) -> Iterator[tuple[datetime, float]]:
    """Yield the simulated moments at which the service is stepped, with the share done (0…1)."""
    crisis = day0 + BAD_DAY * DAY + CRISIS_FROM
    at, steps = day0, []
    while at < day0 + (BAD_DAY + 1) * DAY:
        at += _step_at(at - crisis)
        steps.append(at)
    for number, moment in enumerate(steps, 1):
        yield moment, number / len(steps)


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


async def replay(app: App, clock: SimulatedClock, day0: datetime) -> AsyncIterator[Progress]:
    """Step the service through the scenario; every step is the same code that ``serve`` runs."""
    for at, share in moments(day0):
        clock.set(at)
        await step(app)
        yield Progress(at=at, share=share)


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
