"""Lemmy instances by version 3 of its interface (0.18, 0.19): posts, comments and searches.

An external id is ``post-`` or ``comment-`` and the instance's own number, so that the instance can
be asked again and a comment's ``path`` names its parents; ``url`` is the ``ap_id``, the same on every
instance. Source: https://github.com/LemmyNet/lemmy-js-client (types).
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import Annotated
from urllib.parse import urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.model import Author, Look, Poll, Post, PostKind, Sight, Source, SourceState
from collectors.options import Options
from collectors.social.limits import Api
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.paging import NEWEST, Pace, Page, ReadPage, page_number, visit_lists
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    iso,
    link,
    metrics,
    name,
    objects,
    published,
    rank,
    text,
    title,
    written,
)
from collectors.visit import Trouble, Visit, back_off

_LIMIT = 50
_PAGES = 4
_OVERLAP_SECONDS = 1800  # posts of other instances arrive late, with the time they were written
_BY_NUMBER = "page:"
_TOO_OFTEN = "请求过于频繁，稍后再试 (rate_limit_error)"
_PATH = re.compile(r"0(?:\.\d{1,19}){1,200}")
_ID = re.compile(r"(post|comment)-(\d{1,19})")


class Scope(StrEnum):
    """Whose posts: of this instance, or of all it knows."""

    ALL = "All"
    LOCAL = "Local"


class LemmyOptions(Options):
    """Settings of a Lemmy source."""

    community: str | None = Field(
        default=None,
        pattern=r"^[A-Za-z0-9_]{1,100}(?:@[A-Za-z0-9.:-]{1,200})?$",
        description="A community: name, or name@instance.",
    )
    type_: Scope = Field(default=Scope.ALL, description="All that the instance knows, or Local.")
    comments: bool = Field(default=False, description="Comments too.")
    query: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Only what this search finds."
    )
    newest: int = Field(
        default=NEWEST, ge=1, le=500, description="How many of each the first import takes."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """What tells posts from comments in the instance's answers; ``post_of`` makes one of a view."""

    thing: str
    found_in: str
    search_for: str
    post_of: Callable[[Json, Source, datetime], Post | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instance:
    """An instance during one visit."""

    api: Api
    options: LemmyOptions

    async def page(self, shape: _Shape, following: str | None, _known: int | None) -> Page:
        visit = self.api.visit
        answer = child(await self.api.json(self._url(shape, following)))
        views = objects(answer.get(shape.found_in))
        pairs = [(view, shape.post_of(view, visit.source, visit.now)) for view in views]
        unpinned = [view for view in views if not _is_pinned(view)]
        return Page(
            posts=tuple(
                (_rank(view, shape, visit.now) or 0, post)
                for view, post in pairs
                if post is not None
            ),
            oldest=_rank(unpinned[-1], shape, visit.now) if unpinned else None,
            following=_following(answer, following) if views else None,
            deleted=tuple(_deleted(views, shape)),
        )

    def _url(self, shape: _Shape, following: str | None) -> str:
        asked = {"type_": self.options.type_.value, "sort": "New", "limit": str(_LIMIT)}
        if self.options.community:
            asked["community_name"] = self.options.community
        if following and following.startswith(_BY_NUMBER):
            asked["page"] = following.removeprefix(_BY_NUMBER)
        elif following:
            asked["page_cursor"] = following
        path = f"/api/v3/{shape.thing}/list"
        if self.options.query:
            path = "/api/v3/search"
            asked |= {"q": self.options.query, "type_": shape.search_for}
            asked["listing_type"] = self.options.type_.value
        return f"{self.api.visit.source.url.rstrip('/')}{path}?{urlencode(asked)}"


class LemmyCollector(BaseCollector):
    """Visits one Lemmy instance."""

    kind = "lemmy"
    options = LemmyOptions
    most_at_once = 20

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the posts, and comments if wanted, that came since the last visit."""
        visit = Visit(source=source, slot=slot, now=now)
        options = LemmyOptions.model_validate(source.options)
        api = Api(visit=visit, http=http, judge=partial(_judge, visit))
        instance = _Instance(api=api, options=options)
        lists: dict[str, ReadPage] = {"posts": partial(instance.page, _POSTS)}
        if options.comments:
            lists["comments"] = partial(instance.page, _COMMENTS)
        pace = Pace(pages=_PAGES, newest=options.newest, overlap=_OVERLAP_SECONDS)
        return await visit_lists(visit, api, lists, pace)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return posts and comments as they are now; removed and deleted ones are gone."""
        visit = Visit(source=source, slot=now, now=now)
        api = Api(visit=visit, http=http, judge=partial(_judge, visit))

        async def one(sight: Sight) -> Post | Gone | None:
            named = _ID.fullmatch(sight.external_id)
            if named is None:
                return None
            shape = _POSTS if named[1] == "post" else _COMMENTS
            reply = await api.answer(f"{source.url.rstrip('/')}/api/v3/{shape.thing}?id={named[2]}")
            if reply.status in (400, 404) and _said(reply).startswith("couldnt_find_"):
                return GONE
            if trouble := _judge(visit, reply) or visit.refusal(reply):
                raise trouble
            view = child(visit.read_json(reply), f"{shape.thing}_view")
            return GONE if _is_gone(view, shape) else shape.post_of(view, source, now)

        return await look_at_each(sights, one)


def _judge(visit: Visit, reply: Reply) -> Trouble | None:
    if reply.status in (400, 429) and _said(reply) == "rate_limit_error":
        wait = back_off(visit.source)
        return Trouble(SourceState.RATE_LIMITED, _TOO_OFTEN, wait=wait, status=reply.status)
    return None


def _said(reply: Reply) -> str:
    """Return the name of the error an instance answers; empty where there is none."""
    try:
        return text(child(json.loads(reply.body)).get("error"))
    except (ValueError, RecursionError):
        return ""


def _following(answer: Json, here: str | None) -> str | None:
    """Return the next page: by the cursor told (post lists of 0.19), else by number."""
    if cursor := text(answer.get("next_page")):
        return cursor
    if here and not here.startswith(_BY_NUMBER):
        return None
    return f"{_BY_NUMBER}{page_number((here or '').removeprefix(_BY_NUMBER)) + 1}"


def _is_pinned(view: Json) -> bool:
    post = child(view, "post") if "comment" not in view else {}
    return bool(post.get("featured_community") or post.get("featured_local"))


def _rank(view: Json, shape: _Shape, now: datetime) -> int | None:
    return rank(iso(child(view, shape.thing).get("published"), now), now)


def _is_gone(view: Json, shape: _Shape) -> bool:
    thing = child(view, shape.thing)
    return thing.get("removed") is True or thing.get("deleted") is True


def _deleted(views: Sequence[Json], shape: _Shape) -> list[str]:
    gone = [
        identifier(child(view, shape.thing).get("id")) for view in views if _is_gone(view, shape)
    ]
    return [f"{shape.thing}-{number}" for number in gone if number is not None]


def _post(view: Json, source: Source, now: datetime) -> Post | None:
    post, counts = child(view, "post"), child(view, "counts")
    number = identifier(post.get("id"))
    if number is None or _is_gone(view, _POSTS):
        return None
    at, precision = published(iso(post.get("published"), now), now)
    return Post(
        source_id=source.id,
        external_id=f"post-{number}",
        kind=PostKind.POST,
        url=link(post.get("ap_id"), source.url),
        title=title(post.get("name")),
        text=written(post.get("body")),
        author=_author(view, source.url),
        published_at=at,
        precision=precision,
        edited_at=iso(post.get("updated"), now),
        metrics=metrics(
            score=counts.get("score"),
            replies=counts.get("comments"),
            likes=counts.get("upvotes"),
            dislikes=counts.get("downvotes"),
        ),
        tags=_community(view),
    )


def _comment(view: Json, source: Source, now: datetime) -> Post | None:
    comment, counts = child(view, "comment"), child(view, "counts")
    number, post = identifier(comment.get("id")), identifier(child(view, "post").get("id"))
    if number is None or _is_gone(view, _COMMENTS):
        return None
    at, precision = published(iso(comment.get("published"), now), now)
    root = f"post-{post}" if post else None
    return Post(
        source_id=source.id,
        external_id=f"comment-{number}",
        kind=PostKind.COMMENT,
        url=link(comment.get("ap_id"), source.url),
        text=written(comment.get("content")),
        author=_author(view, source.url),
        published_at=at,
        precision=precision,
        edited_at=iso(comment.get("updated"), now),
        metrics=metrics(
            score=counts.get("score"),
            replies=counts.get("child_count"),
            likes=counts.get("upvotes"),
            dislikes=counts.get("downvotes"),
        ),
        parent_id=_parent(comment) or root,
        root_id=root,
        tags=_community(view),
    )


def _parent(comment: Json) -> str | None:
    """Return the comment above; ``path`` is ``0.`` and the numbers from the first down to itself."""
    path = text(comment.get("path"))
    above = path.split(".")[:-1] if _PATH.fullmatch(path) else []
    return f"comment-{above[-1]}" if len(above) > 1 else None


def _author(view: Mapping[str, object], base: str) -> Author:
    creator = child(view, "creator")
    shown = creator.get("display_name") or creator.get("name")
    return author(shown, creator.get("name"), link(creator.get("actor_id"), base))


def _community(view: Json) -> tuple[str, ...]:
    community = name(child(view, "community").get("name"))
    return (community,) if community else ()


_POSTS = _Shape(thing="post", found_in="posts", search_for="Posts", post_of=_post)
_COMMENTS = _Shape(thing="comment", found_in="comments", search_for="Comments", post_of=_comment)
