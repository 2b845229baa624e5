"""``/feeds/alerts.atom`` and ``.json``: alerts in a feed reader, which can send no key but a URL."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from datetime import datetime
from html import escape
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Depends, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from pydantic import BaseModel
from sqlalchemy import RowMapping
from starlette.responses import Response

from alerts.message import TIER_NAMES
from alerts.model import AlertState
from analysis.model import Tier
from monitor.api.access import authenticate, bearer, require
from monitor.api.answers import Json
from monitor.api.deps import Deps
from monitor.api.filters import Needs
from monitor.api.problems import Problem
from monitor.auth import Principal, Scope
from monitor.storage import alert_reading
from monitor.storage.instants import EPOCH

router = APIRouter(tags=["feeds"])
Reader = Annotated[Principal, Depends(require("read"))]
ENTRIES = 50
TITLE = "见微 · 预警"
ATOM = "application/atom+xml"
JSON_FEED = "application/feed+json"
STATES = {
    AlertState.OPEN: "未确认",
    AlertState.ACKNOWLEDGED: "已确认",
    AlertState.RESOLVED: "已解决",
    AlertState.FALSE_ALARM: "误报",
}
# What XML 1.0 cannot hold, written in any way; lone surrogates cannot even be encoded.
UNSPEAKABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class FeedLinks(BaseModel):
    """Addresses for a feed reader; the token in them reads these feeds and nothing else."""

    atom: str
    json_: str

    model_config = {"alias_generator": lambda name: name.rstrip("_")}


def feed_token(secret: bytes) -> str:
    """Return the token of this installation's feeds; it changes with the installation's secret only."""
    digest = hmac.digest(secret, b"jianwei feed token v1", "sha256")
    return "feed_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")


def may_read(
    request: Request,
    needs: Needs,
    _given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
    token: Annotated[
        str | None,
        Query(max_length=100, description="The feed token, for readers that send no header."),
    ] = None,
) -> None:
    """Let in who has the feed token or may read (FastAPI dependency)."""
    if token is not None:
        if not hmac.compare_digest(token.encode(), feed_token(needs.secret).encode()):
            raise Problem("bad-key", "订阅令牌无效 (bad feed token; see GET /api/v1/feeds)")
        return
    principal, _ = authenticate(request, needs)
    if not principal.allows(Scope.READ):
        raise Problem("missing-scope", "此操作需要 read 权限 (needs the scope read)")


@router.get(
    "/api/v1/feeds",
    operation_id="get_feed_links",
    summary="Read the addresses of the alert feeds",
    responses={200: {"model": FeedLinks}},
)
def get_feed_links(request: Request, needs: Needs, _: Reader) -> Response:
    """Return the feeds' addresses with their token, to be put into a feed reader."""
    query = f"?token={feed_token(needs.secret)}"
    return Json(
        {kind: f"{request.base_url}feeds/alerts.{kind}{query}" for kind in ("atom", "json")}
    )


@router.get(
    "/feeds/alerts.atom",
    operation_id="read_atom_feed",
    summary="Read alerts as an Atom feed",
    response_class=Response,
    responses={
        200: {"content": {ATOM: {"schema": {"type": "string"}}}},
        304: {"description": "Not modified"},
    },
    dependencies=[Depends(may_read)],
)
def read_atom_feed(request: Request, needs: Needs) -> Response:
    """Return the 50 alerts that changed last. An entry's id stays, its `updated` moves with the state."""
    return _answer(
        request, _atom(_rows(needs), str(request.base_url), _name(needs.secret)).encode(), ATOM
    )


@router.get(
    "/feeds/alerts.json",
    operation_id="read_json_feed",
    summary="Read alerts as a JSON Feed",
    response_class=Response,
    responses={
        200: {"content": {JSON_FEED: {"schema": {"type": "object"}}}},
        304: {"description": "Not modified"},
    },
    dependencies=[Depends(may_read)],
)
def read_json_feed(request: Request, needs: Needs) -> Response:
    """Return the 50 alerts that changed last, as JSON Feed 1.1."""
    feed = _json(_rows(needs), str(request.base_url), _name(needs.secret))
    return _answer(request, orjson.dumps(feed), JSON_FEED)


