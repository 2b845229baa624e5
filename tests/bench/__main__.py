"""``python -m tests.bench [--small] [--only NAME]``: every bench, its goals, and bench-results/NAME.json.

Exit code 0 when all results are right, 1 when one is wrong (a lost item, a sum that differs). Goals
on speed and memory are printed with what was found; ``--strict`` makes them count as well.
"""

from __future__ import annotations

import argparse
import importlib
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from tests.bench.measure import OUT, Report, table
from tests.bench.sizes import FULL, SMALL, TINY, Size

BENCHES = {
    "pipeline": "整条流水线与朴素写法 · the whole pipeline beside the naive stack",
    "analyze": "情感判断与 jieba + SnowNLP · reading texts beside the plain loop",
    "trends": "趋势查询随数据量 · a trend query on few and on many mentions",
    "serve": "启动时间与空闲内存 · seconds until ready, memory at rest",
    "poll": "每次抓取的开销 · the cost of a poll",
}
COMMANDS = {"detect": "探测器:误报与发现时间 · the detector on quiet and on stepped series"}


def main(arguments: list[str] | None = None) -> int:
    """Run the benches asked for; returns the exit code."""
    options = _parser().parse_args(arguments)
    size = TINY if options.tiny else SMALL if options.small else FULL
    known = [*BENCHES, *(name for name in COMMANDS if find_spec(f"tests.bench.{name}"))]
    if unknown := set(options.only or ()) - set(known):
        sys.exit(f"no bench {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    reports = []
    for name in options.only or BENCHES:
        print(f"\n■ {name}  {(BENCHES | COMMANDS)[name]}", flush=True)
        begin = time.perf_counter()
        report = _run_apart(name, options) if name in COMMANDS else _run(name, size, options)
        report.figures["wall_seconds"] = round(time.perf_counter() - begin, 1)
        report.save(options.out)
        reports.append(report)
        print(f"  ({time.perf_counter() - begin:.0f} s)", flush=True)
    return _verdict(reports, strict=options.strict)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument(
        "--only", action="append", metavar="NAME", help=", ".join((*BENCHES, *COMMANDS))
    )
    parser.add_argument("--small", action="store_true", help="a quick look: about a minute")
    parser.add_argument("--tiny", action="store_true", help="only see that everything runs")
    parser.add_argument("--postgres", action="store_true", help="trends on PostgreSQL as well")
    parser.add_argument("--strict", action="store_true", help="a missed goal is a failure")
    parser.add_argument("--out", type=Path, default=OUT, help="where NAME.json goes")
    return parser


def _run(name: str, size: Size, options: argparse.Namespace) -> Report:
    module = importlib.import_module(f"tests.bench.{name}")
    asked = {"postgres": True} if name == "trends" and options.postgres else {}
    report: Report = module.run(size, **asked)
    return report


def _run_apart(name: str, options: argparse.Namespace) -> Report:
    """Run a bench that is a command of its own; it is broken when it ends with an error."""
    small = ["--small"] if options.small or options.tiny else []
    done = subprocess.run([sys.executable, "-m", f"tests.bench.{name}", *small], check=False)
    report = Report(name)
    report.must(done.returncode == 0, f"{name} ended with {done.returncode}")
    return report


def _verdict(reports: list[Report], *, strict: bool) -> int:
    goals = [(report.name, goal) for report in reports for goal in report.goals]
    if goals:
        print("\n■ 目标 · goals (ratios and limits of this run)")
        head = ("goal", "wanted", "found", "")
        table(head, [(g.name, g.wanted, g.found, "✓" if g.met else "✗") for _, g in goals])
    broken = [(report.name, sentence) for report in reports for sentence in report.broken]
    for name, sentence in broken:
        print(f"✗ {name}: {sentence}")
    missed = strict and any(not goal.met for _, goal in goals)
    return 1 if broken or missed else 0


if __name__ == "__main__":
    sys.exit(main())
