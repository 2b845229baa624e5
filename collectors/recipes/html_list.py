"""Sources by recipe: any list in HTML (comments, reviews, threads, notices), described by selectors."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, Field, ValidationError, model_validator

from collectors.base import BaseCollector, Http, Reply
from collectors.model import START, Poll, PostKind, Source, SourceState
from collectors.options import Options
from collectors.recipes.decoding import known_charset, text_of
from collectors.recipes.drafts import Draft, draft_of, named
from collectors.recipes.health import misconfigured, sample_of, visited
from collectors.recipes.paging import (
    PageOptions,
    PageType,
    checked_holes,
    filled_address,
    following,
    holes_of,
    same_server,
)
from collectors.recipes.patterns import TooSlow
from collectors.recipes.rehearsal import Observed, Rehearsal, rehearsed
from collectors.recipes.selecting import (
    FEW_TAGS,
    HtmlField,
    HtmlFieldIn,
    HtmlFields,
    Reading,
    class_names,
    looks_around,
    parsed,
    raw_value,
    selected,
)
from collectors.recipes.transforms import Place
from collectors.recipes.walk import Page
from collectors.taming import MOST_TAGS, PAGE_BYTES
from collectors.visit import BLOCKED_WAIT, CHALLENGE, Trouble, Visit, is_challenge

if TYPE_CHECKING:
    from parsel import Selector

MOST_ITEMS = 500
HOLES = ("page", "offset", "query")
_ACCEPT = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.5"


def _checked_item(item: HtmlField) -> HtmlField:
    if item.css is None and item.xpath is None:
        raise ValueError("item 需要 css 或 xpath (item needs css or xpath)")
    return item


def _checked_paging(page: PageOptions) -> PageOptions:
    if page.type not in (PageType.NONE, PageType.PAGE, PageType.OFFSET):
        raise ValueError("HTML 列表只能用 page、offset 翻页，或写 next (page, offset or next)")
    return page


class HtmlListOptions(Options):
    """Settings of a list in HTML. The source's address may hold {page} {offset} {query}."""

    item: Annotated[HtmlFieldIn, AfterValidator(_checked_item)] = Field(
        description="CSS (or {xpath}) of one item."
    )
    fields: HtmlFields = Field(
        description="target: css | {css|xpath, attr, regex, all, transform, …} within the item"
    )
    next: HtmlFieldIn | None = Field(
        default=None, description='The address of the next page, such as "a.next::attr(href)".'
    )
    page: Annotated[PageOptions, AfterValidator(_checked_paging)] = PageOptions()
    query: str = Field(default="", max_length=500, description="What {query} stands for.")
    charset: Annotated[str, Field(max_length=40), AfterValidator(known_charset)] | None = Field(
        default=None, description="Overrides every label; decided from the bytes if absent."
    )
    post_kind: PostKind = Field(default=PostKind.POST, description="What the items are.")
    min_interval_seconds: int = Field(default=0, ge=0, le=86_400)

    @model_validator(mode="after")
    def _one_way_on(self) -> HtmlListOptions:
        if self.next is not None and self.page.type is not PageType.NONE:
            raise ValueError("next 与 page.type 只能选一种翻页方式 (either next or page.type)")
        return self

    @property
    def most_tags(self) -> int:
        """How much of a page is read: little where a selector costs the square of it."""
        asked = (self.item, *self.fields.values(), *((self.next,) if self.next else ()))
        return FEW_TAGS if looks_around(asked) else MOST_TAGS

    @property
    def paging(self) -> PageOptions:
        """The paging, where links are followed told as such."""
        if self.next is None:
            return self.page
        return self.page.model_copy(update={"type": PageType.LINK_HEADER})


