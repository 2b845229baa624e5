"""Lists in HTML by recipe: fields, next pages, challenges, broken layouts."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, PostKind, SourceState, Stars
from collectors.recipes.html_list import HtmlListCollector, HtmlListOptions
from tests.collectors.recipes.recipes import NOW, URL, after, html_source, ids, names, visit
from tests.collectors.recorded import Answer, Recorded, answer

REVIEW = """
<li class="comment hot" data-id="c{n}">
  <a class="who" href="/people/{n}">读者{n}</a> <span class="stars allstar{stars}0"></span>
  <time title="2026-03-10 12:00:00">1小时前</time> <span class="votes">1.2万 有用</span>
  <div class="body"><p>续航 <b>缩水</b>了</p><p>第 {n} 次</p><script>track()</script></div>
  <a class="link" href="?id={n}">原文</a> <i class="tag">#电池#</i><i class="tag">续航</i>
  <span class="more" data-json='{{"reply": {{"count": {n}}}}}'></span>
</li>"""
RECIPE = {
    "item": "li.comment",
    "post_kind": "review",
    "fields": {
        "id": {"attr": "data-id"},
        "text": ".body",
        "url": {"css": "a.link::attr(href)", "transform": ["urljoin"]},
        "author.name": "a.who::text",
        "author.url": {"xpath": ".//a[@class='who']/@href"},
        "rating": {"css": ".stars", "attr": "class", "transform": ["rating_stars"]},
        "created_at": {"xpath": ".//time/@title"},
        "metrics.likes": {"css": ".votes", "transform": ["number_zh"]},
        "metrics.replies": {"css": ".more", "attr": "data-json", "json_path": "reply.count"},
        "tags": {"css": ".tag", "all": True},
        "product": {"value": "北岭咖啡机"},
    },
}


def page(*numbers: int, following: str = "", stars: int = 4) -> str:
    items = "".join(REVIEW.format(n=n, stars=stars) for n in numbers)
    link = f'<a class="next" href="{following}">下一页</a>' if following else ""
    return f"<html><body><ul>{items}</ul>{link}</body></html>"


def listed(*numbers: int, following: str = "") -> Answer:
    items = "".join(f'<li data-id="{n}"><p>第 {n} 条</p></li>' for n in numbers)
    link = f'<a class="next" href="{following}">下一页</a>' if following else ""
    return answer(f"<ul>{items}</ul>{link}")


def test_an_item_becomes_a_post_with_all_its_fields() -> None:
    post = visit(html_source(**RECIPE), Recorded({URL: answer(page(7))})).posts[0]
    assert (post.external_id, post.kind) == ("c7", PostKind.REVIEW)
    assert post.text == "续航 缩水了\n第 7 次"
    assert post.url == f"{URL}?id=7"
    assert (post.author.name, post.author.url) == ("读者7", "https://api.example.cn/people/7")
    assert (post.stars, post.rating) == (Stars(value=4), 0.75)
    assert post.published_at == datetime(2026, 3, 10, 4, tzinfo=UTC)
    assert post.metrics == {"likes": 12_000, "replies": 7}
    assert (post.tags, post.product) == (("电池", "续航"), "北岭咖啡机")


@pytest.mark.parametrize(
    ("field", "markup", "value"),
    [
        ({"css": ".s", "attr": "class", "transform": ["rating_stars"]}, '<b class="s star-4_5"></b>', 4.5),
        ({"css": ".s", "attr": "style", "transform": ["rating_stars"]}, '<b class="s" style="width:90%"></b>', 4.5),
        ({"css": ".on", "all": True, "transform": ["count"]}, '<i class="on"></i>' * 3 + "<i></i>", 3.0),
        ({"xpath": "count(.//i[@class='on'])"}, '<i class="on"></i>' * 3, 3.0),
        ({"css": ".s", "regex": r"(\d) / 5"}, '<b class="s">评分 4 / 5</b>', 4.0),
        ({"css": ".s"}, '<b class="s">4,5</b>', 4.5),
    ],
    ids=["class", "width", "count", "xpath", "regex", "decimal comma"],
)  # fmt: skip
def test_ratings_are_read_however_they_are_drawn(field: dict, markup: str, value: float) -> None:
    source = html_source(fields={"id": {"attr": "data-id"}, "rating": field})
    poll = visit(source, Recorded({URL: answer(f'<ul><li data-id="1">{markup}</li></ul>')}))
    assert poll.posts[0].stars == Stars(value=value)


@pytest.mark.parametrize("charset", [None, "gb18030"], ids=["decided", "told"])
def test_a_page_in_gbk_labelled_utf_8_is_read(charset: str | None) -> None:
    body = f'<meta charset="utf-8">{page(1)}'.encode("gb18030")
    reply = answer(body, content_type="text/html; charset=utf-8")
    post = visit(html_source(**RECIPE, charset=charset), Recorded({URL: reply})).posts[0]
    assert post.text.startswith("续航 缩水了")


NEXT = [
    pytest.param({"next": "a.next"}, id="element"),
    pytest.param({"next": "a.next::attr(href)"}, id="attribute"),
    pytest.param({"next": {"xpath": "//a[@class='next']/@href"}}, id="xpath"),
]


@pytest.mark.parametrize("way", NEXT)
def test_next_links_are_followed_to_the_end(way: dict) -> None:
    http = Recorded({
        URL: listed(6, 5, following="?p=2"),
        f"{URL}?p=2": listed(4, 3, following="/list?p=3"),
        f"{URL}?p=3": listed(2, 1, following="javascript:void(0)"),
    })  # fmt: skip
    poll = visit(html_source(**way, page={"max_pages": 20}), http)
    assert ids(poll) == names([6, 5, 4, 3, 2, 1])


def test_pages_are_counted_to_the_end_and_stop_where_all_is_known() -> None:
    http = Recorded({
        f"{URL}?p=1": listed(4, 3), f"{URL}?p=2": listed(2, 1), f"{URL}?p=3": answer(status=404),
    })  # fmt: skip
    source = html_source(f"{URL}?p={{page}}", page={"type": "page", "max_pages": 20})
    first = visit(source, http)
    assert (ids(first), first.state) == (names([4, 3, 2, 1]), SourceState.OK)
    visit(after(source, first), http)
    assert http.asked[3:] == [f"{URL}?p=1"]


def test_a_refused_page_is_read_by_the_next_visit() -> None:
    http = Recorded({
        URL: listed(4, 3, following="?p=2"), f"{URL}?p=2": [answer(status=503), listed(2, 1)],
    })  # fmt: skip
    source = html_source(next="a.next")
    first = visit(source, http)
    second = visit(after(source, first), http)
    assert (ids(first), first.state) == (["4", "3"], SourceState.BACKING_OFF)
    assert ids(second) == names([4, 3, 2, 1])


def test_a_next_page_elsewhere_is_not_followed() -> None:
    http = Recorded({URL: listed(1, following="https://elsewhere.example/2")})
    assert ids(visit(html_source(next="a.next"), http)) == ["1"]
    assert http.asked == [URL]


@pytest.mark.parametrize(
    ("body", "state"),
    [
        ("<html><title>安全验证</title><p>请完成验证</p></html>", SourceState.BLOCKED),
        ("<html><p>访问过于频繁</p></html>", SourceState.BLOCKED),
        ("<html><p>没有内容</p></html>", SourceState.OK),
        (b"", SourceState.OK),
        (b"\x00\xff\xfe" * 100, SourceState.OK),
    ],
    ids=["captcha", "too often", "nothing", "empty", "binary"],
)
def test_a_page_in_place_of_the_list_is_told_apart(body: object, state: SourceState) -> None:
    poll = visit(html_source(), Recorded({URL: answer(body)}))
    assert poll.state is state
    if state is SourceState.BLOCKED:
        assert poll.wait >= timedelta(hours=6)


def test_a_list_about_captchas_is_no_captcha() -> None:
    body = '<ul><li data-id="1"><p>又要我滑动验证，请输入验证码</p></li></ul>'
    assert ids(visit(html_source(), Recorded({URL: answer(body)}))) == ["1"]


@pytest.mark.parametrize("status", [403, 404, 429, 500])
def test_statuses_and_silence_are_states(status: int) -> None:
    assert visit(html_source(), Recorded({URL: answer(status=status)})).state is not SourceState.OK
    assert (
        visit(html_source(), Recorded({URL: CollectError("no")})).state is SourceState.BACKING_OFF
    )


@pytest.mark.parametrize(
    "body",
    [
        "<div class=row>新版页面</div>",
        "<ul>" + '<li data-id="1"><span>新版页面</span></li>' * 3 + "</ul>",
    ],
    ids=["no items", "items without text"],
)
def test_a_changed_layout_is_a_broken_recipe_at_the_third_visit(body: str) -> None:
    source = html_source()
    states = []
    for _ in range(3):
        poll = visit(source, Recorded({URL: answer(body)}))
        states.append(poll.state)
        source = after(source, poll)
    assert states == [SourceState.OK, SourceState.OK, SourceState.RECIPE_BROKEN]
    assert "item 'li'" in (poll.reason or "")
    assert "新版页面" in (poll.reason or "")
    healed = visit(source, Recorded({URL: listed(1)}))
    assert (ids(healed), healed.state) == (["1"], SourceState.OK)


def test_items_without_id_keep_their_names_when_the_list_grows() -> None:
    source = html_source(fields={"text": "p", "url": "a::attr(href)"})
    old = "<li><p>一</p><a href='/same'></a></li><li><p>二</p><a href='/same'></a></li>"
    new = f"<li><p>零</p><a href='/same'></a></li>{old}"
    first = visit(source, Recorded({URL: answer(f"<ul>{old}</ul>")}))
    second = visit(source, Recorded({URL: answer(f"<ul>{new}</ul>")}))
    assert ids(second)[1:] == ids(first)
    assert len(set(ids(second))) == 3


def test_items_within_items_cost_no_more_than_they_may() -> None:
    deep = "<div>" * 240 + "字" * 2_000_000 + "</div>" * 240
    source = html_source(item="div", fields={"text": {"xpath": "."}})
    poll = visit(source, Recorded({URL: answer(deep)}))
    assert 0 < len(poll.posts) <= 240
    assert poll.dropped > 0
    assert all(len(post.text.encode()) <= 64 * 1024 for post in poll.posts)


def test_elements_nested_without_end_harm_nobody() -> None:
    poll = visit(html_source(), Recorded({URL: answer("<div>" * 100_000)}))
    assert poll.posts == ()


BAD_OPTIONS = {
    "css": ({"item": "li["}, ("item", "css"), "CSS"),
    "pseudo": ({"fields": {"text": "p::html"}}, ("fields", "text", "css"), "html"),
    "xpath": ({"fields": {"text": {"xpath": "//p["}}}, ("fields", "text", "xpath"), "XPath"),
    "xpath regex": (
        {"fields": {"text": {"xpath": "//p[re:test(., 'a')]"}}},
        ("fields", "text", "xpath"),
        "regex",
    ),
    "regex": ({"fields": {"text": {"css": "p", "regex": "(a"}}}, ("fields", "text", "regex"), "列"),
    "both": ({"fields": {"text": {"css": "p", "xpath": "p"}}}, ("fields", "text"), "css"),
    "none": ({"fields": {"text": {"transform": ["strip"]}}}, ("fields", "text"), "css"),
    "item": ({"item": {"attr": "id"}}, ("item",), "css"),
    "paging": ({"page": {"type": "cursor", "path": "a"}}, ("page",), "next"),
    "two ways": ({"page": {"type": "page"}, "next": "a"}, (), "next"),
    "long": ({"item": "a" * 501}, ("item", "css"), "500"),
}


@pytest.mark.parametrize(("options", "place", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_a_recipe_that_cannot_work_is_refused_at_its_place(
    options: dict, place: tuple, words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        HtmlListOptions.model_validate({"item": "li", "fields": {"text": "p"}, **options})
    errors = [error for error in caught.value.errors() if error["loc"][: len(place)] == place]
    assert any(words in error["msg"] for error in errors), caught.value


def test_options_written_out_read_the_same_again() -> None:
    options = HtmlListOptions.model_validate({**RECIPE, "next": "a.next"})
    for written in (
        options.model_dump(mode="json"),
        options.model_dump(mode="json", exclude_unset=True),
    ):
        assert HtmlListOptions.model_validate(written) == options


def test_robots_are_obeyed() -> None:
    assert HtmlListCollector.obeys_robots


def test_a_rehearsal_shows_unnamed_classes_and_missing_fields() -> None:
    recipe = {**RECIPE, "fields": {**RECIPE["fields"], "location": ".place", "tags": ".none"}}
    http = Recorded({URL: answer(page(1, 2))})
    shown = asyncio.run(HtmlListCollector().rehearse(html_source(**recipe), http, NOW))
    assert ids(shown.poll) == ["c1", "c2"]
    assert ".tag" in shown.unmapped
    assert ".who" not in shown.unmapped
    assert set(shown.missing) == {"location", "tags"}
    assert "data-id" in shown.sample
    nothing = asyncio.run(
        HtmlListCollector().rehearse(html_source(), Recorded({URL: answer("<p>新</p>")}), NOW)
    )
    assert "item 'li'" in (nothing.note or "")
