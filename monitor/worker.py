"""The loops of the roles: wake, take a step, note what broke, go on. ``except Exception`` lives here only."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger()

LONGEST_PAUSE = 30.0


@dataclass(slots=True, kw_only=True)
class Loop:
    """A step that is taken again and again.

    ``step`` answers how much it did: more than nothing means "again at once", nothing means "wait
    to be woken, ``idle`` seconds at most". A broken step is logged and tried again after a pause
    that doubles up to 30 s, so a bug is seen and never spins.
    """

    name: str
    step: Callable[[], Awaitable[int]]
    idle: float
    awake: asyncio.Event = field(default_factory=asyncio.Event)
    beat: float = 0.0
    broken: int = 0

    def wake(self) -> None:
        """There is something to do."""
        self.awake.set()

    async def run(self, stopping: asyncio.Event) -> None:
        """Take steps until ``stopping`` is set."""
        while not stopping.is_set():
            self.awake.clear()
            self.beat = asyncio.get_running_loop().time()
            try:
                done = await self.step()
            except Exception:
                self.broken += 1
                pause = min(LONGEST_PAUSE, 0.25 * 2 ** min(self.broken, 8))
                log.exception("step broke", loop=self.name, again_in_seconds=pause)
                await self._pause(stopping, pause)
                continue
            self.broken = 0
            if not done:
                await self._pause(stopping, self.idle)

    async def _pause(self, stopping: asyncio.Event, seconds: float) -> None:
        woken = {asyncio.create_task(self.awake.wait()), asyncio.create_task(stopping.wait())}
        _, waiting = await asyncio.wait(woken, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()


class Worker:
    """All loops of one process."""

    def __init__(self) -> None:
        self.loops: list[Loop] = []
        self._stopping = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def add(self, loop: Loop) -> Loop:
        """Add a loop before the start."""
        self.loops.append(loop)
        return loop

    def start(self) -> None:
        """Run every loop as a task of the current event loop."""
        self._tasks = [
            asyncio.create_task(loop.run(self._stopping), name=loop.name) for loop in self.loops
        ]

    async def stop(self, seconds: float = 8.0) -> None:
        """Let running steps end, at most ``seconds``; what is cut off is done again by the next owner."""
        self._stopping.set()
        if not self._tasks:
            return
        _, late = await asyncio.wait(self._tasks, timeout=seconds)
        for task in late:
            log.warning("step cut off", loop=task.get_name())
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
