"""Twenty invented sites with rhythms of their own, which can fall silent, shut us out or change their layout."""

from __future__ import annotations

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from enum import Enum, auto
from functools import partial
from random import Random
from typing import Any
from xml.sax.saxutils import escape
from zoneinfo import ZoneInfo

from monitor.http.client import Reply
from tests.scenarios import texts

BRAND = "云雀汽车"
ZONE = ZoneInfo("Asia/Shanghai")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SHOWN, SHOWN_AFTER_TROUBLE = 20, 60
"""Entries a page holds: more than are published between two visits, or during an outage."""
_TURN = 10
"""Of so many entries in a row one is a complaint about the brand and two are other mentions of it."""
CAPTCHA = "<html><head><title>安全验证</title></head><body>请完成验证后继续访问</body></html>"
_CHATTER = ("周末郊游路线第{0}期", "小区停车位租金讨论第{0}楼", "本地天气与交通播报第{0}条")


class Mode(Enum):
    """How a site behaves."""

    SPEAKS = auto()
    FROZEN = auto()
    CAPTCHA_200 = auto()
    CAPTCHA_403 = auto()
    REDESIGNED = auto()


class Rhythm(Enum):
    """When a site publishes: by the clock give or take an eighth, at random, by the clock from 8 to 22."""

    REGULAR = auto()
    RANDOM = auto()
    BY_DAY = auto()


@dataclass(frozen=True, slots=True)
class Character:
    """What kind of source a site is, how often it publishes and how often it is visited."""

    name: str
    kind: str
    every: timedelta
    interval: timedelta
    rhythm: Rhythm = Rhythm.REGULAR
    trouble: Mode = Mode.SPEAKS
    is_dated: bool = True
    has_validators: bool = True
    complains: bool = False


CHARACTERS = (
    Character("快讯", "feed", 10 * MINUTE, 20 * MINUTE),
    Character("车友快报", "feed", 20 * MINUTE, 10 * MINUTE, trouble=Mode.FROZEN, complains=True),
    Character("街谈", "feed", 30 * MINUTE, HOUR, Rhythm.RANDOM),
    Character("北岭晚报", "feed", HOUR, 30 * MINUTE, trouble=Mode.FROZEN),
    Character("闲话", "feed", HOUR, HOUR, Rhythm.RANDOM),
    Character("周边", "feed", 2 * HOUR, HOUR),
    Character("月台", "feed", 3 * HOUR, HOUR),
    Character("办事大厅", "feed", HOUR, HOUR, Rhythm.BY_DAY),
    Character(
        "老论坛", "feed", HOUR, 30 * MINUTE, trouble=Mode.FROZEN, is_dated=False, complains=True
    ),
    Character("拾遗", "feed", 90 * MINUTE, HOUR, Rhythm.RANDOM, has_validators=False),
    Character("午后", "feed", 45 * MINUTE, HOUR, has_validators=False),
    Character("车主之家", "html_list", HOUR, HOUR),
    Character("公告栏", "html_list", 2 * HOUR, HOUR),
    Character("投诉台", "html_list", HOUR, 30 * MINUTE, trouble=Mode.REDESIGNED, complains=True),
    Character("问答", "json_api", 30 * MINUTE, HOUR),
    Character("热榜", "json_api", 2 * HOUR, HOUR, Rhythm.RANDOM),
    Character("门户", "feed", HOUR, 30 * MINUTE, trouble=Mode.CAPTCHA_200),
    Character("社区", "feed", HOUR, HOUR, trouble=Mode.CAPTCHA_403),
    Character("慢谈", "feed", 3 * HOUR, HOUR, Rhythm.RANDOM),
    Character("随笔", "feed", 2 * HOUR, HOUR, Rhythm.RANDOM),
)

