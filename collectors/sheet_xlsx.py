"""XLSX workbooks, read as a stream and with distrust: an upload is a zip of XML that anybody may have written."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, BinaryIO

from collectors.sheet import (
    MOST_COLUMNS,
    MOST_ROWS,
    Cell,
    Sheet,
    SheetError,
    SheetRow,
    capped,
    column_names,
    is_blank,
    row_of,
)

if TYPE_CHECKING:
    from openpyxl.worksheet._read_only import ReadOnlyWorksheet  # type: ignore[import-untyped]  # untyped

MOST_MEMBERS = 2_000
MOST_BYTES = 300_000_000  # unpacked, all together
MOST_SHARED_BYTES = 100_000_000  # the texts of all cells
MOST_SHARED_TAGS = 4_000_000  # four make a text
MOST_WHOLE_BYTES = 4_000_000  # each part that is read as a whole: 20 MB of styles would take 430 MB
MOST_ROW_BYTES = 8_000_000
MOST_RATIO = 100  # real sheets pack 5 to 30 times
SMALL_BYTES = 1_000_000  # below this the ratio says nothing
LAST_ROW = 1_048_576
_HEAD_BYTES = 1 << 16
_ERRORS = frozenset(
    {"#REF!", "#N/A", "#VALUE!", "#NAME?", "#DIV/0!", "#NULL!", "#NUM!", "#GETTING_DATA"}
)
# What openpyxl, zipfile and the XML parsers raise on files that are damaged or made up.
_DAMAGE = (
    zipfile.BadZipFile, zlib.error, KeyError, IndexError, ValueError, TypeError, AttributeError, SyntaxError,
    EOFError, OSError, NotImplementedError, RuntimeError, OverflowError, AssertionError,
)  # fmt: skip


def read_xlsx(file: BinaryIO) -> Sheet:
    """Return the first worksheet that holds anything; its first filled row names the columns.

    Formulas give their stored result, None where the program that wrote the file stored none; links to other
    files are not followed. Dates come as times without a zone.

    Raises:
        SheetError: damaged, too large when unpacked, no worksheet with cells, or XML with a DTD.
    """
    with _damage_told():
        _check(file)
        file.seek(0)
        from openpyxl import load_workbook  # type: ignore[import-untyped]  # untyped

        book = load_workbook(file, read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            header = next(_numbered(sheet, 1, MOST_COLUMNS + 1), None)
            if header is not None:
                columns = column_names(_trimmed(header[1]))
                rows = _numbered(sheet, header[0] + 1, len(columns) + 1)
                return Sheet(columns=columns, rows=capped(_rows(rows, columns), MOST_ROWS))
    raise SheetError("工作簿里没有数据 (no worksheet holds anything)")


@contextmanager
def _damage_told() -> Iterator[None]:
    from openpyxl.utils.exceptions import InvalidFileException  # type: ignore[import-untyped]  # untyped

    try:
        yield
    except (InvalidFileException, *_DAMAGE) as error:
        raise SheetError(
            f"工作簿已损坏或不是 .xlsx,请另存为 CSV UTF-8 (damaged workbook: {type(error).__name__})"
        ) from error


def _check(file: BinaryIO) -> None:
    """Refuse what is too much before a byte is unpacked. zipfile never unpacks more than a member declares."""
    with zipfile.ZipFile(file) as archive:
        members = archive.infolist()
        if len(members) > MOST_MEMBERS or sum(member.file_size for member in members) > MOST_BYTES:
            raise _too_large()
        for member in members:
            if member.file_size > MOST_WHOLE_BYTES:
                _check_large(archive, member)
            if member.file_size > max(SMALL_BYTES, MOST_RATIO * member.compress_size):
                raise _too_large()
            if member.filename.lower().endswith((".xml", ".rels")):
                _refuse_dtd(archive, member)


def _check_large(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    """Refuse a part that would fill the memory: only texts and rows may be many."""
    is_rows = member.filename.startswith("xl/worksheets/")
    is_texts = member.filename.lower().endswith("sharedstrings.xml")
    if member.filename.startswith(("xl/media/", "xl/embeddings/", "docProps/")):
        return  # never read
    if not is_rows and (not is_texts or member.file_size > MOST_SHARED_BYTES):
        raise _too_large()
    tags = without_row = 0
    with archive.open(member) as part:
        while piece := part.read(1 << 20):
            tags += piece.count(b"<")
            without_row = 0 if b"</row" in piece or b"<row" in piece else without_row + len(piece)
            if without_row > MOST_ROW_BYTES and is_rows:
                raise _too_large()  # one row is read as a whole
    if is_texts and tags > MOST_SHARED_TAGS:
        raise _too_large()


def _refuse_dtd(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> None:
    with archive.open(member) as part:
        head = part.read(_HEAD_BYTES).replace(b"\0", b"")
    if b"<!DOCTYPE" in head or b"<!ENTITY" in head:
        raise SheetError("工作簿含有 DTD,拒绝读取 (its XML has a DTD, which no workbook needs)")


def _too_large() -> SheetError:
    return SheetError(
        "工作簿解压后过大,请拆分或另存为 CSV UTF-8 (too large when unpacked: split it or save as CSV)"
    )


def _numbered(
    sheet: ReadOnlyWorksheet, first: int, width: int
) -> Iterator[tuple[int, tuple[Cell, ...]]]:
    """Yield the filled rows with their numbers. The declared size is not believed: it may be anything."""
    rows = sheet.iter_rows(min_row=first, max_col=width, max_row=LAST_ROW, values_only=True)
    for number, values in enumerate(rows, first):
        if any(value is not None for value in values):
            yield number, tuple(_cell(value) for value in values)


def _trimmed(values: tuple[Cell, ...]) -> tuple[Cell, ...]:
    last = max((place for place, value in enumerate(values, 1) if not is_blank(value)), default=0)
    return values[:last]


def _cell(value: object) -> Cell:
    if isinstance(value, str):
        return None if value in _ERRORS else value
    if isinstance(value, bool | int | datetime | date | timedelta) or value is None:
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < 2**53 else value
    return str(value)


def _rows(
    rows: Iterator[tuple[int, tuple[Cell, ...]]], columns: tuple[str, ...]
) -> Iterator[SheetRow]:
    line = 1
    try:
        with _damage_told():
            for line, values in rows:  # where it breaks is told below
                if row := row_of(line, columns, values):
                    yield row
    except SheetError as error:
        yield SheetRow(line + 1, {}, f"其后无法读取: {error}")
