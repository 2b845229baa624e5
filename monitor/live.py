"""Wake-up calls inside one process: "something was committed, look at the database"."""

from __future__ import annotations

import asyncio


class Live:
    """A broadcast without content. Whoever waits reads the rows by their ids afterwards."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._waiting: set[asyncio.Event] = set()

    def notify(self) -> None:
        """Wake all who wait; may be called from any thread, and before anybody waits."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    def _wake(self) -> None:
        for event in self._waiting:
            event.set()

    async def wait(self, seconds: float) -> bool:
        """Wait for the next call, at most ``seconds``; returns whether there was one."""
        self._loop = asyncio.get_running_loop()
        event = asyncio.Event()
        self._waiting.add(event)
        try:
            await asyncio.wait_for(event.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            self._waiting.discard(event)
        return True
