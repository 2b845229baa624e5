"""``/sources``."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from collectors.model import Post
from monitor.pipeline.analyse import store_posts
from monitor.storage import sources

SOURCES = "/api/v1/sources"
ONE_DIALECT = pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # refused before any query
FEED = {"name": "论坛", "url": "https://Forum.Example.com:8443/new.rss"}
RSS = """<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0"><channel><title>论坛</title>{}</channel></rss>"""
ITEM = (
    "<item><guid>g{0}</guid><title>云雀起火 {0}</title><description>电池自燃,没人管</description>"
    "<link>https://forum.example.com/{0}</link><pubDate>Tue, 10 Mar 2026 12:00:00 +0800</pubDate></item>"
)


def make(api, **fields):
    answer = api.post(SOURCES, json=FEED | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def row_of(needs, key):
    with needs.database.read() as connection:
        return sources.get(connection, key)


def push(needs, name="推送"):
    with needs.database.write() as connection:
        return sources.ensure_push(needs.database, connection, [name], now=needs.clock())[name][
            "id"
        ]


def store(needs, source_id, *ages):
    posts = [
        Post(
            source_id=source_id,
            external_id=str(n),
            text=f"第 {n} 条",
            published_at=needs.clock() - age,
        )
        for n, age in enumerate(ages)
    ]
    asyncio.run(store_posts(needs.analysing, posts))


def test_a_source_is_due_at_once_and_comes_back(api, needs, clock):
    made = make(api, options={"timezone": "Asia/Taipei"})
    assert api.get(f"{SOURCES}/{made['id']}").json() == made
    assert api.get(SOURCES).json()["data"] == [made]
    assert (made["interval_seconds"], made["enabled"], made["state"]) == (300, True, "new")
    assert made["options"] == {"timezone": "Asia/Taipei"}
    row = row_of(needs, made["id"])
    assert (row["next_due_at"], row["host"]) == (clock.now, "forum.example.com:8443")


def test_a_push_source_has_no_address_and_is_never_due(api):
    answer = api.post(SOURCES, json={"name": "推送", "kind": "push"})
    made = answer.json()
    assert (made["url"], made["state"]) == (None, "ok")
    assert api.get(f"{SOURCES}/{made['id']}/health").json()["next_due_at"] is None
    assert api.post(f"{SOURCES}/{made['id']}/poll").status_code == 409
    assert api.patch(f"{SOURCES}/{made['id']}", json={"url": FEED["url"]}).status_code == 422


@ONE_DIALECT
@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"url": "ftp://example.com/x"}, "#/url"),
        ({"url": "file:///etc/passwd"}, "#/url"),
        ({"url": "https://user:password@example.com/x"}, "#/url"),
        ({"url": "https://"}, "#/url"),
        ({"url": "https://exa mple.com"}, "#/url"),
        ({"url": "https://example.com:99999/"}, "#/url"),
        ({"url": "//example.com"}, "#/url"),
        ({"url": "https://example.com/\0"}, "#/url"),
        ({"url": "https://example.com/" + "x" * 2000}, "#/url"),
        ({"url": None}, "#/url"),
        ({"kind": "push"}, "#/url"),
        ({"kind": "telepathy"}, "#/kind"),
        ({"kind": "Feed"}, "#/kind"),
        ({"secrets": {"a b": "x"}}, "#/secrets/a b/[key]"),
        ({"kind": "mastodon", "secrets": {"colour": "x"}}, "#/secrets/colour"),
        ({"kind": "push", "url": None, "options": {"timezone": "Asia/Taipei"}}, "#/options"),
        ({"interval_seconds": 59}, "#/interval_seconds"),
        ({"interval_seconds": 86_401}, "#/interval_seconds"),
        ({"interval_seconds": "300"}, "#/interval_seconds"),
        ({"options": {"timezone": "Mars/Olympus"}}, "#/options/timezone"),
        ({"options": {"timezone": "../../etc/passwd"}}, "#/options/timezone"),
        ({"options": {"colour": "red"}}, "#/options/colour"),
        ({"state": "ok"}, "#/state"),
    ],
    ids=str,
)
def test_what_can_never_be_asked_is_refused(api, fields, pointer):
    answer = api.post(SOURCES, json=FEED | fields)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


@ONE_DIALECT
def test_user_information_is_not_repeated_in_the_answer(api):
    answer = api.post(SOURCES, json=FEED | {"url": "https://user:hunter22@example.com/"})
    assert "hunter22" not in answer.text


def test_a_new_address_starts_from_an_empty_cursor(api, needs, clock):
    made = make(api)
    place = f"{SOURCES}/{made['id']}"
    with needs.database.write() as connection:
        connection.exec_driver_sql("UPDATE source SET etag = 'x', state = 'failing'")
    api.patch(place, json={"url": FEED["url"], "enabled": False})
    assert row_of(needs, made["id"])["etag"] == "x"
    clock.move(timedelta(hours=1))
    changed = api.patch(place, json={"url": "https://other.example.com/rss"}).json()
    row = row_of(needs, made["id"])
    assert (row["etag"], row["state"], row["next_due_at"]) == (None, "new", clock.now)
    assert (row["host"], changed["version"]) == ("other.example.com:443", 3)


