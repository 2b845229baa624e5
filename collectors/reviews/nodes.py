"""The nodes of a page, whatever syntax they were written in, and the reviews and ratings among them.

A node is a JSON-LD object: ``@type`` (a string or a list), ``@id``, and properties whose values are
strings, numbers, nodes, null, or lists of these. Microdata and RDFa are read into the same shape.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

Node = dict[str, object]

MOST_NODES = 50_000
_DEEPEST = 8
_PREFIXES = ("", "schema:", "http://schema.org/", "https://schema.org/")
_BEFORE_LOCAL_NAME = re.compile(r".*[/#:]", re.DOTALL)
_REVIEW_TYPES = frozenset(
    ("Review", "CriticReview", "UserReview", "EmployerReview", "ClaimReview", "MediaReview",
     "Recommendation")
)  # fmt: skip
_REVIEW_PROPERTIES = frozenset(("review", "reviews"))
_REVIEW_SIGNS = ("reviewBody", "reviewRating", "description", "text", "ratingValue")
_RATING_PROPERTY = "aggregateRating"
_RATING_TYPE = "AggregateRating"


@dataclass(frozen=True, slots=True)
class About:
    """A review or an aggregate rating, and the thing it is about (None where the page does not say)."""

    node: Node
    subject: Node | None


@dataclass(slots=True)
class Graph:
    """The nodes of one page; references by ``@id`` are followed to the node that says most."""

    by_id: dict[str, Node] = field(default_factory=dict)
    reviews: dict[int, About] = field(default_factory=dict)
    ratings: dict[int, About] = field(default_factory=dict)

    @classmethod
    def of(cls, roots: Iterable[Node]) -> Graph:
        """Return the graph under ``roots``, in document order; at most 50,000 nodes are looked at."""
        graph, roots = cls(), list(roots)
        for _, _, node in _edges(roots, {}):
            name = node.get("@id")
            if isinstance(name, str) and len(node) > len(graph.by_id.get(name, ())):
                graph.by_id[name] = node
        for parent, name, node in _edges(roots, graph.by_id):
            graph._note(parent, name, node)
        return graph

    def nodes(self, value: object) -> list[Node]:
        """Return the nodes in ``value`` (one, or a list), references followed."""
        values = value if isinstance(value, list) else [value]
        return [_followed(one, self.by_id) for one in values if isinstance(one, dict)]

    def _note(self, parent: Node | None, name: str, node: Node) -> None:
        types = types_of(node)
        under_review = name in _REVIEW_PROPERTIES and not types and _is_reviewlike(node)
        if types & _REVIEW_TYPES or under_review:
            subject = parent if name in _REVIEW_PROPERTIES else None
            self._keep(self.reviews, node, subject)
        elif name == _RATING_PROPERTY or any(one.endswith(_RATING_TYPE) for one in types):
            self._keep(self.ratings, node, parent if name == _RATING_PROPERTY else None)

    def _keep(self, found: dict[int, About], node: Node, subject: Node | None) -> None:
        before = found.get(id(node))
        if before and (before.subject or subject is None):
            return
        found[id(node)] = About(node, subject or self._reviewed(node))

    def _reviewed(self, node: Node) -> Node | None:
        value = prop(node, "itemReviewed")
        if isinstance(value, str) and value.strip():
            return {"name": value}
        return next(iter(self.nodes(value)), None)


def prop(node: Node, *names: str) -> object:
    """Return the first of these properties that has a value, None if there is none."""
    for name in names:
        for prefix in _PREFIXES:
            value = node.get(prefix + name)
            if value not in (None, "", [], {}):
                return value
    return None


def types_of(node: Node) -> frozenset[str]:
    """Return the local names of the node's types: ``http://schema.org/Review`` is ``Review``."""
    value = node.get("@type")
    names = value if isinstance(value, list) else [value]
    return frozenset(local_name(name) for name in names if isinstance(name, str))


def local_name(name: str) -> str:
    """Return ``name`` without its vocabulary."""
    return _BEFORE_LOCAL_NAME.sub("", name.strip().rstrip("/#"))


def text_of(value: object, depth: int = _DEEPEST) -> str:
    """Return the text of a value: itself, a node's ``@value`` or ``name``, the first of a list."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or depth == 0:
        return ""
    if isinstance(value, int | float):
        return f"{value:.15g}" if math.isfinite(value) else ""
    if isinstance(value, dict):
        return text_of(prop(value, "@value", "name", "text"), depth - 1)
    if isinstance(value, list):
        return next(filter(None, (text_of(one, depth - 1) for one in value)), "")
    return ""


def texts_of(value: object) -> list[str]:
    """Return the texts of a value that may be many: a list, or an ItemList of them."""
    if isinstance(value, dict):
        listed = prop(value, "itemListElement")
        value = listed if isinstance(listed, list) else [value]
    values = value if isinstance(value, list) else [value]
    return [text for text in map(text_of, values) if text]


def _is_reviewlike(node: Node) -> bool:
    return any(prop(node, name) is not None for name in _REVIEW_SIGNS)


def _followed(node: Node, by_id: dict[str, Node]) -> Node:
    name = node.get("@id")
    if isinstance(name, str) and len(node) <= 2:  # @id, perhaps with @type: a reference
        return by_id.get(name, node)
    return node


def _edges(roots: list[Node], by_id: dict[str, Node]) -> Iterator[tuple[Node | None, str, Node]]:
    """Yield (parent, property, node) for every node under ``roots``; no node is opened twice."""
    stack: list[tuple[Node | None, str, object]] = [(None, "", root) for root in reversed(roots)]
    opened: set[int] = set()
    left = MOST_NODES
    while stack and left:
        parent, name, value = stack.pop()
        if isinstance(value, list):
            stack.extend((parent, name, one) for one in reversed(value))
        elif isinstance(value, dict):
            left -= 1
            node = _followed(value, by_id)
            yield parent, name, node
            if id(node) not in opened:
                opened.add(id(node))
                stack.extend(
                    (node, local_name(key), one)
                    for key, one in reversed(node.items())
                    if isinstance(one, dict | list)
                )
