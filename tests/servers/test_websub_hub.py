"""Flask-WebSub's hub: asked by us, verifying us, pushing what is published; its signatures, its lease."""

from __future__ import annotations

import hashlib
import hmac
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from urllib.parse import urlsplit

import pytest

from tests.scenarios.service import Service, eventually
from tests.servers import visiting
from tests.servers.running import HubSite

pytestmark = pytest.mark.servers
ASKED_WITHIN = 60.0  # hubs are asked every 30 s
PUSHED_WITHIN = 5.0
TEN_DAYS = timedelta(days=10).total_seconds()
DAY_MICROS = 86_400 * 10**6
_number = count(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A subscription as the hub has stored it; ``ends`` is in unix seconds."""

    callback: str
    secret: str
    ends: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """A feed whose hub has been asked and has verified us."""

    service: Service
    hub: HubSite
    name: str
    key: int

    @property
    def held(self) -> Held:
        (found,) = in_the_hub(self.hub, self.name)
        return found

    def publish(self, title: str) -> str:
        """Publish an entry and tell the hub; returns its guid."""
        guid = f"g{next(_number)}"
        self.hub.publish(self.name, guid, title)
        return guid

    def wait_stored(self, guid: str) -> float:
        """Wait until an entry is a stored post; returns after how many seconds it was."""
        begun = time.monotonic()
        eventually(
            lambda: guid in visiting.posts(self.service, self.key),
            seconds=PUSHED_WITHIN,
            what=f"the push of {guid} is stored",
        )
        return time.monotonic() - begun

    def push(self, title: str, secret: str) -> str:
        """Push an entry as a hub would that signs with this secret; returns its guid."""
        guid = f"g{next(_number)}"
        body = (
            f"<rss version='2.0'><channel><item><guid isPermaLink='false'>{guid}</guid>"
            f"<title>{title}</title></item></channel></rss>"
        ).encode()
        signed = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"X-Hub-Signature": f"sha256={signed}", "Content-Type": "application/rss+xml"}
        path = urlsplit(self.held.callback).path
        assert self.service.ask("POST", path, body, headers=headers).status == 202
        return guid


def in_the_hub(hub: HubSite, topic: str) -> list[Held]:
    """Return the subscriptions to a topic that the hub holds."""
    with closing(sqlite3.connect(hub.folder / f"{topic}.sqlite3", timeout=30)) as connection:
        query = "SELECT callback_url, secret, expiration_time FROM hub WHERE topic_url = ?"
        rows = list(connection.execute(query, (hub.url(topic),)))
    return [Held(callback=row[0], secret=row[1], ends=int(row[2])) for row in rows]


@pytest.fixture(scope="module", params=["sha512", "sha1"])
def topic(request: pytest.FixtureRequest, service: Service, hub: HubSite) -> Iterator[Topic]:
    """A topic that is subscribed to; its source is due in an hour, so that only a push is quick."""
    hub.publish(request.param, "first", "北岭咖啡开业")
    key = visiting.add(service, request.param, hub.url(request.param))
    eventually(
        lambda: service.rows(
            "SELECT 1 FROM subscription WHERE state = 'active' AND source_id = ?", key
        ),
        seconds=ASKED_WITHIN,
        what="the hub was asked and has verified us",
    )
    eventually(lambda: in_the_hub(hub, request.param), seconds=10, what="the hub has stored it")
    yield Topic(service=service, hub=hub, name=request.param, key=key)
    service.ask("PATCH", f"/api/v1/sources/{key}", {"enabled": False})


def test_the_hub_holds_our_address_a_secret_and_ten_days(topic: Topic) -> None:
    held, now = topic.held, topic.service.rows("SELECT unixepoch()")[0][0]
    assert held.callback.startswith(f"http://127.0.0.1:{topic.service.port}/websub/")
    assert len(held.secret) >= 32
    assert held.ends - now == pytest.approx(TEN_DAYS, abs=120)
    assert held.secret not in topic.service.log
    assert set(visiting.posts(topic.service, topic.key)) == {"first"}


def test_what_is_published_arrives_by_push_within_seconds(topic: Topic) -> None:
    visits = visiting.outcomes(topic.service, topic.key)
    guids = [topic.publish(f"云雀汽车第{place}辆电池起火,车主维权") for place in range(3)]
    seconds = max([topic.wait_stored(guid) for guid in guids])

    print(f"{topic.name}: 3 entries stored after {seconds:.2f} s")
    stored = visiting.posts(topic.service, topic.key)
    assert [stored[guid]["sentiment"] for guid in guids] == ["negative"] * 3
    assert visiting.outcomes(topic.service, topic.key) == visits, "no visit brought them"


def test_the_next_visit_brings_nothing_that_was_pushed_again(topic: Topic) -> None:
    topic.wait_stored(topic.publish("云雀汽车门店公告"))
    before = visiting.health(topic.service, topic.key)["posts_total"]
    assert visiting.visit(topic.service, topic.key)["posts_total"] == before
    assert len(visiting.posts(topic.service, topic.key)) == before


def test_a_push_that_another_signed_is_ignored(topic: Topic) -> None:
    forged = topic.push("云雀汽车倒闭", secret="somebody else's")
    genuine = topic.push("云雀汽车门店公告", secret=topic.held.secret)

    topic.wait_stored(genuine)

    assert forged not in visiting.posts(topic.service, topic.key)
    assert '"push ignored"' in topic.service.log


def test_the_lease_is_renewed_before_it_ends_and_the_hub_goes_on_pushing(topic: Topic) -> None:
    service, before = topic.service, topic.held
    service.terminate()
    nine_days_pass(service, topic.key)
    service.start()

    held = eventually(
        lambda: topic.held if topic.held.ends > before.ends else None,
        seconds=ASKED_WITHIN,
        what="the hub has renewed the lease",
    )

    assert held is not None
    assert (held.callback, held.secret) == (before.callback, before.secret)
    topic.wait_stored(topic.publish("续订之后的新闻"))


def nine_days_pass(service: Service, key: int) -> None:
    """Make everything about a source's subscription nine days older; the service is not running."""
    times = ("verified_at", "asked_at", "lease_until", "next_ask_at", "last_push_at")
    moved = ", ".join(f"{name} = {name} - {9 * DAY_MICROS + 1}" for name in times)
    with closing(sqlite3.connect(service.directory / "jianwei.db", timeout=30)) as connection:
        changed = connection.execute(f"UPDATE subscription SET {moved} WHERE source_id = ?", (key,))
        assert changed.rowcount == 1
        connection.commit()
