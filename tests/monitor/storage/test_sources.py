from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import func, select

from collectors.model import Cursor, Hub, Outcome, Poll, SourceState
from monitor.storage import hosts, sources
from monitor.storage.instants import EPOCH
from monitor.storage.tables import inlet, product_rating, source, subscription

PAUSE = timedelta(seconds=2)


def add(database, now, name, host="example.com:80", **values):
    row = {
        "name": name,
        "kind": "feed",
        "url": f"http://{host}/{name}",
        "host": host,
        "options": {},
        **values,
    }
    with database.write() as connection:
        return sources.create(connection, row, now=now)


def claim(database, now, *, owner="a", limit=10, exempt=False):
    with database.write() as connection:
        return sources.claim_due(
            database,
            connection,
            now=now,
            owner=owner,
            limit=limit,
            pause=PAUSE,
            is_exempt=lambda _: exempt,
        )


def poll(claimed, now, **changes):
    given = {
        "source_id": claimed.source.id, "slot": claimed.slot, "fetched_at": now, "outcome": Outcome.NEW,
        "state": SourceState.OK, "cursor_after": Cursor(etag='W/"1"'), "wait": timedelta(minutes=5), **changes,
    }  # fmt: skip
    return Poll(**given)


def complete(database, *polls):
    with database.write() as connection:
        sources.complete(connection, polls)


def row(database, source_id):
    with database.read() as connection:
        return sources.get(connection, source_id)


def test_a_host_that_is_not_visited_keeps_its_turn(database, now):
    for number in range(3):
        add(database, now + timedelta(seconds=number), f"s{number}", host=f"h{number}.example:80")
    later = now + timedelta(minutes=1)
    names = [[one.source.name for one in claim(database, later, limit=1)] for _ in range(4)]
    assert names == [["s0"], ["s1"], ["s2"], []]  # and nobody had to wait for a pause


def test_a_due_source_is_claimed_once_until_its_lease_ends(database, now):
    key = add(database, now, "a")
    assert [one.source.id for one in claim(database, now)] == [key]
    assert claim(database, now + sources.LEASE - timedelta(seconds=1), owner="b") == []
    again = claim(database, now + sources.LEASE, owner="b")
    assert [one.slot for one in again] == [now]


def test_one_host_is_asked_once_a_pause(database, now):
    for name in "abc":
        add(database, now, name)
    add(database, now, "d", host="other.com:80")
    first = claim(database, now)
    assert {one.source.name for one in first} == {"a", "d"}
    assert claim(database, now + PAUSE / 2) == []
    assert [one.source.name for one in claim(database, now + PAUSE)] == ["b"]


def test_the_operators_own_networks_know_no_pause(database, now):
    for name in "abc":
        add(database, now, name, host="127.0.0.1:8000")
    assert len(claim(database, now, exempt=True)) == 3


def test_a_disabled_source_is_not_claimed(database, now):
    add(database, now, "a", enabled=False)
    assert claim(database, now) == []


def test_completing_moves_the_cursor_and_the_next_slot(database, now):
    key = add(database, now, "a")
    (claimed,) = claim(database, now)
    complete(database, poll(claimed, now))
    found = row(database, key)
    assert found["etag"] == 'W/"1"'
    assert found["next_due_at"] == now + timedelta(minutes=5)
    assert found["lease_until"] == EPOCH
    assert claim(database, now + timedelta(minutes=4)) == []
    assert len(claim(database, now + timedelta(minutes=5))) == 1


def test_a_zombie_cannot_move_a_source_back(database, now):
    key = add(database, now, "a")
    (slow,) = claim(database, now)
    later = now + sources.LEASE
    (quick,) = claim(database, later, owner="b")
    complete(database, poll(quick, later, cursor_after=Cursor(etag="new")))
    complete(database, poll(slow, later, cursor_after=Cursor(etag="old")))
    assert row(database, key)["etag"] == "new"


