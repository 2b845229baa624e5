"""Written Bluesky answers in the shapes of the public schemas (app.bsky.feed.defs, Jetstream v1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collectors.model import START, Cursor, Source
from tests.collectors.recorded import Answer, answer

BASE = "https://public.api.bsky.app"
PDS = "https://pds.example"
SERVICE = "https://bsky.social"
NOW = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)
INTERVAL = timedelta(minutes=5)
DID = "did:plc:lark"
STREAM = "wss://jetstream2.us-east.bsky.network/subscribe"
FEED = f"{BASE}/xrpc/app.bsky.feed.getAuthorFeed"
SEARCH = f"{PDS}/xrpc/app.bsky.feed.searchPosts"
CREATE = f"POST {SERVICE}/xrpc/com.atproto.server.createSession"
REFRESH = f"POST {PDS}/xrpc/com.atproto.server.refreshSession"


def uri(rkey: object, did: str = DID) -> str:
    return f"at://{did}/app.bsky.feed.post/{rkey}"


def at(minutes_ago: float) -> str:
    return (NOW - timedelta(minutes=minutes_ago)).isoformat().replace("+00:00", "Z")


def author(handle: str = "lark.example", *labels: str, did: str = DID) -> dict[str, object]:
    return {
        "did": did,
        "handle": handle,
        "displayName": "云雀",
        "labels": [{"val": label} for label in labels],
    }


def view(rkey: object, minutes_ago: float = 10, **fields: object) -> dict[str, object]:
    record = {"$type": "app.bsky.feed.post", "text": f"云雀汽车 {rkey}", "createdAt": at(minutes_ago),
              "langs": ["zh", "en"]}  # fmt: skip
    return {
        "uri": uri(rkey), "cid": "c", "author": author(), "record": record,
        "replyCount": 1, "repostCount": 2, "likeCount": 3, "quoteCount": 4,
        "indexedAt": at(minutes_ago),
    } | fields  # fmt: skip


def feed(views: list[dict[str, object]], cursor: str | None = None, **headers: str) -> Answer:
    body: dict[str, object] = {"feed": [{"post": one} for one in views]}
    return answer(body | ({"cursor": cursor} if cursor else {}), **headers)


def found(views: list[dict[str, object]], cursor: str | None = None) -> Answer:
    return answer({"posts": views} | ({"cursor": cursor} if cursor else {}))


def session(access: str = "access-1", refresh: str = "refresh-1", pds: str = PDS) -> Answer:
    service = {"id": "#atproto_pds", "type": "AtprotoPersonalDataServer", "serviceEndpoint": pds}
    return answer(
        {"accessJwt": access, "refreshJwt": refresh, "did": DID, "didDoc": {"service": [service]}}
    )


def error(name: str, message: str = "", status: int = 400, **headers: str) -> Answer:
    return answer({"error": name, "message": message}, status=status, **headers)


def limits(remaining: int, seconds: int = 120) -> dict[str, str]:
    return {
        "ratelimit-limit": "3000",
        "ratelimit-remaining": str(remaining),
        "ratelimit-reset": str(int(NOW.timestamp()) + seconds),
    }


def microseconds(seconds_ago: float) -> int:
    return int((NOW - timedelta(seconds=seconds_ago)).timestamp() * 1_000_000)


def frame(
    rkey: object,
    seconds_ago: float,
    text: str = "云雀汽车起火",
    operation: str = "create",
    **record: object,
) -> bytes:
    commit: dict[str, object] = {
        "rev": f"r{rkey}{operation}", "operation": operation, "collection": "app.bsky.feed.post",
        "rkey": str(rkey), "cid": "c",
    }  # fmt: skip
    if operation != "delete":
        commit["record"] = {"text": text, "createdAt": at(seconds_ago / 60)} | record
    event = {"did": DID, "time_us": microseconds(seconds_ago), "kind": "commit", "commit": commit}
    return json.dumps(event, ensure_ascii=False).encode()


def source(
    options: Mapping[str, object],
    position: str | None = None,
    password: str | None = None,
    **more: object,
) -> Source:
    return Source(
        id=7, name="s", kind="bluesky", url=BASE, interval=INTERVAL, options=options,
        secrets={"app_password": password} if password else {},
        cursor=Cursor(position=position) if position else START,
        **more,
    )  # fmt: skip
