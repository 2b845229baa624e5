"""Reading lists that show the newest first, page by page: a bounded part each visit, without a gap.

A list is walked from its newest page down to what the last walk began with (its *mark*). Where a
visit ends before that (its pages are used up, a page was refused) the position tells the page to
go on with, and the mark stays: nothing between is ever skipped.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from collectors.model import Poll, Post
from collectors.social.limits import Api
from collectors.social.values import child, number, text
from collectors.visit import Trouble, Visit

NEWEST = 100
"""A first import takes so many posts of a list, the newest ones."""
MOST_BYTES = 350_000
"""A visit that has read so much text stops: its poll travels as one message."""
_CURSOR_LOST = frozenset({400, 404, 422})


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page of a list: posts with their ranks (unix seconds or ids, growing with time).

    ``oldest`` is the rank of its last item, whether that is a post or not; None tells nothing.
    ``following`` names the next page, None ends the list.
    """

    posts: tuple[tuple[int, Post], ...] = ()
    oldest: int | None = None
    following: str | None = None
    deleted: tuple[str, ...] = ()


ReadPage = Callable[[str | None, int | None], Awaitable[Page]]
"""Returns the page of that name, the newest for None; raises `Trouble`.

The second is a rank: what lies at or below it is known and may be left out (None: nothing is known).
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """How far a list is read: all up to ``mark``, and from ``top`` down to page ``following``.

    ``left`` counts what a first import still takes.
    """

    mark: int | None = None
    top: int | None = None
    following: str | None = None
    left: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How much of a list one visit reads.

    ``overlap`` ranks below the mark are read again, for what appears late. Of what lies up to
    ``again`` ranks deeper the posts are taken too, where a page that is read shows them: edits.
    """

    pages: int = 5
    newest: int = NEWEST
    overlap: int = 0
    again: int = 0


@dataclass(slots=True)
class Walked:
    """What came of walking: where the walk stands now, and what stopped it, if anything did."""

    walk: Walk
    posts: list[Post] = field(default_factory=list)
    deleted: list[str] = field(default_factory=list)
    dropped: int = 0
    pages: int = 0
    trouble: Trouble | None = None


async def walk_list(read: ReadPage, start: Walk, pace: Pace) -> Walked:
    """Return what the pages of one list brought. `Trouble` ends it and is part of the answer."""
    resumed = start.following is not None
    walked = Walked(start if resumed else _begin(start, pace))
    for _ in range(pace.pages):
        try:
            page = await read(walked.walk.following, _floor(walked.walk, pace))
        except Trouble as trouble:
            return _stopped(walked, trouble, start)
        _take(walked, page, pace)
        if walked.walk.following is None:
            if not resumed:
                break
            resumed = False  # what was left of last time is read: now what came since
            walked.walk = _begin(walked.walk, pace)
        if _bytes(walked.posts) > MOST_BYTES:
            break
    return walked


def _begin(walk: Walk, pace: Pace) -> Walk:
    return Walk(mark=walk.mark, left=pace.newest if walk.mark is None else None)


def _floor(walk: Walk, pace: Pace) -> int | None:
    return None if walk.mark is None else max(walk.mark - pace.overlap, 0)


def _stopped(walked: Walked, trouble: Trouble, start: Walk) -> Walked:
    walked.trouble = trouble
    if trouble.status in _CURSOR_LOST and walked.walk.following == start.following is not None:
        # The page we were to go on with is no more: from the top again, down to the same mark.
        walked.walk = Walk(mark=start.mark)
    elif walked.walk.following is None:
        walked.walk = Walk(mark=walked.walk.mark)
    return walked


def _take(walked: Walked, page: Page, pace: Pace) -> None:
    before = walked.walk
    floor = _floor(before, pace)
    fresh = [post for rank, post in page.posts if floor is None or rank > floor - pace.again]
    kept = fresh if before.left is None else fresh[: before.left]
    walked.posts += kept
    walked.deleted += page.deleted
    walked.dropped += len(fresh) - len(kept)
    walked.pages += 1
    walked.walk = _stepped(before, page, floor, len(kept))


