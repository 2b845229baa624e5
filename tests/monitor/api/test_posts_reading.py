"""Stored posts listed, followed, searched and explained over the API."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from monitor.api.schemas_posts import PostExplanation, PostOut, PostPage

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


@pytest.fixture
def three(api):
    """Three posts of two sources; returns their ids."""
    rows = [
        row(1, published_at="2026-03-10T04:00:00Z", title="起火", lang="zh"),
        row(2, published_at="2026-03-10T02:00:00Z", source="论坛", text="天气真好,适合郊游"),
        row(3, published_at="2026-03-10T03:00:00Z", rating=1),
    ]
    return [one["id"] for one in api.post(BATCH, json=rows).json()["rows"]]


def ids(reply) -> list[int]:
    assert reply.status_code == 200, reply.text
    return [one["id"] for one in reply.json()["data"]]


def test_posts_come_newest_first_and_are_described_as_they_are(api, three):
    reply = api.get(POSTS)
    assert ids(reply) == [three[0], three[2], three[1]]
    assert PostPage.model_validate(reply.json())
    post = PostOut.model_validate(reply.json()["data"][0])
    assert post.author.followers is None
    assert "hits" not in reply.json()["data"][0]


def test_filters_narrow_and_values_of_one_filter_are_alternatives(api, three):
    sources = {one["name"]: one["id"] for one in api.get("/api/v1/sources").json()["data"]}
    assert ids(api.get(POSTS, params={"source": sources["论坛"]})) == [three[1]]
    assert ids(api.get(POSTS, params={"source": list(sources.values()), "kind": "review"})) == [
        three[2]
    ]
    assert ids(
        api.get(POSTS, params={"since": "2026-03-10T03:00:00Z", "until": "2026-03-10T04:00:00Z"})
    ) == [three[2]]
    assert ids(api.get(POSTS, params={"until": "2026-03-10 11:00"})) == [three[1]]
    labels = {one["id"]: one["sentiment"] for one in api.get(POSTS).json()["data"]}
    expected = [key for key in (three[0], three[2], three[1]) if labels[key] == "negative"]
    assert ids(api.get(POSTS, params={"sentiment": "negative"})) == expected


@pytest.mark.parametrize(
    "query",
    [
        "limit=0", "limit=501", "limit=99999999999999999999", "cursor=x", "cursor=WzFd", "cursor=W251bGwsMV0",
        "cursor=Wy05ZTk5OSwxXQ", "since=yesterday", "since=0001-01-01T00:00:00%2B14:00", "until=9999-12-31T23:59:59-14:00",
        "since=2026-03-11&until=2026-03-10", "source=0", "source=9223372036854775808", "lang=%00", "kind=tweet",
        "sentiment=bad", "order=random", "q=(", "q=NOT+a", "q=" + "%28" * 400, "surprise=1", "q=NEAR/3",
    ],
)  # fmt: skip
def test_what_cannot_be_meant_is_422_and_says_where(api, query):
    reply = api.get(f"{POSTS}?{query}")
    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"].startswith("#/")


def walk(api, path: str, **params: Any) -> list[int]:
    found: list[int] = []
    while True:
        body = api.get(path, params=params).json()
        found += [one["id"] for one in body["data"]]
        if not body["has_more"]:
            return found
        params["cursor"] = body["next_cursor"]


def test_pages_of_equal_times_neither_repeat_nor_miss_a_post(api):
    api.post(BATCH, json=[row(number) for number in range(25)])
    found = walk(api, POSTS, limit=4)
    assert len(found) == len(set(found)) == 25
    assert found == sorted(found, reverse=True)
    assert walk(api, POSTS, limit=4, order="ingested") == sorted(found)


def test_following_goes_on_from_the_last_cursor_and_sees_a_late_post_with_an_old_date(api):
    api.post(BATCH, json=[row(1), row(2)])
    first = api.get(POSTS, params={"order": "ingested"}).json()
    assert not first["has_more"]
    nothing = api.get(POSTS, params={"order": "ingested", "cursor": first["next_cursor"]}).json()
    assert nothing["data"] == []
    late = api.post(BATCH, json=[row(3, published_at="2020-01-01T00:00:00Z")]).json()["rows"][0][
        "id"
    ]
    later = api.get(POSTS, params={"order": "ingested", "cursor": nothing["next_cursor"]}).json()
    assert [one["id"] for one in later["data"]] == [late]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        pytest.param("起火", [0, 2], id="two Han characters"),
        pytest.param("火", [0, 2], id="one Han character"),
        pytest.param("電池", [0, 2], id="traditional for simplified"),
        pytest.param("title:起火", [0], id="in the title"),
        pytest.param("郊游 OR 起火", [0, 2, 1], id="either"),
        pytest.param("(充电 NEAR/5 起火) NOT 郊游", [0, 2], id="near"),
        pytest.param("source:论坛", [1], id="a field that no index knows"),
        pytest.param("冰雹", [], id="nowhere"),
    ],
)
def test_search_speaks_the_query_language(api, three, query, expected):
    assert ids(api.get(POSTS, params={"q": query})) == [three[at] for at in expected]


def test_a_search_shows_where_it_hit_in_title_and_text(api, three):
    post = api.get(POSTS, params={"q": "起火"}).json()["data"][0]
    full = f"{post['title']}\n{post['text']}"
    assert [full[hit["start"] : hit["end"]] for hit in post["hits"]] == ["起火", "起火"]


def test_a_post_explains_itself_with_words_risks_and_mentions(api):
    api.post("/api/v1/keyword-lists", json=LIST)
    key = api.post(BATCH, json=[row(title="投诉")]).json()["rows"][0]["id"]
    explanation = api.get(f"{POSTS}/{key}/explanation").json()
    assert PostExplanation.model_validate(explanation)
    text = explanation["text"]
    assert text.startswith("投诉\n青禾")
    assert explanation["words"]
    assert all(text[word["start"] : word["end"]] == word["text"] for word in explanation["words"])
    assert explanation["sentiment"]["label"] == "negative"
    assert explanation["sentiment"] == pytest.approx(explanation["stored"])
    assert explanation["model_version"] == explanation["stored_model_version"]
    (mention,) = explanation["mentions"]
    assert mention["keyword_list"]["name"] == "青禾"
    assert set(mention["keywords"]) == {"青禾", "电池 NEAR/5 起火"}
    assert next(text[hit["start"] : hit["end"]] for hit in mention["hits"]) == "青禾"


@pytest.mark.parametrize("path", [f"{POSTS}/7", f"{POSTS}/7/explanation"])
def test_a_post_that_is_not_there_is_404(api, path):
    assert api.get(path).status_code == 404
    assert api.get(path.replace("7", str(2**63))).status_code == 422


def test_a_pushed_post_wakes_those_who_wait(api, needs, clock):
    calls: list[str] = []
    object.__setattr__(needs.analysing, "told", lambda: calls.append("told"))
    api.post(BATCH, json=[row()])
    clock.move(timedelta(minutes=1))
    api.post(BATCH, json=[row()])
    assert calls == ["told"]
