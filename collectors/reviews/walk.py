"""Walking down a list of reviews, newest first, page by page, over as many visits as it takes.

A visit reads from the top until a page holds nothing new, but only so many pages. What it could not
reach (too much at once, a refused page) is a **gap**: the position says where it begins and what lies
below it, and later visits go on there after they have looked at the top. So the position never
passes what was not read, and reading again what was read brings nothing twice.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace

from collectors.model import Poll, Post, ProductRating
from collectors.visit import Trouble, Visit

BACKLOG = 500
_LONGEST_GAP = 5_000
# A poll travels whole: more text than this waits for the next visit.
_MOST_CHARACTERS = 150_000
_REMEMBERED = 300
_REMEMBERED_RATINGS = 100

Marks = dict[str, str]
"""Short hash of an external id → short hash of what the review said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewPage:
    """One page of a list: where the next one is (None at the end), and where to take up again later.

    ``resume`` matters where pages are counted: new reviews push older ones down and deleted ones
    pull them up, so a later visit reads the last page it had once more. None: at ``next``.
    """

    posts: tuple[Post, ...]
    next: str | None = None
    resume: str | None = None


Turn = Callable[[str], Awaitable[ReviewPage]]
"""Returns the page at a place; raises `Trouble`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """Unread reviews: they begin ``at`` a place and end at the ``below`` ones; ``left`` bounds them.

    ``is_overlap`` says that the page there was read before and is only read for what slid into it.
    """

    at: str
    below: Marks
    left: int
    is_overlap: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """Where we stand: the newest reviews as last seen, the gap under them, ratings as last told."""

    known: Marks = field(default_factory=dict)
    gap: Gap | None = None
    ratings: Marks = field(default_factory=dict)

    @classmethod
    def read(cls, stored: str | None) -> Position:
        """Return a stored position; one that cannot be read is the start."""
        try:
            value = json.loads(stored or "{}")
            gap = value.get("gap")
            return cls(
                known=dict(value.get("known", {})),
                gap=Gap(**gap) if gap else None,
                ratings=dict(value.get("ratings", {})),
            )
        except (ValueError, TypeError, AttributeError):
            return cls()

    def stored(self) -> str:
        """Return the position as text for a cursor."""
        gap = asdict(self.gap) if self.gap else None
        return json.dumps(
            {"known": self.known, "gap": gap, "ratings": self.ratings}, separators=(",", ":")
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk brought: new and edited posts, the position after it, and why it stopped early."""

    posts: tuple[Post, ...]
    position: Position
    trouble: Trouble | None = None

    def stopped(self, trouble: Trouble | None) -> Walked:
        """Return the same with another reason for stopping."""
        return replace(self, trouble=trouble)

    def poll(self, visit: Visit, ratings: Iterable[ProductRating] = ()) -> Poll:
        """Return the poll of the visit; of ``ratings`` those that are not as last told."""
        told = [*ratings]
        fresh = tuple(
            one for one in told if self.position.ratings.get(_of(one.product)) != _said(one)
        )
        marks = {_of(one.product): _said(one) for one in told}
        kept = dict([*marks.items(), *_others(self.position.ratings, marks)][:_REMEMBERED_RATINGS])
        position = Position(known=self.position.known, gap=self.position.gap, ratings=kept).stored()
        return visit.brought(self.posts, position=position, trouble=self.trouble, ratings=fresh)


def nothing_read(stored: str | None, trouble: Trouble) -> Walked:
    """Return a walk that brought nothing and leaves the position where it is."""
    return Walked(posts=(), position=Position.read(stored), trouble=trouble)


async def walk(stored: str | None, turn: Turn, *, first: str, most_pages: int) -> Walked:
    """Return what reading from ``first`` on brought, in about ``most_pages`` pages (two more at most).

    A source's first walk goes down to its newest 500 reviews at most, over several visits.

    Raises:
        Trouble: not even the first page could be read.
    """
    before = Position.read(stored)
    gap = before.gap
    whole = Gap(at=first, below=before.known, left=_LONGEST_GAP if before.known else BACKLOG)
    top = await _descend(turn, whole, pages=most_pages)
    if top.trouble and not top.pages:
        raise top.trouble
    read, trouble = top.read, top.trouble
    if top.rest and gap:  # the two become one: what lies between them is read again
        gap = replace(top.rest, below=gap.below, left=max(top.rest.left, gap.left))
    elif top.rest:
        gap = top.rest
    elif gap:
        leg = await _descend(turn, gap, pages=max(most_pages - top.pages, 1))
        read, trouble, gap = [*read, *leg.read], leg.trouble, leg.rest
    after = Position(known=_newest(top.read, before.known), gap=gap, ratings=before.ratings)
    return Walked(posts=_unknown(read, before), position=after, trouble=trouble)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Leg:
    """Pages read one after another; ``rest`` is what could not be reached, None if nothing is left."""

    read: list[Post]
    pages: int
    rest: Gap | None = None
    trouble: Trouble | None = None


async def _descend(turn: Turn, gap: Gap, *, pages: int) -> _Leg:
    read: list[Post] = []
    at, rest, turned, characters = gap.at, gap, 0, 0
    while turned < pages and characters < _MOST_CHARACTERS:
        try:
            page = await turn(at)
        except Trouble as trouble:
            return _Leg(read=read, pages=turned, rest=rest, trouble=trouble)
        again = rest is gap and gap.is_overlap
        turned += not again  # it is no progress, so it does not count
        fresh = page.posts if again else page.posts[: rest.left]
        read.extend(fresh)
        left = rest.left - (0 if again else len(fresh))
        characters += 0 if again else sum(len(post.text) for post in fresh)
        reached = all(gap.below.get(_of(post.external_id)) == _said(post) for post in page.posts)
        if page.next is None or reached or left <= 0:
            return _Leg(read=read, pages=turned)
        at, resume = page.next, page.resume or page.next
        rest = Gap(at=resume, below=gap.below, left=left, is_overlap=page.resume is not None)
    return _Leg(read=read, pages=turned, rest=rest)


def _unknown(read: Iterable[Post], before: Position) -> tuple[Post, ...]:
    """Return the posts that are new or say something else than before, each once."""
    known = {**before.known, **(before.gap.below if before.gap else {})}
    fresh = {
        post.external_id: post
        for post in reversed([*read])
        if known.get(_of(post.external_id)) != _said(post)
    }
    return tuple(reversed([*fresh.values()]))


def _newest(read: Iterable[Post], known: Marks) -> Marks:
    marks: Marks = {}
    for post in read:
        marks.setdefault(_of(post.external_id), _said(post))
    return dict([*marks.items(), *_others(known, marks)][:_REMEMBERED])


def _others(marks: Mapping[str, str], newer: Mapping[str, str]) -> list[tuple[str, str]]:
    return [(name, said) for name, said in marks.items() if name not in newer]


def _of(name: str) -> str:
    return hashlib.blake2b(name.encode("utf-8", "replace"), digest_size=6).hexdigest()


def _said(what: Post | ProductRating) -> str:
    """Return a mark of what was said: another text or other stars make another one, metrics do not."""
    if isinstance(what, Post):
        said = what.content_hash + repr(what.stars).encode()
    else:
        said = repr((what.stars, what.count)).encode()
    return hashlib.blake2b(said, digest_size=4).hexdigest()
