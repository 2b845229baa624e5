"""What every recipe fills: the targets of a post, and how a field's value is to be read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from collectors.recipes.transforms import Transforms

TARGETS = frozenset((
    "id", "text", "title", "url", "html", "kind", "rating", "created_at", "edited_at", "lang",
    "author.name", "author.handle", "author.url", "author.followers", "parent_id", "root_id",
    "repost_of", "product", "location", "tags",
))  # fmt: skip
MOST_FIELDS = 60
_METRIC = re.compile(r"metrics\.[a-z][a-z0-9_]{0,29}")
_DIRECTIVE = re.compile("%(.?)", re.DOTALL)
_DIRECTIVES = frozenset("YymdHIMSfzZpbBaAjUW%")
_FORMATS = frozenset({"auto", "unix", "unix_ms", "relative_zh"})


def known_date_format(text: str) -> str:
    """Return ``text`` if it is auto, unix, unix_ms, relative_zh or a strptime pattern."""
    if text in _FORMATS:
        return text
    directives = _DIRECTIVE.findall(text)
    wrong = next((one for one in directives if one not in _DIRECTIVES), None)
    if not directives or wrong is not None:
        named = f"%{wrong}" if wrong is not None else repr(text)
        raise ValueError(
            f"{named} 不是日期格式: auto、unix、unix_ms、relative_zh 或 %Y-%m-%d %H:%M (no date format)"
        )
    return text


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} 不是 IANA 时区,例如 Asia/Shanghai (no IANA time zone)")
    return name


class FieldSpec(BaseModel):
    """How a field's value is read, whatever it was found with."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    transform: Transforms = Field(default=(), description="Steps, in order.")
    format: Annotated[str, Field(max_length=60), AfterValidator(known_date_format)] = Field(
        default="auto",
        description="Of dates: auto, unix, unix_ms, relative_zh or a strptime pattern.",
    )
    tz: Annotated[str, Field(max_length=60), AfterValidator(_known_zone)] | None = Field(
        default=None, description="Of dates without a zone; the source's own if absent."
    )
    default: str | int | float | None = Field(
        default=None, description="Stands in where nothing is found."
    )
    value: bool | str | int | float | None = Field(default=None, description="A constant.")
    best: float = Field(default=5.0, description="Of ratings: the best value of the scale.")
    worst: float = Field(default=1.0, description="Of ratings: the worst value of the scale.")

    @property
    def zone(self) -> ZoneInfo | None:
        """The zone of dates without one, None for the source's."""
        return ZoneInfo(self.tz) if self.tz else None


def check_targets(names: Iterable[str]) -> None:
    """Check that ``names`` are targets and that together they can make a post.

    Raises:
        ValueError: the text names the target and the known ones.
    """
    names = list(names)
    if len(names) > MOST_FIELDS:
        raise ValueError(f"最多 {MOST_FIELDS} 个字段 (too many fields)")
    for name in names:
        if name not in TARGETS and not _METRIC.fullmatch(name):
            known = ", ".join(sorted(TARGETS))
            raise ValueError(f"未知字段 {name!r}；可用: {known}, metrics.* (no such target)")
    if not {"text", "title", "rating"}.intersection(names):
        raise ValueError("至少要映射 text、title 或 rating (map text, title or rating)")
