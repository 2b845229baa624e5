"""What a page says about its article beside the text: title, author, site, canonical URL, language."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.article import Page
from collectors.article_dates import published
from collectors.article_ld import LinkedArticle, linked_article
from collectors.article_tree import Choice, line_of
from collectors.identity import absolute_url
from collectors.model import Precision
from collectors.plain import plain

if TYPE_CHECKING:
    from lxml.html import HtmlElement

_LONGEST_TITLE = 500
_LONGEST_NAME = 80
_LONGEST_SITE = 20
_SHORTEST_HEADING = 4
_TITLE_NAMES = ("og:title", "twitter:title", "weibo:article:title", "apub:title")
_SITE_NAMES = ("og:site_name", "application-name", "apple-mobile-web-app-title")
_AUTHOR_NAMES = (
    "author", "article:author", "og:article:author", "byl", "dc.creator", "dcterms.creator",
    "parsely-author", "sailthru.author", "cxenseparse:author", "weibo:article:author",
    "og:novel:author", "mediaid",
)  # fmt: skip
_AUTHOR_MARKS = ("rel", "itemprop", "class", "id")
_AUTHOR_MARK = re.compile(
    r"(?:^|[\s_-])(?:author|autor|auteur|byline)(?:$|[\s_-]|name)", re.IGNORECASE
)
_MOST_AUTHORS = 2
_MOST_BYLINES = 50
_MOST_PARTS = 10
_FORM = frozenset(("label", "input", "form", "textarea"))
# A title's own parts are set off from the site's name; `-` only between blanks, it also joins words.
_PARTS = re.compile(r"\s*[_|｜«»]\s*|\s+[-–—·•]\s+|(?<=[\u4e00-\u9fff])[-–—](?=[\u4e00-\u9fff])")
_BYLINE = re.compile(
    r"^(?:作者|文|撰文|撰稿|记者|記者|本报记者|本報記者)\s*[:：丨|/]\s*([\w·・.、, -]{2,30})"
)
_BY = re.compile(
    r"^(?:by|von|par|por|di|作者|文|记者|記者)\s*[:：]?\s+|^(?:作者|记者|記者)\s*[:：]\s*",
    re.IGNORECASE,
)
_NO_NAME = re.compile(
    r"https?://|@|^\W*$|^(?:admin|administrator|未知|匿名|null|none|undefined)$", re.IGNORECASE
)
_TAG = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")
_KANA = re.compile("[\u3040-\u30ff]")
_HAN = re.compile("[\u4e00-\u9fff]")
_MOSTLY = 0.2
_SECOND_LEVEL = frozenset(("ac", "co", "com", "edu", "gov", "net", "org", "or", "ne", "go"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Meta:
    """What a page says about its article; None is unknown. ``declared_lang`` is BCP-47 as declared."""

    title: str | None
    author: str | None
    site: str | None
    published_at: datetime | None
    precision: Precision
    canonical_url: str | None
    declared_lang: str | None

    def language_of(self, text: str) -> str | None:
        """Return the declared language, unless the script of ``text`` says that it cannot be."""
        script = _language_by_script(text)
        declared = (self.declared_lang or "").split("-")[0].lower()
        if (script and declared not in ("zh", "yue", "wuu", "ja", "ko")) or script == "ja":
            return script
        return self.declared_lang


def read_meta(tree: HtmlElement, page: Page, choice: Choice) -> Meta:
    """Return what ``tree`` says about its article; ``choice`` comes before every general rule."""
    linked = linked_article(tree)
    names = _meta_names(tree)
    chosen_title, chosen_author = choice.title(), choice.author()
    title = chosen_title or _title(tree, linked, names)
    site = _site(linked, names) or _site_in_title(tree, title)
    published_at, precision = published(tree, page, linked, names, (choice.published(), title))
    return Meta(
        title=title,
        author=chosen_author or _author(tree, linked, names, site),
        site=site,
        published_at=published_at,
        precision=precision,
        canonical_url=_canonical(tree, page.url, linked, names),
        declared_lang=_declared_language(tree, linked, names),
    )


def _meta_names(tree: HtmlElement) -> dict[str, str]:
    """Return the first content of each ``<meta>``, by name, property or itemprop in lower case."""
    found: dict[str, str] = {}
    for element in tree.iter("meta"):
        name = element.get("property") or element.get("name") or element.get("itemprop")
        content = (element.get("content") or "").strip()
        if name and content:
            found.setdefault(name.strip().lower(), content)
    return found


def _title(tree: HtmlElement, linked: LinkedArticle, names: Mapping[str, str]) -> str | None:
    """Return the heading that the page's own title repeats, else what its metadata say."""
    whole = _document_title(tree)
    told = [linked.title, *(names.get(name) for name in _TITLE_NAMES)]
    site = _site(linked, names)
    candidates = [_without_name(plain(one), site) for one in told if one]
    best = next(filter(None, candidates), "") or _without_site(whole)
    headings = [text for one in tree.iter("h1") if len(text := line_of(one)) >= _SHORTEST_HEADING]
    # "News" is in the title of a page, too
    agreeing = [one for one in headings if one in whole and len(one) * 2 > len(best)]
    ordered = (max(agreeing, key=len, default=""), best, *headings[:1])
    return next((one[:_LONGEST_TITLE] for one in ordered if one), None)


