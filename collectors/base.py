"""What a collector is, and the way out it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import ClassVar, Protocol, runtime_checkable

from collectors.model import Look, Poll, Sight, Source
from collectors.options import Options


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
    """The way out, guarded, paced and (for kinds that obey robots.txt) refused where robots are.

    Every method raises `CollectError` when there is no answer.
    """

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a GET, redirects followed."""
        ...

    async def post(self, url: str, body: bytes, headers: Mapping[str, str] | None = None) -> Reply:
        """Return the answer to a POST; a redirect is an answer."""
        ...

    def lines(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[str]]:
        """Open a GET whose answer never ends (server-sent events) and yield its lines as they come.

        The iterator ends when the server closes. Entering raises `CollectError` for a status
        other than 200, retryable where asking again may help.
        """
        ...

    def messages(
        self, url: str, headers: Mapping[str, str] | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        """Open a websocket (``wss://`` or ``ws://``) and yield its messages as they come."""
        ...


class Collector(Protocol):
    """Visits sources of one kind. Made without arguments; registered as an entry point.

    ``kind`` is the word in a source's ``kind``; ``options`` checks a source's ``options``;
    ``default_url`` is the address of a source that names none (None: an address must be given);
    ``secrets`` are the names of secrets the kind knows; ``obeys_robots`` is True for kinds that
    visit pages nobody offered as an interface; ``wants_terms`` asks for ``Source.terms``.
    """

    kind: ClassVar[str]
    options: ClassVar[type[Options]]
    default_url: ClassVar[str | None]
    secrets: ClassVar[Sequence[str]]
    obeys_robots: ClassVar[bool]
    wants_terms: ClassVar[bool]

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what one visit brought.

        Everything to be expected of a source (refusal, silence, nonsense) is a Poll with a
        state and a reason; an exception is a bug of ours. Two visits that get the same answer
        give the same posts. A visit takes at most 60 s.
        """
        ...


@runtime_checkable
class LooksAgain(Protocol):
    """A collector that can look at stored posts again: metrics, edits, deletion."""

    most_at_once: ClassVar[int]

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return what became of these posts (at most ``most_at_once``).

        Raises:
            CollectError: the source could not be asked; all of them are unknown.
        """
        ...


class BaseCollector:
    """The defaults of a collector's settings; subclassing it is a convenience, not a duty."""

    options: ClassVar[type[Options]] = Options
    default_url: ClassVar[str | None] = None
    secrets: ClassVar[Sequence[str]] = ()
    obeys_robots: ClassVar[bool] = False
    wants_terms: ClassVar[bool] = False
