"""Where strangers' pages are read: processes of their own with little memory and little time.

Reading a page can take minutes and gigabytes when somebody means harm, and no thread can be
stopped. So each page is read by a process that may take 10 s and 300 MB beyond its own size; one
that takes more is ended, and the next page finds a new one. None runs before the first page.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from typing import Self

from collectors.article import Article, Page, PageTrouble
from monitor.pipeline.extracting import Answer, ExtractError, Limits, failed, serve

LIMITS = Limits()
_END_SECONDS = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An article or why there is none, and what it cost: wall seconds, bytes beyond the idle process.

    ``extra_bytes`` is None where the process was ended or the system does not tell.
    """

    result: Article | ExtractError
    seconds: float
    extra_bytes: int | None = None


class Extractor:
    """Reads articles in ``processes`` limited processes. Belongs to one event loop; close it at the end."""

    def __init__(self, processes: int = 1, limits: Limits = LIMITS) -> None:
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._workers = [_Worker(limits) for _ in range(processes)]
        for worker in self._workers:
            self._idle.put_nowait(worker)
        self._threads = ThreadPoolExecutor(processes, thread_name_prefix="extractor")

    async def extract(self, page: Page) -> Article | ExtractError:
        """Return the article on ``page``, or why there is none."""
        return (await self.read(page)).result

    async def read(self, page: Page) -> Reading:
        """Return the same with its cost; waits for a free process."""
        worker = await self._idle.get()
        work = asyncio.get_running_loop().run_in_executor(self._threads, worker.read, page)
        # not before its thread is through: two must never talk to one process
        work.add_done_callback(lambda _: self._idle.put_nowait(worker))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            worker.kill()  # nobody waits for the answer; its thread sees the end at once
            raise

    def close(self) -> None:
        """End the processes, also those at work."""
        for worker in self._workers:
            worker.close()
        self._threads.shutdown(wait=True)
        for worker in self._workers:
            worker.kill()  # one that was just being started

    async def __aenter__(self) -> Self:
        """Return itself; nothing is started."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close without holding up the event loop."""
        await asyncio.to_thread(self.close)


class _Worker:
    """One process, started by a page and again after each end; pages come from one thread at a time."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: SpawnProcess | None = None
        self._pipe: Connection | None = None
        self._pages = 0
        self._closed = False

    def read(self, page: Page) -> Reading:
        """Return the article on a page, or why there is none, and the cost."""
        begin = time.perf_counter()
        try:
            pipe = self._started()
            begin = time.perf_counter()
            answer = self._ask(pipe, page)
        except (EOFError, OSError):
            answer = failed(PageTrouble.CRASHED, page)
        seconds = time.perf_counter() - begin
        self._pages += 1
        if answer.is_last or self._pages >= self._limits.pages:
            self.kill()
        return Reading(result=answer.result, seconds=seconds, extra_bytes=answer.extra_bytes)

    def _ask(self, pipe: Connection, page: Page) -> Answer:
        pipe.send(page)
        if not pipe.poll(self._limits.seconds):
            return failed(PageTrouble.TOO_SLOW, page)
        answer = pipe.recv()
        assert isinstance(answer, Answer)  # noqa: S101  # nothing else is sent
        return answer

    def _started(self) -> Connection:
        if self._pipe is not None and self._process is not None and self._process.is_alive():
            return self._pipe
        self.kill()
        if self._pipe is not None:
            self._pipe.close()
        if self._closed:
            raise EOFError("closed")
        spawn = multiprocessing.get_context("spawn")
        self._pipe, theirs = spawn.Pipe()
        process = spawn.Process(target=serve, args=(theirs, self._limits), daemon=True)
        process.start()
        self._process = process
        theirs.close()
        if not self._pipe.poll(self._limits.start_seconds):
            raise EOFError("the process did not start")
        self._pipe.recv()
        return self._pipe

    def kill(self) -> None:
        """End the process; from any thread."""
        process, self._process, self._pages = self._process, None, 0
        if process is not None:
            process.kill()
            process.join(_END_SECONDS)

    def close(self) -> None:
        """End the process and start no other."""
        self._closed = True
        self.kill()
