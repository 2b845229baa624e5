"""Bluesky's firehose as JSON (Jetstream v1): every new post of the network, sieved in this process.

https://github.com/bluesky-social/jetstream. A frame is
``{"did", "time_us", "kind": "commit", "commit": {"rev", "operation", "collection", "rkey", "record"}}``;
frames of other kinds (identity, account) come unasked.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

import orjson

from collectors.model import Post
from collectors.social import values
from collectors.social.bluesky_posts import COLLECTION, post_of_record, tags_of, uri_of
from collectors.social.keywords import Sieve
from collectors.social.listening import Heard
from collectors.social.paging import load_position
from collectors.social.values import Json

_OVERLAP_US = 5_000_000
_REMEMBERED_US = 2 * _OVERLAP_US
_MOST_REMEMBERED = 500
_MOST_POSTS = 300
_MOST_DELETED = 1_000
_MOST_MESSAGES = 50_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How far the stream was read: the newest ``time_us`` (unix microseconds) that was processed.

    ``recent`` are the matches of the last seconds before it by time, so that the overlap of the
    next connection does not bring them again.
    """

    time_us: int | None = None
    recent: dict[str, int] = field(default_factory=dict)

    def written(self) -> str:
        """Return the mark as a position to store."""
        return json.dumps({"time_us": self.time_us, "recent": self.recent})


def mark_of(position: str | None) -> Mark:
    """Return the mark a stored position names; the start for none or for one we cannot read."""
    found = load_position(position)
    recent = {
        name: at
        for name, moment in values.child(found, "recent").items()
        if (at := values.number(moment)) is not None
    }
    return Mark(time_us=values.number(found.get("time_us")), recent=recent)


def address(url: str, mark: Mark) -> str:
    """Return where to connect: five seconds before the mark, at the live end without one."""
    query = {"wantedCollections": COLLECTION}
    if mark.time_us is not None:
        query["cursor"] = str(max(mark.time_us - _OVERLAP_US, 0))
    return f"{url}{'&' if '?' in url else '?'}{urlencode(query)}"


@dataclass(slots=True, kw_only=True)
class Catch:
    """What one visit took from the stream: matching posts, and every deletion.

    Whose deletions concern a post of ours only the database knows.
    """

    source_id: int
    sieve: Sieve
    start: Mark
    now: datetime
    posts: dict[str, Post] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    messages: int = 0
    newest_us: int = 0
    _matched: dict[str, int] = field(default_factory=dict)

    def take(self, message: bytes) -> Heard:
        """Take one frame; returns what it was to us. What is no frame is passed over."""
        self.messages += 1
        heard = self._taken(_frame(message))
        return Heard.ENOUGH if self._is_full() else heard

    def mark(self) -> Mark:
        """Return how far the stream is read now, whether anything matched or not."""
        newest = max(self.newest_us, self.start.time_us or 0)
        if not newest:
            return self.start
        recent = {
            name: at
            for name, at in (self.start.recent | self._matched).items()
            if at > newest - _REMEMBERED_US
        }
        latest = sorted(recent.items(), key=lambda item: item[1])[-_MOST_REMEMBERED:]
        return Mark(time_us=newest, recent=dict(latest))

    def _taken(self, frame: Json) -> Heard:
        at = values.number(frame.get("time_us"))
        if at is None or not 0 < at < 2**52:
            return Heard.NOTHING
        # A clock ahead of ours would make us skip what comes until then.
        self.newest_us = max(
            self.newest_us, min(at, _microseconds(self.now + timedelta(minutes=5)))
        )
        commit = values.child(frame, "commit")
        uri = uri_of(frame.get("did"), commit.get("rkey"))
        if frame.get("kind") != "commit" or commit.get("collection") != COLLECTION or uri is None:
            return Heard.NOTHING
        if commit.get("operation") == "delete":
            self.posts.pop(uri, None)
            self.deleted[uri] = None
            return Heard.NOTHING
        return self._matched_post(uri, commit, at)

    def _matched_post(self, uri: str, commit: Json, at: int) -> Heard:
        record = values.child(commit, "record")
        if not self.sieve.lets_through(
            "\n".join((values.text(record.get("text")), *tags_of(record)))
        ):
            return Heard.NOTHING
        name = _name(uri, values.text(commit.get("rev")))
        self._matched[name] = at
        if name in self.start.recent:
            return Heard.NOTHING
        seen = _EPOCH + timedelta(microseconds=at)
        post = post_of_record(uri, record, self.source_id, seen_at=seen, now=self.now)
        is_edit = commit.get("operation") == "update"
        self.posts[uri] = replace(post, edited_at=seen) if is_edit else post
        self.deleted.pop(uri, None)
        return Heard.POST

    def _is_full(self) -> bool:
        return (
            self.messages >= _MOST_MESSAGES
            or len(self.posts) >= _MOST_POSTS
            or len(self.deleted) >= _MOST_DELETED
        )


def _frame(message: bytes) -> Json:
    try:
        return values.child(orjson.loads(message))
    except orjson.JSONDecodeError:
        return values.NOTHING


def _name(uri: str, rev: str) -> str:
    return hashlib.blake2b(f"{uri} {rev}".encode(), digest_size=8).hexdigest()


def _microseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1)
