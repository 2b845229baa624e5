"""WebSub (W3C Recommendation, 2018): asking hubs to push, answering their checks, storing what they push."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import urlencode

import structlog
from sqlalchemy import Connection, RowMapping

from collectors.base import Http
from collectors.feed import parse_feed
from collectors.model import CollectError
from monitor.pipeline.analyse import Analysing, store_posts
from monitor.pipeline.visiting import placed
from monitor.storage import sources, subscriptions
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer
from monitor.storage.subscriptions import Asking

log = structlog.get_logger()

AT_ONCE = 20
LEASE = timedelta(days=10)
LEAST_LEASE = timedelta(minutes=1)
REFUSED_WAIT = timedelta(hours=24)
FAILED_WAIT = timedelta(hours=1)
RENEW_BEFORE = 0.1  # of the lease
DIGESTS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A hub's question whether we mean it (section 5.3): ``lease_seconds`` is what the hub grants."""

    mode: str
    topic: str
    challenge: str = ""
    lease_seconds: int | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscribing:
    """Keeps subscriptions alive. ``base_url`` is where hubs reach us; without one nobody is asked."""

    database: Database
    http: Http
    sealer: Sealer
    clock: Callable[[], datetime]
    base_url: str

    async def subscribe(self) -> int:
        """Ask for subscriptions that are new or about to end; returns how many."""
        if not self.base_url:
            return 0
        wanted = await asyncio.to_thread(self._claim)
        await asyncio.gather(*(self._ask(one) for one in wanted))
        return len(wanted)

    def _claim(self) -> list[Asking]:
        now = self.clock()
        with self.database.write() as connection:
            return subscriptions.claim_due(
                self.database, connection, self.sealer, now=now, limit=AT_ONCE
            )

    async def _ask(self, one: Asking) -> None:
        form = {
            "hub.mode": "subscribe",
            "hub.topic": one.topic,
            "hub.callback": f"{self.base_url.rstrip('/')}/websub/{one.callback}",
            "hub.secret": one.secret,
            "hub.lease_seconds": str(int(LEASE.total_seconds())),
        }
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        try:
            reply = await self.http.post(one.hub_url, urlencode(form).encode(), headers)
        except CollectError as error:
            await asyncio.to_thread(self._put_off, one, str(error), FAILED_WAIT)
            return
        if not 200 <= reply.status < 300:  # section 5.2: any success means accepted
            reason = f"hub 回答 HTTP {reply.status} (the hub refused)"
            await asyncio.to_thread(self._put_off, one, reason, REFUSED_WAIT)

    def _put_off(self, one: Asking, reason: str, wait: timedelta) -> None:
        log.info("subscription refused", source_id=one.source_id, reason=reason)
        values = {"reason": reason, "next_ask_at": self.clock() + wait}
        with self.database.write() as connection:
            subscriptions.change(connection, one.id, values)


def answer_check(database: Database, callback: str, check: Check, *, now: datetime) -> str | None:
    """Return the challenge to be answered, None for a question about something we did not ask.

    Nobody can subscribe or unsubscribe us: only the topic we asked for, at the address made for it.
    """
    with database.read() as connection:  # strangers may ask: they must not queue for the writer
        if _asked(connection, callback, check) is None:
            return None
    with database.write() as connection:
        row = _asked(connection, callback, check)
        if row is None:
            return None
        if check.mode == "denied":
            values = {
                "state": "denied",
                "reason": check.reason[:300].replace("\0", "")
                or "hub 拒绝订阅 (the hub denied it)",
                "next_ask_at": now + REFUSED_WAIT,
            }
            subscriptions.change(connection, row["id"], values)
            return ""
        if check.mode != "subscribe" or not check.challenge:
            return None
        granted = timedelta(seconds=min(check.lease_seconds or LEASE.total_seconds(), 10**8))
        values = {
            "state": "active",
            "reason": None,
            "verified_at": now,
            "lease_until": now + granted,
            "next_ask_at": now + max(granted, LEAST_LEASE) * (1 - RENEW_BEFORE),
        }
        subscriptions.change(connection, row["id"], values)
    return check.challenge


def _asked(connection: Connection, callback: str, check: Check) -> RowMapping | None:
    row = subscriptions.by_callback(connection, callback)
    return row if row is not None and row["topic"] == check.topic else None


def is_signed(body: bytes, signature: str, secret: str) -> bool:
    """Return whether ``signature`` (``method=hex``) is ours over ``body``; compared in constant time."""
    method, _, told = signature.strip().partition("=")
    digest = DIGESTS.get(method.lower())
    if digest is None:
        return False
    ours = hmac.new(secret.encode(), body, digest).hexdigest()
    return hmac.compare_digest(ours.encode(), told.strip().lower().encode())


async def store_push(
    analysing: Analysing, row: RowMapping, body: bytes, content_type: str | None
) -> int:
    """Store what a hub pushed, as a visit to the feed would have; returns how many posts are new."""
    now = analysing.clock()
    stored = await asyncio.to_thread(_source, analysing.database, row["source_id"])
    if stored is None or not stored["enabled"]:
        return 0
    source = sources.to_source(stored)
    parsed = await asyncio.to_thread(
        parse_feed, body, content_type=content_type, url=row["topic"], source=source, now=now
    )
    posts = placed(parsed.posts, since=row["last_push_at"] or now, now=now)
    found = await store_posts(analysing, posts)
    await asyncio.to_thread(_count, analysing.database, row["id"], now)
    return len(found.created)


def _source(database: Database, source_id: int) -> RowMapping | None:
    with database.read() as connection:
        return sources.get(connection, source_id)


def _count(database: Database, key: int, now: datetime) -> None:
    with database.write() as connection:
        subscriptions.count_push(connection, key, now=now)
