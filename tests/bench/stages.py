"""The parts of our pipeline, each measured alone through the functions that the pipeline calls."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from analysis.language import language
from analysis.match import Matcher
from analysis.model import Document
from analysis.risk import find_risks
from analysis.search import index_all
from analysis.sentiment import scorer
from analysis.text import fold
from analysis.understand import LEAD
from collectors.feed import parse_feed
from collectors.model import Cursor, Outcome, Poll, Source, SourceKind, SourceState
from monitor.demo.clock import SimulatedClock
from monitor.pipeline.analyse import Analysing, store_polls
from monitor.pipeline.batches import pack, unpack
from monitor.storage import keyword_lists, posts
from monitor.storage.engine import Database
from tests.bench import ours
from tests.bench.material import START, TICK, TICKS, Feeds, Watched
from tests.bench.measure import cpu, cpu_of


def measure(feeds: Feeds, lists: Sequence[Watched]) -> dict[str, float]:
    """Return the CPU microseconds a post of every stage; names with a dot are parts of understand."""
    with tempfile.TemporaryDirectory() as directory:
        database = ours.prepare(Path(directory) / "a.db", lists, feeds.urls())
        analyst = ours.TimedAnalyst()
        ours.warm(database, analyst.inner)
        asyncio.run(ours.poll_all(database, feeds, analyst))
        found = _collecting(feeds) | {"understand": analyst.seconds}
        found |= _understanding(database, analyst.documents)
        found["known"] = _known(database, _ticks(feeds))
        again = ours.prepare(Path(directory) / "b.db", lists, feeds.urls())
        replay = ours.ReplayAnalyst(analyst.answers)
        found["store"] = _storing(again, _ticks(feeds), replay) - found["known"]
        database.close()
        again.close()
    return {name: seconds / feeds.posts * 1e6 for name, seconds in found.items()}


def _collecting(feeds: Feeds) -> dict[str, float]:
    parsing = cpu_of(lambda: _ticks(feeds), rounds=3)
    polls = _ticks(feeds)
    batches = [batch.body for tick in polls for batch in pack(tick)]
    packing = cpu_of(lambda: [list(pack(tick)) for tick in polls], rounds=3)
    unpacking = cpu_of(lambda: [unpack(body) for body in batches], rounds=3)
    return {"parse": parsing, "bus": packing + unpacking}


def _ticks(feeds: Feeds) -> list[list[Poll]]:
    """Return the polls of each tick as the feed collector makes them."""
    return [
        [_poll(number, url, bodies, tick) for number, (url, bodies) in enumerate(_pairs(feeds), 1)]
        for tick in range(TICKS)
    ]


def _pairs(feeds: Feeds) -> list[tuple[str, tuple[bytes, ...]]]:
    return list(zip(feeds.urls(), feeds.bodies, strict=True))


def _poll(number: int, url: str, bodies: Sequence[bytes], tick: int) -> Poll:
    source = Source(id=number, name="", kind=SourceKind.FEED, url=url, interval=TICK)
    now = ours.tick_time(tick)
    parsed = parse_feed(
        bodies[tick],
        content_type="application/rss+xml; charset=utf-8",
        url=url,
        source=source,
        now=now,
    )
    return Poll(
        source_id=number,
        slot=now,
        fetched_at=now,
        outcome=Outcome.NEW,
        state=SourceState.OK,
        cursor_after=Cursor(),
        wait=TICK,
        posts=parsed.posts,
    )


def _understanding(database: Database, documents: Sequence[Document]) -> dict[str, float]:
    """Measure the parts over batches as large as the pipeline's; each folds its texts itself."""
    with database.read() as connection:
        matcher = Matcher(keyword_lists.compiled_input(connection))
    judge = scorer().judge
    full = [document.full for document in documents]
    folding = _each(fold, full)
    return {
        "· match": _each(matcher.match, documents),
        "· sentiment": cpu_of(lambda: judge([text[:LEAD] for text in full]), rounds=3),
        "· risk": _each(lambda text: find_risks(fold(text)), full) - folding,
        "· index tokens": cpu_of(lambda: index_all(full), rounds=3) - folding,
        "· language": _each(language, full),
    }


def _each(function: Callable[[Any], object], values: Sequence[object]) -> float:
    def all_of_them() -> None:
        for value in values:
            function(value)

    return cpu_of(all_of_them, rounds=3)


def _known(database: Database, ticks: Sequence[Sequence[Poll]]) -> float:
    keys = [[post.key for poll in tick for post in poll.posts] for tick in ticks]

    def ask() -> None:
        for some in keys:
            with database.read() as connection:
                posts.known(connection, some)

    return cpu_of(ask, rounds=3)


def _storing(
    database: Database, ticks: Sequence[Sequence[Poll]], replay: ours.ReplayAnalyst
) -> float:
    """Measure all of ``store_polls`` but the understanding, in the batches that the bus would bring."""
    clock = SimulatedClock(START)
    needs = Analysing(database=database, analyst=replay, clock=clock)
    batches = [unpack(batch.body) for tick in ticks for batch in pack(tick)]

    async def store() -> None:
        for polls in batches:
            clock.set(polls[0].fetched_at + timedelta(seconds=1))
            await store_polls(needs, polls)

    with cpu() as spent:
        asyncio.run(store())
    return spent.seconds
