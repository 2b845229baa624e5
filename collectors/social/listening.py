"""Listening to a stream for a while: how long one visit stays, and why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeVar

from collectors.model import CollectError

T = TypeVar("T")

_NOT_OPENED = "数据流没有应答 (the stream did not open in time)"
_BREATH = 200  # items after which others get the processor, however fast the stream is


class Heard(Enum):
    """What one item of a stream was to the listener."""

    NOTHING = auto()
    """Of no interest: a heartbeat, somebody else's post."""
    POST = auto()
    """What we listen for: it is brought home soon."""
    ENOUGH = auto()
    """As much as one visit carries; the item itself was taken."""


class Ending(Enum):
    """Why listening ended: we had to go, or the server closed the stream."""

    OURS = auto()
    CLOSED = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long one visit lasts, in seconds: ``longest`` from its start, and ``after_first`` post.

    ``opening`` is how long a server may take to open its stream. Posts wait for their visit to end before they are stored, so the first one ends it soon; the
    moment after it gathers what comes together.
    """

    longest: float = 45.0
    after_first: float = 2.0
    opening: float = 12.0

    def deadline(self) -> float:
        """Return when a visit that begins now ends, on the clock of the running event loop."""
        return asyncio.get_running_loop().time() + self.longest


def is_over(deadline: float) -> bool:
    """Return whether ``deadline`` (event loop's clock) has passed."""
    return asyncio.get_running_loop().time() >= deadline


@asynccontextmanager
async def opened(stream: AbstractAsyncContextManager[T], patience: Patience) -> AsyncIterator[T]:
    """Open ``stream`` and close it in the end.

    Raises:
        CollectError: it was refused, or did not open in time.
    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(patience.opening):
                items = await stack.enter_async_context(stream)
        except TimeoutError as error:
            raise CollectError(_NOT_OPENED) from error
        yield items


async def listen(
    stream: AsyncIterator[T], take: Callable[[T], Heard], *, deadline: float, patience: Patience
) -> Ending:
    """Give each item to ``take`` until the time is over, there is enough, or the stream closes.

    Raises:
        CollectError: the stream broke. What ``take`` was given before counts.
    """
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            return await _listened(stream, take, limit, patience)
    except TimeoutError:
        if not limit.expired():
            raise
    return Ending.OURS


async def _listened(
    stream: AsyncIterator[T],
    take: Callable[[T], Heard],
    limit: asyncio.Timeout,
    patience: Patience,
) -> Ending:
    count, first = 0, True
    async for item in stream:
        heard = take(item)
        if heard is Heard.ENOUGH:
            return Ending.OURS
        if heard is Heard.POST and first:
            first = False
            soon = asyncio.get_running_loop().time() + patience.after_first
            limit.reschedule(min(soon, limit.when() or soon))
        count += 1
        if count % _BREATH == 0:
            await asyncio.sleep(0)
    return Ending.CLOSED
