from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from collectors.article import MOST_BYTES, Article, Page, PageError, PageTrouble, Selectors, extract
from collectors.model import Precision

URL = "https://news.yunque.example/2024/0501/1.html"
LEAD = "云雀汽车五月一日宣布召回一万二千辆轿车，因为电池在快速充电时可能过热。"
BODY = (
    "公司表示，已经收到十七起过热报告，其中三起冒烟，没有人员受伤，车主可以免费更换电池包。",
    "市场监管总局说，召回将在六月完成，期间建议车主不要使用快速充电，并把车停在室外。",
    "北岭咖啡的车队也在召回之列，该公司说门店配送不受影响，已经改用租来的车辆运送原料。",
)
HEADLINES = (
    "翠峰手机发布新款折叠屏",
    "本市地铁三号线周末停运",
    "青禾电池三季度利润下滑",
    "周末天气转凉有小雨",
)


def page_of(markup, **changes):
    body = markup.encode() if isinstance(markup, str) else markup
    return Page(url=URL, body=body, now=datetime(2024, 5, 3, tzinfo=UTC), **changes)


def portal(*, head="", around="", tail=""):
    """A page as Chinese portals build them: navigation, the article, rankings, a footer."""
    links = "".join(
        f'<li><a href="/a/{n}.html">{text}</a></li>' for n, text in enumerate(HEADLINES)
    )
    body = "".join(f"<p>{text}</p>" for text in (LEAD, *BODY))
    return f"""<!doctype html><html lang="zh-CN"><head><meta charset="utf-8">
      <title>云雀汽车召回一万二千辆轿车_云雀新闻网</title>{head}</head><body>
      <div class="nav"><a href="/">首页</a> <a href="/auto">汽车</a> <a href="/food">食品</a></div>
      <div class="main"><h1>云雀汽车召回一万二千辆轿车</h1>
      <div class="info"><span>2024-05-01 09:30</span> <span>作者：林小满</span></div>{around}
      <div class="content">{body}<p>责任编辑：周三</p>{tail}</div></div>
      <div class="rank"><h3>热门排行</h3><ul>{links}</ul></div>
      <div class="foot">云雀新闻网 版权所有</div></body></html>"""


def test_the_article_of_a_portal_page_comes_without_what_surrounds_it():
    found = extract(page_of(portal()))
    assert found == Article(
        text="\n".join((LEAD, *BODY)),
        title="云雀汽车召回一万二千辆轿车",
        author="林小满",
        site="云雀新闻网",
        published_at=datetime(2024, 5, 1, 1, 30, tzinfo=UTC),
        precision=Precision.MINUTE,
        lang="zh-CN",
    )
    assert extract(page_of(portal())) == found


@pytest.mark.parametrize(
    ("encoding", "charset"),
    [
        ("utf-8", None),
        ("utf-8", "gb2312"),
        ("gb18030", None),
        ("gb18030", "utf-8"),
        ("gb18030", "iso-8859-1"),
        ("big5hkscs", "big5"),
    ],
)
def test_bytes_are_read_by_what_they_are_whatever_the_labels_say(encoding, charset):
    markup = portal().replace('<meta charset="utf-8">', "")
    if encoding == "big5hkscs":
        markup = f"<title>雲雀汽車</title><p>{'雲雀汽車在這個月宣布召回一萬二千輛轎車。' * 9}</p>"
    found = extract(page_of(markup.encode(encoding), charset=charset))
    assert found.encoding == encoding
    assert ("雲雀汽車在這個月" if encoding == "big5hkscs" else LEAD) in found.text


def test_what_follows_an_early_end_of_the_page_is_read():
    early = portal().replace('<div class="main">', '</body></html><div class="main">')
    assert extract(page_of(early)).text == "\n".join((LEAD, *BODY))


