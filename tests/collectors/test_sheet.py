"""Tables of every make come out row by row; hostile ones are refused or contained."""

from __future__ import annotations

import contextlib
import io
import random
import tracemalloc
import zipfile
from datetime import datetime

import pytest
from openpyxl import Workbook

from collectors.sheet import SheetError, read_sheet

NAIVE = datetime(2026, 3, 9, 10, 20)  # noqa: DTZ001  # a workbook knows no zone

HEADER = "标题,内容,发布时间\r\n"


def read(body: bytes, name: str = ""):
    sheet = read_sheet(io.BytesIO(body), name)
    return sheet.columns, list(sheet.rows)


def good(rows):
    return [(row.line, dict(row.cells)) for row in rows if row.trouble is None]


def troubles(rows):
    return [(row.line, row.trouble) for row in rows if row.trouble is not None]


def workbook(*rows) -> bytes:
    book = Workbook()
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def changed(body: bytes, **parts: bytes) -> bytes:
    """Return a workbook with parts replaced; ``__`` in a name is a slash, ``_xml`` its ending."""
    out = io.BytesIO()
    new = {name.replace("__", "/").replace("_xml", ".xml"): part for name, part in parts.items()}
    with zipfile.ZipFile(io.BytesIO(body)) as old, zipfile.ZipFile(out, "w", 8) as made:
        for member in old.namelist():
            if member not in new:
                made.writestr(member, old.read(member))
        for name, part in new.items():
            made.writestr(name, part)
    return out.getvalue()


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "gb18030", "big5hkscs", "utf-16"], ids=str
)
@pytest.mark.parametrize("delimiter", list(",\t;|"), ids=["comma", "tab", "semicolon", "bar"])
def test_a_csv_is_read_in_any_usual_encoding_and_delimiter(encoding, delimiter):
    text = '標題,內容\r\n公告,"我們的新車,在這裡說了""好""\n第二行"\r\n,\r\n後,這是人的\r\n'
    told = text.replace(",", delimiter)
    columns, rows = read(told.encode(encoding))
    assert columns == ("標題", "內容")
    quoted = f'我們的新車{delimiter}在這裡說了"好"\n第二行'
    assert good(rows) == [
        (2, {"標題": "公告", "內容": quoted}),
        (5, {"標題": "後", "內容": "這是人的"}),
    ]
    assert troubles(rows) == []


def test_gb18030_is_told_also_after_a_megabyte_of_ascii():
    body = b"a,b\n" + b"plain,text\n" * 100_000 + "老王,的确不是这样\n".encode("gb18030")
    _, rows = read(body)
    assert rows[-1].cells == {"a": "老王", "b": "的确不是这样"}
    assert len(rows) == 100_001


def test_excel_may_say_what_it_cuts_by():
    assert read(b"sep=;\r\na;b,c\r\n1;2\r\n") == (
        ("a", "b,c"),
        [(3, {"a": "1", "b,c": "2"}, None, False)],
    )


def test_a_quote_that_is_never_closed_costs_its_own_line_only():
    lines = [f"题{n},正文{n},昨天" for n in range(300)]
    lines[10] = '题10,"没有收尾,昨天'
    lines[200] = '题200,"收了"又写,昨天'
    _, rows = read((HEADER + "\r\n".join(lines)).encode())
    assert [line for line, _ in troubles(rows)] == [12, 202]
    assert len(good(rows)) == 298
    assert all("引号" in reason for _, reason in troubles(rows))


def test_a_file_of_open_quotes_only_is_given_up_in_time():
    body = (HEADER + '好,"坏\n' * 60_000).encode()
    _, rows = read(body)
    assert not good(rows)
    assert len(rows) < 60_000


def test_a_row_longer_than_its_header_is_refused_and_a_shorter_one_is_not():
    _, rows = read(b"a,b\n1,2,3\n1\n1,2,,\n")
    assert [line for line, _ in troubles(rows)] == [2]
    assert good(rows) == [(3, {"a": "1"}), (4, {"a": "1", "b": "2"})]


