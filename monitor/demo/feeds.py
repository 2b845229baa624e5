"""The demo's feeds as bytes: RSS 2.0, Atom and JSON Feed 1.1 of what was published so far."""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape

from monitor.demo.scenario import ZONE, DemoPost, DemoSource, FeedFormat

FEWEST_ENTRIES = 20
MEDIA_TYPE = {
    FeedFormat.RSS: "application/rss+xml",
    FeedFormat.ATOM: "application/atom+xml",
    FeedFormat.JSON: "application/feed+json",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A feed as served: body with the validators and the type that belong to it."""

    body: bytes
    media_type: str
    etag: str
    last_modified: datetime


class Feed:
    """One source's feed over the simulated time. Each entry is written once.

    A document holds what was published within ``window`` before its newest entry, and never
    fewer than the newest 20: who reads at least once per ``window`` misses nothing.
    """

    def __init__(
        self, source: DemoSource, posts: Sequence[DemoPost], day0: datetime, window: timedelta
    ) -> None:
        self.source = source
        self._posts = posts
        self._offsets = [post.offset for post in posts]
        self._day0 = day0.astimezone(ZONE)
        self._window = window
        self._entries: dict[int, str] = {}
        self._latest: tuple[int, Document] | None = None

    def document(self, now: datetime) -> Document:
        """Return the feed as a reader sees it at ``now``; the same object while nothing is new."""
        published = bisect_right(self._offsets, now - self._day0)
        if self._latest is None or self._latest[0] != published:
            self._latest = (published, self._render(published))
        return self._latest[1]

    def _render(self, published: int) -> Document:
        entries = [self._entry(index) for index in reversed(self._visible(published))]
        newest = self._at(self._posts[published - 1]) if published else self._day0
        write = {FeedFormat.RSS: _rss, FeedFormat.ATOM: _atom, FeedFormat.JSON: _json_feed}
        body = write[self.source.format](self.source, entries, newest).encode(self.source.encoding)
        return Document(
            body=body,
            media_type=f"{MEDIA_TYPE[self.source.format]}; charset={_label(self.source)}",
            etag=f'"{hashlib.blake2b(body, digest_size=8).hexdigest()}"',
            last_modified=newest,
        )

    def _visible(self, published: int) -> range:
        if not published:
            return range(0)
        oldest = bisect_left(self._offsets, self._offsets[published - 1] - self._window)
        return range(max(0, min(oldest, published - FEWEST_ENTRIES)), published)

    def _entry(self, index: int) -> str:
        if index not in self._entries:
            post = self._posts[index]
            self._entries[index] = _ENTRY[self.source.format](self.source, post, self._at(post))
        return self._entries[index]

    def _at(self, post: DemoPost) -> datetime:
        return self._day0 + post.offset


def _label(source: DemoSource) -> str:
    # Real Chinese sites write GB18030 and call it by its oldest name.
    return "gb2312" if source.encoding == "gb18030" else source.encoding


def _home(source: DemoSource) -> str:
    return f"https://{source.slug}.example/"


def _html(text: str) -> str:
    return "".join(f"<p>{escape(part)}</p>" for part in text.split("\n"))


def _rss_date(source: DemoSource, moment: datetime) -> str:
    return format_datetime(moment) if source.zoned else f"{moment:%Y-%m-%d %H:%M:%S}"


def _rss_entry(source: DemoSource, post: DemoPost, at: datetime) -> str:
    title = f"<title>{escape(post.title)}</title>" if post.title else ""
    return (
        f'<item>{title}<link>{escape(post.url)}</link><guid isPermaLink="false">{post.external_id}</guid>'
        f"<dc:creator>{escape(post.author.name)}</dc:creator><pubDate>{_rss_date(source, at)}</pubDate>"
        f"<description>{escape(_html(post.text))}</description></item>\n"
    )


def _atom_entry(source: DemoSource, post: DemoPost, at: datetime) -> str:
    moment = at.isoformat(timespec="seconds")
    return (
        f'<entry xml:lang="{post.lang}"><title>{escape(post.title or "")}</title>'
        f'<link rel="alternate" href="{escape(post.url)}"/><id>{post.external_id}</id>'
        f"<published>{moment}</published><updated>{moment}</updated>"
        f"<author><name>{escape(post.author.name)}</name></author>"
        f'<content type="text">{escape(post.text)}</content></entry>\n'
    )


def _json_entry(source: DemoSource, post: DemoPost, at: datetime) -> str:
    author: dict[str, object] = {"name": post.author.name}
    if post.author.followers is not None:
        # JSON Feed 1.1 keeps names with a leading underscore for extensions.
        author["_followers"] = post.author.followers
    item = {
        "id": post.external_id,
        "url": post.url,
        **({"title": post.title} if post.title else {}),
        "content_text": post.text,
        "date_published": at.isoformat(timespec="seconds"),
        "authors": [author],
        "language": post.lang,
    }
    return json.dumps(item, ensure_ascii=False)


_ENTRY: dict[FeedFormat, Callable[[DemoSource, DemoPost, datetime], str]] = {
    FeedFormat.RSS: _rss_entry,
    FeedFormat.ATOM: _atom_entry,
    FeedFormat.JSON: _json_entry,
}


def _rss(source: DemoSource, entries: Sequence[str], newest: datetime) -> str:
    return (
        f'<?xml version="1.0" encoding="{_label(source)}"?>\n'
        '<rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>'
        f"<title>{escape(source.name)}</title><link>{_home(source)}</link>"
        f"<description>{escape(source.name)}（虚构）</description><language>zh-CN</language>"
        f"<lastBuildDate>{_rss_date(source, newest)}</lastBuildDate>\n"
        f"{''.join(entries)}</channel></rss>\n"
    )


def _atom(source: DemoSource, entries: Sequence[str], newest: datetime) -> str:
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom">'
        f'<title>{escape(source.name)}</title><id>{_home(source)}</id><link href="{_home(source)}"/>'
        f"<updated>{newest.isoformat(timespec='seconds')}</updated>\n"
        f"{''.join(entries)}</feed>\n"
    )


def _json_feed(source: DemoSource, entries: Sequence[str], newest: datetime) -> str:
    head = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": source.name,
        "home_page_url": _home(source),
        "language": "zh-CN",
    }
    items = ",\n".join(entries)
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "items": [\n{items}\n]}}\n'
