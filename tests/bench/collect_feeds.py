"""A thousand feeds of which a tenth changes: CPU of our steps beside the plain loop, in one run.

Three sides, each in a process of its own, take turns round by round, so that a slow minute of the
machine is slow for all. The server's CPU is not counted. In a *quiet* round nothing has changed, in
a *usual* one a tenth of the feeds has one entry more: what a changed feed costs is the difference.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Protocol

from tests.bench.feeds_server import ENTRIES, SHARES, FeedsServer, Sites, serving
from tests.bench.material import START, TICK, watched
from tests.bench.measure import Apart, Report, apart, cpu, table

if TYPE_CHECKING:
    from analysis.model import Document, Understanding
    from monitor.pipeline.analyst import Rules
    from monitor.storage.engine import Database
    from tests.bench.ours import Service

WANTED = 8.0
PLAIN, STORED, WHOLE = "plain loop", "ours, nothing understood", "ours, whole pipeline"
SIDES = (PLAIN, STORED, WHOLE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """CPU seconds of one side: of the first round, of a quiet and of a usual one (medians)."""

    feeds: int
    is_blind: bool
    first: float
    quiet: float
    usual: float

    @property
    def unchanged(self) -> float:
        """Microseconds an unchanged poll."""
        return self.quiet / self.feeds * 1e6

    @property
    def changed(self) -> float:
        """Microseconds a poll that brings one new entry among twenty.

        The plain loop reads everything each time: all its polls are alike.
        """
        if self.is_blind:
            return self.usual / self.feeds * 1e6
        changed = _changing(self.feeds, 0)
        return (self.usual - self.quiet * (1 - changed / self.feeds)) / changed * 1e6

    @property
    def found(self) -> float:
        """Microseconds a new post, with the polls of the round that had to be made to find it."""
        return self.usual / _changing(self.feeds, 0) * 1e6


def run(feeds: int, rounds: int) -> Report:
    """Let each side visit ``feeds`` feeds 2 × ``rounds`` times after the first; print and compare."""
    report = Report("collect-feeds")
    with (
        serving(Sites(feeds=feeds, newest=START)) as server,
        apart(len(SIDES)) as processes,
        tempfile.TemporaryDirectory() as directory,
    ):
        sides = dict(zip(SIDES, processes, strict=True))
        urls = [server.url(f"/feed/{number}") for number in range(feeds)]
        for name, process in sides.items():
            process.run(_open, name, Path(directory), urls)
        costs = _take_turns(server, sides, feeds, rounds)
        stored = {name: process.run(_close) for name, process in sides.items()}
    _show(report, feeds, costs)
    wanted = feeds * ENTRIES + sum(_changing(feeds, number) for number in range(rounds))
    for name, count in stored.items():
        report.must(count == wanted, f"{name}: {wanted:,} posts expected, {count:,} stored")
    return report


def _changing(feeds: int, number: int) -> int:
    """Return how many feeds change in the usual round of this number."""
    return len(range(number % SHARES, feeds, SHARES))


def _take_turns(
    server: FeedsServer, sides: Mapping[str, Apart], feeds: int, rounds: int
) -> dict[str, Cost]:
    def all_sides(tick: int) -> dict[str, float]:
        return {name: process.run(_round, tick) for name, process in sides.items()}

    first, quiet, usual = all_sides(0), [], []
    for number in range(rounds):
        quiet.append(all_sides(2 * number + 1))
        server.grow(number % SHARES, START + (2 * number + 2) * TICK)
        usual.append(all_sides(2 * number + 2))
    return {
        name: Cost(
            feeds=feeds,
            is_blind=name == PLAIN,
            first=first[name],
            quiet=median(one[name] for one in quiet),
            usual=median(one[name] for one in usual),
        )
        for name in sides
    }


def _show(report: Report, feeds: int, costs: Mapping[str, Cost]) -> None:
    head = (
        f"{feeds:,} feeds, µs CPU",
        "unchanged poll",
        "poll with a new post",
        "new post found",
        "s/round",
        "s/first round",
    )
    rows = [
        (name, one.unchanged, one.changed, one.found, one.usual, one.first)
        for name, one in costs.items()
    ]
    table(head, rows)
    for name in (STORED, WHOLE):
        _compare(report, costs[PLAIN], costs[name], name)
    report.figures = {
        "feeds": feeds,
        "costs": {
            name: {
                "unchanged_poll_us": round(one.unchanged, 1),
                "changed_poll_us": round(one.changed, 1),
                "new_post_us": round(one.found, 1),
                "round_s": round(one.usual, 4),
                "first_round_s": round(one.first, 3),
            }
            for name, one in costs.items()
        },
    }


def _compare(report: Report, plain: Cost, ours: Cost, name: str) -> None:
    """Note the goals; "new post found" is the round as a whole, as each brings the same posts."""
    for what, ratio in (
        ("unchanged poll", plain.unchanged / ours.unchanged),
        ("new post found, 90 % unchanged", plain.found / ours.found),
        ("that one poll alone", plain.changed / ours.changed),
    ):
        report.goal(f"{what}: plain loop ÷ {name}", ratio, at_least=WANTED)


# what runs in the process of a side


class Side(Protocol):
    """One way to visit all feeds."""

    async def round(self, tick: int) -> None:
        """Visit every feed once and store what is new."""

    async def close(self) -> int:
        """End it; returns how many posts are stored."""


class Ours:
    """Our steps: claim, visit, bus, understanding or none, one transaction a batch."""

    def __init__(self, database: Database, path: Path, service: Service) -> None:
        self._database, self._path, self._service = database, path, service
        self._edges = AsyncExitStack()

    @classmethod
    async def opened(cls, path: Path, urls: Sequence[str], *, understands: bool) -> Ours:
        """Return the steps over a new database that holds the keyword lists and the feeds."""
        from monitor.http.client import GuardedClient
        from monitor.pipeline.analyst import InlineAnalyst
        from tests.bench import ours

        database = ours.prepare(path, watched(), urls)
        inline = InlineAnalyst()
        ours.warm(database, inline)
        http = GuardedClient(allow=(ip_network("127.0.0.0/8"),))
        service = ours.Service(database, inline if understands else NullAnalyst(), http)
        made = cls(database, path, service)
        await made._edges.enter_async_context(http)
        return made

    async def round(self, tick: int) -> None:
        """Visit all that is due at this tick: everything."""
        await self._service.tick(tick)

    async def close(self) -> int:
        """End it; returns how many posts are stored."""
        from tests.bench import ours

        await self._edges.aclose()
        posts = ours.counted(self._database, self._path).posts
        self._database.close()
        return posts


class NullAnalyst:
    """Understands nothing: neutral, no risk, no mention, no words for the index."""

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return the same for every document."""
        from analysis.model import Judgement, Sentiment, Understanding

        del rules
        nothing = Understanding(
            lang="zh",
            sentiment=Judgement(label=Sentiment.NEUTRAL, score=0.0, confidence=0.0),
            risks=(),
            mentions=(),
            tokens="",
            model_version="none",
        )
        return [nothing] * len(documents)

    def close(self) -> None:
        """Nothing runs."""


_running: list[tuple[asyncio.Runner, Side]] = []  # one a process


def _open(name: str, directory: Path, urls: Sequence[str]) -> None:
    path = directory / f"{SIDES.index(name)}.db"

    async def made() -> Side:
        if name == PLAIN:
            from tests.bench.collect_naive import Loop

            return Loop(path, urls)
        return await Ours.opened(path, urls, understands=name == WHOLE)

    runner = asyncio.Runner()
    _running.append((runner, runner.run(made())))


def _round(tick: int) -> float:
    """Return the CPU seconds of a round."""
    runner, side = _running[0]
    with cpu() as spent:
        runner.run(side.round(tick))
    return spent.seconds


def _close() -> int:
    runner, side = _running.pop()
    with runner:
        return runner.run(side.close())
