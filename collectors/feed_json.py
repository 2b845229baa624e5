"""Reading JSON Feed 1 and 1.1 (jsonfeed.org), where any field may be missing or of another type."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass

from collectors.encoding import decode
from collectors.feed_document import MOST_ITEMS, ReadDate
from collectors.feed_entry import Entry


def looks_like_json(body: bytes) -> bool:
    """Return whether ``body`` begins as a JSON object."""
    return body.lstrip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n")[:1] == b"{"


def load_json_feed(body: bytes) -> Mapping[str, object] | None:
    """Return the JSON Feed in ``body``, or None where it is none.

    A version that names jsonfeed.org, or a list of items, makes it one.
    """
    try:
        feed = json.loads(decode(body).text, strict=False)
    except (ValueError, RecursionError):
        return None
    if not isinstance(feed, dict):
        return None
    named = "jsonfeed.org" in str(feed.get("version", ""))
    return feed if named or isinstance(feed.get("items"), list) else None


def is_expired(feed: Mapping[str, object]) -> bool:
    """Return whether the publisher says the feed will never change again."""
    return feed.get("expired") is True


def json_hub(feed: Mapping[str, object]) -> str | None:
    """Return the address of the WebSub hub a JSON Feed names."""
    hubs = feed.get("hubs")
    for hub in hubs if isinstance(hubs, list) else ():
        if isinstance(hub, dict) and str(hub.get("type", "")).lower() == "websub":
            return _text(hub.get("url"))
    return None


def json_self(feed: Mapping[str, object]) -> str | None:
    """Return the address a JSON Feed gives as its own."""
    return _text(feed.get("feed_url"))


def read_json_feed(
    feed: Mapping[str, object], *, base: str, read_date: ReadDate
) -> tuple[list[Entry], int]:
    """Return the entries of ``feed`` and how many were cut off by the item limit."""
    items = feed.get("items")
    items = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    lang = _text(feed.get("language"))
    feed_author = _author(feed)
    entries = [_entry(item, base, lang, feed_author, read_date) for item in items[:MOST_ITEMS]]
    return entries, max(0, len(items) - MOST_ITEMS)


def _entry(
    item: Mapping[str, object],
    base: str,
    lang: str | None,
    feed_author: _Author,
    read_date: ReadDate,
) -> Entry:
    markup = _text(item.get("content_html"))
    author = _author(item) or feed_author
    return Entry(
        guid=_text(item.get("id")),
        link=_text(item.get("url")) or _text(item.get("external_url")),
        base=base,
        title=_text(item.get("title")) or "",
        content=markup or _text(item.get("content_text")) or _text(item.get("summary")) or "",
        content_is_text=not markup,
        author=author.name,
        author_url=author.url,
        followers=author.followers,
        published=read_date(_text(item.get("date_published")) or ""),
        updated=read_date(_text(item.get("date_modified")) or ""),
        lang=_text(item.get("language")) or lang,
    )


@dataclass(frozen=True, slots=True)
class _Author:
    """An author as the feed names one; False where it names none."""

    name: str | None = None
    url: str | None = None
    followers: int | None = None

    def __bool__(self) -> bool:
        return bool(self.name or self.url)


def _author(holder: Mapping[str, object]) -> _Author:
    """Return the first author; version 1 has one ``author``, 1.1 a list.

    ``_followers`` is an extension (JSON Feed: names that begin with an underscore) for sites that
    know how many people read an author; a value that is no count is unknown.
    """
    authors = holder.get("authors")
    first = authors[0] if isinstance(authors, list) and authors else holder.get("author")
    if not isinstance(first, dict):
        return _Author(_text(first))
    given = first.get("_followers")
    is_count = isinstance(given, int) and not isinstance(given, bool) and 0 <= given < 2**53
    followers = given if is_count else None
    return _Author(_text(first.get("name")), _text(first.get("url")), followers)


def _text(value: object) -> str | None:
    """Return a string or a number (ids are often numbers) as text, anything else as None."""
    if isinstance(value, bool) or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return str(value) or None if isinstance(value, (str, int, float)) else None
