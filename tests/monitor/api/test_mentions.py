"""Mentions listed, followed, exported and corrected over the API."""

from __future__ import annotations

import csv
import io
import json
import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select

from monitor.api import sheets
from monitor.api.schemas_posts import MentionOut, MentionPage
from monitor.storage.following import PATIENCE_SECONDS, settled
from monitor.storage.tables import alert, mention, post

MENTIONS = "/api/v1/mentions"
LISTS = "/api/v1/keyword-lists"
BATCH = "/api/v1/posts/batch"


def row(number: int, text: str, **changes: Any) -> dict[str, Any]:
    return {
        "source": "论坛", "external_id": f"p{number}", "text": text, "published_at": "2026-03-10T13:00:00+08:00",
        "author": {"name": f"用户{number}", "followers": number}, **changes,
    }  # fmt: skip


@pytest.fixture
def lists(api) -> dict[str, int]:
    made = {}
    for name in ("青禾", "云雀"):
        made[name] = api.post(LISTS, json={"name": name, "aliases": [name]}).json()["id"]
    return made


@pytest.fixture
def stored(api, lists):
    """Four posts: one bad for 青禾, one good for 云雀, one of both, one of neither."""
    rows = [
        row(
            1,
            "青禾手机充电起火,客服推诿,要求退货",
            published_at="2026-03-10T01:00:00Z",
            title="投诉",
        ),
        row(2, "云雀汽车真好开,非常满意,推荐", published_at="2026-03-10T02:00:00Z"),
        row(3, "青禾和云雀今天同时公布时间表", published_at="2026-03-10T03:00:00Z", source="新闻"),
        row(4, "今天天气不错", published_at="2026-03-10T04:00:00Z"),
    ]
    api.post(BATCH, json=rows)
    return lists


def texts(reply) -> list[str]:
    assert reply.status_code == 200, reply.text
    return [one["text"][:2] + one["keyword_list"]["name"] for one in reply.json()["data"]]


def test_a_mention_carries_its_post_its_list_and_why_it_matched(api, stored):
    reply = api.get(MENTIONS, params={"keyword_list": stored["青禾"], "sentiment": "negative"})
    assert MentionPage.model_validate(reply.json())
    (found,) = reply.json()["data"]
    full = f"{found['title']}\n{found['text']}"
    assert [full[hit["start"] : hit["end"]] for hit in found["hits"]] == ["青禾"]
    assert found["keywords"] == ["青禾"]
    assert (found["author"], found["followers"], found["source"]) == ("用户1", 1, "论坛")
    assert found["published_at"] == "2026-03-10T01:00:00Z"
    assert found["score"] < 0
    assert api.get(f"{MENTIONS}/{found['id']}").json() == found


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        pytest.param({}, ["青禾云雀", "青禾青禾", "云雀云雀", "青禾青禾"], id="all, newest first"),
        pytest.param({"keyword_list": "云雀"}, ["青禾云雀", "云雀云雀"], id="one list"),
        pytest.param({"sentiment": "negative"}, ["青禾青禾"], id="sentiment"),
        pytest.param(
            {"since": "2026-03-10T02:00:00Z", "until": "2026-03-10T03:00:00Z"},
            ["云雀云雀"],
            id="time, half open",
        ),
        pytest.param({"q": "起火 OR 满意"}, ["云雀云雀", "青禾青禾"], id="search"),
        pytest.param({"q": "起火", "keyword_list": "云雀"}, [], id="search in a list"),
    ],
)
def test_filters_narrow(api, stored, params, expected):
    if "keyword_list" in params:
        params = {**params, "keyword_list": stored[params["keyword_list"]]}
    found = texts(api.get(MENTIONS, params=params))
    assert sorted(found) == sorted(expected)
    assert [name[:2] for name in found] == [name[:2] for name in expected]


