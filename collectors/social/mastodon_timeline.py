"""A timeline of one instance: its settings, its addresses, who may read it, where we stand in it.

https://docs.joinmastodon.org/methods/timelines/, …/methods/streaming/, …/entities/Instance/.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Annotated, Self
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from pydantic import Field, model_validator

from collectors.model import Quota
from collectors.options import Options
from collectors.social import values
from collectors.social.mastodon_status import id_order, status_id
from collectors.social.paging import load_position

PAGE = 40
LOW = 10
"""Requests that are left to others when the server's allowance runs out."""
_ACCESS_KEPT = timedelta(hours=24)
_NEXT_FORWARD = re.compile(r'<([^<>]{1,4096})>\s*;[^,<>]{0,200}?\brel="?prev\b', re.IGNORECASE)

Tag = Annotated[str, Field(min_length=1, max_length=200)]


class TimelineKind(StrEnum):
    """Which statuses are read."""

    PUBLIC = "public"
    HASHTAG = "hashtag"
    ACCOUNT = "account"


class MastodonOptions(Options):
    """Settings of a timeline."""

    timeline: TimelineKind = Field(
        default=TimelineKind.PUBLIC, description="public, hashtag (with tag) or account."
    )
    tag: Tag | None = Field(default=None, description="The hashtag, without #.")
    any_of: tuple[Tag, ...] = Field(default=(), max_length=4, description="Or one of these tags.")
    all_of: tuple[Tag, ...] = Field(default=(), max_length=4, description="And all of these tags.")
    none_of: tuple[Tag, ...] = Field(default=(), max_length=4, description="And none of these.")
    account: str | None = Field(
        default=None, max_length=300, description="user, or user@another.instance."
    )
    local: bool = Field(default=False, description="Only statuses of this instance.")
    remote: bool = Field(default=False, description="Only statuses of other instances.")
    only_media: bool = Field(default=False, description="Only statuses with media.")
    exclude_replies: bool = Field(default=False, description="Of an account: without its replies.")
    exclude_reblogs: bool = Field(default=False, description="Of an account: only its own words.")
    streaming: bool = Field(default=False, description="Listen to the stream (needs a token).")
    honour_indexable: bool = Field(
        default=False, description="Also skip authors who did not opt in to search."
    )

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.timeline is TimelineKind.HASHTAG and not self.tag:
            raise ValueError("话题时间线需要 tag (a hashtag timeline needs `tag`)")
        if self.timeline is TimelineKind.ACCOUNT and not self.account:
            raise ValueError("账号时间线需要 account (an account timeline needs `account`)")
        if self.local and self.remote:
            raise ValueError("local 与 remote 只能选一个 (choose `local` or `remote`, not both)")
        extra = (*self.any_of, *self.all_of, *self.none_of)
        if self.streaming and (self.timeline is TimelineKind.ACCOUNT or extra):
            raise ValueError(
                "实时流只支持 public 和单个 tag (streams exist of public and of one tag only)"
            )
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where we stand: the newest status read by paging, and what need not be asked on every visit.

    ``timeline`` names the instance and the timeline that all the rest belongs to. ``heard`` are
    ids of statuses that came by the stream and lie beyond ``newest``: streams deliver out of
    order, so only paging moves ``newest``, and what was heard is left out when it is paged over.
    ``stream`` is the base address of the streams; ``asked_at`` is when the instance was asked for
    it and for what it allows.
    """

    timeline: str
    newest: str | None = None
    heard: tuple[str, ...] = ()
    account_id: str | None = None
    stream: str | None = None
    asked_at: str | None = None

    def written(self) -> str:
        """Return the place as a position to store."""
        return json.dumps({name: value for name, value in asdict(self).items() if value})


def place_of(position: str | None, timeline: str) -> Place:
    """Return the place a stored position names; the start for none, or for another timeline's."""
    found = load_position(position)
    if found.get("timeline") != timeline:
        return Place(timeline=timeline)
    return Place(
        timeline=timeline,
        newest=values.identifier(found.get("newest")),
        heard=tuple(found_ids(found.get("heard"))),
        account_id=values.identifier(found.get("account_id")),
        stream=values.text(found.get("stream")) or None,
        asked_at=values.text(found.get("asked_at")) or None,
    )


def found_ids(found: object) -> list[str]:
    """Return the ids in a list; anything else in it is left out."""
    ids = map(values.identifier, found if isinstance(found, list) else [])
    return [one for one in ids if one]


def timeline_name(base: str, options: MastodonOptions) -> str:
    """Return what tells timelines apart: an edited source starts anew."""
    chosen = options.account if options.timeline is TimelineKind.ACCOUNT else _bare(options.tag)
    return " ".join((base, options.timeline.value, chosen or "")).strip()


