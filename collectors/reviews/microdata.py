"""Microdata: ``itemscope``, ``itemtype``, ``itemprop``, ``itemref`` (the HTML standard, section 5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from lxml import etree

from collectors.identity import absolute_url
from collectors.reviews.items import link_of, read_items
from collectors.reviews.nodes import Node, local_name


@dataclass(frozen=True, slots=True)
class _Microdata:
    base: str

    def item(self, element: etree._Element) -> Node | None:
        if element.get("itemscope") is None:
            return None
        node: Node = {}
        if types := (element.get("itemtype") or "").split():
            node["@type"] = [*types]
        if name := absolute_url(element.get("itemid"), base=self.base):
            node["@id"] = name
        return node

    def names(self, element: etree._Element) -> Sequence[str]:
        return [local_name(name) for name in (element.get("itemprop") or "").split()]

    def value(self, element: etree._Element) -> str | None:
        # `content` also off <meta>, and the value of <meter> and <data>: sites write both
        for name in ("content", "datetime"):
            if (given := element.get(name)) is not None:
                return str(given)
        if element.tag in ("data", "meter") and element.get("value") is not None:
            return str(element.get("value"))
        return link_of(element, self.base)

    def also(self, element: etree._Element) -> Sequence[str]:
        return (element.get("itemref") or "").split()


def read_microdata(root: etree._Element, base: str) -> list[Node]:
    """Return the top-level items of a page; links are resolved against ``base``."""
    return read_items(root, _Microdata(base))
