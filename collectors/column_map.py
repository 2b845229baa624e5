"""Which column of a table means what, and a row of a table as a row of ``POST /posts/batch``.

The usual headers of Chinese and English exports are known; an explicit mapping goes before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from collectors.cells import CellError, Context, read_cell
from collectors.sheet import Cell, SheetRow, is_blank
from collectors.sheet_json import cell_at

BatchRow: TypeAlias = dict[str, object]

FIELDS = (
    "source", "external_id", "url", "title", "text", "author.name", "author.handle", "author.url",
    "author.followers", "published_at", "rating", "kind", "lang", "product", "location", "parent_id",
    "metrics.likes", "metrics.replies", "metrics.reposts", "metrics.views", "metrics.favorites",
)  # fmt: skip
POST_KEYS = frozenset(name.partition(".")[0] for name in FIELDS) | {"tags"}
# Best first. A bare "id", 序号 or 编号 is no identity: the next export counts from 1 again.
ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "text": "内容 正文 文本 全文 文章内容 正文内容 帖子内容 微博正文 微博内容 博文 笔记内容 笔记正文 评论内容 评价内容 点评内容"
        " 回答内容 弹幕内容 投诉内容 反馈内容 视频文案 文案 text content body full_text message review review_text comment"
        " comment_text 简介 摘要 描述 description summary 评论 评价",
        "title": "标题 文章标题 新闻标题 帖子标题 笔记标题 视频标题 作品标题 题目 主题 title headline subject",
        "url": "链接 网址 原文链接 文章链接 帖子链接 微博链接 笔记链接 作品链接 视频链接 原文地址 链接地址 来源链接 url link"
        " permalink href",
        "external_id": "external_id 信息id 文章id 评论id 评价id 作品id 笔记id 帖子id 微博id 视频id 回答id 投诉编号 订单评价id mid"
        " guid post_id note_id comment_id review_id tweet_id",
        "author.name": "作者 作者名 作者昵称 昵称 用户名 用户昵称 用户 发布者 发布人 发布账号 账号名称 账号昵称 评论者 评论人 博主"
        " 达人昵称 author.name author author_name nickname username user_name user screen_name",
        "author.handle": "账号 账号id 用户id 作者id 抖音号 小红书号 微博账号 author.handle author_handle handle user_id uid"
        " author_id account",
        "author.url": "作者主页 用户主页 主页 主页链接 作者链接 author.url author_url profile_url",
        "author.followers": "粉丝数 粉丝 粉丝量 作者粉丝数 关注者数 author.followers followers followers_count fans"
        " follower_count",
        "published_at": "发布时间 发表时间 发布日期 发表日期 评论时间 评价时间 点评时间 发帖时间 投诉时间 创建时间 时间 日期"
        " published_at publish_time published pub_date pubdate created_at create_time date datetime time timestamp",
        "rating": "评分 星级 打分 评价星级 用户评分 rating stars star score_stars",
        "kind": "kind post_kind 信息类型",
        "lang": "语言 语种 lang language",
        "product": "商品 商品名称 商品名 产品 产品名称 产品名 型号 车型 菜品 product product_name item sku_name",
        "location": "地区 地域 ip属地 ip归属地 属地 省份 城市 发布地 location region ip_location",
        "parent_id": "parent_id 父评论id 回复评论id 上级评论id in_reply_to_id",
        "source": "来源 平台 来源平台 发布平台 渠道 媒体 媒体名称 来源媒体 站点 网站 网站名称 source platform media site",
        "metrics.likes": "点赞数 点赞 点赞量 赞 获赞数 喜欢数 metrics.likes likes like_count likes_count digg_count",
        "metrics.replies": "评论数 评论量 回复数 回复量 跟帖数 评论 回复 metrics.replies replies comments comment_count"
        " comments_count reply_count",
        "metrics.reposts": "转发数 转发量 转发 分享数 分享量 分享 metrics.reposts reposts shares share_count repost_count"
        " retweets retweet_count",
        "metrics.views": "阅读数 阅读量 阅读 浏览量 浏览数 播放量 播放数 观看数 点击量 曝光量 metrics.views views view_count"
        " read_count play_count impressions",
        "metrics.favorites": "收藏数 收藏量 收藏 metrics.favorites favorites favorite_count collect_count",
    }
)  # fmt: skip


_ORNAMENT = re.compile("[「」【】*:\uff1a\\[\\]]")


class MapError(Exception):
    """A mapping that does not fit the table; ``place`` is the field or column that is wrong."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(reason)
        self.place = place
        self.reason = reason


