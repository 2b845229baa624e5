"""Write the bundled scenario: ``python -m monitor.demo.compose_scenario OUT``.

The same seed gives the same rows on every machine. Texts grow from the phrases in
``data/everyday.toml`` and ``data/crisis.toml``; only genuine reposts repeat each other.
"""

from __future__ import annotations

import gzip
import json
import random
import re
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path
from typing import Any

from monitor.demo.scenario import BAD_DAY, DAYS, FIRST_WEEKDAY

SEED = 20261119
POSTS_PER_DAY = 305
HOUR = 3600
DAY_SECONDS = 24 * HOUR
LONGEST_POST = 140

# Posts per hour of day, relative: people sleep, buy coffee at nine, and write in the evening.
WORKDAY = (3, 2, 1, 1, 1, 2, 6, 14, 22, 24, 19, 18, 24, 20, 18, 19, 18, 18, 20, 22, 24, 22, 16, 8)
WEEKEND = (6, 4, 2, 1, 1, 1, 3, 6, 12, 19, 24, 25, 25, 24, 26, 28, 26, 23, 21, 22, 25, 25, 19, 11)

BRANDS = {"liyu": ("栗屿咖啡", 44), "shuoheng": ("朔桁咖啡", 31), "tingbai": ("汀白茶饮", 25)}
SOURCE_SHARE = {
    "weixun": 27,
    "shanpai": 13,
    "tuxu": 20,
    "lanxun": 5,
    "wenyu": 8,
    "suda": 3,
    "dianji": 15,
    "qiaoxia": 9,
}
EVERYDAY_LABELS = {
    "suda": {"negative": 80, "neutral": 20},
    "lanxun": {"negative": 8, "neutral": 72, "positive": 20},
}
USUAL_LABELS = {"negative": 9, "neutral": 32, "positive": 59}
POOLS = {
    "weixun": ("social",),
    "shanpai": ("video", "social"),
    "tuxu": ("note", "social"),
    "lanxun": ("news",),
    "wenyu": ("qa",),
    "suda": ("complaint",),
    "dianji": ("review",),
    "qiaoxia": ("forum", "social"),
}
KINDS = {"lanxun": "article", "dianji": "review", "suda": "review", "wenyu": "comment"}
TITLE_MARK = " ## "

SOCIAL_SHARE = {"weixun": 55, "shanpai": 22, "tuxu": 23}
# Where each voice of the bad day is heard: voice → (label, source → (share, pools)).
VOICES: dict[str, tuple[str, dict[str, tuple[int, tuple[str, ...]]]]] = {
    "early": ("negative", {s: (n, ("early",)) for s, n in SOCIAL_SHARE.items()}),
    "complaint": (
        "negative",
        {
            "weixun": (30, ("complaint_social",)),
            "shanpai": (17, ("video", "complaint_social")),
            "tuxu": (15, ("note", "complaint_social")),
            "suda": (14, ("complaint",)),
            "dianji": (8, ("review",)),
            "wenyu": (6, ("qa",)),
            "qiaoxia": (10, ("forum",)),
        },
    ),
    "sarcasm": ("negative", {s: (n, ("sarcasm",)) for s, n in SOCIAL_SHARE.items()}),
    "rumour": ("negative", {s: (n, ("rumour",)) for s, n in SOCIAL_SHARE.items()}),
    "after": ("negative", {s: (n, ("after",)) for s, n in SOCIAL_SHARE.items()}),
    "after_statement": (
        "negative",
        {s: (n, ("after_statement",)) for s, n in SOCIAL_SHARE.items()},
    ),
    "repost": ("negative", {"weixun": (1, ("repost",))}),
    "repost_news": ("negative", {"weixun": (1, ("repost_news",))}),
    "bad_news": ("negative", {"lanxun": (1, ("news",))}),
    "dry_news": ("neutral", {"lanxun": (1, ("news",))}),
    "question": (
        "neutral",
        {"weixun": (6, ("question",)), "tuxu": (2, ("question",)), "qiaoxia": (2, ("forum",))},
    ),
    "statement_share": (
        "neutral",
        {s: (n, ("statement_share",)) for s, n in SOCIAL_SHARE.items()},
    ),
    "loyal": ("positive", {"weixun": (5, ("loyal",)), "tuxu": (3, ("loyal",))}),
}


