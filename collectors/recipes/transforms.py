"""The steps that make a field's raw value readable; each takes and gives one value."""

from __future__ import annotations

import html
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from collectors.dates import parse_date
from collectors.identity import absolute_url
from collectors.numbers import number_zh, rating_stars
from collectors.plain import plain
from collectors.recipes.patterns import checked_pattern, found

MOST_VALUES = 200
_CHARACTERS = 1_000_000

StepName = Literal[
    "strip",
    "unescape",
    "urljoin",
    "number_zh",
    "date_zh",
    "rating_stars",
    "html_text",
    "regex",
    "count",
]


class Step(BaseModel):
    """One step, written as its name, or ``{"regex": pattern}``: the first group, else the match.

    ``strip`` takes off white space, ``unescape`` resolves ``&amp;``, ``urljoin`` makes a web address
    whole, ``number_zh`` reads 1.2万, ``date_zh`` reads 5分钟前, ``rating_stars`` reads allstar40 or
    width:90%, ``html_text`` makes markup plain, ``count`` says how many matches there are.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: StepName
    pattern: str | None = None

    @model_validator(mode="after")
    def _pattern_where_needed(self) -> Step:
        if (self.name == "regex") != (self.pattern is not None):
            raise ValueError('正则写作 {"regex": "…"}，其他转换只写名字 (a regex needs a pattern)')
        if self.pattern is not None:
            checked_pattern(self.pattern)
        return self


def _written_short(value: object) -> object:
    if isinstance(value, str):
        return {"name": value}
    if isinstance(value, dict) and set(value) == {"regex"}:
        return {"name": "regex", "pattern": value["regex"]}
    return value


Transform = Annotated[
    Step, BeforeValidator(_written_short, json_schema_input_type=StepName | dict[str, str] | Step)
]
Transforms = Annotated[tuple[Transform, ...], Field(max_length=8)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when a value was read: its page's address, the zone of its dates, the visit's time."""

    base_url: str
    tz: tzinfo
    now: datetime


def transformed(value: object, steps: Sequence[Step], place: Place) -> object:
    """Return ``value`` after ``steps``; of a list each element; None where a step cannot read it.

    Raises:
        TooSlow: a pattern of the recipe takes too long.
    """
    for step in steps:
        value = _after(value, step, place)
        if value is None:
            return None
    return value


def _after(value: object, step: Step, place: Place) -> object:
    if step.name == "count":
        return len(value) if isinstance(value, list | dict) else int(value is not None)
    if isinstance(value, list):
        read = [_after(one, step, place) for one in value[:MOST_VALUES]]
        return [one for one in read if one is not None] or None
    if isinstance(value, bool | dict):
        return None
    if isinstance(value, int | float):
        return (
            value if step.name in ("number_zh", "rating_stars") else _text(str(value), step, place)
        )
    return _text(value[:_CHARACTERS], step, place) if isinstance(value, str) else None


def _text(text: str, step: Step, place: Place) -> object:
    if step.pattern is not None:
        return found(step.pattern, text)
    return _STEPS[step.name](text, place)


_STEPS: dict[str, Callable[[str, Place], object]] = {
    "strip": lambda text, _: text.strip() or None,
    "unescape": lambda text, _: html.unescape(text),
    "urljoin": lambda text, place: absolute_url(text, base=place.base_url),
    "number_zh": lambda text, _: number_zh(text),
    "date_zh": lambda text, place: parse_date(text, tz=place.tz, now=place.now),
    "rating_stars": lambda text, _: rating_stars(text),
    "html_text": lambda text, _: plain(text) or None,
}
