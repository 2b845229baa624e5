"""The page of messages that Telegram shows of a public channel, and the posts in it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from collectors.model import NOBODY, Author, Post, PostKind
from collectors.numbers import count_zh
from collectors.plain import tidy
from collectors.social.values import author, iso, link, metrics, name, published, seen, written
from collectors.taming import tamed

if TYPE_CHECKING:
    from lxml.html import HtmlElement

    Parts = dict[str, list[HtmlElement]]

SITE = "https://t.me"
_NUMBERED = re.compile(r"([A-Za-z0-9_]{1,64})/([0-9]{1,15})")
_MOST_ALIKE = 200
_MOST_CLASSES = 20
_MOST_MARKUP = 100_000  # a message has at most 4,096 characters
_MOST_CHARACTERS = 2_000_000  # ten times what a page of twenty long messages has
_MESSAGE, _QUOTED = "tgme_widget_message", "tgme_widget_message_reply"
_NAMED = ("tgme_widget_message_poll_question", "tgme_widget_message_document_title")
_HISTORY = ("tgme_channel_history", "tgme_channel_info", "tme_no_messages_found")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What a page shows: posts by their message numbers, and the numbers of all messages on it.

    ``is_channel`` says that it is the page of a channel at all; ``says_missing`` that it is the
    embedded widget of a message that does not exist.
    """

    posts: tuple[tuple[int, Post], ...] = ()
    numbers: tuple[int, ...] = ()
    is_channel: bool = False
    says_missing: bool = False


def read_preview(page: str, *, source_id: int, now: datetime) -> Preview:
    """Return what ``page`` shows. Never raises on a bad page: it shows nothing."""
    root = _tree(page)
    if root is None:
        return Preview()
    parts = _parts(root, within=_MESSAGE)
    messages = [
        (int(numbered[2]), element)
        for element in parts.get(_MESSAGE, [])
        if (numbered := _NUMBERED.fullmatch(element.get("data-post", "")))
    ]
    owner = _owner(parts)
    posts = [(number, _post(element, owner, source_id, now)) for number, element in messages]
    return Preview(
        posts=tuple((number, post) for number, post in posts if post is not None),
        numbers=tuple(number for number, _ in messages),
        is_channel=bool(messages) or not parts.keys().isdisjoint(_HISTORY),
        says_missing=not messages and "tgme_widget_message_error" in parts,
    )


def _tree(page: str) -> HtmlElement | None:
    from lxml import etree, html  # 30 ms, and only where a channel is visited

    parser = html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    try:
        return html.document_fromstring(
            tamed(page[:_MOST_CHARACTERS]).encode("utf-8", "replace"), parser=parser
        )
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return None


def _parts(element: HtmlElement, within: str = _QUOTED) -> Parts:
    """Return the elements below ``element`` by class, in one pass; those of ``within`` are not entered.

    A message is not searched inside of the message it quotes, a page not inside of its messages.
    """
    from lxml import etree

    found: Parts = {}
    walk = etree.iterwalk(element, events=("start",))
    for _, one in walk:
        classes = one.get("class", "").split() if one is not element else []
        for css_class in classes[:_MOST_CLASSES]:
            same = found.setdefault(css_class, [])
            if len(same) < _MOST_ALIKE:
                same.append(one)
        if within in classes:
            walk.skip_subtree()
    return found


def _first_text(parts: Parts, css_class: str) -> str:
    return next((tidy(one.text_content()) for one in parts.get(css_class, [])), "")


def _post(element: HtmlElement, owner: Author, source_id: int, now: datetime) -> Post | None:
    parts = _parts(element)
    text = _text(parts)
    if not text or "service_message" in element.get("class", "").split():
        return None
    moment, page = _dated(parts, now)
    at, precision = published(moment, now)
    external_id = element.get("data-post", "")
    return Post(
        source_id=source_id,
        external_id=external_id,
        kind=PostKind.POST,
        url=page or f"{SITE}/{external_id}",
        text=text,
        author=_author(parts, owner, external_id.partition("/")[0]),
        published_at=at,
        precision=precision,
        metrics=metrics(
            views=count_zh(_first_text(parts, "tgme_widget_message_views")),
            likes=_reactions(parts),
        ),
        parent_id=_numbered(parts, _QUOTED),
        repost_of=_numbered(parts, "tgme_widget_message_forwarded_from_name"),
    )


def _text(parts: Parts) -> str:
    """Return the words of a message: its text, a poll's question, the names of documents."""
    from lxml import html

    texts = parts.get("js-message_text") or parts.get("tgme_widget_message_text") or []
    markup = [html.tostring(one, encoding="unicode", with_tail=False) for one in texts[:1]]
    words = [seen(one[:_MOST_MARKUP]) for one in markup]
    words += [_first_text(parts, css_class) for css_class in _NAMED]
    return written("\n".join(filter(None, words)))


def _dated(parts: Parts, now: datetime) -> tuple[datetime | None, str | None]:
    """Return when a message was sent and its address. A video's own time stands elsewhere."""
    for anchor in parts.get("tgme_widget_message_date", []):
        for moment in anchor.iter("time"):
            return iso(moment.get("datetime"), now), link(anchor.get("href"), SITE)
    return None, None


def _numbered(parts: Parts, css_class: str) -> str | None:
    """Return ``channel/number`` of the message that the link of a class leads to."""
    for anchor in parts.get(css_class, []):
        address = link(anchor.get("href"), SITE)
        named = _NUMBERED.fullmatch(urlsplit(address).path.strip("/")) if address else None
        if named:
            return named[0]
    return None


def _reactions(parts: Parts) -> int | None:
    told = (count_zh(tidy(one.text_content()[:200])) for one in parts.get("tgme_reaction", []))
    counts = [count for count in told if count is not None]
    return sum(counts) if counts else None


def _owner(parts: Parts) -> Author:
    """Return the channel as its page introduces it, with its subscribers."""
    title = _first_text(parts, "tgme_channel_info_header_title")
    handle = _first_text(parts, "tgme_channel_info_header_username").lstrip("@")
    if not title and not handle:
        return NOBODY
    url = f"{SITE}/{handle}" if handle.isidentifier() else None
    return author(title, handle, url, _subscribers(parts))


def _subscribers(parts: Parts) -> int | None:
    for counter in parts.get("tgme_channel_info_counter", []):
        told = _parts(counter)
        if "subscriber" in _first_text(told, "counter_type"):
            return count_zh(_first_text(told, "counter_value"))
    return None


def _author(parts: Parts, owner: Author, channel: str) -> Author:
    """Return who signed a message, else the channel."""
    signed = name(_first_text(parts, "tgme_widget_message_from_author"))
    shown = signed or owner.name or name(_first_text(parts, "tgme_widget_message_owner_name"))
    handle = owner.handle or channel
    return author(shown, handle, f"{SITE}/{handle}", owner.followers)
