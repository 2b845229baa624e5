"""Looking again at stored posts, one request after another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from collectors.model import CollectError, Look, Post, Sight, SourceState
from collectors.visit import Trouble

LookAt = Callable[[Sight], Awaitable["Post | Gone | None"]]
"""Returns the post as it is now, `GONE`, or None where that cannot be told; raises `Trouble`."""


class Gone:
    """The source says that the post is no more."""


GONE = Gone()


async def look_at_each(sights: Sequence[Sight], look_at: LookAt) -> Look:
    """Return what became of ``sights``. Trouble on the way leaves the rest unknown.

    Raises:
        CollectError: already the first could not be asked for.
    """
    posts: list[Post] = []
    deleted: list[str] = []
    for index, sight in enumerate(sights):
        try:
            found = await look_at(sight)
        except Trouble as trouble:
            if index == 0:
                raise not_asked(trouble) from trouble
            break
        if isinstance(found, Gone):
            deleted.append(sight.external_id)
        elif found is not None:
            posts.append(found)
    return Look(posts=tuple(posts), deleted=tuple(deleted))


def not_asked(trouble: Trouble) -> CollectError:
    """Return the error of a source that could not be asked."""
    retryable = trouble.state not in (SourceState.BLOCKED, SourceState.GONE)
    return CollectError(trouble.reason, retryable=retryable, wait=trouble.wait)
