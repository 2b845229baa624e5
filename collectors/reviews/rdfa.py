"""RDFa Lite 1.1: ``vocab``, ``typeof``, ``property``, ``resource``, ``prefix``, with ``content`` and ``rel``.

Vocabularies are not told apart: only names of schema.org are asked for later, and every prefix in
use stands for it. extruct builds an RDF graph instead, which takes 25 to 60 ms for a page without any review.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from collectors.identity import absolute_url
from collectors.reviews.items import link_of, read_items
from collectors.reviews.nodes import Node, local_name


@dataclass(frozen=True, slots=True)
class _Rdfa:
    base: str

    def item(self, element: etree._Element) -> Node | None:
        types = (element.get("typeof") or "").split()
        if not types:
            return None
        node: Node = {"@type": [*types]}
        about = element.get("resource") or element.get("about")
        if name := absolute_url(about, base=self.base):
            node["@id"] = name
        return node

    def names(self, element: etree._Element) -> Sequence[str]:
        named = f"{element.get('property') or ''} {element.get('rel') or ''}"
        return [local_name(name) for name in named.split()]

    def value(self, element: etree._Element) -> str | None:
        for name in ("content", "datetime"):
            if (given := element.get(name)) is not None:
                return str(given)
        if resource := element.get("resource"):
            return absolute_url(resource, base=self.base) or ""
        return link_of(element, self.base)

    def also(self, element: etree._Element) -> Sequence[str]:
        return ()


def read_rdfa(root: etree._Element, base: str) -> list[Node]:
    """Return the top-level items of a page; links are resolved against ``base``."""
    return read_items(root, _Rdfa(base))
