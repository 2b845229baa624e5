"""Plain text from the HTML of an entry."""

from __future__ import annotations

import html
import re
import unicodedata

from lxml import etree

_MARKUP = re.compile(r"<[A-Za-z/!?]")
_LINES = (
    "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "tr", "table", "blockquote", "pre", "section",
    "article", "header", "footer", "aside", "figure", "figcaption", "h1", "h2", "h3", "h4", "h5",
    "h6", "br", "hr",
)  # fmt: skip
_CELLS = ("td", "th")
_UNREAD = ("script", "style", "title", "template", "noscript", "iframe", "object", "svg")
_BLANKS = re.compile(r" {2,}")
_OTHER_BLANK = re.compile(r"[^\S\n ]|[\x00-\x08\x0e-\x1f\x7f]")
_EMPTY_LINES = re.compile(r" ?\n[\n ]*")
# Zero-width and direction marks split words for a matcher and are seen by nobody; soft hyphens
# too. The joiner stays between emoji, where it makes one picture of two.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    "|(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d"
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


def plain(markup: str) -> str:
    """Return the text a reader of ``markup`` sees, in NFC.

    Block elements and ``<br>`` become line breaks, runs of blanks become one, character
    references are resolved, scripts and styles go, and so do invisible characters. Text
    without markup keeps its own line breaks.
    """
    text = markup
    if _MARKUP.search(markup):
        text = _seen(markup)
    elif "&" in markup:
        text = html.unescape(markup)
    return tidy(text)


def tidy(text: str) -> str:
    """Return ``text`` in NFC without invisible characters, blanks collapsed line by line."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():  # the common case is: nothing to do
        text = _without_oddities(text)
    if "  " in text:
        text = _BLANKS.sub(" ", text)
    if "\n" in text:
        text = _EMPTY_LINES.sub("\n", text)
    return text.strip()


def _without_oddities(text: str) -> str:
    text = _OTHER_BLANK.sub(" ", text)
    if text.isascii():
        return text
    # JSON can spell lone surrogates, which no database and no matcher takes.
    return _INVISIBLE.sub("", text).encode("utf-8", "replace").decode("utf-8")


def _seen(markup: str) -> str:
    source = _CONTROLS.sub(" ", markup.replace("\n", " ")).encode("utf-8", "replace")
    parser = etree.HTMLParser(
        encoding="utf-8", remove_comments=True, remove_pis=True, no_network=True
    )
    try:
        root = etree.fromstring(source, parser)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        return html.unescape(markup) if "&" in markup and "<" not in markup else ""
    etree.strip_elements(root, *_UNREAD, with_tail=False)
    for element in root.iter(*_LINES):
        element.tail = f"\n{element.tail or ''}"
        element.text = f"\n{element.text or ''}"
    for element in root.iter(*_CELLS):
        element.tail = f" {element.tail or ''}"
    return str(etree.tostring(root, method="text", encoding="unicode"))
