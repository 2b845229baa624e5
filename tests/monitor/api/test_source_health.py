"""``/sources/{id}/health`` and ``/blind-spots``, and alerts that are about sources."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import update

from collectors.model import Post, Precision
from monitor.api.schemas_alerts import AlertOut, AlertWithEvents, EventWithAlert
from monitor.api.schemas_health import BlindSpotOut, SourceHealthOut
from monitor.pipeline.analyse import store_posts
from monitor.pipeline.watch import Watcher
from monitor.storage import sources
from monitor.storage.tables import source

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SPOTS = "/api/v1/blind-spots"
ALERTS = "/api/v1/alerts"


class Shop:
    """Sources that are filled by hand, and the watcher over them."""

    def __init__(self, needs, clock):
        self.needs, self.clock, self.number = needs, clock, 0

    def feed(self, name="门户", **values):
        row = {
            "name": name, "kind": "feed", "url": f"https://{name}.example/", "options": {}, "state": "ok",
            "last_success_at": self.clock.now, **values,
        }  # fmt: skip
        with self.needs.database.write() as connection:
            return sources.create(connection, row, now=self.clock.now - timedelta(days=30))

    def set(self, key, **values):
        with self.needs.database.write() as connection:
            connection.execute(update(source).where(source.c.id == key).values(**values))

    def bring(self, key, *ages, precision=Precision.EXACT):
        posts = []
        for age in ages:
            self.number += 1
            posts.append(
                Post(
                    source_id=key,
                    external_id=str(self.number),
                    text="第几条",
                    published_at=self.clock.now - age,
                    precision=precision,
                )
            )
        asyncio.run(store_posts(self.needs.analysing, posts))

    def watch(self):
        watcher = Watcher(
            database=self.needs.database, clock=self.clock, base_url="http://127.0.0.1"
        )
        while watcher.watch_now():
            pass


@pytest.fixture
def shop(needs, clock):
    return Shop(needs, clock)


def health_of(api, key):
    body = api.get(f"/api/v1/sources/{key}/health").json()
    SourceHealthOut.model_validate(body)
    return body


def test_health_tells_lag_and_pace_against_what_is_expected(api, shop):
    key = shop.feed()
    shop.bring(key, *[HOUR * age for age in range(1, 60)])
    body = health_of(api, key)
    assert body["items_per_hour"]["last_hour"] == 1
    assert body["items_per_hour"]["last_24h"] == 1
    assert body["items_per_hour"]["expected"] == pytest.approx(1, rel=0.1)
    assert body["expected_seconds"] > 3600
    assert body["last_post_at"] == "2026-03-10T04:08:00Z"
    assert (body["posts_24h"], body["error_class"], body["advice"]) == (24, None, None)


def test_lag_counts_exact_times_of_the_last_day_by_rank(api, shop):
    key = shop.feed()
    shop.bring(key, *[MINUTE * age for age in range(1, 21)])
    shop.bring(key, 2 * MINUTE, 3 * MINUTE, precision=Precision.INFERRED)
    shop.bring(key, 30 * HOUR)
    assert health_of(api, key)["lag"] == {"p50_seconds": 600.0, "p95_seconds": 1140.0, "posts": 20}


def test_without_posts_there_is_no_lag_and_nothing_expected(api, shop):
    body = health_of(api, shop.feed())
    assert body["lag"] == {"p50_seconds": None, "p95_seconds": None, "posts": 0}
    assert body["items_per_hour"] == {"last_hour": 0, "last_24h": 0.0, "expected": None}
    assert (body["expected_seconds"], body["last_post_at"], body["blind_spot"]) == (
        None,
        None,
        None,
    )


def test_trouble_has_since_when_next_try_class_and_what_to_do(api, shop, clock):
    key = shop.feed()
    shop.set(
        key,
        state="blocked",
        reason="人机验证 (captcha)",
        state_since=clock.now - HOUR,
        next_due_at=clock.now + 5 * HOUR,
        last_status=403,
        last_success_at=clock.now - HOUR,
        latency_ms=420,
        quota={"remaining": 3, "limit": 100, "reset_at": "2026-03-10T06:00:00+00:00"},
    )
    shop.watch()
    body = health_of(api, key)
    assert (body["state"], body["reason"]) == ("blocked", "人机验证 (captcha)")
    assert (body["since"], body["next_try_at"]) == ("2026-03-10T04:08:00Z", "2026-03-10T10:08:00Z")
    assert (body["error_class"], body["latency_ms"]) == ("refusal", 420)
    assert "密钥" in body["advice"]["zh"]
    assert body["advice"]["en"]
    assert body["quota"]["remaining"] == 3
    assert (body["blind_spot"]["cause"], body["blind_spot"]["until"]) == ("blocked", None)


@pytest.mark.parametrize(
    ("values", "tried"),
    [
        ({"state": "gone"}, False),
        ({"enabled": False}, False),
        ({"kind": "push"}, False),
        ({}, True),
    ],
    ids=["gone", "disabled", "push", "feed"],
)
def test_only_what_will_be_visited_has_a_next_try(api, shop, values, tried):
    assert bool(health_of(api, shop.feed(**values))["next_try_at"]) is tried


def test_blind_spots_are_listed_open_ones_first_or_by_range(api, shop, clock):
    over, still = shop.feed("甲"), shop.feed("乙")
    shop.set(over, state="failing", reason="500", last_success_at=clock.now - HOUR)
    shop.watch()
    shop.set(over, state="ok", last_success_at=clock.now)
    shop.set(still, state="gone", reason="410")
    clock.move(MINUTE)
    shop.watch()

    def listed(**params):
        body = api.get(SPOTS, params=params).json()
        assert all(BlindSpotOut.model_validate(one) for one in body["data"])
        return [(one["source"], one["cause"], one["until"]) for one in body["data"]]

    assert listed() == [("乙", "gone", None)]
    assert listed(since="2026-03-10T00:00:00Z") == [
        ("乙", "gone", None), ("甲", "failing", "2026-03-10T05:09:00Z"),
    ]  # fmt: skip
    assert listed(since="2026-03-10T05:09:00Z") == [("乙", "gone", None)]
    assert listed(until="2026-03-10T04:00:00Z") == []
    first = api.get(SPOTS, params={"since": "2026-03-10T00:00:00Z", "limit": 1}).json()
    assert first["has_more"] is True
    second = api.get(
        SPOTS, params={"since": "2026-03-10T00:00:00Z", "limit": 1, "cursor": first["next_cursor"]}
    ).json()
    assert [one["source"] for one in second["data"]] == ["甲"]


def test_an_alert_about_a_source_is_read_followed_and_acted_on(api, shop, clock):
    key = shop.feed("甲")
    shop.set(key, state="failing", reason="500", last_success_at=clock.now - HOUR)
    shop.watch()
    (found,) = api.get(ALERTS).json()["data"]
    assert AlertOut.model_validate(found)
    assert (found["source_id"], found["keyword_list_id"], found["keyword_list"]) == (
        key,
        None,
        None,
    )
    assert (found["tier"], found["state"]) == ("blue", "open")
    assert "甲" in found["sentence"]
    assert api.get(f"{ALERTS}/{found['id']}/explanation").json()["reason"] == "blind_spot"
    (event,) = api.get(f"{ALERTS}/feed").json()["data"]
    assert EventWithAlert.model_validate(event)
    done = api.post(f"{ALERTS}/{found['id']}/acknowledge", json={"reason": "在查"})
    assert done.status_code == 200
    assert AlertWithEvents.model_validate(done.json())
    assert api.get(ALERTS, params={"keyword_list": 1}).json()["data"] == []


def test_a_source_with_blind_spots_and_no_posts_can_be_deleted(api, shop, clock):
    key = shop.feed("甲")
    shop.set(key, state="gone", reason="410")
    shop.watch()
    assert api.delete(f"/api/v1/sources/{key}").status_code == 204
    assert api.get(SPOTS).json()["data"] == []
    (found,) = api.get(ALERTS).json()["data"]
    assert found["source_id"] == key
