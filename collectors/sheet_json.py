"""JSON lines, or one JSON array, as a table: columns are the keys, inner ones with a dot."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import BinaryIO

import msgspec

from collectors.encoding import to_utf8
from collectors.sheet import LONGEST_NAME, MOST_COLUMNS, Cell, Sheet, SheetError, SheetRow, capped

LONGEST_LINE = 4_000_000
MOST_ARRAY_BYTES = 64_000_000
_LOOKED_AT = 100
_DEEPEST = 3
_MARK = b"\xef\xbb\xbf"


def read_json(file: BinaryIO) -> Sheet:
    """Return the table of JSON lines or of one array; ``columns`` are the keys of the first 100 rows.

    Raises:
        SheetError: an array that is no JSON, or is over 64 MB (lines have no such limit).
    """
    file.seek(0)
    rows = _array(file) if _is_array(file) else _lines(file)
    first = list(islice(rows, _LOOKED_AT))
    columns = dict.fromkeys(name for row in first for name in _names(row.cells))
    return Sheet(columns=tuple(islice(columns, MOST_COLUMNS)), rows=capped(chain(first, rows)))


def _is_array(file: BinaryIO) -> bool:
    """Whether the file is one array, and not lines of which the first happens to be one."""
    head = file.read(LONGEST_LINE).removeprefix(_MARK).lstrip()
    file.seek(0)
    if not head.startswith(b"["):
        return False
    try:
        msgspec.json.decode(head.partition(b"\n")[0])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return True
    return b"\n" not in head.rstrip()


def _array(file: BinaryIO) -> Iterator[SheetRow]:
    body = file.read(MOST_ARRAY_BYTES + 1)
    if len(body) > MOST_ARRAY_BYTES:
        raise SheetError(
            f"JSON 数组超过 {MOST_ARRAY_BYTES} 字节,请改用 JSON 行 (use JSON lines for so much)"
        )
    try:
        items = msgspec.json.decode(to_utf8(body)[0], type=list[msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SheetError(f"不是有效的 JSON 数组 (no valid JSON array: {error})") from None
    return (_row(number, bytes(item)) for number, item in enumerate(items, 1))


def _lines(file: BinaryIO) -> Iterator[SheetRow]:
    for number, line in enumerate(_capped_lines(file), 1):
        text = line.removeprefix(_MARK) if number == 1 else line
        if len(text) > LONGEST_LINE:
            reason = f"这一行超过 {LONGEST_LINE} 字节 (the line is over {LONGEST_LINE} bytes)"
            yield SheetRow(number, {}, reason)
        elif text.strip():
            yield _row(number, text)


def _capped_lines(file: BinaryIO) -> Iterator[bytes]:
    while line := file.readline(LONGEST_LINE + 1):
        while len(line) > LONGEST_LINE and not line.endswith(b"\n"):
            rest = file.readline(LONGEST_LINE)
            if not rest or rest.endswith(b"\n"):
                break
        yield line


def _row(number: int, text: bytes) -> SheetRow:
    try:
        found = msgspec.json.decode(_as_utf8(text))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return SheetRow(number, {}, f"不是有效的 JSON (no valid JSON: {error})")
    if not isinstance(found, dict):
        return SheetRow(number, {}, "每行应为一个 JSON 对象 (each row must be a JSON object)")
    return SheetRow(number, found, is_object=True)


def _as_utf8(text: bytes) -> bytes:
    try:
        text.decode()
    except UnicodeDecodeError:
        return to_utf8(text)[0]
    return text


def _names(cells: Mapping[str, Cell], depth: int = 1) -> Iterable[str]:
    for name, value in cells.items():
        if isinstance(value, Mapping) and value and depth < _DEEPEST:
            yield from (f"{name}.{inner}"[:LONGEST_NAME] for inner in _names(value, depth + 1))
        else:
            yield name[:LONGEST_NAME]


def cell_at(cells: Mapping[str, Cell], column: str) -> Cell:
    """Return the cell of a column, of an inner key by its dotted name; None where there is none."""
    if column in cells or "." not in column:
        return cells.get(column)
    found: Cell = cells
    for part in column.split("."):
        if not isinstance(found, Mapping):
            return None
        found = found.get(part)
    return found
