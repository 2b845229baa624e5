"""Apple App Store customer reviews: the public feed without a key, and the totals of ``lookup``.

The feed gives 50 reviews a page and ten pages at most, and is now and then empty for hours: an
answer without entries says nothing, neither that there are no reviews nor that they were deleted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from pydantic import Field

from collectors.base import BaseCollector, Http
from collectors.dates import believable, parse_date
from collectors.feed_entry import TITLE_CHARACTERS
from collectors.identity import absolute_url
from collectors.model import (
    Author,
    Poll,
    Post,
    PostKind,
    ProductRating,
    Source,
    SourceState,
    Stars,
)
from collectors.options import Options
from collectors.plain import tidy
from collectors.reviews.ratings import count_of, number_of
from collectors.reviews.walk import ReviewPage, nothing_read, walk
from collectors.visit import Trouble, Visit, trouble_state

LAST_PAGE = 10
EMPTY = (
    "App Store 暂时没有返回评论，情况未知，下次再看 (no entries in the answer: unknown, not zero)"
)
NOT_SOLD = (
    "该国家或地区的 App Store 没有这个应用，请检查 app_id 和 country (no such app in this country)"
)
# Both are in use, and at times only one of them answers.
PATHS = (
    "{base}/{country}/rss/customerreviews/page={page}/id={app}/sortby=mostrecent/json",
    "{base}/{country}/rss/customerreviews/id={app}/sortBy=mostRecent/page={page}/json",
)
_PAGE = re.compile(r"/page=(\d{1,3})\b")
_AT_ONCE = timedelta(seconds=1)
_TEXT_CHARACTERS = 20_000


class AppStoreOptions(Options):
    """Settings of an app in the App Store."""

    app_id: str = Field(
        pattern=r"^\d{3,15}$",
        coerce_numbers_to_str=True,
        description="The number in the app's address: id1234567890.",
    )
    country: str = Field(
        default="cn", pattern=r"^[a-z]{2}$", description="Country of the store, two letters."
    )
    max_pages: int = Field(default=5, ge=3, le=5, description="Pages read in one visit at most.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Store:
    """One app in one country's store, as seen in one visit."""

    visit: Visit
    http: Http
    options: AppStoreOptions

    @property
    def base(self) -> str:
        return (self.visit.source.url or AppStoreCollector.default_url).rstrip("/")

    async def turn(self, at: str) -> ReviewPage:
        """Return page ``at`` (1 to 10); raises `Trouble` with state ok where the answer is empty."""
        page = int(at) if at.isdecimal() else 1
        trouble: Trouble | None = None
        for path in PATHS:
            try:
                feed = await self._feed(path, page)
            except Trouble as error:
                # A missing or broken page at one path says nothing about the other.
                if error.status not in (403, 404, 500, 502, 503):
                    raise
                trouble = trouble or error
                continue
            if entries := _entries(feed):
                return self._page(page, feed, entries)
        raise trouble or Trouble(SourceState.OK, EMPTY, wait=_AT_ONCE, status=200)

    async def totals(self) -> list[ProductRating]:
        """Return the app's rating as the store counts it, nothing while nobody has rated it."""
        app, country = self.options.app_id, self.options.country
        url = f"{self.base}/lookup?id={app}&country={country}"
        value, _ = await self.visit.get_json(self.http, url)
        results = value.get("results") if isinstance(value, dict) else None
        if not isinstance(results, list):
            raise Trouble(trouble_state(self.visit.source), EMPTY)
        if not results or not isinstance(results[0], dict):
            raise Trouble(trouble_state(self.visit.source), NOT_SOLD)
        return _totals(results[0], app)

    async def _feed(self, path: str, page: int) -> dict[str, Any]:
        app, country = self.options.app_id, self.options.country
        url = path.format(base=self.base, country=country, page=page, app=app)
        value, reply = await self.visit.get_json(self.http, url)
        feed = value.get("feed") if isinstance(value, dict) else None
        if not isinstance(feed, dict):
            raise Trouble(SourceState.OK, EMPTY, wait=_AT_ONCE, status=reply.status)
        return feed

    def _page(self, page: int, feed: dict[str, Any], entries: list[dict[str, Any]]) -> ReviewPage:
        read = (_review(entry, self.visit, self.options) for entry in entries)
        posts = tuple(post for post in read if post is not None)
        is_last = page >= min(_last_page(feed), LAST_PAGE)
        return ReviewPage(posts=posts, next=None if is_last else str(page + 1), resume=str(page))


