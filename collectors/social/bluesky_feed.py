"""Lists of Bluesky posts, newest first, page by page: an author's feed and search results."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

from collectors.base import Http, Reply
from collectors.model import Poll, Post, SourceState
from collectors.plain import tidy
from collectors.social import values
from collectors.social.bluesky_posts import (
    is_pinned,
    item_time,
    post_of_feed_item,
    post_of_view,
    view_time,
)
from collectors.social.bluesky_session import Account, Session, error_name, has_run_out
from collectors.social.limits import Api
from collectors.social.paging import (
    Pace,
    Page,
    ReadPage,
    Walk,
    dump_walks,
    load_position,
    load_walks,
    poll_of,
    walk_lists,
)
from collectors.social.values import Json
from collectors.visit import BLOCKED_WAIT, Trouble, Visit, trouble_state

PAGE = 100
_LIST = "feed"
# Things appear late in the index, and programs claim earlier times than they post at.
_OVERLAP = timedelta(minutes=10)
# With signing in, a visit stays below a minute even where every answer takes its 15 s.
_PACE = Pace(pages=3, newest=PAGE, overlap=_OVERLAP // timedelta(milliseconds=1))
_MOST_SEEN = 300
_NEEDS_SIGN_IN = (
    "搜索需要登录，请填写 identifier 与 app_password (search wants `identifier` and `app_password`)"
)
_NO_LIST = "返回的不是帖子列表 (not a list of posts)"
_RAN_OUT = "登录会话已失效 (the session ran out)"

SignIn = Callable[[Visit, Http], Awaitable[Session]]


class SessionRanOut(Trouble):
    """The access token is no longer good: sign in anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AuthorFeed:
    """What one author posts and reposts; open to everybody."""

    api: Api
    base: str
    actor: str
    filter: str

    async def page(self, cursor: str | None, _since: int | None) -> Page:
        """Return one page; raises `Trouble`."""
        asked = {"actor": self.actor, "limit": str(PAGE), "filter": self.filter}
        url = _address(self.base, "app.bsky.feed.getAuthorFeed", asked, cursor)
        answer = values.child(await self.api.json(url))
        visit = self.api.visit
        listed = [item for item in _listed(visit, answer, "feed") if not is_pinned(item)]
        return _page(
            [
                (
                    item_time(item, visit.now),
                    post_of_feed_item(item, visit.source.id, now=visit.now),
                )
                for item in listed
            ],
            answer.get("cursor"),
            visit.now,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchFeed:
    """What a search finds, asked for as ``account``: the open interface refuses searches."""

    api: Api
    account: Account
    query: str
    lang: str | None

    async def page(self, cursor: str | None, _since: int | None) -> Page:
        """Return one page; raises `Trouble`. A session that ran out is renewed on the way."""
        try:
            answer = await self._answer(cursor, self.account.signed_in)
        except SessionRanOut:
            answer = await self._answer(cursor, self.account.renewed)
        visit = self.api.visit
        views = _listed(visit, answer, "posts")
        return _page(
            [
                (view_time(view, visit.now), post_of_view(view, visit.source.id, now=visit.now))
                for view in views
            ],
            answer.get("cursor"),
            visit.now,
        )

    async def _answer(self, cursor: str | None, sign_in: SignIn) -> Json:
        session = await sign_in(self.api.visit, self.api.http)
        self.api.headers = session.headers
        asked = {"q": self.query, "sort": "latest", "limit": str(PAGE), "lang": self.lang or ""}
        url = _address(session.endpoint, "app.bsky.feed.searchPosts", asked, cursor)
        return values.child(await self.api.json(url))


async def visit_list(visit: Visit, api: Api, name: str, read: ReadPage) -> Poll:
    """Return the poll of walking one list. ``name`` tells lists apart: an edited source starts anew.

    Late posts are looked for behind the newest one, too; what was seen there before is left out.
    """
    before = visit.source.cursor.position
    found = load_position(before)
    found = found if found.get("of") == name else {}
    walks = load_walks({_LIST: found.get(_LIST)})
    visited = await walk_lists({_LIST: read}, walks, _PACE)
    if visited.trouble and not visited.pages and visited.walks == walks:
        return poll_of(visit, visited, api, before or "{}")
    seen = {mark: at for mark, at in values.child(found, "seen").items() if isinstance(at, int)}
    now_seen = {
        _mark(post): _rank(post.published_at or visit.now, visit.now)
        for post in visited.posts.values()
    }
    visited.posts = {key: post for key, post in visited.posts.items() if _mark(post) not in seen}
    kept = _near_ends(seen | now_seen, visited.walks[_LIST])
    position = {"of": name, **dump_walks(visited.walks), "seen": kept}
    return poll_of(visit, visited, api, json.dumps(position))


def _near_ends(seen: dict[str, int], walk: Walk) -> dict[str, int]:
    """Return what was seen where the overlap of a later visit will come upon it again."""
    kept: dict[str, int] = {}
    for end in (walk.mark, walk.top):
        if end is not None:
            near = [(at, mark) for mark, at in seen.items() if end - _PACE.overlap < at <= end]
            kept |= {mark: at for at, mark in sorted(near)[-_MOST_SEEN:]}
    return kept


def explained(visit: Visit, reply: Reply) -> Trouble | None:
    """Return what an answer that is no success means, with the service's words where it has some."""
    trouble = visit.refusal(reply)
    if trouble is None:
        return None
    message = _message(reply)
    if has_run_out(reply):
        return SessionRanOut(SourceState.BLOCKED, _RAN_OUT, wait=BLOCKED_WAIT, status=reply.status)
    if reply.status in (401, 403) and "searchPosts" in reply.url:
        return Trouble(SourceState.BLOCKED, _NEEDS_SIGN_IN, wait=BLOCKED_WAIT, status=reply.status)
    if message and trouble.state is not SourceState.RATE_LIMITED:
        trouble.reason = f"{trouble.reason}：{message}"
    return trouble


def _message(reply: Reply) -> str:
    name = error_name(reply)
    if not name:
        return ""
    words = values.text(values.child(json.loads(reply.body)).get("message"))
    return tidy(f"{name}: {words}")[:200]


def _address(base: str, method: str, asked: dict[str, str], cursor: str | None) -> str:
    query = {name: value for name, value in asked.items() if value}
    return f"{base}/xrpc/{method}?{urlencode(query | ({'cursor': cursor} if cursor else {}))}"


def _listed(visit: Visit, answer: Json, name: str) -> list[Json]:
    """Return the list in an answer; raises `Trouble` where there is none: that is not an empty one."""
    if not isinstance(answer.get(name), list):
        raise Trouble(trouble_state(visit.source), _NO_LIST, status=200)
    return values.objects(answer.get(name))


def _page(
    listed: Sequence[tuple[datetime | None, Post | None]], cursor: object, now: datetime
) -> Page:
    posts: list[tuple[int, Post]] = []
    rank: int | None = None
    for moment, post in listed:
        if moment is not None:
            rank = _rank(moment, now)
        if post is not None:
            posts.append((_rank(now, now) if rank is None else rank, post))
    return Page(
        posts=tuple(posts),
        oldest=rank,
        following=(values.text(cursor) or None) if listed else None,
    )


def _rank(moment: datetime, now: datetime) -> int:
    """Return unix milliseconds; a moment ahead counts as now."""
    return int(min(moment, now).timestamp() * 1000)


def _mark(post: Post) -> str:
    return hashlib.blake2b(post.external_id.encode(), digest_size=6).hexdigest()
