"""Tables from outside, row by row: CSV and TSV, XLSX, JSON lines. Read as a stream, never as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import BinaryIO, NamedTuple, TypeAlias

MOST_COLUMNS = 512
MOST_ROWS = 1_000_000
LONGEST_NAME = 200
_ZIP = b"PK\x03\x04"
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # .xls, and .xlsx behind a password
_HEAD_BYTES = 4_096

Cell: TypeAlias = "str | int | float | bool | datetime | date | time | timedelta | Mapping[str, Cell] | Sequence[Cell] | None"


class SheetError(Exception):
    """The file is no table that we read; the text says what to do."""


class SheetRow(NamedTuple):
    """One row. ``line`` is what a person looks up: the line of a text, the row number in Excel.

    ``cells`` holds the filled cells by column; of JSON it is the object itself. ``trouble`` says why a row could
    not be read: then there are no cells. ``is_object`` tells JSON, where a number is one.
    """

    line: int
    cells: Mapping[str, Cell]
    trouble: str | None = None
    is_object: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table with its columns in their order. ``rows`` leaves blank rows out and can be read once."""

    columns: tuple[str, ...]
    rows: Iterator[SheetRow]


def read_sheet(file: BinaryIO, name: str = "") -> Sheet:
    """Return the table in a file. The content decides what it is; ``name`` only helps with text.

    At most 1,000,000 rows and 512 columns are read; what was cut is a row with a reason. Memory does not grow
    with the number of rows. The file must be seekable and stay open while rows are read.

    Raises:
        SheetError: empty, an old .xls, a password, or a damaged or hostile file.
    """
    file.seek(0)
    head = file.read(_HEAD_BYTES)
    file.seek(0)
    if head.startswith(_ZIP):
        from collectors.sheet_xlsx import read_xlsx  # openpyxl is heavy

        return read_xlsx(file)
    if head.startswith(_OLE):
        raise SheetError(
            "这是旧版 .xls 或带密码的文件,请另存为 .xlsx 或 CSV UTF-8 (an old .xls or a password: save as .xlsx)"
        )
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start and len(head) < _HEAD_BYTES:
        raise SheetError("文件是空的 (the file is empty)")
    if start[:1] in (b"{", b"[") and not name.lower().endswith((".csv", ".tsv")):
        from collectors.sheet_json import read_json

        return read_json(file)
    from collectors.sheet_csv import read_csv

    return read_csv(file)


def column_names(cells: Iterable[Cell]) -> tuple[str, ...]:
    """Return the names of a header row: a repeated name gets a number, a missing one its place.

    Raises:
        SheetError: more than 512 columns.
    """
    names: list[str] = []
    seen: dict[str, int] = {}
    for place, cell in enumerate(cells, 1):
        if place > MOST_COLUMNS:
            raise SheetError(f"超过 {MOST_COLUMNS} 列 (over {MOST_COLUMNS} columns)")
        text = "" if cell is None else _clean(str(cell))
        name = text[:LONGEST_NAME] or f"第 {place} 列"
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return tuple(names)


def _clean(name: str) -> str:
    """Without line breaks, and without half a character: a workbook may spell one."""
    return " ".join(name.strip("\ufeff").split()).encode("utf-8", "replace").decode()


def is_blank(cell: Cell) -> bool:
    """Whether a cell holds nothing."""
    return cell is None or (isinstance(cell, str) and not cell.strip())


def row_of(line: int, columns: Sequence[str], values: Sequence[Cell]) -> SheetRow | None:
    """Return a row of a table with a header, None for a blank one."""
    cells = {
        name: value for name, value in zip(columns, values, strict=False) if not is_blank(value)
    }
    if more := sum(not is_blank(value) for value in values[len(columns) :]):
        reason = (
            f"比表头多 {more} 个单元格,分隔符或引号可能有误 ({more} cells more than the header has)"
        )
        return SheetRow(line, {}, reason)
    return SheetRow(line, cells) if cells else None


def capped(rows: Iterable[SheetRow], most: int = MOST_ROWS) -> Iterator[SheetRow]:
    """Yield at most ``most`` rows; a last one says that there were more."""
    for count, row in enumerate(rows):
        if count == most:
            yield SheetRow(
                row.line,
                {},
                f"超过 {most} 行,其余没有读取,请拆分文件 (over {most} rows: split the file)",
            )
            return
        yield row
