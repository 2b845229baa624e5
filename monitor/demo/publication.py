"""What an invented site shows at a moment: the newest posts within a window, with their validators."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from monitor.demo.scenario import ZONE, DemoPost, DemoSource

FEWEST_ENTRIES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed or page as served: body with the validators and the type that belong to it."""

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime


class Publication(ABC):
    """One source's document over the simulated time.

    It holds what was published within ``window`` before its newest post, and never fewer than
    the newest 20: who reads at least once per ``window`` misses nothing.
    """

    def __init__(
        self, source: DemoSource, posts: Sequence[DemoPost], day0: datetime, window: timedelta
    ) -> None:
        self.source = source
        self.posts = posts
        self._offsets = [post.offset for post in posts]
        self._day0 = day0.astimezone(ZONE)
        self._window = window
        self._latest: tuple[int, Document] | None = None

    @property
    @abstractmethod
    def media_type(self) -> str:
        """The Content-Type of the document."""

    @abstractmethod
    def text(self, visible: range, published: int) -> str:
        """Return the document with the posts at ``visible``; ``published`` have come out so far."""

    def document(self, now: datetime) -> Document:
        """Return what a reader sees at ``now``; the same object while nothing is new."""
        published = bisect_right(self._offsets, now - self._day0)
        if self._latest is None or self._latest[0] != published:
            self._latest = (published, self._render(published))
        return self._latest[1]

    def at(self, post: DemoPost) -> datetime:
        """Return when a post comes out."""
        return self._day0 + post.offset

    def newest(self, published: int) -> datetime:
        """Return when the newest of the ``published`` posts came out, day 0 before the first."""
        return self.at(self.posts[published - 1]) if published else self._day0

    def _render(self, published: int) -> Document:
        body = self.text(self._visible(published), published).encode(self.source.encoding)
        return Document(
            body=body,
            media_type=self.media_type,
            etag=f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"',
            last_modified=self.newest(published),
        )

    def _visible(self, published: int) -> range:
        if not published:
            return range(0)
        oldest = bisect_left(self._offsets, self._offsets[published - 1] - self._window)
        return range(max(0, min(oldest, published - FEWEST_ENTRIES)), published)