def test_a_shorter_interval_holds_at_once(api, needs, clock):
    made = make(api, interval_seconds=86_400)
    with needs.database.write() as connection:
        sources.change(
            connection, made["id"], {"next_due_at": clock.now + timedelta(days=1)}, now=clock.now
        )
    api.patch(f"{SOURCES}/{made['id']}", json={"interval_seconds": 60})
    assert row_of(needs, made["id"])["next_due_at"] == clock.now + timedelta(seconds=60)


def test_the_kind_of_a_source_stays(api):
    made = make(api)
    answer = api.put(f"{SOURCES}/{made['id']}", json={"name": "x", "kind": "push"})
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "#/kind")


def test_put_replaces_and_a_stale_version_is_412(api):
    made = make(api, options={"timezone": "Asia/Taipei"}, interval_seconds=600)
    place = f"{SOURCES}/{made['id']}"
    replaced = api.put(place, json=FEED, headers={"If-Match": '"1"'})
    assert (replaced.json()["options"], replaced.json()["interval_seconds"]) == ({}, 300)
    assert api.put(place, json=FEED, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(place, headers={"If-Match": '"1"'}).status_code == 412


def test_a_taken_name_is_409(api):
    make(api)
    assert api.post(SOURCES, json=FEED).status_code == 409


def test_a_source_with_posts_can_only_be_disabled(api, needs):
    empty, full = make(api)["id"], push(needs)
    store(needs, full, timedelta(hours=1))
    assert api.delete(f"{SOURCES}/{empty}").status_code == 204
    assert api.delete(f"{SOURCES}/{empty}").status_code == 404
    kept = api.delete(f"{SOURCES}/{full}")
    assert kept.status_code == 409
    assert "disable" in kept.json()["detail"]
    assert api.patch(f"{SOURCES}/{full}", json={"enabled": False}).json()["enabled"] is False


def test_poll_makes_it_due_now(api, needs, clock):
    made = make(api)
    with needs.database.write() as connection:
        later = clock.now + timedelta(hours=3)
        sources.change(
            connection, made["id"], {"next_due_at": later, "lease_until": later}, now=clock.now
        )
    answer = api.post(f"{SOURCES}/{made['id']}/poll")
    assert (answer.status_code, answer.json()) == (
        202,
        {"id": made["id"], "next_due_at": "2026-03-10T05:08:00Z"},
    )
    row = row_of(needs, made["id"])
    assert row["next_due_at"] == clock.now
    assert row["lease_until"] <= clock.now
    api.patch(f"{SOURCES}/{made['id']}", json={"enabled": False})
    assert api.post(f"{SOURCES}/{made['id']}/poll").status_code == 409
    assert api.post(f"{SOURCES}/99/poll").status_code == 404


def test_health_counts_the_last_day(api, needs):
    key = push(needs)
    store(needs, key, timedelta(hours=1), timedelta(hours=24), timedelta(hours=25))
    health = api.get(f"{SOURCES}/{key}/health").json()
    assert (health["posts_total"], health["posts_24h"], health["state"]) == (3, 2, "ok")
    assert health["last_success_at"] is None


def test_health_shows_the_reason(api, needs):
    made = make(api)
    with needs.database.write() as connection:
        connection.exec_driver_sql(
            "UPDATE source SET state = 'gone', reason = 'HTTP 410', error_count = 3"
        )
    health = api.get(f"{SOURCES}/{made['id']}/health").json()
    assert (health["state"], health["reason"], health["error_count"]) == ("gone", "HTTP 410", 3)


def test_a_visit_answers_the_first_five_posts_and_stores_nothing(api, needs, http, fake_reply):
    api.post("/api/v1/keyword-lists", json={"name": "云雀", "aliases": ["云雀"]})
    body = RSS.format("".join(ITEM.format(n) for n in range(7))).encode()
    http.answer = lambda url: fake_reply(
        body=body, headers={"content-type": "application/rss+xml"}, url=url
    )
    found = api.post(f"{SOURCES}/test", json={"url": FEED["url"]}).json()
    assert (found["state"], found["status"], found["posts_found"], len(found["data"])) == (
        "ok",
        200,
        7,
        5,
    )
    first = next(post for post in found["data"] if post["external_id"].endswith("g0"))
    assert (first["title"], first["published_at"], first["precision"]) == (
        "云雀起火 0",
        "2026-03-10T04:00:00Z",
        "exact",
    )
    assert first["sentiment"]["label"] == "negative"
    assert first["keyword_lists"] == [1]
    assert api.get(SOURCES).json()["data"] == []


def test_a_visit_that_finds_no_feed_says_why(api, http, fake_reply):
    http.answer = lambda url: fake_reply(
        body=b"<html><p>hello", headers={"content-type": "text/html"}, url=url
    )
    found = api.post(f"{SOURCES}/test", json={"url": FEED["url"], "kind": "feed"}).json()
    assert (found["state"], found["data"]) == ("not_a_feed", [])
    assert found["reason"]


@ONE_DIALECT
def test_a_push_source_cannot_be_visited(api):
    assert api.post(f"{SOURCES}/test", json={"url": FEED["url"], "kind": "push"}).status_code == 422
