"""What a page tells about its article in JSON-LD (schema.org Article and its kinds)."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LONGEST_SCRIPT = 1_000_000
_MOST_NODES = 5_000
_TYPES = re.compile(r"(?:.*Article|.*Posting|Report|Review|Recipe|WebPage|VideoObject)")
_FIRST_TYPES = re.compile(r".*Article|.*Posting|Report")
# Old ways to hide a script from old browsers.
_OPENINGS = ("//", "<!--", "<![CDATA[")
_CLOSINGS = ("-->", "]]>", "//")


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedArticle:
    """The article's own words on itself, all as written; None where it says nothing."""

    title: str | None = None
    author: str | None = None
    site: str | None = None
    published: str | None = None
    url: str | None = None
    lang: str | None = None


def linked_article(tree: HtmlElement) -> LinkedArticle:
    """Return what the first article in the page's JSON-LD says, or nothing of everything."""
    nodes = [node for node in _nodes(tree) if _is_of(node, _TYPES)]
    # a page object often stands before the article that it carries
    nodes.sort(key=lambda node: not _is_of(node, _FIRST_TYPES))
    if not nodes:
        return LinkedArticle()
    node = nodes[0]
    return LinkedArticle(
        title=_text(node.get("headline")) or _text(node.get("name")),
        author=_names(node.get("author")) or _names(node.get("creator")),
        site=_names(node.get("publisher")),
        published=_text(node.get("datePublished")) or _text(node.get("pubDate")),
        url=_text(node.get("url")) or _text(node.get("mainEntityOfPage")),
        lang=_text(node.get("inLanguage")),
    )


def _nodes(tree: HtmlElement) -> Iterator[dict[str, object]]:
    """Give every object of every script, outer ones first, up to a bound."""
    left = _MOST_NODES
    for script in tree.iterfind(".//script[@type='application/ld+json']"):
        due: list[object] = [_loaded(script.text or "")]
        while due and left:
            left -= 1
            one = due.pop(0)
            if isinstance(one, dict):
                yield one
                due += one.values()
            elif isinstance(one, list):
                due += one


def _loaded(text: str) -> object:
    if len(text) > _LONGEST_SCRIPT:
        return None
    try:
        return json.loads(_uncovered(text), strict=False)
    except (ValueError, RecursionError):
        return None


def _uncovered(text: str) -> str:
    text = text.strip()
    for mark in _OPENINGS:
        text = text.removeprefix(mark).lstrip()
    for mark in _CLOSINGS:
        text = text.removesuffix(mark).rstrip()
    return text


def _is_of(node: dict[str, object], types: re.Pattern[str]) -> bool:
    told = node.get("@type")
    names = told if isinstance(told, list) else [told]
    return any(isinstance(name, str) and types.fullmatch(name) for name in names)


def _text(value: object) -> str | None:
    if isinstance(value, dict):
        value = value.get("@id") or value.get("@value") or value.get("name")
    if isinstance(value, list):
        value = value[0] if value else None
    return value.strip() or None if isinstance(value, str) else None


def _names(value: object) -> str | None:
    """Return the names of one or several persons or organisations."""
    many = value if isinstance(value, list) else [value]
    found = [one.get("name") if isinstance(one, dict) else one for one in many[:10]]
    names = [name for one in found if (name := _text(one))]
    return ", ".join(dict.fromkeys(names)) or None
