"""WordPress sites: posts and comments by the REST interface, by the feeds where that is closed.

Three ways in, tried in this order and remembered: ``/wp-json``, ``?rest_route=`` (sites without
permalinks), the feeds. Source: https://developer.wordpress.org/rest-api/.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from urllib.parse import urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.feed import FeedKind, parse_feed
from collectors.fetch import ACCEPT
from collectors.model import Look, Poll, Post, Sight, Source, SourceState
from collectors.options import Options
from collectors.social.limits import Api
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.paging import (
    NEWEST,
    Pace,
    Page,
    ReadPage,
    Visited,
    Walk,
    dump_walks,
    load_position,
    load_walks,
    page_number,
    poll_of,
    walk_lists,
)
from collectors.social.values import child, number, objects, rank, text
from collectors.social.wordpress_things import (
    FIELDS,
    Thing,
    dated,
    from_feed,
    post_of,
    thing_of,
)
from collectors.visit import Trouble, Visit, back_off, trouble_state

_PAGES = 4
_OVERLAP_SECONDS = 120
_PAST_THE_END = "rest_post_invalid_page_number"
_NO_REST = frozenset({401, 403, 404})
_UNPUBLISHED = frozenset({"rest_forbidden", "rest_cannot_read", "rest_post_trashed"})
_BINNED = frozenset({"trash", "spam"})
_TRY_AGAIN_SECONDS = 86_400
_LAST_SECOND = 253_402_300_799  # of the year 9999
_NO_SUCH = frozenset({"rest_post_invalid_id", "rest_comment_invalid_id"})
_NOT_WORDPRESS = "没有找到 WordPress 的接口或订阅源, 请检查地址 (no WordPress interface or feed)"


class What(StrEnum):
    """What is read of a site."""

    POSTS = "posts"
    COMMENTS = "comments"
    BOTH = "both"


class Way(StrEnum):
    """A way into a site."""

    PRETTY = "wp-json"
    PLAIN = "rest_route"
    FEEDS = "feeds"


class WordPressOptions(Options):
    """Settings of a WordPress site; its address is that of the front page."""

    what: What = Field(default=What.BOTH, description="posts, comments or both.")
    per_page: int = Field(default=50, ge=1, le=100, description="Items a page.")
    newest: int = Field(
        default=NEWEST, ge=1, le=500, description="How many of each the first import takes."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Rest:
    """The REST interface of a site by one of its two ways."""

    api: Api
    way: Way
    per_page: int

    async def newest(self, thing: Thing, following: str | None, known: int | None) -> Page:
        """Return a page of posts or comments by date.

        Pages are named by the second they begin in, so that nothing shifts between two visits,
        and numbered within it: a site may have published many things at once, and it leaves out
        of a page what not everybody may read.
        """
        begins, here = map(page_number, ((following or "").partition(".")[::2]))
        asked = {"orderby": "date" if thing is Thing.POSTS else "date_gmt", "order": "desc"}
        asked["page"] = str(here)
        if begins > 1:
            asked["before"] = _iso(begins + 1)
        if known is not None:
            asked["after"] = _iso(known)
        reply, page = await self._page(thing, asked, "date_gmt")
        pages = _number(reply, "x-wp-totalpages")
        if len(page.posts) < self.per_page and (pages is None or pages <= here):
            return replace(page, following=None)
        stays = page.oldest is None or page.oldest >= begins > 1
        return replace(page, following=f"{begins}.{here + 1}" if stays else f"{page.oldest}.1")

    async def edited(self, following: str | None, known: int | None) -> Page:
        """Return a page of posts by when they were last changed (WordPress 5.7 and later)."""
        here = page_number(following)
        asked = {"orderby": "modified", "order": "desc", "page": str(here)}
        if known is not None:
            asked["modified_after"] = _iso(known)
        reply, page = await self._page(Thing.POSTS, asked, "modified_gmt")
        last = here >= (number(_number(reply, "x-wp-totalpages")) or here)
        return replace(page, following=None if last or not page.posts else str(here + 1))

    async def _page(
        self, thing: Thing, asked: dict[str, str], ranked_by: str
    ) -> tuple[Reply, Page]:
        """Return an answer and its items, without a following page."""
        visit = self.api.visit
        embed = {"_embed": "author"} if thing is Thing.POSTS else {}
        query = {**asked, "per_page": str(self.per_page), "_fields": FIELDS[thing], **embed}
        reply = await self.api.answer(self.url(thing.value, query))
        if reply.status == 400 and _code(reply) == _PAST_THE_END:
            return reply, Page()
        if trouble := visit.refusal(reply):
            raise trouble
        items = objects(visit.read_json(reply))
        ranks = [rank(dated(item, ranked_by, visit.now), visit.now) for item in items]
        posts = [post_of(thing, item, visit.source.id, visit.now) for item in items]
        pairs = zip(ranks, posts, strict=True)
        return reply, Page(
            posts=tuple((at or 0, post) for at, post in pairs if post is not None),
            oldest=ranks[-1] if ranks else None,
        )

    async def item(self, thing: Thing, number_there: str) -> Post | Gone | None:
        """Return one post or comment as it is now."""
        visit = self.api.visit
        embed = {"_embed": "author"} if thing is Thing.POSTS else {}
        reply = await self.api.answer(self.url(f"{thing.value}/{number_there}", embed))
        if reply.status == 401 and _code(reply) in _UNPUBLISHED:
            # Withdrawn, or the whole interface was closed since: what it lists tells which.
            await self.api.get(self.url(thing.value, {"per_page": "1", "_fields": "id"}))
            return GONE
        if reply.status == 410 or (reply.status >= 400 and _code(reply) in _NO_SUCH):
            return GONE  # any other 404 speaks of the interface, not of the item
        if trouble := visit.refusal(reply):
            raise trouble
        found = child(visit.read_json(reply))
        if text(found.get("status")) in _BINNED:
            return GONE
        return post_of(thing, found, visit.source.id, visit.now)

    def url(self, path: str, query: dict[str, str]) -> str:
        root, route = _root(self.api.visit.source), f"/wp/v2/{path}"
        if self.way is Way.PLAIN:
            return f"{root}/?{urlencode({'rest_route': route, **query})}"
        return f"{root}/wp-json{route}{'?' + urlencode(query) if query else ''}"


class WordPressCollector(BaseCollector):
    """Visits a WordPress site."""

    kind = "wordpress"
    options = WordPressOptions
    most_at_once = 10

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return posts, comments and edited posts since the last visit.

        A way in that is closed at the very first request gives way to the next one.
        """
        visit = Visit(source=source, slot=slot, now=now)
        options = WordPressOptions.model_validate(source.options)
        position = load_position(source.cursor.position)
        walks = {"edits": Walk(mark=int(now.timestamp())), **load_walks(child(position, "lists"))}
        refusals: list[Trouble] = []
        api = Api(visit=visit, http=http)
        for way in _ways(position, now):
            visited = await _by(way, api, options, walks)
            if visited.pages:
                after = json.dumps(_position(way, visited, position, now))
                return poll_of(visit, visited, api, after)
            if visited.trouble:
                refusals.append(visited.trouble)
                if not _is_closed(visited.trouble):
                    return visit.failed(visited.trouble)
        return visit.failed(_most_telling(visit, refusals))

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return posts and comments as they are now; those in the bin or withdrawn are gone."""
        api = Api(visit=Visit(source=source, slot=now, now=now), http=http)
        position = load_position(source.cursor.position)
        way = next(way for way in _ways(position, now) if way is not Way.FEEDS)
        rest = _Rest(api=api, way=way, per_page=1)

        async def one(sight: Sight) -> Post | Gone | None:
            named = thing_of(sight.external_id)
            return await rest.item(*named) if named else None

        return await look_at_each(sights, one)


def _lists(rest: _Rest, options: WordPressOptions) -> dict[str, ReadPage]:
    lists: dict[str, ReadPage] = {}
    if options.what is not What.COMMENTS:
        lists["posts"] = partial(rest.newest, Thing.POSTS)
        lists["edits"] = rest.edited
    if options.what is not What.POSTS:
        lists["comments"] = partial(_comments, rest, options)
    return lists


async def _comments(
    rest: _Rest, options: WordPressOptions, following: str | None, known: int | None
) -> Page:
    """Return a page of comments; of a site that shows its posts and not these, their feed."""
    try:
        return await rest.newest(Thing.COMMENTS, following, known)
    except Trouble as trouble:
        if options.what is What.COMMENTS or not _is_closed(trouble):
            raise
        try:
            posts = await _feed(rest.api, "/comments/feed/", Thing.COMMENTS)
        except Trouble:
            raise trouble from None
    now = rest.api.visit.now
    return Page(posts=tuple((rank(post.published_at, now) or 0, post) for post in posts))


async def _by(way: Way, api: Api, options: WordPressOptions, walks: dict[str, Walk]) -> Visited:
    """Return what one way into the site brought."""
    if way is Way.FEEDS:
        visited = await _read_feeds(api, options)
        visited.walks = dict(walks)  # should the interface open again, it goes on where it was
        return visited
    rest = _Rest(api=api, way=way, per_page=options.per_page)
    pace = Pace(pages=_PAGES, newest=options.newest, overlap=_OVERLAP_SECONDS)
    return await walk_lists(_lists(rest, options), walks, pace)


def _ways(position: dict[str, object], now: datetime) -> list[Way]:
    """Return the ways in, the one that was open last time first.

    The feeds lose that place after a day: a closed interface may have been a site in repair.
    """
    closed_at = number(position.get("closed_at")) or 0
    known = [way for way in Way if way == position.get("way")]
    if known == [Way.FEEDS] and now.timestamp() - closed_at > _TRY_AGAIN_SECONDS:
        known = []
    return known + [way for way in Way if way not in known]


def _position(
    way: Way, visited: Visited, before: dict[str, object], now: datetime
) -> dict[str, object]:
    position: dict[str, object] = {"way": way.value, "lists": dump_walks(visited.walks)}
    if way is Way.FEEDS:
        same = _ways(before, now)[0] is Way.FEEDS
        position["closed_at"] = before.get("closed_at") if same else int(now.timestamp())
    return position


def _most_telling(visit: Visit, refusals: Sequence[Trouble]) -> Trouble:
    """Return why no way is open: a refusal where there was one, else that this is no WordPress."""
    refused = [one for one in refusals if one.status in (401, 403)]
    if refused:
        return refused[0]
    status = refusals[0].status if refusals else None
    wait = back_off(visit.source, doublings=2)
    return Trouble(trouble_state(visit.source), _NOT_WORDPRESS, wait=wait, status=status)


async def _read_feeds(api: Api, options: WordPressOptions) -> Visited:
    """Return what the site's feeds show: its ten newest posts and comments, as a rule."""
    visited = Visited(walks={})
    wanted = [Thing(options.what.value)] if options.what is not What.BOTH else list(Thing)
    for thing in wanted:
        path = "/feed/" if thing is Thing.POSTS else "/comments/feed/"
        try:
            for post in await _feed(api, path, thing):
                visited.posts.setdefault(post.external_id, post)
            visited.pages += 1
        except Trouble as trouble:
            visited.trouble = trouble
            break
    return visited


