"""The whole pipeline beside the naive stack: feed bytes in, searchable mentions out.

Ours: claim → collect → parse → bus → known → understand (1,000 keywords, 250 rules, sentiment,
risks, tokens) → one transaction with posts, mentions, rollups, full-text index and cursors.
Naive: ``tests/bench/naive.py``, with and without SnowNLP, which does less: no rollups, no index, no
risks, no targets. Both read the same bytes; the naive side gets the feeds of fewer sources
because it would take minutes, and its cost is taken per post.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from tests.bench.material import (
    KEYWORDS,
    RULES,
    Feeds,
    Watched,
    feeds,
    origin,
    watched,
)
from tests.bench.measure import Apart, Report, apart, cpu, peak_memory_mib, table
from tests.bench.sizes import Size

GOAL = 60
GOAL_WITHOUT_SNOWNLP = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """What one round of one side cost and stored."""

    microseconds: float
    start_seconds: float
    peak_mib: float
    posts: int
    mentions: int
    links: frozenset[tuple[str, str]]
    counts: dict[str, int]


_start: float = 0.0  # CPU seconds that this process spent before its first round


def run(size: Size) -> Report:
    """Measure both sides in alternating rounds, then our stages; print and return what was found."""
    report = Report("pipeline")
    everything = feeds(size.sources, size.per_poll)
    plain = everything.first(size.sources_without_snownlp)
    slow = everything.first(size.sources_with_snownlp)
    print(
        f"  {origin()}; {KEYWORDS:,} keywords and {RULES} rules; posts: ours {everything.posts:,},"
        f" naive {slow.posts:,}, naive without SnowNLP {plain.posts:,} (cost taken per post)"
    )
    with apart(3) as processes:
        sides = _rounds(processes, (everything, slow, plain), size.rounds)
        stages = processes[0].run(_stages, everything, watched())
    _compare(report, sides)
    _parts(report, stages, sides[0])
    _check(report, sides, (everything, slow, plain))
    return report


def _rounds(
    processes: Sequence[Apart], inputs: tuple[Feeds, Feeds, Feeds], rounds: int
) -> list[list[Side]]:
    ours, slow, plain = processes
    lists = watched()  # made here: a side's peak memory is to be its own
    found: list[list[Side]] = [[], [], []]
    for _ in range(rounds):
        found[0].append(ours.run(_ours, inputs[0], lists))
        found[1].append(slow.run(_naive, inputs[1], lists, True))
        found[2].append(plain.run(_naive, inputs[2], lists, False))
    return found


def _ours(given: Feeds, lists: Sequence[Watched]) -> Side:
    from monitor.pipeline.analyst import InlineAnalyst
    from tests.bench import ours

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "ours.db"
        database = ours.prepare(path, lists, given.urls())
        analyst = InlineAnalyst()
        _started(lambda: ours.warm(database, analyst))
        with cpu() as spent:
            asyncio.run(ours.poll_all(database, given, analyst))
        counts = asdict(ours.counted(database, path))
        links = ours.mentioned(database, "http://feeds.example/0/")
        database.close()
    return _side(spent.seconds, given, counts["posts"], counts["mentions"], links, counts)


def _naive(given: Feeds, lists: Sequence[Watched], with_snownlp: bool) -> Side:
    from tests.bench import naive

    _started(lambda: naive.load(with_snownlp))
    bodies = [body for source in given.bodies for body in source]
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "naive.db"
        with cpu() as spent:
            naive.run(path, bodies, lists, with_snownlp)
        articles, links = naive.stored(path)
    own = {link for link in links if link[0].startswith("http://feeds.example/0/")}
    return _side(spent.seconds, given, articles, len(links), own, {})


def _started(load: Callable[[], None]) -> None:
    """Load what the side needs; the first time note what imports and loading cost."""
    global _start  # noqa: PLW0603  # one process is one side
    with cpu() as spent:
        load()
    _start = _start or spent.seconds


def _side(
    seconds: float,
    given: Feeds,
    posts: int,
    mentions: int,
    links: set[tuple[str, str]],
    counts: dict[str, int],
) -> Side:
    return Side(
        microseconds=seconds / given.posts * 1e6,
        start_seconds=_start,
        peak_mib=peak_memory_mib(),
        posts=posts,
        mentions=mentions,
        links=frozenset(links),
        counts=counts,
    )


def _stages(given: Feeds, lists: Sequence[Watched]) -> dict[str, float]:
    from tests.bench import stages

    return stages.measure(given, lists)


def _compare(report: Report, sides: list[list[Side]]) -> None:
    names = ("ours", "naive", "naive without SnowNLP")
    cost = [median(one.microseconds for one in side) for side in sides]
    rows = [
        (
            name,
            value,
            1e6 / value,
            value / cost[0],
            f"{min(one.microseconds for one in side):,.0f}–{max(one.microseconds for one in side):,.0f}",
            side[0].start_seconds,
            side[-1].peak_mib,
        )
        for name, value, side in zip(names, cost, sides, strict=True)
    ]
    head = ("side", "µs/post", "posts/CPU-s", "× ours", "rounds", "loading CPU s", "peak MiB")
    table(head, rows)
    for name, value, side in zip(names, cost, sides, strict=True):
        report.figures[name] = {
            "us_per_post": round(value, 1),
            "posts_per_cpu_second": round(1e6 / value, 1),
            "peak_mib": round(side[-1].peak_mib, 1),
            "posts": side[0].posts,
        }
    report.goal("pipeline × naive", cost[1] / cost[0], at_least=GOAL)
    report.goal(
        "pipeline × naive without SnowNLP", cost[2] / cost[0], at_least=GOAL_WITHOUT_SNOWNLP
    )


def _parts(report: Report, stages: dict[str, float], ours: list[Side]) -> None:
    total = median(one.microseconds for one in ours)
    parts = ("parse", "bus", "known", "understand", "store")
    glue = total - sum(stages[name] for name in parts)
    inner = [name for name in stages if name.startswith("· ")]
    rest = stages["understand"] - sum(stages[name] for name in inner)
    rows: list[tuple[object, ...]] = []
    for name in parts:
        rows.append((name, stages[name], f"{stages[name] / total:.0%}"))
        if name == "understand":
            rows += [(part, stages[part], f"{stages[part] / total:.0%}") for part in inner]
            rows.append(("· targets, folding, the rest", rest, f"{rest / total:.0%}"))
    rows.append(("glue (claims, threads, loop)", glue, f"{glue / total:.0%}"))
    rows.append(("total", total, "100%"))
    print("\n  our stages, each measured alone on the same input in the same process")
    table(("stage", "µs/post", "share"), rows)
    report.figures["stages"] = {
        **{k: round(v, 2) for k, v in stages.items()},
        "glue": round(glue, 2),
    }


def _check(
    report: Report,
    sides: list[list[Side]],
    inputs: tuple[Feeds, Feeds, Feeds],
) -> None:
    print()
    ours, slow, plain = (side[0] for side in sides)
    for name, side, given in zip(
        ("ours", "naive", "naive without SnowNLP"), sides, inputs, strict=True
    ):
        entries = given.posts
        stored = {one.posts for one in side}
        report.must(
            stored == {entries},
            f"{name}: {entries:,} distinct entries in, {_listed(stored)} stored",
        )
    counts = ours.counts
    report.must(counts["indexed"] == counts["posts"], "every stored post is in the full-text index")
    report.must(
        counts["in_rollups"] == counts["mentions"],
        f"the rollups sum to the mentions: {counts['in_rollups']:,} = {counts['mentions']:,}",
    )
    report.must(
        ours.links == slow.links == plain.links,
        f"source 0: both stacks found the same {len(slow.links):,} mentions",
    )
    report.figures["counts"] = counts


def _listed(numbers: set[int]) -> str:
    return ", ".join(f"{number:,}" for number in sorted(numbers))