def test_a_tier_asks_for_mentions_under_an_alert_of_it(api, needs, stored, clock):
    def alert_row(list_id: int, tier: int, opened, closed=None) -> dict[str, Any]:
        return {
            "dedup_key": f"{list_id}:{tier}", "keyword_list_id": list_id, "state": "resolved" if closed else "open",
            "tier": tier, "title": "t", "opened_at": opened, "updated_at": opened, "sequence": 1, "closed_at": closed,
            "explanation": {}, "counts": {}, "evidence": [],
        }  # fmt: skip

    at = clock.now.replace(hour=2, minute=30)
    with needs.database.write() as connection:
        connection.execute(
            insert(alert), [alert_row(stored["云雀"], 3, at, at + timedelta(minutes=10))]
        )
        connection.execute(insert(alert), [alert_row(stored["青禾"], 2, at)])
    assert texts(api.get(MENTIONS, params={"tier": "orange"})) == [
        "云雀云雀"
    ]  # in the hour before it opened
    assert texts(api.get(MENTIONS, params={"tier": "yellow"})) == ["青禾青禾"]
    assert texts(api.get(MENTIONS, params={"tier": "red"})) == []
    assert api.get(MENTIONS, params={"tier": "none"}).status_code == 422


def test_following_by_ingestion_never_misses_a_late_row(api, stored):
    first = api.get(MENTIONS, params={"order": "ingested", "limit": 3}).json()
    rest = api.get(MENTIONS, params={"order": "ingested", "cursor": first["next_cursor"]}).json()
    assert (first["has_more"], len(first["data"]), len(rest["data"])) == (True, 3, 1)
    api.post(BATCH, json=[row(9, "青禾旧闻", published_at="2021-01-01T00:00:00Z")])
    late = api.get(MENTIONS, params={"order": "ingested", "cursor": rest["next_cursor"]}).json()
    assert [one["text"] for one in late["data"]] == ["青禾旧闻"]
    assert late["next_cursor"] is not None


class Interrupted:
    """Stands for the pause between two looks; ends the other writer in the first one."""

    def __init__(self, end) -> None:
        self.end = end
        self.pauses = 0

    def __call__(self, _seconds: float) -> None:
        self.pauses += 1
        if self.pauses == 1:
            self.end()


def copy_of(values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if name != "id"}


def test_an_id_is_settled_only_when_no_writer_can_show_a_lower_one(api, needs, stored):
    """A slow transaction draws an id, a quick one draws the next and commits first."""
    database = needs.database
    if database.is_sqlite:
        pytest.skip("SQLite has one writer at a time: ids are committed in their order")
    with database.read() as connection:
        known = copy_of(connection.execute(select(mention)).mappings().first())
        weather = connection.scalar(select(post.c.id).where(post.c.external_id == "p4"))
        before = settled(database, connection, mention, after=0)
    slow = database.engine.connect()
    slow_transaction = slow.begin()
    fresh = {**known, "post_id": weather, "keyword_list_id": stored["青禾"]}
    slow_id = slow.execute(insert(mention).values(fresh).returning(mention.c.id)).scalar_one()
    with database.write() as quick:
        quick_id = quick.execute(
            insert(mention)
            .values({**fresh, "keyword_list_id": stored["云雀"]})
            .returning(mention.c.id)
        ).scalar_one()
    assert slow_id < quick_id
    with database.read() as connection:
        stuck = settled(database, connection, mention, after=before, wait=lambda _: None)
        assert stuck == before
        pause = Interrupted(slow_transaction.commit)
        assert settled(database, connection, mention, after=before, wait=pause) == quick_id
        assert pause.pauses * 0.01 < PATIENCE_SECONDS
    slow.close()


def test_a_corrected_label_moves_the_counts_and_says_who(api, stored, anonymous, key_for):
    def counts() -> tuple[int, int, int]:
        params = {"keyword_list": stored["青禾"], "range": "24h", "bucket": "1h"}
        rows = api.get("/api/v1/trends", params=params).json()["data"]
        return tuple(sum(one[name] for one in rows) for name in ("negative", "neutral", "positive"))

    key = api.get(MENTIONS, params={"sentiment": "negative"}).json()["data"][0]["id"]
    negative, neutral, positive = counts()
    for _ in range(2):  # twice is once
        reply = api.patch(f"{MENTIONS}/{key}", json={"sentiment": "positive"})
        assert MentionOut.model_validate(reply.json())
        assert (reply.json()["sentiment"], reply.json()["score"], reply.json()["label_by"]) == (
            "positive",
            1.0,
            "admin",
        )
        assert counts() == (negative - 1, neutral, positive + 1)
    assert (
        anonymous.patch(
            f"{MENTIONS}/{key}", json={"sentiment": "neutral"}, headers=key_for("read")
        ).status_code
        == 403
    )


