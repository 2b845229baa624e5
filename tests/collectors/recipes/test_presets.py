"""Every preset: it can be filled, its recipe is valid, and it reads an answer of the known shape."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import pytest

from collectors.fetch import FeedOptions
from collectors.model import PostKind, Source, SourceState, Stars
from collectors.recipes.headers import secret_names
from collectors.recipes.html_list import HtmlListOptions
from collectors.recipes.json_api import JsonApiOptions
from collectors.recipes.paging import HOLES
from collectors.recipes.presets import Preset, PresetError, preset, presets
from tests.collectors.recipes.recipes import visit
from tests.collectors.recorded import Recorded, answer

OPTIONS = {"json_api": JsonApiOptions, "html_list": HtmlListOptions, "feed": FeedOptions}
MARCH_10 = datetime(2026, 3, 10, 5, tzinfo=UTC)
UNIX = int(MARCH_10.timestamp())


def examples(one: Preset) -> dict[str, str]:
    return {parameter.name: parameter.example for parameter in one.parameters}


def source_of(one: Preset) -> Source:
    """A source of the preset, filled with its examples and given its secrets."""
    filled = one.fill(examples(one))
    interval = timedelta(seconds=filled["interval_seconds"])
    secrets = dict.fromkeys(one.secrets, "SUB=synthetic")
    return Source(id=1, name=one.name, kind=filled["kind"], url=filled["url"], interval=interval,
                  options=filled["options"], secrets=secrets)  # fmt: skip


@dataclass
class Case:
    """An invented answer of the shape the preset reads, and some of what its first post must hold."""

    body: object
    id: str
    title: str | None = None
    text: str = ""
    url: str | None = None
    metrics: dict[str, int] = field(default_factory=dict)
    at: datetime | None = None
    more: dict[str, object] = field(default_factory=dict)
    refused: object = None


WEIBO_USER = {
    "ok": 1, "data": {"cardlistInfo": {"containerid": "1076031000000001", "total": 1}, "cards": [
        {"card_type": 11, "card_group": [{}]},
        {"card_type": 9, "mblog": {
            "id": "5001", "bid": "Nabc", "text": "云雀汽车<br/>又召回", "created_at": "Tue Mar 10 13:00:00 +0800 2026",
            "pics": {"0": {"pid": "a"}}, "reposts_count": 3, "comments_count": "1.2万", "attitudes_count": "100万+",
            "user": {"id": 1, "screen_name": "甲", "followers_count": "123.4万"}, "region_name": "发布于 北京"}}]}}  # fmt: skip
BAIDU = {"data": {"cards": [{"content": [
    {"isTop": True, "word": "置顶", "rawUrl": "https://www.baidu.com/s?wd=top", "hotScore": "1"},
    {"isTop": False, "word": "云雀汽车召回", "desc": "召回公告", "rawUrl": "https://www.baidu.com/s?wd=a", "hotScore": "4923"},
]}]}}  # fmt: skip
JD = {"maxPage": 1, "comments": [{
    "id": 1, "guid": "g-1", "content": "北岭咖啡有异味&hellip;", "creationTime": "2026-03-10 13:00:00", "score": 1,
    "nickname": "j***n", "usefulVoteCount": 4, "replyCount": 2, "productColor": "深烘", "productSize": ""}]}  # fmt: skip
JUDGE_ME = """<div class="jdgm-rev" data-review-id="r1"><div class="jdgm-rev__rating" data-score="2"></div>
<span class="jdgm-rev__timestamp" data-content="2026-03-10 05:00:00 UTC"></span><span class="jdgm-rev__author">甲</span>
<b class="jdgm-rev__title">退款</b><div class="jdgm-rev__body"><p>三周不退款</p></div></div>"""

CASES = {
    "weibo-hot": Case(
        {"ok": 1, "data": {"hotgov": {}, "realtime": [
            {"word": "云雀汽车 召回", "word_scheme": "#云雀汽车 召回#", "note": "召回", "num": 1200, "rank": 0, "label_name": "爆",
             "category": "社会", "onboard_time": UNIX}, {"is_ad": 1}]}},
        "云雀汽车 召回", "云雀汽车 召回", "召回", "https://s.weibo.com/weibo?q=%23%E4%BA%91%E9%9B%80%E6%B1%BD%E8%BD%A6%20%E5%8F%AC%E5%9B%9E%23",
        {"heat": 1200, "rank": 0}, MARCH_10, {"tags": ("爆", "社会")}, {"ok": -100, "url": "https://passport.weibo.com"}),
    "weibo-user": Case(
        WEIBO_USER, "5001", None, "云雀汽车\n又召回", "https://m.weibo.cn/status/Nabc",
        {"reposts": 3, "replies": 12_000, "likes": 1_000_000, "pictures": 1}, MARCH_10, {"location": "北京"},
        {"ok": -100, "msg": "请登录"}),
    "zhihu-hot": Case(
        {"data": [{"type": "hot_list_feed", "target": {
            "title_area": {"text": "如何看待云雀汽车召回？"}, "excerpt_area": {"text": "据报道"},
            "metrics_area": {"text": "123 万热度"}, "link": {"url": "https://www.zhihu.com/question/600001"}}}]},
        "600001", "如何看待云雀汽车召回？", "据报道", "https://www.zhihu.com/question/600001", {"heat": 1_230_000}),
    "baidu-hot": Case(
        f"<html><body><!--s-data:{json.dumps(BAIDU, ensure_ascii=False)}--><div>-->x</div></body></html>",
        "https://www.baidu.com/s?wd=a", "云雀汽车召回", "召回公告", "https://www.baidu.com/s?wd=a", {"heat": 4923},
        refused="<html><title>百度安全验证</title></html>"),
    "toutiao-hot": Case(
        {"data": [{"ClusterIdStr": "7100000000000000001", "Title": "云雀汽车召回", "HotValue": "1234567"}]},
        "7100000000000000001", "云雀汽车召回", "", "https://www.toutiao.com/trending/7100000000000000001/", {"heat": 1_234_567}),
    "bilibili-search-hot": Case(
        {"code": 0, "list": [{"keyword": "云雀汽车", "show_name": "云雀汽车召回", "heat_score": 99}]},
        "云雀汽车", "云雀汽车召回", "", "https://search.bilibili.com/all?keyword=%E4%BA%91%E9%9B%80%E6%B1%BD%E8%BD%A6",
        {"heat": 99}, refused={"code": -412, "message": "请求被拦截"}),
    "bilibili-popular": Case(
        {"code": 0, "data": {"list": [{
            "bvid": "BV1xx", "title": "云雀汽车拆解", "desc": "电池包", "pubdate": UNIX, "owner": {"mid": 5, "name": "乙"},
            "stat": {"view": 10, "danmaku": 1, "reply": 2, "favorite": 3, "coin": 4, "share": 5, "like": 6}}]}},
        "BV1xx", "云雀汽车拆解", "电池包", "https://www.bilibili.com/video/BV1xx",
        {"views": 10, "danmaku": 1, "replies": 2, "favorites": 3, "coins": 4, "shares": 5, "likes": 6}, MARCH_10,
        refused={"code": -352, "message": "风控校验失败"}),
    "bilibili-comments": Case(
        {"code": 0, "data": {"page": {"num": 1}, "replies": [{
            "rpid": 9, "ctime": UNIX, "like": 3, "count": 1, "member": {"mid": "7", "uname": "丙"},
            "content": {"message": "刹车失灵"}, "reply_control": {"location": "IP属地：广东"}}]}},
        "9", None, "刹车失灵", None, {"likes": 3, "replies": 1}, MARCH_10, {"location": "广东"}, {"code": -352, "message": "x"}),
    "thepaper-hot": Case(
        {"data": {"hotNews": [{"contId": "30000001", "name": "云雀汽车被约谈", "pubTimeLong": str(UNIX * 1000)}]}},
        "30000001", "云雀汽车被约谈", "", "https://www.thepaper.cn/newsDetail_forward_30000001", {}, MARCH_10),
    "douban-movies": Case(
        {"items": [{"id": "36000001", "title": "长河", "card_subtitle": "2026 / 剧情", "rating": {"value": 7.5, "count": 800, "max": 10}}]},
        "36000001", "长河", "2026 / 剧情", "https://movie.douban.com/subject/36000001/", {"ratings": 800},
        more={"stars": Stars(value=7.5, best=10, worst=0), "rating": 0.75}),
    "tieba-hot": Case(
        {"data": {"bang_topic": {"topic_list": [{
            "topic_id": 28, "topic_name": "云雀汽车", "topic_desc": "召回", "create_time": UNIX, "discuss_num": 777,
            "topic_url": "https://tieba.baidu.com/hottopic/browse/hottopic?topic_id=28&amp;topic_name=a"}]}}},
        "28", "云雀汽车", "召回", "https://tieba.baidu.com/hottopic/browse/hottopic?topic_id=28&topic_name=a",
        {"discussions": 777}, MARCH_10, refused=b""),
    "xueqiu-hot": Case(
        {"data": {"items": [{"code": "SH600001", "name": "云雀汽车", "percent": -9.98, "rank": 1}]}, "error_code": 0},
        "SH600001", "云雀汽车", "", "https://xueqiu.com/s/SH600001", {"rank": 1},
        refused={"error_code": "400016", "error_description": "遇到错误，请刷新页面或者重新登录帐号后再试"}),
    "douyin-hot": Case(
        {"data": {"word_list": [{"sentence_id": "2001", "word": "云雀汽车召回", "hot_value": 11, "event_time": UNIX}]}},
        "2001", "云雀汽车召回", "", "https://www.douyin.com/hot/2001", {"heat": 11}, MARCH_10, refused=b""),
    "newsnow": Case(
        {"status": "cache", "id": "weibo", "updatedTime": 1, "items": [
            {"id": "a", "title": "云雀汽车召回", "url": "https://a.example/1", "extra": {"info": "12 万热度", "hover": "详情"},
             "pubDate": UNIX * 1000}]},
        "a", "云雀汽车召回", "详情", "https://a.example/1", {"heat": 120_000}, MARCH_10,
        refused={"status": "error", "message": "Invalid source id"}),
    "dailyhot": Case(
        {"code": 200, "name": "weibo", "total": 1, "fromCache": True, "data": [
            {"id": 1, "title": "云雀汽车召回", "desc": "公告", "author": "甲", "timestamp": UNIX * 1000, "hot": 12, "url": "https://a.example/1"}]},
        "1", "云雀汽车召回", "公告", "https://a.example/1", {"heat": 12}, MARCH_10, refused={"code": 500, "message": "no"}),
    "judgeme": Case(
        {"reviews": [{"id": 3, "title": "退款", "body": "三周不退款", "rating": 2, "reviewer": {"name": "甲"},
                      "created_at": "2026-03-10T05:00:00+00:00", "product_external_id": 88, "published": True},
                     {"id": 4, "body": "x", "published": False}]},
        "3", "退款", "三周不退款", None, {}, MARCH_10, {"stars": Stars(value=2), "product": "88"}),
    "judgeme-widget": Case(JUDGE_ME, "r1", "退款", "三周不退款", None, {}, MARCH_10, {"stars": Stars(value=2)}),
    "yotpo": Case(
        {"status": {"code": 200, "message": "OK"}, "response": {"pagination": {"page": 1}, "reviews": [
            {"id": 5, "score": 1, "votes_up": 2, "votes_down": 0, "content": "有异味 &amp; 发霉", "title": "差",
             "created_at": "2026-03-10T05:00:00.000Z", "user": {"display_name": "丁"}}]}},
        "5", "差", "有异味 & 发霉", None, {"likes": 2, "dislikes": 0}, MARCH_10, {"rating": 0.0, "product": "1001"},
        {"status": {"code": 401, "message": "bad app_key"}}),
    "jd-comments": Case(
        f"fetchJSON_comment98({json.dumps(JD, ensure_ascii=False)});".encode("gb18030"), "g-1", None, "北岭咖啡有异味…", None,
        {"likes": 4, "replies": 2}, MARCH_10, {"stars": Stars(value=1), "tags": ("深烘",)}, b""),
}  # fmt: skip


def test_every_recipe_among_the_presets_has_a_case() -> None:
    assert {one.name for one in presets() if one.kind != "feed"} == set(CASES)


@pytest.mark.parametrize("name", CASES)
def test_a_preset_reads_an_answer_of_its_shape(name: str) -> None:
    case, source = CASES[name], source_of(preset(name))
    http = Recorded({source.url.partition("?")[0]: answer(case.body)})
    poll = visit(source, http)
    assert poll.state is SourceState.OK, poll.reason
    assert len(poll.posts) == 1
    post = poll.posts[0]
    assert (post.external_id, post.title, post.text) == (case.id, case.title, case.text)
    assert post.url == case.url
    assert dict(post.metrics) == case.metrics
    assert post.published_at == case.at
    assert {key: getattr(post, key) for key in case.more} == case.more
    if preset(name).secrets:
        assert "SUB=synthetic" in http.requests[0].headers.values()


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.refused is not None])
def test_a_preset_knows_a_refusal(name: str) -> None:
    source = source_of(preset(name))
    poll = visit(source, Recorded({source.url.partition("?")[0]: answer(CASES[name].refused)}))
    assert poll.state is SourceState.BLOCKED
    assert poll.wait >= timedelta(hours=6)


@pytest.mark.parametrize("one", presets(), ids=lambda one: one.name)
def test_a_filled_preset_is_a_valid_source(one: Preset) -> None:
    filled = one.fill(examples(one))
    options = OPTIONS[filled["kind"]].model_validate(filled["options"])
    assert filled["interval_seconds"] >= max(60, one.min_interval_seconds)
    assert filled == one.fill(examples(one)), "filling changes nothing"
    assert not {parameter.name for parameter in one.parameters} & set(HOLES)
    if isinstance(options, JsonApiOptions):
        assert secret_names(options.headers) == one.secrets
        assert options.min_interval_seconds == one.min_interval_seconds


@pytest.mark.parametrize("one", presets(), ids=lambda one: one.name)
def test_a_preset_says_what_it_is_needs_and_is_worth(one: Preset) -> None:
    for words in (one.title, one.note, *(parameter.title for parameter in one.parameters)):
        assert words["zh"]
        assert words["en"]
    assert one.source
    assert (one.needs == "cookie") == ("cookie" in one.secrets)
    assert PostKind(one.options["post_kind"]) if "post_kind" in one.options else True


def test_rsshub_is_a_feed_on_the_users_own_instance() -> None:
    filled = preset("rsshub").fill(
        {"base": "https://rss.example.com/sub/", "route": "/weibo/keyword/云雀 汽车?limit=5"}
    )
    assert filled["kind"] == "feed"
    assert (
        filled["url"]
        == "https://rss.example.com/sub/weibo/keyword/%E4%BA%91%E9%9B%80%20%E6%B1%BD%E8%BD%A6?limit=5"
    )


@pytest.mark.parametrize(
    ("name", "parameters", "words"),
    [
        ("newsnow", {"base": "https://a.cn"}, "list"),
        ("newsnow", {}, "https://newsnow.example.com"),
        ("newsnow", {"base": " ", "list": "weibo"}, "base"),
        ("newsnow", {"base": "https://a.cn", "list": "weibo", "x": "1"}, "'x'"),
        ("newsnow", {"base": "ftp://a.cn", "list": "weibo"}, "base_url"),
        ("newsnow", {"base": "https://a.cn/?q=1", "list": "weibo"}, "base_url"),
        ("newsnow", {"base": "https://u:p@a.cn", "list": "weibo"}, "base_url"),
        ("newsnow", {"base": "https://a.cn:99999", "list": "weibo"}, "base_url"),
        ("newsnow", {"base": "https://a.cn", "list": "../../x"}, "word"),
        ("newsnow", {"base": "https://a.cn", "list": "a&b={cursor}"}, "word"),
        ("weibo-user", {"uid": "12a"}, "number"),
        ("rsshub", {"base": "https://a.cn", "route": "weibo"}, "route"),
        ("rsshub", {"base": "https://a.cn", "route": "//evil.example/x"}, "route"),
        ("judgeme-widget", {"product_page": "javascript:alert(1)"}, "page_url"),
    ],
)
def test_parameters_that_do_not_fit_are_named(name: str, parameters: dict, words: str) -> None:
    with pytest.raises(PresetError, match=words.replace(".", r"\.")):
        preset(name).fill(parameters)


def test_an_unknown_preset_is_told_the_known_ones() -> None:
    with pytest.raises(PresetError, match="weibo-hot"):
        preset("weibo")


def test_a_preset_without_its_secret_says_which_is_missing() -> None:
    source = replace(source_of(preset("zhihu-hot")), secrets={})
    poll = visit(source, Recorded({}))
    assert poll.state is SourceState.BLOCKED
    assert "'cookie'" in (poll.reason or "")
