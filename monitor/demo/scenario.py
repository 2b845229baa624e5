"""The bundled invented crisis: fifteen days of posts about three coffee and tea brands.

Everything in it is made up: brands, city, people, media, accounts, figures. Fourteen days are
normal life; on the last one a back kitchen's expired milk is filmed at 13:08. The rows were
written by ``compose_scenario`` from the phrases beside them.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import cached_property
from importlib import resources
from typing import TypedDict
from zoneinfo import ZoneInfo

from collectors.model import PostKind, SourceKind

ZONE = ZoneInfo("Asia/Shanghai")
DAYS = 15
BAD_DAY = 14
FIRST_WEEKDAY = 3  # Thursday: places the weekends when the run chooses a day 0
DAY = timedelta(days=1)


class Format(StrEnum):
    """How a source of the demo publishes: three kinds of feeds, a page, an interface, files."""

    RSS = "rss"
    ATOM = "atom"
    JSON = "json"
    REVIEWS = "reviews"
    API = "api"
    FILES = "files"


_KINDS = {Format.REVIEWS: "review_page", Format.API: "json_api", Format.FILES: SourceKind.PUSH}
_PAGES = {Format.REVIEWS: "/reviews/", Format.API: "/api/"}


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoSource:
    """An invented site. ``zoned`` False writes dates without a zone, as many Chinese feeds do."""

    slug: str
    name: str
    format: Format
    encoding: str = "utf-8"
    zoned: bool = True

    @property
    def kind(self) -> str:
        """The kind of the source that reads it."""
        return str(_KINDS.get(self.format, SourceKind.FEED))

    @property
    def path(self) -> str:
        """Where the demo's server publishes it, "" for one that gives nothing but files."""
        if self.format is Format.FILES:
            return ""
        if self.format in _PAGES:
            return f"{_PAGES[self.format]}{self.slug}"
        return f"/feeds/{self.slug}.{self.format.value}"


