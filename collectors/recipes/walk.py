"""Page after page within one visit, so that nothing between the newest and the known stays unread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Protocol

from collectors.model import Post, SourceState
from collectors.recipes.paging import (
    MOST_PAGES,
    PageOptions,
    PageType,
    Stop,
    greatest,
    later,
)
from collectors.recipes.position import Gap, Position, mark, merged
from collectors.visit import Trouble

MOST_POSTS = 1_000
CATCH_UP_PAGES = 200
_PAST_THE_END = frozenset({400, 404})
_EXPIRED = frozenset({400, 404, 410, 422})
_LOST = (
    "未读完的旧页已失效，跳过 (the page to go on from has expired; what lay there is not read): "
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page as read. ``items`` counts what lay on it, ``textless`` those without text and title.

    ``following`` is what the next page is called. ``problem`` says why a page has nothing to read,
    None also where an empty page is in order.
    """

    posts: tuple[Post, ...] = ()
    items: int = 0
    textless: int = 0
    dropped: int = 0
    following: str | None = None
    problem: str | None = None
    status: int = 200


class ReadsPages(Protocol):
    """What a recipe gives to the walk: its paging, and the reading of one page."""

    @property
    def paging(self) -> PageOptions:
        """How its pages follow each other."""
        ...

    @property
    def uses_since(self) -> bool:
        """Whether its address asks for what is newer than {since}."""
        ...

    async def page(self, token: str, *, since: str) -> Page:
        """Return the page called ``token``.

        Raises:
            Trouble: it cannot be read.
        """
        ...


@dataclass(slots=True, kw_only=True)
class Walk:
    """The pages of one visit. After `go`: the posts, where we stand, and what stopped us."""

    reader: ReadsPages
    position: Position
    posts: dict[str, Post] = field(default_factory=dict)
    pages: int = 0
    items: int = 0
    textless: int = 0
    dropped: int = 0
    first: Page | None = None
    last_token: str = ""
    trouble: Trouble | None = None

    async def go(self) -> None:
        """Read the newest pages, then go on where an earlier visit had to stop."""
        if self.reader.paging.type is PageType.SINCE_ID:
            await self._upward()
        else:
            await self._downward()

    async def _upward(self) -> None:
        """Read from the last id on; the position follows page by page."""
        token = self.position.since or self.reader.paging.first
        while self.pages < self.reader.paging.max_pages and not self._is_full:
            page = await self._page(token)
            if page is None or page.items == 0:
                return
            token_after = self._after(page, token)
            if token_after == token:
                return
            token = token_after
            self.position = replace(self.position, since=token)

    def _after(self, page: Page, token: str) -> str:
        """Return the since of the next request: what ``path`` found, else the greatest id so far."""
        if self.reader.paging.path is not None:
            return page.following or token
        highest = greatest(post.external_id for post in page.posts) or token
        return later(highest, token)

    async def _downward(self) -> None:
        paging = self.reader.paging
        before = self.position
        rest = await self._stretch(paging.first, floor=before.known, left=paging.max_pages)
        if self.first is None:
            return
        gap, remembers = before.gap, paging.stop is Stop.NO_NEW and paging.type is not PageType.NONE
        newest = [mark(name) for name in self.posts] if remembers else []
        if not remembers:
            gap = None
        elif rest is not None:
            gap = self._opened(rest)
        elif gap is not None:
            gap = await self._closed(gap)
        self.position = replace(before, known=merged(newest, before.known), gap=gap)
        if self.reader.uses_since and gap is None and self.trouble is None:
            highest = greatest(self.posts) or ""
            self.position = replace(self.position, since=later(before.since, highest))

    def _opened(self, rest: str) -> Gap | None:
        """Return what the next visit has to read: from where we stopped down to what was known.

        At the first visit the limit of pages is the limit of the backlog: only trouble leaves a gap.
        """
        before, most = self.position, self.reader.paging.max_pages
        if self.reader.paging.type in (PageType.PAGE, PageType.OFFSET):
            rest = self.last_token  # once more: what is deleted above moves the rest up a page
        if before.gap is not None:
            return Gap(token=rest, floor=before.gap.floor, left=before.gap.left + most)
        if before.known:
            return Gap(token=rest, floor=before.known, left=CATCH_UP_PAGES)
        left = most - self.pages + 1
        return Gap(token=rest, floor=(), left=left) if self.trouble else None

    async def _closed(self, gap: Gap) -> Gap | None:
        pages = self.pages
        budget = min(gap.left, self.reader.paging.max_pages, MOST_PAGES - pages)
        rest = await self._stretch(gap.token, floor=gap.floor, left=budget)
        if self.trouble is not None and self.trouble.status in _EXPIRED:
            self.trouble = _milder(self.trouble, _LOST)
            return None
        left = gap.left - (self.pages - pages)
        if rest is None or (left <= 0 and self.trouble is None):
            return None
        return replace(gap, token=rest, left=left)

    async def _stretch(self, token: str, *, floor: Iterable[str], left: int) -> str | None:
        """Read on from ``token``; returns None at the end, else the page that is to be read next."""
        known, seen = frozenset(floor), set[str]()
        for _ in range(left):
            if self._is_full:
                return token
            page = await self._page(token)
            if page is None:
                return token if self.trouble else None
            names = {post.external_id for post in page.posts}
            repeats = bool(names) and names <= seen
            seen |= names
            if page.items == 0 or repeats or page.following is None:
                return None
            if self._meets(known, names):
                return None
            token = page.following
        return token

    def _meets(self, known: frozenset[str], names: set[str]) -> bool:
        if self.reader.paging.stop is not Stop.NO_NEW or not known or not names:
            return False
        return known.issuperset(map(mark, names))

    @property
    def _is_full(self) -> bool:
        return len(self.posts) >= MOST_POSTS

    async def _page(self, token: str) -> Page | None:
        """Return a page, None for trouble (which is noted) and past the end."""
        try:
            page = await self.reader.page(token, since=self.position.since)
        except Trouble as trouble:
            counted = self.reader.paging.type in (PageType.PAGE, PageType.OFFSET)
            if not (self.pages and counted and trouble.status in _PAST_THE_END):
                self.trouble = trouble if self.pages == 0 else _milder(trouble)
            return None
        self.first = self.first or page
        self.last_token = token
        self.pages += 1
        self.items += page.items
        self.textless += page.textless
        self.dropped += page.dropped
        for post in page.posts:
            self.posts.setdefault(post.external_id, post)
        return page


def _milder(trouble: Trouble, lead: str = "") -> Trouble:
    """Return trouble with a later page: that one is gone, the source is not."""
    state = trouble.state
    if state is SourceState.GONE:
        return Trouble(SourceState.BACKING_OFF, lead + trouble.reason, status=trouble.status)
    return Trouble(state, lead + trouble.reason, wait=trouble.wait, status=trouble.status)
