"""The input of the benches: Chinese posts, the feeds that carry them, keywords and rules.

All of it is made from a fixed seed, so every side, round and day reads the same bytes.
"""

from __future__ import annotations

import gzip
import json
import random
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from functools import cache
from html import escape
from itertools import cycle, islice
from pathlib import Path

SHARED = Path(__file__).parents[2].parent / "shared/data/sentiment/online_shopping_9.jsonl.gz"
SHORTEST, LONGEST = 50, 250
START = datetime(2026, 3, 10, 5, 0, tzinfo=UTC)
TICK = timedelta(hours=1)
TICKS = 10
REPEATED = 5
LISTS = 50
KEYWORDS = 1_000
RULES = 250
SAMPLE = 6_000
_HAN_WORD = re.compile(r"[\u4e00-\u9fff]{2,4}")
_CLAUSE_END = re.compile(r"[,。!?;、\s,.!?;:]")

_SUBJECTS = [
    "这款手机",
    "新买的耳机",
    "客服人员",
    "物流配送",
    "昨天收到的快递",
    "这家店的服务",
    "充电宝",
    "屏幕",
    "电池续航",
    "售后",
]
_VERBS = [
    "用了两天就坏了",
    "感觉非常不错",
    "完全没有宣传的效果",
    "比想象中要好",
    "一直没有人回复",
    "发货很快包装也好",
    "边充边烫手",
    "性价比很高",
]
_ENDS = [
    "希望厂家尽快处理",
    "以后还会再来",
    "真的太失望了",
    "推荐给大家",
    "请问怎么退货",
    "先观察几天再说",
    "已经申请退款",
    "家里人都说好",
]


@dataclass(frozen=True, slots=True)
class Rule:
    """``first AND (second OR third) NOT without``."""

    first: str
    second: str
    third: str
    without: str

    @property
    def expression(self) -> str:
        """The rule in the query language."""
        return f"{self.first} AND ({self.second} OR {self.third}) NOT {self.without}"


@dataclass(frozen=True, slots=True)
class Watched:
    """One keyword list: its keywords and its boolean rules."""

    name: str
    keywords: tuple[str, ...]
    rules: tuple[Rule, ...]


@dataclass(frozen=True, slots=True)
class Item:
    """One entry of a feed."""

    link: str
    title: str
    text: str
    published: datetime


@dataclass(frozen=True, slots=True)
class Feeds:
    """``bodies[s][t]``: what source ``s`` answers at tick ``t``; ``posts`` counts distinct entries.

    Each answer repeats the last entries of the one before, as feeds do. Taking the first sources
    gives a smaller input of the same make.
    """

    bodies: tuple[tuple[bytes, ...], ...]
    per_poll: int

    @property
    def posts(self) -> int:
        """Distinct entries in all bodies."""
        return len(self.bodies) * TICKS * self.per_poll

    def first(self, sources: int) -> Feeds:
        """Return the feeds of the first sources alone."""
        return Feeds(self.bodies[:sources], self.per_poll)

    def urls(self) -> list[str]:
        """Return the address of each source."""
        return [f"http://feeds.example/{number}.xml" for number in range(len(self.bodies))]


@cache
def texts() -> tuple[str, ...]:
    """Return distinct Chinese texts of 50 to 250 characters: real reviews, else made-up ones."""
    found = _recorded() if SHARED.exists() else dict.fromkeys(_invented(15_000))
    chosen = list(found)
    random.Random(7).shuffle(chosen)
    return tuple(chosen)


def origin() -> str:
    """Return in a few words where the texts come from."""
    return "recorded shop reviews" if SHARED.exists() else "made-up reviews (no ../shared/data)"


def _recorded() -> dict[str, None]:
    with gzip.open(SHARED, "rt", encoding="utf-8") as file:
        rows = (json.loads(line)["text"] for line in file)
        return dict.fromkeys(text for text in rows if SHORTEST <= len(text) <= LONGEST)


def _invented(count: int) -> Iterator[str]:
    chance = random.Random(11)
    for _ in range(count):
        clauses = [
            f"{chance.choice(_SUBJECTS)}{chance.choice(_VERBS)},{chance.choice(_ENDS)}"
            for _ in range(chance.randint(4, 8))
        ]
        yield f"{'。'.join(clauses)}。订单{chance.randint(10_000, 99_999)}。"[:LONGEST]


