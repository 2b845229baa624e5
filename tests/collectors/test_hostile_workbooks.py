"""Workbooks of half a megabyte that would take half a gigabyte."""

from __future__ import annotations

import io
import zipfile

import pytest
from openpyxl import Workbook

from collectors.sheet import SheetError
from collectors.sheet_xlsx import read_xlsx

NS = 'xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"'
FILLING = "".join(f"<!--{number * 7919 % 999_983}-->" for number in range(60_000))
PARTS = {
    "styles": ("xl/styles.xml", f"<styleSheet {NS}><cellXfs>{'<xf/>' * 800_000}{FILLING}</cellXfs></styleSheet>"),
    "texts": ("xl/sharedStrings.xml", f"<sst {NS}>{'<si><t>a</t></si>' * 1_100_000}{FILLING}</sst>"),
    "names": ("xl/workbook.xml", f"<workbook {NS}>{'<definedName/>' * 300_000}{FILLING}</workbook>"),
    "one row": (
        "xl/worksheets/sheet1.xml",
        f"<worksheet {NS}><sheetData><row><c><is>{'<r><t>x</t></r>' * 800_000}{FILLING}</is></c></row></sheetData></worksheet>",
    ),
}  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_workbook_that_would_fill_the_memory_is_refused(part: str) -> None:
    with pytest.raises(SheetError, match="解压后过大"):
        read_xlsx(_book(*PARTS[part]))


def test_pictures_beside_the_rows_are_no_reason_to_refuse() -> None:
    sheet = read_xlsx(_book("xl/media/image1.png", FILLING * 6))
    assert [row.cells["text"] for row in sheet.rows] == ["云雀起火"]


def _book(name: str, content: str) -> io.BytesIO:
    book = Workbook()
    book.active.append(["text"])
    book.active.append(["云雀起火"])
    plain, made = io.BytesIO(), io.BytesIO()
    book.save(plain)
    with zipfile.ZipFile(plain) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for member in old.infolist():
            if member.filename != name:
                new.writestr(member.filename, old.read(member))
        new.writestr(name, content)
    return made