SOURCES = (
    DemoSource(slug="weixun", name="微讯", format=Format.JSON),
    DemoSource(slug="shanpai", name="闪拍短视频", format=Format.API),
    DemoSource(slug="tuxu", name="图叙社区", format=Format.RSS),
    DemoSource(slug="lanxun", name="澜讯新闻", format=Format.RSS, encoding="gb18030", zoned=False),
    DemoSource(slug="wenyu", name="问隅问答", format=Format.ATOM),
    DemoSource(slug="suda", name="诉达投诉", format=Format.FILES, encoding="gb18030", zoned=False),
    DemoSource(slug="dianji", name="店迹评价", format=Format.REVIEWS),
    DemoSource(slug="qiaoxia", name="桥下论坛", format=Format.ATOM),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoAuthor:
    """Who wrote a post; ``followers`` is None where the site shows none."""

    name: str
    followers: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoPost:
    """A post ``offset`` after local midnight (Asia/Shanghai) of day 0.

    ``brand`` is the subject's name or None for one that must not become a brand's mention.
    ``label`` is the true sentiment (negative, neutral, positive): for evaluation, never published;
    the stars of a review follow it loosely, as a customer's do (`monitor.demo.review_site`).
    """

    offset: timedelta
    source: str
    external_id: str
    kind: PostKind
    url: str
    title: str | None
    text: str
    author: DemoAuthor
    brand: str | None
    label: str
    lang: str

    @property
    def day(self) -> int:
        """Day of the scenario, 0…14."""
        return self.offset // DAY


class KeywordListBody(TypedDict):
    """A keyword list in the shape that ``POST /keyword-lists`` takes; null thresholds: defaults."""

    name: str
    kind: str
    aliases: list[str]
    keywords: list[str]
    exclude: list[str]
    thresholds: dict[str, dict[str, float]] | None


CRISIS_BRAND = "栗屿咖啡"
KEYWORD_LISTS: tuple[KeywordListBody, ...] = (
    {
        "name": CRISIS_BRAND,
        "kind": "brand",
        "aliases": ["栗屿咖啡", "栗屿", "Liyu Coffee"],
        "keywords": ["星湾路店 AND 后厨"],
        "exclude": ["招聘", "栗屿岛"],
        # A brand of this size hears 15 complaints a day: more of them an hour is what each tier means.
        "thresholds": {"yellow": {"volume": 8}, "orange": {"volume": 45}, "red": {"volume": 170}},
    },
    {
        "name": "朔桁咖啡",
        "kind": "brand",
        "aliases": ["朔桁咖啡", "朔桁", "Shuoheng"],
        "keywords": [],
        "exclude": ["招聘"],
        "thresholds": None,
    },
    {
        "name": "汀白茶饮",
        "kind": "brand",
        "aliases": ["汀白茶饮", "汀白", "Tingbai"],
        "keywords": [],
        "exclude": ["招聘"],
        "thresholds": None,
    },
    {
        "name": "食品安全风险",
        "kind": "risk",
        "aliases": [],
        "keywords": [
            "(过期 OR 变质 OR 发酸) NEAR/8 (奶 OR 奶制品 OR 牛奶)",
            "(拉肚子 OR 腹泻 OR 呕吐 OR 上吐下泻) AND (咖啡 OR 拿铁 OR 栗屿)",
            "后厨 AND (发霉 OR 蟑螂 OR 恶心)",
            "立案调查 OR 停业整顿 OR 封存",
            "(退卡 OR 退款) NEAR/10 (拒绝 OR 被拒)",
        ],
        "exclude": ["招聘"],
        "thresholds": {"yellow": {"volume": 8}, "orange": {"volume": 30}, "red": {"volume": 125}},
    },
)


@dataclass(frozen=True)
class Scenario:
    """The sources, their posts sorted by offset, and keyword lists ready to be created."""

    sources: tuple[DemoSource, ...]
    posts: tuple[DemoPost, ...]
    keyword_lists: tuple[KeywordListBody, ...] = KEYWORD_LISTS

    @property
    def brands(self) -> tuple[KeywordListBody, ...]:
        """The keyword lists of kind brand, the one in crisis first."""
        return tuple(one for one in self.keyword_lists if one["kind"] == "brand")

    @cached_property
    def first_post_of_crisis(self) -> DemoPost:
        """The first post of the bad day that the crisis brand is truly hurt by (13:08)."""
        noon = BAD_DAY * DAY + timedelta(hours=13, minutes=8)
        return next(
            post
            for post in self.posts
            if post.offset >= noon and post.brand == CRISIS_BRAND and post.label == "negative"
        )

    def of_source(self, slug: str) -> tuple[DemoPost, ...]:
        """The posts of one source, oldest first."""
        return tuple(post for post in self.posts if post.source == slug)


def local_midnight(moment: datetime) -> datetime:
    """Return the start of ``moment``'s day in Asia/Shanghai, a valid ``day0``."""
    return moment.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)


def load() -> Scenario:
    """Return the bundled scenario, decoded anew (about 50 ms)."""
    packed = resources.files("monitor.demo").joinpath("data/scenario.jsonl.gz").read_bytes()
    lines = gzip.decompress(packed).decode("utf-8").splitlines()
    return Scenario(sources=SOURCES, posts=tuple(_posts(lines)))


def _posts(lines: Iterable[str]) -> Iterator[DemoPost]:
    for line in lines:
        yield _post(json.loads(line))


def _post(row: Mapping[str, object]) -> DemoPost:
    author = row["author"]
    assert isinstance(author, dict)  # noqa: S101  # our own bundled rows
    return DemoPost(
        offset=timedelta(seconds=int(str(row["offset_s"]))),
        source=str(row["source"]),
        external_id=str(row["external_id"]),
        kind=PostKind(str(row["kind"])),
        url=str(row["url"]),
        title=None if row["title"] is None else str(row["title"]),
        text=str(row["text"]),
        author=DemoAuthor(name=author["name"], followers=author["followers"]),
        brand=None if row["brand"] is None else str(row["brand"]),
        label=str(row["label"]),
        lang=str(row["lang"]),
    )
