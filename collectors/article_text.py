"""The main text of a page: two extractors, and a rule that says which to believe.

trafilatura in its precise mode leaks little but drops paragraphs (first sentences set apart, short
ones, whole pages of some layouts); readability keeps them but leaks what surrounds an article.
Where they agree on most of the text, readability's is taken between the first and the last line
that both have. The lines that remain are then cleaned of what is boilerplate on Chinese pages.
"""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

from collectors.article import LONGEST_TEXT
from collectors.article_lines import agreed, cleaned, flat, sentence_count, share
from collectors.article_tree import line_of
from collectors.plain import plain, tidy

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_SHORT = 100
_SHORT_READABLE = 80
_OTHER_TEXT = 0.3
_SAME_TEXT = 0.8
_MOSTLY_SAME_TEXT = 0.7
_MUCH_LONGER = 1.2
_MOST_LINKS = 5_000
_TABLE_RULE = re.compile(r"[|\s:-]*")


def main_text(tree: HtmlElement, *, title: str | None = None) -> str:
    """Return the main text of a page, a paragraph a line; "" where there is none.

    ``tree`` is used up. A first line that repeats ``title`` is left out.
    """
    links = _link_lines(tree)
    precise = _by_trafilatura(tree)
    readable = _by_readability(tree)
    lines = chosen(precise, readable, links).split("\n")
    if title and flat(lines[0]) == flat(title):
        lines = lines[1:]
    return "\n".join(lines)


def chosen(precise: str, readable: str, links: frozenset[str]) -> str:
    """Return the text to believe of trafilatura's and readability's, cleaned.

    ``links`` are lines that are nothing but a link somewhere on the page.
    """
    same = share(precise, readable)
    enough = len(readable) >= _SHORT_READABLE
    if enough and same < _OTHER_TEXT and sentence_count(readable) >= sentence_count(precise):
        return cleaned(readable, links)
    if len(precise) < _SHORT:
        return cleaned(max(precise, readable, key=len), links)
    if same >= _SAME_TEXT:
        return cleaned(agreed(precise, readable, links), links, trusted=precise)
    longer = len(precise) > _MUCH_LONGER * len(readable)
    if len(readable) >= _SHORT and longer and same > _MOSTLY_SAME_TEXT:
        return cleaned(readable, links)
    return cleaned(precise, links)


def _by_trafilatura(tree: HtmlElement) -> str:
    return _trafilatura(tree, precise=True) or _trafilatura(tree, precise=False)


def _trafilatura(tree: HtmlElement, *, precise: bool) -> str:
    import trafilatura

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    found = trafilatura.extract(tree, include_comments=False, favor_precision=precise)
    lines = map(_without_marks, (found or "")[:LONGEST_TEXT].split("\n"))
    return tidy("\n".join(filter(None, lines)))


def _without_marks(line: str) -> str:
    """Return a line without the list and table marks that trafilatura writes."""
    if line.startswith("- "):
        return line[2:]
    if not line.startswith("|"):
        return line
    return "" if _TABLE_RULE.fullmatch(line) else " ".join(line.replace("|", " ").split())


def _by_readability(tree: HtmlElement) -> str:
    """Return readability's text; takes elements off ``tree``."""
    from readability import Document  # type: ignore[import-untyped]  # has no stubs
    from readability.readability import Unparseable  # type: ignore[import-untyped]  # has no stubs

    logging.getLogger("readability").setLevel(logging.CRITICAL)
    try:
        markup = Document(tree).summary(html_partial=True)
    except Unparseable as error:
        if isinstance(error.__context__, MemoryError):
            raise error.__context__ from error
        return ""
    return plain(markup)[:LONGEST_TEXT]


def _link_lines(tree: HtmlElement) -> frozenset[str]:
    links = (link for _, link in zip(range(_MOST_LINKS), tree.iter("a"), strict=False))
    return frozenset(map(line_of, links)) - {""}
