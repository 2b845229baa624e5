"""``/sightings``: what a person saw is a post like any other, stored once."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from sqlalchemy import select

from monitor.storage.tables import post, source

SIGHTINGS = "/api/v1/sightings"
ONE_DIALECT = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SEEN = {
    "channel": "patrol", "platform": "小红书", "url": "https://social.example.com/notes/8f21", "title": "趴窝",
    "text": "云雀汽车提车三天就趴窝", "author": "北城老王", "followers": 12000, "seen_at": "2026-03-10 13:05",
}  # fmt: skip


def rows(needs):
    with needs.database.read() as connection:
        query = select(post, source.c.name.label("source")).join(source).order_by(post.c.id)
        return list(connection.execute(query).mappings())


def test_a_sighting_is_a_post_and_the_same_one_again_is_known(api, needs):
    first = api.post(SIGHTINGS, json=SEEN)
    assert first.status_code == 200, first.text
    assert first.json()["status"] == "created"
    again = api.post(SIGHTINGS, json=SEEN).json()
    assert (again["status"], again["id"]) == ("duplicate", first.json()["id"])
    [row] = rows(needs)
    assert (row["source"], row["kind"], row["author_name"]) == ("人工巡查", "post", "北城老王")
    assert (row["followers"], row["url"]) == (12_000, SEEN["url"])
    assert row["published_at"] == datetime(2026, 3, 10, 5, 5, tzinfo=UTC)
    assert row["details"]["tags"] == ["小红书"]


@ONE_DIALECT
def test_two_people_may_report_one_page_in_their_own_words(api, needs):
    api.post(SIGHTINGS, json=SEEN | {"channel": "staff"})
    api.post(SIGHTINGS, json=SEEN | {"channel": "service", "text": "客户来电:车趴窝了"})
    assert [(row["source"], row["text"][:2]) for row in rows(needs)] == [
        ("员工上报", "云雀"),
        ("客服上报", "客户"),
    ]


@ONE_DIALECT
def test_the_same_words_at_another_time_are_another_sighting(api, needs):
    for seen_at in ("2026-03-10 13:05", "2026-03-10 13:06", "2026-03-10 13:05"):
        api.post(SIGHTINGS, json={"text": "门店有人投诉", "seen_at": seen_at})
    assert len(rows(needs)) == 2


@ONE_DIALECT
def test_only_a_text_is_enough_and_counts_from_now(api, needs):
    assert api.post(SIGHTINGS, json={"text": "门店有人投诉"}).json()["status"] == "created"
    [row] = rows(needs)
    assert (row["published_at"], row["precision"]) == (needs.clock(), "inferred")
    assert row["followers"] is None


@ONE_DIALECT
@pytest.mark.parametrize(
    ("given", "pointer"),
    [
        ({}, "#"),
        ({"text": " "}, "#"),
        ({"text": "a", "url": "javascript:alert(1)"}, "#/url"),
        ({"text": "a", "channel": "other"}, "#/channel"),
        ({"text": "a", "followers": -1}, "#/followers"),
        ({"text": "a", "seen_at": "不久"}, "#/seen_at"),
        ({"text": "a\0"}, "#/text"),
        ({"text": "a", "more": 1}, "#/more"),
    ],
    ids=["nothing", "blank", "script", "channel", "followers", "time", "nul", "more"],
)
def test_a_wrong_sighting_is_answered_with_its_place(api, needs, given, pointer):
    answer = api.post(SIGHTINGS, json=given)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert rows(needs) == []


@ONE_DIALECT
def test_an_ingest_key_is_enough_and_a_reading_one_is_not(anonymous, key_for):
    assert anonymous.post(SIGHTINGS, json=SEEN, headers=key_for("ingest")).status_code == 200
    assert anonymous.post(SIGHTINGS, json=SEEN, headers=key_for("read")).status_code == 403
