"""Posts pushed in over the API."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from collectors.model import PostKind
from monitor.api.incoming import MOST_BYTES, MOST_ROWS, Rejection, external_id_of, read_row
from monitor.api.schemas_posts import BatchAnswer
from monitor.pipeline.analyst import PoisonedBatch

BATCH = "/api/v1/posts/batch"
POSTS = "/api/v1/posts"
LIST = {"name": "青禾", "aliases": ["青禾"], "keywords": ["电池 NEAR/5 起火"]}


def row(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "source": "客服工单",
        "external_id": f"T-{number}",
        "text": f"青禾手机充电时电池起火,第 {number} 次投诉",
        "published_at": "2026-03-10T13:00:00+08:00",
        **changes,
    }


def statuses(answer: dict[str, Any]) -> list[str]:
    return [one["status"] for one in answer["rows"]]


def test_each_row_of_a_batch_gets_its_answer_and_good_rows_are_kept(api):
    rows = [
        row(1),
        {"source": "客服工单", "text": "  "},
        row(2, author={"name": "阿岚", "followers": "many"}),
        row(3),
    ]
    reply = api.post(BATCH, json=rows)
    answer = reply.json()
    assert reply.status_code == 200
    assert statuses(answer) == ["created", "rejected", "rejected", "created"]
    assert [one["index"] for one in answer["rows"]] == [0, 1, 2, 3]
    assert answer["rows"][1]["pointer"] == "#/1/text"
    assert answer["rows"][2]["pointer"] == "#/2/author/followers"
    assert answer | {"rows": None} == {
        "created": 2,
        "duplicate": 0,
        "updated": 0,
        "rejected": 2,
        "rows": None,
    }
    assert BatchAnswer.model_validate(answer)
    assert len(api.get(POSTS).json()["data"]) == 2


def test_a_batch_sent_twice_changes_nothing(api):
    first = api.post(BATCH, json=[row(1), row(2)]).json()
    again = api.post(BATCH, json=[row(1), row(2)]).json()
    assert statuses(again) == ["duplicate", "duplicate"]
    assert [one["id"] for one in again["rows"]] == [one["id"] for one in first["rows"]]


def test_an_edited_row_updates_its_post_and_keeps_its_publication_time(api):
    api.post(BATCH, json=[row(1)])
    answer = api.post(
        BATCH, json=[row(1, text="已更正:无起火", published_at="2026-03-10T13:05:00+08:00")]
    ).json()
    assert statuses(answer) == ["updated"]
    post = api.get(f"{POSTS}/{answer['rows'][0]['id']}").json()
    assert post["text"] == "已更正:无起火"
    assert post["published_at"] == "2026-03-10T05:00:00Z"
    assert post["edited_at"] is not None


def test_repeats_inside_one_batch_are_told_from_edits(api):
    answer = api.post(BATCH, json=[row(1), row(1), row(1, text="改过的说法"), row(2)]).json()
    assert statuses(answer) == ["created", "duplicate", "updated", "created"]
    assert len({one["id"] for one in answer["rows"][:3]}) == 1
    assert api.get(f"{POSTS}/{answer['rows'][0]['id']}").json()["text"] == "改过的说法"


def test_ndjson_is_read_line_by_line_and_a_broken_line_is_one_rejection(api):
    body = "\n".join([json.dumps(row(1)), "", "{broken", json.dumps(row(2))])
    reply = api.post(
        BATCH,
        content=body.encode(),
        headers={"Content-Type": "application/x-ndjson; charset=utf-8"},
    )
    assert statuses(reply.json()) == ["created", "rejected", "created"]


def test_a_gzipped_body_is_unpacked(api):
    packed = gzip.compress(json.dumps([row(1)]).encode()[:20]) + gzip.compress(
        json.dumps([row(1)]).encode()[20:]
    )
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert statuses(api.post(BATCH, content=packed, headers=headers).json()) == ["created"]


HUGE = gzip.compress(b"[" + b" " * (3 * MOST_BYTES) + b"]")
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        pytest.param(HUGE, {**JSON, "Content-Encoding": "gzip"}, 413, id="a gzip bomb"),
        pytest.param(
            b"\x1f\x8b\x08broken", {**JSON, "Content-Encoding": "gzip"}, 400, id="damaged gzip"
        ),
        pytest.param(
            gzip.compress(b"[]")[:-5],
            {**JSON, "Content-Encoding": "gzip"},
            400,
            id="truncated gzip",
        ),
        pytest.param(b"[]", {**JSON, "Content-Encoding": "br"}, 415, id="another encoding"),
        pytest.param(b"[]", {"Content-Type": "text/plain"}, 415, id="another type"),
        pytest.param(b"[1,", JSON, 400, id="broken JSON"),
        pytest.param(b"[" * 2_000_000, JSON, 400, id="deep JSON"),
        pytest.param(b'{"source":"a"}', JSON, 422, id="no array"),
        pytest.param(
            b"[" + b",".join([b"{}"] * (MOST_ROWS + 1)) + b"]", JSON, 413, id="too many rows"
        ),
        pytest.param(b"x" * (MOST_BYTES + 1), JSON, 413, id="too many bytes"),
    ],
)
def test_a_batch_that_cannot_be_read_at_all_is_a_problem(api, body, headers, status):
    reply = api.post(BATCH, content=body, headers=headers)
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["status"] == status


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        pytest.param({"source": None}, "/source", id="no source"),
        pytest.param({"source": "x" * 201}, "/source", id="long source"),
        pytest.param({"text": "a\0b"}, "/text", id="NUL in the text"),
        pytest.param({"metrics": {"a\0": 1}}, "/metrics", id="NUL in a metric"),
        pytest.param({"author": {"name": "\0"}}, "/author/name", id="NUL in a name"),
        pytest.param({"author": {"followers": 2**63}}, "/author/followers", id="more than int64"),
        pytest.param({"author": {"followers": -1}}, "/author/followers", id="negative followers"),
        pytest.param({"url": "javascript:alert(1)"}, "/url", id="a script as URL"),
        pytest.param({"url": "http://[broken"}, "/url", id="no URL"),
        pytest.param({"kind": "tweet"}, "/kind", id="unknown kind"),
        pytest.param({"rating": 6}, "/rating", id="six stars"),
        pytest.param({"surprise": 1}, "", id="unknown field"),
        pytest.param({"title": None, "text": "\n "}, "/text", id="nothing to read"),
    ],
)
def test_a_bad_row_is_rejected_with_its_place(changes, pointer):
    with pytest.raises(Rejection) as caught:
        read_row(json.dumps(row() | changes).encode())
    assert caught.value.pointer == pointer
    assert caught.value.reason


def test_a_lone_surrogate_is_rejected_and_not_an_error():
    with pytest.raises(Rejection):
        read_row(b'{"source": "a", "text": "\\ud800"}')


@pytest.mark.parametrize(
    ("published_at", "stored", "precision"),
    [
        pytest.param(
            "2026-03-10T13:00:00+08:00", "2026-03-10T05:00:00Z", "exact", id="with a zone"
        ),
        pytest.param(
            "2026-03-10 13:00:00", "2026-03-10T05:00:00Z", "exact", id="without a zone: Shanghai"
        ),
        pytest.param(
            "2026-03-10T05:22:00Z", "2026-03-10T05:22:00Z", "exact", id="a little ahead is forgiven"
        ),
        pytest.param(
            "2030-01-01T00:00:00Z",
            "2026-03-10T05:08:00Z",
            "inferred",
            id="far ahead is not believed",
        ),
        pytest.param(None, "2026-03-10T05:08:00Z", "inferred", id="no date"),
        pytest.param(1773118800, "2026-03-10T05:00:00Z", "exact", id="unix seconds"),
    ],
)
def test_publication_times_are_read_as_documented(api, published_at, stored, precision):
    answer = api.post(BATCH, json=[row(published_at=published_at)]).json()
    post = api.get(f"{POSTS}/{answer['rows'][0]['id']}").json()
    assert (post["published_at"], post["precision"]) == (stored, precision)


@pytest.mark.parametrize(
    "text", ["someday", "0001-01-01T00:00:00+14:00", "1969-12-31T00:00:00Z", "9999-99-99"]
)
def test_an_absurd_date_rejects_its_row_and_makes_no_source(api, text):
    answer = api.post(BATCH, json=[row(published_at=text, source="nobody")]).json()
    assert answer["rows"][0]["pointer"] == "#/0/published_at"
    assert "nobody" not in [one["name"] for one in api.get("/api/v1/sources").json()["data"]]


def test_an_unknown_source_name_becomes_a_push_source(api):
    api.post(BATCH, json=[row(source="门店反馈")])
    sources = {one["name"]: one["kind"] for one in api.get("/api/v1/sources").json()["data"]}
    assert sources == {"门店反馈": "push"}


def test_without_an_external_id_the_url_is_taken_else_the_content():
    def chosen(**changes: Any) -> str:
        return external_id_of(
            read_row(json.dumps({"source": "a", "text": "b", **changes}).encode())
        )

    assert chosen(external_id="7", url="https://a.example/1") == "7"
    assert chosen(url="https://a.example/1") == "https://a.example/1"
    assert chosen().startswith("content:")
    assert chosen() == chosen()
    assert chosen() != chosen(title="c")


@pytest.mark.parametrize(
    ("rating", "kind", "stored"),
    [
        pytest.param(None, PostKind.POST, None, id="none"),
        pytest.param(0.8, PostKind.REVIEW, 0.8, id="a share"),
        pytest.param(4, PostKind.REVIEW, 0.8, id="stars of five"),
    ],
)
def test_a_rating_makes_a_review_and_is_normalised(api, rating, kind, stored):
    answer = api.post(BATCH, json=[row(rating=rating)]).json()
    post = api.get(f"{POSTS}/{answer['rows'][0]['id']}").json()
    assert (post["kind"], post["rating"]) == (kind, stored)


class Fragile:
    """Dies over one text, as a worker process may."""

    def __init__(self, analyst, deadly: str) -> None:
        self._analyst = analyst
        self._deadly = deadly

    async def understand(self, rules, documents):
        if any(self._deadly in document.text for document in documents):
            raise PoisonedBatch("a worker died")
        return await self._analyst.understand(rules, documents)

    def close(self) -> None:
        """Nothing runs."""


def test_a_text_that_kills_its_reader_costs_only_its_own_row(api, needs):
    object.__setattr__(needs.analysing, "analyst", Fragile(needs.analysing.analyst, "第 3 次"))
    answer = api.post(BATCH, json=[row(number) for number in range(6)]).json()
    assert statuses(answer) == ["created"] * 3 + ["rejected"] + ["created"] * 2


def test_a_post_is_put_under_its_key_once_and_edited_under_it(api):
    place = f"{POSTS}/by-key/%E9%97%A8%E5%BA%97/a%2Fb"
    first = api.put(place, json={"text": "起火"})
    assert first.status_code == 201
    assert first.headers["location"] == f"/api/v1/posts/{first.json()['id']}"
    assert (first.json()["source"], first.json()["external_id"]) == ("门店", "a/b")
    second = api.put(place, json={"text": "没有起火", "external_id": "a/b"})
    assert (second.status_code, second.json()["id"], second.json()["text"]) == (
        200,
        first.json()["id"],
        "没有起火",
    )


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"text": "a", "external_id": "other"}', 422, id="another key in the body"),
        pytest.param(b'{"text": ""}', 422, id="nothing to read"),
        pytest.param(b"[]", 422, id="no object"),
        pytest.param(b"{", 400, id="no JSON"),
        pytest.param(b'{"text": "\\u0000"}', 422, id="NUL"),
    ],
)
def test_a_bad_body_under_a_key_is_a_problem(api, body, status):
    reply = api.put(f"{POSTS}/by-key/s/1", content=body, headers=JSON)
    assert (reply.status_code, reply.headers["content-type"]) == (
        status,
        "application/problem+json",
    )


@pytest.mark.parametrize(
    ("method", "path", "scope", "status"),
    [
        ("POST", BATCH, "read", 403),
        ("POST", BATCH, "ingest", 200),
        ("GET", POSTS, "ingest", 403),
        ("GET", POSTS, "respond", 200),
    ],
)
def test_pushing_needs_ingest_and_reading_needs_read(
    anonymous, key_for, method, path, scope, status
):
    headers = key_for(scope)
    body = {"json": [row()]} if method == "POST" else {}
    assert anonymous.request(method, path, headers=headers, **body).status_code == status
    assert anonymous.request(method, path, **body).status_code == 401