@cache
def watched() -> tuple[Watched, ...]:
    """Return 50 lists with 1,000 keywords and 250 boolean rules in all.

    Half of the keywords are words that a few of the texts hold, half never occur, as on real
    lists. A rule is made for one of the texts, so it matches that one and what is like it:
    ``seldom AND (common OR common) NOT common``. Together they make about one mention for each post.
    """
    seldom, common = _words(0.0002, 0.002), _words(0.005, 0.04)
    chance = random.Random(13)
    absent = iter(_absent(seldom, KEYWORDS // 2))
    present = iter(chance.sample(seldom, KEYWORDS // 2))
    rules = _rules(_words(0.002, 0.008), common, chance)
    each = KEYWORDS // LISTS // 2
    return tuple(
        Watched(
            name=f"词表{number:02d}",
            keywords=(*islice(present, each), *islice(absent, each)),
            rules=tuple(islice(rules, RULES // LISTS)),
        )
        for number in range(LISTS)
    )


@cache
def _shares() -> dict[str, float]:
    """Return words of the texts, and which share of the texts holds each."""
    sample = texts()[:SAMPLE]
    found: Counter[str] = Counter()
    for text in sample:
        found.update(_grams(text))
    return {word: count / len(sample) for word, count in found.items()}


def _grams(text: str) -> set[str]:
    return {gram for run in _HAN_WORD.findall(text) for gram in (run[:2], run)}


def _words(least: float, most: float) -> list[str]:
    """Return the words that from ``least`` to ``most`` of the texts hold."""
    return sorted(word for word, share in _shares().items() if least <= share <= most)


def _rules(firsts: Sequence[str], common: Sequence[str], chance: random.Random) -> Iterator[Rule]:
    """Yield rules, each of which matches at least one text."""
    for text in cycle(texts()[:SAMPLE]):
        first = [word for word in firsts if word in text]
        second = [word for word in common if word in text]
        if first and second:
            third, without = chance.sample(common, 2)
            if without not in text:
                yield Rule(chance.choice(first), chance.choice(second), third, without)


def _absent(words: Sequence[str], count: int) -> Iterator[str]:
    chance = random.Random(17)
    everything = "\n".join(texts())
    made: set[str] = set()
    while len(made) < count:
        word = (chance.choice(words) + chance.choice(words))[:4]
        if word not in everything and word not in made:
            made.add(word)
            yield word


def feeds(sources: int, per_poll: int) -> Feeds:
    """Return what ``sources`` sources answer on ten polls, ``per_poll`` new entries each time."""
    supply = cycle(texts())
    made = []
    for number in range(sources):
        items = [
            _item(number, place, per_poll, text)
            for place, text in enumerate(islice(supply, TICKS * per_poll))
        ]
        starts = range(0, len(items), per_poll)
        made.append(
            tuple(_rss(number, items[max(0, at - REPEATED) : at + per_poll]) for at in starts)
        )
    return Feeds(tuple(made), per_poll)


def feed_of(source: int, entries: int) -> bytes:
    """Return a feed with so many entries; one with more has the same, and newer ones."""
    begin = source * TICKS % len(texts())
    supply = islice(cycle(texts()), begin, begin + entries)
    return _rss(source, [_item(source, place, entries, text) for place, text in enumerate(supply)])


def _item(source: int, place: int, per_poll: int, text: str) -> Item:
    tick, within = divmod(place, per_poll)
    cut = _CLAUSE_END.search(text, 8, 30)
    at = cut.end() if cut else 15
    return Item(
        link=f"http://feeds.example/{source}/{place}.html",
        title=text[:at].strip(),
        text=text[at:].strip(),
        published=START + TICK * tick - TICK * (per_poll - within) / per_poll,
    )


def _rss(source: int, items: Sequence[Item]) -> bytes:
    entries = "".join(
        f"<item><title>{escape(item.title)}</title><link>{item.link}</link>"
        f'<guid isPermaLink="true">{item.link}</guid>'
        f"<pubDate>{format_datetime(item.published)}</pubDate>"
        f"<description>{escape(item.text)}</description></item>\n"
        for item in reversed(items)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n<rss version="2.0"><channel>'
        f"<title>频道 {source}</title><link>http://feeds.example/{source}</link>"
        f"<description>测试</description><language>zh-cn</language>\n{entries}</channel></rss>"
    ).encode()
