"""Web pages with schema.org reviews or ratings: a product, a shop, a hotel, a recipe."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from collectors.base import BaseCollector, Http, Reply
from collectors.identity import absolute_url
from collectors.model import CollectError, Cursor, Poll, ProductRating, Source, SourceState
from collectors.options import Options
from collectors.reviews.page import Page, read_page
from collectors.reviews.schema_org import Context, Found, find_reviews
from collectors.reviews.walk import ReviewPage, walk
from collectors.visit import BLOCKED_WAIT, CHALLENGE, EMPTY, Trouble, Visit, is_challenge

ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.5"
NOTHING = (
    "页面上没有 schema.org 评论或评分标记 (no review markup found)。"
    "请检查地址，或改用 html_list 配方 (check the address, or use an html_list recipe)"
)
BROKEN = "页面中有 {} 段 JSON-LD 无法解析 ({} broken JSON-LD scripts)"


def _selector(css: str | None) -> str | None:
    if css is not None:
        from cssselect import SelectorError
        from parsel.csstranslator import HTMLTranslator

        try:
            HTMLTranslator().css_to_xpath(css)
        except SelectorError as error:
            raise ValueError(f"{css!r} 不是 CSS 选择器 (no CSS selector): {error}") from error
    return css


class ReviewPageOptions(Options):
    """Settings of a page with reviews."""

    product: str | None = Field(
        default=None,
        min_length=1,
        max_length=300,
        description="Name of what the page is about, in place of the page's own.",
    )
    next: Annotated[str | None, AfterValidator(_selector)] = Field(
        default=None,
        max_length=500,
        description="CSS selector of the link to the next page, for example a.next or a.next::attr(href).",
    )
    max_pages: int = Field(default=3, ge=1, le=5, description="Pages read in one visit at most.")


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What one visit has seen so far."""

    visit: Visit
    http: Http
    options: ReviewPageOptions
    cursor: Cursor
    status: int = 200
    asked: set[str] = field(default_factory=set)
    ratings: tuple[ProductRating, ...] = ()
    reason: str | None = None
    dropped: int = 0

    async def turn(self, at: str) -> ReviewPage:
        """Return the page at ``at``; an unchanged first page holds nothing new and leads nowhere."""
        self.asked.add(at)
        is_first = at == self.visit.source.url
        reply = await self._reply(at, _validators(self.cursor) if is_first else {})
        self.status = reply.status
        if is_first and self._is_unchanged(reply):
            return ReviewPage(posts=())
        found, following = await asyncio.to_thread(self._read, reply)
        self._judge(found, reply)
        self.dropped += found.dropped
        if is_first:
            self.ratings = found.ratings
        if is_first and (found.posts or found.ratings):
            self.cursor = _validated(self.cursor, reply, at)
        return ReviewPage(posts=found.posts, next=following)

    async def _reply(self, at: str, validators: dict[str, str]) -> Reply:
        try:
            reply = await self.http.get(at, {"Accept": ACCEPT, **validators})
        except CollectError as error:
            raise self.visit.unreached(error) from error
        trouble = self.visit.refusal(reply)
        if trouble and not (reply.status == 304 and validators):
            raise trouble
        return reply

    def _is_unchanged(self, reply: Reply) -> bool:
        return reply.status == 304 or _digest(reply) == self.visit.source.cursor.body_sha256

    def _read(self, reply: Reply) -> tuple[Found, str | None]:
        page = read_page(reply.body, reply.headers, reply.url)
        source = self.visit.source
        context = Context(
            source_id=source.id,
            now=self.visit.now,
            zone=self.options.zone,
            product=self.options.product,
        )
        return find_reviews(page, context), self._following(page)

    def _following(self, page: Page) -> str | None:
        """Return the next page's address: on the same host, and not one asked before."""
        if self.options.next is None or page.root is None:
            return None
        from parsel.csstranslator import HTMLTranslator

        chosen = page.root.xpath(HTMLTranslator().css_to_xpath(self.options.next))
        first = chosen[0] if chosen else ""
        href = first if isinstance(first, str) else first.get("href")
        address = absolute_url(href, base=page.url)
        ours = address and urlsplit(address).netloc == urlsplit(page.url).netloc
        return address if ours and address not in self.asked else None

    def _judge(self, found: Found, reply: Reply) -> None:
        if found.posts or found.ratings:
            self.reason = BROKEN.format(found.broken, found.broken) if found.broken else self.reason
            return
        if not reply.body.strip():
            raise Trouble(SourceState.BLOCKED, EMPTY, wait=BLOCKED_WAIT, status=reply.status)
        if is_challenge(reply):
            raise Trouble(SourceState.BLOCKED, CHALLENGE, wait=BLOCKED_WAIT, status=reply.status)
        broken = f"{BROKEN.format(found.broken, found.broken)}。" if found.broken else ""
        self.reason = broken + NOTHING


class ReviewPageCollector(BaseCollector):
    """Visits pages whose reviews are marked up for search engines."""

    kind = "review_page"
    options = ReviewPageOptions
    obeys_robots = True

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the reviews that are new or edited, and the ratings that changed."""
        visit = Visit(source=source, slot=slot, now=now)
        options = ReviewPageOptions.model_validate(source.options)
        reading = _Reading(visit=visit, http=http, options=options, cursor=source.cursor)
        try:
            walked = await walk(
                source.cursor.position, reading.turn, first=source.url, most_pages=options.max_pages
            )
        except Trouble as trouble:
            return visit.failed(trouble)
        poll = walked.poll(visit, reading.ratings)
        cursor = replace(reading.cursor, position=poll.cursor_after.position)
        return replace(
            poll,
            cursor_after=cursor,
            status=poll.status if walked.trouble else reading.status,
            reason=poll.reason or reading.reason,
            dropped=reading.dropped,
        )


def _validators(cursor: Cursor) -> dict[str, str]:
    pairs = (("If-None-Match", cursor.etag), ("If-Modified-Since", cursor.last_modified))
    return {name: value for name, value in pairs if value}


def _validated(cursor: Cursor, reply: Reply, asked: str) -> Cursor:
    """Return the cursor with this answer's validators, where they are those of the address asked."""
    usable = reply.url == asked and reply.headers.get("expires", "").strip() != "0"
    return replace(
        cursor,
        etag=reply.headers.get("etag") if usable else None,
        last_modified=reply.headers.get("last-modified") if usable else None,
        body_sha256=_digest(reply),
    )


def _digest(reply: Reply) -> str:
    return hashlib.sha256(reply.body).hexdigest()
