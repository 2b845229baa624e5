"""One visit's reading of a timeline: what it asks, what it gathers, the Poll it becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import timedelta
from urllib.parse import urlencode

from collectors.base import Http, Reply
from collectors.model import Poll, Post, SourceState
from collectors.social import values
from collectors.social.limits import MASTODON, Api
from collectors.social.listening import Heard, is_over
from collectors.social.mastodon_status import id_order, post_of, status_id
from collectors.social.mastodon_timeline import (
    LOW,
    MastodonOptions,
    Place,
    TimelineKind,
    base_of,
    closed_because,
    is_to_be_asked,
    next_newest,
    stream_base,
    timeline_url,
    until_reset,
)
from collectors.social.sse import Event
from collectors.visit import BLOCKED_WAIT, Trouble, Visit, trouble_state

PAGES = 5
_MOST_CHARACTERS = 100_000  # a poll is one message on the bus
_MOST_HEARD = 300
_MOST_DELETED = 1_000
_NEEDS_TOKEN = "该实例要求登录，请填写 token (the instance wants a signed-in user: set `token`)"  # noqa: S105  # a reason
_BAD_TOKEN = "token 无效或已被撤销，请换一个 (the token is invalid or revoked: set another)"  # noqa: S105  # a reason
_NO_ACCOUNT = "该实例不认识这个账号，请检查 account (no such account on this instance)"
_NO_LIST = "返回的不是时间线 (not a timeline)"
_NOT_FATAL = frozenset({400, 401, 403, 404, 405, 410, 422})


@dataclass(slots=True, kw_only=True)
class Reading:
    """What was read so far; ``place`` never passes what was not read.

    ``deadline`` is on the event loop's clock. ``is_behind`` says that more is known to wait,
    ``has_moved`` that a page was read.
    """

    visit: Visit
    api: Api
    options: MastodonOptions
    place: Place
    deadline: float
    posts: dict[str, Post] = field(default_factory=dict)
    deleted: dict[str, None] = field(default_factory=dict)
    heard: list[str] = field(default_factory=list)
    is_behind: bool = False
    has_moved: bool = False

    @property
    def base(self) -> str:
        """Scheme and host of the instance."""
        return base_of(self.visit.source.url)

    async def prepare(self) -> None:
        """Learn what the instance allows, where it streams, and which account is meant.

        Raises:
            Trouble: it does not let us read this timeline, or does not answer.
        """
        if is_to_be_asked(self.place, self.visit.now):
            await self._ask_instance()
        if self.options.timeline is TimelineKind.ACCOUNT and not self.place.account_id:
            await self._look_up_account()

    async def read_pages(self) -> None:
        """Read forward from ``place`` to the end, or as much as one visit carries.

        Raises:
            Trouble: a page was refused; the pages before it count.
        """
        left_out = frozenset(self.place.heard)
        for _ in range(PAGES):
            statuses, reply = await self._page()
            self._take_page(statuses, left_out)
            is_first = self.place.newest is None
            newest = next_newest(statuses, reply.headers, self.place)
            if newest is not None:
                self._move(newest)
            elif is_first:
                self._move("0")  # nothing there yet: all that comes is new
            if newest is None or is_first:
                return
            if self._is_enough():
                break
        self.is_behind = True

    def take_event(self, event: Event) -> Heard:
        """Take one event of the stream; returns what it was to us."""
        if event.name == "delete":
            self._delete(event.text.strip())
        elif event.name in ("update", "status.update"):
            status = _status_in(event)
            identity = status_id(status)
            if identity and event.name == "update" and self._is_news(identity):
                self.heard.append(identity)
            if self._take(status):
                return Heard.ENOUGH if self._is_full() else Heard.POST
        return Heard.ENOUGH if self._is_full() else Heard.NOTHING

    def poll(self, trouble: Trouble | None = None, *, at_once: bool = False) -> Poll:
        """Return the poll: due again ``at_once`` or as soon as more is known to wait."""
        place = replace(self.place, heard=(*self._still_heard(), *self.heard))
        if trouble is not None and not (self.posts or self.deleted or self.has_moved):
            return self.visit.failed(trouble)
        pause = until_reset(self.api.quota, self.visit.now)
        poll = self.visit.brought(
            list(self.posts.values()),
            position=place.written(),
            trouble=trouble,
            quota=self.api.quota,
            deleted=tuple(self.deleted),
            wait=pause,
        )
        soon = trouble is None and not self._is_low() and (at_once or self.is_behind)
        return replace(poll, wait=timedelta(0)) if soon else poll

    async def _ask_instance(self) -> None:
        try:
            instance = await self.api.json(f"{self.base}/api/v2/instance")
        except Trouble as trouble:
            if trouble.status not in _NOT_FATAL and trouble.status != 200:
                raise
            instance = None  # older, or another make: the timeline itself will tell
        reason = closed_because(instance, self.options, has_token=bool(self.api.headers))
        if reason is not None:
            raise Trouble(SourceState.BLOCKED, reason, wait=BLOCKED_WAIT)
        self.place = replace(
            self.place,
            stream=stream_base(instance, self.base),
            asked_at=self.visit.now.isoformat(),
        )

    async def _look_up_account(self) -> None:
        acct = (self.options.account or "").strip().removeprefix("@")
        try:
            account = await self.api.json(
                f"{self.base}/api/v1/accounts/lookup?{urlencode({'acct': acct})}"
            )
        except Trouble as trouble:
            if trouble.status == 404:
                trouble.reason = _NO_ACCOUNT
            raise
        found = status_id(account)
        if found is None:
            raise Trouble(trouble_state(self.visit.source), _NO_ACCOUNT, status=200)
        self.place = replace(self.place, account_id=found)

    async def _page(self) -> tuple[list[object], Reply]:
        reply = await self.api.get(timeline_url(self.base, self.options, self.place))
        page = self.visit.read_json(reply)
        if not isinstance(page, list):
            raise Trouble(trouble_state(self.visit.source), _NO_LIST, status=reply.status)
        return page, reply

    def _take_page(self, statuses: list[object], left_out: frozenset[str]) -> None:
        for status in statuses:
            if status_id(status) not in left_out:
                self._take(status)

    def _take(self, status: object) -> bool:
        post = post_of(
            status,
            self.visit.source,
            now=self.visit.now,
            honour_indexable=self.options.honour_indexable,
        )
        if post is None:
            return False
        self.posts[post.external_id] = post
        return True

    def _delete(self, identity: str) -> None:
        if identity and len(identity) <= 100:
            self.posts.pop(identity, None)
            self.deleted[identity] = None

    def _move(self, newest: str) -> None:
        self.place = replace(self.place, newest=newest)
        self.has_moved = True

    def _is_news(self, identity: str) -> bool:
        return self.place.newest is None or id_order(identity) > id_order(self.place.newest)

    def _still_heard(self) -> tuple[str, ...]:
        return tuple(one for one in self.place.heard if self._is_news(one))

    def _is_low(self) -> bool:
        return self.api.quota is not None and self.api.quota.remaining < LOW

    def _is_enough(self) -> bool:
        return self._is_low() or is_over(self.deadline) or self._characters() >= _MOST_CHARACTERS

    def _is_full(self) -> bool:
        return (
            len(self.heard) >= _MOST_HEARD
            or len(self.posts) >= _MOST_HEARD
            or len(self.deleted) >= _MOST_DELETED
            or self._characters() >= _MOST_CHARACTERS
        )

    def _characters(self) -> int:
        return sum(len(post.text) for post in self.posts.values())


def api_of(visit: Visit, http: Http) -> Api:
    """Return the way to ask the instance of ``visit``, signed in where there is a token."""
    token = visit.source.secrets.get("token")

    def judge(reply: Reply) -> Trouble | None:
        trouble = visit.refusal(reply)
        return _explained(trouble, error_of(reply), token) if trouble else None

    return Api(
        visit=visit,
        http=http,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        window=MASTODON,
        judge=judge,
    )


def _explained(trouble: Trouble, words: str, token: str | None) -> Trouble:
    """Return the trouble with what to do about it, or with the instance's own words."""
    if "authenticated user" in words.lower():
        return Trouble(SourceState.BLOCKED, _NEEDS_TOKEN, wait=BLOCKED_WAIT, status=trouble.status)
    if trouble.status == 401:
        trouble.reason = _BAD_TOKEN if token else _NEEDS_TOKEN
    elif words and not (token and token in words):
        trouble.reason = f"{trouble.reason}：{words}"
    return trouble


def error_of(reply: Reply) -> str:
    """Return what an error answer says (``{"error": …}``), at most 200 characters of it."""
    try:
        found = values.child(json.loads(reply.body))
    except (ValueError, RecursionError):
        return ""
    return values.name(found.get("error")) or ""


def _status_in(event: Event) -> object:
    try:
        return json.loads(event.text)
    except (ValueError, RecursionError):
        return None
