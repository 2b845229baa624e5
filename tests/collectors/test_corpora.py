"""Every recorded feed that feedparser reads gives exactly its distinct entries as posts.

Run as a script for the table: ``python tests/collectors/test_corpora.py``.

Distinct are entries that differ in guid, link, title, text or date (see
`collectors.identity.external_ids`); the count is taken here on feedparser's own entries, from
the file as it is, without any of our preparation.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache, partial
from pathlib import Path

import feedparser
import pytest

from collectors.dates import parse_date
from collectors.feed import parse_feed
from collectors.feed_document import prepare, with_dates
from collectors.feed_entry import Readable, readable
from collectors.feed_fast import read_fast
from collectors.feed_judge import read_judged
from collectors.model import Source, SourceKind

CORPORA = Path(__file__).resolve().parents[3] / "shared" / "data" / "corpora"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SOURCE = Source(
    id=1,
    name="corpora",
    kind=SourceKind.FEED,
    url="http://corpora.example/feed",
    interval=timedelta(minutes=5),
)


@dataclass(frozen=True)
class Compared:
    """One file: what feedparser sees and what we make of it."""

    path: Path
    entries: int
    distinct: int
    posts: int


def distinct_entries(entries: list[dict[str, object]]) -> int:
    names = ("id", "link", "title", "summary", "published", "updated", "created")
    return len({(*(str(dict.get(one, name)) for name in names), _contents(one)) for one in entries})


def _contents(entry: dict[str, object]) -> str:
    return "|".join(str(part["value"]) for part in dict.get(entry, "content") or ())


@cache
def recorded_feeds() -> list[tuple[Path, int, int]]:
    """The files feedparser reads with entries: path, entries, distinct entries."""
    return [
        (path, len(entries), distinct_entries(entries))
        for path in sorted(CORPORA.rglob("*"))
        if path.is_file() and (entries := feedparser.parse(io.BytesIO(path.read_bytes())).entries)
    ]


def compare(content_type: str | None) -> Iterator[Compared]:
    for path, entries, distinct in recorded_feeds():
        parsed = parse_feed(
            path.read_bytes(), content_type=content_type, url=SOURCE.url, source=SOURCE, now=NOW
        )
        yield Compared(path, entries, distinct, len(parsed.posts))


needs_corpora = pytest.mark.skipif(
    not CORPORA.is_dir(),
    reason=f"the recorded feeds are not here: {CORPORA.parent.parent.name}/data/corpora",
)


@needs_corpora
@pytest.mark.slow
@pytest.mark.parametrize("content_type", [None, "application/xml"])
def test_every_recorded_feed_gives_its_distinct_entries(content_type: str | None) -> None:
    compared = list(compare(content_type))
    assert len(compared) > 400, "the corpora hold 496 feeds with entries"
    assert [one for one in compared if one.posts != one.distinct] == []


@needs_corpora
def test_no_recorded_file_of_any_kind_is_too_much() -> None:
    for path in CORPORA.rglob("*"):
        if path.is_file():
            parse_feed(path.read_bytes(), content_type=None, url=SOURCE.url, source=SOURCE, now=NOW)


def read_by_both(body: bytes) -> tuple[list[Readable], list[Readable]] | None:
    """Return the entries as each parser reads them, None where the fast one declines."""
    read_date = partial(parse_date, tz=UTC, now=NOW)
    document = with_dates(prepare(body, charset=None), read_date)
    fast = read_fast(document, base=SOURCE.url, lang=None)
    if fast is None:
        return None
    judged = read_judged(document, base=SOURCE.url, lang=None, read_date=read_date)
    return [readable(entry) for entry in fast], [readable(entry) for entry in judged]


@needs_corpora
def test_an_entry_is_the_same_whoever_reads_it() -> None:
    """Otherwise a feed that is damaged for a day would come twice."""
    both = [read_by_both(path.read_bytes()) for path, _, _ in recorded_feeds()]
    compared = [pair for pair in both if pair is not None]
    assert len(compared) > 10
    for fast, judged in compared:
        assert [entry.marks for entry in fast] == [entry.marks for entry in judged]


def main() -> None:
    """Print files, entries and differences by corpus."""
    table: dict[str, list[Compared]] = {}
    for one in compare(None):
        table.setdefault(one.path.relative_to(CORPORA).parts[0], []).append(one)
    print(f"{'corpus':<20}{'files':>7}{'entries':>9}{'distinct':>9}{'posts':>7}{'differ':>8}")
    for corpus, found in table.items():
        sums = [sum(getattr(one, key) for one in found) for key in ("entries", "distinct", "posts")]
        differing = [one for one in found if one.posts != one.distinct]
        print(f"{corpus:<20}{len(found):>7}{sums[0]:>9}{sums[1]:>9}{sums[2]:>7}{len(differing):>8}")
        for one in differing:
            print("   ", one.path.relative_to(CORPORA), one.distinct, one.posts)


if __name__ == "__main__":
    main()