@dataclass(frozen=True)
class Phase:
    """A stretch of the bad day. ``shape`` < 1 crowds its posts toward the end, > 1 to the start."""

    start: str
    end: str
    count: int
    shape: float
    voices: Mapping[str, int]


COURSE = (
    Phase("13:08:50", "13:20:00", 5, 0.8, {"early": 9, "question": 1}),
    Phase(
        "13:20:00", "13:50:00", 28, 0.8, {"early": 4, "complaint": 10, "sarcasm": 1, "question": 2}
    ),
    Phase("13:50:00", "14:00:00", 13, 0.9, {"complaint": 10, "sarcasm": 2, "question": 2}),
    Phase(
        "14:00:50",
        "15:00:00",
        170,
        0.8,
        {"complaint": 50, "sarcasm": 10, "repost": 28, "question": 8, "loyal": 3},
    ),
    Phase(
        "15:00:00",
        "15:31:00",
        100,
        0.8,
        {"complaint": 52, "sarcasm": 9, "repost": 20, "rumour": 7, "question": 7, "loyal": 4},
    ),
    Phase(
        "15:31:20",
        "17:00:00",
        460,
        1.0,
        {
            "complaint": 40,
            "after": 18,
            "sarcasm": 8,
            "repost": 8,
            "repost_news": 16,
            "rumour": 4,
            "bad_news": 3,
            "question": 6,
            "loyal": 4,
        },
    ),
    Phase(
        "17:00:40",
        "20:00:00",
        340,
        1.3,
        {
            "complaint": 22,
            "after": 10,
            "after_statement": 22,
            "sarcasm": 6,
            "repost_news": 5,
            "bad_news": 2,
            "dry_news": 2,
            "question": 8,
            "statement_share": 18,
            "loyal": 9,
        },
    ),
    Phase(
        "20:00:00",
        "23:59:59",
        140,
        1.4,
        {
            "complaint": 18,
            "after_statement": 20,
            "sarcasm": 6,
            "question": 10,
            "dry_news": 2,
            "statement_share": 16,
            "loyal": 14,
        },
    ),
)

_CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
_NUMBER = re.compile(r"\{n:(\d+)-(\d+)\}")
_SLOT = re.compile(r"\{(=?)(\w+)\}")
_TRADITIONAL = re.compile(
    "[係嘅咗嗰啲嬲飲鐵鹽過後廚嘔瀉噁請問這間個樣樂嶼親環邊說來開關隻壞還們點]"
)

Phrases = dict[str, Any]  # a parsed TOML document; its shape is that of the two files beside us


