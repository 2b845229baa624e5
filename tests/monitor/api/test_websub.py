"""WebSub from end to end in one process: the hub is a fake that answers and pushes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from datetime import timedelta
from urllib.parse import parse_qsl

import pytest
from sqlalchemy import func, select

from collectors.model import CollectError, Hub, Outcome, Poll, SourceState
from monitor.pipeline.websub import Subscribing
from monitor.storage import sources, subscriptions
from monitor.storage.tables import post, source, subscription

HUB, TOPIC = "https://hub.example/", "https://news.example/feed"
OURS = "https://watch.example"
FEED = """<?xml version="1.0"?><rss version="2.0"><channel><title>新闻</title><item><guid>g1</guid>
<title>云雀起火</title><link>https://news.example/1</link><pubDate>Tue, 10 Mar 2026 12:00:00 +0800</pubDate>
</item></channel></rss>""".encode()


@pytest.fixture
def subscribing(needs, http):
    return Subscribing(
        database=needs.database, http=http, sealer=needs.sealer, clock=needs.clock, base_url=OURS
    )


@pytest.fixture
def source_id(needs):
    """A feed that names a hub, visited once."""
    row = {"name": "新闻", "kind": "feed", "url": TOPIC, "host": "news.example:443", "options": {}}
    with needs.database.write() as connection:
        key = sources.create(connection, row, now=needs.clock())
        found = sources.to_source(sources.get(connection, key))
        poll = Poll(
            source_id=key, slot=needs.clock(), fetched_at=needs.clock(), outcome=Outcome.UNCHANGED,
            state=SourceState.OK, cursor_after=found.cursor, wait=timedelta(minutes=5),
            hub=Hub(url=HUB, topic=TOPIC),
        )  # fmt: skip
        sources.complete(connection, [poll])
    return key


def subscribe(subscribing):
    return asyncio.run(subscribing.subscribe())


def row_of(needs):
    with needs.database.read() as connection:
        return connection.execute(select(subscription)).mappings().one()


def posts_in(needs):
    with needs.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(post))


def check(api, needs, **changes):
    asked = {
        "hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "kX9", "hub.lease_seconds": "864000",
    } | changes  # fmt: skip
    return api.get(f"/websub/{row_of(needs)['callback']}", params=asked)


def push(api, needs, body=FEED, method="sha256", secret=None):
    used = secret or subscriptions.secret_of(needs.sealer, row_of(needs))
    signed = hmac.new(used.encode(), body, getattr(hashlib, method)).hexdigest()
    headers = {"X-Hub-Signature": f"{method}={signed}", "Content-Type": "application/rss+xml"}
    return api.post(f"/websub/{row_of(needs)['callback']}", content=body, headers=headers)


def test_a_hub_is_asked_once_with_a_secret_of_its_own(subscribing, source_id, http, needs):
    http.answer = lambda url: type("R", (), {"status": 202})()
    assert (subscribe(subscribing), subscribe(subscribing)) == (1, 0)
    ((url, body, _),) = http.posted
    asked = dict(parse_qsl(body.decode()))
    assert (url, asked["hub.mode"], asked["hub.topic"]) == (HUB, "subscribe", TOPIC)
    assert asked["hub.callback"] == f"{OURS}/websub/{row_of(needs)['callback']}"
    assert len(asked["hub.secret"]) >= 32
    assert asked["hub.secret"].encode() not in bytes(row_of(needs)["secret_sealed"])


def test_without_a_public_address_nobody_is_asked(needs, http, source_id):
    private = Subscribing(
        database=needs.database, http=http, sealer=needs.sealer, clock=needs.clock, base_url=""
    )
    assert (subscribe(private), http.posted) == (0, [])


def test_the_lease_is_renewed_before_it_ends(subscribing, source_id, api, needs, clock, http):
    http.answer = lambda url: type("R", (), {"status": 202})()
    subscribe(subscribing)
    answer = check(api, needs)
    assert (answer.status_code, answer.text) == (200, "kX9")
    assert answer.headers["content-type"].startswith("text/plain")
    assert row_of(needs)["state"] == "active"
    assert row_of(needs)["lease_until"] == clock() + timedelta(days=10)
    clock.move(timedelta(days=8, hours=23))
    assert subscribe(subscribing) == 0
    clock.move(timedelta(hours=2))
    assert subscribe(subscribing) == 1
    assert len(http.posted) == 2


@pytest.mark.parametrize(
    "wrong",
    [
        {"hub.topic": "https://other.example/feed"},
        {"hub.mode": "unsubscribe"},
        {"hub.challenge": ""},
    ],
    ids=str,
)
def test_nobody_subscribes_or_unsubscribes_us(subscribing, source_id, api, needs, wrong, http):
    http.answer = lambda url: type("R", (), {"status": 202})()
    subscribe(subscribing)
    assert check(api, needs, **wrong).status_code == 404
    assert row_of(needs)["state"] == "asked"
    assert api.get(
        "/websub/aaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        params={"hub.mode": "subscribe", "hub.topic": TOPIC, "hub.challenge": "x"},
    ).status_code == 404  # fmt: skip


def test_a_hub_that_refuses_is_left_alone_for_a_day(subscribing, source_id, needs, clock, http):
    http.answer = lambda url: type("R", (), {"status": 403})()
    subscribe(subscribing)
    clock.move(timedelta(hours=23))
    assert subscribe(subscribing) == 0
    assert "403" in row_of(needs)["reason"]
    clock.move(timedelta(hours=2))
    assert subscribe(subscribing) == 1


def test_a_hub_that_is_down_is_asked_again_in_an_hour(subscribing, source_id, clock, http):
    def broken(url):
        raise CollectError("unreachable")

    http.answer = broken
    assert subscribe(subscribing) == 1
    clock.move(timedelta(minutes=61))
    assert subscribe(subscribing) == 1


@pytest.mark.parametrize("method", ["sha1", "sha256", "sha512"])
def test_a_signed_push_is_stored_once(subscribing, source_id, api, needs, method, http):
    http.answer = lambda url: type("R", (), {"status": 202})()
    subscribe(subscribing)
    check(api, needs)
    assert [push(api, needs, method=method).status_code for _ in range(2)] == [202, 202]
    assert (posts_in(needs), row_of(needs)["pushes"]) == (1, 2)


def test_a_push_with_a_wrong_signature_is_answered_alike_and_ignored(
    subscribing, source_id, api, needs, http
):
    http.answer = lambda url: type("R", (), {"status": 202})()
    subscribe(subscribing)
    check(api, needs)
    assert push(api, needs, secret="somebody else's").status_code == 202
    url = f"/websub/{row_of(needs)['callback']}"
    for signature in ("", "sha256=", "md5=00", "sha256=é", "sha256"):
        headers = {"X-Hub-Signature": signature.encode()}
        assert api.post(url, content=FEED, headers=headers).status_code == 202
    assert (posts_in(needs), row_of(needs)["pushes"]) == (0, 0)


def test_a_source_is_visited_less_often_once_its_hub_has_pushed(
    subscribing, source_id, api, needs, clock, http
):
    http.answer = lambda url: type("R", (), {"status": 202})()
    subscribe(subscribing)
    check(api, needs)
    assert claimed(needs, clock).is_pushed is False
    push(api, needs)
    assert claimed(needs, clock).is_pushed is True


def claimed(needs, clock):
    clock.move(timedelta(minutes=6))
    with needs.database.write() as connection:
        connection.execute(source.update().values(next_due_at=clock(), lease_until=clock()))
        (claim,) = sources.claim_due(
            needs.database, connection, now=clock(), owner="t", limit=1,
            pause=timedelta(0), is_exempt=lambda _: True,
        )  # fmt: skip
    return claim