def _rows(needs: Deps) -> list[RowMapping]:
    with needs.database.read() as connection:
        return alert_reading.last_changed(connection, limit=ENTRIES)


def _name(secret: bytes) -> str:
    """Return what ids of this installation begin with: two installations never share one."""
    return f"urn:jianwei:{hashlib.blake2b(secret, digest_size=6, person=b'feeds').hexdigest()}"


def _answer(request: Request, body: bytes, media_type: str) -> Response:
    tag = f'"{hashlib.blake2b(body, digest_size=12).hexdigest()}"'
    known = {
        part.strip().removeprefix("W/")
        for part in request.headers.get("if-none-match", "").split(",")
    }
    if tag in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return Response(body, media_type=media_type, headers={"ETag": tag})


def _atom(rows: Sequence[RowMapping], base: str, name: str) -> str:
    newest = rows[0]["updated_at"] if rows else EPOCH
    entries = "".join(_entry(row, base, name) for row in rows)
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="zh-CN">'
        f"<id>{name}:alerts</id><title>{TITLE}</title><updated>{_time(newest)}</updated>"
        f"<author><name>见微 Jianwei</name></author>"
        f'<link rel="self" type="{ATOM}" href="{_xml(base)}feeds/alerts.atom"/>'
        f'<link rel="alternate" type="text/html" href="{_xml(base)}"/>{entries}</feed>\n'
    )


def _entry(row: RowMapping, base: str, name: str) -> str:
    return (
        f"<entry><id>{name}:alert:{row['id']}</id><title>{_xml(_title(row))}</title>"
        f"<published>{_time(row['opened_at'])}</published><updated>{_time(row['updated_at'])}</updated>"
        f'<link rel="alternate" type="text/html" href="{_xml(_page(row, base))}"/>'
        f'<category term="{Tier(row["tier"]).wire}"/><category term="{_xml(row["state"])}"/>'
        f'<content type="text">{_xml(_text(row))}</content></entry>'
    )


def _json(rows: Sequence[RowMapping], base: str, name: str) -> dict[str, Any]:
    return {
        "version": "https://jsonfeed.org/version/1.1",
        "title": TITLE,
        "language": "zh-CN",
        "home_page_url": base,
        "feed_url": f"{base}feeds/alerts.json",
        "items": [_item(row, base, name) for row in rows],
    }


def _item(row: RowMapping, base: str, name: str) -> dict[str, Any]:
    return {
        "id": f"{name}:alert:{row['id']}",
        "url": _page(row, base),
        "title": _speakable(_title(row)),
        "content_text": _speakable(_text(row)),
        "date_published": _time(row["opened_at"]),
        "date_modified": _time(row["updated_at"]),
        "tags": [Tier(row["tier"]).wire, row["state"]],
    }


def _page(row: RowMapping, base: str) -> str:
    return f"{base}?alert={row['id']}"


def _title(row: RowMapping) -> str:
    tier = TIER_NAMES[Tier(row["tier"])]
    return f"[{tier} · {STATES[AlertState(row['state'])]}] {row['title']}"


def _text(row: RowMapping) -> str:
    """Return why the alert fired, and the posts behind it."""
    posts = [
        f"{one['source']}: {one['excerpt']} {one['url'] or ''}".rstrip() for one in row["evidence"]
    ]
    return "\n".join([row["explanation"].get("sentence") or row["title"], *posts])


def _time(at: datetime) -> str:
    return at.isoformat(timespec="seconds").replace("+00:00", "Z")


def _speakable(text: str) -> str:
    return UNSPEAKABLE.sub("", text)


def _xml(text: str) -> str:
    return escape(_speakable(text))
