"""The outbox → signed requests → attempts: at least once, the same id on every try."""

from __future__ import annotations

import asyncio
import random
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

import structlog
from sqlalchemy import RowMapping

from alerts import schedule, webhook
from alerts.model import Answer, DeliveryState, Verdict
from collectors.base import Reply
from collectors.model import CollectError
from monitor.storage import deliveries
from monitor.storage.deliveries import Leased
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer, SealError
from monitor.storage.tables import channel

log = structlog.get_logger()

AT_ONCE = 64
ANSWER_CHARACTERS = 2_000
TIMEOUT = timedelta(seconds=15)


class Poster(Protocol):
    """The way out for messages, guarded. It raises when there is no answer."""

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = TIMEOUT,  # noqa: ASYNC109
    ) -> Reply:
        """Return the answer to a POST; redirects are answers."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a delivery goes: opened secrets, never logged."""

    channel_id: int
    url: str
    secrets: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """What one attempt came to."""

    at: datetime
    latency_ms: int
    answer: Answer
    verdict: Verdict
    retry_after: timedelta | None
    headers: Mapping[str, str]


@dataclass(slots=True, kw_only=True)
class Dispatcher:
    """Claims due deliveries and sends each as its own task, so a slow receiver delays nobody else."""

    database: Database
    http: Poster
    sealer: Sealer
    clock: Callable[[], datetime]
    told: Callable[[], None] = lambda: None
    jitter: Callable[[], float] = random.random
    running: set[asyncio.Task[None]] = field(default_factory=set)

    async def dispatch_due(self) -> int:
        """Start sending what is due, as many as there is room for; returns how many."""
        room = AT_ONCE - len(self.running)
        if room <= 0:
            return 0
        leased = await asyncio.to_thread(self._claim, room)
        for one in leased:
            task = asyncio.create_task(self._deliver(one))
            self.running.add(task)
            task.add_done_callback(self._finished)
        return len(leased)

    async def drain(self, seconds: float = 30.0) -> None:
        """Wait for what is on the wire."""
        if self.running:
            await asyncio.wait(set(self.running), timeout=seconds)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self.running.discard(task)
        if not task.cancelled() and (error := task.exception()):
            # the lease runs out and the delivery is tried again
            log.error("delivery broke", exc_info=error)

    def _claim(self, room: int) -> list[Leased]:
        with self.database.read() as connection:
            due = deliveries.next_due(connection)
        if due is None or due > self.clock():
            return []
        with self.database.write() as connection:
            return deliveries.claim(
                connection, now=self.clock(), token=secrets.token_hex(16), limit=room
            )

    async def _deliver(self, leased: Leased) -> None:
        target = await asyncio.to_thread(self._target, leased)
        if isinstance(target, str):
            await asyncio.to_thread(self._give_up, leased, target)
            return
        attempted = await send(
            self.http, target, leased.webhook_id, leased.body.encode(), at=self.clock()
        )
        await asyncio.to_thread(self._settle, leased, attempted)
        self.told()

    def _target(self, leased: Leased) -> Target | str:
        with self.database.read() as connection:
            row = deliveries.channel_row(connection, leased.channel_id)
        if row is None or not row["enabled"]:
            return "渠道已停用或删除"
        try:
            return open_target(self.sealer, row)
        except SealError as error:
            return str(error)

    def _give_up(self, leased: Leased, reason: str) -> None:
        now = self.clock()
        with self.database.write() as connection:
            deliveries.settle(
                connection,
                leased,
                {"state": DeliveryState.DEAD.value, "last_error": reason, "done_at": now},
                {"at": now, "latency_ms": 0, "status": None, "verdict": Verdict.CONFIG.value,
                 "headers": {}, "answer": reason},
            )  # fmt: skip

    def _settle(self, leased: Leased, attempted: Attempted) -> None:
        now = self.clock()
        values = self._outcome(leased, attempted, now)
        with self.database.write() as connection:
            deliveries.settle(connection, leased, values, record_of(attempted))
            if attempted.verdict is Verdict.DEAD:
                reason = f"{leased.webhook_id}: 接收方答复 {attempted.answer.status},渠道已停用"
                connection.execute(
                    channel.update()
                    .where(channel.c.id == leased.channel_id)
                    .values(enabled=False, disabled_reason=reason)
                )
        log.info(
            "delivery attempted",
            delivery_id=leased.id,
            attempt=leased.attempts,
            verdict=attempted.verdict.value,
            status=attempted.answer.status,
            latency_ms=attempted.latency_ms,
        )

    def _outcome(self, leased: Leased, attempted: Attempted, now: datetime) -> dict[str, Any]:
        if attempted.verdict is Verdict.OK:
            return {"state": DeliveryState.DONE.value, "done_at": now, "last_error": None}
        error = attempted.answer.error or f"HTTP {attempted.answer.status}"
        again = None
        if attempted.verdict is not Verdict.DEAD:
            again = schedule.next_attempt(
                leased.attempts, leased.first_at, now, attempted.retry_after, self.jitter()
            )
        if again is None:
            return {"state": DeliveryState.DEAD.value, "done_at": now, "last_error": error}
        return {"next_attempt_at": again, "last_error": error}


def open_target(sealer: Sealer, row: RowMapping) -> Target:
    """Return the opened address and secrets of a channel's row; raises SealError."""
    place = f"channel:{row['id']}"
    return Target(
        channel_id=row["id"],
        url=sealer.open(row["url_sealed"], f"{place}:url"),
        secrets=tuple(sealer.open(row["secret_sealed"], f"{place}:secret").split()),
    )


async def send(
    http: Poster, target: Target, webhook_id: str, body: bytes, *, at: datetime
) -> Attempted:
    """Make one signed attempt. No answer at all is an answer too."""
    headers = {
        "content-type": "application/json",
        **webhook.headers(webhook_id, at, body, target.secrets),
    }
    begun = time.monotonic()
    try:
        reply = await http.post(target.url, body, headers, TIMEOUT)
        answer = Answer(
            status=reply.status,
            headers=reply.headers,
            body=reply.body[: ANSWER_CHARACTERS * 4].decode("utf-8", "replace")[:ANSWER_CHARACTERS],
        )
    except CollectError as error:
        answer = Answer(status=None, headers={}, body="", error=str(error))
    verdict, retry_after = webhook.verdict(answer, now=at)
    return Attempted(
        at=at,
        latency_ms=round((time.monotonic() - begun) * 1000),
        answer=answer,
        verdict=verdict,
        retry_after=retry_after,
        headers={**headers, "webhook-signature": "v1,***"},
    )


def record_of(attempted: Attempted) -> dict[str, Any]:
    """Return the attempt as a row; signatures are never kept."""
    return {
        "at": attempted.at,
        "latency_ms": attempted.latency_ms,
        "status": attempted.answer.status,
        "verdict": attempted.verdict.value,
        "headers": dict(attempted.headers),
        "answer": (attempted.answer.body or attempted.answer.error or "").replace("\0", "\ufffd"),
    }