def _stepped(before: Walk, page: Page, floor: int | None, kept: int) -> Walk:
    ranks = [rank for rank, _ in page.posts]
    top = max([*ranks, before.top, page.oldest], key=lambda rank: -1 if rank is None else rank)
    left = None if before.left is None else before.left - kept
    there = floor is not None and page.oldest is not None and page.oldest <= floor
    ended = page.following is None or page.following == before.following
    if there or ended or left == 0:
        marks = [mark for mark in (top, before.mark) if mark is not None]
        return Walk(mark=max(marks, default=None))
    return replace(before, top=top, following=page.following, left=left)


def _bytes(posts: Iterable[Post]) -> int:
    return sum(len(post.text.encode("utf-8", "replace")) + 500 for post in posts)


@dataclass(slots=True, kw_only=True)
class Visited:
    """What all lists of a source brought so far in one visit, and where each stands."""

    walks: dict[str, Walk]
    posts: dict[str, Post] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    dropped: int = 0
    pages: int = 0
    moved: bool = False
    trouble: Trouble | None = None

    def add(self, name: str, walked: Walked) -> None:
        """Take over what walking the list ``name`` brought; of the same post the first is kept."""
        self.moved = self.moved or walked.walk != self.walks.get(name, Walk())
        self.walks[name] = walked.walk
        for post in walked.posts:
            self.posts.setdefault(post.external_id, post)
        self.deleted.update(dict.fromkeys(walked.deleted))
        self.dropped += walked.dropped
        self.pages += walked.pages
        self.trouble = walked.trouble


async def walk_lists(
    lists: Mapping[str, ReadPage], before: Mapping[str, Walk], pace: Pace
) -> Visited:
    """Return what walking each of ``lists`` brought, in their order; the first trouble ends it.

    ``before`` says how far each was read; lists that are no more are forgotten.
    """
    visited = Visited(walks={name: before[name] for name in lists if name in before})
    for name, read in lists.items():
        visited.add(name, await walk_list(read, before.get(name, Walk()), pace))
        if visited.trouble:
            break
    return visited


def poll_of(visit: Visit, visited: Visited, api: Api, position: str) -> Poll:
    """Return the poll of a visit to lists; ``position`` tells where they stand now."""
    before = visit.source.cursor
    if visited.trouble and not visited.pages:
        cursor = replace(before, position=position) if visited.moved else before
        return replace(visit.failed(visited.trouble, cursor=cursor), quota=api.quota)
    return visit.brought(
        tuple(visited.posts.values()),
        position=position,
        trouble=visited.trouble,
        deleted=tuple(visited.deleted),
        dropped=visited.dropped,
        quota=api.quota,
        wait=api.wait,
    )


async def visit_lists(visit: Visit, api: Api, lists: Mapping[str, ReadPage], pace: Pace) -> Poll:
    """Return the poll of walking each of ``lists``, whose positions are all there is to remember."""
    visited = await walk_lists(lists, load_walks(visit.source.cursor.position), pace)
    return poll_of(visit, visited, api, json.dumps(dump_walks(visited.walks)))


def load_position(position: str | None) -> dict[str, object]:
    """Return a position as its collector wrote it; an unreadable one counts as none."""
    try:
        found = json.loads(position or "{}")
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def page_number(following: str | None) -> int:
    """Return the number a page is named by; 1 for the newest and for nonsense."""
    named = following or ""
    return max(int(named), 1) if named.isdecimal() and len(named) < 12 else 1


def load_walks(position: str | Mapping[str, object] | None) -> dict[str, Walk]:
    """Return how far each list was read."""
    found = load_position(position) if position is None or isinstance(position, str) else position
    return {name: _walk(child(found, name)) for name in found}


def dump_walks(walks: Mapping[str, Walk]) -> dict[str, dict[str, object]]:
    """Return walks as JSON values, without what is not set."""
    return {
        name: {key: value for key, value in asdict(walk).items() if value is not None}
        for name, walk in walks.items()
        if walk != Walk()
    }


def _walk(found: Mapping[str, object]) -> Walk:
    return Walk(
        mark=number(found.get("mark")),
        top=number(found.get("top")),
        following=text(found.get("following")) or None,
        left=number(found.get("left")),
    )