_LAYOUT = {
    "fields": {
        "id": {"attr": "data-id"},
        "text": "p",
        "created_at": {"css": "time", "attr": "datetime"},
    }
}
OLD_LAYOUT, NEW_LAYOUT = {"item": "li.topic", **_LAYOUT}, {"item": "div.card", **_LAYOUT}
_OPTIONS: dict[str, dict[str, Any]] = {
    "feed": {},
    "html_list": OLD_LAYOUT,
    "json_api": {
        "items": "data.items",
        "map": {"id": "id", "text": "text", "created_at": "time"},
    },
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One publication."""

    number: int
    at: datetime
    text: str


@dataclass(slots=True)
class Site:
    """One site: what it has published by now, as its kind of source shows it."""

    character: Character
    entries: list[Entry]
    mode: Mode = Mode.SPEAKS
    frozen_at: datetime | None = None
    source_id: int = 0
    _times: list[datetime] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._times = [entry.at for entry in self.entries]

    @property
    def name(self) -> str:
        return self.character.name

    @property
    def host(self) -> str:
        return f"s{CHARACTERS.index(self.character):02d}.example"

    @property
    def body(self) -> dict[str, Any]:
        """The body of ``POST /sources``."""
        return {
            "name": self.name,
            "kind": self.character.kind,
            "url": f"http://{self.host}/new",
            "interval_seconds": round(self.character.interval.total_seconds()),
            "options": {"timezone": "Asia/Shanghai", **_OPTIONS[self.character.kind]},
        }

    def published(self, now: datetime) -> list[Entry]:
        """Return everything published by now, the oldest first."""
        return self.entries[: bisect_right(self._times, now)]

    def add(self, entries: list[Entry]) -> None:
        """Let the site publish more than its rhythm says."""
        self.entries = sorted([*self.entries, *entries], key=lambda entry: entry.at)
        self._times = [entry.at for entry in self.entries]

    def answer(self, headers: Mapping[str, str], now: datetime) -> Reply:
        """Return what a visitor gets."""
        if self.mode is Mode.CAPTCHA_200:
            return self._reply(200, "text/html", CAPTCHA)
        if self.mode is Mode.CAPTCHA_403:
            return self._reply(403, "text/html", CAPTCHA)
        shown = self.published(min(now, self.frozen_at or now))[-self._most_shown :][::-1]
        tag = f'"{shown[0].number}"' if shown else '"0"'
        if self.character.has_validators and headers.get("If-None-Match") == tag:
            return self._reply(304, "text/plain", "", ETag=tag)
        media, page = _PAGES[self.character.kind]
        return self._reply(200, media, page(self, shown), ETag=tag)

    @property
    def _most_shown(self) -> int:
        return SHOWN if self.character.trouble is Mode.SPEAKS else SHOWN_AFTER_TROUBLE

    def _reply(self, status: int, media: str, text: str, **more: str) -> Reply:
        headers = {"content-type": f"{media}; charset=utf-8"}
        if self.character.has_validators:
            headers |= {name.lower(): value for name, value in more.items()}
        body = text.encode()
        return Reply(status=status, headers=headers, body=body, url=f"http://{self.host}/new")


def _feed(site: Site, shown: list[Entry]) -> str:
    items = "".join(
        f"<item><guid isPermaLink='false'>{entry.number}</guid><title>{escape(entry.text)}</title>"
        f"<description>{escape(entry.text)}</description>{_date(site, entry)}</item>"
        for entry in shown
    )
    return f"<rss version='2.0'><channel><title>{site.name}</title>{items}</channel></rss>"


def _date(site: Site, entry: Entry) -> str:
    return f"<pubDate>{format_datetime(entry.at)}</pubDate>" if site.character.is_dated else ""


def _list(site: Site, shown: list[Entry]) -> str:
    tag, name = ("div", "card") if site.mode is Mode.REDESIGNED else ("li", "topic")
    items = "".join(
        f"<{tag} class={name} data-id={entry.number}><p>{escape(entry.text)}</p>"
        f"<time datetime='{entry.at.astimezone(ZONE):%Y-%m-%d %H:%M:%S}'>发表</time></{tag}>"
        for entry in shown
    )
    return f"<html><body><h1>{site.name}</h1>{items}</body></html>"


def _json(site: Site, shown: list[Entry]) -> str:
    items = [
        {"id": entry.number, "text": entry.text, "time": entry.at.timestamp()} for entry in shown
    ]
    return json.dumps({"data": {"items": items}}, ensure_ascii=False)


_PAGES = {
    "feed": ("application/rss+xml", _feed),
    "html_list": ("text/html", _list),
    "json_api": ("application/json", _json),
}


def sites_between(start: datetime, end: datetime, seed: str) -> list[Site]:
    """Return the twenty sites with all that they publish in [start, end); the same for the same seed."""
    return [_site(one, start, end, Random(f"{seed}/{one.name}")) for one in CHARACTERS]


def _site(character: Character, start: datetime, end: datetime, random: Random) -> Site:
    wait = partial(_wait, character, random)
    entries, at = [], start + random.random() * character.every
    while at < end:
        is_awake = character.rhythm is not Rhythm.BY_DAY or 8 <= at.astimezone(ZONE).hour < 22
        if is_awake:
            number = len(entries) + 1
            entries.append(
                Entry(number, at, f"{character.name}:{_text(number, character, random)}")
            )
        at += wait()
    return Site(character, entries)


def _wait(character: Character, random: Random) -> timedelta:
    if character.rhythm is Rhythm.RANDOM:
        return character.every * random.expovariate(1)
    return character.every * random.uniform(7 / 8, 9 / 8)


def _text(number: int, character: Character, random: Random) -> str:
    place = (number + CHARACTERS.index(character)) % _TURN
    if place == 0 or (character.complains and place % 2 == 0):
        return texts.negative(BRAND, random)
    if place in (3, 7):
        return texts.neutral(BRAND, random)
    return random.choice(_CHATTER).format(number)
