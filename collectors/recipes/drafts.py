"""From the values a recipe found to posts: read leniently, cut to size, named."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from collectors.dates import believable, parse_date
from collectors.feed_entry import TEXT_BYTES, TITLE_CHARACTERS
from collectors.identity import Marks, absolute_url, external_ids
from collectors.model import NOBODY, Author, Post, PostKind, Precision, Stars
from collectors.numbers import number_zh
from collectors.plain import plain, tidy
from collectors.recipes.fields import FieldSpec
from collectors.recipes.transforms import Place

_MARKUP_CHARACTERS = 16 * TEXT_BYTES
_NAME_CHARACTERS = 200
_SHORT_CHARACTERS = 100
_MOST_TAGS = 30
_LARGEST = 2**53
_UNIX_YEARS = range(1990, 2200)  # 0 and -1 stand for "unknown" in interfaces
_DECIMAL_COMMA = re.compile(r"\s*\d+,\d{1,2}\s*")
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,8})*")

Values = Mapping[str, object]
Specs = Mapping[str, FieldSpec]


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A post without its name yet; ``given_id`` is the id the recipe found, if any."""

    post: Post
    given_id: str | None

    @property
    def is_textless(self) -> bool:
        """Whether it has neither text nor title."""
        return not self.post.text and not self.post.title


def draft_of(
    values: Values, specs: Specs, *, place: Place, source_id: int, kind: PostKind
) -> Draft | None:
    """Return the post that ``values`` (by target) make, None where it would say nothing.

    A post needs text, title or rating. What cannot be read is left out, never guessed.
    """
    is_html = values.get("html") in (True, "true", 1)
    published, precision = believable(_moment("created_at", values, specs, place), now=place.now)
    edited, _ = believable(_moment("edited_at", values, specs, place), now=place.now)
    stars = _stars(values, specs)
    post = Post(
        source_id=source_id,
        external_id="",
        kind=_kind(values.get("kind"), kind),
        url=absolute_url(_word(values.get("url"), 4_096), base=place.base_url),
        title=_title(values.get("title"), is_html=is_html),
        text=_prose(values.get("text"), is_html=is_html),
        author=_author(values, place),
        published_at=published,
        precision=precision,
        edited_at=edited if published and edited and edited > published else None,
        lang=_language(values.get("lang")),
        metrics=_metrics(values),
        stars=stars,
        rating=stars.normalised if stars else None,
        parent_id=_name(values.get("parent_id")),
        root_id=_name(values.get("root_id")),
        repost_of=_name(values.get("repost_of")),
        product=_word(values.get("product"), _NAME_CHARACTERS),
        location=_word(values.get("location"), _SHORT_CHARACTERS),
        tags=_tags(values.get("tags")),
    )
    if not post.text and not post.title and stars is None:
        return None
    return Draft(post=post, given_id=_name(values.get("id")))


def named(drafts: Sequence[Draft]) -> list[Post]:
    """Return the posts of one page with their ids, each id once.

    The id that was mapped; else the address, unless several share it (a review page's reviews
    do); else a hash of address, title, text and author.
    """
    urls = Counter(draft.post.url for draft in drafts if draft.given_id is None)
    posts: dict[str, Post] = {}
    for draft in drafts:
        post = draft.post
        external_id = draft.given_id
        if external_id is None and post.url and urls[post.url] == 1:
            external_id = _short(post.url)
        if external_id is None:
            who = post.author.handle or post.author.name or ""
            external_id = _short(
                None, "\n".join((post.url or "", post.title or "", who)), post.text
            )
        posts.setdefault(external_id, replace(post, external_id=external_id))
    return list(posts.values())