def is_to_be_asked(place: Place, now: datetime) -> bool:
    """Return whether the instance is to be asked again what it allows."""
    asked = values.iso(place.asked_at, now)
    return asked is None or now - asked >= _ACCESS_KEPT


def timeline_url(base: str, options: MastodonOptions, place: Place) -> str:
    """Return the address of the page of statuses right after ``place`` (the newest without one)."""
    flags = {"local": options.local, "remote": options.remote, "only_media": options.only_media}
    lists: dict[str, tuple[str, ...]] = {}
    if options.timeline is TimelineKind.ACCOUNT:
        path = f"accounts/{quote(place.account_id or '', safe='')}/statuses"
        flags = {
            "only_media": options.only_media,
            "exclude_replies": options.exclude_replies,
            "exclude_reblogs": options.exclude_reblogs,
        }
    elif options.timeline is TimelineKind.HASHTAG:
        path = f"timelines/tag/{quote(_bare(options.tag), safe='')}"
        lists = {"any[]": options.any_of, "all[]": options.all_of, "none[]": options.none_of}
    else:
        path = "timelines/public"
    query = [
        *((name, _bare(tag)) for name, tags in lists.items() for tag in tags),
        *((name, "true") for name, is_set in flags.items() if is_set),
        ("limit", str(PAGE)),
        *((("min_id", place.newest),) if place.newest else ()),
    ]
    return f"{base}/api/v1/{path}?{urlencode(query)}"


def stream_url(base: str, options: MastodonOptions, place: Place) -> str:
    """Return the address of the server-sent events of this timeline."""
    root = place.stream or base
    if options.timeline is TimelineKind.HASHTAG:
        path = "hashtag/local" if options.local else "hashtag"
        return f"{root}/api/v1/streaming/{path}?{urlencode({'tag': _bare(options.tag)})}"
    path = "public/local" if options.local else "public/remote" if options.remote else "public"
    media = "?only_media=true" if options.only_media else ""
    return f"{root}/api/v1/streaming/{path}{media}"


def _bare(tag: str | None) -> str:
    return (tag or "").strip().lstrip("#＃")


def base_of(url: str) -> str:
    """Return scheme and host of the instance; a path typed with it is left out."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def stream_base(instance: object, base: str) -> str | None:
    """Return where the instance keeps its streams, None where it does not say.

    The token goes there: it is not sent over plain HTTP where the instance itself speaks TLS.
    """
    named = values.text(values.child(instance, "configuration", "urls").get("streaming"))
    if not re.match(r"(?:ws|http)s?://[^\s/]", named):
        return None
    url = re.sub("^ws", "http", named).rstrip("/")
    return url if url.startswith("https:") or base.startswith("http:") else None


def closed_because(instance: object, options: MastodonOptions, *, has_token: bool) -> str | None:
    """Return why the instance does not show this timeline to us, None where it does (4.5 and later say)."""
    feeds = {TimelineKind.PUBLIC: "live_feeds", TimelineKind.HASHTAG: "hashtag_feeds"}
    access = values.child(
        instance, "configuration", "timelines_access", feeds.get(options.timeline, "")
    )
    scopes = ("local",) if options.local else ("remote",) if options.remote else ("local", "remote")
    told = {values.text(access.get(scope)) or "public" for scope in scopes}
    if told == {"disabled"}:
        return "该实例关闭了这个时间线 (the instance has disabled this timeline)"
    if has_token or told == {"public"}:
        return None
    return "该实例只让登录用户读取这个时间线，请填写 token (the instance shows this timeline to signed-in users only: set `token`)"


def next_newest(statuses: list[object], headers: Mapping[str, str], place: Place) -> str | None:
    """Return the id to read on from, forward in time; None where this page was the last.

    The ``Link`` with rel="prev" names it, before whatever the server itself left out of the page.
    """
    ids = [found for status in statuses if (found := status_id(status))]
    if link := _NEXT_FORWARD.search(headers.get("link", "")):
        ids += parse_qs(urlsplit(link[1]).query).get("min_id", [])
    newest = max(ids, key=id_order, default=None)
    if newest is None or (place.newest and id_order(newest) <= id_order(place.newest)):
        return None
    return newest


def until_reset(quota: Quota | None, now: datetime) -> timedelta:
    """Return how long to leave the server alone: until its reset where little is left."""
    if quota is None or quota.remaining >= LOW or quota.reset_at is None:
        return timedelta()
    return max(quota.reset_at - now, timedelta())
