"""Reading JSON that strangers send: each reader gives a value of its type or nothing, and never raises."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from collectors.dates import believable, parse_date
from collectors.feed_entry import TEXT_BYTES, TITLE_CHARACTERS
from collectors.identity import absolute_url
from collectors.model import NOBODY, Author, Precision
from collectors.plain import plain, tidy

Json = Mapping[str, object]

NOTHING: Json = {}
_LONGEST_NAME = 200
_LARGEST = 2**53
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def child(value: object, *keys: str) -> Json:
    """Return the object found by going down ``keys``, an empty one where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, Mapping) else None
    return value if isinstance(value, Mapping) else NOTHING


def objects(value: object) -> list[Json]:
    """Return the objects of a list; anything else in it is left out."""
    return [one for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []


def text(value: object) -> str:
    """Return a string as it is, anything else as an empty one."""
    return value if isinstance(value, str) else ""


def seen(markup: object) -> str:
    """Return what a reader of ``markup`` sees, at most 64 kB."""
    return _cut(plain(text(markup)[: 16 * TEXT_BYTES]))


def written(value: object) -> str:
    """Return plain text (or Markdown, as written) without invisible characters, at most 64 kB."""
    return _cut(tidy(text(value)[: 16 * TEXT_BYTES]))


def title(markup: object) -> str | None:
    """Return a title in one line of at most 500 characters, None for an empty one."""
    one_line = plain(text(markup)[: 16 * TITLE_CHARACTERS]).replace("\n", " ")
    return one_line[:TITLE_CHARACTERS] or None


def name(value: object) -> str | None:
    """Return a short text, None for an empty one."""
    return tidy(text(value)[:_LONGEST_NAME]) or None


def identifier(value: object) -> str | None:
    """Return an id as text, None where it is no number and no short printable text."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    written_id = str(value) if isinstance(value, str) or abs(value) < 2**63 else ""
    usable = written_id.isprintable() and len(written_id) <= _LONGEST_NAME
    return written_id.strip() or None if usable else None


def number(value: object) -> int | None:
    """Return a number, whole and of a sane size; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if abs(value) <= _LARGEST else None  # also false of what is not a number


def metrics(**counts: object) -> dict[str, int]:
    """Return the counts that are numbers: what is unknown is left out, it is not 0."""
    found = {key: number(value) for key, value in counts.items()}
    return {key: value for key, value in found.items() if value is not None}


def unix(value: object) -> datetime | None:
    """Return the moment of unix seconds; None for none, and for 0, which means none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 2**34:
        return None
    return _EPOCH + timedelta(seconds=value)


def iso(value: object, now: datetime) -> datetime | None:
    """Return the moment of an ISO 8601 text; without a zone it is UTC."""
    dated = parse_date(text(value), tz=UTC, now=now)
    return dated[0] if dated else None


def published(moment: datetime | None, now: datetime) -> tuple[datetime | None, Precision]:
    """Return a publication time that can be believed; ``inferred`` where there is none."""
    return believable((moment, Precision.EXACT) if moment else None, now=now)


def rank(moment: datetime | None, now: datetime) -> int | None:
    """Return a moment as whole unix seconds, for `collectors.social.paging`.

    A moment ahead counts as now: one lying clock must not make us skip what comes until then.
    """
    return None if moment is None else int(min(moment, now).timestamp())


def link(value: object, base: str) -> str | None:
    """Return a web address, resolved against ``base``; None for anything else."""
    found = absolute_url(text(value), base=base)
    return found if found and found.isprintable() else None


def author(
    shown: object, handle: object = None, url: str | None = None, followers: object = None
) -> Author:
    """Return an author; nobody where nothing is known."""
    found = Author(
        name=name(shown) or name(handle), handle=name(handle), url=url, followers=number(followers)
    )
    return found if found != Author() else NOBODY


def _cut(whole: str) -> str:
    if len(whole) * 4 <= TEXT_BYTES:
        return whole
    return whole.encode("utf-8")[:TEXT_BYTES].decode("utf-8", "ignore")
