"""One entry of a feed as its parser read it, and the post it becomes."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from collectors.dates import believable
from collectors.identity import Marks, absolute_url
from collectors.model import NOBODY, Author, Post, PostKind, Precision
from collectors.plain import plain, tidy

TEXT_BYTES = 64 * 1024
TITLE_CHARACTERS = 500
_NAME_CHARACTERS = 200
_MARKUP_CHARACTERS = 16 * TEXT_BYTES


class Entry(NamedTuple):
    """An entry as read: markup not yet text, ``link`` perhaps relative to ``base``."""

    guid: str | None = None
    link: str | None = None
    base: str = ""
    title: str = ""
    content: str = ""
    content_is_text: bool = False
    author: str | None = None
    author_url: str | None = None
    followers: int | None = None
    published: tuple[datetime, Precision] | None = None
    updated: tuple[datetime, Precision] | None = None
    lang: str | None = None


class Readable(NamedTuple):
    """An entry turned to plain text and web addresses; ``cut`` says a limit shortened it."""

    entry: Entry
    url: str | None
    title: str
    text: str
    cut: bool

    @property
    def marks(self) -> Marks:
        """What tells this entry from the others of its document."""
        when = self.entry.published or self.entry.updated
        # Parsers put the link where there is no guid; either way the link is the name.
        guid = None if self.url and self.entry.guid == self.entry.link else self.entry.guid
        day = when[0].isoformat() if when else ""
        return Marks(guid, self.url, self.title, self.text, day)


def readable(entry: Entry) -> Readable:
    """Return the plain text of ``entry``: at most 500 characters of title and 64 kB of text."""
    markup = entry.content[:_MARKUP_CHARACTERS]
    whole = tidy(markup) if entry.content_is_text else plain(markup)
    text = _cut_bytes(whole, TEXT_BYTES)
    title = plain(entry.title[: 16 * TITLE_CHARACTERS]).replace("\n", " ")
    cut = (
        len(text) < len(whole)
        or len(markup) < len(entry.content)
        or len(title) > TITLE_CHARACTERS
        or len(entry.title) > 16 * TITLE_CHARACTERS
    )
    url = absolute_url(entry.link, base=entry.base)
    if url is None and (entry.guid or "").startswith(("http://", "https://")):
        url = absolute_url(entry.guid, base=entry.base)  # a guid is a permalink unless it says no
    return Readable(entry, url, title[:TITLE_CHARACTERS], text, cut)


def post_of(
    read: Readable, external_id: str, *, source_id: int, kind: PostKind, now: datetime
) -> Post:
    """Return the post ``read`` becomes. An unbelievable date is left out, to be inferred."""
    entry = read.entry
    published, precision = believable(entry.published or entry.updated, now=now)
    edited, _ = believable(entry.updated, now=now)
    return Post(
        source_id=source_id,
        external_id=external_id,
        kind=kind,
        url=read.url,
        title=read.title or None,
        text=read.text,
        author=_author(entry),
        published_at=published,
        precision=precision,
        edited_at=edited if published and edited and edited > published else None,
        lang=entry.lang,
    )


def _author(entry: Entry) -> Author:
    if not entry.author and not entry.author_url and entry.followers is None:
        return NOBODY
    return Author(
        name=tidy(entry.author or "")[:_NAME_CHARACTERS] or None,
        url=absolute_url(entry.author_url, base=entry.base),
        followers=entry.followers,
    )


def _cut_bytes(text: str, limit: int) -> str:
    if len(text) * 4 <= limit:
        return text
    return text.encode("utf-8")[:limit].decode("utf-8", "ignore")