@pytest.mark.parametrize(
    "body", [{}, {"sentiment": "unknown"}, {"sentiment": "negative", "score": 1}, []]
)
def test_a_label_that_is_none_is_422(api, stored, body):
    assert api.patch(f"{MENTIONS}/1", json=body).status_code == 422


def test_a_mention_that_is_not_there_is_404(api):
    assert api.get(f"{MENTIONS}/7").status_code == 404
    assert api.patch(f"{MENTIONS}/7", json={"sentiment": "neutral"}).status_code == 404


def test_an_export_is_a_sheet_that_runs_nothing(api, lists):
    rows = [
        row(1, "=HYPERLINK(青禾)"),
        row(2, "＝1+青禾", author={"name": "@青禾", "followers": 1}),
        row(3, '青禾, "引号"\n换行'),
    ]
    api.post(BATCH, json=rows)
    reply = api.get(f"{MENTIONS}/export")
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    assert "mentions.csv" in reply.headers["content-disposition"]
    assert reply.content.startswith(b"\xef\xbb\xbf")
    found = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"), newline="")))
    assert [one["text"] for one in found] == [
        '青禾, "引号"\n换行',
        "'＝1+青禾",
        "'=HYPERLINK(青禾)",
    ]
    assert found[1]["author"] == "'@青禾"
    assert found[0]["keyword_list"] == "青禾"
    assert not api.get(f"{MENTIONS}/export", params={"bom": "false"}).content.startswith(
        b"\xef\xbb\xbf"
    )


@pytest.mark.parametrize(
    ("cell", "guarded"),
    [
        ("=1+1", "'=1+1"), ("+1", "'+1"), ("-1", "'-1"), ("@a", "'@a"), ("＝1", "'＝1"), ("＋1", "'＋1"),
        ("－1", "'－1"), ("＠a", "'＠a"), ("\t=1", "'\t=1"), ("\r=1", "'\r=1"), ("  =1", "'  =1"), ("a=1", "a=1"),
        ("", ""), (-0.5, -0.5), (None, None),
    ],
)  # fmt: skip
def test_cells_that_a_spreadsheet_would_run_get_an_apostrophe(cell, guarded):
    assert sheets.guarded(cell) == guarded


def test_an_export_goes_over_all_pages_in_json_lines(api, lists):
    api.post(BATCH, json=[row(number, f"青禾 {number}") for number in range(520)])
    lines = api.get(f"{MENTIONS}/export", params={"format": "jsonl"}).text.splitlines()
    assert len({json.loads(line)["id"] for line in lines}) == len(lines) == 520


@pytest.mark.parametrize(
    "query", ["tier=grey", "keyword_list=x", "format=xlsx", "limit=5&format=csv", "q=%22%22"]
)
def test_what_an_export_does_not_know_is_422(api, query):
    assert api.get(f"{MENTIONS}/export?{query}").status_code == 422


def test_two_corrections_at_once_leave_counts_that_equal_a_recount(api, needs, stored):
    key = api.get(MENTIONS, params={"sentiment": "negative"}).json()["data"][0]["id"]
    labels = ["positive", "neutral"] * 5

    def correct(label: str) -> None:
        assert api.patch(f"{MENTIONS}/{key}", json={"sentiment": label}).status_code == 200

    threads = [threading.Thread(target=correct, args=[label]) for label in labels]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rows = api.get(
        "/api/v1/trends", params={"keyword_list": stored["青禾"], "bucket": "1h"}
    ).json()["data"]
    with needs.database.read() as connection:
        kept = connection.scalars(
            select(mention.c.sentiment).where(mention.c.keyword_list_id == stored["青禾"])
        ).all()
    for label in ("negative", "neutral", "positive"):
        assert sum(one[label] for one in rows) == kept.count(label)