class AppStoreCollector(BaseCollector):
    """Visits the customer reviews of an app."""

    kind = "appstore"
    options = AppStoreOptions
    default_url = "https://itunes.apple.com"

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the reviews that are new or edited, and the app's rating if it changed."""
        visit = Visit(source=source, slot=slot, now=now)
        options = AppStoreOptions.model_validate(source.options)
        store = _Store(visit=visit, http=http, options=options)
        is_silent = False
        try:
            walked = await walk(
                source.cursor.position, store.turn, first="1", most_pages=options.max_pages
            )
        except Trouble as trouble:
            if trouble.state is not SourceState.OK:
                return visit.failed(trouble)
            is_silent, walked = True, nothing_read(source.cursor.position, trouble)
        if walked.trouble and walked.trouble.state is not SourceState.OK:
            return walked.poll(visit)
        try:
            return walked.poll(visit, await store.totals())
        except Trouble as trouble:
            return visit.failed(trouble) if is_silent else walked.stopped(trouble).poll(visit)


def _entries(feed: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the entries: the feed has a list of them, a single one bare, or none at all."""
    value = feed.get("entry")
    entries = value if isinstance(value, list) else [value]
    return [entry for entry in entries if isinstance(entry, dict)]


def _last_page(feed: dict[str, Any]) -> int:
    """Return the number of the last page as the feed links it, 10 where it does not."""
    links = feed.get("link")
    for link in links if isinstance(links, list) else [links]:
        attributes = link.get("attributes") if isinstance(link, dict) else None
        if isinstance(attributes, dict) and attributes.get("rel") == "last":
            found = _PAGE.search(str(attributes.get("href", "")))
            return int(found[1]) if found else LAST_PAGE
    return LAST_PAGE


def _label(entry: dict[str, Any], *path: str) -> str:
    """Return the text at ``path``: every value is wrapped as {"label": …}."""
    value: object = entry
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    label = value.get("label") if isinstance(value, dict) else value
    return str(label) if isinstance(label, str | int | float) else ""


def _review(entry: dict[str, Any], visit: Visit, options: AppStoreOptions) -> Post | None:
    """Return a review, None for the entry that is the app itself (it has no rating)."""
    value, name = number_of(_label(entry, "im:rating")), _label(entry, "id")
    if value is None or not name:
        return None
    stars = Stars(value=value)
    dated = parse_date(_label(entry, "updated"), tz=options.zone, now=visit.now)
    published, precision = believable(dated, now=visit.now)
    version = _label(entry, "im:version")
    return Post(
        source_id=visit.source.id,
        external_id=name[:500],
        kind=PostKind.REVIEW,
        url=_address(entry),
        title=tidy(_label(entry, "title"))[:TITLE_CHARACTERS].replace("\n", " ") or None,
        text=tidy(_label(entry, "content")[:_TEXT_CHARACTERS]),
        author=Author(
            name=tidy(_label(entry, "author", "name"))[:200] or None,
            url=absolute_url(_label(entry, "author", "uri"), base=visit.source.url),
        ),
        published_at=published,
        precision=precision,
        metrics=_metrics(entry),
        rating=stars.normalised,
        stars=stars,
        product=options.app_id,
        tags=(f"version:{version}",) if version else (),
    )


def _address(entry: dict[str, Any]) -> str | None:
    links = entry.get("link")
    link = links[0] if isinstance(links, list) and links else links
    attributes = link.get("attributes") if isinstance(link, dict) else None
    href = attributes.get("href") if isinstance(attributes, dict) else None
    return absolute_url(str(href), base="") if href else None


def _metrics(entry: dict[str, Any]) -> dict[str, int]:
    counts = {
        "likes": count_of(_label(entry, "im:voteSum")),
        "votes": count_of(_label(entry, "im:voteCount")),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _totals(found: dict[str, Any], app: str) -> list[ProductRating]:
    value, count = number_of(found.get("averageUserRating")), count_of(found.get("userRatingCount"))
    if value is None or not count:
        return []
    total = ProductRating(
        product=app,
        stars=Stars(value=value),
        count=count,
        name=str(found.get("trackName") or "")[:300] or None,
        url=absolute_url(str(found.get("trackViewUrl") or ""), base=""),
    )
    return [total]
