"""From the bytes of a feed to posts: RSS 0.9x to 2.0, RSS 1.0, Atom, CDF, JSON Feed."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from functools import lru_cache, partial
from html import unescape
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collectors.dates import cst_for, parse_date
from collectors.feed_document import MOST_ITEMS, Document, ReadDate, prepare, with_dates
from collectors.feed_entry import Entry, post_of, readable
from collectors.feed_fast import read_fast
from collectors.feed_json import (
    is_expired,
    json_hub,
    json_self,
    load_json_feed,
    looks_like_json,
    read_json_feed,
)
from collectors.feed_judge import read_judged
from collectors.identity import absolute_url, external_ids
from collectors.model import Hub, Post, PostKind, Source

DEFAULT_ZONE = "Asia/Shanghai"
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)
_LANGUAGE = re.compile(
    rb"<(?:dc:)?language>\s*([A-Za-z-]{2,12})\s*<|xml:lang=[\"']([A-Za-z-]{2,12})"
)
_TTL = re.compile(rb"<ttl>\s*(\d{1,6})\s*<", re.IGNORECASE)
_PERIOD = re.compile(rb"<sy:updatePeriod>\s*([a-z]+)\s*<")
_FREQUENCY = re.compile(rb"<sy:updateFrequency>\s*(\d{1,4})\s*<")
_PERIODS = {
    b"hourly": timedelta(hours=1),
    b"daily": timedelta(days=1),
    b"weekly": timedelta(weeks=1),
    b"monthly": timedelta(days=30),
    b"yearly": timedelta(days=365),
}
_LINK = re.compile(rb"<link\s([^<>]{1,512})>", re.IGNORECASE)
_FEED_TYPE = re.compile(rb"application/(?:rss\+xml|atom\+xml|feed\+json)", re.IGNORECASE)
_HEAD_LINK = re.compile(rb"<(?:[A-Za-z][\w.-]{0,30}:)?link\s([^<>]{1,2048})>", re.IGNORECASE)
_REL = re.compile(rb"(?<![\w:-])rel\s*=\s*[\"']([^\"']{1,100})[\"']")
_HEADER_LINK = re.compile(r"<([^<>]{1,4096})>((?:\s*;[^;,\"<]*(?:\"[^\"]*\")?)*)")
_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s;,\"]+))", re.IGNORECASE)
_LONGEST_HEADER = 8_192
_HREF = re.compile(rb"href\s*=\s*[\"']?([^\"'\s]+)", re.IGNORECASE)


class FeedKind(StrEnum):
    """Which language a document is written in."""

    RSS = "rss"
    RDF = "rdf"
    ATOM = "atom"
    CDF = "cdf"
    JSON = "json"
    NONE = "none"


_ROOTS = {
    "rss": FeedKind.RSS,
    "rdf": FeedKind.RDF,
    "feed": FeedKind.ATOM,
    "channel": FeedKind.CDF,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedFeed:
    """What a document holds.

    ``kind`` none means it is no feed; then ``declared`` is the feed address an HTML page
    names, if any. ``dropped`` counts entries beyond the limit of 1,000, ``repeated`` entries
    wholly identical to an earlier one, ``shortened`` posts cut by a limit of text or title.
    ``judged`` says feedparser read it. ``wish`` is the least time between two visits the feed asks for.
    ``hub`` and ``self_url`` are the WebSub hub the document names and its own address there.
    """

    kind: FeedKind
    posts: tuple[Post, ...] = ()
    dropped: int = 0
    repeated: int = 0
    shortened: int = 0
    encoding: str = "utf-8"
    judged: bool = False
    wish: timedelta | None = None
    expired: bool = False
    declared: str | None = None
    hub: str | None = None
    self_url: str | None = None


def parse_feed(
    body: bytes, *, content_type: str | None, url: str, source: Source, now: datetime
) -> ParsedFeed:
    """Return the posts of a feed document, in document order. Never raises on bad input.

    ``url`` is where the document came from: relative links are meant against it. A date
    without a zone is meant in the source's ``options["timezone"]``. The same bytes give the
    same posts, apart from dates told relative to ``now``.
    """
    if looks_like_json(body) and (feed := load_json_feed(body)) is not None:
        read_date = partial(parse_date, tz=zone_of(source), now=now)
        entries, dropped = read_json_feed(feed, base=url, read_date=read_date)
        base = ParsedFeed(
            kind=FeedKind.JSON,
            dropped=dropped,
            expired=is_expired(feed),
            hub=absolute_url(json_hub(feed), base=url),
            self_url=absolute_url(json_self(feed), base=url),
        )
        return _with_posts(base, entries, source, now)
    charset = _CHARSET.search(content_type or "")
    document = prepare(body, charset=charset[1] if charset else None)
    if document.root == "html" or (not document.items and document.root not in _ROOTS):
        return ParsedFeed(kind=FeedKind.NONE, declared=_declared_feed(document.body, url))
    return _parse_document(document, url, source, now)


def zone_of(source: Source) -> tzinfo:
    """Return what a time without a zone means in ``source``."""
    return _zone(str(source.options.get("timezone") or DEFAULT_ZONE))


@lru_cache(maxsize=64)
def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return ZoneInfo(DEFAULT_ZONE)


def _parse_document(document: Document, url: str, source: Source, now: datetime) -> ParsedFeed:
    lang = _language(document.head)
    read_date = _date_reader(source, lang, url, now)
    document = with_dates(document, read_date)
    entries = read_fast(document, base=url, lang=lang)
    judged = entries is None
    if entries is None:
        entries = read_judged(document, base=url, lang=lang, read_date=read_date)
    kind = _ROOTS.get(document.root, FeedKind.RSS if entries else FeedKind.NONE)
    base = ParsedFeed(
        kind=kind,
        dropped=document.dropped + max(0, len(entries) - MOST_ITEMS),
        encoding=document.encoding,
        judged=judged,
        wish=_wish(document.head),
        hub=_linked(document.head, "hub", url),
        self_url=_linked(document.head, "self", url),
    )
    return _with_posts(base, entries[:MOST_ITEMS], source, now)


def _date_reader(source: Source, lang: str | None, url: str, now: datetime) -> ReadDate:
    tz = zone_of(source)
    host = urlsplit(url).hostname or ""
    return partial(parse_date, tz=tz, now=now, cst=cst_for(tz, language=lang, host=host, now=now))


def _with_posts(
    feed: ParsedFeed, entries: Sequence[Entry], source: Source, now: datetime
) -> ParsedFeed:
    read = [readable(entry) for entry in entries]
    ids = external_ids([one.marks for one in read])
    kind = _post_kind(source)
    posts = tuple(
        post_of(one, external_id, source_id=source.id, kind=kind, now=now)
        for one, external_id in zip(read, ids, strict=True)
        if external_id is not None
    )
    return replace(
        feed,
        posts=posts,
        repeated=len(read) - len(posts),
        shortened=sum(one.cut for one in read),
    )


def _post_kind(source: Source) -> PostKind:
    wanted = source.options.get("post_kind")
    return next((kind for kind in PostKind if kind == wanted), PostKind.ARTICLE)


def _language(head: bytes) -> str | None:
    found = _LANGUAGE.search(head)
    return (found[1] or found[2]).decode("ascii") if found else None


def _wish(head: bytes) -> timedelta | None:
    """Return the least time between visits a feed asks for by ``ttl`` or the sy: elements."""
    wishes: list[timedelta] = []
    if ttl := _TTL.search(head):
        wishes.append(timedelta(minutes=int(ttl[1])))
    period = _PERIOD.search(head)
    if period and period[1] in _PERIODS:
        frequency = _FREQUENCY.search(head)
        wishes.append(_PERIODS[period[1]] / max(1, int(frequency[1]) if frequency else 1))
    return max(wishes, default=None)


def hub_of(link_header: str, parsed: ParsedFeed | None, *, url: str) -> Hub | None:
    """Return the WebSub hub of an answer: by its ``Link`` header, else by the document (WebSub, 4).

    The topic is the address the feed gives as its own, else ``url``, where it came from. None
    says that this answer names no hub, which an unparsed body (``parsed`` None) cannot deny.
    """
    named = _header_links(link_header, url)
    hub = named.get("hub") or (parsed.hub if parsed else None)
    if hub is None:
        return None
    topic = named.get("self") or (parsed.self_url if parsed else None) or url
    return Hub(url=hub, topic=topic)


def _header_links(header: str, url: str) -> dict[str, str]:
    """Return the first web address for each relation in a ``Link`` header (RFC 8288)."""
    links: dict[str, str] = {}
    for target, parameters in _HEADER_LINK.findall(header[:_LONGEST_HEADER]):
        relation = _RELATION.search(parameters)
        address = absolute_url(target, base=url)
        for name in (relation[1] or relation[2]).lower().split() if relation and address else ():
            links.setdefault(name, str(address))
    return links


def _linked(head: bytes, relation: str, url: str) -> str | None:
    """Return the first address the head of a document links to by ``relation``."""
    for link in _HEAD_LINK.finditer(head):
        named, href = _REL.search(link[1]), _HREF.search(link[1])
        if named and href and relation in named[1].decode("ascii", "replace").lower().split():
            return absolute_url(unescape(href[1].decode("utf-8", "replace")), base=url)
    return None


def _declared_feed(page: bytes, url: str) -> str | None:
    """Return the address of the first feed an HTML page declares."""
    for link in _LINK.finditer(page, 0, 262_144):
        href = _HREF.search(link[1]) if _FEED_TYPE.search(link[1]) else None
        if href:
            return absolute_url(unescape(href[1].decode("utf-8", "replace")), base=url)
    return None
