"""What a collector is, and the HTTP it is given."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Protocol

from collectors.model import CollectError, Poll, Source, SourceKind


class Reply(Protocol):
    """An HTTP answer, read whole and decompressed."""

    @property
    def status(self) -> int:
        """The status code of the last answer."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, with lower-case names."""
        ...

    @property
    def body(self) -> bytes:
        """The body as bytes, never decoded by guess."""
        ...

    @property
    def url(self) -> str:
        """Where the answer came from, after redirects."""
        ...

    @property
    def permanent_redirect(self) -> bool:
        """Whether there were redirects and all of them permanent (301, 308)."""
        ...


class Http(Protocol):
    """The way out, guarded. It raises `CollectError` when there is no answer."""

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a GET, redirects followed."""
        ...


class Collector(Protocol):
    """Visits a source of one kind."""

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what one visit brought.

        Everything to be expected of a source (refusal, silence, nonsense) is a Poll with a
        state and a reason; an exception is a bug of ours. Two visits that get the same answer
        give the same posts.
        """
        ...


def collector_for(kind: SourceKind) -> Collector:
    """Return the collector of sources of ``kind``.

    Raises:
        CollectError: posts of this kind come to us, nobody fetches them.
    """
    from collectors.fetch import FeedCollector  # fetch builds on this module

    if kind is SourceKind.FEED:
        return FeedCollector()
    raise CollectError(f"sources of kind {kind.value} are not visited", retryable=False)