def test_selectors_override_every_general_rule():
    markup = portal(
        around='<em id="t">选中的标题</em><b class="w">选中的作者</b><i data-at="2024-05-02T08:00:00+08:00">x</i>'
    )
    chosen = Selectors(
        text="div.content > p",
        title="#t",
        author="//b[@class='w']/text()",
        published="(//i/@data-at)[1]",
        remove=("div.content > p:last-of-type",),
    )
    found = extract(page_of(markup, selectors=chosen))
    assert (found.title, found.author) == ("选中的标题", "选中的作者")
    assert found.published_at == datetime(2024, 5, 2, tzinfo=UTC)
    assert found.text == "\n".join((LEAD, *BODY))
    assert found.missed == ()


def test_a_selector_that_matches_nothing_is_told_and_the_general_rule_stands_in():
    chosen = Selectors(text="div.article-v2", title="h1.gone", remove=(".advert",))
    found = extract(page_of(portal(), selectors=chosen))
    assert found.missed == ("remove: .advert", "title: h1.gone", "text: div.article-v2")
    assert found.text == "\n".join((LEAD, *BODY))
    assert found.title == "云雀汽车召回一万二千辆轿车"


def test_nested_matches_of_remove_are_taken_off_once():
    chosen = Selectors(remove=("div.main, div.info, div.info span",))
    assert LEAD not in extract(page_of(portal(), selectors=chosen)).text


@pytest.mark.parametrize("expression", ["div[", "//div[", "p:has-no-such(1)", "//p[foo()]", ">>"])
def test_a_selector_in_neither_language_is_named(expression):
    with pytest.raises(PageError, match="neither CSS nor XPath") as raised:
        extract(page_of(portal(), selectors=Selectors(text=expression)))
    assert raised.value.trouble is PageTrouble.BAD_SELECTOR
    assert repr(expression) in str(raised.value)
    assert not raised.value.retryable


@pytest.mark.parametrize(
    ("body", "trouble"),
    [
        (b"", PageTrouble.EMPTY),
        (b"  \n ", PageTrouble.EMPTY),
        (b"\0" * 1000, PageTrouble.EMPTY),
        (b"<!-- nothing -->", PageTrouble.EMPTY),
        (b"<p>x" + b" " * MOST_BYTES, PageTrouble.TOO_LARGE),
        (b"<p>x" * 50_000, PageTrouble.TOO_LARGE),
    ],
    ids=["empty", "blank", "nul", "comment", "bytes", "elements"],
)
def test_a_page_that_cannot_be_an_article_is_refused_with_the_reason(body, trouble):
    with pytest.raises(PageError) as raised:
        extract(page_of(body))
    assert raised.value.trouble is trouble
    assert URL in str(raised.value)


@pytest.mark.parametrize(
    "markup",
    [
        "<div>" * 3_000 + "x",
        "<" * 10_000,
        "&" * 10_000,
        '<p a="' + "x" * 100_000 + '">hi</p>',
        '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]><p>&b;</p>',
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><p>&a;</p>',
        '<script type="application/ld+json">' + "[" * 50_000 + "</script><p>x",
        '<script type="application/ld+json">{"@type":"NewsArticle","headline":{"a":[]},"author":[1,null]}</script><p>x',
        "<title>\ud800</title><p>x",
        '<link rel=canonical href="http://["><meta property="og:url" content="javascript:alert(1)"><p>x',
    ],
    ids=["deep", "brackets", "ampersands", "attribute", "entities", "file", "json", "odd json", "surrogate", "urls"],
)  # fmt: skip
def test_hostile_markup_is_only_a_page_with_little_text(markup):
    found = extract(page_of(markup.encode("utf-8", "surrogatepass")))
    assert "root:" not in found.text
    assert found.canonical_url is None


def test_text_is_cut_at_its_limit():
    long = "".join(
        f"<p>第{n}段：云雀汽车的车主说，充电的时候车里有烟，客服没有回答。</p>"
        for n in range(5_000)
    )
    assert len(extract(page_of(f"<title>x</title><article>{long}</article>")).text) == 100_000


def test_times_without_a_zone_are_meant_in_the_zone_of_the_source():
    there = timezone(timedelta(hours=1))
    found = extract(page_of(portal(), tz=there))
    assert found.published_at == datetime(2024, 5, 1, 8, 30, tzinfo=UTC)
