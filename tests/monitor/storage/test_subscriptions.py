from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.storage import secrets_of_sources, sources, subscriptions
from monitor.storage.sealing import Sealer
from monitor.storage.tables import source, subscription

OURS, THEIRS = Sealer(b"a secret of the tests"), Sealer(b"another secret of them")


def add(database, now, name="a"):
    row = {
        "name": name, "kind": "feed", "url": "http://a.example/f", "host": "a.example:80", "options": {},
        "hub_url": "http://hub.example", "hub_topic": f"http://a.example/{name}",
    }  # fmt: skip
    with database.write() as connection:
        return sources.create(connection, row, now=now)


def claim(database, now, sealer=OURS):
    with database.write() as connection:
        return subscriptions.claim_due(database, connection, sealer, now=now, limit=9)


def test_a_secret_of_another_key_is_replaced_and_costs_no_other_subscription(database, now):
    first = add(database, now)
    (old,) = claim(database, now, THEIRS)
    other = add(database, now, "b")
    asked = claim(database, now + subscriptions.ASK_AGAIN)
    assert {one.source_id for one in asked} == {first, other}
    (new,) = [one for one in asked if one.source_id == first]
    assert new.callback != old.callback
    with database.read() as connection:
        stored = subscriptions.by_callback(connection, new.callback)
        assert subscriptions.secret_of(OURS, stored) == new.secret
    assert claim(database, now + subscriptions.ASK_AGAIN) == []


@pytest.mark.parametrize(
    ("posted", "expected"),
    [(None, True), (timedelta(0), True), (timedelta(hours=-9), True), (timedelta(hours=1), False)],
    ids=["nothing posted", "pushed", "long before", "found by a visit"],
)
def test_a_hub_that_lost_the_newest_post_is_not_relied_on(database, now, posted, expected):
    key = add(database, now)
    claim(database, now)
    with database.write() as connection:
        connection.execute(
            subscription.update().values(
                state="active", lease_until=now + timedelta(days=1), pushes=3, last_push_at=now
            )
        )
        last = None if posted is None else now + posted
        connection.execute(source.update().values(last_post_at=last))
        assert subscriptions.pushed(connection, [key], now=now) == ({key} if expected else set())
        assert subscriptions.pushed(connection, [key], now=now + timedelta(days=1)) == set()


def test_a_lost_key_lets_secrets_be_set_anew(database, now):
    key = add(database, now)
    with database.write() as connection:
        secrets_of_sources.change(connection, THEIRS, key, {"token": "old", "cookie": "c"})
        secrets_of_sources.change(connection, OURS, key, {"token": "new"})
        sealed = sources.get(connection, key)["secrets_sealed"]
    assert secrets_of_sources.opened(OURS, key, sealed) == {"token": "new"}
