"""Public Telegram channels by Telegram's own web preview, https://t.me/s/CHANNEL.

About twenty messages a page, the newest last. Messages without words (stickers, bare pictures) and
service messages are no posts. Edits show as other text: the newest page is taken whole each time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Annotated
from urllib.parse import urlencode, urlsplit

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.encoding import decode
from collectors.model import Look, Poll, Post, Sight, Source, SourceState
from collectors.options import Options
from collectors.social.limits import Api
from collectors.social.looking import GONE, Gone, look_at_each
from collectors.social.paging import NEWEST, Pace, Page, visit_lists
from collectors.social.telegram_page import Preview, read_preview
from collectors.taming import PAGE_BYTES
from collectors.visit import BLOCKED_WAIT, CHALLENGE, Trouble, Visit, is_challenge

_PAGES = 3  # Telegram is content with one request in ten seconds
_SEEN_AGAIN = 20
_NO_PREVIEW = "该频道没有公开的网页预览: 频道不存在、非公开或关闭了预览 (preview disabled, or no such channel)"


class TelegramOptions(Options):
    """Settings of a Telegram source."""

    channel: str = Field(
        pattern=r"^[A-Za-z][A-Za-z0-9_]{3,31}$", description="The channel's name without @."
    )
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Only what Telegram's search in the channel finds."
    )
    newest: int = Field(
        default=NEWEST, ge=1, le=500, description="How many messages the first import takes."
    )


class TelegramCollector(BaseCollector):
    """Visits the preview of one public channel."""

    kind = "telegram"
    options = TelegramOptions
    default_url = "https://t.me"
    most_at_once = 5

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the messages since the last visit, and the newest ones once more."""
        visit = Visit(source=source, slot=slot, now=now)
        options = TelegramOptions.model_validate(source.options)
        api = Api(visit=visit, http=http, headers={"Accept": "text/html"})
        pace = Pace(pages=_PAGES, newest=options.newest, again=_SEEN_AGAIN)
        read = partial(_page, api, options)
        return await visit_lists(visit, api, {f"{options.channel}?{options.q or ''}": read}, pace)

    async def look_again(
        self, source: Source, sights: Sequence[Sight], *, http: Http, now: datetime
    ) -> Look:
        """Return messages as they are now, by the widget that other sites embed."""
        api = Api(
            visit=Visit(source=source, slot=now, now=now),
            http=http,
            headers={"Accept": "text/html"},
        )

        async def message(sight: Sight) -> Post | Gone | None:
            channel, _, number = sight.external_id.partition("/")
            if not channel.isidentifier() or not number.isdecimal():
                return None
            url = f"{_root(source)}/{channel}/{number}?embed=1&mode=tme"
            preview = await _read(api, await api.get(url))
            if preview.says_missing:
                return GONE
            posts = [post for _, post in preview.posts]
            return next((post for post in posts if post.external_id == sight.external_id), None)

        return await look_at_each(sights, message)


async def _page(api: Api, options: TelegramOptions, before: str | None, _known: int | None) -> Page:
    asked = {"q": options.q or "", "before": before or ""}
    query = urlencode({key: value for key, value in asked.items() if value})
    url = f"{_root(api.visit.source)}/s/{options.channel}{'?' + query if query else ''}"
    reply = await api.get(url)
    preview = await _read(api, reply)
    if not preview.is_channel or "/s/" not in urlsplit(reply.url).path:
        raise Trouble(
            SourceState.BLOCKED,
            CHALLENGE if is_challenge(reply) else _NO_PREVIEW,
            wait=BLOCKED_WAIT,
            status=reply.status,
        )
    oldest = min(preview.numbers, default=None)
    return Page(
        posts=tuple(sorted(preview.posts, key=lambda ranked: -ranked[0])),
        oldest=oldest,
        following=str(oldest) if oldest is not None and oldest > 1 else None,
    )


async def _read(api: Api, reply: Reply) -> Preview:
    def read() -> Preview:
        visit = api.visit
        text = decode(reply.body[:PAGE_BYTES]).text
        return read_preview(text, source_id=visit.source.id, now=visit.now)

    return await asyncio.to_thread(read)


def _root(source: Source) -> str:
    return source.url.rstrip("/").removesuffix("/s")
