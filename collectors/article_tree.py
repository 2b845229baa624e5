"""A page as a tree, parsed once, and what a site's own selectors find in it."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from collectors.article import MOST_ELEMENTS, PageError, PageTrouble, Selectors
from collectors.plain import plain, tidy

if TYPE_CHECKING:
    from lxml.etree import XPath
    from lxml.html import HtmlElement

# Pages made of parts end several times; what follows is still read by browsers, and is often the article.
_ENDS = re.compile(r"</(?:html|body)\s*>", re.IGNORECASE)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")
_XPATH_STARTS = ("/", "./", "(")


def parse(text: str, url: str) -> HtmlElement:
    """Return the tree of a page; raises PageError where it is empty or has too many elements.

    Raises MemoryError where the parser ran out of memory (which the parser calls a syntax error).
    It goes 254 levels deep, knows no network and expands no entities of a DOCTYPE.
    """
    from lxml import etree
    from lxml.html import HTMLParser, document_fromstring

    source = _CONTROLS.sub(" ", _ENDS.sub("", text)).encode("utf-8", "replace")
    parser = HTMLParser(encoding="utf-8", no_network=True, huge_tree=False)
    try:
        tree = document_fromstring(source, parser=parser)
    except (etree.ParserError, etree.XMLSyntaxError, ValueError) as error:
        if any(one.type_name == "ERR_NO_MEMORY" for one in parser.error_log):
            raise MemoryError from error
        raise PageError(PageTrouble.EMPTY, f"网页没有内容 (nothing on the page): {url}") from error
    count = sum(1 for _ in tree.iter())
    if count > MOST_ELEMENTS:
        raise PageError(
            PageTrouble.TOO_LARGE,
            f"网页有 {count:,} 个元素,超过 {MOST_ELEMENTS:,} 上限 (too many elements): {url}",
        )
    return tree


def text_of(element: HtmlElement) -> str:
    """Return the text that a reader sees in ``element``, a paragraph a line."""
    from lxml.html import tostring

    return plain(tostring(element, encoding="unicode", with_tail=False))


def line_of(element: HtmlElement) -> str:
    """Return the text of ``element`` on one line."""
    return " ".join(tidy("".join(element.itertext())).split())


class Choice:
    """What a site's own selectors choose from a page; ``missed`` grows as they are asked."""

    def __init__(self, tree: HtmlElement, selectors: Selectors) -> None:
        self._tree = tree
        self._selectors = selectors
        self._missed: list[str] = []
        for expression in selectors.remove:
            self._remove(expression)

    @property
    def missed(self) -> tuple[str, ...]:
        """The selectors so far that matched nothing, `name: expression`."""
        return tuple(self._missed)

    def title(self) -> str | None:
        """The title chosen, None where nothing is chosen or found."""
        return self._first("title", self._selectors.title)

    def author(self) -> str | None:
        """The author chosen."""
        return self._first("author", self._selectors.author)

    def published(self) -> str | None:
        """The publication time chosen, as it is written."""
        return self._first("published", self._selectors.published)

    def text(self) -> str | None:
        """The texts of all elements chosen."""
        found = self._found("text", self._selectors.text)
        texts = [one if isinstance(one, str) else text_of(one) for one in found]
        return "\n".join(filter(None, map(str.strip, texts))) or None

    def _first(self, name: str, expression: str | None) -> str | None:
        for one in self._found(name, expression):
            if text := " ".join(one.split()) if isinstance(one, str) else _value_of(one):
                return text
        return None

    def _found(self, name: str, expression: str | None) -> list[HtmlElement | str]:
        if not expression:
            return []
        found = select(self._tree, expression)
        if not found:
            self._missed.append(f"{name}: {expression}")
        return found

    def _remove(self, expression: str) -> None:
        for element in self._found("remove", expression):
            # an element inside of one already taken off has nothing left to leave
            if not isinstance(element, str) and element.getparent() is not None:
                element.drop_tree()


def select(tree: HtmlElement, expression: str) -> list[HtmlElement | str]:
    """Return the elements (XPath: also strings) that ``expression`` finds.

    Raises PageError where it is neither CSS nor XPath.
    """
    from lxml import etree

    try:
        found = compiled(expression)(tree)
    except etree.XPathError as error:
        raise _unreadable(expression) from error
    values = found if isinstance(found, list) else [str(found)]
    return [str(one) if isinstance(one, str) else one for one in values]


@lru_cache(maxsize=256)
def compiled(expression: str) -> XPath:
    """Return CSS or XPath compiled; raises PageError where it is neither."""
    from cssselect import SelectorError
    from lxml import etree
    from lxml.cssselect import CSSSelector

    try:
        if expression.lstrip().startswith(_XPATH_STARTS):
            return etree.XPath(expression)
        return CSSSelector(expression, translator="html")
    except (etree.XPathError, SelectorError, ValueError) as error:
        raise _unreadable(expression) from error


def _unreadable(expression: str) -> PageError:
    return PageError(
        PageTrouble.BAD_SELECTOR,
        f"选择器 {expression!r} 既不是 CSS 也不是 XPath (neither CSS nor XPath)",
    )


def _value_of(element: HtmlElement) -> str:
    """Return what an element says: machine-readable where it has that, else its text."""
    return (element.get("datetime") or element.get("content") or line_of(element)).strip()
