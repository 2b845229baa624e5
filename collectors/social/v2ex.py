"""V2EX: newest, hot and one node's topics, and replies to the topics that are talked about.

Version 1 of its interface needs no key; with a personal access token version 2 pages through a
node. Sources: https://www.v2ex.com/p/7v9TEc53, https://www.v2ex.com/help/api.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from urllib.parse import urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http
from collectors.model import Look, Poll, Post, Sight, Source, SourceState
from collectors.options import Options
from collectors.plain import tidy
from collectors.social.limits import V2EX, Api
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.paging import (
    NEWEST,
    Pace,
    Page,
    Visited,
    dump_walks,
    load_position,
    load_walks,
    page_number,
    poll_of,
    walk_lists,
)
from collectors.social.v2ex_things import is_deleted, reply_post, topic_post, touched
from collectors.social.values import Json, child, identifier, number, objects, rank, text
from collectors.visit import BLOCKED_WAIT, Trouble, Visit

_REFUSED = "V2EX 拒绝了请求: {} (refused)"
_PAGES = 4
_REPLY_PAGES = 2  # of one topic in one visit
_MOST_TALKS = 100
_OVERLAP_SECONDS = 60


class TopicList(StrEnum):
    """A list of topics of all nodes."""

    LATEST = "latest"
    HOT = "hot"


class V2exOptions(Options):
    """Settings of a V2EX source."""

    node: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9_-]{1,60}$", description="A node's name, e.g. cars."
    )
    topics: TopicList = Field(
        default=TopicList.LATEST, description="Without a node: latest or hot topics of all nodes."
    )
    with_replies: int = Field(
        default=0, ge=0, le=5, description="Of how many topics a visit the new replies are read."
    )
    newest: int = Field(
        default=NEWEST, ge=1, le=500, description="How many topics the first import takes."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Talk:
    """How far the replies to a topic are read.

    ``page`` is the page to read next, ``before`` the replies on pages before it, ``read`` how many
    were read, ``told`` how many there are.
    """

    page: int = 1
    before: int = 0
    read: int = 0
    told: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Site:
    """The site during one visit; with a token it is asked by version 2 where that has the list."""

    api: Api
    base: str
    node: str | None
    topics: TopicList
    has_token: bool

    async def page(self, page: str | None, _known: int | None) -> Page:
        """Return a page of topics, ranked by when something last happened in them."""
        visit, following = self.api.visit, None
        if self.node and self.has_token:
            here = page_number(page)
            answer = await self._ask(f"/api/v2/nodes/{self.node}/topics", p=str(here))
            last = number(child(answer, "pagination").get("pages"))
            following = str(here + 1) if last is None or here < last else None
        elif self.node:
            answer = await self._ask("/api/topics/show.json", node_name=self.node)
        else:
            answer = await self._ask(f"/api/topics/{self.topics}.json")
        topics = _listed(answer)
        # A list of one page is taken whole each time: hot topics are not in the order of time.
        is_paged = self.node is not None and self.has_token
        ranks = [rank(touched(one) if is_paged else visit.now, visit.now) for one in topics]
        return Page(
            posts=tuple(_ranked(topics, ranks, visit)),
            oldest=ranks[-1] if ranks else None,
            following=following if topics else None,
            deleted=tuple(
                filter(None, (identifier(one.get("id")) for one in topics if is_deleted(one)))
            ),
        )

    async def replies(self, topic_id: str, page: int) -> list[Json]:
        """Return a page of replies, oldest first."""
        if self.has_token:
            return _listed(await self._ask(f"/api/v2/topics/{topic_id}/replies", p=str(page)))
        asked = {"topic_id": topic_id, "page": str(page)}
        return _listed(await self._ask("/api/replies/show.json", **asked))

    async def topic(self, topic_id: str) -> list[Json]:
        """Return the topic of that number, nothing where there is none."""
        return _listed(await self._ask("/api/topics/show.json", id=topic_id))

    async def _ask(self, path: str, **asked: str) -> object:
        query = f"?{urlencode(asked)}" if asked else ""
        answer = await self.api.json(f"{self.base}{path}{query}")
        if isinstance(answer, Mapping) and answer.get("success") is not True:
            said = tidy(text(answer.get("message")))[:100] or "?"
            raise Trouble(SourceState.BLOCKED, _REFUSED.format(said), wait=BLOCKED_WAIT, status=200)
        return answer


class V2exCollector(BaseCollector):
    """Visits V2EX."""

    kind = "v2ex"
    options = V2exOptions
    default_url = "https://www.v2ex.com"
    secrets = ("token",)
    most_at_once = 20

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the topics of a list, and new replies to those that are talked about."""
        visit = Visit(source=source, slot=slot, now=now)
        options = V2exOptions.model_validate(source.options)
        site = _site(visit, http, options)
        position = load_position(source.cursor.position)
        name = options.node or options.topics.value
        pace = Pace(pages=_PAGES, newest=options.newest, overlap=_OVERLAP_SECONDS)
        visited = await walk_lists({name: site.page}, load_walks(child(position, "lists")), pace)
        talks = _told(_talks(child(position, "talks")), visited.posts.values())
        if options.with_replies and not visited.trouble:
            talks = await _read_talks(site, visited, talks, options.with_replies)
        after: dict[str, object] = {"lists": dump_walks(visited.walks)}
        if options.with_replies:
            after["talks"] = {
                one: [talk.page, talk.before, talk.read, talk.told] for one, talk in talks.items()
            }
        return poll_of(visit, visited, site.api, json.dumps(after))

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return topics as they are now; of replies nothing can be asked, they stay unknown."""
        visit = Visit(source=source, slot=now, now=now)
        site = _site(visit, http, V2exOptions.model_validate(source.options))

        async def topic(sight: Sight) -> Post | Gone | None:
            if not sight.external_id.isdecimal():
                return None
            try:
                found = await site.topic(sight.external_id)
            except Trouble as trouble:
                if trouble.status in (404, 410):
                    return GONE
                raise
            if not found or is_deleted(found[0]):
                return GONE
            return topic_post(found[0], source.id, now)

        return await look_at_each(sights, topic)


def _site(visit: Visit, http: Http, options: V2exOptions) -> _Site:
    token = visit.source.secrets.get("token")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return _Site(
        api=Api(visit=visit, http=http, headers=headers, window=V2EX),
        base=visit.source.url.rstrip("/"),
        node=options.node,
        topics=options.topics,
        has_token=bool(token),
    )


def _listed(answer: object) -> list[Json]:
    return objects(answer.get("result") if isinstance(answer, Mapping) else answer)


def _ranked(
    topics: Sequence[Json], ranks: Sequence[int | None], visit: Visit
) -> Iterable[tuple[int, Post]]:
    for topic, at in zip(topics, ranks, strict=True):
        if post := topic_post(topic, visit.source.id, visit.now):
            yield at or 0, post


async def _read_talks(
    site: _Site, visited: Visited, talks: dict[str, Talk], most: int
) -> dict[str, Talk]:
    """Return ``talks`` after reading new replies to ``most`` topics, the most talked about first."""
    waiting = [one for one, talk in talks.items() if talk.told > talk.read]
    waiting.sort(key=lambda one: talks[one].read - talks[one].told)
    for topic_id in waiting[:most]:
        try:
            for _ in range(_REPLY_PAGES):
                talks[topic_id] = await _read_talk(site, visited, topic_id, talks[topic_id])
                if talks[topic_id].read >= talks[topic_id].told:
                    break
        except Trouble as trouble:
            if trouble.status not in (404, 410):  # else the topic is gone, its replies with it
                visited.trouble = trouble
                break
            del talks[topic_id]
    return talks


async def _read_talk(site: _Site, visited: Visited, topic_id: str, talk: Talk) -> Talk:
    """Return ``talk`` after its next page: the same page again as long as it may be growing."""
    visit = site.api.visit
    replies = await site.replies(topic_id, talk.page)
    for reply in replies:
        if post := reply_post(reply, topic_id, visit.source.id, visit.now):
            visited.posts.setdefault(post.external_id, post)
    read = talk.before + len(replies)
    if not replies:  # fewer than told: some were deleted
        return replace(talk, read=talk.told)
    if read < talk.told:
        return replace(talk, page=talk.page + 1, before=read, read=read)
    return replace(talk, read=read)


def _told(talks: dict[str, Talk], posts: Iterable[Post]) -> dict[str, Talk]:
    """Return ``talks`` with the reply counts of ``posts``; the longest unheard of are forgotten."""
    for post in posts:
        talk = talks.pop(post.external_id, Talk())
        talks[post.external_id] = replace(talk, told=post.metrics.get("replies", 0))
    return dict(list(talks.items())[-_MOST_TALKS:])


def _talks(found: Json) -> dict[str, Talk]:
    talks: dict[str, Talk] = {}
    for topic_id, value in found.items():
        numbers = [number(one) for one in value] if isinstance(value, list) else []
        if len(numbers) == 4 and topic_id.isdecimal():
            page, before, read, told = (one or 0 for one in numbers)
            talks[topic_id] = Talk(page=max(page, 1), before=before, read=read, told=told)
    return talks
