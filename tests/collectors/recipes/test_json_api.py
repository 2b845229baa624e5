"""JSON interfaces by recipe: fields, refusals inside a 200, secrets, broken recipes."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collectors.model import (
    CollectError,
    Cursor,
    Outcome,
    PostKind,
    Precision,
    SourceState,
    Stars,
)
from collectors.recipes.json_api import MOST_ITEMS, JsonApiCollector
from tests.collectors.recipes.recipes import (
    INTERVAL,
    NOW,
    SIMPLE_MAP,
    URL,
    ids,
    json_source,
    visit,
)
from tests.collectors.recorded import Recorded, answer

WEIBO_MAP = {
    "id": "id",
    "html": True,
    "text": "text",
    "url": "https://m.weibo.cn/status/{bid}",
    "created_at": "created_at",
    "edited_at": "edit_at",
    "location": {"path": "region_name", "transform": [{"regex": r"发布于\s*(.+)"}]},
    "repost_of": "retweeted_status.id",
    "author.name": "user.screen_name",
    "author.handle": "user.id",
    "author.url": "https://m.weibo.cn/u/{user.id}",
    "author.followers": "user.followers_count",
    "metrics.likes": {"path": "attitudes_count", "transform": ["number_zh"]},
    "metrics.pictures": "length(pics)",
}
WEIBO = {"success": "ok == `1`", "items": "data.cards[?card_type==`9`].mblog", "map": WEIBO_MAP}


def mblog(**more: object) -> dict:
    user = {"id": 42, "screen_name": "甲", "followers_count": "1.2万"}
    return {
        "id": "5001", "bid": "Nabc", "created_at": "16小时前", "attitudes_count": "1.2万", "user": user,
        "text": '云雀汽车<br/>刹车失灵 <img alt="[怒]" src="x.png"> &amp; 起火', "region_name": "发布于 北京", **more,
    }  # fmt: skip


def weibo(*mblogs: dict) -> dict:
    cards = [{"card_type": 9, "mblog": one} for one in mblogs]
    return {"ok": 1, "data": {"cards": [{"card_type": 11, "card_group": []}, *cards]}}


def test_a_card_of_weibo_becomes_a_post_with_all_its_fields() -> None:
    edited = mblog(retweeted_status={"id": "4000"}, created_at="Tue Mar 10 09:00:00 +0800 2026",
                   edit_at="Tue Mar 10 10:00:00 +0800 2026")  # fmt: skip
    poll = visit(json_source(**WEIBO), Recorded({URL: answer(weibo(edited))}))
    post = poll.posts[0]
    assert (post.external_id, post.url) == ("5001", "https://m.weibo.cn/status/Nabc")
    assert post.text == "云雀汽车\n刹车失灵 [怒] & 起火"
    assert post.author.name == "甲"
    assert (post.author.handle, post.author.followers) == ("42", 12_000)
    assert post.author.url == "https://m.weibo.cn/u/42"
    assert post.published_at == datetime(2026, 3, 10, 1, tzinfo=UTC)
    assert post.edited_at == datetime(2026, 3, 10, 2, tzinfo=UTC)
    assert (post.metrics["likes"], post.location, post.repost_of) == (12_000, "北京", "4000")


@pytest.mark.parametrize(
    ("pics", "count"),
    [
        ([{"pid": "a"}, {"pid": "b"}], 2),
        ({"0": {"pid": "a"}, "1": {"pid": "b"}, "2": {"pid": "c"}}, 3),
        (None, None),
    ],
    ids=["array", "object", "absent"],
)
def test_pictures_come_as_an_array_or_an_object(pics: object, count: int | None) -> None:
    poll = visit(json_source(**WEIBO), Recorded({URL: answer(weibo(mblog(pics=pics)))}))
    assert poll.posts[0].metrics.get("pictures") == count


@pytest.mark.parametrize(
    ("written", "moment", "precision"),
    [
        ("16小时前", datetime(2026, 3, 9, 13, 8, tzinfo=UTC), Precision.HOUR),
        ("昨天 12:30", datetime(2026, 3, 9, 4, 30, tzinfo=UTC), Precision.MINUTE),
        ("03-01", datetime(2026, 2, 28, 16, tzinfo=UTC), Precision.DAY),
        (
            "Wed Mar 23 16:09:04 +0800 2022",
            datetime(2022, 3, 23, 8, 9, 4, tzinfo=UTC),
            Precision.EXACT,
        ),
        ("once upon a time", None, Precision.INFERRED),
        (0, None, Precision.INFERRED),
        (None, None, Precision.INFERRED),
    ],
)
def test_dates_of_weibo_are_read(
    written: object, moment: datetime | None, precision: Precision
) -> None:
    poll = visit(json_source(**WEIBO), Recorded({URL: answer(weibo(mblog(created_at=written)))}))
    assert (poll.posts[0].published_at, poll.posts[0].precision) == (moment, precision)


@pytest.mark.parametrize(
    ("spec", "value", "moment"),
    [
        ({"format": "unix"}, 1773118800, datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "unix"}, "1773118800", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "unix_ms"}, "1773118800000", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "unix"}, -1, None),
        ({"format": "unix"}, 10**30, None),
        ({}, 1773118800000, datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({}, float("inf"), None),
        ({"format": "%d/%m/%Y %H:%M"}, "10/03/2026 13:00", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "%d/%m/%Y %H:%M", "tz": "UTC"}, "10/03/2026 05:00", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "%d/%m/%Y"}, "2026-03-10", None),
        ({"tz": "America/New_York"}, "2026-03-10 01:00:00", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"format": "relative_zh"}, "8分钟前", datetime(2026, 3, 10, 5, tzinfo=UTC)),
        ({"transform": ["date_zh"]}, "8分钟前", datetime(2026, 3, 10, 5, tzinfo=UTC)),
    ],
)  # fmt: skip
def test_dates_are_read_in_the_format_the_recipe_names(
    spec: dict, value: object, moment: datetime | None
) -> None:
    field = {"path": "at", **spec}
    body = json.dumps({"items": [{"id": 1, "text": "x", "at": value}]}).encode()
    poll = visit(
        json_source(map={**SIMPLE_MAP, "created_at": field}), Recorded({URL: answer(body)})
    )
    assert poll.posts[0].published_at == moment


def test_gbk_in_jsonp_is_read() -> None:
    body = (
        'fetchJSON_comment98({"comments":[{"id":1,"content":"鑫云雀的刹车片有异响","score":2}]});'
    )
    source = json_source(
        items="comments",
        map={"id": "id", "text": "content", "rating": "score"},
        decode={"charset": "gb18030", "jsonp": True},
        post_kind="review",
    )
    post = visit(source, Recorded({URL: answer(body.encode("gb18030"))})).posts[0]
    assert (post.text, post.kind, post.stars) == (
        "鑫云雀的刹车片有异响",
        PostKind.REVIEW,
        Stars(value=2),
    )
    assert post.rating == 0.25


@pytest.mark.parametrize(
    ("success", "body", "words"),
    [
        ("ok == `1`", {"ok": -100, "msg": "请先登录", "url": "https://passport.example.cn"}, ["请先登录", "ok=-100"]),
        ("code == `0`", {"code": -352, "message": "风控校验失败"}, ["风控校验失败", "code=-352"]),
        ("success", {"success": False, "error": {"message": "invalid token"}}, ["invalid token"]),
        ("status == 'success'", {"status": "fail"}, ['status="fail"']),
        ("length(errors) == `0`", {"data": []}, ["errors=null"]),
    ],
    ids=["ok", "code", "success", "status", "check does not fit"],
)  # fmt: skip
def test_a_refusal_inside_a_200_blocks_with_the_answers_own_words(
    success: str, body: dict, words: list[str]
) -> None:
    source = json_source(success=success)
    poll = visit(source, Recorded({URL: answer(body)}))
    assert (poll.state, poll.outcome) == (SourceState.BLOCKED, Outcome.FAILED)
    assert poll.wait >= timedelta(hours=6)
    assert all(word in (poll.reason or "") for word in words), poll.reason
    assert poll.cursor_after == source.cursor


def test_an_answer_that_repeats_a_secret_does_not_bring_it_into_the_reason() -> None:
    source = json_source(success="ok", headers={"Cookie": "secret:cookie"})
    source = replace(source, secrets={"cookie": "SUB=topsecret42"})
    poll = visit(
        source, Recorded({URL: answer({"ok": False, "msg": "bad cookie SUB=topsecret42"})})
    )
    assert "topsecret" not in (poll.reason or "")
    assert "***" in (poll.reason or "")


@pytest.mark.parametrize(
    ("body", "state", "reason"),
    [
        ("<html><title>登录</title>请登录</html>", SourceState.BLOCKED, "网页"),
        ("<html>请完成验证</html>", SourceState.BLOCKED, "captcha"),
        (b"", SourceState.BLOCKED, "空内容"),
        ("{'a': 1}", SourceState.BACKING_OFF, "not JSON"),
        ("[" * 100_000, SourceState.BACKING_OFF, "not JSON"),
    ],
    ids=["html", "challenge", "empty", "no json", "deep"],
)
def test_what_is_no_json_is_told_apart(body: object, state: SourceState, reason: str) -> None:
    poll = visit(json_source(), Recorded({URL: answer(body)}))
    assert poll.state is state
    assert reason in (poll.reason or "")


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (401, SourceState.BLOCKED), (403, SourceState.BLOCKED), (432, SourceState.BLOCKED),
        (404, SourceState.BACKING_OFF), (410, SourceState.GONE), (429, SourceState.RATE_LIMITED),
        (500, SourceState.BACKING_OFF),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_statuses_mean_what_they_mean_everywhere(
    method: str, status: int, state: SourceState
) -> None:
    reply = answer({"message": "no"}, status=status, retry_after="7200")
    poll = visit(json_source(method=method), Recorded({f"{method} {URL}": reply}))
    assert poll.state is state
    if status == 429:
        assert poll.wait >= timedelta(hours=2)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_no_answer_is_a_state_and_no_crash(method: str) -> None:
    poll = visit(json_source(method=method), Recorded({f"{method} {URL}": CollectError("timeout")}))
    assert (poll.state, poll.outcome) == (SourceState.BACKING_OFF, Outcome.FAILED)


def test_secrets_go_into_headers_and_nowhere_else() -> None:
    http = Recorded({URL: answer({"items": [{"id": 1, "text": "x"}]})})
    source = json_source(headers={"Authorization": "Bearer secret:token", "X-App": "jianwei"})
    poll = visit(replace(source, secrets={"token": "t0psecret"}), http)
    assert http.requests[0].headers["Authorization"] == "Bearer t0psecret"
    assert http.requests[0].headers["X-App"] == "jianwei"
    assert "t0psecret" not in repr(poll) + http.requests[0].url


@pytest.mark.parametrize(
    "secrets", [{}, {"token": " "}, {"token": "a\r\nX-Evil: 1"}, {"token": "密钥"}],
    ids=["missing", "blank", "line break", "not ascii"],
)  # fmt: skip
def test_a_secret_that_cannot_be_sent_is_named_and_nothing_is_asked(secrets: dict) -> None:
    http = Recorded({})
    poll = visit(replace(json_source(headers={"X-Api-Key": "secret:token"}), secrets=secrets), http)
    assert poll.state is SourceState.BLOCKED
    assert "'token'" in (poll.reason or "")
    assert "Evil" not in (poll.reason or "")
    assert http.requests == []


def test_an_item_without_anything_to_read_is_counted_and_the_rest_kept() -> None:
    items = [
        {"id": 1, "text": "一"},
        {"id": 2},
        "nonsense",
        {"id": 3, "text": ["三", "叁"]},
        None,
        {"text": "无编号"},
    ]
    poll = visit(json_source(), Recorded({URL: answer({"items": items})}))
    assert [post.text for post in poll.posts] == ["一", "三\n叁", "无编号"]
    assert poll.dropped == 2
    assert poll.state is SourceState.OK


def test_more_items_than_a_page_may_have_are_counted() -> None:
    items = [{"id": n, "text": "x"} for n in range(MOST_ITEMS + 7)]
    poll = visit(json_source(), Recorded({URL: answer({"items": items})}))
    assert (len(poll.posts), poll.dropped) == (MOST_ITEMS, 7)


def test_the_same_id_twice_is_one_post_and_ids_are_stable() -> None:
    items = [{"id": 1, "text": "a"}, {"id": "1", "text": "b"}, {"text": "c"}, {"text": "c"}]
    first = visit(json_source(), Recorded({URL: answer({"items": items})}))
    second = visit(json_source(), Recorded({URL: answer({"items": items[::-1]})}))
    assert len(first.posts) == 2
    assert set(ids(first)) == set(ids(second))


def test_single_items_and_objects_of_items_are_lists_too() -> None:
    one = visit(json_source(), Recorded({URL: answer({"items": {"id": 1, "text": "x"}})}))
    many = {"items": {"a": {"id": 1, "text": "x"}, "b": {"id": 2, "text": "y"}}}
    assert ids(one) == ["1"]
    assert ids(visit(json_source(), Recorded({URL: answer(many)}))) == ["1", "2"]


def test_a_recipe_may_ask_for_longer_pauses_than_its_interval() -> None:
    http = Recorded({URL: answer({"items": [{"id": 1, "text": "x"}]})})
    assert visit(json_source(min_interval_seconds=3600), http).wait == timedelta(hours=1)
    assert visit(json_source(), http).wait == INTERVAL


def test_a_position_of_somebody_else_is_the_start() -> None:
    http = Recorded({URL: answer({"items": [{"id": 1, "text": "x"}]})})
    for position in ("wish=300", "[1]", '{"known": 7, "gap": {"token": 1}, "empty": "x"}', "{" * 9):
        source = replace(
            json_source(page={"type": "cursor", "path": "next"}), cursor=Cursor(position=position)
        )
        assert ids(visit(source, http)) == ["1"]


def test_options_that_no_longer_fit_are_a_state_that_names_the_place() -> None:
    poll = visit(json_source(items="a[?"), Recorded({}))
    assert poll.state is SourceState.RECIPE_BROKEN
    assert "options/items" in (poll.reason or "")


def test_a_pattern_that_backtracks_without_end_stops_the_visit_and_nothing_else() -> None:
    field = {"path": "text", "transform": [{"regex": "^(a|a|aa)+$"}]}
    body = {"items": [{"id": n, "text": "a" * 60 + "b"} for n in range(100)]}
    poll = visit(json_source(map={"id": "id", "text": field}), Recorded({URL: answer(body)}))
    assert poll.state is SourceState.RECIPE_BROKEN
    assert "正则" in (poll.reason or "")


def test_a_rehearsal_shows_posts_what_is_unmapped_and_what_is_missing() -> None:
    recipe = {**WEIBO, "map": {**WEIBO_MAP, "lang": "language", "product": "nowhere"}}
    source = replace(json_source(**recipe), cursor=Cursor(position='{"empty":2}'))
    http = Recorded(
        {URL: answer(weibo(mblog(source="手机", mid="5001", user={"id": 1, "verified": True})))}
    )
    shown = asyncio.run(JsonApiCollector().rehearse(source, http, NOW))
    assert ids(shown.poll) == ["5001"]
    assert {"source", "mid", "user.verified"} <= set(shown.unmapped)
    assert not {"text", "user.id", "bid"} & set(shown.unmapped)
    assert {"lang", "product", "author.name"} <= set(shown.missing)
    assert "id" not in shown.missing
    assert "刹车失灵" in shown.sample
    assert shown.note is None


def test_a_rehearsal_of_a_recipe_that_finds_nothing_says_so_at_once() -> None:
    shown = asyncio.run(
        JsonApiCollector().rehearse(json_source(), Recorded({URL: answer({"rows": []})}), NOW)
    )
    assert shown.poll.posts == ()
    assert "rows" in (shown.note or "")
