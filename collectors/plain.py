"""Plain text from the HTML of an entry."""

from __future__ import annotations

import html
import re
import unicodedata

from lxml import etree

_MARKUP = re.compile(r"<[A-Za-z/!?]")
_LINES = frozenset((
    "p", "div", "li", "ul", "ol", "dl", "dt", "dd", "tr", "table", "blockquote", "pre", "section",
    "article", "header", "footer", "aside", "figure", "figcaption", "h1", "h2", "h3", "h4", "h5",
    "h6", "br", "hr",
))  # fmt: skip
_CELLS = frozenset(("td", "th"))
_UNREAD = ("script", "style", "title", "template", "noscript", "iframe", "object", "svg")
_UNREAD_TAG = re.compile(f"<(?:{'|'.join(_UNREAD)})", re.IGNORECASE)
_BLANKS = re.compile(r" {2,}")
_OTHER_BLANK = re.compile(r"[^\S\n ]|[\x00-\x08\x0e-\x1f\x7f]")
# Zero-width and direction marks split words for a matcher and are seen by nobody; soft hyphens
# too. The joiner stays between emoji, where it makes one picture of two.
_INVISIBLE = re.compile(
    "[\u00ad\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff]"
    "|(?<![\u2190-\u2bff\ufe0f\U0001f000-\U0001faff])\u200d"
)
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


# Simple markup is what every HTML parser reads alike, with nothing to repair: known tags, closed
# in order. No more than these; whatever else there is, libxml2 decides.
_INLINE = ("a", "b", "code", "del", "em", "font", "i", "ins", "s", "small", "span", "strong", "sub",
           "sup", "u")  # fmt: skip
_PARAGRAPHS = frozenset(("p", "li", "h1", "h2", "h3", "h4", "h5", "h6", "figcaption"))
_OUTER = ("div", "ul", "ol", "blockquote", "section", "article", "figure")
_VOID = frozenset(("br", "img"))
_CLOSING = {name: f"/{name}" for name in (*_INLINE, *_PARAGRAPHS, *_OUTER)}
_BLOCKS = _PARAGRAPHS.union(_OUTER)
_HOLDS_BLOCKS = frozenset(_CLOSING[name] for name in _OUTER)
_BREAKING = frozenset(("br", *_BLOCKS, *(_CLOSING[name] for name in _BLOCKS)))
_DEEPEST = 50  # libxml2 gives up at 255
_ATTRIBUTES = r"""(?:[ \t]++[a-zA-Z][a-zA-Z0-9_-]*+(?:="[^"<>]*+"|='[^'<>]*+')?+)*+[ \t]*+"""
# `<p/>` is an open tag to some parsers and an empty element to others.
_SIMPLE_TAG = re.compile(
    rf"<(?!(?!(?:br|img)\b)[^<>]*+(?<=/)>)(/?[a-z][a-z0-9]*+){_ATTRIBUTES}/?+>"
)
_NOT_SIMPLE = re.compile(
    "[<\r\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]"
    "|&(?!(?:amp|lt|gt|quot|nbsp|[lr][sd]quo|hellip|[mn]dash|middot|#39);)"
)


_IMAGE = re.compile(r"<img\b[^<>]{0,2000}>")
_ALT = re.compile(r"""\balt=(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")
_EMOJI_CLASS = re.compile(
    r"""\bclass=["'][^"'<>]*\b(?:wp-smiley|emoji|emoticon|smiley|twemoji)\b"""
)
_BRACKETED = re.compile(r"\[[^\[\]]{1,10}\]")
_LONGEST_EMOJI = 12


def plain(markup: str) -> str:
    """Return the text a reader of ``markup`` sees, in NFC.

    Block elements and ``<br>`` become line breaks, runs of blanks become one, character
    references are resolved, scripts and styles go, and so do invisible characters. Text
    without markup keeps its own line breaks.
    """
    if "<img" in markup and "alt" in markup:
        markup = _IMAGE.sub(_said_by_image, markup)
    text = markup
    if "<" in markup and _MARKUP.search(markup):
        simple = _seen_if_simple(markup)
        text = _seen(markup) if simple is None else simple
    elif "&" in markup:
        text = html.unescape(markup)
    return tidy(text)


def _said_by_image(image: re.Match[str]) -> str:
    """Return what a picture that stands for an emoji says, any other picture as it is.

    WordPress and forums draw 😡 as an image with the emoji in ``alt``, Weibo ``[怒]``; the mood of a
    sentence often lies in it.
    """
    tag = image[0]
    found = _ALT.search(tag)
    alt = html.unescape(found[1] or found[2] or found[3] or "") if found else ""
    if not 0 < len(alt) <= _LONGEST_EMOJI or "<" in alt:
        return tag
    return alt if _BRACKETED.fullmatch(alt) or _EMOJI_CLASS.search(tag) else tag


def tidy(text: str) -> str:
    """Return ``text`` in NFC without invisible characters, blanks collapsed line by line."""
    if not text.isascii():
        text = unicodedata.normalize("NFC", text)
    if not text.isprintable():  # the common case is: nothing to do
        text = _without_oddities(text)
    if "  " in text:
        text = _BLANKS.sub(" ", text)
    if "\n" in text:
        text = "\n".join(filter(None, [line.strip(" ") for line in text.split("\n")]))
    return text.strip()


def _without_oddities(text: str) -> str:
    # The two blanks that pages are full of; the rest is searched for only if there is a rest.
    text = text.replace("\u3000", " ").replace("\xa0", " ")
    if text.replace("\n", "").isprintable():
        return text
    text = _OTHER_BLANK.sub(" ", text)
    if text.isascii():
        return text
    # JSON can spell lone surrogates, which no database and no matcher takes.
    return _INVISIBLE.sub("", text).encode("utf-8", "replace").decode("utf-8")


def _seen_if_simple(markup: str) -> str | None:
    """Return what `_seen` returns, in a third of the time; None where the markup is not simple."""
    texts_and_tags = _SIMPLE_TAG.split(markup.replace("\n", " "))
    tags = texts_and_tags[1::2]
    if not _is_nested_well(tags):
        return None
    texts_and_tags[1::2] = ["\n" if tag in _BREAKING else "" for tag in tags]
    text = "".join(texts_and_tags)
    if _NOT_SIMPLE.search(text):
        return None
    return html.unescape(text) if "&" in text else text


def _is_nested_well(tags: list[str]) -> bool:
    """Return whether ``tags`` are known, closed in order, and blocks only stand within blocks."""
    due: list[str] = []
    for tag in tags:
        if due and tag == due[-1]:
            due.pop()
        elif tag in _CLOSING:
            misplaced = tag in _BLOCKS and due and due[-1] not in _HOLDS_BLOCKS
            if misplaced or len(due) == _DEEPEST:
                return False
            due.append(_CLOSING[tag])
        elif tag not in _VOID:
            return False
    return not due


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
    if _UNREAD_TAG.search(markup):
        etree.strip_elements(root, *_UNREAD, with_tail=False)
    return _text_of(root)


def _text_of(root: etree._Element) -> str:
    """Return the texts of a tree in order, with the breaks between them."""
    pieces: list[str] = []
    for event, element in etree.iterwalk(root, events=("start", "end")):
        if element.tag in _LINES:
            pieces.append("\n")
        if event == "start":
            pieces.append(element.text or "")
        else:
            pieces.append(" " if element.tag in _CELLS else "")
            pieces.append(element.tail or "")
    return "".join(pieces)
