from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from collectors.article import Page, extract
from collectors.dates import CHINA
from collectors.model import Precision

URL = "https://www.yunque.example.com.cn/news/1.html"
NOW = datetime(2024, 6, 1, tzinfo=UTC)
TEXT = "<p>云雀汽车宣布召回一万二千辆轿车，因为电池在快速充电时可能过热。</p>" * 3


def read(head="", body="", *, url=URL, now=NOW):
    markup = f"<html><head>{head}</head><body>{body}{TEXT}</body></html>"
    return extract(Page(url=url, body=markup.encode(), now=now))


def linked(**values):
    node = {"@context": "https://schema.org", "@type": "NewsArticle", **values}
    return f'<script type="application/ld+json">{json.dumps(node, ensure_ascii=False)}</script>'


def meta(name, content):
    return f'<meta property="{name}" content="{content}">'


@pytest.mark.parametrize(
    ("head", "body", "title"),
    [
        ("", "", None),
        ("<title>召回一万二千辆轿车_汽车频道_云雀网</title>", "", "召回一万二千辆轿车"),
        ("<title>Recall of 12,000 cars | Lark News</title>", "", "Recall of 12,000 cars"),
        ("<title>Recall: a well-known risk - Lark</title>", "", "Recall: a well-known risk"),
        ("<title>召回轿车-云雀网</title>", "<h1>召回轿车</h1>", "召回轿车"),
        ("", "<h1>召回一万二千辆轿车</h1>", "召回一万二千辆轿车"),
        (meta("og:title", "召回轿车"), "<h1>云雀新闻中心</h1>", "召回轿车"),
        (meta("og:title", "召回轿车 | 云雀网") + meta("og:site_name", "云雀网"), "", "召回轿车"),
        (linked(headline="召回&amp;免费更换") + meta("og:title", "别的"), "", "召回&免费更换"),
        ("<title>News from Lark: cars recalled | Lark</title>", "<h1>News</h1>", "News from Lark: cars recalled"),
    ],
)  # fmt: skip
def test_the_title_is_the_heading_or_what_metadata_say(head, body, title):
    assert read(head, body).title == title


@pytest.mark.parametrize(
    ("head", "body", "author"),
    [
        ("", "", None),
        (meta("author", "林小满"), "", "林小满"),
        ('<meta name="author" content="https://yunque.example/u/3">', "", None),
        (
            meta("author", "云雀网") + meta("og:site_name", "云雀网"),
            "<p>记者：林小满</p>",
            "林小满",
        ),
        (linked(author={"@type": "Person", "name": "林小满"}), "", "林小满"),
        (linked(author=[{"name": "林小满"}, "周三"]), "", "林小满, 周三"),
        ("", '<span class="post-author">By Lin Xiaoman</span>', "Lin Xiaoman"),
        ("", '<a rel="author" href="/u/3">林小满</a>', "林小满"),
        ("", "<span>作者：林小满</span>", "林小满"),
        ("", "<span>责任编辑：周三</span>", None),
        ("", '<label id="author">Name *</label>', None),
        ("", "".join(f'<i class="author">作者{n}号</i>' for n in range(9)), None),
        (meta("author", "admin"), "", None),
    ],
)
def test_the_author_is_who_wrote_not_the_editor_nor_the_portal(head, body, author):
    assert read(head, body).author == author


@pytest.mark.parametrize(
    ("head", "body", "written", "precision"),
    [
        ("", "", None, Precision.INFERRED),
        (linked(datePublished="2024-05-01T09:30:15+08:00"), "", "2024-05-01T01:30:15", Precision.EXACT),
        (linked(datePublished="2024-05-01T09:30:15+08:00") + meta("article:published_time", "2024-05-02T00:00:00Z"), "",
         "2024-05-01T01:30:15", Precision.EXACT),
        (meta("weibo:article:create_at", "2024-05-01 09:30:15"), "", "2024-05-01T01:30:15", Precision.EXACT),
        ('<meta name="PubDate" content="2024-05-01 09:30">', "", "2024-05-01T01:30:00", Precision.MINUTE),
        ("", '<time datetime="2024-05-01T01:30:00Z">五月</time>', "2024-05-01T01:30:00", Precision.EXACT),
        ("", '<i itemprop="datePublished" content="2024-05-01T01:30:00Z"></i><time datetime="2023-01-01">x</time>',
         "2024-05-01T01:30:00", Precision.EXACT),
        ("<title>召回轿车</title>", "<p>2020年1月1日</p><h1>召回轿车</h1><p>2024年5月1日 09:30 来源：云雀网</p>",
         "2024-05-01T01:30:00", Precision.MINUTE),
        ("", "<p>发布时间：2024/5/1 09:30:15</p>", "2024-05-01T01:30:15", Precision.EXACT),
        ("", "<p>05-01 09:30</p>", "2024-05-01T01:30:00", Precision.MINUTE),
        ("", "<p>Published 1 May 2024</p>", "2024-04-30T16:00:00", Precision.DAY),
        ("", "<p>01.05.2024</p>", "2024-04-30T16:00:00", Precision.DAY),
        (meta("article:published_time", "2024-05-01"), "<p>2024-05-01 09:30</p>", "2024-05-01T01:30:00", Precision.MINUTE),
        (meta("article:published_time", "2024-05-01"), "<p>2024-05-03 09:30</p>", "2024-04-30T16:00:00", Precision.DAY),
        (meta("article:published_time", "soon"), "<p>2024-05-01 09:30</p>", "2024-05-01T01:30:00", Precision.MINUTE),
        (meta("article:published_time", "2031-05-01T00:00:00Z"), "", None, Precision.INFERRED),
        ("", "<script>var t = '2024-05-01 09:30'</script>", None, Precision.INFERRED),
    ],
)  # fmt: skip
def test_the_most_reliable_place_tells_the_publication_time(head, body, written, precision):
    found = read(head, body)
    expected = datetime.fromisoformat(written).replace(tzinfo=UTC) if written else None
    assert (found.published_at, found.precision) == (expected, precision)