async def _feed(api: Api, path: str, thing: Thing) -> list[Post]:
    visit = api.visit
    reply = await visit.get(api.http, f"{_root(visit.source)}{path}", {"Accept": ACCEPT})
    content_type = reply.headers.get("content-type")
    parsed = parse_feed(
        reply.body, content_type=content_type, url=reply.url, source=visit.source, now=visit.now
    )
    if parsed.kind is FeedKind.NONE:
        raise Trouble(SourceState.NOT_A_FEED, _NOT_WORDPRESS, status=reply.status)
    return from_feed(thing, parsed.posts)


def _is_closed(trouble: Trouble | None) -> bool:
    """Return whether a way in is not there: refused, missing, or a page in place of JSON."""
    if trouble is None or trouble.status is None:
        return False
    return trouble.status in _NO_REST or trouble.status < 300


def _code(reply: Reply) -> str:
    try:
        return text(child(json.loads(reply.body)).get("code"))
    except (ValueError, RecursionError):
        return ""


def _number(reply: Reply, header: str) -> int | None:
    told = reply.headers.get(header, "").strip()
    return int(told) if told.isdecimal() and len(told) < 10 else None


def _iso(seconds: int) -> str:
    return datetime.fromtimestamp(min(seconds, _LAST_SECOND), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _root(source: Source) -> str:
    return source.url.partition("?")[0].rstrip("/")
