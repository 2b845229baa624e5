"""Importing a file: its rows in chunks through `monitor.api.ingest`, each chunk noted before the next.

A digest over the file's bytes and all that decides how they are read names the import. The same file again goes
on where the import stopped, or changes nothing.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from itertools import islice
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

import orjson
from sqlalchemy import RowMapping

from collectors.cells import Context
from collectors.column_map import ColumnMap, Constants, Unfit, map_columns, map_row
from collectors.model import Post
from collectors.sheet import Sheet, SheetRow, read_sheet
from monitor.api.incoming import Reading, Rejection, read_row, to_post
from monitor.api.ingest import STATUSES, ingest
from monitor.pipeline.analyse import Analysing
from monitor.storage import imports

ROWS_AT_ONCE = 1_000
SHOWN_POSTS = 5
SHOWN_REJECTS = 100
MOST_SOURCES = 200
_CHUNK = 1 << 20


class ImportBusy(Exception):
    """Another process imports the same file at this moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How a file is to be read. ``columns``: a column by field, None for a field that stays empty."""

    columns: Mapping[str, str | None] = field(default_factory=dict)
    constants: Constants = field(default_factory=Constants)
    zone: ZoneInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file with its name; seekable and open until the import ends."""

    file: BinaryIO
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The import as it is now; ``rows_before`` were done by an earlier run."""

    job: RowMapping
    rows_before: int
    was_finished: bool


@dataclass(slots=True, kw_only=True)
class Table:
    """An opened file with its mapping, read chunk by chunk."""

    sheet: Sheet
    mapping: ColumnMap
    reading: Reading
    sources: set[object] = field(default_factory=set)

    @classmethod
    def of(cls, upload: Upload, plan: Plan, now: datetime) -> Table:
        """Open a file.

        Raises:
            SheetError: it is no table.
            MapError: the mapping does not fit it.
        """
        sheet = read_sheet(upload.file, upload.name)
        mapping = map_columns(sheet.columns, plan.columns, plan.constants)
        return cls(sheet=sheet, mapping=mapping, reading=Reading(zone=plan.zone, now=now))

    def read(self, row: SheetRow) -> bytes | Unfit:
        """Return a row as `ingest` takes it, or why it becomes no post."""
        context = Context(
            zone=self.reading.zone,
            now=self.reading.now,
            rating_best=self.mapping.constants.rating_best,
        )
        found = map_row(row, self.mapping, context)
        if isinstance(found, Unfit):
            return found
        self.sources.add(name := str(found.get("source")))
        if len(self.sources) > MOST_SOURCES:
            self.sources.discard(name)
            reason = (
                f"来源名称超过 {MOST_SOURCES} 个,该列多半不是来源 (too many source names: give one)"
            )
            return Unfit(line=row.line, column=self.mapping.column_of("source"), reason=reason)
        try:
            return orjson.dumps(found)
        except (TypeError, ValueError) as error:  # a lone surrogate, an integer over 64 bits
            return Unfit(line=row.line, column="", reason=f"无法读取 (unreadable: {error})")

    def rejected(self, line: int, reason: str, pointer: str) -> Unfit:
        """Return the rejection of a row, by the column that it came from."""
        return Unfit(line=line, column=self.mapping.column_of(pointer) or pointer, reason=reason)


async def import_file(
    analysing: Analysing,
    upload: Upload,
    plan: Plan,
    *,
    actor: str,
    tell: Callable[[RowMapping, Sequence[Mapping[str, Any]]], None] = lambda job, rows: None,
) -> Outcome:
    """Store the rows of a file that are not stored yet; ``tell`` hears of each stored chunk.

    Raises:
        SheetError, MapError: nothing was stored.
        ImportBusy: another process imports this file; what it stores stays.
    """
    now = analysing.clock()
    table = await asyncio.to_thread(Table.of, upload, plan, now)
    job = await asyncio.to_thread(_begin, analysing, upload, plan, table, actor)
    before, was_finished = int(job["rows_done"]), job["finished_at"] is not None
    if was_finished:
        return Outcome(job=job, rows_before=before, was_finished=True)
    rows = islice(table.sheet.rows, before, None)
    while chunk := await asyncio.to_thread(_take, rows):
        answers = await store_chunk(analysing, table, chunk)
        job = await asyncio.to_thread(_advance, analysing, job, answers)
        tell(job, answers)
    job = await asyncio.to_thread(_finish, analysing, job, plan)
    return Outcome(job=job, rows_before=before, was_finished=False)


async def store_chunk(
    analysing: Analysing, table: Table, chunk: Sequence[SheetRow]
) -> list[dict[str, Any]]:
    """Store rows and return what became of each: the answers of a batch, with line and column."""
    read = await asyncio.to_thread(lambda: [table.read(row) for row in chunk])
    good = [(row.line, raw) for row, raw in zip(chunk, read, strict=True) if isinstance(raw, bytes)]
    answers = [_told(unfit) for unfit in read if isinstance(unfit, Unfit)]
    zone = table.reading.zone
    assert isinstance(zone, ZoneInfo)  # noqa: S101  # a plan holds one
    stored: Any = await ingest(
        analysing, [raw for _, raw in good], zone=zone, now=analysing.clock()
    )
    for (line, _), answer in zip(good, stored["rows"], strict=True):
        if answer["status"] != "rejected":
            answers.append({"line": line, "status": answer["status"], "id": answer["id"]})
        else:
            pointer = answer["pointer"].partition("/")[2].partition("/")[2]
            answers.append(_told(table.rejected(line, answer["reason"], pointer)))
    return sorted(answers, key=lambda answer: int(answer["line"]))


def _told(unfit: Unfit) -> dict[str, Any]:
    return {
        "line": unfit.line, "status": "rejected", "column": unfit.column, "reason": unfit.reason
    }  # fmt: skip


def _take(rows: Iterator[SheetRow]) -> list[SheetRow]:
    return list(islice(rows, ROWS_AT_ONCE))


def _begin(
    analysing: Analysing, upload: Upload, plan: Plan, table: Table, actor: str
) -> RowMapping:
    mapping = described(plan, table.mapping)
    values = {
        "digest": _digest(upload.file, mapping),
        "file_name": _shown_name(upload.name),
        "mapping": mapping,
        "actor": actor,
    }
    with analysing.database.write() as connection:
        return imports.begin(analysing.database, connection, values, now=analysing.clock())


def _shown_name(name: str) -> str:
    return name.replace("\0", "").encode("utf-8", "replace").decode()[-300:] or "-"


def described(plan: Plan, mapping: ColumnMap) -> dict[str, Any]:
    """Return all that decides how the bytes are read."""
    constants = {name: value for name, value in asdict(plan.constants).items() if value is not None}
    return {**constants, "columns": dict(mapping.columns), "timezone": plan.zone.key}


def _digest(file: BinaryIO, mapping: Mapping[str, Any]) -> str:
    digest = hashlib.sha256(orjson.dumps(mapping, option=orjson.OPT_SORT_KEYS) + b"\n")
    place = file.tell()
    file.seek(0)
    while piece := file.read(_CHUNK):
        digest.update(piece)
    file.seek(place)
    return digest.hexdigest()


def _advance(
    analysing: Analysing, job: RowMapping, answers: Sequence[Mapping[str, Any]]
) -> RowMapping:
    counts = {name: sum(row["status"] == name for row in answers) for name in STATUSES}
    rejects = [
        {name: row[name] for name in ("line", "column", "reason")}
        for row in answers
        if row["status"] == "rejected"
    ]
    with analysing.database.write() as connection:
        advanced = imports.advance(
            connection,
            job,
            rows=len(answers),
            counts=counts,
            rejects=rejects,
            now=analysing.clock(),
        )
    if advanced is None:
        raise ImportBusy(
            f"另一进程正在导入同一文件,编号 {job['id']} (the same file is being imported)"
        )
    return advanced


def _finish(analysing: Analysing, job: RowMapping, plan: Plan) -> RowMapping:
    with analysing.database.write() as connection:
        finished = imports.finish(
            connection, job["id"], source_name=plan.constants.source, now=analysing.clock()
        )
    return job if finished is None else finished


def rehearse(upload: Upload, plan: Plan, *, now: datetime) -> dict[str, Any]:
    """Return what an import would do: mapping, the first five posts, what stays unmapped. Stores nothing.

    Raises:
        SheetError, MapError: as `import_file`.
    """
    table = Table.of(upload, plan, now)
    shown: list[dict[str, Any]] = []
    rejects: list[dict[str, Any]] = []
    rows = rejected = 0
    for rows, row in enumerate(table.sheet.rows, 1):  # noqa: B007  # the count is told
        found = _rehearsed(table, row)
        if isinstance(found, Unfit):
            rejected += 1
            if len(rejects) < SHOWN_REJECTS:
                rejects.append({"line": found.line, "column": found.column, "reason": found.reason})
        elif len(shown) < SHOWN_POSTS:
            shown.append({"line": row.line, **found})
    return {
        "dry_run": True,
        "columns": list(table.sheet.columns),
        "mapping": described(plan, table.mapping),
        "guessed": sorted(table.mapping.guessed),
        "unmapped": table.mapping.unmapped(table.sheet.columns),
        "rows": rows,
        "accepted": rows - rejected,
        "rejected": rejected,
        "rejects": rejects,
        "posts": shown,
    }


def _rehearsed(table: Table, row: SheetRow) -> dict[str, Any] | Unfit:
    raw = table.read(row)
    if isinstance(raw, Unfit):
        return raw
    try:
        read = read_row(raw)
        return {"source": read.source, **shown_post(to_post(read, 0, table.reading))}
    except Rejection as rejection:
        return table.rejected(row.line, rejection.reason, rejection.pointer)


def shown_post(post: Post) -> dict[str, Any]:
    """Return a post as it would be stored."""
    copied = (
        "external_id", "kind", "url", "title", "text", "published_at", "precision", "lang", "metrics", "rating",
        "product", "location", "parent_id",
    )  # fmt: skip
    author = {"name": post.author.name, "handle": post.author.handle, "url": post.author.url}
    return {name: getattr(post, name) for name in copied} | {
        "author": author | {"followers": post.author.followers},
        "tags": list(post.tags),
    }