@dataclass
class Composer:
    """Draws rows from the phrases; holds the dice and what was already said."""

    everyday: Phrases
    crisis: Phrases
    rng: random.Random
    said: set[str] = field(default_factory=set)
    numbers: Counter[str] = field(default_factory=Counter)
    people: list[tuple[str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.people = sorted({self._name("head", "tail", "end") for _ in range(1800)})
        self.rng.shuffle(self.people)

    def _name(self, *parts: str) -> tuple[str, int]:
        name = "".join(self.grow("{%s}" % part, [self.everyday["people"]]) for part in parts)  # noqa: UP031  # braces
        return name, int(self.rng.lognormvariate(5.2, 1.3))

    def grow(self, template: str, slots: Sequence[Phrases]) -> str:
        """Return the template with every choice, number and slot settled."""
        text, kept = template, dict[str, str]()
        while True:
            before = text
            text = _CHOICE.sub(lambda hit: self.rng.choice(hit[1].split("|")), text)
            text = _NUMBER.sub(lambda hit: str(self.rng.randint(int(hit[1]), int(hit[2]))), text)
            text = _SLOT.sub(lambda hit: self._fill(hit, slots, kept), text, count=1)
            if text == before:
                return text

    def _fill(self, hit: re.Match[str], slots: Sequence[Phrases], kept: dict[str, str]) -> str:
        keep, slot = hit[1], hit[2]
        if keep and slot in kept:
            return kept[slot]
        phrase: str = self.rng.choice(next(one[slot] for one in slots if slot in one))
        if keep:
            kept[slot] = phrase = self.grow(phrase, slots)
        return phrase

    def fresh(self, templates: Sequence[str], slots: Sequence[Phrases], pool: str) -> Said:
        """Return a text that nobody said yet, of a length that suits its pool."""
        shortest, longest = (80, 400) if pool == "news" else (15, LONGEST_POST)
        for _ in range(200):
            grown = self.grow(self.rng.choice(templates), slots)
            title, _, text = grown.rpartition(TITLE_MARK)
            if text not in self.said and shortest <= len(text) <= longest:
                self.said.add(text)
                return Said(text, title or None)
        raise RuntimeError(f"the phrases of pool {pool!r} are exhausted")

    def pick(self, shares: Mapping[str, int]) -> str:
        """Return one of the keys, drawn by its share."""
        return self.rng.choices(list(shares), weights=list(shares.values()))[0]

    def author(self, source: str, text: str) -> dict[str, object]:
        """Return an invented author that suits the source and the script of the text."""
        people = self.everyday["people"]
        if source == "lanxun":
            outlet = next(
                (one for one in self.everyday["slot"]["media"] if one in text), "澜城晨报"
            )
            return {"name": outlet, "followers": None}
        if source == "suda":
            return {"name": self.grow("{customer}", [people]), "followers": None}
        if _TRADITIONAL.search(text):
            return {"name": self.grow("{trad}", [people]), "followers": self.rng.randint(3, 900)}
        name, followers = self.rng.choice(self.people)
        return {"name": name, "followers": None if source == "dianji" else followers}

    def row(self, offset: int, source: str, brand: str | None, label: str, said: Said) -> Row:
        """Return a row as it is stored; its number counts within the source."""
        self.numbers[source] += 1
        number = f"{source}-{SEED % 10_000 + self.numbers[source]:05d}"
        return {
            "offset_s": offset,
            "source": source,
            "external_id": number,
            "kind": KINDS.get(source, "post"),
            "url": f"https://{source}.example/p/{number}",
            "title": said.title,
            "text": said.text,
            "author": said.author or self.author(source, said.text),
            "brand": brand,
            "label": label,
            "lang": "zh-Hant" if _TRADITIONAL.search(said.text) else "zh-Hans",
        }


@dataclass(frozen=True)
class Said:
    """What a post says: its author is drawn when None."""

    text: str
    title: str | None = None
    author: dict[str, object] | None = None


Row = dict[str, object]
Draft = tuple[int, str, str | None, str, Said]


def everyday_drafts(composer: Composer) -> Iterator[Draft]:
    """Yield the posts of normal life of all fifteen days, unsorted."""
    rng = composer.rng
    for day in range(DAYS):
        weekend = (FIRST_WEEKDAY + day) % 7 >= 5
        hours = WEEKEND if weekend else WORKDAY
        usual = POSTS_PER_DAY * (1.08 if weekend else 1.0)
        for _ in range(round(rng.gauss(usual, 12))):
            hour = rng.choices(range(24), weights=hours)[0]
            yield _everyday_draft(composer, day * DAY_SECONDS + hour * HOUR + rng.randrange(HOUR))


def _everyday_draft(composer: Composer, offset: int) -> Draft:
    phrases, rng = composer.everyday, composer.rng
    source = composer.pick(SOURCE_SHARE)
    if source == "weixun" and rng.random() < 0.12:
        said = composer.fresh(phrases["noise"]["social"], [phrases["slot"]], "noise")
        return offset, source, None, "neutral", said
    key = composer.pick({key: share for key, (_, share) in BRANDS.items()})
    label = composer.pick(EVERYDAY_LABELS.get(source, USUAL_LABELS))
    pool = rng.choice(POOLS[source])
    slots = [phrases["brand"][key], phrases["slot"]]
    said = composer.fresh(phrases[label][pool], slots, pool)
    return offset, source, BRANDS[key][0], label, said


def crisis_drafts(composer: Composer) -> Iterator[Draft]:
    """Yield the bad day's crisis: the fixed beats, and the crowd of each phase."""
    beats = composer.crisis["beat"]
    for beat in beats:
        author = {"name": beat["author"], "followers": beat["followers"] or None}
        said = Said(beat["text"], beat.get("title"), author)
        yield _bad_day(beat["at"]), beat["source"], "栗屿咖啡", beat["label"], said
    quotes = {beat["author"]: beat["text"] for beat in beats if beat["source"] == "weixun"}
    for phase in COURSE:
        start, end = _bad_day(phase.start), _bad_day(phase.end)
        for _ in range(phase.count):
            offset = start + int((end - start) * composer.rng.random() ** phase.shape)
            yield _crisis_draft(composer, offset, composer.pick(phase.voices), quotes)


def _bad_day(clock: str) -> int:
    hours, minutes, seconds = map(int, clock.split(":"))
    return BAD_DAY * DAY_SECONDS + hours * HOUR + minutes * 60 + seconds


def _crisis_draft(composer: Composer, offset: int, voice: str, quotes: Mapping[str, str]) -> Draft:
    label, places = VOICES[voice]
    source = composer.pick({place: share for place, (share, _) in places.items()})
    slots = [composer.crisis["slot"], composer.everyday["slot"]]
    if voice.startswith("repost"):
        original = quotes["@澜城晨报" if voice == "repost_news" else "@食安瞭望台"]
        said = Said(_repost(composer, composer.crisis[label][voice], original))
    else:
        pool = composer.rng.choice(places[source][1])
        said = composer.fresh(composer.crisis[label][pool], slots, pool)
    return offset, source, "栗屿咖啡", label, said


def _repost(composer: Composer, templates: Sequence[str], original: str) -> str:
    # A site cuts what exceeds its limit, so copies of one original end differently.
    template = composer.rng.choice(templates).replace("{quote}", original)
    text = composer.grow(template, [composer.crisis["slot"], composer.everyday["slot"]])
    return text if len(text) <= LONGEST_POST else text[: LONGEST_POST - 1] + "…"


def compose(seed: int = SEED) -> list[Row]:
    """Return all rows of the scenario, sorted by time."""
    data = resources.files("monitor.demo").joinpath("data")
    everyday, crisis = (
        tomllib.loads(data.joinpath(name).read_text("utf-8"))
        for name in ("everyday.toml", "crisis.toml")
    )
    composer = Composer(everyday, crisis, random.Random(seed))  # noqa: S311  # reproducible, no secret
    drafts = [*everyday_drafts(composer), *crisis_drafts(composer)]
    drafts.sort(key=lambda draft: draft[0])
    return [composer.row(*draft) for draft in drafts]


def pack(rows: Sequence[Row]) -> bytes:
    """Return the rows as gzip-compressed JSON lines, without a time stamp of their own."""
    lines = (json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    return gzip.compress("\n".join(lines).encode("utf-8"), mtime=0)


def main(arguments: Sequence[str]) -> int:
    """Write the scenario to the path given; return the exit code."""
    if len(arguments) != 1:
        sys.stderr.write("usage: python -m monitor.demo.compose_scenario OUT\n")
        return 2
    rows = compose()
    packed = pack(rows)
    Path(arguments[0]).write_bytes(packed)
    sys.stderr.write(f"{len(rows)} posts, {len(packed)} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
