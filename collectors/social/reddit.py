"""Reddit: by its interface for registered applications, or by the RSS of a user's own feed token.

Sources: https://github.com/reddit-archive/reddit/wiki/OAuth2, https://www.reddit.com/prefs/feeds.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Self
from urllib.parse import urlencode

from pydantic import Field, model_validator

from collectors.base import BaseCollector, Http
from collectors.model import CollectError, Look, Poll, Sight, Source, SourceState
from collectors.options import Options
from collectors.social.limits import REDDIT, Api
from collectors.social.looking import not_asked
from collectors.social.paging import NEWEST, Pace, Page, ReadPage, visit_lists
from collectors.social.reddit_feed import visit_feeds
from collectors.social.reddit_things import created, external_id, is_gone, post_of, things
from collectors.social.values import child, number, rank, text
from collectors.visit import BLOCKED_WAIT, Trouble, Visit

TOKEN_URL = "https://www.reddit.com/api/v1/access_token"  # noqa: S105  # an address
API = "https://oauth.reddit.com"
USER_AGENT = "python:jianwei:1.0 (self-hosted brand monitoring)"
_PAGES = 6
_OVERLAP_SECONDS = 120
_MARGIN = timedelta(seconds=60)
_SHORTEST, _LONGEST = 120, 86_400
_TOKEN_TEXT = re.compile(r"[\x21-\x7e]{1,4096}")
_NO_KEY = (
    "Reddit 不允许匿名读取: 请填写 client_id 与密钥 client_secret, 或用户名 user 与密钥 feed_token "
    "(credentials needed)"
)
_NO_TOKEN = "Reddit 没有给出访问令牌: 请检查 client_id 与 client_secret (no access token)"  # noqa: S105  # a text

Subreddit = Annotated[str, Field(pattern=r"^[A-Za-z0-9_]{2,50}$")]


class RedditOptions(Options):
    """Settings of a Reddit source."""

    subreddits: tuple[Subreddit, ...] = Field(
        default=(), max_length=50, description="Names without r/; empty: the whole site."
    )
    query: Annotated[str, Field(min_length=1, max_length=400)] | None = Field(
        default=None, description="Only links this search finds."
    )
    comments: bool = Field(default=False, description="New comments of the subreddits, too.")
    client_id: str | None = Field(
        default=None, pattern=r"^[\w-]{5,60}$", description="The application's id (prefs/apps)."
    )
    user: str | None = Field(
        default=None,
        pattern=r"^[\w-]{2,40}$",
        description="Whose feed token the secret feed_token is (prefs/feeds).",
    )
    user_agent: str = Field(
        default=USER_AGENT,
        pattern=r"^[\x20-\x7e]{5,200}$",
        description="As Reddit asks for it: platform:app:version (by /u/name).",
    )
    newest: int = Field(
        default=NEWEST, ge=1, le=500, description="How many of each list the first import takes."
    )

    @model_validator(mode="after")
    def _names_something(self) -> Self:
        if not self.subreddits and (self.comments or not self.query):
            raise ValueError("请填写 subreddits, 或只填 query (name subreddits, or a query alone)")
        return self


@dataclass(frozen=True, slots=True)
class _Token:
    text: str = field(repr=False)
    until: datetime


@dataclass(slots=True, kw_only=True)
class _Asking:
    """Reddit during one visit. A refused access token is renewed, once."""

    api: Api
    options: RedditOptions
    tokens: _Tokens
    renewed: bool = False

    async def json(self, path: str, **asked: str) -> object:
        url = f"{API}{path}?{urlencode({**asked, 'raw_json': '1'})}"
        await self._sign_in()
        try:
            return await self.api.json(url)
        except Trouble as trouble:
            if trouble.status != 401 or self.renewed:
                raise
        self.renewed = True
        self.tokens.forget(self.api.visit.source)
        await self._sign_in()
        return await self.api.json(url)

    async def page(
        self, path: str, more: Mapping[str, str], after: str | None, _known: int | None
    ) -> Page:
        asked = {**more, "limit": "100", **({"after": after} if after else {})}
        listing = await self.json(path, **asked)
        visit, found = self.api.visit, list(things(listing))
        ranked = [
            (rank(created(thing), visit.now), post_of(thing, visit.source.id, visit.now))
            for thing in found
        ]
        return Page(
            posts=tuple((at or 0, post) for at, post in ranked if post is not None),
            oldest=ranked[-1][0] if ranked else None,
            following=text(child(listing, "data").get("after")) or None,
            deleted=tuple(filter(None, (external_id(one) for one in found if is_gone(one)))),
        )

    async def _sign_in(self) -> None:
        token = await self.tokens.token(self.api, self.options)
        self.api.headers = {
            "Authorization": f"Bearer {token}",
            "User-Agent": self.options.user_agent,
        }


class _Tokens:
    """The access tokens of applications, kept until they expire."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, str], _Token] = {}

    def forget(self, source: Source) -> None:
        """Forget the token of ``source``: it was refused."""
        self._known = {key: token for key, token in self._known.items() if key[0] != source.id}

    async def token(self, api: Api, options: RedditOptions) -> str:
        """Return an access token that is good for this visit.

        Raises:
            Trouble: Reddit gives none for these credentials.
        """
        visit = api.visit
        basic = _basic(visit.source, options)
        key = (visit.source.id, basic)
        known = self._known.get(key)
        if known is None or known.until <= visit.now:
            known = self._known[key] = await _new_token(api, basic, options.user_agent)
        return known.text


