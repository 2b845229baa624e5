"""A real ``monitor serve`` with a thousand feeds at 60 s: its memory over minutes, and all of its CPU.

Memory is what the whole process tree holds, shared pages divided (PSS). The first minutes fill
caches and read every feed's first entries; *flat* is the slope of a straight line through what
comes after. CPU is everything the service does in a minute: loops, watching, sweeping, the API.
"""

from __future__ import annotations

import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import linear_regression, median

import psutil  # type: ignore[import-untyped]  # it has no stubs

from tests.bench.feeds_server import ENTRIES, SHARES, Asked, FeedsServer, Sites, serving
from tests.bench.material import watched
from tests.bench.measure import MIB, Report, table
from tests.scenarios.service import Service, eventually, wall_clock

INTERVAL = 60.0
WARM_SECONDS = 180.0
LOOK_EVERY = 5.0
LOOKS_LEAST = 20
FEEDS_A_LIST = 20
FLAT = 1.0
JUDGED_FROM_MINUTES = 5.0
LATE = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """The whole process tree at one moment: seconds since the start, MiB, CPU seconds so far."""

    at: float
    pss: float
    rss: float
    cpu: float


def run(feeds: int, minutes: float) -> Report:
    """Serve for so many minutes; print the series of memory, its slope and CPU a minute."""
    report = Report("collect-memory")
    sites = Sites(feeds=feeds, newest=wall_clock())
    with (
        tempfile.TemporaryDirectory() as directory,
        serving(sites) as server,
        _service(Path(directory)) as service,
    ):
        _fill(service, server, feeds)
        looks, grown = _watch(service, server, minutes)
        wanted = feeds * ENTRIES + sum(
            len(range(share % SHARES, feeds, SHARES)) for share in range(grown)
        )
        with suppress(AssertionError):
            eventually(lambda: _posts(service) >= wanted, seconds=LATE, what="all posts are stored")
        stored, asked = _posts(service), server.asked()
        ended = service.terminate()
    report.must(stored == wanted, f"{wanted:,} posts expected, {stored:,} stored")
    report.must(ended.code == 0, f"the service ended with {ended.code}")
    _show_memory(report, looks, minutes)
    _show_work(report, looks, asked, feeds)
    return report


@contextmanager
def _service(directory: Path) -> Iterator[Service]:
    with closing(Service(directory / "data")) as service:
        service.start()
        yield service


def _fill(service: Service, server: FeedsServer, feeds: int) -> None:
    for one in watched()[: max(1, feeds // FEEDS_A_LIST)]:
        rules = [rule.expression for rule in one.rules]
        service.watch(one.name, keywords=[*one.keywords, *rules])
    for number in range(feeds):
        body = {
            "name": f"频道 {number}",
            "kind": "feed",
            "url": server.url(f"/feed/{number}"),
            "interval_seconds": int(INTERVAL),
        }
        service.post("/sources", body)


def _watch(service: Service, server: FeedsServer, minutes: float) -> tuple[list[Look], int]:
    """Look at the service every 5 s, at least 20 times, while a tenth of the feeds changes every minute."""
    looks, grown = [], 0
    begin = time.monotonic()
    while (at := time.monotonic() - begin) < minutes * 60:
        if at >= (grown + 1) * INTERVAL:
            server.grow(grown % SHARES, wall_clock())
            grown += 1
        looks.append(_look(service, at))
        time.sleep(min(LOOK_EVERY, minutes * 60 / LOOKS_LEAST))
    return looks, grown


def _look(service: Service, at: float) -> Look:
    root = psutil.Process(service.process.pid)
    pss = rss = cpu = 0.0
    for one in [root, *root.children(recursive=True)]:
        with suppress(psutil.NoSuchProcess):
            memory, times = one.memory_full_info(), one.cpu_times()
            pss += memory.pss / MIB
            rss += memory.rss / MIB
            cpu += times.user + times.system + times.children_user + times.children_system
    return Look(at=at, pss=pss, rss=rss, cpu=cpu)


def _posts(service: Service) -> int:
    found: int = service.rows("SELECT count(*) FROM post")[0][0]
    return found


def _show_memory(report: Report, looks: Sequence[Look], minutes: float) -> None:
    by_minute = defaultdict(list)
    for look in looks:
        by_minute[int(look.at // 60)].append(look)
    rows = [
        (
            f"minute {minute + 1}",
            f"{median(one.pss for one in some):.1f}",
            f"{max(one.pss for one in some):.1f}",
            f"{median(one.rss for one in some):.1f}",
        )
        for minute, some in by_minute.items()
    ]
    table(("monitor serve, MiB", "PSS median", "PSS most", "RSS median"), rows)
    warm = min(WARM_SECONDS, minutes * 60 / 3)
    after = [look for look in looks if look.at >= warm]
    slope = linear_regression([one.at / 60 for one in after], [one.pss for one in after]).slope
    print(f"  slope after {warm:.0f} s: {slope:+.2f} MiB PSS a minute ({len(after)} looks)")
    if minutes >= JUDGED_FROM_MINUTES:
        report.goal("memory: slope in MiB a minute, warm", slope, at_most=FLAT)
    report.figures["pss_mib"] = [(round(one.at), round(one.pss, 1)) for one in looks]
    report.figures["slope_mib_per_minute"] = round(slope, 3)


def _show_work(report: Report, looks: Sequence[Look], asked: Sequence[Asked], feeds: int) -> None:
    """Print CPU a minute, warm, and how often the feeds were asked."""
    last = looks[-1]
    since = next(one for one in looks if one.at >= min(WARM_SECONDS, last.at / 3))
    spent = (last.cpu - since.cpu) / (last.at - since.at) * 60
    times = defaultdict(list)
    for one in asked:
        times[one.path].append(one.at)
    gaps = [later - earlier for seen in times.values() for earlier, later in pairwise(seen)]
    unchanged = sum(one.status == 304 for one in asked) / max(1, len(asked))
    print(f"  CPU of the service, everything: {spent:.2f} s a minute for {feeds:,} feeds")
    print(
        f"  {len(asked):,} requests, {unchanged:.0%} answered 304; least gap of a feed {min(gaps, default=0):.1f} s"
    )
    report.must(len(times) == feeds, f"{len(times):,} of {feeds:,} feeds were asked")
    if gaps:
        report.goal(
            "seconds between two visits of a feed (interval 60)", min(gaps), at_least=INTERVAL - 1
        )
    report.figures["cpu_s_per_minute"] = round(spent, 3)
    report.figures["requests"] = len(asked)
