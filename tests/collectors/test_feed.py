"""From feed bytes to posts. All feeds here are synthetic."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from collectors.feed import FeedKind, ParsedFeed, parse_feed
from collectors.feed_document import prepare
from collectors.model import PostKind, Precision, Source, SourceKind

NOW = datetime(2024, 5, 2, 4, 0, tzinfo=UTC)
URL = "https://news.example.cn/feed.xml"
PROLOG = '<?xml version="1.0" encoding="utf-8"?>'


def source(options: Mapping[str, object] | None = None) -> Source:
    return Source(
        id=7,
        name="新闻",
        kind=SourceKind.FEED,
        url=URL,
        interval=timedelta(minutes=5),
        options=options or {},
    )


def parse(
    body: str | bytes, content_type: str | None = None, options: Mapping[str, object] | None = None
) -> ParsedFeed:
    raw = body.encode() if isinstance(body, str) else body
    return parse_feed(raw, content_type=content_type, url=URL, source=source(options), now=NOW)


def rss(items: str, head: str = "") -> str:
    return f'{PROLOG}<rss version="2.0"><channel><title>t</title>{head}{items}</channel></rss>'


ITEM = "<item><guid>g{n}</guid><title>标题{n}</title><link>/a/{n}</link></item>"


def test_an_rss_item_becomes_a_post() -> None:
    item = """<item><title>电池 &amp;amp; 起火</title><link>/a/1?x=1&amp;y=2</link>
      <guid isPermaLink="false">g1</guid><pubDate>Wed, 01 May 2024 12:30:00 CST</pubDate>
      <author>记者</author><description><![CDATA[<p>一</p><p>二</p>]]></description></item>"""
    parsed = parse(rss(item, "<language>zh-cn</language><ttl>30</ttl>"))
    (post,) = parsed.posts
    assert (parsed.kind, parsed.judged, parsed.wish) == (FeedKind.RSS, False, timedelta(minutes=30))
    assert (post.source_id, post.external_id, post.kind) == (7, "g1", PostKind.ARTICLE)
    assert post.url == "https://news.example.cn/a/1?x=1&y=2"
    assert (post.title, post.text, post.author.name) == ("电池 & 起火", "一\n二", "记者")
    assert post.published_at == datetime(2024, 5, 1, 4, 30, tzinfo=UTC)
    assert (post.precision, post.edited_at, post.lang) == (Precision.EXACT, None, "zh-cn")


def test_an_atom_entry_becomes_a_post_and_tells_its_edit() -> None:
    (post,) = parse(
        PROLOG
        + """<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry><id>tag:1</id>
        <title type="html">&lt;b&gt;起火&lt;/b&gt;</title><link rel="self" href="/self"/>
        <link href="/a"/><published>2024-05-01T12:00:00Z</published>
        <updated>2024-05-01T13:00:00Z</updated><summary>short</summary>
        <content type="html">&lt;p&gt;long text&lt;/p&gt;</content>
        <author><name>某人</name></author></entry></feed>"""
    ).posts
    assert (post.external_id, post.title, post.text) == ("tag:1", "起火", "long text")
    assert post.url == "https://news.example.cn/a"
    assert post.published_at == datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
    assert post.edited_at == datetime(2024, 5, 1, 13, 0, tzinfo=UTC)
    assert post.author.name == "某人"


RDF = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/"><channel rdf:about="http://x"><title>t</title><items/></channel>
 <item rdf:about="http://x/1"><title>一</title><link>http://x/1</link><dc:date>2024-05-01T12:30:00+08:00</dc:date></item></rdf:RDF>"""
RSS091 = """<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://my.netscape.com/publish/formats/rss-0.91.dtd">
 <rss version="0.91"><channel><item><title>一</title><link>http://x/1</link></item></channel></rss>"""
RSS090 = """<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/">
 <item><title>一</title><link>http://x/1</link></item></rdf:RDF>"""
ATOM03 = """<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><title>一</title>
 <link rel="alternate" href="http://x/1"/><issued>2024-05-01T04:30:00Z</issued></entry></feed>"""
CDF = """<CHANNEL HREF="http://x"><ITEM HREF="http://x/1"><TITLE>一</TITLE></ITEM></CHANNEL>"""


