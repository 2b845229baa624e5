"""Reviews and ratings of pages, in every syntax."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from collectors.model import Author, PostKind, Precision, Stars
from collectors.reviews.page import read_page
from collectors.reviews.schema_org import Context, Found, find_reviews
from collectors.taming import MOST_ATTRIBUTES

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
URL = "https://shop.example/p/1"


def found(html: str | bytes, *, url: str = URL, product: str | None = None, **more: str) -> Found:
    body = html.encode() if isinstance(html, str) else html
    context = Context(source_id=7, now=NOW, zone=ZoneInfo("Asia/Shanghai"), product=product)
    return find_reviews(read_page(body, more, url), context)


def ld(*values: object) -> str:
    scripts = (json.dumps(value, ensure_ascii=False) for value in values)
    marked = (f'<script type="application/ld+json">{script}</script>' for script in scripts)
    return f"<html><head>{''.join(marked)}</head><body></body></html>"


def review(text: str = "续航太短", **more: object) -> dict[str, object]:
    return {
        "@type": "Review",
        "reviewBody": text,
        "author": {"@type": "Person", "name": "小北"},
        "datePublished": "2026-03-01",
        "reviewRating": {"@type": "Rating", "ratingValue": "2", "bestRating": "5"},
        **more,
    }


PRODUCT = {
    "@type": "Product",
    "name": "云雀 X1",
    "aggregateRating": {"@type": "AggregateRating", "ratingValue": "4,2", "reviewCount": "1,234"},
}
MICRODATA = """
<div itemscope itemtype="https://schema.org/Product"><h1 itemprop="name">云雀 X1</h1>
 <div itemprop="aggregateRating" itemscope itemtype="https://schema.org/AggregateRating">
  <span itemprop="ratingValue">4,2</span><meta itemprop="reviewCount" content="1,234"></div>
 <div itemprop="review" itemscope itemtype="https://schema.org/Review">
  <span itemprop="author" itemscope itemtype="https://schema.org/Person"><b itemprop="name">小北</b></span>
  <time itemprop="datePublished" datetime="2026-03-01">3月1日</time>
  <p itemprop="reviewBody">续航<b>太短</b></p>
  <div itemprop="reviewRating" itemscope itemtype="https://schema.org/Rating">
   <meta itemprop="ratingValue" content="2"></div></div></div>"""
RDFA = """
<div vocab="https://schema.org/" typeof="Product"><h1 property="name">云雀 X1</h1>
 <div property="aggregateRating" typeof="AggregateRating">
  <span property="ratingValue">4,2</span><meta property="reviewCount" content="1,234"></div>
 <div property="review" typeof="Review">
  <span property="author" typeof="Person"><b property="name">小北</b></span>
  <time property="datePublished" datetime="2026-03-01">3月1日</time>
  <p property="reviewBody">续航<b>太短</b></p>
  <div property="reviewRating" typeof="Rating"><meta property="ratingValue" content="2"></div></div></div>"""
SYNTAXES = {"json-ld": ld({**PRODUCT, "review": review()}), "microdata": MICRODATA, "rdfa": RDFA}


@pytest.mark.parametrize("syntax", SYNTAXES)
def test_every_syntax_gives_the_same_post_and_rating(syntax: str) -> None:
    read = found(SYNTAXES[syntax])
    (post,) = read.posts
    assert (post.kind, post.text, post.author) == (PostKind.REVIEW, "续航太短", Author(name="小北"))
    assert (post.stars, post.rating, post.product) == (Stars(value=2.0), 0.25, "云雀 X1")
    assert post.published_at == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert (post.precision, post.url) == (Precision.DAY, URL)
    (rating,) = read.ratings
    assert (rating.product, rating.stars, rating.count) == ("云雀 X1", Stars(value=4.2), 1234)
    assert read.syntaxes == {syntax: (1, 1)}
    assert post.external_id == found(SYNTAXES["json-ld"]).posts[0].external_id


def test_the_same_review_in_two_syntaxes_comes_once() -> None:
    read = found("".join(SYNTAXES.values()))
    assert (len(read.posts), len(read.ratings)) == (1, 1)
    assert read.syntaxes == {"json-ld": (1, 1), "microdata": (1, 1), "rdfa": (1, 1)}


GRAPHED = [
    {**PRODUCT, "@id": "#car", "review": [{"@id": "#r1"}, {"@id": "#r2"}]},
    {**review("一"), "@id": "#r1"},
    {**review("二"), "@id": "#r2", "itemReviewed": {"@id": "#car"}},
]


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({**PRODUCT, "review": [review("一"), review("二")]}, id="list of reviews"),
        pytest.param({"@context": "x", "@graph": GRAPHED}, id="graph with references"),
        pytest.param({"@graph": [*GRAPHED[1:], GRAPHED[0]]}, id="the product after its reviews"),
        pytest.param([review("一", itemReviewed=PRODUCT), review("二", itemReviewed=PRODUCT)], id="stand-alone"),
        pytest.param({**PRODUCT, "review": [None, review("一"), {"@type": ["Review", "CriticReview"], "description": "二"}]}, id="nulls and types"),
        pytest.param({**PRODUCT, "reviews": [review("一"), {"reviewBody": "二"}]}, id="without a type"),
        pytest.param({"@type": "http://schema.org/Product", "schema:name": "云雀 X1", "schema:review": [review("一"), review("二")]}, id="prefixed"),
        pytest.param({"@type": "ItemList", "itemListElement": [{"item": {**PRODUCT, "review": [review("一"), review("二")]}}]}, id="item list"),
    ],
)  # fmt: skip
def test_shapes_of_json_ld(value: object) -> None:
    read = found(ld(value))
    assert [(post.text, post.product) for post in read.posts] == [
        ("一", "云雀 X1"),
        ("二", "云雀 X1"),
    ]


@pytest.mark.parametrize(
    ("author", "name"),
    [
        ("小北", "小北"), ({"name": "小北"}, "小北"), ([{"name": "小北"}, {"name": "小南"}], "小北"),
        (["小北"], "小北"), (None, None), ({}, None), ({"name": None}, None), (7, "7"),
    ],
)  # fmt: skip
def test_forms_of_an_author(author: object, name: str | None) -> None:
    assert found(ld(review(author=author))).posts[0].author.name == name


@pytest.mark.parametrize(
    ("author", "expected"),
    [
        ('<a itemprop="author" href="/u/1">小北</a>', Author(name="小北")),
        ('<meta itemprop="author" content="小北">', Author(name="小北")),
        ('<link itemprop="author" href="/u/1">', Author(url="https://shop.example/u/1")),
    ],
)
def test_forms_of_an_author_in_microdata(author: str, expected: Author) -> None:
    page = f'<div itemscope itemtype="https://schema.org/Review"><p itemprop="name">好</p>{author}</div>'
    assert found(page).posts[0].author == expected


def test_a_review_without_a_rating_is_one() -> None:
    (post,) = found(ld({"@type": "Review", "reviewBody": "服务很好", "reviewRating": None})).posts
    assert (post.stars, post.rating, post.text) == (None, None, "服务很好")


def test_a_rating_without_words_is_one_and_nothing_at_all_is_none() -> None:
    bare = {"@type": "Review", "author": "小北", "reviewBody": None}
    read = found(ld({**bare, "reviewRating": {"ratingValue": 1}}, bare))
    assert [(post.text, post.rating) for post in read.posts] == [("", 0.0)]


def test_a_value_outside_of_its_scale_keeps_its_stars() -> None:
    (post,) = found(ld(review(reviewRating={"ratingValue": 8}))).posts
    assert (post.stars, post.rating) == (Stars(value=8.0), None)


@pytest.mark.parametrize(
    ("rating", "count"),
    [
        ({"ratingValue": 0}, 0), ({"ratingValue": 0, "ratingCount": 0}, 0),
        ({"ratingValue": "0", "bestRating": 10, "worstRating": 0, "reviewCount": 3}, 1),
        ({"ratingValue": None, "reviewCount": 3}, 0), ({"ratingValue": "4"}, 1),
    ],
)  # fmt: skip
def test_zero_without_a_count_means_nobody_has_rated_yet(
    rating: dict[str, object], count: int
) -> None:
    page = ld({"@type": "Hotel", "name": "北岭", "aggregateRating": rating})
    assert len(found(page).ratings) == count


def test_the_ratings_own_count_goes_before_the_count_of_reviews() -> None:
    page = ld(
        {**PRODUCT, "aggregateRating": {"ratingValue": 4, "reviewCount": 3, "ratingCount": 9}}
    )
    assert found(page).ratings[0].count == 9


@pytest.mark.parametrize(
    ("own", "expected"),
    [
        pytest.param({"@id": "#r1"}, f"{URL}#r1", id="fragment"),
        pytest.param({"@id": "urn:review:9"}, "urn:review:9", id="urn"),
        pytest.param({"url": "/reviews/9"}, "https://shop.example/reviews/9", id="address"),
        pytest.param({"url": URL}, None, id="the page's address"),
        pytest.param({"url": "/car"}, None, id="the product's address"),
        pytest.param({"@id": "_:b0"}, None, id="blank node"),
        pytest.param({}, None, id="none"),
    ],
)
def test_external_ids(own: dict[str, str], expected: str | None) -> None:
    product = {**PRODUCT, "url": "https://shop.example/car", "review": [review(**own)]}
    (post,) = found(ld(product)).posts
    (nameless,) = found(ld({**product, "review": [review()]})).posts
    assert post.external_id == (expected or nameless.external_id)
    assert len(nameless.external_id) == 64


def test_an_id_that_two_reviews_share_is_not_theirs() -> None:
    page = ld(review("一", url="/all"), review("二", url="/all"))
    ids = {post.external_id for post in found(page).posts}
    assert len(ids) == 2
    assert "https://shop.example/all" not in ids


def test_an_edited_review_with_an_id_keeps_it() -> None:
    before, edited = (found(ld(review(text, **{"@id": "#r1"}))).posts[0] for text in ("一", "二"))
    assert before.key == edited.key
    assert before.content_hash != edited.content_hash


def test_a_date_that_moves_is_no_part_of_an_identity() -> None:
    ids = {
        found(ld(review(datePublished=day))).posts[0].external_id for day in ("3天前", "4天前", "")
    }
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("written", "moment"),
    [
        ("2026-03-01T10:00:00", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("2026-03-01T10:00:00Z", datetime(2026, 3, 1, 10, tzinfo=UTC)),
        ("2026年3月1日 10:00", datetime(2026, 3, 1, 2, tzinfo=UTC)),
        ("2031-01-01", None),
        ("neulich", None),
    ],
)
def test_dates_are_meant_in_the_sources_zone(written: str, moment: datetime | None) -> None:
    assert found(ld(review(datePublished=written))).posts[0].published_at == moment


def test_notes_language_votes_and_edits_are_kept() -> None:
    more = {
        "headline": "<b>差</b>",
        "positiveNotes": {"@type": "ItemList", "itemListElement": [{"name": "外观"}]},
        "negativeNotes": ["续航", None],
        "inLanguage": {"name": "Chinese", "alternateName": "zh-CN"},
        "upvoteCount": "12",
        "dateModified": "2026-03-02",
    }
    (post,) = found(ld(review("<p>一</p><p>二</p>", **more))).posts
    assert (post.title, post.text) == ("差", "一\n二\n+ 外观\n- 续航")
    assert (post.lang, post.metrics, post.edited_at) == ("zh-CN", {"likes": 12}, datetime(2026, 3, 1, 16, tzinfo=UTC))  # fmt: skip


def test_the_product_of_the_options_names_what_the_page_is_about() -> None:
    other = {"@type": "Product", "name": "配件", "aggregateRating": {"ratingValue": 3}}
    read = found(ld({**PRODUCT, "review": review()}, other), product="X1")
    assert read.posts[0].product == "X1"
    assert [rating.product for rating in read.ratings] == ["X1", "配件"]


def test_microdata_follows_itemref() -> None:
    page = """<div itemscope itemtype="https://schema.org/Product" itemref="r n"></div>
      <p id="n" itemprop="name">云雀 X1</p>
      <div id="r" itemprop="review" itemscope itemtype="https://schema.org/Review">
        <p itemprop="description">好</p></div>"""
    assert [(post.text, post.product) for post in found(page).posts] == [("好", "云雀 X1")]


def test_a_page_in_gb18030_that_says_utf_8_is_read() -> None:
    body = MICRODATA.replace("续航<b>太短</b>", "这个车的续航太短了,我不会再来").encode("gb18030")
    (post,) = found(body, **{"content-type": "text/html; charset=utf-8"}).posts
    assert post.text == "这个车的续航太短了,我不会再来"


def test_a_script_in_a_comment_is_not_read() -> None:
    assert found(f"<!-- {ld(review())} -->").posts == ()


def test_markup_without_script_is_read() -> None:
    assert len(found(f"<noscript>{MICRODATA}</noscript>").posts) == 1


DEEP = '<div itemprop="review" itemscope itemtype="https://schema.org/Review">'


@pytest.mark.parametrize(
    "html",
    [
        pytest.param(DEEP * 20_000, id="nested items"),
        pytest.param(f"<p itemprop=review {' '.join(f'a{n}=1' for n in range(100_000))}>", id="attributes"),
        pytest.param("<script " * 100_000, id="open scripts"),
        pytest.param("<!--itemprop review" * 50_000, id="open comments"),
        pytest.param("<a itemprop='review" * 50_000, id="open quotes"),
        pytest.param("", id="nothing"),
        pytest.param("\0\0<\0", id="zeros"),
        pytest.param("{\"itemprop\": \"review\"}", id="no page"),
    ],
)  # fmt: skip
def test_a_hostile_page_brings_nothing_and_takes_no_time(html: str) -> None:
    assert found(html).posts == ()


def test_a_tag_with_too_many_attributes_loses_them_and_the_rest_is_kept() -> None:
    many = " ".join(f"data-{n}='1'" for n in range(MOST_ATTRIBUTES + 1))
    assert len(found(f"<div {many}>{MICRODATA}</div>").posts) == 1


def test_a_circle_of_references_ends() -> None:
    circle = [{"@id": "#a", "@type": "Review", "name": "一", "review": {"@id": "#b"}},
              {"@id": "#b", "@type": "Review", "name": "二", "review": {"@id": "#a"}}]  # fmt: skip
    assert len(found(ld({"@graph": circle})).posts) == 2


def test_more_than_a_thousand_reviews_are_counted_as_dropped() -> None:
    read = found(ld([review(str(number)) for number in range(1_005)]))
    assert (len(read.posts), read.dropped) == (1_000, 5)