def _basic(source: Source, options: RedditOptions) -> str:
    secret = source.secrets.get("client_secret")
    if not options.client_id or not secret:
        raise Trouble(SourceState.BLOCKED, _NO_KEY, wait=BLOCKED_WAIT)
    return base64.b64encode(f"{options.client_id}:{secret}".encode()).decode("ascii")


async def _new_token(api: Api, basic: str, user_agent: str) -> _Token:
    visit = api.visit
    headers = {
        "Authorization": f"Basic {basic}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "User-Agent": user_agent,
    }
    try:
        reply = await api.http.post(TOKEN_URL, b"grant_type=client_credentials", headers)
    except CollectError as error:
        raise visit.unreached(error) from error
    refused = Trouble(SourceState.BLOCKED, _NO_TOKEN, wait=BLOCKED_WAIT, status=reply.status)
    if reply.status in (400, 401):
        raise refused
    if trouble := visit.refusal(reply):
        raise trouble
    answer = child(visit.read_json(reply))
    token = text(answer.get("access_token"))
    if not _TOKEN_TEXT.fullmatch(token):  # wrong credentials are a 200 with {"error": …}, too
        raise refused
    seconds = min(max(number(answer.get("expires_in")) or 0, _SHORTEST), _LONGEST)
    return _Token(token, visit.now + timedelta(seconds=seconds) - _MARGIN)


class RedditCollector(BaseCollector):
    """Visits Reddit; access tokens are kept from one visit to the next."""

    kind = "reddit"
    options = RedditOptions
    default_url = "https://www.reddit.com"
    secrets = ("client_secret", "feed_token")
    most_at_once = 100

    def __init__(self) -> None:
        self._tokens = _Tokens()

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the links, and comments if wanted, that came since the last visit."""
        visit = Visit(source=source, slot=slot, now=now)
        options = RedditOptions.model_validate(source.options)
        token = source.secrets.get("feed_token")
        if token and options.user and not source.secrets.get("client_secret"):
            return await visit_feeds(visit, http, _feeds(options), user=options.user, token=token)
        asking = self._asking(visit, http, options)
        lists: dict[str, ReadPage] = {
            path: partial(asking.page, path, more) for path, more in _lists(options).items()
        }
        pace = Pace(pages=_PAGES // len(lists), newest=options.newest, overlap=_OVERLAP_SECONDS)
        return await visit_lists(visit, asking.api, lists, pace)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return scores and texts as they are now. What Reddit does not answer stays unknown."""
        options = RedditOptions.model_validate(source.options)
        asking = self._asking(Visit(source=source, slot=now, now=now), http, options)
        names = [one.external_id for one in sights if one.external_id.startswith(("t1_", "t3_"))]
        if not names:
            return Look()
        try:
            found = list(things(await asking.json("/api/info", id=",".join(names))))
        except Trouble as trouble:
            raise not_asked(trouble) from trouble
        posts = [post_of(thing, source.id, now) for thing in found]
        gone = [external_id(thing) for thing in found if is_gone(thing)]
        return Look(
            posts=tuple(post for post in posts if post is not None),
            deleted=tuple(name for name in gone if name is not None),
        )

    def _asking(self, visit: Visit, http: Http, options: RedditOptions) -> _Asking:
        api = Api(visit=visit, http=http, window=REDDIT)
        return _Asking(api=api, options=options, tokens=self._tokens)


def _lists(options: RedditOptions) -> dict[str, dict[str, str]]:
    """Return the paths asked, each with its own parameters."""
    where = f"/r/{'+'.join(options.subreddits)}" if options.subreddits else ""
    lists: dict[str, dict[str, str]] = {}
    if options.query:
        search = {"q": options.query, "sort": "new", "t": "week", "type": "link"}
        lists[f"{where}/search"] = {**search, **({"restrict_sr": "on"} if where else {})}
    else:
        lists[f"{where}/new"] = {}
    if options.comments:
        lists[f"{where}/comments"] = {}
    return lists


def _feeds(options: RedditOptions) -> list[str]:
    """Return the same lists as addresses of feeds, without the token."""
    lists = {
        f"{path}/.rss" if not path.endswith("/search") else f"{path}.rss": more
        for path, more in _lists(options).items()
    }
    return [f"{path}?{urlencode({**more, 'limit': '100'})}" for path, more in lists.items()]