@pytest.mark.parametrize(
    ("document", "kind"),
    [(RDF, FeedKind.RDF), (RSS091, FeedKind.RSS), (RSS090, FeedKind.RDF), (ATOM03, FeedKind.ATOM),
     (CDF, FeedKind.CDF)],
    ids=["RSS 1.0", "RSS 0.91 with DOCTYPE", "RSS 0.90", "Atom 0.3", "CDF"],
)  # fmt: skip
def test_older_languages_are_read_too(document: str, kind: FeedKind) -> None:
    parsed = parse(document)
    (post,) = parsed.posts
    assert (parsed.kind, post.title, post.url) == (kind, "一", "http://x/1")


@pytest.mark.parametrize(
    ("encoding", "label", "content_type"),
    [
        ("gb18030", "gb2312", None),
        ("gb18030", "GBK", "text/xml"),
        ("gb18030", "utf-8", "text/xml; charset=utf-8"),
        ("utf-8", "gb2312", "text/xml; charset=gb2312"),
        ("utf-16", "utf-16", "application/xml"),
        ("utf-8-sig", "utf-8", None),
    ],
)
def test_a_chinese_feed_without_zones_gives_right_characters_and_right_times(
    encoding: str, label: str, content_type: str | None
) -> None:
    document = rss(
        "<item><title>某公司的手机在充电时起火，他们对此不作出说明</title><guid>1</guid>"
        "<pubDate>2024-05-01 12:30:00</pubDate></item>"
    ).replace("utf-8", label)
    (post,) = parse(document.encode(encoding), content_type).posts
    assert post.title == "某公司的手机在充电时起火，他们对此不作出说明"
    assert post.published_at == datetime(2024, 5, 1, 4, 30, tzinfo=UTC)


def test_a_big5_feed_is_read_in_the_zone_of_its_source() -> None:
    document = rss(
        "<item><title>這個國家的消費者對公司的說明不滿意</title><pubDate>2024年5月1日 12:30</pubDate></item>"
    ).replace("utf-8", "big5")
    (post,) = parse(document.encode("big5"), options={"timezone": "Asia/Tokyo"}).posts
    assert post.title == "這個國家的消費者對公司的說明不滿意"
    assert post.published_at == datetime(2024, 5, 1, 3, 30, tzinfo=UTC)


def test_one_control_character_loses_no_item() -> None:
    items = "".join(
        f"<item><guid>{n}</guid><title>标题{n}</title><description><![CDATA[文\x08字{'&#8;' * (n == 3)}]]>"
        f"</description></item>"
        for n in range(100)
    )
    parsed = parse(rss(items.replace("标题5", "标&#x8;题\x005")))
    assert len(parsed.posts) == 100
    assert not parsed.judged
    assert {post.text for post in parsed.posts} == {"文字"}


@pytest.mark.parametrize(
    ("link", "url"),
    [("http://x/?a=1&b=2", "http://x/?a=1&b=2"), ("http://x/?a=1&amp;copy=2", "http://x/?a=1&copy=2"),
     ("<![CDATA[http://x/?a=1&b=2]]>", "http://x/?a=1&b=2"), ("javascript:alert(1)", None),
     ("//cdn.cn/x", "https://cdn.cn/x")],
)  # fmt: skip
def test_links_survive_bare_ampersands_and_only_web_addresses_stay(
    link: str, url: str | None
) -> None:
    (post,) = parse(rss(f"<item><guid>g</guid><title>t</title><link>{link}</link></item>")).posts
    assert post.url == url


def test_named_html_entities_are_characters() -> None:
    (post,) = parse(
        rss("<item><guid>g</guid><title>A&nbsp;&ldquo;B&rdquo; &unknown; &</title></item>")
    ).posts
    assert post.title == "A “B” &unknown; &"


def test_a_guid_used_twice_gives_two_posts_and_a_repeated_entry_one() -> None:
    one = "<item><guid>g</guid><title>一</title><link>http://x/1</link></item>"
    two = "<item><guid>g</guid><title>二</title><link>http://x/2</link></item>"
    parsed = parse(rss(one + two + one))
    assert [post.external_id for post in parsed.posts] == ["g", "g|http://x/2"]
    assert parsed.repeated == 1


def test_truncated_xml_keeps_the_items_that_arrived() -> None:
    whole = rss("".join(ITEM.format(n=n) for n in range(20)))
    parsed = parse(whole[: whole.index("标题19")])
    assert [post.external_id for post in parsed.posts][:19] == [f"g{n}" for n in range(19)]


