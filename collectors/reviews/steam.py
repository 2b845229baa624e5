"""Steam user reviews (partner.steamgames.com/doc/store/getreviews): public, without a key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http
from collectors.dates import believable, parse_date
from collectors.model import (
    Author,
    Poll,
    Post,
    PostKind,
    Precision,
    ProductRating,
    Source,
    SourceState,
    Stars,
)
from collectors.options import Options
from collectors.plain import tidy
from collectors.reviews.walk import ReviewPage, walk
from collectors.visit import BLOCKED_WAIT, Trouble, Visit

FIRST = "*"
REFUSED = "Steam 拒绝了请求，请检查 app_id (success = {}, refused)"
MISSING = "Steam 的回答里没有评论列表 (no list of reviews in the answer)"
PER_PAGE = 100
_TEXT_CHARACTERS = 20_000
# An unsigned counter that went below zero: 4294967295.
_UNDERFLOW = 2**31
_BBCODE = re.compile(
    r"\[/?(?:h[1-6]|b|u|i|s|strike|spoiler|noparse|hr|list|olist|quote|code|table|tr|th|td|url|img|p)"
    r"(?:=[^\]\n]{0,500})?\]|\[\*\]",
    re.IGNORECASE,
)
_LANGUAGES = {
    "arabic": "ar", "brazilian": "pt-BR", "bulgarian": "bg", "czech": "cs", "danish": "da",
    "dutch": "nl", "english": "en", "finnish": "fi", "french": "fr", "german": "de", "greek": "el",
    "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "koreana": "ko",
    "latam": "es-419", "norwegian": "no", "polish": "pl", "portuguese": "pt", "romanian": "ro",
    "russian": "ru", "schinese": "zh-CN", "spanish": "es", "swedish": "sv", "tchinese": "zh-TW",
    "thai": "th", "turkish": "tr", "ukrainian": "uk", "vietnamese": "vi",
}  # fmt: skip
_TAGS = ("received_for_free", "written_during_early_access", "refunded")


class SteamFilter(StrEnum):
    """In which order reviews come; ``all`` (by helpfulness) has no newest end to start from."""

    RECENT = "recent"
    UPDATED = "updated"


class SteamOptions(Options):
    """Settings of a game on Steam."""

    app_id: str = Field(
        pattern=r"^\d{1,12}$",
        coerce_numbers_to_str=True,
        description="The number in the shop's address: /app/1234567/.",
    )
    language: str = Field(
        default="all", pattern=r"^[a-z]{2,20}$", description="all, schinese, tchinese, english …"
    )
    filter: SteamFilter = Field(
        default=SteamFilter.RECENT,
        description="recent: by creation; updated: by last change, so that edits are seen.",
    )
    max_pages: int = Field(default=5, ge=2, le=5, description="Pages read in one visit at most.")


@dataclass(slots=True, kw_only=True)
class _Shop:
    """One game's reviews, as seen in one visit."""

    visit: Visit
    http: Http
    options: SteamOptions
    ratings: list[ProductRating] = field(default_factory=list)
    cursors: set[str] = field(default_factory=set)

    async def turn(self, at: str) -> ReviewPage:
        """Return the page at a cursor. A short page is not the end: an empty one is, or a known cursor."""
        self.cursors.add(at)
        value, reply = await self.visit.get_json(self.http, self._url(at))
        success = value.get("success") if isinstance(value, dict) else None
        if success != 1:
            reason = REFUSED.format(str(success)[:20])
            raise Trouble(SourceState.BLOCKED, reason, wait=BLOCKED_WAIT, status=reply.status)
        reviews = value.get("reviews")
        if not isinstance(reviews, list):
            raise Trouble(SourceState.BLOCKED, MISSING, wait=BLOCKED_WAIT, status=reply.status)
        if at == FIRST:
            self.ratings.extend(_totals(value.get("query_summary"), self.options.app_id))
        read = (_review(one, self.visit, self.options.app_id) for one in reviews)
        cursor = value.get("cursor")
        is_end = not reviews or not isinstance(cursor, str) or cursor in self.cursors
        return ReviewPage(
            posts=tuple(post for post in read if post is not None),
            next=None if is_end else cursor,
        )

    def _url(self, at: str) -> str:
        base = (self.visit.source.url or SteamCollector.default_url).rstrip("/")
        query = urlencode(
            {
                "json": 1,
                "filter": self.options.filter.value,
                "language": self.options.language,
                "review_type": "all",
                "purchase_type": "all",
                "num_per_page": PER_PAGE,
                "filter_offtopic_activity": 0,
                "cursor": at,
            }
        )
        return f"{base}/appreviews/{self.options.app_id}?{query}"


