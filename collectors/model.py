"""The values that collecting produces and the rest of the house reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class SourceKind(StrEnum):
    """How posts of a source reach us."""

    FEED = "feed"
    PUSH = "push"


class SourceState(StrEnum):
    """What we last learned about a source; every state but ``ok`` carries a reason."""

    NEW = "new"
    OK = "ok"
    BACKING_OFF = "backing_off"
    FAILING = "failing"
    BLOCKED = "blocked"
    NOT_A_FEED = "not_a_feed"
    GONE = "gone"


class PostKind(StrEnum):
    """What was published."""

    ARTICLE = "article"
    POST = "post"
    COMMENT = "comment"
    REVIEW = "review"


class Precision(StrEnum):
    """How exactly a publication time is known; ``inferred`` means our first sight of the post."""

    EXACT = "exact"
    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    INFERRED = "inferred"


@dataclass(frozen=True, slots=True, kw_only=True)
class Author:
    """Who published a post; ``followers`` is None where it is unknown, never 0."""

    name: str | None = None
    handle: str | None = None
    url: str | None = None
    followers: int | None = None


NOBODY = Author()


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One item as published, unique by (``source_id``, ``external_id``).

    ``text`` and ``title`` are plain text. ``published_at`` is aware UTC or None where the
    source gives no usable date. ``rating`` is normalised to 0…1. ``lang`` is a hint (BCP-47).
    """

    source_id: int
    external_id: str
    kind: PostKind = PostKind.ARTICLE
    url: str | None = None
    title: str | None = None
    text: str = ""
    author: Author = NOBODY
    published_at: datetime | None = None
    precision: Precision = Precision.EXACT
    edited_at: datetime | None = None
    lang: str | None = None
    metrics: Mapping[str, int] = field(default_factory=dict)
    rating: float | None = None

    @property
    def key(self) -> bytes:
        """The 16 bytes that make a repeated post a duplicate, the same on every machine."""
        return post_key(self.source_id, self.external_id)

    @property
    def content_hash(self) -> bytes:
        """16 bytes over title and text without white space: another hash means edited."""
        joined = "".join(f"{self.title or ''}\0{self.text}".split())
        return hashlib.blake2b(joined.encode("utf-8", "replace"), digest_size=16).digest()


def post_key(source_id: int, external_id: str) -> bytes:
    """Return the identity of a post: blake2b-16 over the source's id and the external id."""
    raw = f"{source_id}\0{external_id}".encode("utf-8", "replace")
    return hashlib.blake2b(raw, digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Cursor:
    """Where we stand with a source. It moves only in the transaction that stores its posts.

    ``etag`` and ``last_modified`` are the server's own strings, verbatim; they belong to
    ``effective_url``. ``body_sha256`` is hexadecimal.
    """

    etag: str | None = None
    last_modified: str | None = None
    body_sha256: str | None = None
    effective_url: str | None = None
    position: str | None = None


START = Cursor()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source as a collector sees it. ``options`` are the kind's own settings.

    For feeds ``options["timezone"]`` (IANA, default Asia/Shanghai) is the meaning of dates without a zone.
    """

    id: int
    name: str
    kind: SourceKind
    url: str
    interval: timedelta
    options: Mapping[str, object] = field(default_factory=dict)
    cursor: Cursor = START
    error_count: int = 0


class Outcome(StrEnum):
    """How a poll ended."""

    NEW = "new"
    UNCHANGED = "unchanged"
    FAILED = "failed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """What one visit to a source brought.

    ``cursor_after`` is to be stored together with ``posts``. ``wait`` is the least time until
    the next visit (the server's wish or our back-off), never shorter than the source's interval.
    ``dropped`` counts entries that were cut by a limit; ``reason`` explains every state but ok.
    """

    source_id: int
    slot: datetime
    fetched_at: datetime
    outcome: Outcome
    state: SourceState
    cursor_after: Cursor
    wait: timedelta
    posts: tuple[Post, ...] = ()
    status: int | None = None
    reason: str | None = None
    dropped: int = 0


class CollectError(Exception):
    """A source could not be read. ``retryable`` says if the same request may succeed later."""

    def __init__(
        self, message: str, *, retryable: bool = True, wait: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.wait = wait
