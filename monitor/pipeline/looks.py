"""Looking at stored posts again: the whole text of a teaser's page, then counts, edits and deletion.

A post is stored and judged with what its source delivered at once; what its page adds comes as an
edit. So a slow page delays no warning, and a page that cannot be read costs no post.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Protocol

import structlog

from collectors.article import Article, Page, Selectors
from collectors.base import LooksAgain
from collectors.model import CollectError, Look, Post, Sight, Source, post_key
from collectors.options import Options
from monitor.pipeline.analyse import Analysing, store_each, store_posts
from monitor.pipeline.analyst import PoisonedBatch
from monitor.pipeline.extracting import ExtractError
from monitor.pipeline.planning import looking_again
from monitor.pipeline.polite import Forbidden, HostBusy
from monitor.pipeline.visiting import Visiting
from monitor.storage import looks, posts, sources
from monitor.storage.looks import Claimed, Purpose

log = structlog.get_logger()

AT_ONCE = 40
SITES_AT_ONCE = 8
RETRY = timedelta(minutes=30)
LONGEST_GROUP = timedelta(minutes=3)
"""Of one source's pages in a row: shorter than the lease by more than any one page takes."""
_GONE = frozenset({404, 410})


class PageReader(Protocol):
    """Reads pages in a limited process."""

    async def extract(self, page: Page) -> Article | ExtractError:
        """Return the article on ``page``, or why there is none."""
        ...


@dataclass(slots=True)
class _Found:
    """What the looks at one source brought."""

    posts: list[Post] = field(default_factory=list)
    gone: list[bytes] = field(default_factory=list)
    done: list[Claimed] = field(default_factory=list)
    failed: dict[int, timedelta] = field(default_factory=dict)
    tries: dict[int, int] = field(default_factory=dict)

    def postpone(self, one: Claimed, wait: timedelta) -> None:
        """Look again later; after the third time not again."""
        self.failed[one.id] = wait
        self.tries[one.id] = one.tries + 1

    def put_back(self, one: Claimed, wait: timedelta) -> None:
        """Look again later: nobody was asked, so this was no try."""
        self.failed[one.id] = wait
        self.tries[one.id] = one.tries


