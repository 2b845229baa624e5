"""Columns find their fields, cells their values; what does not fit is told with line and column."""

from __future__ import annotations

from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from collectors.cells import CellError, Context, read_cell
from collectors.column_map import Constants, MapError, Unfit, map_columns, map_row
from collectors.sheet import SheetRow

NAIVE = datetime(2026, 3, 9, 10, 20)  # noqa: DTZ001  # a workbook knows no zone

CONTEXT = Context(zone=ZoneInfo("Asia/Shanghai"), now=datetime(2026, 3, 10, 5, 8, tzinfo=UTC))
SOURCE = Constants(source="论坛")


def mapped(cells, explicit=None, constants=SOURCE, line=7, is_object=False):
    found = map_columns(tuple(cells), explicit or {}, constants)
    return map_row(SheetRow(line, cells, None, is_object), found, CONTEXT)


@pytest.mark.parametrize(
    ("columns", "wanted"),
    [
        ("标题 内容 链接 发布时间 作者 粉丝数 点赞 评论数 转发 评分 来源",
         "title text url published_at author.name author.followers metrics.likes metrics.replies metrics.reposts rating source"),
        ("Title Content URL Published_At Author Followers Likes Comments Shares Rating Platform",
         "title text url published_at author.name author.followers metrics.likes metrics.replies metrics.reposts rating source"),
        ("笔记标题 笔记内容 笔记链接 发布时间(北京) 昵称 【粉丝】 点赞量 评论 收藏",
         "title text url published_at author.name author.followers metrics.likes metrics.replies metrics.favorites"),
        ("评论 评分 用户名 评价时间 商品名称 ip属地",
         "text rating author.name published_at product location"),
        ("标题 评论", "title metrics.replies"),
        ("内容 序号 id 编号", "text - - -"),
    ],
    ids=["chinese", "english", "notes", "shop reviews", "count of comments", "running numbers"],
)  # fmt: skip
def test_usual_headers_are_known(columns, wanted):
    names = columns.split()
    found = map_columns(names, {}, SOURCE if "source" not in wanted else Constants())
    back = {column: field for field, column in found.columns.items()}
    assert [back.get(name, "-") for name in names] == wanted.split()
    assert found.guessed == found.columns.keys()


def test_an_explicit_mapping_goes_before_the_guess_and_null_closes_a_field():
    found = map_columns(
        ("内容", "备注", "评分"), {"text": "备注", "rating": None, "metrics.coins": "内容"}, SOURCE
    )
    assert found.columns == {"text": "备注", "metrics.coins": "内容"}
    assert found.unmapped(("内容", "备注", "评分")) == ["评分"]


@pytest.mark.parametrize(
    ("columns", "explicit", "constants", "place"),
    [
        (("甲", "乙"), {}, SOURCE, "text"),
        (("内容",), {}, Constants(), "source"),
        (("内容",), {"body": "内容"}, SOURCE, "body"),
        (("内容",), {"title": "标题"}, SOURCE, "title"),
        (("内容",), {"metrics.a b": "内容"}, SOURCE, "metrics.a b"),
    ],
    ids=["no text", "no source", "unknown field", "unknown column", "no name of a count"],
)
def test_a_mapping_that_does_not_fit_names_its_place(columns, explicit, constants, place):
    with pytest.raises(MapError) as caught:
        map_columns(columns, explicit, constants)
    assert caught.value.place == place
    assert caught.value.reason


@pytest.mark.parametrize(
    ("field", "cell", "wanted"),
    [
        ("metrics.likes", "1.2万", 12_000),
        ("metrics.likes", "10万+", 100_000),
        ("metrics.likes", 12.0, 12),
        ("author.followers", "1,234", 1_234),
        ("author.followers", "—", None),
        ("rating", "5", 1.0),
        ("rating", 1, 0.0),
        ("rating", "1星", 0.0),
        ("rating", "★★★☆☆", 0.5),
        ("rating", "四星", 0.75),
        ("rating", "差评", 0.0),
        ("rating", "8/10", 0.7778),
        ("rating", "0.8", 0.8),
        ("rating", "0", 0.0),
        ("published_at", NAIVE.replace(microsecond=5), "2026-03-09 10:20:00"),
        ("published_at", date(2026, 3, 9), "2026-03-09"),
        ("published_at", 46_090.5, "2026-03-09 12:00:00"),
        ("published_at", "昨天 12:30", "昨天 12:30"),
        ("published_at", 1_773_000_000, "1773000000"),
        ("kind", "评价", "review"),
        ("kind", "新闻", "article"),
        ("text", "-", "-"),
        ("text", 12.0, "12"),
        ("external_id", 123456, "123456"),
        ("external_id", "无", None),
    ],
    ids=str,
)
def test_what_a_cell_means(field, cell, wanted):
    assert read_cell(field, cell, CONTEXT) == wanted


@pytest.mark.parametrize(
    ("field", "cell"),
    [
        ("metrics.likes", "许多"),
        ("author.followers", "1e400"),
        ("rating", "7"),
        ("rating", "很好"),
        ("published_at", "不久"),
        ("kind", "什么"),
        ("external_id", 1.23456789012346e18),
        ("external_id", "1.23457E+18"),
        ("text", ["a"]),
        ("author.name", {"a": 1}),
    ],
    ids=str,
)
def test_a_cell_that_means_nothing_is_an_error_of_its_field(field, cell):
    with pytest.raises(CellError) as caught:
        read_cell(field, cell, CONTEXT)
    assert caught.value.field == field


def test_the_top_of_the_scale_can_be_told():
    ten = Context(zone=CONTEXT.zone, now=CONTEXT.now, rating_best=10)
    assert read_cell("rating", "7", ten) == pytest.approx(0.6667)
    hundred = Context(zone=CONTEXT.zone, now=CONTEXT.now, rating_best=100)
    assert read_cell("rating", "70分", hundred) == pytest.approx(0.7)


def test_a_row_is_what_the_batch_takes():
    row = mapped(
        {
            "标题": " 新车 ",
            "内容": "起火",
            "作者": "老王",
            "粉丝": "1.2万",
            "点赞": "3",
            "备注": "x",
        }
    )
    assert row == {
        "source": "论坛", "title": "新车", "text": "起火", "author": {"name": "老王", "followers": 12_000},
        "metrics": {"likes": 3},
    }  # fmt: skip


def test_a_misfit_names_line_and_column():
    found = mapped({"内容": "起火", "粉丝数": "许多"}, line=12)
    assert isinstance(found, Unfit)
    assert (found.line, found.column) == (12, "粉丝数")
    assert "许多" in found.reason


def test_a_row_of_the_api_in_json_is_taken_as_it_is():
    cells = {"source": "站", "text": "好", "rating": 1, "author": {"name": "老王"}}
    assert mapped(cells, constants=Constants(), is_object=True) == cells
    assert mapped(cells, constants=SOURCE, is_object=True)["source"] == "论坛"
    # the same in a workbook is a table with stars
    table = {"source": "站", "text": "好", "rating": 1}
    assert mapped(table, constants=Constants())["rating"] == 0.0


def test_inner_keys_of_json_are_columns():
    cells = {"text": "好", "user": {"nick": "老王", "fans": "3万"}, "other": 1}
    told = {"author.name": "user.nick", "author.followers": "user.fans"}
    found = map_columns(("text", "user.nick", "user.fans", "other"), told, SOURCE)
    read = map_row(SheetRow(1, cells, None, True), found, CONTEXT)
    assert read["author"] == {"name": "老王", "followers": 30_000}
    assert found.unmapped(("text", "user.nick", "user.fans", "other")) == ["other"]
