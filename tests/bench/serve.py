"""``monitor serve`` from nothing: seconds until it answers, memory and CPU while nothing happens.

Memory is the proportional set size of the process and all that it started (``/proc``, Linux):
pages shared with others count by their share.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from tests.bench.measure import Report, table
from tests.bench.sizes import Size

READY_GOAL = 3.0
MEMORY_GOAL = 200.0
PATIENCE = 60.0
STEP = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One start: seconds to ready, of which CPU, and what a rest of some seconds showed (None where unknown)."""

    ready_seconds: float
    ready_cpu_seconds: float | None
    pss_mib: float | None
    processes: int
    idle_cpu_ms: float | None
    stop_seconds: float
    exit_code: int


def run(size: Size) -> Report:
    """Start it some times in a fresh directory, and again in the one it left; print what was found."""
    report = Report("serve")
    runs: dict[str, list[Run]] = {"fresh directory": [], "started again": []}
    for _ in range(size.starts):
        with tempfile.TemporaryDirectory() as directory:
            runs["fresh directory"].append(_run(Path(directory), size.idle_seconds))
            runs["started again"].append(_run(Path(directory), 0.0))
    _show(report, runs)
    every = [one for some in runs.values() for one in some]
    ready = max(one.ready_seconds for one in every)
    report.goal("serve: seconds until ready (slowest)", ready, at_most=READY_GOAL)
    memory = [one.pss_mib for one in every if one.pss_mib is not None]
    if memory:
        report.goal("serve: MiB at rest (largest)", max(memory), at_most=MEMORY_GOAL)
    else:
        print("  (no /proc/*/smaps_rollup here: memory is not measured)")
    codes = {one.exit_code for one in every}
    report.must(
        codes == {0}, f"every start answered /readyz, and SIGTERM ended it with 0 ({codes})"
    )
    return report


def _show(report: Report, runs: dict[str, list[Run]]) -> None:
    rows = []
    for name, some in runs.items():
        ready = [one.ready_seconds for one in some]
        memory = [one.pss_mib for one in some if one.pss_mib is not None]
        spent = [one.ready_cpu_seconds for one in some if one.ready_cpu_seconds is not None]
        busy = [one.idle_cpu_ms for one in some if one.idle_cpu_ms is not None]
        row = {
            "ready_seconds": round(median(ready), 2),
            "slowest_seconds": round(max(ready), 2),
            "cpu_seconds": round(median(spent), 2) if spent else "–",
            "pss_mib": round(median(memory), 1) if memory else "–",
            "processes": max(one.processes for one in some),
            "idle_cpu_ms_per_second": round(median(busy), 1) if busy else "–",
            "stop_seconds": round(median(one.stop_seconds for one in some), 2),
        }
        report.figures[name] = row
        rows.append((name, *row.values()))
    head = (
        "monitor serve",
        "ready s",
        "slowest s",
        "of it CPU s",
        "PSS MiB",
        "processes",
        "idle ms CPU/s",
        "stop s",
    )
    table(head, rows)


def _run(directory: Path, idle_seconds: float) -> Run:
    port = _free_port()
    begin = time.perf_counter()
    with _service(directory, port) as process:
        ready = _until_ready(process, port) - begin
        before = _cpu_seconds(process.pid)
        time.sleep(idle_seconds)
        after = _cpu_seconds(process.pid)
        tree = _tree(process.pid)
        memory = _pss_mib(tree) if idle_seconds else None
        begin = time.perf_counter()
        process.send_signal(signal.SIGTERM)
        code = process.wait(PATIENCE)
    rested = idle_seconds and before is not None and after is not None
    return Run(
        ready_seconds=ready,
        ready_cpu_seconds=before,
        pss_mib=memory,
        processes=len(tree),
        idle_cpu_ms=(after - before) / idle_seconds * 1000 if rested else None,  # type: ignore[operator]  # rested
        stop_seconds=time.perf_counter() - begin,
        exit_code=code,
    )


@contextmanager
def _service(directory: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MONITOR_")}
    told = {"MONITOR_DATA_DIR": str(directory / "data"), "MONITOR_PORT": str(port)}
    with (directory / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "monitor", "serve"],
            env=clean | told, cwd=Path(__file__).parents[2], stdout=log, stderr=log,
        )  # fmt: skip
        try:
            yield process
        except TimeoutError:
            print((directory / "log").read_text(errors="replace")[-2_000:], file=sys.stderr)
            raise
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


def _until_ready(process: subprocess.Popen[bytes], port: int) -> float:
    """Return when /readyz first answered 200; TimeoutError when it ends or takes a minute."""
    until = time.perf_counter() + PATIENCE
    while time.perf_counter() < until and process.poll() is None:
        if _answers(port):
            return time.perf_counter()
        time.sleep(STEP)
    raise TimeoutError(f"monitor serve is not ready (exit code {process.poll()})")


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except OSError:
        return False
    finally:
        connection.close()


def _tree(root: int) -> list[int]:
    """Return the process and all its descendants."""
    found = [root]
    for pid in found:
        for children in Path(f"/proc/{pid}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    return found


def _pss_mib(pids: list[int]) -> float | None:
    total = 0
    for pid in pids:
        rollup = Path(f"/proc/{pid}/smaps_rollup")
        if not rollup.exists():
            return None
        line = next(line for line in rollup.read_text().splitlines() if line.startswith("Pss:"))
        total += int(line.split()[1])
    return total / 1024


def _cpu_seconds(root: int) -> float | None:
    if not Path("/proc/self/stat").exists():
        return None
    ticks = 0
    for pid in _tree(root):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")
