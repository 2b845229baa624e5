"""CSV for spreadsheets: marked as UTF-8, and no cell that a spreadsheet would run as a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

BOM = "\ufeff"
MEDIA_TYPE = "text/csv; charset=utf-8"
# Full-width signs too: spreadsheets of East Asian locales read them as the plain ones.
FORMULA_SIGNS = frozenset("=+-@＝＋－＠\t\r\n")


def guarded(cell: object) -> object:
    """Return a text cell with an apostrophe before anything that would start a formula.

    Numbers stay numbers: a score of −0.5 is no formula.
    """
    if isinstance(cell, str) and cell.lstrip(" ")[:1] in FORMULA_SIGNS:
        return f"'{cell}"
    return cell


def lines(rows: Iterable[Sequence[object]]) -> str:
    """Return rows as CSV text (RFC 4180, CRLF)."""
    sheet = io.StringIO()
    csv.writer(sheet).writerows([guarded(cell) for cell in row] for row in rows)
    return sheet.getvalue()
