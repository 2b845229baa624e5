"""``monitor ingest``: a file of posts through the same door as ``POST /imports``; standard input too."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import orjson
from sqlalchemy import RowMapping

from collectors.column_map import Constants, MapError
from collectors.model import PostKind
from collectors.sheet import SheetError
from monitor.api import importing
from monitor.api.importing import ROWS_AT_ONCE, ImportBusy, Plan, Table, Upload, store_chunk
from monitor.app import App
from monitor.cli.texts import STDIN, Failed
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst

KEPT_IN_MEMORY = 8_000_000
COUNTED = ("created", "duplicate", "updated", "rejected")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the command was told. ``mapping`` is JSON or a file of it; "" everywhere means: not told."""

    mapping: str = ""
    source: str = ""
    kind: str = ""
    timezone: str = ""
    rating_best: int = 0
    dry_run: bool = False
    as_json: bool = False


@dataclass(slots=True)
class Teller:
    """Tells what became of each row, on standard output as JSON lines or rejects alone on standard error."""

    as_json: bool
    index: int = 0
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTED, 0))

    def tell(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Tell one chunk."""
        for row in rows:
            self.counts[row["status"]] += 1
            if self.as_json:
                pointer = {"pointer": f"#/{self.index}"} if row["status"] == "rejected" else {}
                print(orjson.dumps({"index": self.index, **row, **_place(pointer, row)}).decode())
            elif row["status"] == "rejected":
                print(_rejected(row), file=sys.stderr)
            self.index += 1
        if sys.stderr.isatty():
            print(f"\r{self.index:,} 行 rows", end="", file=sys.stderr)

    def sum_up(self, note: str = "") -> None:
        """Tell the counts."""
        words = {"created": "新增", "duplicate": "重复", "updated": "更新", "rejected": "拒绝"}
        parts = [f"{words[name]} {name} {self.counts[name]}" for name in COUNTED]
        print(" · ".join([*parts, *([note] if note else [])]), file=sys.stderr)


def _place(pointer: Mapping[str, str], row: Mapping[str, Any]) -> dict[str, str]:
    column = row.get("column")
    return {name: f"{value}/{column}" if column else value for name, value in pointer.items()}


def _rejected(row: Mapping[str, Any]) -> str:
    column = f" {row['column']}" if row.get("column") else ""
    return f"第 {row['line']} 行{column}: {row['reason']}"


def ingest_file(app: App, file: Path, wish: Wish, pipe: IO[bytes] | None = None) -> int:
    """Store the rows of a file, or say what would be; returns how many were rejected.

    ``pipe`` is read for ``-``, standard input where it is None.

    Raises:
        Failed: the file, the mapping or an option cannot be used.
    """
    plan = _plan(app, wish)
    with _opened(file, pipe) as upload:
        try:
            if wish.dry_run:
                return _rehearse(app, upload, plan, wish)
            if file == STDIN:
                return asyncio.run(_stream(app, upload, plan, wish))
            return asyncio.run(_import(app, upload, plan, wish))
        except SheetError as error:
            raise Failed(f"{upload.name}: {error}") from error
        except MapError as error:
            raise Failed(f"{error.place}: {error.reason}") from error
        except ImportBusy as error:
            raise Failed(str(error)) from error


async def _import(app: App, upload: Upload, plan: Plan, wish: Wish) -> int:
    teller = Teller(wish.as_json)
    tell = lambda _job, rows: teller.tell(rows)  # noqa: E731  # an adapter
    done = await importing.import_file(_analysing(app), upload, plan, actor="cli", tell=tell)
    teller.sum_up(_note(done.job, done.rows_before, is_repeated=done.was_finished))
    return int(done.job["rejected"])


def _note(job: RowMapping, before: int, *, is_repeated: bool) -> str:
    if is_repeated:
        return f"此文件已导入过,没有改动(编号 {job['id']}) · imported before, nothing changed"
    return f"从第 {before + 1} 条继续 · went on after {before} rows" if before else ""


async def _stream(app: App, upload: Upload, plan: Plan, wish: Wish) -> int:
    """What comes through a pipe is nobody's file: each row is answered, also the second time."""
    teller = Teller(wish.as_json)
    if upload.file.read(1):
        table = Table.of(upload, plan, app.clock())
        while chunk := list(islice(table.sheet.rows, ROWS_AT_ONCE)):
            teller.tell(await store_chunk(_analysing(app), table, chunk))
    teller.sum_up()
    return teller.counts["rejected"]


def _rehearse(app: App, upload: Upload, plan: Plan, wish: Wish) -> int:
    found = importing.rehearse(upload, plan, now=app.clock())
    if wish.as_json:
        option = orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z
        print(orjson.dumps(found, option=option).decode())
        return int(found["rejected"])
    for name, column in found["mapping"]["columns"].items():
        print(f"{name} ← {column}" + ("  (猜测 guessed)" if name in found["guessed"] else ""))
    print(f"未用到的列 unmapped: {', '.join(found['unmapped']) or '无 none'}")
    for post in found["posts"]:
        shown = {name: value for name, value in post.items() if value not in (None, [], {})}
        print(orjson.dumps(shown, option=orjson.OPT_UTC_Z).decode())
    for row in found["rejects"]:
        print(_rejected(row), file=sys.stderr)
    print(
        f"共 rows {found['rows']} · 可收录 accepted {found['accepted']} · 拒绝 rejected {found['rejected']}"
        " · 试运行,没有写入 dry run, nothing stored",
        file=sys.stderr,
    )
    return int(found["rejected"])


def _analysing(app: App) -> Analysing:
    inline = InlineAnalyst(app.settings.scorer)
    return Analysing(database=app.database, analyst=inline, clock=app.clock)


def _plan(app: App, wish: Wish) -> Plan:
    if wish.kind and wish.kind not in tuple(PostKind):
        raise Failed(f"--kind: {', '.join(PostKind)}")
    constants = Constants(
        source=wish.source or None, kind=wish.kind or None, rating_best=wish.rating_best or None
    )
    try:
        zone = ZoneInfo(wish.timezone) if wish.timezone else app.settings.zone
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise Failed(f"--timezone: 没有时区 {wish.timezone!r} · no such IANA zone") from error
    return Plan(columns=_columns(wish.mapping), constants=constants, zone=zone)


def _columns(mapping: str) -> Mapping[str, str | None]:
    if not mapping:
        return {}
    try:
        text = mapping if mapping.lstrip().startswith("{") else Path(mapping).read_text("utf-8-sig")
        return msgspec.json.decode(text, type=dict[str, str | None])
    except OSError as error:
        raise Failed(f"--map: 无法读取 {mapping}: {error.strerror} · cannot read it") from error
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Failed(
            f'--map: 应为 JSON,例如 {{"text": "内容"}} · JSON of columns: {error}'
        ) from error


@contextmanager
def _opened(file: Path, pipe: IO[bytes] | None) -> Iterator[Upload]:
    if file == STDIN:
        with tempfile.SpooledTemporaryFile(max_size=KEPT_IN_MEMORY) as kept:
            shutil.copyfileobj(pipe or sys.stdin.buffer, kept)
            kept.seek(0)
            yield Upload(file=_binary(kept), name="-")
        return
    try:
        opened = file.open("rb")
    except OSError as error:
        raise Failed(f"无法读取 {file}: {error.strerror} · cannot read it") from error
    with opened:
        yield Upload(file=opened, name=file.name)


def _binary(kept: IO[bytes]) -> Any:  # noqa: ANN401  # a spooled file is a BinaryIO in all but name
    return kept
