"""Keyword lists as a table for people who keep them in Excel.

Columns ``name, kind, aliases, keywords, exclude, enabled``; several entries of a cell stand on lines
of their own (Alt+Enter in Excel), as ``|`` and commas may be part of an expression.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from monitor.api.answers import Row
from monitor.api.problems import Problem, Wrong, invalid, pointer_of
from monitor.api.schemas import KeywordListIn

COLUMNS = ("name", "kind", "aliases", "keywords", "exclude", "enabled")
CHINESE = {
    "名称": "name",
    "类型": "kind",
    "别名": "aliases",
    "关键词": "keywords",
    "排除": "exclude",
    "启用": "enabled",
}
SEVERAL = frozenset({"aliases", "keywords", "exclude"})
TRUE = frozenset({"", "true", "1", "yes", "是", "启用"})
FALSE = frozenset({"false", "0", "no", "否", "停用"})
# A spreadsheet runs a cell that begins like this; the quote before it says "text".
FORMULA = ("=", "+", "-", "@", "\t", "\r")
MOST_ROWS = 5_000


def write(rows: Iterable[Row]) -> bytes:
    """Return the lists as CSV, UTF-8 with a byte order mark (Excel needs it)."""
    out = io.StringIO()
    table = csv.writer(out, lineterminator="\r\n")
    table.writerow(COLUMNS)
    for row in rows:
        table.writerow([_guarded(_cell(row[name])) for name in COLUMNS])
    return out.getvalue().encode("utf-8-sig", "replace")


def read(body: bytes) -> list[tuple[int, dict[str, str]]]:
    """Return the rows below the header by column, each with its number in the table (the first is 2).

    Empty rows are left out.

    Raises:
        Problem: 422 when it is no CSV in UTF-8 or GB18030, or columns are unknown or missing.
    """
    try:
        lines = list(csv.reader(io.StringIO(_decoded(body), newline="")))
    except csv.Error as error:
        raise invalid("#", f"不是 CSV: {error} (no CSV)") from None
    if not lines:
        raise invalid("#", "文件是空的 (the file is empty)")
    header = [CHINESE.get(name.strip(), name.strip()) for name in lines[0]]
    _check_header(header)
    if len(lines) > MOST_ROWS + 1:
        raise invalid("#", f"一次最多 {MOST_ROWS} 行 (at most {MOST_ROWS} rows a file)")
    numbered = enumerate(lines[1:], 2)
    return [
        (number, dict(zip(header, line, strict=False))) for number, line in numbered if any(line)
    ]


def parse_row(cells: Mapping[str, str]) -> KeywordListIn | list[Wrong]:
    """Return the list a row describes, or what is wrong with it."""
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        text = _unguarded(cell).strip()
        if name in SEVERAL:
            values[name] = [entry.strip() for entry in text.splitlines() if entry.strip()]
        elif name == "enabled":
            values[name] = _truth(text)
        elif text:
            values[name] = text
    try:
        return KeywordListIn.model_validate(values)
    except ValidationError as error:
        return [
            Wrong(pointer_of(("body", *item["loc"])), item["msg"].removeprefix("Value error, "))
            for item in error.errors(include_url=False, include_input=False)
        ]


def _decoded(body: bytes) -> str:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise invalid(
        "#", "文件既不是 UTF-8 也不是 GB18030,请另存为 CSV UTF-8 (neither UTF-8 nor GB18030)"
    )


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or "name" not in header or len(set(header)) != len(header):
        raise Problem(
            "invalid",
            f"第一行必须是列名 {', '.join(COLUMNS)},至少有 name (the first row names the columns, at least name)",
            errors=[Wrong(f"#/{name}", "unknown column") for name in unknown],
        )


def _truth(text: str) -> object:
    lower = text.lower()
    if lower in TRUE:
        return True
    return False if lower in FALSE else text


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "\n".join(value) if isinstance(value, list) else str(value)


def _guarded(text: str) -> str:
    return f"'{text}" if text.startswith(FORMULA) else text


def _unguarded(text: str) -> str:
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
