"""A web page, parted into what its syntaxes are read from: JSON-LD scripts, and the rest as a tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from collectors.encoding import decode

PAGE_BYTES = 3 * 1024 * 1024
# libxml2 compares every attribute of a tag with every other: 16,000 of them cost 0.2 s, 300,000 minutes.
MOST_ATTRIBUTES = 500
_LONG_TAG = 2_000
# Every alternative ends at the end of the page at the latest, so nothing is ever read twice.
_PIECE = re.compile(
    r"<!--(?:-?>|.*?(?:-->|\Z))"
    r"|<(?P<name>script|style|noscript)\b(?P<attributes>[^>]*+)>?+(?P<body>.*?)(?:</(?P=name)[^>]*+>?+|\Z)",
    re.IGNORECASE | re.DOTALL,
)
_TAG = re.compile(
    r"<(?P<name>[a-zA-Z][a-zA-Z0-9:-]*+)"
    r"(?P<attributes>(?:[^>=]++|=\s*+(?:\"[^\"]*+\"?+|'[^']*+'?+)?+)*+)>?+"
)
# libxml2 drops all that follows them, browsers do not: some sites print two documents in one.
_CLOSING = re.compile(r"</(?:html|body)\b[^>]*+>?+", re.IGNORECASE)
_QUOTED = re.compile(r"\"[^\"]*+\"?+|'[^']*+'?+")
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


@dataclass(frozen=True)
class Page:
    """A page as text: the bodies of its JSON-LD scripts, and its markup without any script."""

    url: str
    scripts: tuple[str, ...]
    markup: str

    @cached_property
    def root(self) -> etree._Element | None:
        """The tree of ``markup``, None where there is none. Text deeper than 256 elements is lost."""
        parser = etree.HTMLParser(
            encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True
        )
        try:
            return etree.fromstring(_tamed(self.markup).encode("utf-8", "replace"), parser)
        except etree.XMLSyntaxError:
            return None


def read_page(body: bytes, headers: Mapping[str, str], url: str) -> Page:
    """Return the first 3 MB of ``body`` as a page; its bytes decide how they are decoded."""
    labelled = _CHARSET.search(headers.get("content-type", ""))
    text = decode(body[:PAGE_BYTES], labelled[1] if labelled else None).text.replace("\0", "")
    scripts: list[str] = []

    def part(piece: re.Match[str]) -> str:
        if "ld+json" in (piece["attributes"] or "").lower():
            scripts.append(piece["body"])
        # what stands in a noscript is markup for us: we run no script either
        return piece["body"] if (piece["name"] or "").lower() == "noscript" else " "

    markup = _PIECE.sub(part, text)
    return Page(url, tuple(scripts), markup)


def _tamed(markup: str) -> str:
    """Return ``markup`` without the attributes of tags that have too many of them."""

    def tame(tag: re.Match[str]) -> str:
        attributes = tag["attributes"]
        if len(attributes) < _LONG_TAG:
            return tag[0]
        count = len(_QUOTED.sub("", attributes).split())
        return tag[0] if count <= MOST_ATTRIBUTES else f"<{tag['name']}>"

    return _TAG.sub(tame, _CLOSING.sub(" ", markup))