def test_an_endless_line_is_one_reject_and_takes_bounded_memory():
    class Endless(io.RawIOBase):
        """A header, 200 MB of one cell, and a good row; only what is asked for is made."""

        parts = (b"a,b\n", 200_000_000, b"\n1,2\n")

        def __init__(self):
            self.at = 0

        def readable(self):
            return True

        def seekable(self):
            return True

        def seek(self, place, whence=0):
            self.at = place
            return place

        def readinto(self, buffer):
            head, middle, tail = self.parts
            if self.at < len(head):
                piece = head[self.at : self.at + len(buffer)]
            elif self.at < len(head) + middle:
                piece = b"x" * min(len(buffer), len(head) + middle - self.at)
            else:
                start = self.at - len(head) - middle
                piece = tail[start : start + len(buffer)]
            buffer[: len(piece)] = piece
            self.at += len(piece)
            return len(piece)

    tracemalloc.start()
    try:
        sheet = read_sheet(Endless())
        rows = list(sheet.rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert [line for line, _ in troubles(rows)] == [2]
    assert good(rows) == [(3, {"a": "1", "b": "2"})]
    assert peak < 40_000_000


def test_rows_are_streamed_memory_does_not_grow_with_them():
    body = HEADER.encode() + ("云雀汽车又趴窝了," + "正文" * 40 + ",昨天\r\n").encode() * 100_000
    file = io.BytesIO(body)
    tracemalloc.start()
    try:
        count = sum(1 for _ in read_sheet(file).rows)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == 100_000
    assert peak < 5_000_000, f"{len(body):,} bytes took {peak:,}"


def test_repeated_and_missing_column_names_stay_apart():
    columns, _ = read("内容,内容,,换\n1,2,3,4\n".encode())
    assert columns == ("内容", "内容 (2)", "第 3 列", "换")


def test_a_workbook_gives_dates_numbers_and_row_numbers():
    rows = [
        [],
        ["标题", "时间", "点赞", "评分"],
        ["好车", NAIVE, 12.0, 4.5],
        [],
        ["坏车", None, "#N/A", "=1+1"],
    ]
    columns, found = read(workbook(*rows))
    assert columns == ("标题", "时间", "点赞", "评分")
    assert good(found) == [
        (3, {"标题": "好车", "时间": NAIVE, "点赞": 12, "评分": 4.5}),
        (5, {"标题": "坏车"}),
    ]


def test_a_formula_is_its_stored_result_and_never_run():
    _, rows = read(workbook(["内容"], ['=HYPERLINK("http://x.example","点我")'], ["正文"]))
    assert good(rows) == [(3, {"内容": "正文"})]


SHEET = (
    b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">%s</worksheet>'
)
LINK = (
    b'<externalLink xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    b'<externalBook r:id="rId1" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"/>'
    b"</externalLink>"
)


def test_links_to_other_files_are_not_followed():
    body = changed(workbook(["内容"], ["正文"]), xl__externalLinks__externalLink1_xml=LINK)
    assert good(read(body)[1]) == [(2, {"内容": "正文"})]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: b"", "空"),
        (lambda: b" \n \r\n", "空"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "xls"),
        (lambda: b"PK\x03\x04 and no more", "损坏"),
        (lambda: workbook(["内容"], ["正文"])[:-900], "损坏"),
        (lambda: changed(workbook(["a"]), xl__worksheets__sheet1_xml=b"<broken"), "损坏"),
        (workbook, "没有数据"),
        (
            lambda: changed(workbook(["a"]), xl__worksheets__sheet1_xml=SHEET % (b" " * 30_000_000)),
            "过大",
        ),
        (
            lambda: changed(
                workbook(["a"]),
                xl__sharedStrings_xml=b'<!DOCTYPE a [<!ENTITY b "cccc">]><sst>&b;</sst>',
            ),
            "DTD",
        ),
        (lambda: b"[{]", "JSON"),
        (lambda: ",".join(f"c{n}" for n in range(600)).encode(), "512"),
        (lambda: workbook([f"c{n}" for n in range(600)]), "512"),
    ],
    ids=[
        "empty", "blank", "old xls", "no zip", "cut", "broken xml", "no cells", "zip bomb", "dtd", "no json",
        "too many columns", "too many columns of a workbook",
    ],
)  # fmt: skip
def test_a_file_that_is_no_table_is_refused_with_a_remedy(make, told):
    with pytest.raises(SheetError, match=told):
        read(make())


def test_a_declared_size_and_a_far_row_are_not_believed():
    cells = (
        b'<dimension ref="A1:XFD1048576"/><sheetData>'
        b'<row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
        b'<row r="9"><c r="A9"><v>1</v></c></row>'
        b'<row r="99999999999"><c r="A99999999999"><v>2</v></c></row></sheetData>'
    )
    body = changed(workbook(["x"]), xl__worksheets__sheet1_xml=SHEET % cells)
    assert good(read(body)[1]) == [(9, {"a": 1})]


def test_rows_before_the_damage_of_a_workbook_are_kept():
    head = b'<dimension ref="A1:A9"/><sheetData><row r="1"><c r="A1" t="inlineStr"><is><t>a</t></is></c></row>'
    more = b"".join(b'<row r="%d"><c r="A%d"><v>1</v></c></row>' % (n, n) for n in range(2, 9_000))
    body = changed(workbook(["x"]), xl__worksheets__sheet1_xml=(SHEET % (head + more))[:-40])
    columns, rows = read(body)
    assert columns == ("a",)
    assert good(rows)[0] == (2, {"a": 1})
    assert len(good(rows)) > 4_000
    assert [line for line, _ in troubles(rows)] == [good(rows)[-1][0] + 1]


@pytest.mark.parametrize("as_array", [False, True], ids=["lines", "array"])
def test_json_objects_are_rows_and_others_are_not(as_array):
    lines = ['{"标题":"一","author":{"name":"老王"}}', "[1]", "7", '{"标题":"二"}']
    body = f"[{','.join(lines)}]" if as_array else "\n\n".join(lines)
    columns, rows = read(body.encode())
    assert columns == ("标题", "author.name")
    assert [row.cells["标题"] for row in rows if not row.trouble] == ["一", "二"]
    assert len(troubles(rows)) == 2
    assert troubles(rows)[0][0] == (2 if as_array else 3)


def test_a_broken_json_line_is_one_reject():
    _, rows = read('{"a":1}\n{broken\n{"a":"的"}\n'.encode("gb18030"))
    assert [line for line, _ in troubles(rows)] == [2]
    assert [row.cells for row in rows if not row.trouble] == [{"a": 1}, {"a": "的"}]


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_workbook_is_an_error_of_ours_or_rows(seed):
    body = bytearray(workbook(["内容", "b"], *(["正文", n] for n in range(50))))
    dice = random.Random(seed)
    for _ in range(dice.randrange(1, 30)):
        body[dice.randrange(4, len(body))] = dice.randrange(256)
    with contextlib.suppress(SheetError):
        read(bytes(body))
