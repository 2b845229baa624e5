"""CPU time, memory, medians and tables: what every bench shares.

Goals are ratios of CPU time taken in one run on the same input; absolute figures depend on the
machine and are printed to be read, never judged.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any
from unicodedata import east_asian_width

MIB = 1024 * 1024
OUT = Path("bench-results")


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """A figure that was promised, and whether this run keeps the promise."""

    name: str
    wanted: str
    found: str
    met: bool


@dataclass(slots=True)
class Report:
    """What a bench found: lines for people, ``figures`` for machines, goals for both.

    A goal that is not met fails the bench only when ``broken`` says that a *result* is wrong: a
    slow minute of a shared machine is no bug, a lost item is.
    """

    name: str
    figures: dict[str, Any] = field(default_factory=dict)
    goals: list[Goal] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    checked: int = 0

    def goal(self, name: str, found: float, *, at_least: float = 0, at_most: float = 0) -> None:
        """Note a goal on a figure: exactly one of the two limits is given."""
        met = found >= at_least if at_least else found <= at_most
        wanted = f"≥ {at_least:g}" if at_least else f"≤ {at_most:g}"
        self.goals.append(Goal(name=name, wanted=wanted, found=f"{found:.3g}", met=met))

    def must(self, holds: bool, sentence: str) -> None:
        """Note a result that must be right whatever the machine; print it either way."""
        self.checked += 1
        print(f"  {'✓' if holds else '✗'} {sentence}")
        if not holds:
            self.broken.append(sentence)

    def save(self, directory: Path) -> None:
        """Write NAME.json."""
        directory.mkdir(parents=True, exist_ok=True)
        body = {
            "name": self.name,
            "python": platform.python_version(),
            "machine": platform.machine(),
            "cpus": os.cpu_count(),
            "figures": self.figures,
            "goals": [
                {"name": one.name, "wanted": one.wanted, "found": one.found, "met": one.met}
                for one in self.goals
            ],
            "checked": self.checked,
            "broken": self.broken,
        }
        text = json.dumps(body, ensure_ascii=False, indent=1)
        (directory / f"{self.name}.json").write_text(text, encoding="utf-8")


def cpu_seconds() -> float:
    """Return the CPU time of this process, its threads and its ended children."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + ended.ru_utime + ended.ru_stime


@dataclass(slots=True)
class Spent:
    """CPU seconds of a ``with cpu()`` block, set at its end."""

    seconds: float = 0.0


@contextmanager
def cpu() -> Iterator[Spent]:
    """Measure the CPU time of a block."""
    spent, begin = Spent(), cpu_seconds()
    yield spent
    spent.seconds = cpu_seconds() - begin


def cpu_of(action: Callable[[], object], *, rounds: int = 1) -> float:
    """Return the median CPU seconds of some calls."""
    return statistics.median(_once(action) for _ in range(rounds))


def _once(action: Callable[[], object]) -> float:
    with cpu() as spent:
        action()
    return spent.seconds


def peak_memory_mib() -> float:
    """Return the most memory this process has held.

    ``ru_maxrss`` survives exec, so a child would answer its parent's peak; Linux's VmHWM does not.
    """
    status = Path("/proc/self/status")
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / MIB if sys.platform == "darwin" else peak / 1024


class Apart:
    """One process of its own, so that its start-up, memory and caches are nobody else's."""

    def __init__(self) -> None:
        self._pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"))

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call a function of a module there and return its answer."""
        return self._pool.submit(function, *arguments).result()

    def close(self) -> None:
        """End the process."""
        self._pool.shutdown()


@contextmanager
def apart(count: int) -> Iterator[list[Apart]]:
    """Give some processes, ended afterwards."""
    made = [Apart() for _ in range(count)]
    try:
        yield made
    finally:
        for one in made:
            one.close()


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a head; the first column is left, the others right."""
    written = [[_cell(value) for value in row] for row in (head, *rows)]
    widths = [max(map(_width, column)) for column in zip(*written, strict=True)]
    for number, row in enumerate(written):
        first, *others = zip(row, widths, strict=True)
        cells = [_padded(*first, left=True), *(_padded(*one, left=False) for one in others)]
        print("  " + "  ".join(cells).rstrip())
        if number == 0:
            print("  " + "  ".join("─" * width for width in widths))


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _width(text: str) -> int:
    return sum(2 if east_asian_width(char) in "WF" else 1 for char in text)


def _padded(text: str, width: int, *, left: bool) -> str:
    space = " " * (width - _width(text))
    return text + space if left else space + text


def medians(rounds: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Return the median of each figure over rounds."""
    return {name: statistics.median(one[name] for one in rounds) for name in rounds[0]}