def test_failures_are_counted_and_a_success_forgets_them(database, now):
    key = add(database, now, "a")
    at = now
    for _ in range(3):
        (claimed,) = claim(database, at)
        complete(
            database,
            poll(
                claimed,
                at,
                outcome=Outcome.FAILED,
                state=SourceState.FAILING,
                reason="HTTP 500",
                status=500,
            ),
        )
        at += timedelta(minutes=5)
    failed = row(database, key)
    assert (failed["error_count"], failed["reason"], failed["last_success_at"]) == (
        3,
        "HTTP 500",
        None,
    )
    (claimed,) = claim(database, at)
    complete(database, poll(claimed, at))
    assert (row(database, key)["error_count"], row(database, key)["last_success_at"]) == (0, at)


def test_a_changed_address_starts_from_an_empty_cursor(database, now):
    key = add(database, now, "a")
    (claimed,) = claim(database, now)
    complete(database, poll(claimed, now))
    with database.write() as connection:
        sources.change(connection, key, {"url": "http://new.example/"}, now=now)
    found = row(database, key)
    assert (found["etag"], found["state"], found["next_due_at"]) == (None, "new", now)


def test_unknown_names_become_push_sources_once(database, now):
    with database.write() as connection:
        first = sources.ensure_push(database, connection, ["微博", "论坛", "微博"], now=now)
        again = sources.ensure_push(database, connection, ["论坛"], now=now)
        assert first["论坛"]["id"] == again["论坛"]["id"]
        assert len(connection.execute(select(source)).all()) == 2
    assert claim(database, now) == []


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://Example.COM/feed", "example.com:443"),
        ("http://example.com:8080/x", "example.com:8080"),
        ("http://[::1]/", "::1:80"),
        ("", ""),
    ],
)
def test_the_host_counts_with_its_port(url, expected):
    assert hosts.host_of(url) == expected


def test_a_crowded_host_does_not_keep_others_waiting(database, now):
    for number in range(12):
        add(database, now - timedelta(hours=1), f"crowd{number}")
    add(database, now, "other", host="other.com:80")
    first = claim(database, now, limit=2)
    again = claim(database, now, limit=2)
    assert [one.source.name for one in first] == ["crowd0"]
    assert [one.source.name for one in again] == ["other"]


def test_a_source_without_posts_is_deleted_with_all_that_hangs_on_it(database, now):
    key = add(database, now, "a")
    with database.write() as connection:
        connection.execute(subscription.insert().values(source_id=key, **SUBSCRIPTION))
        connection.execute(product_rating.insert().values(source_id=key, at=now, **RATING))
        assert sources.delete(connection, key)
    assert row(database, key) is None


def test_an_inlet_keeps_its_source(database, now):
    key = add(database, now, "a")
    with database.write() as connection:
        connection.execute(
            inlet.insert().values(
                source_id=key, name="i", token_hash=b"t", mapping={}, created_at=now, updated_at=now
            )
        )
        assert not sources.delete(connection, key)
    assert row(database, key)["name"] == "a"


def test_a_changed_address_forgets_the_hub_and_the_rhythm_of_the_old_one(database, now):
    key = add(database, now, "a")
    (claimed,) = claim(database, now)
    complete(database, poll(claimed, now, hub=Hub(url="http://hub.example", topic="http://a")))
    with database.write() as connection:
        connection.execute(subscription.insert().values(source_id=key, **SUBSCRIPTION))
        sources.change(connection, key, {"url": "http://b.example/"}, now=now)
        assert connection.scalar(select(func.count()).select_from(subscription)) == 0
    found = row(database, key)
    assert (found["hub_url"], found["hub_topic"], found["rhythm"]) == (None, None, None)
    assert (found["empty_visits"], found["state_since"]) == (0, now)


SUBSCRIPTION = {
    "callback": "c" * 32, "hub_url": "http://hub.example", "topic": "http://a", "secret_sealed": b"s",
    "state": "active", "next_ask_at": EPOCH,
}  # fmt: skip
RATING = {"product": "p", "value": 4.0, "best": 5.0, "worst": 1.0}
