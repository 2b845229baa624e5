"""诉达投诉 may not be crawled: somebody exports its complaints, and the files are imported.

One file a morning; from half past one of the bad day, minutes after the first warning, one every
quarter of an hour. A file is what such sites give: CSV in GB18030 with Chinese headers, times without a zone.
"""

from __future__ import annotations

import csv
import io
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from collectors.column_map import Constants
from collectors.model import PostKind
from monitor.api.importing import Plan, Upload, import_file
from monitor.demo.scenario import BAD_DAY, DAY, DAYS, ZONE, DemoPost, DemoSource
from monitor.pipeline.analyse import Analysing

HEADER = ("投诉编号", "标题", "投诉内容", "昵称", "投诉时间", "链接")
MORNING = timedelta(hours=9)
HURRY_FROM = BAD_DAY * DAY + timedelta(hours=13, minutes=30)
HURRY_EVERY = timedelta(minutes=15)


def _cuts() -> Iterator[timedelta]:
    yield from (day * DAY + MORNING for day in range(DAYS))
    cut = HURRY_FROM
    while cut <= DAYS * DAY:
        yield cut
        cut += HURRY_EVERY


CUTS = tuple(_cuts())


def exported_until(offset: timedelta) -> timedelta:
    """Return up to when posts were in some file by ``offset``; zero before the first file."""
    done = bisect_right(CUTS, offset)
    return CUTS[done - 1] if done else timedelta()


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """A file as somebody saved it; named by the moment it was cut."""

    name: str
    body: bytes


class Exports:
    """The files of one source over the simulated time, kept under ``directory``."""

    def __init__(
        self, source: DemoSource, posts: Sequence[DemoPost], day0: datetime, directory: Path
    ) -> None:
        self.source = source
        self._posts = posts
        self._offsets = [post.offset for post in posts]
        self._day0 = day0.astimezone(ZONE)
        self._directory = directory
        self._handed_over = 0

    def file(self, number: int) -> Export | None:
        """Return the file of one cut, None where nobody complained since the one before."""
        since = bisect_right(self._offsets, CUTS[number - 1]) if number else 0
        posts = self._posts[since : bisect_right(self._offsets, CUTS[number])]
        if not posts:
            return None
        written = io.StringIO(newline="")
        sheet = csv.writer(written)
        sheet.writerow(HEADER)
        sheet.writerows(self._row(post) for post in posts)
        name = f"{self.source.slug}-{self._day0 + CUTS[number]:%Y%m%d-%H%M}.csv"
        return Export(name=name, body=written.getvalue().encode(self.source.encoding))

    async def import_due(self, analysing: Analysing) -> int:
        """Import the files that were cut since the last call; returns how many the service did not know.

        What is broken off is done again at the next call, and changes nothing.
        """
        due = bisect_right(CUTS, analysing.clock() - self._day0)
        new = 0
        while self._handed_over < due:
            export = self.file(self._handed_over)
            if export is not None:
                new += await self._import(analysing, export)
            self._handed_over += 1
        return new

    async def _import(self, analysing: Analysing, export: Export) -> bool:
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / export.name
        path.write_bytes(export.body)
        constants = Constants(source=self.source.name, kind=PostKind.REVIEW.value)
        plan = Plan(constants=constants, zone=ZONE)
        with path.open("rb") as file:
            upload = Upload(file=file, name=export.name)
            outcome = await import_file(analysing, upload, plan, actor="demo")
        return not outcome.was_finished

    def _row(self, post: DemoPost) -> tuple[str, ...]:
        at = self._day0 + post.offset
        return (
            post.external_id, post.title or "", post.text, post.author.name,
            f"{at:%Y-%m-%d %H:%M:%S}", post.url,
        )  # fmt: skip
