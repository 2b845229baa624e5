"""``/trends`` over the API: the wire form, its defaults, and what it refuses."""

from __future__ import annotations

import csv
import io

import pytest

from monitor.api.schemas_posts import TrendOut

TRENDS = "/api/v1/trends"
BATCH = "/api/v1/posts/batch"


@pytest.fixture
def brand(api) -> int:
    """A list with three mentions: 09:00, 09:07 and 12:59 in Shanghai on the day of the clock."""
    keywords = ["起火", "=1+青禾"]
    key = api.post(
        "/api/v1/keyword-lists",
        json={"name": "青禾", "aliases": ["青禾"], "keywords": [keywords[0]]},
    ).json()["id"]
    texts = {
        "09:00": "青禾手机充电起火,要求退货",
        "09:07": "青禾手机又起火了,太差",
        "12:59": "青禾很好用,满意,推荐",
    }
    rows = [
        {
            "source": "论坛",
            "external_id": at,
            "text": text,
            "published_at": f"2026-03-10T{at}:00+08:00",
        }
        for at, text in texts.items()
    ]
    assert api.post(BATCH, json=rows).json()["created"] == 3
    return key


def test_a_trend_is_zero_filled_and_says_what_it_covers(api, brand):
    reply = api.get(TRENDS, params={"keyword_list": brand, "bucket": "1h", "range": "6h"})
    body = reply.json()
    assert TrendOut.model_validate(body)
    assert (body["since"], body["until"]) == ("2026-03-09T23:00:00Z", "2026-03-10T06:00:00Z")
    assert (body["tz"], body["bucket"], body["complete_until"]) == (
        "Asia/Shanghai",
        "1h",
        "2026-03-10T05:08:00Z",
    )
    assert [one["count"] for one in body["data"]] == [0, 0, 2, 0, 0, 1, 0]
    assert body["data"][0] == {
        "time": "2026-03-09T23:00:00Z", "count": 0, "negative": 0, "neutral": 0, "positive": 0, "score": None,
    }  # fmt: skip
    assert -1 <= body["data"][2]["score"] < 0
    assert body["gaps"] == []


def test_without_a_range_the_last_day_is_shown_in_five_minutes(api, brand):
    body = api.get(TRENDS).json()
    assert (body["bucket"], len(body["data"])) == ("5m", 289)
    assert sum(one["count"] for one in body["data"]) == 3


def test_days_follow_the_zone_asked_for(api, brand):
    params = {
        "since": "2026-03-09T00:00:00-04:00",
        "until": "2026-03-11T00:00:00-04:00",
        "bucket": "1d",
        "tz": "America/New_York",
    }
    body = api.get(TRENDS, params=params).json()
    assert [(one["time"], one["count"]) for one in body["data"]] == [
        ("2026-03-09T04:00:00Z", 2),
        ("2026-03-10T04:00:00Z", 1),
    ]


@pytest.mark.parametrize(
    ("group", "expected"),
    [
        pytest.param("keyword", {"青禾": 3, "起火": 2}, id="keyword"),
        pytest.param("source_kind", {"push": 3}, id="source kind"),
    ],
)
def test_groups_carry_their_name(api, brand, group, expected):
    rows = api.get(
        TRENDS, params={"keyword_list": brand, "range": "today", "bucket": "1h", "group_by": group}
    ).json()["data"]
    found: dict[str, int] = {}
    for one in rows:
        found[one["group"]] = found.get(one["group"], 0) + one["count"]
    assert found == expected


def test_classes_add_up_to_the_whole(api, brand):
    params = {"keyword_list": brand, "range": "24h", "bucket": "1h"}
    whole = api.get(TRENDS, params=params).json()["data"]
    classes = api.get(TRENDS, params={**params, "group_by": "sentiment"}).json()["data"]
    assert sum(one["count"] for one in whole) == sum(one["count"] for one in classes) == 3
    assert {one["group"] for one in classes} == {"negative", "neutral", "positive"}


def test_csv_has_local_times_and_no_formula(api, brand):
    reply = api.get(
        TRENDS,
        params={
            "keyword_list": brand,
            "range": "6h",
            "bucket": "1h",
            "format": "csv",
            "group_by": "keyword",
        },
    )
    assert reply.headers["content-type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(reply.content.decode("utf-8-sig"))))
    assert rows[0]["time"] == "2026-03-10T07:00:00+08:00"
    assert (rows[0]["score"], rows[0]["count"]) == ("", "0")
    assert {one["group"] for one in rows} == {"青禾", "起火"}


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        pytest.param("range=90d&bucket=1h", "#/bucket", id="too many points"),
        pytest.param("range=24h&since=2026-03-10T00:00:00Z", "#/range", id="two ways at once"),
        pytest.param("range=soon", "#/range", id="no range"),
        pytest.param("tz=Mars/Base", "#/tz", id="no zone"),
        pytest.param("tz=../../etc/passwd", "#/tz", id="a path as zone"),
        pytest.param("tz=", "#/tz", id="an empty zone"),
        pytest.param("tz=Asia", "#/tz", id="a folder as zone"),
        pytest.param("tz=%00", "#/tz", id="NUL as zone"),
        pytest.param("bucket=1y", "#/bucket", id="no bucket"),
        pytest.param("group_by=author", "#/group_by", id="no group"),
        pytest.param("since=9998-12-31T23:59:59Z", "#/since", id="after the end of time"),
        pytest.param("until=0002-01-01T00:00:00Z", "#/range", id="before the beginning"),
        pytest.param(
            "since=2026-03-10T05:00:00Z&until=2026-03-10T04:00:00Z", "#/since", id="backwards"
        ),
        pytest.param("keyword_list=abc", "#/keyword_list/0", id="no id"),
        pytest.param("metric=count", "#/metric", id="unknown parameter"),
    ],
)
def test_what_cannot_be_drawn_is_422_and_says_where(api, query, pointer):
    reply = api.get(f"{TRENDS}?{query}")
    assert reply.status_code == 422, reply.text
    assert reply.json()["errors"][0]["pointer"] == pointer


def test_the_refusal_names_the_bucket_that_fits(api):
    assert "bucket=1d" in api.get(f"{TRENDS}?range=90d&bucket=1h").json()["detail"]


def test_an_unknown_list_is_an_empty_series(api, brand):
    assert (
        sum(one["count"] for one in api.get(TRENDS, params={"keyword_list": 999}).json()["data"])
        == 0
    )


def test_trends_need_read(anonymous, key_for):
    assert anonymous.get(TRENDS).status_code == 401
    assert anonymous.get(TRENDS, headers=key_for("ingest")).status_code == 403