def test_item_tags_quoted_in_an_article_are_no_items() -> None:
    quoting = "<item><guid>q</guid><title>t</title><description><![CDATA[<item>x</item> <!DOCTYPE html>]]></description></item>"
    parsed = parse(rss(quoting + ITEM.format(n=1)))
    assert [post.external_id for post in parsed.posts] == ["q", "g1"]


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        ("<!DOCTYPE html><html><head><title>首页</title></head><body>你好</body></html>", None),
        ("<html><link rel='alternate' type='application/rss+xml' href='/rss?a=1&amp;b=2'></html>",
         "https://news.example.cn/rss?a=1&b=2"),
        ("", None),
        ("not a feed", None),
        ('{"items": "none"}', None),
        ("{broken", None),
        ("<urlset><url/></urlset>", None),
        ("\x00\x01\x02", None),
    ],
)  # fmt: skip
def test_what_is_no_feed_is_said_to_be_none(body: str, declared: str | None) -> None:
    parsed = parse(body)
    assert (parsed.kind, parsed.posts, parsed.declared) == (FeedKind.NONE, (), declared)


def test_a_feed_without_items_is_a_feed() -> None:
    assert parse(rss("")).kind is FeedKind.RSS
    assert parse('<feed xmlns="http://www.w3.org/2005/Atom"/>').kind is FeedKind.ATOM


def test_limits_cut_and_count() -> None:
    items = "".join(ITEM.format(n=n) for n in range(1200))
    long = f"<item><guid>l</guid><title>{'长' * 9000}</title><description>{'字' * 90_000}</description></item>"
    parsed = parse(rss(long + items))
    first = parsed.posts[0]
    assert (len(parsed.posts), parsed.dropped, parsed.shortened) == (1000, 201, 1)
    assert first.title is not None
    assert len(first.title) == 500
    assert len(first.text.encode()) <= 64 * 1024
    assert set(first.text) == {"字"}


def test_a_date_in_the_future_or_unreadable_is_left_to_be_inferred() -> None:
    dates = ("2024-05-02T12:20:00+08:00", "someday", "Wed, 01 May 2024 12:30:00 XYZ")
    items = "".join(
        f"<item><guid>{d}</guid><title>t</title><pubDate>{d}</pubDate></item>" for d in dates
    )
    assert {(p.published_at, p.precision) for p in parse(rss(items)).posts} == {
        (None, Precision.INFERRED)
    }


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10 if n else "ha"}">' for n in range(10))


def _hostile() -> dict[str, str]:
    laughing = f"<!DOCTYPE r [{LAUGHS}]>" + rss(
        "<item><guid>1</guid><title>&l9;</title></item>"
    ).removeprefix(PROLOG)
    return {
        "billion laughs": PROLOG + laughing,
        "laughs behind a quoted CDATA": "<!-- <![CDATA[ -->" + laughing,
        "laughs behind junk": "junk <a>" + laughing,
        "local file": '<!DOCTYPE r [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        + rss("<item><guid>1</guid><title>&x;</title></item>").removeprefix(PROLOG),
        "quadratic": f'<!DOCTYPE r [<!ENTITY a "{"x" * 50_000}">]>'
        + rss(f"<item><guid>1</guid><title>{'&a;' * 50_000}</title></item>").removeprefix(PROLOG),
        "deep": rss("<item><guid>1</guid><title>t</title><description>" + "<div>" * 20_000),
        "deep html": rss(f"<item><guid>1</guid><title>t</title><description><![CDATA[{'<b>' * 50_000}]]></description></item>"),
        "a million items": rss("<item/>" * 300_000),
        "open declarations": "<?xml " * 300_000,
        "open document types": "<!DOCTYPE a [" * 200_000,
        "open CDATA": rss("<item><guid>1</guid><title>&</title>" + "<![CDATA[" * 200_000),
        "blank dates": rss("<item><guid>1</guid><title>t</title>" + ("<pubDate>" + " " * 300) * 5_000),
        "only ampersands": rss("<item><guid>1</guid><title>t</title><description>" + "&" * 2_000_000),
        "only angles": "<" * 3_000_000,
        "many links": "<html>" + "<link " * 200_000,
        "lone surrogates": json.dumps({"items": [{"id": "\ud800", "title": "\udfff"}]}),
        "deep JSON": '{"items":' + "[" * 200_000,
    }  # fmt: skip


