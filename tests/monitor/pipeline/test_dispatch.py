from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from datetime import timedelta

import pytest
from sqlalchemy import select

from alerts import webhook
from collectors.model import CollectError
from monitor.pipeline.dispatch import Dispatcher
from monitor.storage import deliveries
from monitor.storage.sealing import Sealer
from monitor.storage.tables import attempt, channel, delivery

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = '{"type":"alert.opened","data":{"title":"「青禾」负面声量突增"}}'


@dataclass
class Reply:
    status: int
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    url: str = "http://hook.example/"
    permanent_redirect: bool = False


@dataclass
class Receiver:
    """A fake way out: answers as told and keeps what it was sent."""

    answers: deque
    seen: list = field(default_factory=list)

    async def post(self, url, body, headers=None, timeout=None):  # noqa: ASYNC109  # the port's parameter
        self.seen.append((url, body, dict(headers)))
        answer = self.answers.popleft()
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def desk(house):
    sealer = Sealer(b"a secret of this test")
    with house.database.write() as connection:
        channel_id = deliveries.create_channel(
            connection,
            sealer,
            {"name": "值班", "kind": "webhook", "min_tier": 1, "keyword_lists": None},
            url="http://hook.example/abc",
            secret=SECRET,
            now=house.clock(),
        )
        enqueue(house, connection, channel_id, event_id=1)

    def make(*answers):
        receiver = Receiver(deque(answers))
        return receiver, Dispatcher(
            database=house.database,
            http=receiver,
            sealer=sealer,
            clock=house.clock,
            jitter=lambda: 0.0,
        )

    return make


def enqueue(house, connection, channel_id, *, event_id, lane=1):
    deliveries.enqueue(
        house.database, connection, event_id=event_id, alert_id=None, channels=[channel_id], body=BODY,
        lane=lane, now=house.clock(),
    )  # fmt: skip


def turn(dispatcher):
    async def once():
        started = await dispatcher.dispatch_due()
        await dispatcher.drain()
        return started

    return asyncio.run(once())


def stored(house, table=delivery):
    with house.database.read() as connection:
        return connection.execute(select(table).order_by(table.c.id)).mappings().all()


def test_500_500_200_is_one_message_with_three_attempts_and_one_id(house, desk):
    receiver, dispatcher = desk(Reply(500), Reply(500), Reply(200))
    for seconds in (0, 2, 5):
        assert turn(dispatcher) == 1
        assert turn(dispatcher) == 0
        house.clock.at += timedelta(seconds=(2 if seconds == 0 else 3))
    (row,) = stored(house)
    assert (row["state"], row["attempts"]) == ("done", 3)
    assert len({headers["webhook-id"] for _, _, headers in receiver.seen}) == 1
    assert [(one["status"], one["verdict"]) for one in stored(house, attempt)] == [
        (500, "retry"), (500, "retry"), (200, "ok"),
    ]  # fmt: skip


def test_what_is_sent_verifies_with_the_channels_secret(house, desk):
    receiver, dispatcher = desk(Reply(204))
    turn(dispatcher)
    ((_, body, headers),) = receiver.seen
    webhook.verify(headers, body, [SECRET], now=house.clock())
    assert body.decode() == BODY


def test_no_signature_and_no_address_is_kept_in_the_log(house, desk):
    _, dispatcher = desk(Reply(200, body=b"thank you"))
    turn(dispatcher)
    (row,) = stored(house, attempt)
    assert row["headers"]["webhook-signature"] == "v1,***"
    assert "abc" not in str(dict(row["headers"]))
    assert row["answer"] == "thank you"


def test_a_network_failure_is_an_attempt_and_is_tried_again(house, desk):
    _, dispatcher = desk(CollectError("connection refused"), Reply(200))
    turn(dispatcher)
    (row,) = stored(house)
    assert (row["state"], row["last_error"]) == ("due", "connection refused")
    house.clock.at += timedelta(seconds=2)
    turn(dispatcher)
    assert stored(house)[0]["state"] == "done"


def test_410_ends_the_delivery_and_switches_the_channel_off(house, desk):
    _, dispatcher = desk(Reply(410))
    turn(dispatcher)
    assert stored(house)[0]["state"] == "dead"
    (row,) = stored(house, channel)
    assert not row["enabled"]
    assert "410" in row["disabled_reason"]


def test_the_schedule_ends_and_the_delivery_is_dead(house, desk):
    _, dispatcher = desk(*[Reply(503)] * 40)
    for _ in range(40):
        (row,) = stored(house)
        if row["state"] == "dead":
            break
        house.clock.at = max(house.clock.at, row["next_attempt_at"])
        turn(dispatcher)
    assert stored(house)[0]["state"] == "dead"
    assert len(stored(house, attempt)) == 15


def test_a_worker_that_lost_its_lease_does_not_undo_a_delivery(house, desk):
    _, dispatcher = desk(Reply(200))
    with house.database.write() as connection:
        (slow,) = deliveries.claim(connection, now=house.clock(), token="slow", limit=1)
    house.clock.at += deliveries.LEASE
    turn(dispatcher)
    with house.database.write() as connection:
        record = {
            "at": house.clock(),
            "latency_ms": 1,
            "status": 500,
            "verdict": "retry",
            "headers": {},
            "answer": "",
        }
        assert not deliveries.settle(connection, slow, {"state": "due"}, record)
    assert stored(house)[0]["state"] == "done"


def test_the_gravest_goes_first(house, desk):
    receiver, _ = desk(Reply(200), Reply(200))
    (only,) = stored(house, channel)
    with house.database.write() as connection:
        enqueue(house, connection, only["id"], event_id=2, lane=0)
        first = deliveries.claim(connection, now=house.clock(), token="t", limit=1)
    assert [one.webhook_id for one in first] == [f"msg_2_{only['id']}"]
    assert receiver.seen == []


def test_the_same_event_is_queued_once_for_a_channel(house, desk):
    (only,) = stored(house, channel)
    with house.database.write() as connection:
        enqueue(house, connection, only["id"], event_id=1)
    assert len(stored(house)) == 1


def test_redelivering_keeps_the_id(house, desk):
    receiver, dispatcher = desk(Reply(200), Reply(200))
    turn(dispatcher)
    with house.database.write() as connection:
        assert deliveries.redeliver(connection, stored(house)[0]["id"], now=house.clock())
    turn(dispatcher)
    assert len({headers["webhook-id"] for _, _, headers in receiver.seen}) == 1
    assert len(receiver.seen) == 2


def test_a_secret_sealed_with_another_key_is_a_dead_delivery_with_the_remedy(house, desk):
    _, dispatcher = desk(Reply(200))
    dispatcher.sealer = Sealer(b"another")
    turn(dispatcher)
    (row,) = stored(house)
    assert row["state"] == "dead"
    assert "MONITOR_SECRET_KEY" in row["last_error"]