class SteamCollector(BaseCollector):
    """Visits the reviews of a game."""

    kind = "steam"
    options = SteamOptions
    default_url = "https://store.steampowered.com"

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the reviews that are new or edited, and the share of positive ones if it changed."""
        visit = Visit(source=source, slot=slot, now=now)
        options = SteamOptions.model_validate(source.options)
        shop = _Shop(visit=visit, http=http, options=options)
        try:
            walked = await walk(
                source.cursor.position, shop.turn, first=FIRST, most_pages=options.max_pages
            )
        except Trouble as trouble:
            return visit.failed(trouble)
        return walked.poll(visit, shop.ratings)


def _review(review: object, visit: Visit, app: str) -> Post | None:
    if not isinstance(review, dict) or not review.get("recommendationid"):
        return None
    stars = _thumb(review.get("voted_up"))
    published, precision = _moment(review.get("timestamp_created"), visit.now)
    edited, _ = _moment(review.get("timestamp_updated"), visit.now)
    author = review.get("author")
    steam_id = str(author.get("steamid") or "")[:40] if isinstance(author, dict) else ""
    profile = f"https://steamcommunity.com/profiles/{steam_id}/"
    text = _BBCODE.sub("", str(review.get("review") or "")[:_TEXT_CHARACTERS])
    return Post(
        source_id=visit.source.id,
        external_id=str(review["recommendationid"])[:500],
        kind=PostKind.REVIEW,
        url=f"{profile}recommended/{app}/" if steam_id.isdecimal() else None,
        text=tidy(text),
        author=Author(handle=steam_id or None, url=profile if steam_id.isdecimal() else None),
        published_at=published,
        precision=precision,
        edited_at=edited if published and edited and edited > published else None,
        lang=_LANGUAGES.get(str(review.get("language"))),
        metrics=_metrics(review),
        rating=stars.normalised if stars else None,
        stars=stars,
        product=app,
        tags=tuple(name for name in _TAGS if review.get(name) is True),
    )


def _thumb(voted_up: object) -> Stars | None:
    """Return a thumb as stars on the scale 0 to 1."""
    return Stars(value=float(voted_up), best=1.0, worst=0.0) if isinstance(voted_up, bool) else None


def _moment(value: object, now: datetime) -> tuple[datetime | None, Precision]:
    return believable(parse_date(str(value or ""), tz=UTC, now=now), now=now)


def _metrics(review: dict[str, Any]) -> dict[str, int]:
    named = (("likes", "votes_up"), ("funny", "votes_funny"), ("replies", "comment_count"))
    counts = {ours: review.get(theirs) for ours, theirs in named}
    return {
        name: count if 0 <= count < _UNDERFLOW else 0
        for name, count in counts.items()
        if isinstance(count, int) and not isinstance(count, bool)
    }


def _totals(summary: object, app: str) -> list[ProductRating]:
    """Return the share of positive reviews, on the scale 0 to 1; nothing while there are none."""
    if not isinstance(summary, dict):
        return []
    positive, total = summary.get("total_positive"), summary.get("total_reviews")
    if not isinstance(positive, int) or not isinstance(total, int) or total <= 0:
        return []
    stars = Stars(value=positive / total, best=1.0, worst=0.0)
    return [
        ProductRating(
            product=app,
            stars=stars,
            count=total,
            url=f"https://store.steampowered.com/app/{app}/",
        )
    ]
