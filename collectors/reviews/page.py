"""A web page, parted into what its syntaxes are read from: JSON-LD scripts, and the rest as a tree."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from lxml import etree

from collectors.encoding import decode
from collectors.taming import PAGE_BYTES, tamed

# Every alternative ends at the end of the page at the latest, so nothing is ever read twice.
_PIECE = re.compile(
    r"<!--(?:-?>|.*?(?:-->|\Z))"
    r"|<(?P<name>script|style|noscript)\b(?P<attributes>[^>]*+)>?+(?P<body>.*?)(?:</(?P=name)[^>]*+>?+|\Z)",
    re.IGNORECASE | re.DOTALL,
)
# libxml2 drops all that follows them, browsers do not: some sites print two documents in one.
_CLOSING = re.compile(r"</(?:html|body)\b[^>]*+>?+", re.IGNORECASE)
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
            markup = tamed(_CLOSING.sub(" ", self.markup))
            return etree.fromstring(markup.encode("utf-8", "replace"), parser)
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
