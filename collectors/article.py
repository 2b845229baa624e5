"""The article on a page: its whole text, who wrote it, where and when.

Pure: the bytes of a page in, a value out. Reading a stranger's page costs memory and time and can
end a process, so the service calls this in a limited one (`monitor.pipeline.extractor`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from enum import StrEnum

from collectors.dates import CHINA
from collectors.encoding import decode
from collectors.model import CollectError, Precision

MOST_BYTES = 3_000_000
MOST_ELEMENTS = 40_000
LONGEST_TEXT = 100_000


class PageTrouble(StrEnum):
    """Why a page gave no article."""

    TOO_LARGE = "too_large"
    EMPTY = "empty"
    BAD_SELECTOR = "bad_selector"
    TOO_SLOW = "too_slow"
    OUT_OF_MEMORY = "out_of_memory"
    CRASHED = "crashed"


class PageError(CollectError):
    """A page could not be read. The same page would fail again."""

    def __init__(self, trouble: PageTrouble, message: str) -> None:
        super().__init__(message, retryable=False)
        self.trouble = trouble


@dataclass(frozen=True, slots=True, kw_only=True)
class Selectors:
    """Where a site keeps things: what is given here overrides the general rules.

    Each is CSS, or XPath when it begins with ``/``, ``./`` or ``(``. ``remove`` is taken off the
    page first. The first match gives title, author and publication time; all matches give the text. One
    that matches nothing is reported (`Article.missed`) and the general rule stands in for it.
    """

    text: str | None = None
    title: str | None = None
    author: str | None = None
    published: str | None = None
    remove: tuple[str, ...] = ()


NO_SELECTORS = Selectors()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A fetched page. ``charset`` is the Content-Type parameter, ``tz`` is meant by times without a zone."""

    url: str
    body: bytes = field(repr=False)
    now: datetime
    charset: str | None = None
    tz: tzinfo = CHINA
    selectors: Selectors = NO_SELECTORS


@dataclass(frozen=True, slots=True, kw_only=True)
class Article:
    """What a page says. Everything but ``text`` may be unknown (None); ``text`` is then "".

    ``text`` is plain text, a paragraph a line, 100,000 characters at most. ``published_at`` is
    aware UTC and not in the future. ``canonical_url`` lies on the page's own site. ``lang`` is a
    hint (BCP-47). ``missed`` names the selectors that matched nothing: the site has changed.
    """

    text: str
    title: str | None = None
    author: str | None = None
    site: str | None = None
    published_at: datetime | None = None
    precision: Precision = Precision.INFERRED
    canonical_url: str | None = None
    lang: str | None = None
    encoding: str = "utf-8"
    missed: tuple[str, ...] = ()


def extract(page: Page) -> Article:
    """Return the article on ``page``; raises PageError for a page that cannot be one.

    Takes 20 to 600 ms. A page without an article gives an empty or short text, not an error.
    """
    from collectors.article_meta import read_meta
    from collectors.article_text import main_text
    from collectors.article_tree import Choice, parse

    if len(page.body) > MOST_BYTES:
        raise PageError(
            PageTrouble.TOO_LARGE,
            f"网页 {len(page.body):,} 字节,超过 {MOST_BYTES:,} 上限 (page too large): {page.url}",
        )
    decoded = decode(page.body, page.charset)
    tree = parse(decoded.text, page.url)
    choice = Choice(tree, page.selectors)
    meta = read_meta(tree, page, choice)
    text = choice.text() or main_text(tree, title=meta.title)
    return Article(
        text=text[:LONGEST_TEXT],
        title=meta.title,
        author=meta.author,
        site=meta.site,
        published_at=meta.published_at.astimezone(UTC) if meta.published_at else None,
        precision=meta.precision,
        canonical_url=meta.canonical_url,
        lang=meta.language_of(text),
        encoding=decoded.encoding,
        missed=choice.missed,
    )