@dataclass(slots=True, kw_only=True)
class Looking:
    """Takes due looks, a few sites at a time, each at its own pace."""

    analysing: Analysing
    visiting: Visiting
    reader: PageReader

    async def look(self) -> int:
        """Look at what is due and store what it brought; returns how many looks."""
        claimed = await asyncio.to_thread(self._claim)
        if not claimed:
            return 0
        equipped = await asyncio.to_thread(self._sources, {one.post.source_id for one in claimed})
        groups: dict[tuple[int, Purpose], list[Claimed]] = defaultdict(list)
        for one in claimed:
            groups[one.post.source_id, one.purpose].append(one)
        gate = asyncio.Semaphore(SITES_AT_ONCE)
        ends = await asyncio.gather(
            *(
                self._group(equipped.get(source_id), purpose, group, gate)
                for (source_id, purpose), group in groups.items()
            ),
            return_exceptions=True,
        )
        for group, end in zip(groups.values(), ends, strict=True):
            if isinstance(end, BaseException):
                await self._put_off(group, end)
        return len(claimed)

    async def _put_off(self, group: Sequence[Claimed], error: BaseException) -> None:
        """Put off the looks of one source that a bug of ours ended; the others go on."""
        log.error("looks broke", source_id=group[0].post.source_id, exc_info=error)
        found = _Found()
        for one in group:
            found.postpone(one, RETRY)
        await asyncio.to_thread(self._settle, found)

    async def _keep(self, found: _Found) -> None:
        """Store what the looks at one source brought; a text that kills its reader costs no other."""
        try:
            await store_posts(self.analysing, found.posts)
        except PoisonedBatch:
            await store_each(self.analysing, found.posts)
        await asyncio.to_thread(self._settle, found)

    def _claim(self) -> list[Claimed]:
        now = self.visiting.clock()
        with self.visiting.database.read() as connection:
            due = looks.next_due(connection)
        if due is None or due > now:
            return []
        with self.visiting.database.write() as connection:
            return looks.claim(connection, now=now, limit=AT_ONCE)

    def _sources(self, ids: set[int]) -> dict[int, Source]:
        with self.visiting.database.read() as connection:
            rows = sources.by_ids(connection, sorted(ids))
        return {row["id"]: self.visiting.with_secrets(row) for row in rows if row["enabled"]}

    def _settle(self, found: _Found) -> None:
        now = self.visiting.clock()
        with self.visiting.database.write() as connection:
            posts.mark_deleted(connection, found.gone, now=now)
            gone = set(found.gone)
            done = [
                replace(one, is_deleted=one.is_deleted or one.post.key in gone)
                for one in found.done
            ]
            looks.settle(connection, done, now=now)
            looks.postpone(connection, found.failed, found.tries, now=now)

    async def _group(
        self,
        source: Source | None,
        purpose: Purpose,
        group: Sequence[Claimed],
        gate: asyncio.Semaphore,
    ) -> None:
        """Look at the posts of one source. One that was deleted or disabled is looked at no more."""
        found = _Found()
        if source is None:
            found.done.extend(replace(one, is_deleted=True) for one in group)
            await self._keep(found)
            return
        async with gate:
            collector = looking_again(source.kind) if purpose is Purpose.AGAIN else None
            if collector is not None:
                await self._again(collector, source, group, found)
            else:
                await self._pages(source, group, found)
            await self._keep(found)

    async def _pages(self, source: Source, group: Sequence[Claimed], found: _Found) -> None:
        """Read one page after the other; what does not fit into the lease is put back."""
        ends = self.visiting.seconds() + LONGEST_GROUP.total_seconds()
        for place, one in enumerate(group):
            if self.visiting.seconds() >= ends:
                found.put_back(one, timedelta())
                continue
            try:
                if place:
                    await self.visiting.turns.give_way(one.post.url or "")
                await self._page(source, one, found)
            except HostBusy as error:
                found.put_back(one, error.wait or RETRY)

    async def _again(
        self, collector: LooksAgain, source: Source, group: Sequence[Claimed], found: _Found
    ) -> None:
        http = self.visiting.way_out("", obeys_robots=False)
        size = collector.most_at_once
        for start in range(0, len(group), size):
            part = group[start : start + size]
            sights = [
                Sight(external_id=one.post.external_id, url=one.post.url, kind=one.post.kind)
                for one in part
            ]
            try:
                seen = await collector.look_again(
                    source, sights, http=http, now=self.visiting.clock()
                )
            except CollectError as error:
                log.info("look failed", source_id=source.id, reason=str(error))
                for one in part:
                    found.postpone(one, max(RETRY, error.wait or RETRY))
                continue
            _take(seen, source, part, found)

    async def _page(self, source: Source, one: Claimed, found: _Found) -> None:
        if not one.post.url:
            found.done.append(one)
            return
        http = self.visiting.way_out("", obeys_robots=True)
        try:
            reply = await http.get(
                one.post.url, {"Accept": "text/html, application/xhtml+xml;q=0.9"}
            )
        except Forbidden as error:
            log.info("look refused", post_id=one.post_id, reason=str(error))
            found.done.append(replace(one, is_deleted=True))  # ends the series, marks nothing
            return
        except HostBusy:
            raise
        except CollectError as error:
            found.postpone(one, max(RETRY, error.wait or RETRY))
            return
        if reply.status in _GONE:
            found.gone.append(one.post.key)
            found.done.append(one)
        elif reply.status != 200:  # the only status with the page
            found.postpone(one, RETRY)
        else:
            await self._read(source, one, reply.body, reply.headers, found)

    async def _read(
        self, source: Source, one: Claimed, body: bytes, headers: Mapping[str, str], found: _Found
    ) -> None:
        article = await self.reader.extract(
            Page(
                url=one.post.url or "",
                body=body,
                now=self.visiting.clock(),
                charset=_charset(headers),
                tz=_options(source).zone,
                selectors=_selectors(source),
            )
        )
        if isinstance(article, ExtractError):
            log.info("page not read", post_id=one.post_id, reason=article.reason)
        elif completed := completed_by(one.post, article):
            found.posts.append(completed)
        found.done.append(one)


def completed_by(post: Post, article: Article) -> Post | None:
    """Return ``post`` with the text of its page, None where the page says no more than the post.

    A page whose text is shorter than what the source delivered, or than half of what the page itself
    said before, is a login wall or an error page.
    """
    least = len(post.text) if post.delivered_hash is None else len(post.text) // 2
    if len(article.text) <= max(least, 1) or article.text == post.text:
        return None
    author = post.author if post.author.name else replace(post.author, name=article.author)
    return replace(
        post,
        text=article.text,
        title=post.title or article.title,
        author=author,
        delivered_hash=post.delivered_hash or post.content_hash,
    )


def _take(seen: Look, source: Source, part: Sequence[Claimed], found: _Found) -> None:
    found.posts.extend(seen.posts)
    found.gone.extend(post_key(source.id, name) for name in seen.deleted)
    found.done.extend(part)


def _options(source: Source) -> Options:
    known = {name: value for name, value in source.options.items() if name in Options.model_fields}
    return Options.model_validate(known)


def _selectors(source: Source) -> Selectors:
    given = _options(source).selectors
    return Selectors(**given.model_dump()) if given else Selectors()


def _charset(headers: Mapping[str, str]) -> str | None:
    found = headers.get("content-type", "").lower().partition("charset=")[2]
    return found.split(";")[0].strip(" \"'") or None
