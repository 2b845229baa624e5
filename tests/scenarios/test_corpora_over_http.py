"""Every recorded feed, served on loopback to a running service, ends as its distinct entries.

Distinct is what `tests/collectors/test_corpora.py` counts on feedparser's own entries. Then the same
documents are visited again: as they are (304, or the same bytes), and with a blank line more, so that
they are read and compared anew. Nothing may change.

``pytest -s`` prints files, entries, posts and every difference.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.collectors.test_corpora import CORPORA, recorded_feeds
from tests.scenarios.neighbours import Page, Site
from tests.scenarios.service import Service, eventually, wall_clock

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not CORPORA.is_dir(),
        reason="SKIPPED LOUDLY: ../shared/data/corpora is not here, no recorded feed was served",
    ),
]
RECORDED_AS_COMMENT = re.compile(rb"^Header:\s*([A-Za-z-]+):[ \t]*(.*?)\s*$", re.MULTILINE)
OF_THE_TRANSPORT = {"content-length", "connection", "keep-alive", "date", "transfer-encoding"}
VALIDATORS = {"etag", "last-modified"}
WORDS = ["entry", "example", "title", "feed", "demo", "test", "http", "the"]
SECONDS_FOR_A_ROUND = 90.0


@dataclass(frozen=True)
class Recorded:
    """One file: what it holds, the headers it came with, and the source it is visited as."""

    name: str
    body: bytes
    headers: Mapping[str, str]
    distinct: int
    source_id: int

    @property
    def path(self) -> str:
        return f"/{self.source_id - 1}"


@dataclass(frozen=True)
class Served:
    """A service that visits all files; ``visited`` counts the rounds."""

    service: Service
    site: Site
    files: tuple[Recorded, ...]

    def visit_all(self) -> None:
        """Have every source visited now and wait until all of it is stored."""
        before = len(self.site.asked)
        for file in self.files:
            self.service.post(f"/sources/{file.source_id}/poll")
        self.wait_visited(before)

    def wait_visited(self, before: int = 0) -> None:
        wanted = len(self.files)
        eventually(
            lambda: len(set(self.site.asked[before:])) == wanted and not self._waiting(),
            seconds=SECONDS_FOR_A_ROUND,
            what=f"all {wanted} feeds are visited",
        )
        self.service.wait_judged(30)

    def _waiting(self) -> int:
        """Return how many visits are not stored yet: that moves a source's next one to tomorrow."""
        soon = int((wall_clock().timestamp() + 3_600) * 1_000_000)
        query = "SELECT count(*) FROM source WHERE next_due_at < ?"
        return int(self.service.rows(query, soon)[0][0])

    def bodies(self) -> list[tuple[Any, ...]]:
        """Return which bytes each source was last read from."""
        return self.service.rows("SELECT body_sha256 FROM source ORDER BY id")

    def stored(self) -> Counter[int]:
        """Return posts by source, as the API lists them."""
        return Counter(post["source_id"] for post in self.service.all_of("/posts"))

    def everything(self) -> dict[str, str]:
        """Return a digest of each table that must not change."""
        return {
            table: hashlib.sha256(repr(self.service.rows(query)).encode()).hexdigest()
            for table, query in {
                "posts": "SELECT * FROM post ORDER BY id",
                "mentions": "SELECT * FROM mention ORDER BY id",
                "rollups": "SELECT * FROM rollup ORDER BY 1, 2, 3, 4, 5",
                "totals": "SELECT id, posts_total, state FROM source ORDER BY id",
            }.items()
        }


def headers_of(path: Path, body: bytes) -> dict[str, str]:
    """Return the headers a file was recorded with, else its type alone, without a charset."""
    kind = "application/json" if path.suffix == ".json" else "application/xml"
    found = {"Content-Type": kind}
    beside = path.with_suffix(".headers")
    if beside.exists():
        lines = beside.read_text(encoding="latin-1").splitlines()[1:]
        given = [line.split(": ", 1) for line in lines if ": " in line]
    else:
        given = [
            [name.decode(), value.decode("latin-1")]
            for name, value in RECORDED_AS_COMMENT.findall(body[:2_000])
        ]
    return found | {name: value for name, value in given if name.lower() not in OF_THE_TRANSPORT}


@pytest.fixture(scope="module")
def served(lasting_service: Service) -> Iterator[Served]:
    with ExitStack() as stack:
        site = stack.enter_context(Site().up())
        lasting_service.watch("语料", keywords=WORDS)
        served = Served(lasting_service, site, tuple(_added(lasting_service, site)))
        served.wait_visited()
        yield served


def _added(service: Service, site: Site) -> Iterator[Recorded]:
    for number, (path, _, distinct) in enumerate(recorded_feeds()):
        body = path.read_bytes()
        name = str(path.relative_to(CORPORA))
        page = Page(body, headers_of(path, body))
        site.pages[f"/{number}"] = page
        source = {
            "name": name,
            "kind": "feed",
            "url": site.url(f"/{number}"),
            "interval_seconds": 86_400,
        }
        source_id = service.post("/sources", source)["id"]
        assert source_id == number + 1
        yield Recorded(name, body, page.headers, distinct, source_id)


def differences(served: Served) -> list[dict[str, Any]]:
    stored = served.stored()
    return [
        {
            "file": file.name,
            "distinct": file.distinct,
            "posts": stored[file.source_id],
            "health": served.service.get(f"/sources/{file.source_id}/health"),
        }
        for file in served.files
        if stored[file.source_id] != file.distinct
    ]


def test_every_file_ends_as_its_distinct_entries(
    served: Served, record_property: Callable[[str, object], None]
) -> None:
    entries = sum(count for _, count, _ in recorded_feeds())
    posts = sum(served.stored().values())
    found = differences(served)
    summary = f"{len(served.files)} files, {entries} entries, {posts} posts, {len(found)} differ"
    record_property("corpora", summary)
    print(summary)
    for one in found:
        print("  ", one)
    assert len(served.files) > 400, "the corpora hold 496 feeds with entries"
    assert found == []
    assert served.service.rows("SELECT count(*) FROM mention") > [(100,)], "the words match nothing"


def test_visited_again_nothing_changes(served: Served) -> None:
    before = served.everything()
    served.visit_all()
    assert served.everything() == before


def test_read_and_compared_anew_nothing_changes(served: Served) -> None:
    before, bodies = served.everything(), served.bodies()
    longer = 0
    for file in served.files:
        is_wide = b"\0" in file.body  # a lone byte would break UTF-16 and UTF-32
        plain = {k: v for k, v in file.headers.items() if k.lower() not in VALIDATORS}
        served.site.pages[file.path] = Page(file.body + (b"" if is_wide else b"\n"), plain)
        longer += not is_wide
    served.visit_all()
    pairs = zip(bodies, served.bodies(), strict=True)
    assert sum(was != now for was, now in pairs) == longer > 400, "they were not read anew"
    assert served.everything() == before