def _document_title(tree: HtmlElement) -> str:
    found = tree.find(".//title")
    return "" if found is None else line_of(found)


def _without_name(title: str, site: str | None) -> str:
    """Return ``title`` without a last part that is the site's name."""
    parts = list(_PARTS.finditer(title))
    if not parts or not site:
        return title
    last = title[parts[-1].end() :].casefold()
    names_site = last and (last in site.casefold() or site.casefold() in last)
    return title[: parts[-1].start()] if names_site else title


def _without_site(title: str) -> str:
    """Return the longest part of a page's title: the others name the site and its section."""
    return max(_PARTS.split(title), key=len).strip() if title else ""


def _site_in_title(tree: HtmlElement, title: str | None) -> str | None:
    *before, last = _PARTS.split(_document_title(tree))
    is_named = title is not None and any(part.strip() == title for part in before)
    return last.strip() or None if is_named and len(last) <= _LONGEST_SITE else None


def _site(linked: LinkedArticle, names: Mapping[str, str]) -> str | None:
    told = (names.get(_SITE_NAMES[0]), linked.site, *(names.get(one) for one in _SITE_NAMES[1:]))
    return next((name for one in told if one and (name := _name(one))), None)


def _author(
    tree: HtmlElement, linked: LinkedArticle, names: Mapping[str, str], site: str | None
) -> str | None:
    """Return who wrote the article. An editor (责任编辑) did not, nor did the portal itself."""
    told = (linked.author, *(names.get(name) for name in _AUTHOR_NAMES))
    found = (name for one in (*told, *_bylines(tree)) if one and (name := _name(one)))
    return next(
        (name for name in found if not site or (name not in site and site not in name)), None
    )


def _bylines(tree: HtmlElement) -> Iterator[str]:
    found = filter(None, map(_marked_author, tree.iter()))
    marked = list(dict.fromkeys(islice(found, _MOST_BYLINES)))
    # boxes repeat a name with a date or a button beside it
    names = [one for one in marked if not any(other in one for other in marked if other != one)]
    # a name on each of many teasers is nobody's byline here
    yield from names if len(names) <= _MOST_AUTHORS else ()
    for text in tree.itertext():
        if len(text) < _LONGEST_NAME and (match := _BYLINE.match(text.strip())):
            yield match[1]


def _marked_author(element: HtmlElement) -> str:
    """Return the line of an element that is marked as an author's name; "" for others."""
    if element.tag in _FORM or len(element) > _MOST_PARTS:
        return ""
    if not any(_AUTHOR_MARK.search(element.get(mark) or "") for mark in _AUTHOR_MARKS):
        return ""
    line = line_of(element)
    return line if len(line) <= _LONGEST_NAME else ""


def _name(text: str) -> str | None:
    name = _BY.sub("", " ".join(plain(text).split())).strip(" ,，、:：|")
    if len(name) > _LONGEST_NAME or not name or _NO_NAME.search(name):
        return None
    return name


def _canonical(
    tree: HtmlElement, url: str, linked: LinkedArticle, names: Mapping[str, str]
) -> str | None:
    """Return the page's own address for itself, if it lies on the same site.

    Another site's would let any page pass for a copy of somebody else's article. A home page is
    named by sites that have one canonical link for all of their pages.
    """
    links = [one.get("href") for one in tree.xpath("//link[@rel='canonical'][@href]")]
    for told in (*links, names.get("og:url"), linked.url):
        found = absolute_url(told, base=url)
        if found and _site_of(found) == _site_of(url) and (_has_path(found) or not _has_path(url)):
            return found
    return None


def _has_path(url: str) -> bool:
    parts = urlsplit(url)
    return parts.path not in ("", "/") or bool(parts.query)


def _site_of(url: str) -> str:
    """Return the name under which a site is registered: ``m.news.example.com.cn`` → ``example.com.cn``."""
    try:
        host = (urlsplit(url).hostname or "").rstrip(".")
    except ValueError:
        return ""
    labels = host.split(".")
    if labels[-1].isdigit():
        return host
    is_second_level = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return ".".join(labels[-3 if is_second_level else -2 :])


def _declared_language(
    tree: HtmlElement, linked: LinkedArticle, names: Mapping[str, str]
) -> str | None:
    told = (tree.get("lang"), linked.lang, names.get("og:locale"), names.get("content-language"))
    for one in told:
        if one and (match := _TAG.fullmatch(one.strip())):
            return match[0].replace("_", "-")
    return None


def _language_by_script(text: str) -> str | None:
    sample = text[:2_000]
    kana, han = len(_KANA.findall(sample)), len(_HAN.findall(sample))
    if kana + han < _MOSTLY * len(sample) or not sample:
        return None
    return "ja" if kana > _MOSTLY * (kana + han) else "zh"
