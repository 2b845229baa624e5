"""``monitor ingest``: a file of posts, row by row, through the same door as ``POST /posts/batch``."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import orjson

from collectors.encoding import decode
from monitor.api.ingest import ingest
from monitor.app import App
from monitor.cli.texts import STDIN, Failed
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst

ROWS_AT_ONCE = 1_000
MOST_BYTES = 100_000_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
Row = tuple[int, bytes]
NUMBERS = frozenset({"followers", "rating", "likes", "reposts", "replies", "views"})
METRICS = frozenset({"likes", "reposts", "replies", "views"})
AUTHOR = {
    "author": "name",
    "author_name": "name",
    "author_handle": "handle",
    "followers": "followers",
}
PLAIN = frozenset(
    {"source", "external_id", "url", "title", "text", "published_at", "rating", "kind", "lang"}
)


@dataclass(slots=True)
class Tally:
    """How many rows came to what."""

    created: int = 0
    duplicate: int = 0
    updated: int = 0
    rejected: int = 0


async def import_file(app: App, file: Path, *, as_json: bool) -> Tally:
    """Store the rows of a file; answers one JSON line a row with ``as_json``, else rejects and a sum."""
    inline = InlineAnalyst(app.settings.scorer)
    analysing = Analysing(database=app.database, analyst=inline, clock=app.clock)
    tally = Tally()
    rows = iter(_rows(file))
    first = 0
    while chunk := list(islice(rows, ROWS_AT_ONCE)):
        raw = [row for _, row in chunk]
        answer = await ingest(analysing, raw, zone=app.settings.zone, now=app.clock())
        for name in ("created", "duplicate", "updated", "rejected"):
            setattr(tally, name, getattr(tally, name) + _number(answer[name]))
        _tell(answer["rows"], first, [line for line, _ in chunk], as_json=as_json)
        first += len(chunk)
        if sys.stderr.isatty():
            print(f"\r{first:,} 行 rows", end="", file=sys.stderr)
    print(
        f"新增 created {tally.created} · 重复 duplicate {tally.duplicate} ·"
        f" 更新 updated {tally.updated} · 拒绝 rejected {tally.rejected}",
        file=sys.stderr,
    )
    return tally


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _tell(rows: object, first: int, lines: Sequence[int], *, as_json: bool) -> None:
    for row in rows if isinstance(rows, list) else ():
        line = lines[row["index"]]
        if as_json:
            print(orjson.dumps({**row, "index": first + row["index"]}).decode())
        elif row["status"] == "rejected":
            place = f" {row['pointer']}" if row.get("pointer") else ""
            print(f"第 {line} 行{place}: {row['reason']}", file=sys.stderr)


def _rows(file: Path) -> Iterator[Row]:
    """Yield each row with the number of its line, which people can look up."""
    if file == STDIN:
        return _json_rows(sys.stdin.buffer)
    try:
        body = file.read_bytes()
    except OSError as error:
        raise Failed(f"无法读取 {file}: {error.strerror} · cannot read it") from error
    return _csv_rows(body) if file.suffix.lower() == ".csv" else _json_rows(io.BytesIO(body))


def _json_rows(lines: Iterable[bytes]) -> Iterator[Row]:
    for number, line in enumerate(lines, start=1):
        text = line.removeprefix(BYTE_ORDER_MARK) if number == 1 else line
        if text.strip():
            yield number, text


def _csv_rows(body: bytes) -> Iterator[Row]:
    """Yield each row as the JSON that the API takes; UTF-8 and GB18030 are told apart."""
    # a text that is too long is rejected row by row, with a reason
    csv.field_size_limit(MOST_BYTES)
    reader = csv.DictReader(io.StringIO(decode(body).text.removeprefix("\ufeff"), newline=""))
    names = [(name or "").strip() for name in reader.fieldnames or []]
    unknown = [name for name in names if name not in PLAIN | AUTHOR.keys() | METRICS]
    if unknown or not names:
        known = ", ".join(sorted(PLAIN | AUTHOR.keys() | METRICS))
        raise Failed(f"第 1 行: 未知列 {unknown};可用 · unknown columns; known: {known}")
    reader.fieldnames = names
    for row in reader:
        yield reader.line_num, orjson.dumps(_post_row(row))


def _post_row(row: Mapping[str | None, Any]) -> dict[str, Any]:
    given = {
        name: _value(name, value) for name, value in row.items() if name and value not in (None, "")
    }
    made: dict[str, Any] = {name: value for name, value in given.items() if name in PLAIN}
    if author := {AUTHOR[name]: value for name, value in given.items() if name in AUTHOR}:
        made["author"] = author
    if metrics := {name: value for name, value in given.items() if name in METRICS}:
        made["metrics"] = metrics
    return made


def _value(name: str, text: str) -> str | int | float:
    if name not in NUMBERS:
        return text
    try:
        return float(text) if name == "rating" else int(text)
    except ValueError:
        return text  # the row's check names the column
