"""Which channels can be seen, how, and which not: the page ``/coverage`` and ``docs/coverage.md``.

One catalogue, ``coverage.toml``, is behind both: ``python -m monitor.web.coverage > docs/coverage.md``.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Request
from starlette.responses import Response

from monitor.web.frame import frame_of
from monitor.web.sightings import Reader
from monitor.web.words import CHINESE, LANGUAGES, Words

router = APIRouter(include_in_schema=False)


class Way(StrEnum):
    """How posts of a channel reach us, the most immediate first; ``none`` stands alone."""

    NATIVE = "native"
    PRESET = "preset"
    RSSHUB = "rsshub"
    IMPORT = "import"
    FORM = "form"
    NONE = "none"


# The word of each way, and the sentence that says what it asks of the user.
WAYS: Mapping[Way, tuple[str, str]] = {
    Way.NATIVE: ("way.native", "way.native.means"),
    Way.PRESET: ("way.preset", "way.preset.means"),
    Way.RSSHUB: ("way.rsshub", "way.rsshub.means"),
    Way.IMPORT: ("way.import", "way.import.means"),
    Way.FORM: ("way.form", "way.form.means"),
    Way.NONE: ("way.none", "way.none.means"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    """What can be seen of one channel. Texts by language: zh, en.

    ``kinds`` are collectors, ``presets`` recipes; ``note`` tells what is seen, what is not and why;
    ``how`` tells what to do.
    """

    names: Mapping[str, str]
    group: str
    ways: tuple[Way, ...]
    kinds: tuple[str, ...]
    presets: tuple[str, ...]
    note: Mapping[str, str]
    how: Mapping[str, str]

    @property
    def is_automatic(self) -> bool:
        """Whether anything of it arrives without a hand."""
        return bool({Way.NATIVE, Way.PRESET, Way.RSSHUB}.intersection(self.ways))


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Channels of one sort, under a title by language."""

    key: str
    titles: Mapping[str, str]
    platforms: tuple[Platform, ...]


@cache
def catalogue() -> tuple[Group, ...]:
    """Return all channels, group by group, as the catalogue orders them.

    Raises:
        KeyError, ValueError: the catalogue that ships is not as it should be.
    """
    text = files("monitor.web").joinpath("coverage.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    platforms = [_platform(one) for one in found["platform"]]
    if strays := {one.group for one in platforms} - found["groups"].keys():
        raise ValueError(f"coverage.toml: no such group: {sorted(strays)}")
    return tuple(
        Group(key=key, titles=titles, platforms=tuple(one for one in platforms if one.group == key))
        for key, titles in found["groups"].items()
    )


def _platform(given: Mapping[str, object]) -> Platform:
    row = dict(given)
    names = {"zh": str(row.pop("name")), "en": str(row.pop("name_en"))}
    ways = tuple(map(Way, _texts(row.pop("ways"))))
    kinds, presets = _texts(row.pop("kinds", ())), _texts(row.pop("presets", ()))
    note, how = _by_language(row.pop("note")), _by_language(row.pop("how"))
    group = str(row.pop("group"))
    if row:
        raise ValueError(f"coverage.toml: {names['zh']}: unknown field: {sorted(row)}")
    return Platform(
        names=names, group=group, ways=ways, kinds=kinds, presets=presets, note=note, how=how
    )


def _texts(given: object) -> tuple[str, ...]:
    if not isinstance(given, Sequence):
        raise TypeError(f"coverage.toml: a list is needed, not {given!r}")
    return tuple(map(str, given))


def _by_language(given: object) -> dict[str, str]:
    if not isinstance(given, Mapping) or set(given) != set(LANGUAGES):
        raise ValueError(f"coverage.toml: a text in zh and en is needed, not {given!r}")
    return {str(language): str(text) for language, text in given.items()}


@router.get("/coverage")
def page(request: Request, reader: Reader) -> Response:
    """The catalogue, group by group."""
    frame = frame_of(request)
    words = frame.words(request)
    platforms = [one for group in catalogue() for one in group.platforms]
    return frame.page(
        request,
        "coverage.html",
        words,
        visit=reader,
        groups=catalogue(),
        ways=WAYS,
        all=len(platforms),
        automatic=sum(one.is_automatic for one in platforms),
    )


def markdown() -> str:
    """Return the catalogue as a page of the documentation, Chinese first, then English."""
    lines = [
        "<!-- Made of monitor/web/coverage.toml: python -m monitor.web.coverage > docs/coverage.md -->"
    ]
    for language in LANGUAGES:
        lines += _chapter(language)
    return "\n".join(lines) + "\n"


def _chapter(language: str) -> Iterator[str]:
    words = Words(language)
    yield from ("", f"# {words('coverage')}", "", words("coverage.lead"), "")
    yield from (f"- **{words(word)}**: {words(means)}" for word, means in WAYS.values())
    heads = (
        words("coverage.channel"),
        words("coverage.ways"),
        words("coverage.note"),
        words("coverage.how"),
    )
    for group in catalogue():
        yield from ("", f"## {group.titles[language]}", "")
        yield _line(heads)
        yield _line(["---"] * len(heads))
        for one in group.platforms:
            yield _line(_cells(one, words))


def _cells(one: Platform, words: Words) -> Iterator[str]:
    comma = "、" if words.lang == CHINESE else ", "
    yield one.names[words.lang]
    yield comma.join(words(WAYS[way][0]) for way in one.ways)
    yield one.note[words.lang]
    named = comma.join(f"`{name}`" for name in (*one.kinds, *one.presets))
    yield f"{one.how[words.lang]} {named}".strip()


def _line(cells: Sequence[str] | Iterator[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"


if __name__ == "__main__":
    sys.stdout.write(markdown())
