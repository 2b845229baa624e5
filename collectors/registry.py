"""Which collectors there are: entry points of the group ``monitor.collectors``, ours and others'."""

from __future__ import annotations

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from collectors.base import Collector
from collectors.model import CollectError, SourceKind

GROUP = "monitor.collectors"


class UnknownKind(CollectError):
    """No collector is installed for a kind; the text lists the known ones."""

    def __init__(self, kind: str) -> None:
        known = ", ".join(kinds())
        super().__init__(
            f"没有名为 {kind!r} 的采集器;已安装: {known} (no such collector; installed: {known})",
            retryable=False,
        )


@cache
def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in sorted(entry_points(group=GROUP))}


def kinds() -> tuple[str, ...]:
    """Return the names of the kinds that can be visited, in order."""
    return tuple(sorted(_installed()))


def is_known(kind: str) -> bool:
    """Return whether sources may have this kind: a collector's, or ``push``."""
    return kind == SourceKind.PUSH or kind in _installed()


@cache
def collector_for(kind: str) -> Collector:
    """Return the collector of sources of ``kind``; its module is imported now, not earlier.

    Raises:
        UnknownKind: there is none, or posts of this kind come to us and nobody fetches them.
    """
    point = _installed().get(kind)
    if point is None:
        raise UnknownKind(kind)
    made: Collector = point.load()()
    return made