def number(value: object) -> float | None:
    """Return a finite number: of texts 1.2万, 1,234, "4,5" too; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        text = value[:_SHORT_CHARACTERS]
        value = float(text.replace(",", ".")) if _DECIMAL_COMMA.fullmatch(text) else number_zh(text)
    if isinstance(value, int | float) and math.isfinite(value) and abs(value) < _LARGEST:
        return float(value)
    return None


def _short(guid: str | None, title: str = "", text: str = "") -> str:
    return external_ids([Marks(guid, None, title, text)])[0] or ""


def _name(value: object) -> str | None:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    word = _word(value, 100_000)
    return _short(word) if word else None


def _word(value: object, most: int) -> str | None:
    """Return one line of plain text from a string or a number, None from anything else or nothing."""
    if isinstance(value, list):
        value = next((one for one in value if one not in (None, "")), None)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    text = str(value)[: 16 * most]
    return tidy(text).replace("\n", " ")[:most].strip() or None


def _title(value: object, *, is_html: bool) -> str | None:
    word = _prose(value, is_html=is_html).replace("\n", " ")
    return word[:TITLE_CHARACTERS].strip() or None


def _prose(value: object, *, is_html: bool) -> str:
    parts = value if isinstance(value, list) else [value]
    read = [str(part) for part in parts if isinstance(part, str | int | float) and part is not True]
    markup = "\n".join(read)[:_MARKUP_CHARACTERS]
    text = plain(markup) if is_html else tidy(markup)
    return text.encode("utf-8", "replace")[:TEXT_BYTES].decode("utf-8", "ignore")


def _kind(value: object, default: PostKind) -> PostKind:
    return next((kind for kind in PostKind if kind == value), default)


def _author(values: Values, place: Place) -> Author:
    followers = number(values.get("author.followers"))
    author = Author(
        name=_word(values.get("author.name"), _NAME_CHARACTERS),
        handle=_word(values.get("author.handle"), _NAME_CHARACTERS),
        url=absolute_url(_word(values.get("author.url"), 4_096), base=place.base_url),
        followers=int(followers) if followers is not None and followers >= 0 else None,
    )
    return NOBODY if author == NOBODY else author


def _metrics(values: Values) -> dict[str, int]:
    read = {
        target.partition(".")[2]: number(value)
        for target, value in values.items()
        if target.startswith("metrics.")
    }
    return {name: int(count) for name, count in read.items() if count is not None}


def _stars(values: Values, specs: Specs) -> Stars | None:
    value = number(values.get("rating"))
    if value is None:
        return None
    spec = specs["rating"]
    best = number(values.get("rating.best"))
    return Stars(value=value, best=spec.best if best is None else best, worst=spec.worst)


def _language(value: object) -> str | None:
    word = _word(value, 35)
    return word.replace("_", "-") if word and _LANGUAGE.fullmatch(word) else None


def _tags(value: object) -> tuple[str, ...]:
    parts = value if isinstance(value, list) else [value]
    words = (_word(part, _SHORT_CHARACTERS) for part in parts[: 4 * _MOST_TAGS])
    return tuple(dict.fromkeys(word.strip("#") for word in words if word))[:_MOST_TAGS]


def _moment(
    target: str, values: Values, specs: Specs, place: Place
) -> tuple[datetime, Precision] | None:
    value = values.get(target)
    if isinstance(value, list):
        value = next(iter(value), None)
    if isinstance(value, tuple):  # date_zh has read it
        return value
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value in ("", 0):
        return None
    spec = specs[target]
    if spec.format in ("unix", "unix_ms"):
        return _unix(value, 1_000 if spec.format == "unix_ms" else 1)
    zoned = replace(place, tz=spec.zone or place.tz)
    if "%" in spec.format:
        return _as_written(str(value).strip(), spec.format, zoned)
    if isinstance(value, int | float):
        value = str(int(value)) if math.isfinite(value) else ""
    return parse_date(value, tz=zoned.tz, now=zoned.now)


def _unix(value: str | float, per_second: int) -> tuple[datetime, Precision] | None:
    try:
        moment = datetime.fromtimestamp(float(value) / per_second, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return (moment, Precision.EXACT) if moment.year in _UNIX_YEARS else None


def _as_written(text: str, pattern: str, place: Place) -> tuple[datetime, Precision] | None:
    try:
        moment = datetime.strptime(text[:_SHORT_CHARACTERS], pattern)  # noqa: DTZ007  # zone below
        zoned = moment if moment.tzinfo else moment.replace(tzinfo=place.tz)
        utc = zoned.astimezone(UTC)
    except (ValueError, OverflowError, re.error):
        return None
    if "%S" in pattern:
        return utc, Precision.EXACT
    if "%M" in pattern:
        return utc, Precision.MINUTE
    has_hour = "%H" in pattern or "%I" in pattern
    return utc, Precision.HOUR if has_hour else Precision.DAY
