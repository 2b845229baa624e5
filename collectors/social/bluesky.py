"""Public posts of Bluesky: an author's feed, a search (with an app password), the whole network's stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, ClassVar, Literal, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from collectors.base import BaseCollector, Http
from collectors.model import CollectError, Look, Poll, Sight, Source, SourceState
from collectors.options import Options
from collectors.social import values
from collectors.social.bluesky_feed import AuthorFeed, SearchFeed, explained, visit_list
from collectors.social.bluesky_posts import post_of_view, post_uri
from collectors.social.bluesky_session import Account, error_name
from collectors.social.jetstream import Catch, address, mark_of
from collectors.social.keywords import sieve_of
from collectors.social.limits import BLUESKY, Api
from collectors.social.listening import Ending, Patience, listen, opened
from collectors.social.looking import not_asked
from collectors.visit import BLOCKED_WAIT, Trouble, Visit, trouble_state

_PATIENCE = Patience()
_SEARCH_EVERY = timedelta(minutes=5)
_MOST_CONFIRMED = 5
_NO_PASSWORD = (
    "搜索需要应用密码，请填写 app_password (search wants an app password: set `app_password`)"  # noqa: S105  # a reason
)
_NO_TERMS = "没有要找的词：请填写 keywords 或建立词表 (nothing to look for: set `keywords` or make a keyword list)"
_SILENT = "数据流没有任何消息 (the stream said nothing)"

Term = Annotated[str, Field(min_length=1, max_length=200)]


class Mode(StrEnum):
    """Where posts come from."""

    AUTHOR = "author"
    SEARCH = "search"
    STREAM = "stream"


class BlueskyOptions(Options):
    """Settings of a Bluesky source."""

    mode: Mode = Field(description="author (with actor), search (with query) or stream.")
    actor: str | None = Field(default=None, max_length=300, description="Handle or DID.")
    filter: Literal[
        "posts_with_replies", "posts_no_replies", "posts_with_media", "posts_and_author_threads"
    ] = Field(default="posts_with_replies", description="Which posts of the author.")
    query: str | None = Field(default=None, max_length=500, description="What to search for.")
    lang: str | None = Field(default=None, max_length=20, description="Only posts declared so.")
    identifier: str | None = Field(
        default=None, max_length=300, description="Handle whose app password is used to search."
    )
    service: str = Field(
        default="https://bsky.social",
        pattern=r"^https?://[^\s/]+$",
        description="Where that account signs in.",
    )
    keywords: tuple[Term, ...] = Field(
        default=(), max_length=2_000, description="Of the stream: only posts with one of these "
        "(empty: the terms of all keyword lists).",
    )  # fmt: skip
    jetstream: str = Field(
        default="wss://jetstream2.us-east.bsky.network/subscribe",
        pattern=r"^wss?://\S+$",
        description="The stream's address.",
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.mode is Mode.AUTHOR and not (self.actor or "").strip(" @"):
            raise ValueError("author 模式需要 actor (mode author needs `actor`)")
        if self.mode is Mode.SEARCH and not (self.query or "").strip():
            raise ValueError("search 模式需要 query (mode search needs `query`)")
        if self.mode is Mode.SEARCH and not self.identifier:
            raise ValueError("search 模式需要 identifier (mode search needs `identifier`)")
        return self


class BlueskyCollector(BaseCollector):
    """Visits Bluesky; ``url`` is the AppView that is read without a key."""

    kind = "bluesky"
    options = BlueskyOptions
    default_url = "https://public.api.bsky.app"
    secrets = ("app_password",)
    wants_terms = True
    most_at_once: ClassVar[int] = 25

    def __init__(self, patience: Patience = _PATIENCE) -> None:
        self._patience = patience
        self._accounts: dict[int, Account] = {}

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the posts since the last visit; of the stream, what comes while it is listened to."""
        options = BlueskyOptions.model_validate(source.options)
        visit = Visit(source=source, slot=slot, now=now)
        if options.mode is Mode.STREAM:
            return await self._stream(visit, http, options)
        api = _api(visit, http)
        if options.mode is Mode.SEARCH:
            return await self._search(visit, api, options)
        actor = (options.actor or "").strip().removeprefix("@")
        feed = AuthorFeed(api=api, base=_base(source), actor=actor, filter=options.filter)
        return await visit_list(visit, api, f"author {actor} {options.filter}", feed.page)

    async def _search(self, visit: Visit, api: Api, options: BlueskyOptions) -> Poll:
        account = self._account(visit.source, options)
        if account is None:
            return visit.failed(Trouble(SourceState.BLOCKED, _NO_PASSWORD, wait=BLOCKED_WAIT))
        feed = SearchFeed(api=api, account=account, query=options.query or "", lang=options.lang)
        name = f"search {options.lang or ''} {options.query}"
        poll = await visit_list(visit, api, name, feed.page)
        # Searches are meant for people: one query, at most every five minutes.
        return replace(poll, wait=max(poll.wait, _SEARCH_EVERY))

    def _account(self, source: Source, options: BlueskyOptions) -> Account | None:
        """Return the account of a source with its session; a changed password starts a new one."""
        password = source.secrets.get("app_password")
        if not password:
            return None
        asked = Account(
            service=options.service, identifier=options.identifier or "", password=password
        )
        known = self._accounts.get(source.id)
        if known is None or replace(known, session=None) != asked:
            self._accounts[source.id] = known = asked
        return known

    async def _stream(self, visit: Visit, http: Http, options: BlueskyOptions) -> Poll:
        source = visit.source
        sieve = sieve_of(options.keywords or source.terms)
        if sieve.is_empty:
            return visit.failed(Trouble(trouble_state(source), _NO_TERMS, wait=source.interval))
        start = mark_of(source.cursor.position)
        catch = Catch(source_id=source.id, sieve=sieve, start=start, now=visit.now)
        deadline = self._patience.deadline()
        ending = Ending.CLOSED
        try:
            stream = http.messages(address(options.jetstream, start))
            async with opened(stream, self._patience) as messages:
                ending = await listen(
                    messages, catch.take, deadline=deadline, patience=self._patience
                )
        except CollectError as error:
            if not catch.messages:
                return visit.failed(visit.unreached(error))
        return _caught(visit, catch, ending)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return these posts as they are now.

        The service leaves out of its answer what is deleted, and says so of a single post only
        when asked for its thread. Posts missing beside others that came are deleted; where none
        came, each is confirmed by its thread (five of them, the others stay unknown). Reposts
        cannot be asked for: unknown.

        Raises:
            CollectError: the service could not be asked.
        """
        visit = Visit(source=source, slot=now, now=now)
        uris = [uri for sight in sights if (uri := post_uri(sight.external_id))]
        if not uris:
            return Look()
        api = _api(visit, http)
        asked = urlencode([("uris", uri) for uri in uris[: self.most_at_once]])
        try:
            answer = values.child(
                await api.json(f"{_base(source)}/xrpc/app.bsky.feed.getPosts?{asked}")
            )
            views = values.objects(answer.get("posts"))
            came = {values.text(view.get("uri")) for view in views}
            missing = [uri for uri in uris[: self.most_at_once] if uri not in came]
            if not came.intersection(uris):
                missing = [uri for uri in missing[:_MOST_CONFIRMED] if await _is_gone(api, uri)]
        except Trouble as trouble:
            raise not_asked(trouble) from trouble
        posts = [post_of_view(view, source.id, now=now) for view in views]
        return Look(posts=tuple(post for post in posts if post), deleted=tuple(missing))


def _base(source: Source) -> str:
    return source.url.rstrip("/")


def _api(visit: Visit, http: Http) -> Api:
    return Api(visit=visit, http=http, window=BLUESKY, judge=lambda reply: explained(visit, reply))


def _caught(visit: Visit, catch: Catch, ending: Ending) -> Poll:
    if not catch.messages:
        # The network speaks forty times a second: silence is a broken stream, not calm.
        return visit.failed(Trouble(trouble_state(visit.source), _SILENT))
    poll = visit.brought(
        list(catch.posts.values()),
        position=catch.mark().written(),
        deleted=tuple(catch.deleted),
    )
    return replace(poll, wait=timedelta(0)) if ending is Ending.OURS else poll


async def _is_gone(api: Api, uri: str) -> bool:
    """Return whether the service says of one post that it is not found."""
    asked = urlencode({"uri": uri, "depth": 0, "parentHeight": 0})
    reply = await api.answer(f"{_base(api.visit.source)}/xrpc/app.bsky.feed.getPostThread?{asked}")
    if reply.status == 400:
        return error_name(reply) == "NotFound"
    if trouble := explained(api.visit, reply):
        raise trouble
    thread = values.child(api.visit.read_json(reply), "thread")
    return thread.get("notFound") is True
