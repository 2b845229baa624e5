"""Raw batches: whole polls packed for the bus."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import msgspec

from collectors.model import Poll

MOST_POSTS = 1_000
MOST_BYTES = 512_000

_encode = msgspec.msgpack.Encoder().encode


@dataclass(frozen=True, slots=True, kw_only=True)
class RawBatch:
    """Polls as bytes; the id is the same for the same due slots, however often they are claimed."""

    message_id: str
    body: bytes
    polls: tuple[Poll, ...]


def pack(polls: Iterable[Poll]) -> Iterator[RawBatch]:
    """Yield batches of at most 1,000 posts or 512 kB; one poll is never split, so it may be larger."""
    chosen: list[tuple[Poll, bytes]] = []
    posts = size = 0
    for poll in polls:
        body = _encode(poll)
        if chosen and (posts + len(poll.posts) > MOST_POSTS or size + len(body) > MOST_BYTES):
            yield _batch(chosen)
            chosen, posts, size = [], 0, 0
        chosen.append((poll, body))
        posts += len(poll.posts)
        size += len(body)
    if chosen:
        yield _batch(chosen)


def _batch(chosen: Sequence[tuple[Poll, bytes]]) -> RawBatch:
    names = sorted(f"{poll.source_id}:{poll.slot.timestamp()}" for poll, _ in chosen)
    digest = hashlib.blake2b("\n".join(names).encode(), digest_size=16).hexdigest()
    return RawBatch(
        message_id=f"raw:{digest}",
        body=msgspec.msgpack.encode([msgspec.Raw(body) for _, body in chosen]),
        polls=tuple(poll for poll, _ in chosen),
    )


def unpack(body: bytes) -> list[Poll]:
    """Return the polls of a batch; raises msgspec.DecodeError on a body that is none."""
    return msgspec.msgpack.decode(body, type=list[Poll])
