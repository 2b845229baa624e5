"""How often a host is asked, as the host sees it: many sources on few hosts, none of them exempt.

Every address of loopback is a host. On each live several feeds that are due far more often
than the pause allows, and a list of four pages behind robots.txt; robots.txt of one host asks for
a longer pause. The steps are the service's own on the clock of this machine; only the way
out is opened to loopback, which in a service would lift the pause as well.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from statistics import median

import structlog

from monitor.bus import LocalBus
from monitor.http.client import GuardedClient
from monitor.pipeline.analyse import Analysing, analyse_batches
from monitor.pipeline.collect import Collector
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import hosts, migrate, sources
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.worker import Loop, Worker
from tests.bench.collect_feeds import NullAnalyst
from tests.bench.feeds_server import PAGES, Asked, FeedsServer, Sites, addresses, serving
from tests.bench.measure import Report, table
from tests.scenarios.service import wall_clock

PAUSE = timedelta(seconds=2)
CRAWL_DELAY = 3
FEEDS_A_HOST = 4
INTERVAL_SECONDS = 5  # four feeds at 5 s and a list want 1.6 requests a second; 0.5 are allowed
LIST = {
    "item": "li",
    "fields": {"id": {"attr": "data-id"}, "text": "p"},
    "next": "a.next::attr(href)",
    "page": {"max_pages": PAGES},
}


def run(count: int, seconds: float) -> Report:
    """Collect from ``count`` hosts for so many seconds; print the gaps the server saw."""
    report = Report("collect-pace")
    names = addresses(count)
    slow = {names[-1]: CRAWL_DELAY}
    feeds = FEEDS_A_HOST * count
    sites = Sites(feeds=feeds, newest=wall_clock(), hosts=count, crawl_delays=slow)
    with serving(sites) as server, tempfile.TemporaryDirectory() as directory:
        database = Database(f"sqlite:///{Path(directory) / 'pace.db'}")
        migrate.upgrade(database)
        _plant(database, server, names, now=wall_clock())
        asyncio.run(_collect(database, seconds))
        database.close()
        asked = server.asked()
    _show(report, asked, names, slow, seconds)
    return report


def _plant(database: Database, server: FeedsServer, names: Sequence[str], *, now: datetime) -> None:
    with database.write() as connection:
        for place, name in enumerate(names):
            paths = [f"/feed/{place * FEEDS_A_HOST + number}" for number in range(FEEDS_A_HOST)]
            for path in ("/list", *paths):
                url = server.url(path, name)
                row = {
                    "name": url,
                    "kind": "html_list" if path == "/list" else "feed",
                    "url": url,
                    "host": hosts.host_of(url),
                    "interval_seconds": INTERVAL_SECONDS,
                    "options": LIST if path == "/list" else {},
                }
                sources.create(connection, row, now=now)


async def _collect(database: Database, seconds: float) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    bus = LocalBus()
    async with GuardedClient(allow=(ip_network("127.0.0.0/8"),)) as http:
        collector = _collector(database, bus, http)
        analysing = Analysing(database=database, analyst=NullAnalyst(), clock=wall_clock)
        worker = Worker()
        loop = worker.add(Loop(name="collect", step=collector.collect_due, idle=0.2))
        collector.wake = loop.wake
        worker.add(Loop(name="analyse", step=lambda: analyse_batches(analysing, bus), idle=0.05))
        worker.start()
        await asyncio.sleep(seconds)
        await worker.stop()
        collector.abandon()
        await asyncio.gather(*collector.running, return_exceptions=True)


def _collector(database: Database, bus: LocalBus, http: GuardedClient) -> Collector:
    politeness = Politeness(pause=PAUSE, is_exempt=lambda _: False)
    visiting = Visiting.over(
        database=database,
        http=http,
        politeness=politeness,
        sealer=Sealer(b"the bench"),
        clock=wall_clock,
        agent="bench",
    )
    return Collector(
        database=database,
        bus=bus,
        visiting=visiting,
        politeness=politeness,
        owner="bench",
        clock=wall_clock,
    )


def _show(
    report: Report,
    asked: Sequence[Asked],
    names: Sequence[str],
    slow: Mapping[str, int],
    seconds: float,
) -> None:
    at_host: dict[str, list[Asked]] = defaultdict(list)
    for one in asked:
        at_host[one.host].append(one)
    pages = sum(one.path.startswith("/list?") for one in asked)
    _show_gaps(report, "pause", PAUSE.total_seconds(), list(at_host.values()))
    # robots.txt speaks of pages, not of the feeds that somebody typed in: what follows a page waits
    _show_gaps(
        report,
        "crawl-delay",
        float(CRAWL_DELAY),
        [at_host[name] for name in slow],
        after="/list",
    )
    busiest = max(len(some) for some in at_host.values())
    print(f"  {len(asked)} requests, at most {busiest} to one host")
    report.must(set(at_host) == set(names), f"all {len(names)} hosts were asked")
    report.must(pages > 0, f"{pages} further pages of lists were among them")
    report.figures |= {
        "hosts": len(names),
        "seconds": seconds,
        "requests": len(asked),
        "most": busiest,
    }


def _show_gaps(
    report: Report, kind: str, limit: float, asked: Sequence[Sequence[Asked]], *, after: str = ""
) -> None:
    """Print the gaps that follow requests whose path begins with ``after``."""
    gaps = sorted(
        later.at - earlier.at
        for some in asked
        for earlier, later in pairwise(sorted(some, key=lambda one: one.at))
        if earlier.path.startswith(after)
    )
    early = sum(gap < limit for gap in gaps)
    head = (kind, "wanted s", "gaps", "least s", "median s", "early")
    table(head, [(f"{len(asked)} hosts", limit, len(gaps), *_written(gaps), early)])
    report.must(not early, f"{kind}: no request came earlier than {limit:g} s after the one before")
    report.figures[f"{kind}_least_s"] = round(gaps[0], 4) if gaps else None


def _written(gaps: Sequence[float]) -> tuple[str, str]:
    return (f"{gaps[0]:.3f}", f"{median(gaps):.3f}") if gaps else ("–", "–")
