"""``python -m tests.bench.collect [--small] [--minutes N] [--only NAME]``: what collecting costs and keeps to.

    fulltext  texts of recorded pages beside plain trafilatura and plain readability (needs ../shared)
    feeds     CPU of a thousand feeds of which a tenth changes, beside the plain loop
    pace      how often hosts are asked, as they see it
    memory    a real service with a thousand feeds at 60 s, for ten minutes

Exit code 0 when all results are right, 1 when one is wrong (a post lost, a host asked too early).
Goals on speed and memory are printed with what was found; ``--strict`` makes them count as well.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from tests.bench.measure import OUT, Report, table

SHARED = Path(__file__).parents[3] / "shared"
PARTS = ("fulltext", "feeds", "pace", "memory")
Part = Callable[[], Report]


def main(arguments: list[str] | None = None) -> int:
    """Run the parts asked for; returns the exit code."""
    options = _parser().parse_args(arguments)
    parts = _parts(options)
    reports = []
    for name in options.only or PARTS:
        print(f"\n■ {name}  (load {_load()})", flush=True)
        if name == "fulltext" and not (options.shared / "data/corpora").is_dir():
            print(f"  skipped, no recordings: 没有语料 {options.shared / 'data/corpora'}")
            continue
        begin = time.perf_counter()
        report = parts[name]()
        report.figures["wall_seconds"] = round(time.perf_counter() - begin, 1)
        report.figures["load"] = _load()
        report.save(options.out)
        reports.append(report)
        print(f"  ({time.perf_counter() - begin:.0f} s, load {_load()})", flush=True)
    return _verdict(reports, strict=options.strict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.collect",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--only", action="append", choices=PARTS, help="one part (repeatable)")
    parser.add_argument("--small", action="store_true", help="a quick look: 200 feeds, one minute")
    parser.add_argument("--tiny", action="store_true", help="only see that everything runs")
    parser.add_argument("--minutes", type=float, help="of memory; 10, or 1 with --small")
    parser.add_argument("--strict", action="store_true", help="a missed goal is a failure")
    parser.add_argument("--shared", type=Path, default=SHARED, help="where data/corpora lies")
    parser.add_argument("--out", type=Path, default=OUT, help="where collect-NAME.json goes")
    return parser


def _parts(options: argparse.Namespace) -> dict[str, Part]:
    feeds, rounds, hosts, seconds, minutes = 1_000, 5, 20, 60.0, 10.0
    if options.small:
        feeds, rounds, hosts, seconds, minutes = 200, 2, 6, 25.0, 1.0
    if options.tiny:
        feeds, rounds, hosts, seconds, minutes = 10, 1, 2, 5.5, 0.1
    if options.minutes is not None:
        minutes = options.minutes
    return {
        "fulltext": partial(_fulltext, options.shared),
        "feeds": partial(_feeds, feeds, rounds),
        "pace": partial(_pace, hosts, seconds),
        "memory": partial(_memory, feeds, minutes),
    }


# Each imports what it needs when it runs: the others' libraries are no part of its figures.


def _fulltext(shared: Path) -> Report:
    from tests.bench import fulltext

    for name in ("readability", "trafilatura"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # they tell of every odd page
    report = fulltext.run(shared)
    report.name = "collect-fulltext"
    return report


def _feeds(feeds: int, rounds: int) -> Report:
    from tests.bench import collect_feeds

    return collect_feeds.run(feeds, rounds)


def _pace(hosts: int, seconds: float) -> Report:
    from tests.bench import collect_pace

    return collect_pace.run(hosts, seconds)


def _memory(feeds: int, minutes: float) -> Report:
    from tests.bench import collect_memory

    return collect_memory.run(feeds, minutes)


def _load() -> str:
    return " ".join(f"{one:.1f}" for one in os.getloadavg()) + f" on {os.cpu_count()} CPUs"


def _verdict(reports: list[Report], *, strict: bool) -> int:
    goals = [goal for report in reports for goal in report.goals]
    if goals:
        print("\n■ 目标 · goals (ratios and limits of this run)")
        rows = [(one.name, one.wanted, one.found, "✓" if one.met else "✗") for one in goals]
        table(("goal", "wanted", "found", ""), rows)
    broken = [(report.name, sentence) for report in reports for sentence in report.broken]
    for name, sentence in broken:
        print(f"✗ {name}: {sentence}")
    missed = strict and any(not one.met for one in goals)
    return 1 if broken or missed else 0


if __name__ == "__main__":
    sys.exit(main())