@pytest.mark.parametrize(
    ("path", "day"),
    [
        ("2024/05/01/1.html", 1),
        ("20240502/1.html", 2),
        ("t20240503_9.html", 3),
        ("2024/5/4/", 4),
        ("2024-05-05-recall", 5),
        ("120240506123.html", None),
        ("1.html", None),
    ],
)
def test_the_address_tells_the_day_where_the_page_does_not(path, day):
    found = read(url=f"https://yunque.example/{path}")
    assert found.precision is (Precision.DAY if day else Precision.INFERRED)
    assert found.published_at == (datetime(2024, 5, day, tzinfo=CHINA) if day else None)


@pytest.mark.parametrize(
    ("told", "canonical"),
    [
        ("https://www.yunque.example.com.cn/a/1", "https://www.yunque.example.com.cn/a/1"),
        ("/a/1", "https://www.yunque.example.com.cn/a/1"),
        ("https://m.example.com.cn/a/1", "https://m.example.com.cn/a/1"),
        ("https://other.com.cn/a/1", None),
        ("https://www.yunque.example.com.cn/", None),
        ("javascript:alert(1)", None),
        ("", None),
    ],
)
def test_a_canonical_address_is_one_of_the_same_site_and_no_home_page(told, canonical):
    assert read(f'<link rel="canonical" href="{told}">').canonical_url == canonical
    assert read(meta("og:url", told)).canonical_url == canonical


def test_a_home_page_may_name_itself():
    home = "https://yunque.example/"
    assert read(meta("og:url", home), url=home).canonical_url == home


@pytest.mark.parametrize(
    ("declared", "text", "lang"),
    [
        ("zh-CN", TEXT, "zh-CN"),
        ("en", TEXT, "zh"),
        ("", TEXT, "zh"),
        ("zh", "<p>これは車の電池についての記事です。充電のときに熱くなることがあります。</p>" * 3, "ja"),
        ("de_AT", "<p>Das Auto wird zurückgerufen, weil die Batterie heiß werden kann.</p>" * 3, "de-AT"),
        ("", "<p>The car is recalled because its battery may overheat.</p>" * 3, None),
        ("x y", TEXT, "zh"),
    ],
)  # fmt: skip
def test_the_script_corrects_a_declared_language(declared, text, lang):
    markup = f'<html lang="{declared}"><title>x</title><body>{text}</body></html>'
    assert extract(Page(url=URL, body=markup.encode(), now=NOW)).lang == lang


@pytest.mark.parametrize(
    ("head", "site"),
    [
        (meta("og:site_name", "云雀网"), "云雀网"),
        (linked(publisher={"@type": "Organization", "name": "云雀网"}), "云雀网"),
        ("<title>召回轿车与免费更换_汽车频道_云雀网</title>", "云雀网"),
        ("<title>召回轿车与免费更换</title>", None),
    ],
)
def test_the_site_is_named_by_metadata_or_the_end_of_the_title(head, site):
    assert read(head).site == site


@pytest.mark.parametrize(
    "script",
    [
        '{"@graph":[{"@type":"WebPage","name":"x"},{"@type":["Thing","NewsArticle"],"headline":"召回轿车"}]}',
        '[{"@type":"BreadcrumbList"},{"@type":"BlogPosting","headline":"召回轿车"}]',
        '<!-- {"@type":"Article","headline":"召回轿车"} -->',
        '//<![CDATA[\n{"@type":"Article","headline":"召回轿车"}\n//]]>',
        '{"@type":"Article","headline":"召回\n轿车"}',
    ],
)
def test_json_ld_is_found_in_the_shapes_that_sites_write(script):
    found = read(f'<script type="application/ld+json">{script}</script>').title
    assert found is not None
    assert found.replace("\n", "").replace(" ", "") == "召回轿车"
