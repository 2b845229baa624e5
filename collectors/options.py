"""Settings that sources of every kind share; each collector adds its own by subclassing `Options`."""

from __future__ import annotations

from enum import StrEnum
from functools import lru_cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


class FullText(StrEnum):
    """When the page behind a post is fetched for its whole text."""

    NEVER = "never"
    WHEN_SHORT = "when_short"
    ALWAYS = "always"


class Pace(StrEnum):
    """``fixed`` visits every ``interval_seconds``; ``adaptive`` follows the source's own rhythm."""

    FIXED = "fixed"
    ADAPTIVE = "adaptive"


@lru_cache(maxsize=1)
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def _known_zone(name: str) -> str:
    if name not in _zones():
        raise ValueError(f"{name!r} 不是 IANA 时区,例如 Asia/Shanghai (no IANA time zone)")
    return name


def _readable_selector(text: str) -> str:
    from collectors.article_tree import compiled
    from collectors.model import CollectError

    try:
        compiled(text)
    except CollectError as error:
        raise ValueError(str(error)) from None
    return text


def _page_address(text: str) -> str:
    from collectors.identity import absolute_url

    found = absolute_url(text, base="")
    if found is None or not found.isprintable():
        raise ValueError("须以 http:// 或 https:// 开头 (must be an http or https address)")
    return found


Selector = Annotated[str, Field(min_length=1, max_length=500), AfterValidator(_readable_selector)]


class PageSelectors(BaseModel):
    """Where the parts of this site's pages are (CSS, or XPath that begins with ``/``); overrides all rules."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: Selector | None = None
    title: Selector | None = None
    author: Selector | None = None
    published: Selector | None = None
    remove: tuple[Selector, ...] = Field(default=(), max_length=20)


class Options(BaseModel):
    """What can be set for a source of any kind. Unknown names are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timezone: Annotated[str, Field(max_length=60), AfterValidator(_known_zone)] = Field(
        default="Asia/Shanghai", description="What dates without a zone mean (IANA)."
    )
    full_text: FullText = Field(
        default=FullText.NEVER,
        description="Fetch the page behind a post for its whole text: never, when_short, always.",
    )
    selectors: PageSelectors | None = Field(
        default=None, description="Where the text, title, author and time of a page are."
    )
    pace: Pace = Field(
        default=Pace.FIXED, description="fixed interval, or adaptive to the source's own rhythm."
    )

    folder: str = Field(
        default="",
        max_length=300,
        pattern=r"^[^\x00-\x1f\x7f]*$",
        description="The folder it is listed in, its parts joined by slashes (OPML).",
    )
    homepage: Annotated[str, Field(max_length=2_000), AfterValidator(_page_address)] | None = Field(
        default=None, description="The site behind it (OPML htmlUrl)."
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone of dates without one."""
        return ZoneInfo(self.timezone)
