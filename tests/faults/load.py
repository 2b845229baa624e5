"""Clients that keep a service busy: they push batches, publish in feeds, and know what they did."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Any

from tests.scenarios import texts
from tests.scenarios.neighbours import GrowingFeed, Site
from tests.scenarios.service import Service, Unanswered, eventually, wall_clock

ROWS_A_BATCH = (3, 15)
PAUSE_SECONDS = 0.02
SENT_AGAIN = 0.2
RETRY_SECONDS = 0.05


@dataclass(slots=True)
class Load:
    """Everything that is sent to one service, by clients that ask again until they are answered.

    ``brands`` are watched; ``brand`` is the one that is complained about now. ``accepted`` holds
    (source, external id) of every row of an answered batch and of every entry of a feed.
    """

    service: Service
    site: Site
    random: Random
    brands: Sequence[str]
    brand: str = ""
    accepted: set[tuple[str, str]] = field(default_factory=set)
    retries: int = 0
    duplicates: int = 0
    wrong: list[str] = field(default_factory=list)
    _feeds: dict[int, GrowingFeed] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _given_up: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def prepare(self, feeds: int = 3) -> None:
        """Create the keyword lists and the sources; the service must run."""
        for brand in self.brands:
            self.service.watch(brand)
        self.brand = self.brands[0]
        for number in range(feeds):
            feed = GrowingFeed(f"订阅{number}")
            self.site.pages[f"/{number}"] = feed.page
            source = {"name": feed.title, "kind": "feed", "url": self.site.url(f"/{number}")}
            self._feeds[self.service.post("/sources", source)["id"]] = feed

    @contextmanager
    def running(self, pushers: int = 2) -> Iterator[None]:
        """Let the clients work; at the end each finishes what it began, so the service must run."""
        seeds = [self.random.random() for _ in range(pushers + 2)]
        work = [*[self._push] * pushers, self._publish, self._poll]
        threads = [
            threading.Thread(target=target, args=(Random(seed),))
            for target, seed in zip(work, seeds, strict=True)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
            self.service.wait_ready()
            self._stopping.set()
            eventually(
                lambda: not any(thread.is_alive() for thread in threads),
                seconds=60,
                what="every client has its answer",
            )
        finally:
            self._stopping.set()
            self._given_up.set()

    def wait_accepted(self, rows: int) -> None:
        """Wait until so many rows more are accepted than are now."""
        wanted = len(self.accepted) + rows
        eventually(
            lambda: len(self.accepted) >= wanted, seconds=60, what=f"{rows} more rows are accepted"
        )

    def wait_stored(self, seconds: float = 30.0) -> None:
        """Have all feeds visited until all is stored, judged and sent."""

        def is_all_stored() -> bool:
            (count,) = self.service.rows("SELECT count(*) FROM post")[0]
            if count < len(self.accepted):
                self._poll_all()
            return bool(count >= len(self.accepted))

        eventually(is_all_stored, seconds=seconds, what=f"{len(self.accepted)} posts are stored")
        self.service.wait_judged()
        eventually(
            lambda: not self.service.rows("SELECT 1 FROM delivery WHERE state = 'due'"),
            seconds=seconds,
            what="every delivery is done",
        )

    def _push(self, random: Random) -> None:
        while not self._stopping.wait(PAUSE_SECONDS):
            rows = self._rows(random)
            self._push_until_answered(rows, is_repeated=False)
            if random.random() < SENT_AGAIN:
                self.duplicates += len(rows)
                self._push_until_answered(rows, is_repeated=True)

    def _rows(self, random: Random) -> list[dict[str, Any]]:
        return [
            texts.row(
                texts.negative(self.brand, random),
                wall_clock(),
                source=random.choice(("论坛", "微博", "商城")),
            )
            for _ in range(random.randint(*ROWS_A_BATCH))
        ]

    def _push_until_answered(self, rows: list[dict[str, Any]], *, is_repeated: bool) -> None:
        while not self._given_up.is_set():
            with suppress(Unanswered):
                answer = self.service.ask("POST", "/api/v1/posts/batch", rows)
                if answer.status == 200:
                    self._note(rows, answer.json, is_repeated=is_repeated)
                    return
                self.wrong.append(f"{answer.status}: {answer.body[:300]!r}")
            self.retries += 1
            self._given_up.wait(RETRY_SECONDS)

    def _note(
        self, rows: list[dict[str, Any]], counts: dict[str, Any], *, is_repeated: bool
    ) -> None:
        if counts["rejected"] or (is_repeated and counts["duplicate"] != len(rows)):
            self.wrong.append(f"to {len(rows)} rows, repeated {is_repeated}: {counts}")
        with self._lock:
            self.accepted |= {(row["source"], row["external_id"]) for row in rows}

    def _publish(self, random: Random) -> None:
        number = 0
        while not self._stopping.wait(random.uniform(0.05, 0.25)):
            number += 1
            feed = random.choice(list(self._feeds.values()))
            guid = f"{feed.title}-{number}"
            feed.publish(guid, texts.negative(self.brand, random))
            with self._lock:
                self.accepted.add((feed.title, guid))

    def _poll(self, random: Random) -> None:
        while not self._stopping.wait(random.uniform(0.1, 0.4)):
            self._poll_all()

    def _poll_all(self) -> None:
        for source_id in self._feeds:
            with suppress(Unanswered):
                self.service.ask("POST", f"/api/v1/sources/{source_id}/poll", timeout=5)
