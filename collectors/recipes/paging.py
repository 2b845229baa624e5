"""From one page to the next: addresses with holes, and what the following page is called."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Annotated
from urllib.parse import quote, urljoin, urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from collectors.recipes.expressions import checked_expression, looked_up

MOST_PAGES = 20
HOLES = ("cursor", "since", "query", "page", "offset")
HOLE = re.compile(r"\{([^{}]*)\}")
_EMPTY_PARAMETER = re.compile(r"([?&])[^=&#?{}]+=\{\}(?:&|(?=#|$))")
_LINK = re.compile(r"<([^<>]{1,4096})>((?:\s*;[^,;<>]{0,200}){0,10})")
_REL_NEXT = re.compile(r"rel\s*=\s*\"?(?:[\w\s-]*\s)?next\b", re.IGNORECASE)
_TOKEN_CHARACTERS = 4_096


class PageType(StrEnum):
    """How the pages of a list follow each other."""

    NONE = "none"
    CURSOR = "cursor"
    PAGE = "page"
    OFFSET = "offset"
    LINK_HEADER = "link_header"
    SINCE_ID = "since_id"


class Stop(StrEnum):
    """When to read no further: at a page with nothing new, or only after ``max_pages``."""

    NO_NEW = "no_new"
    MAX_PAGES = "max_pages"


class PageOptions(BaseModel):
    """How to get from page to page.

    ``cursor``: ``path`` finds what goes into {cursor}, or a whole address. ``page`` and ``offset``
    count from ``start``. ``link_header``: RFC 8288. ``since_id``: {since} is the greatest id read, or
    what ``path`` finds; for interfaces that give the oldest after {since} first. All others begin
    with the newest; what lies beyond ``max_pages`` is read by the next visits.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    type: PageType = PageType.NONE
    path: Annotated[str, AfterValidator(checked_expression)] | None = None
    start: Annotated[str, Field(max_length=200)] | int | None = Field(
        default=None, description="The first page, offset, cursor or since; 1, 0 or none if absent."
    )
    size: int | None = Field(
        default=None, ge=1, le=1_000, description="Items a page, for offset; counted if absent."
    )
    stop: Stop = Stop.NO_NEW
    max_pages: int = Field(default=3, ge=1, le=MOST_PAGES)

    @model_validator(mode="after")
    def _complete(self) -> PageOptions:
        if self.type is PageType.CURSOR and self.path is None:
            raise ValueError(
                "cursor 翻页需要 path：游标在返回中的位置 (paging by cursor needs a path)"
            )
        if self.type in (PageType.PAGE, PageType.OFFSET) and not isinstance(self.start, int | None):
            raise ValueError("start 必须是整数 (start must be a whole number)")
        return self

    @property
    def first(self) -> str:
        """What the first page is called; empty where it needs no name."""
        if self.start is not None:
            return str(self.start)
        return {PageType.PAGE: "1", PageType.OFFSET: "0"}.get(self.type, "")


def checked_holes(template: str, known: Iterable[str] = HOLES) -> str:
    """Return ``template``; raises ValueError for a ``{…}`` that is none of ours."""
    for hole in HOLE.findall(template):
        if hole not in known:
            holes = " ".join(f"{{{name}}}" for name in known)
            raise ValueError(f"未知的占位符 {{{hole}}}；可用: {holes} (unknown placeholder)")
    return template


def filled_address(template: str, holes: Mapping[str, str]) -> str:
    """Return the address; a query parameter that is nothing but an empty hole is left out."""
    marked = HOLE.sub(lambda hole: hole[0] if holes.get(hole[1]) else "{}", template)
    while (shorter := _EMPTY_PARAMETER.sub(_without_parameter, marked)) != marked:
        marked = shorter
    marked = marked.replace("{}", "").rstrip("?&")
    return HOLE.sub(lambda hole: quote(holes.get(hole[1], ""), safe=""), marked)


def holes_of(paging: PageOptions, token: str, *, since: str, query: str) -> dict[str, str]:
    """Return what stands in the holes of an address when the page called ``token`` is asked for."""
    holes = {"since": since, "query": query}
    name = {PageType.SINCE_ID: "since", PageType.LINK_HEADER: ""}.get(
        paging.type, paging.type.value
    )
    return {**holes, name: token} if name else holes


def following(
    paging: PageOptions, token: str, *, document: object, count: int, headers: Mapping[str, str]
) -> str | None:
    """Return what the page after ``token`` is called, None after the last. ``count`` items were on it."""
    if paging.type is PageType.LINK_HEADER:
        return next_link(headers.get("link", ""))
    if paging.type in (PageType.CURSOR, PageType.SINCE_ID):
        return _found_token(paging, document, token)
    if count == 0 or paging.type is PageType.NONE or not token.lstrip("-").isdecimal():
        return None
    step = 1 if paging.type is PageType.PAGE else paging.size or count
    return str(int(token) + step)


def next_link(header: str) -> str | None:
    """Return the address that a Link header calls ``next`` (RFC 8288), as written."""
    for link in _LINK.finditer(header[:20_000]):
        if _REL_NEXT.search(link[2]):
            return link[1].strip()
    return None


def same_server(address: str, base: str) -> str | None:
    """Return ``address`` made whole, None where it leads to another server than ``base``.

    Headers may hold secrets: they go only where the user sent them.
    """
    try:
        whole = urljoin(base, address.strip())
        here, there = urlsplit(base), urlsplit(whole)
        alike = (here.scheme, here.hostname, here.port) == (
            there.scheme,
            there.hostname,
            there.port,
        )
    except ValueError:
        return None
    return whole if alike else None


def greatest(ids: Iterable[str]) -> str | None:
    """Return the last of ``ids`` in the order of interfaces: numbers by value, else by length and text."""
    return max(ids, key=_rank, default=None)


def later(one: str, other: str) -> str:
    """Return the greater of two ids."""
    return max(one, other, key=_rank)


def _rank(name: str) -> tuple[int, str]:
    digits = name.lstrip("0") if name.isdecimal() else name
    return len(digits), digits


def _found_token(paging: PageOptions, document: object, token: str) -> str | None:
    value = looked_up(paging.path, document) if paging.path else None
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value in ("", 0):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    return text if text != token and len(text) <= _TOKEN_CHARACTERS else None


def _without_parameter(parameter: re.Match[str]) -> str:
    return parameter[1]
