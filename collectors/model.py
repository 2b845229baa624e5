"""The values that collecting produces and the rest of the house reads."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class SourceKind(StrEnum):
    """The kinds the house itself treats apart; every other kind is the name of a collector."""

    FEED = "feed"
    PUSH = "push"


class SourceState(StrEnum):
    """What we last learned about a source; every state but ``ok`` carries a reason."""

    NEW = "new"
    OK = "ok"
    SLOW = "slow"
    SILENT = "silent"
    RATE_LIMITED = "rate_limited"
    BACKING_OFF = "backing_off"
    FAILING = "failing"
    BLOCKED = "blocked"
    NOT_A_FEED = "not_a_feed"
    RECIPE_BROKEN = "recipe_broken"
    GONE = "gone"

    @property
    def is_speaking(self) -> bool:
        """Whether visits succeed and what the source says arrives."""
        return self in (SourceState.NEW, SourceState.OK, SourceState.SLOW)


class PostKind(StrEnum):
    """What was published."""

    ARTICLE = "article"
    POST = "post"
    COMMENT = "comment"
    REVIEW = "review"
    HOT_ITEM = "hot_item"


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
class Stars:
    """A rating as published: ``value`` on the scale ``worst`` … ``best``."""

    value: float
    best: float = 5.0
    worst: float = 1.0

    @property
    def normalised(self) -> float | None:
        """The rating as 0…1, None where the value lies outside of its own scale."""
        if not self.worst < self.best or not self.worst <= self.value <= self.best:
            return None
        return (self.value - self.worst) / (self.best - self.worst)


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """One item as published, unique by (``source_id``, ``external_id``).

    ``text`` and ``title`` are plain text. ``published_at`` is aware UTC or None where the
    source gives no usable date. ``rating`` is normalised to 0…1, ``stars`` is what was published.
    ``lang`` is a hint (BCP-47). ``metrics`` are counts as last seen (likes, reposts, replies, views,
    score …): another value is never an edit. ``parent_id``, ``root_id`` and ``repost_of`` are external
    ids within the source. ``product`` names what a review is about. ``delivered_hash`` is set where
    the text was completed from the post's page: the content hash of what the source itself delivered.
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
    stars: Stars | None = None
    parent_id: str | None = None
    root_id: str | None = None
    repost_of: str | None = None
    product: str | None = None
    location: str | None = None
    tags: tuple[str, ...] = ()
    delivered_hash: bytes | None = None

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

    ``options["timezone"]`` (IANA, default Asia/Shanghai) is the meaning of dates without a zone.
    ``secrets`` are tokens, passwords and cookies by name, never shown. ``terms`` are the folded
    literal terms of all keyword lists, given only to kinds that ask for them (``wants_terms``).
    ``last_success_at`` is None before the first successful visit.
    """

    id: int
    name: str
    kind: str
    url: str
    interval: timedelta
    options: Mapping[str, object] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)
    terms: tuple[str, ...] = field(default=(), repr=False)
    cursor: Cursor = START
    error_count: int = 0
    last_success_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRating:
    """What all reviewers together gave a product at one moment: a point of a time series, not a post.

    ``count`` is the number of ratings behind ``stars``, None where it is not told.
    """

    product: str
    stars: Stars
    count: int | None = None
    name: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """What the server still allows: ``remaining`` of ``limit`` requests until ``reset_at``."""

    remaining: int
    limit: int | None = None
    reset_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """A WebSub hub that announces a feed: ``topic`` is the feed's own address there."""

    url: str
    topic: str


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
    ``deleted`` are external ids that the source itself says are gone. ``seconds`` is how long the
    visit took, measured by whoever made it.
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
    deleted: tuple[str, ...] = ()
    ratings: tuple[ProductRating, ...] = ()
    quota: Quota | None = None
    hub: Hub | None = None
    seconds: float | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the source answered and nothing of what we look for was there."""
        answered = self.state in (SourceState.OK, SourceState.RECIPE_BROKEN)
        return answered and self.reason is not None and not self.posts and not self.ratings


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """A stored post that is to be looked at again."""

    external_id: str
    url: str | None
    kind: PostKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What looking again found: posts as they are now, and external ids that the source says are gone.

    A post in neither was not seen: unknown is not deleted.
    """

    posts: tuple[Post, ...] = ()
    deleted: tuple[str, ...] = ()


class CollectError(Exception):
    """A source could not be read. ``retryable`` says if the same request may succeed later."""

    def __init__(
        self, message: str, *, retryable: bool = True, wait: timedelta | None = None
    ) -> None:
        super().__init__(message)
        self.retryable = retryable
        self.wait = wait
