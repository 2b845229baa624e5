"""CSV and TSV as spreadsheets write them: any usual delimiter and encoding, broken quotes contained."""

from __future__ import annotations

import codecs
import csv
import io
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO

from collectors.encoding import decode
from collectors.sheet import Sheet, SheetError, SheetRow, capped, column_names, row_of

LONGEST_LINE = 1_000_000
DELIMITERS = ",\t;|"
_CHUNK = 1 << 16
_SAMPLE = 1 << 18
# Reading what an open quote had swallowed once more costs up to 128 k characters each time.
_MOST_RECOVERIES = 200
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def read_csv(file: BinaryIO) -> Sheet:
    """Return the table of a CSV text; its first filled line names the columns.

    UTF-8, UTF-16 with a mark, GB18030 and Big5; comma, tab, semicolon or bar. A quote that is never closed costs
    its own line: reading goes on in the line after.

    Raises:
        SheetError: no line, or the header cannot be read.
    """
    encoding = encoding_of(file)
    file.seek(0)
    lines = _Lines(file, encoding)
    records = _records(lines, _delimiter(lines))
    line, header = next(records, (0, "文件是空的 (the file is empty)"))
    if isinstance(header, str):
        raise SheetError(f"第 {line} 行: {header}" if line else header)
    columns = column_names(header)
    return Sheet(columns=columns, rows=capped(_rows(records, columns)))


def encoding_of(file: BinaryIO) -> str:
    """Return the encoding of a text by `collectors.encoding`, read in pieces.

    A file is often ASCII for long: the piece with the first byte that is no UTF-8 decides.
    """
    file.seek(0)
    piece = file.read(_CHUNK)
    for mark, encoding in _MARKS:
        if piece.startswith(mark):
            return encoding
    utf8 = codecs.getincrementaldecoder("utf-8")()
    at = 0
    while piece:
        try:
            utf8.decode(piece)
        except UnicodeDecodeError:
            return _decided(_sample(file, at))
        at += len(piece)
        piece = file.read(_CHUNK)
    return "utf-8"


def _sample(file: BinaryIO, at: int) -> bytes:
    """Return whole lines around a place: cut into a character, GB18030 reads as another text."""
    start = max(0, at - _CHUNK)
    file.seek(start)
    sample = file.read(_SAMPLE)
    first = sample.find(b"\n") + 1 if start else 0
    last = sample.rfind(b"\n")
    return sample[first : last if last > first and len(sample) == _SAMPLE else None]


def _decided(sample: bytes) -> str:
    found = decode(sample).encoding
    if found != "cp1252":
        return found
    try:  # names and rare characters only: too few common ones to be known by
        sample.decode("gb18030")
    except UnicodeDecodeError:
        return found
    return "gb18030"


class _Lines:
    """The physical lines of a text, numbered from 1, those of the current record kept to be given again."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._text = io.TextIOWrapper(
            io.BufferedReader(_Kept(file)), encoding=encoding, errors="replace", newline=""
        )
        self._again: deque[str] = deque()
        self._record: list[str] = []
        self._recoveries = 0
        self.next_line = 1

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else self._read()
        self._record.append(line)
        self.next_line += 1
        return line

    def peek(self) -> str:
        """Return the next line without taking it, "" at the end."""
        if not self._again and (line := self._text.readline(LONGEST_LINE)):
            self._again.append(line)
        return self._again[0] if self._again else ""

    def skip(self) -> None:
        """Leave out the next line."""
        self._again.popleft()
        self.next_line += 1

    def begin(self) -> int:
        """Start a record; returns its line."""
        self._record.clear()
        return self.next_line

    def recover(self) -> None:
        """Give all lines of the record but its first one again; a file of nothing but open quotes is not."""
        self._recoveries += 1
        if self._recoveries <= _MOST_RECOVERIES and len(self._record) > 1:
            self._again.extendleft(reversed(self._record[1:]))
            self.next_line -= len(self._record) - 1

    def _read(self) -> str:
        line = self._text.readline(LONGEST_LINE)
        if len(line) == LONGEST_LINE and not line.endswith(("\n", "\r")):
            while rest := self._text.readline(LONGEST_LINE):
                if rest.endswith(("\n", "\r")):
                    break
            self._record.append("")
            self.next_line += 1
            raise csv.Error(f"line over {LONGEST_LINE} characters")
        if not line:
            raise StopIteration
        return line


class _Kept(io.RawIOBase):
    """A file that stays open when its reader is thrown away; it belongs to the caller."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer will do
        """Fill the buffer."""
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)


def _delimiter(lines: _Lines) -> str:
    """Return what the first filled line is cut by; Excel may say it in a line ``sep=;``."""
    while (line := lines.peek()) and not line.strip("\ufeff\r\n\t ,;|"):
        lines.skip()
    bare = line.strip("\ufeff\r\n").lower()
    if bare.startswith("sep=") and len(bare) == len("sep=") + 1:
        lines.skip()
        return bare[-1]
    return max(DELIMITERS, key=lambda delimiter: _width(line, delimiter))


def _width(line: str, delimiter: str) -> int:
    try:
        return len(next(csv.reader([line], delimiter=delimiter), ()))
    except csv.Error:
        return 0


def _records(lines: _Lines, delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """Yield each record, or why it cannot be read, with the line where it begins."""
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line = lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.recover()
            yield line, f"CSV 格式有误,多半是引号没有成对 (broken CSV, most likely quotes: {error})"
            continue
        yield line, cells


def _rows(
    records: Iterator[tuple[int, list[str] | str]], columns: tuple[str, ...]
) -> Iterator[SheetRow]:
    for line, cells in records:
        if isinstance(cells, str):
            yield SheetRow(line, {}, cells)
        elif row := row_of(line, columns, cells):
            yield row
