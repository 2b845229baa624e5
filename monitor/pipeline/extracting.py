"""The inside of an extractor's process: limits on itself, then page after page."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import resource
import signal
import threading
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing.connection import Connection
from pathlib import Path

from collectors.article import Article, Page, PageError, PageTrouble, extract

MIB = 1024 * 1024
_STATUS = Path("/proc/self/status")
_FORGET_PEAK = "5"  # Linux, proc(5): clear_refs
# Loads every library before memory is counted and limited.
_WARMING = Page(
    url="http://localhost/",
    body="<html><body><article><p>预热。</p></article></body></html>".encode(),
    now=datetime(2000, 1, 1, tzinfo=UTC),
)
_LAST = frozenset((PageTrouble.TOO_SLOW, PageTrouble.OUT_OF_MEMORY, PageTrouble.CRASHED))
_REASONS = {
    PageTrouble.TOO_SLOW: "解析超时 (took too long)",
    PageTrouble.OUT_OF_MEMORY: "解析内存超限 (took too much memory)",
    PageTrouble.CRASHED: "解析进程崩溃 (the parser failed)",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one page may cost, and after how many pages a process is replaced.

    ``memory_bytes`` are beyond what the process holds before its first page (about 100 MB).
    ``start_seconds`` is the time that loading the libraries may take.
    """

    seconds: float = 10.0
    memory_bytes: int = 300 * MIB
    pages: int = 200
    start_seconds: float = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtractError:
    """Why a page gave no article; ``reason`` is for whoever looks at the source."""

    trouble: PageTrouble
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is sent back for a page, and the most memory that it held beyond the idle process."""

    result: Article | ExtractError
    extra_bytes: int | None = None

    @property
    def is_last(self) -> bool:
        """Whether the process is not to be trusted with another page."""
        return isinstance(self.result, ExtractError) and self.result.trouble in _LAST


def failed(trouble: PageTrouble, page: Page, detail: str = "") -> Answer:
    """Return the answer for a page that could not be read."""
    tail = f": {detail}" if detail else ""
    reason = f"{_REASONS[trouble]}: {page.url}{tail}"
    return Answer(result=ExtractError(trouble=trouble, reason=reason))


def serve(pipe: Connection, limits: Limits) -> None:
    """Answer pages from ``pipe`` until it closes. Says once when it is ready."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which ends us
    threading.Thread(target=_end_with_parent, daemon=True).start()
    extract(_WARMING)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _limit(resource.RLIMIT_AS, _status_bytes("VmSize"), limits.memory_bytes)
    idle_bytes = _status_bytes("VmRSS")
    pipe.send(True)
    with contextlib.suppress(EOFError):
        while True:
            page = pipe.recv()
            _forget_peak()
            _limit_cpu(limits.seconds)
            pipe.send(_with_cost(_read(page), idle_bytes))


def _read(page: Page) -> Answer:
    try:
        return Answer(result=extract(page))
    except PageError as error:
        return Answer(result=ExtractError(trouble=error.trouble, reason=str(error)))
    except MemoryError:
        return failed(PageTrouble.OUT_OF_MEMORY, page)
    except Exception as error:  # noqa: BLE001  # libraries raise anything over a broken page
        return failed(PageTrouble.CRASHED, page, type(error).__name__)


def _with_cost(answer: Answer, idle_bytes: int | None) -> Answer:
    peak = _status_bytes("VmHWM")
    if peak is None or idle_bytes is None:
        return answer
    return Answer(result=answer.result, extra_bytes=max(0, peak - idle_bytes))


def _limit(kind: int, used: int | None, more: int) -> None:
    """Allow ``more`` beyond what is used; nothing where the system does not tell or refuses."""
    if used is not None:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (used + more, resource.getrlimit(kind)[1]))


def _limit_cpu(seconds: float) -> None:
    """End this process by itself, should the parent be gone that watches the clock."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _limit(resource.RLIMIT_CPU, int(usage.ru_utime + usage.ru_stime), int(2 * seconds) + 1)


def _status_bytes(name: str) -> int | None:
    """Return a size of this process from Linux's /proc, None elsewhere."""
    try:
        lines = _STATUS.read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(f"{name}:"))
    return next((int(kib) * 1024 for kib in found), None)


def _forget_peak() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text(_FORGET_PEAK)


def _end_with_parent() -> None:
    """End this process when its service is gone: a killed one cannot tell it."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