@pytest.mark.parametrize("name", _hostile())
def test_a_hostile_document_is_read_in_little_time_and_harms_nobody(name: str) -> None:
    started = time.process_time()
    parsed = parse(_hostile()[name])
    assert time.process_time() - started < 3, "the guard aims at 0.5 s on an idle machine"
    text = "".join(f"{post.title}{post.text}" for post in parsed.posts)
    assert "hahaha" not in text
    assert "root:" not in text
    assert len(text) < 200_000
    text.encode()


@pytest.mark.parametrize(
    "name",
    [
        "billion laughs",
        "laughs behind a quoted CDATA",
        "laughs behind junk",
        "local file",
        "quadratic",
    ],
)
def test_no_parser_sees_a_document_type(name: str) -> None:
    body = prepare(_hostile()[name].encode(), charset=None).body
    assert b"<!DOCTYPE" not in body
    assert b"<!ENTITY" not in body


def json_feed(**fields: object) -> bytes:
    return json.dumps({"version": "https://jsonfeed.org/version/1.1", **fields}).encode()


def test_a_json_feed_becomes_posts() -> None:
    parsed = parse(
        json_feed(
            language="zh",
            authors=[{"name": "编辑部"}],
            items=[
                {"id": 17, "url": "/a", "title": "标题", "content_html": "<p>一</p>二",
                 "date_published": "2024-05-01T12:00:00+08:00", "date_modified": "2024-05-01T13:00:00+08:00"},
                {"id": "2", "external_url": "http://x/2", "content_text": "a < b", "author": {"name": "某人", "url": "http://x"}},
            ],
        )
    )  # fmt: skip
    first, second = parsed.posts
    assert parsed.kind is FeedKind.JSON
    assert (first.external_id, first.url, first.text) == (
        "17",
        "https://news.example.cn/a",
        "一\n二",
    )
    assert first.published_at == datetime(2024, 5, 1, 4, 0, tzinfo=UTC)
    assert first.edited_at == datetime(2024, 5, 1, 5, 0, tzinfo=UTC)
    assert (first.author.name, first.lang) == ("编辑部", "zh")
    assert (second.url, second.text, second.author.name) == ("http://x/2", "a < b", "某人")


@pytest.mark.parametrize(
    "item",
    [{}, {"id": None}, {"id": 1e400}, {"id": True}, {"title": []}, {"authors": [[]]}, {"authors": {}},
     {"content_html": 5}, {"date_published": 5}, {"url": {"a": 1}}],
    ids=str,
)  # fmt: skip
def test_a_json_item_with_wrong_types_is_a_post_of_what_is_left(item: object) -> None:
    assert len(parse(json_feed(items=[item, "no item", None])).posts) == 1


def test_a_json_feed_may_say_that_it_is_over() -> None:
    assert parse(json_feed(items=[], expired=True)).expired
    assert not parse(json_feed(items=[], expired="yes")).expired


def test_the_update_period_of_the_syndication_module_is_a_wish() -> None:
    head = (
        "<sy:updatePeriod>\n\tdaily\t</sy:updatePeriod><sy:updateFrequency>4</sy:updateFrequency>"
    )
    assert parse(rss(ITEM.format(n=1), head)).wish == timedelta(hours=6)


def test_the_kind_of_posts_is_the_sources_option() -> None:
    (post,) = parse(rss(ITEM.format(n=1)), options={"post_kind": "review"}).posts
    assert post.kind is PostKind.REVIEW
    assert (
        parse(rss(ITEM.format(n=1)), options={"post_kind": "?"}).posts[0].kind is PostKind.ARTICLE
    )


def test_the_same_bytes_give_the_same_posts() -> None:
    document = rss("".join(ITEM.format(n=n) for n in range(50)))
    assert parse(document) == parse(document)


def test_both_parsers_tell_the_same_about_an_ordinary_feed() -> None:
    """An ``xml:base`` sends the same feed to feedparser."""
    items = """<item><title>电池 &lt;b&gt;起火&lt;/b&gt;</title><link>http://x/1</link><guid>g1</guid>
      <pubDate>Wed, 01 May 2024 12:30:00 CST</pubDate><author>记者</author>
      <description><![CDATA[<p>一</p><p>二 &amp; 三</p>]]></description></item>""" + ITEM.format(
        n=2
    )
    fast = parse(rss(items))
    judged = parse(rss(items).replace("<channel>", '<channel xml:base="https://news.example.cn/">'))
    assert (fast.judged, judged.judged) == (False, True)
    assert fast.posts == judged.posts