@dataclass(slots=True, kw_only=True)
class HtmlPages:
    """Reads the pages of one visit. ``observed`` keeps what a rehearsal shows."""

    visit: Visit
    http: Http
    options: HtmlListOptions
    paging: PageOptions
    observed: Observed = field(default_factory=Observed)
    uses_since: bool = False

    async def page(self, token: str, *, since: str) -> Page:
        """Return the page called ``token``.

        Raises:
            Trouble: it is refused, or on another server.
        """
        reply = await self.visit.get(self.http, self._address(token), {"Accept": _ACCEPT})
        try:
            # Also of a small page: a selector may take its time.
            return await asyncio.to_thread(self.read, reply, token)
        except TooSlow as error:
            raise Trouble(SourceState.RECIPE_BROKEN, str(error), status=reply.status) from error

    def read(self, reply: Reply, token: str) -> Page:
        """Return the page that ``reply`` is; raises Trouble and TooSlow."""
        text = text_of(reply, self.options.charset, most=PAGE_BYTES)
        root = parsed(text, reply.url, self.options.most_tags)
        items = self._items(root)
        if not items:
            return self._empty(reply, text)
        kept, place = items[:MOST_ITEMS], self._place(reply)
        drafts = self._drafts(kept, place)
        made = [draft for draft in drafts if draft is not None]
        problem = None
        if not made:
            problem = self._problem("没有一个条目有 text、title 或 rating", kept[0].get() or "")
        return Page(
            posts=tuple(named(made)),
            items=len(kept),
            textless=len(kept) - sum(not draft.is_textless for draft in made),
            dropped=len(items) - len(made),
            following=self._following(root, reply, token, len(items)),
            problem=problem,
            status=reply.status,
        )

    def _items(self, root: Selector) -> Sequence[Selector]:
        item = self.options.item
        found = root.css(item.css) if item.css is not None else root.xpath(item.xpath or ".")
        return [one for one in found if hasattr(one.root, "attrib")]

    def _drafts(self, items: Sequence[Selector], place: Place) -> list[Draft | None]:
        reading, drafts = Reading(), list[Draft | None]()
        for item in items:
            if reading.is_spent:
                break
            values = selected(item, self.options.fields, place, reading)
            self.observed.note(item, values)
            drafts.append(
                draft_of(
                    values,
                    self.options.fields,
                    place=place,
                    source_id=self.visit.source.id,
                    kind=self.options.post_kind,
                )
            )
        return drafts

    def _place(self, reply: Reply) -> Place:
        return Place(base_url=reply.url, tz=self.options.zone, now=self.visit.now)

    def _address(self, token: str) -> str:
        template = self.visit.source.url.replace("%7B", "{").replace("%7D", "}")
        try:
            checked_holes(template, HOLES)
        except ValueError as error:
            raise Trouble(SourceState.RECIPE_BROKEN, f"url: {error}") from error
        holes = holes_of(self.paging, token, since="", query=self.options.query)
        address = filled_address(template, holes)
        if self.options.next is None or not token:
            return address
        whole = same_server(token, address)
        if whole is None:
            raise Trouble(
                SourceState.RECIPE_BROKEN,
                "下一页在另一台服务器上，不跟随 (next page is on another server)",
            )
        return whole

    def _following(self, root: Selector, reply: Reply, token: str, count: int) -> str | None:
        link = self.options.next
        if link is None:
            return following(self.paging, token, document=None, count=count, headers={})
        found = raw_value(root, "next", _as_link(link), Reading())
        if not isinstance(found, str) or found.startswith(("#", "javascript:")):
            return None
        whole = same_server(found, reply.url)
        return whole if whole != reply.url else None

    def _empty(self, reply: Reply, text: str) -> Page:
        # A page in the place of the one asked for has none of its items.
        if is_challenge(reply):
            raise Trouble(SourceState.BLOCKED, CHALLENGE, wait=BLOCKED_WAIT, status=reply.status)
        return Page(problem=self._problem("没有条目 (no items)", text), status=reply.status)

    def _problem(self, why: str, markup: str) -> str:
        """Return what is wrong with a page that holds nothing to read."""
        item = (self.options.item.css or self.options.item.xpath or "")[:100]
        sample = sample_of(markup, self.visit.source.secrets)
        self.observed.problem = f"item {item!r}: {why}; 返回内容: {sample}"
        return self.observed.problem


class HtmlListCollector(BaseCollector):
    """Visits lists in HTML by recipe; nobody offered them as an interface, so robots.txt is obeyed."""

    kind = "html_list"
    options = HtmlListOptions
    obeys_robots = True

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what the pages of one visit brought."""
        visit = Visit(source=source, slot=slot, now=now)
        try:
            options = HtmlListOptions.model_validate(dict(source.options))
        except ValidationError as error:
            return visit.failed(misconfigured(error))
        return await _visited(
            HtmlPages(visit=visit, http=http, options=options, paging=options.paging)
        )

    async def rehearse(self, source: Source, http: Http, now: datetime) -> Rehearsal:
        """Return what the first page would bring, and what its fields miss."""
        visit = Visit(source=replace(source, cursor=START), slot=now, now=now)
        try:
            options = HtmlListOptions.model_validate(dict(source.options))
        except ValidationError as error:
            return Rehearsal(poll=visit.failed(misconfigured(error)))
        paging = options.paging.model_copy(update={"max_pages": 1})
        reader = HtmlPages(visit=visit, http=http, options=options, paging=paging)
        poll = await _visited(reader)
        items: list[Selector] = reader.observed.items  # type: ignore[assignment]  # noted by `_drafts`
        return rehearsed(
            source,
            poll,
            reader.observed,
            targets=[name for name in options.fields if name != "html"],
            unmapped=class_names(items[:5], options.fields),
            sample=(items[0].get() or "") if items else "",
        )


async def _visited(reader: HtmlPages) -> Poll:
    poll = await visited(reader.visit, reader)
    return replace(
        poll, wait=max(poll.wait, timedelta(seconds=reader.options.min_interval_seconds))
    )


def _as_link(link: HtmlField) -> HtmlField:
    """Return ``link`` reading the address: of an element its href."""
    selector = link.css or link.xpath or ""
    if link.attr is None and "::" not in selector and "@" not in selector:
        return link.model_copy(update={"attr": "href"})
    return link
