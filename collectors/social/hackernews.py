"""Hacker News: stories and comments from the search at hn.algolia.com, looked at again in Firebase.

Sources: https://hn.algolia.com/api, https://github.com/HackerNews/API.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from urllib.parse import quote, urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http
from collectors.model import Author, Look, Poll, Post, PostKind, Sight, Source
from collectors.options import Options
from collectors.social.limits import Api
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.paging import NEWEST, Pace, Page, ReadPage, visit_lists
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    iso,
    metrics,
    name,
    number,
    objects,
    published,
    rank,
    seen,
    text,
    title,
    unix,
)
from collectors.visit import Visit

ITEM_PAGE = "https://news.ycombinator.com/item?id="
USER_PAGE = "https://news.ycombinator.com/user?id="
FIREBASE = "https://hacker-news.firebaseio.com/v0/item/{}.json"
_FIELDS = (
    "objectID,created_at_i,created_at,author,title,points,num_comments,story_text,comment_text,"
    "story_id,parent_id,_tags"
)
_OVERLAP_SECONDS = 600  # the search index is filled with a delay
_NO_POSTS = frozenset({"pollopt", "job"})

Query = Annotated[str, Field(min_length=1, max_length=200)]


class HackerNewsOptions(Options):
    """Settings of a Hacker News source."""

    queries: tuple[Query, ...] = Field(
        default=(), max_length=10, description="What to search for; empty: everything new."
    )
    tags: str = Field(
        default="(story,comment)",
        max_length=200,
        pattern=r"^[A-Za-z0-9_,()-]+$",
        description="Algolia tags: a comma is AND, parentheses are OR, e.g. story or (story,comment).",
    )
    phrase: bool = Field(default=False, description="Find each query as an exact phrase.")
    newest: int = Field(
        default=NEWEST, ge=1, le=1000, description="How many the first import takes of each query."
    )
    page_size: int = Field(default=200, ge=10, le=1000, description="Hits a page.")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Search:
    """One query, page by page: a page's name is the newest second that may be on it."""

    api: Api
    options: HackerNewsOptions
    query: str

    async def page(self, until: str | None, since: int | None) -> Page:
        visit = self.api.visit
        answer = child(await self.api.json(self._url(until, since)))
        hits = objects(answer.get("hits"))
        times = [number(hit.get("created_at_i")) for hit in hits]
        oldest = min((at for at in times if at is not None), default=None)
        # the count is an estimate: a full page is reason enough to ask for the next
        more = len(hits) >= self.options.page_size or (number(answer.get("nbHits")) or 0) > len(
            hits
        )
        return Page(
            posts=tuple(_ranked(hits, visit.source, visit.now)),
            oldest=None if oldest is None else min(oldest, int(visit.now.timestamp())),
            following=_earlier(oldest, until) if more else None,
        )

    def _url(self, until: str | None, since: int | None) -> str:
        bounds = [f"created_at_i>{since}"] if since is not None else []
        bounds += [f"created_at_i<={until}"] if until else []
        asked = {
            "query": f'"{self.query}"' if self.options.phrase and self.query else self.query,
            "tags": self.options.tags,
            "hitsPerPage": str(self.options.page_size),
            "numericFilters": ",".join(bounds),
            "attributesToRetrieve": _FIELDS,
            "attributesToHighlight": "",
            "typoTolerance": "false",
            "advancedSyntax": "true" if self.options.phrase else "",
        }
        query = urlencode(
            {name: value for name, value in asked.items() if value or name == "query"}
        )
        return f"{self.api.visit.source.url.rstrip('/')}/api/v1/search_by_date?{query}"


class HackerNewsCollector(BaseCollector):
    """Visits Hacker News. One search answers at most 1,000 hits: further ones are asked for by time."""

    kind = "hackernews"
    options = HackerNewsOptions
    default_url = "https://hn.algolia.com"
    most_at_once = 20

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the stories and comments that came since the last visit."""
        visit = Visit(source=source, slot=slot, now=now)
        options = HackerNewsOptions.model_validate(source.options)
        api = Api(visit=visit, http=http)
        queries = dict.fromkeys(options.queries or ("",))
        lists: dict[str, ReadPage] = {
            query: _Search(api=api, options=options, query=query).page for query in queries
        }
        pages = max(2, 8 // len(lists))
        pace = Pace(pages=pages, newest=options.newest, overlap=_OVERLAP_SECONDS)
        return await visit_lists(visit, api, lists, pace)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return scores and texts as they are now; dead and deleted items are gone."""
        api = Api(visit=Visit(source=source, slot=now, now=now), http=http)

        async def item(sight: Sight) -> Post | Gone | None:
            if not sight.external_id.isdecimal():
                return None
            found = await api.json(FIREBASE.format(sight.external_id))
            if found is None:
                return GONE
            return _item(child(found), source, now)

        return await look_at_each(sights, item)


def _earlier(oldest: int | None, until: str | None) -> str | None:
    """Return the name of the page before ``oldest``: that second again, it may be cut in two."""
    if oldest is None:
        return None
    return str(oldest - 1) if str(oldest) == until else str(oldest)


def _ranked(hits: Sequence[Json], source: Source, now: datetime) -> list[tuple[int, Post]]:
    posts = [(hit, _hit(hit, source, now)) for hit in hits]
    return [
        (rank(unix(hit.get("created_at_i")), now) or 0, post)
        for hit, post in posts
        if post is not None
    ]


def _hit(hit: Json, source: Source, now: datetime) -> Post | None:
    """Return the post of a search hit; None for poll options, job advertisements and nonsense."""
    external_id = identifier(hit.get("objectID"))
    tags = hit.get("_tags")
    if external_id is None or (isinstance(tags, list) and not _NO_POSTS.isdisjoint(map(str, tags))):
        return None
    comment = text(hit.get("comment_text"))
    at, precision = published(unix(hit.get("created_at_i")) or iso(hit.get("created_at"), now), now)
    return Post(
        source_id=source.id,
        external_id=external_id,
        kind=PostKind.COMMENT if comment else PostKind.POST,
        url=ITEM_PAGE + external_id,
        title=None if comment else title(hit.get("title")),
        text=seen(comment or hit.get("story_text")),
        author=_author(hit.get("author")),
        published_at=at,
        precision=precision,
        metrics=metrics(score=hit.get("points"), replies=hit.get("num_comments")),
        parent_id=identifier(hit.get("parent_id")),
        root_id=identifier(hit.get("story_id")) if comment else None,
    )


def _item(item: Json, source: Source, now: datetime) -> Post | Gone | None:
    """Return the post of a Firebase item."""
    external_id = identifier(item.get("id"))
    if item.get("deleted") is True or item.get("dead") is True:
        return GONE
    if external_id is None:
        return None
    comment = item.get("type") == "comment"
    at, precision = published(unix(item.get("time")), now)
    return Post(
        source_id=source.id,
        external_id=external_id,
        kind=PostKind.COMMENT if comment else PostKind.POST,
        url=ITEM_PAGE + external_id,
        title=None if comment else title(item.get("title")),
        text=seen(item.get("text")),
        author=_author(item.get("by")),
        published_at=at,
        precision=precision,
        metrics=metrics(score=item.get("score"), replies=item.get("descendants")),
        parent_id=identifier(item.get("parent")),
    )


def _author(user: object) -> Author:
    handle = name(user)
    return author(handle, handle, USER_PAGE + quote(handle) if handle else None)
