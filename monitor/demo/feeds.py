"""The demo's feeds as text: RSS 2.0, Atom and JSON Feed 1.1 of what was published so far."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from email.utils import format_datetime
from html import escape

from monitor.demo.publication import Publication
from monitor.demo.scenario import DemoPost, DemoSource, Format

MEDIA_TYPE = {
    Format.RSS: "application/rss+xml",
    Format.ATOM: "application/atom+xml",
    Format.JSON: "application/feed+json",
}


class Feed(Publication):
    """One source's feed over the simulated time. Each entry is written once."""

    def __init__(
        self, source: DemoSource, posts: Sequence[DemoPost], day0: datetime, window: timedelta
    ) -> None:
        super().__init__(source, posts, day0, window)
        self._entries: dict[int, str] = {}

    @property
    def media_type(self) -> str:
        """The feed's type with the charset as such sites label it."""
        return f"{MEDIA_TYPE[self.source.format]}; charset={_label(self.source)}"

    def text(self, visible: range, published: int) -> str:
        """Return the feed with the entries at ``visible``, newest first."""
        entries = [self._entry(index) for index in reversed(visible)]
        return _FEED[self.source.format](self.source, entries, self.newest(published))

    def _entry(self, index: int) -> str:
        if index not in self._entries:
            post = self.posts[index]
            self._entries[index] = _ENTRY[self.source.format](self.source, post, self.at(post))
        return self._entries[index]


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


_ENTRY: dict[Format, Callable[[DemoSource, DemoPost, datetime], str]] = {
    Format.RSS: _rss_entry,
    Format.ATOM: _atom_entry,
    Format.JSON: _json_entry,
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


_FEED: dict[Format, Callable[[DemoSource, Sequence[str], datetime], str]] = {
    Format.RSS: _rss,
    Format.ATOM: _atom,
    Format.JSON: _json_feed,
}
