"""A written instance: statuses in the shape of Mastodon 4.6, and its timeline as pages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collectors.model import START, Cursor, Source
from tests.collectors.recorded import Answer, answer

BASE = "https://social.example"
NOW = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
INSTANCE = f"{BASE}/api/v2/instance"
PUBLIC = f"{BASE}/api/v1/timelines/public"
STREAM = "https://stream.social.example/api/v1/streaming/public"

ACCOUNT = {
    "id": "9", "username": "li", "acct": "li", "display_name": "李 明", "indexable": True,
    "noindex": False, "followers_count": 12, "url": f"{BASE}/@li",
}  # fmt: skip


def status(identity: int | str, **fields: object) -> dict[str, object]:
    return {
        "id": str(identity),
        "created_at": "2026-08-01T13:55:46.609Z",
        "visibility": "public",
        "language": "zh",
        "uri": f"{BASE}/users/li/statuses/{identity}",
        "url": f"{BASE}/@li/{identity}",
        "content": f"<p>云雀汽车 {identity}</p>",
        "spoiler_text": "",
        "replies_count": 1, "reblogs_count": 2, "favourites_count": 3, "quotes_count": 4,
        "edited_at": None, "reblog": None, "in_reply_to_id": None, "account": ACCOUNT, "tags": [],
    } | fields  # fmt: skip


def instance(access: str = "public", streaming: str = "wss://stream.social.example") -> Answer:
    shown = {"local": access, "remote": access}
    configuration = {
        "urls": {"streaming": streaming},
        "timelines_access": {"live_feeds": shown, "hashtag_feeds": shown},
    }
    return answer({"configuration": configuration})


def limits(remaining: int = 299, reset: str = "2026-08-01T14:05:00.643385Z") -> dict[str, str]:
    return {
        "x-ratelimit-limit": "300",
        "x-ratelimit-remaining": str(remaining),
        "x-ratelimit-reset": reset,
    }


def page(ids: list[int], **headers: str) -> Answer:
    """One page, newest first, with the links the server sends."""
    named = dict(headers)
    if ids:
        url = f"{PUBLIC}?limit=40"
        named["link"] = f'<{url}&max_id={ids[0]}>; rel="next", <{url}&min_id={ids[-1]}>; rel="prev"'
    return answer([status(one) for one in reversed(ids)], **named)


def timeline(ids: list[int], after: int, most: int = 40, url: str = PUBLIC) -> dict[str, Answer]:
    """The answers of a timeline that holds ``ids`` (ascending), read on by min_id from ``after``."""
    replies: dict[str, Answer] = {}
    while True:
        found = [one for one in ids if one > after][:most]
        replies[f"{url}?limit=40&min_id={after}"] = page(found)
        if not found:
            return replies
        after = found[-1]


def source(
    options: Mapping[str, object] | None = None,
    position: str | None = None,
    token: str | None = None,
    **more: object,
) -> Source:
    return Source(
        id=7, name="s", kind="mastodon", url=BASE, interval=INTERVAL, options=options or {},
        secrets={"token": token} if token else {},
        cursor=Cursor(position=position) if position else START,
        **more,
    )  # fmt: skip