@dataclass(frozen=True, slots=True, kw_only=True)
class Constants:
    """What holds for every row, before any column. ``rating_best`` is the top of the scale of stars, None: 5."""

    source: str | None = None
    kind: str | None = None
    lang: str | None = None
    product: str | None = None
    rating_best: int | None = None

    def values(self) -> BatchRow:
        """Return the fields of a row that are given here."""
        found = {
            "source": self.source,
            "kind": self.kind,
            "lang": self.lang,
            "product": self.product,
        }
        return {name: value for name, value in found.items() if value}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnMap:
    """What each field is read from. ``guessed`` are the fields nobody named a column for."""

    columns: Mapping[str, str]
    constants: Constants = field(default_factory=Constants)
    guessed: frozenset[str] = frozenset()

    @property
    def is_all_guessed(self) -> bool:
        """Whether nobody named any column."""
        return self.guessed == self.columns.keys()

    def unmapped(self, columns: Iterable[str]) -> list[str]:
        """Return the columns that no field is read from."""
        used = set(self.columns.values())
        return [name for name in columns if name not in used]

    def column_of(self, pointer: str) -> str:
        """Return the column behind a place of the row (``/author/followers``), "" where it is no column's."""
        return self.columns.get(pointer.strip("/").replace("/", "."), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfit:
    """A row that became no post: where it stands and why."""

    line: int
    column: str
    reason: str


def map_columns(
    columns: Sequence[str], explicit: Mapping[str, str | None], constants: Constants
) -> ColumnMap:
    """Return where each field comes from: as told, else by the header. A field told to be None stays empty.

    Raises:
        MapError: an unknown field, a column that is not there, or nothing to read text or source from.
    """
    _check(columns, explicit)
    named = {name: column for name, column in explicit.items() if column is not None}
    free = [column for column in columns if column not in named.values()]
    closed = explicit.keys() | constants.values().keys()
    guessed = _guessed(free, closed)
    found = ColumnMap(columns=named | guessed, constants=constants, guessed=frozenset(guessed))
    if "text" not in found.columns and "title" not in found.columns:
        raise MapError("text", _missing("正文或标题", "text or title", columns))
    if "source" not in found.columns and not constants.source:
        raise MapError("source", _missing("来源名称", "a source name", columns))
    return found


def _check(columns: Sequence[str], explicit: Mapping[str, str | None]) -> None:
    for name, column in explicit.items():
        if name not in FIELDS and not is_metric(name):
            raise MapError(
                name, f"没有字段 {name[:60]!r};可用 (unknown field; known): {', '.join(FIELDS)}"
            )
        if column is not None and column not in columns:
            raise MapError(
                name,
                f"没有列 {column[:60]!r};表头有 (no such column; there are): {_listed(columns)}",
            )


def is_metric(name: str) -> bool:
    """Whether a field is a count of any name: ``metrics.coins``."""
    group, _, rest = name.partition(".")
    return group == "metrics" and rest.isidentifier() and len(rest) <= 40


def _missing(what: str, english: str, columns: Sequence[str]) -> str:
    return f"认不出{what},请在映射里指明 (map {english}); 表头 columns: {_listed(columns)}"


def _listed(columns: Sequence[str]) -> str:
    return ", ".join(column[:40] for column in columns[:40])


def _guessed(columns: Sequence[str], closed: Iterable[str]) -> dict[str, str]:
    """Give each field its best header; a header goes to one field only.

    评论 is the number of comments beside a text, and the text itself where there is no other.
    """
    free = {_plain(column): column for column in reversed(columns)}
    found: dict[str, str] = {}
    for name, aliases in ALIASES.items():
        if name in closed:
            continue
        weak = ("评论", "评价") if name == "text" and _has_any("title", free) else ()
        chosen = next((one for one in aliases.split() if one in free and one not in weak), None)
        if chosen is not None:
            found[name] = free.pop(chosen)
    return found


def _has_any(name: str, free: Mapping[str, str]) -> bool:
    return any(alias in free for alias in ALIASES[name].split())


def _plain(column: str) -> str:
    """Return a header as the aliases are written: 发布时间(北京) and 【粉丝数】 are known too."""
    head = column.replace("\uff08", "(").partition("(")[0]
    return _ORNAMENT.sub("", head).strip().lower().replace(" ", "_")


def map_row(row: SheetRow, mapping: ColumnMap, context: Context) -> BatchRow | Unfit:
    """Return a row of ``POST /posts/batch``, or why there is none.

    A JSON object that is such a row already is taken as it is, unless a mapping was told.
    """
    if row.trouble is not None:
        return Unfit(line=row.line, column="", reason=row.trouble)
    if mapping.is_all_guessed and row.is_object and row.cells.keys() <= POST_KEYS:
        return dict(row.cells) | mapping.constants.values()
    cells = {name: cell_at(row.cells, column) for name, column in mapping.columns.items()}
    try:
        return build_row(cells, mapping.constants, context)
    except CellError as error:
        return Unfit(
            line=row.line, column=mapping.columns.get(error.field, ""), reason=error.reason
        )


def build_row(cells: Mapping[str, Cell], constants: Constants, context: Context) -> BatchRow:
    """Return the row that these cells make, by field; empty ones are left out.

    Raises:
        CellError: a cell cannot be read as its field.
    """
    row: BatchRow = {}
    for name, cell in cells.items():
        if is_blank(cell) or (value := read_cell(name, cell, context)) is None:
            continue
        group, _, inner = name.partition(".")
        if inner:
            within = row.setdefault(group, {})
            assert isinstance(within, dict)  # noqa: S101  # made by the line before
            within[inner] = value
        else:
            row[group] = value
    return row | constants.values()
