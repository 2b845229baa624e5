"""The clock of a process: a handful of ticks in memory. What is due is always a query, never a job."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from apscheduler.schedulers.asyncio import AsyncIOScheduler


def ticking(ticks: Mapping[str, tuple[float, Callable[[], None]]]) -> AsyncIOScheduler:
    """Return a scheduler, not started, that calls each function every so many seconds.

    ``misfire_grace_time=None`` because the default of one second silently drops late runs;
    a tick only wakes a loop, so runs that were missed are worth one.
    """
    scheduler = AsyncIOScheduler(timezone="UTC")
    for name, (seconds, call) in ticks.items():
        scheduler.add_job(
            call,
            "interval",
            id=name,
            seconds=seconds,
            coalesce=True,
            max_instances=1,
            misfire_grace_time=None,
        )
    return scheduler
