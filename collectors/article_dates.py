"""When the article on a page was published, by the most reliable place that says it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from collectors.article import Page
from collectors.article_ld import LinkedArticle
from collectors.dates import believable, parse_date
from collectors.model import Precision

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_META_NAMES = (
    "article:published_time", "og:published_time", "og:article:published_time", "og:pubdate",
    "datepublished", "weibo:article:create_at", "apub:time", "publishdate", "publish_date",
    "publish-date", "pubdate", "publication_date", "article.published", "dc.date.issued", "dc.date",
    "dcterms.date", "dcterms.created", "dcterms.issued", "sailthru.date", "parsely-pub-date",
    "cxenseparse:recs:publishtime", "og:release_date", "bytedance:published_time", "firstpublishedtime",
    "date",
)  # fmt: skip
_NEAR = 1_500
_HEAD = 5_000
_UNREAD = frozenset(("script", "style", "noscript", "template", "title", "svg", "option"))
_CLOCK = r"\s*(?:[T日号號]?\s*)(?:[01]?\d|2[0-3]):[0-5]\d(?::[0-5]\d)?"
_WRITTEN = re.compile(
    rf"(?<!\d)(?:19|20)\d\d\s*[-/.年]\s*(?:1[0-2]|0?[1-9])\s*[-/.月]\s*(?:3[01]|[12]\d|0?[1-9])(?!\d)\s*[日号號]?(?:{_CLOCK})?"
)
_BLANK_IN_DATE = re.compile(r"\s*([-/.年月])\s*")
_MONTH_DAY = re.compile(
    rf"(?<![\d年月-])(?:1[0-2]|0?[1-9])(?:月(?:3[01]|[12]\d|0?[1-9])日|-(?:3[01]|[12]\d|0[1-9])(?={_CLOCK}))(?:{_CLOCK})?"
)
_WESTERN = re.compile(
    r"(?<![\d.])(?P<d>3[01]|[12]\d|0?[1-9])\.\s?(?P<m>1[0-2]|0?[1-9])\.\s?(?P<y>20\d\d)(?!\d)"
    r"|\b(?:3[01]|[12]\d|0?[1-9])\s(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\s20\d\d\b"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}\s(?:3[01]|[12]\d|0?[1-9]),?\s20\d\d\b"
)
_IN_URL = re.compile(
    r"(?<!\d)((?:19|20)\d\d)[/_-]?(0[1-9]|1[0-2])[/_-]?(0[1-9]|[12]\d|3[01])(?!\d)"
    r"|/((?:19|20)\d\d)/(1[0-2]|0?[1-9])/(3[01]|[12]\d|0?[1-9])/"
)

Dated = tuple[datetime | None, Precision]
_UNKNOWN: Dated = (None, Precision.INFERRED)
_VAGUE = (Precision.DAY, Precision.INFERRED)


def published(
    tree: HtmlElement,
    page: Page,
    linked: LinkedArticle,
    names: Mapping[str, str],
    chosen: tuple[str | None, str | None],
) -> Dated:
    """Return when the article was published and how exactly that is told; (None, inferred) if it is not.

    In this order: the site's own selector, JSON-LD, ``<meta>``, ``<time>``, a date near the title, the URL.
    Where the first of them tells only the day, a later one that tells the time of that day completes
    it. ``chosen`` are the selector's finding and the title. Dates in the future are not believed.
    """
    selected, title = chosen
    if selected:
        return _read(selected, page)
    found = _UNKNOWN
    for text in _told(tree, page, linked, names, title):
        dated = _read(text, page)
        if dated[0] is None:
            continue
        if dated[1] not in _VAGUE and (found[0] is None or _same_day(found[0], dated[0], page)):
            return dated
        found = found if found[0] is not None else dated
    return found


def _told(
    tree: HtmlElement,
    page: Page,
    linked: LinkedArticle,
    names: Mapping[str, str],
    title: str | None,
) -> Iterator[str]:
    """Give what might be the date, the most reliable first."""
    if linked.published:
        yield linked.published
    yield from (names[name] for name in _META_NAMES if name in names)
    yield from _time_elements(tree)
    yield from _near_title(tree, title)
    if match := _IN_URL.search(page.url):
        yield "-".join(part.zfill(2) for part in match.groups() if part)


def _time_elements(tree: HtmlElement) -> Iterator[str]:
    """Give the times marked up as such: those marked as publication first; many are a list's."""
    marked = tree.xpath(
        "//*[@itemprop='datePublished']/@content|//*[@itemprop='datePublished']/@datetime|//time[@pubdate]/@datetime"
    )
    yield from map(str, marked[:1])
    yield from map(str, tree.xpath("//time/@datetime")[:1])


def _near_title(tree: HtmlElement, title: str | None) -> Iterator[str]:
    """Give the first dates written in the text after the title; without one, at the page's head."""
    text = _visible(tree)
    at = text.find(title) if title else -1
    part = text[at : at + len(title or "") + _NEAR] if at >= 0 else text[:_HEAD]
    part = part.removeprefix(title or "")
    for pattern in (_WRITTEN, _WESTERN, _MONTH_DAY):
        if match := pattern.search(part):
            yield _normal(match)


def _normal(match: re.Match[str]) -> str:
    """Return a date as it was written, in a form that `parse_date` reads."""
    found = match.groupdict()
    if found.get("y"):
        return f"{found['y']}-{found['m'].zfill(2)}-{found['d'].zfill(2)}"
    return _BLANK_IN_DATE.sub(r"\1", match[0]).replace("号", "日").replace("號", "日")


def _visible(tree: HtmlElement) -> str:
    body = tree.find("body")
    pieces: list[str] = []
    for element in (tree if body is None else body).iter():
        if isinstance(element.tag, str) and element.tag not in _UNREAD:
            pieces.append(element.text or "")
        pieces.append(element.tail or "")
    return " ".join(" ".join(pieces).split())


def _read(text: str, page: Page) -> Dated:
    return believable(parse_date(text, tz=page.tz, now=page.now), now=page.now)


def _same_day(moment: datetime, other: datetime, page: Page) -> bool:
    return moment.astimezone(page.tz).date() == other.astimezone(page.tz).date()
