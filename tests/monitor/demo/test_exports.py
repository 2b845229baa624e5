"""The demo's exported files: cut in time, complete, and read by the import's own reader."""

from __future__ import annotations

import io
from collections import Counter
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from collectors.column_map import Constants, map_columns
from collectors.sheet import read_sheet
from monitor.demo.exports import CUTS, HEADER, Export, Exports, exported_until
from monitor.demo.scenario import BAD_DAY, DAY, DAYS, load
from tests.monitor.demo.visiting import DAY0

SCENARIO = load()
SOURCE = next(source for source in SCENARIO.sources if source.slug == "suda")
POSTS = SCENARIO.of_source("suda")
HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
BAD = BAD_DAY * DAY


def _files(directory: Path) -> list[Export]:
    exports = Exports(SOURCE, POSTS, DAY0, directory)
    return [file for number in range(len(CUTS)) if (file := exports.file(number))]


def test_files_are_cut_every_morning_and_then_every_quarter_of_an_hour() -> None:
    calm = [cut for cut in CUTS if cut < BAD + 12 * HOUR]
    hurried = [cut for cut in CUTS if cut >= BAD + 12 * HOUR]
    assert calm == [day * DAY + 9 * HOUR for day in range(DAYS)]
    assert hurried[0] == BAD + 13 * HOUR + 30 * MINUTE
    assert hurried[-1] == DAYS * DAY
    assert {later - one for one, later in pairwise(hurried)} == {15 * MINUTE}


@pytest.mark.parametrize(
    ("offset", "expected"),
    [
        pytest.param(timedelta(), timedelta(), id="before the first file"),
        pytest.param(9 * HOUR, 9 * HOUR, id="the moment of the first"),
        pytest.param(DAY + 8 * HOUR, 9 * HOUR, id="yesterday's is the last"),
        pytest.param(BAD + 13 * HOUR + 44 * MINUTE, BAD + 13 * HOUR + 30 * MINUTE, id="crisis"),
        pytest.param(20 * DAY, DAYS * DAY, id="after the end"),
    ],
)
def test_what_was_exported_ends_at_the_last_cut(offset: timedelta, expected: timedelta) -> None:
    assert exported_until(offset) == expected


def test_every_complaint_stands_in_one_file_and_no_file_is_empty(tmp_path: Path) -> None:
    found = Counter[str]()
    for file in _files(tmp_path):
        rows = list(read_sheet(io.BytesIO(file.body), file.name).rows)
        assert rows
        found.update(str(row.cells["投诉编号"]) for row in rows)
    assert found == Counter(post.external_id for post in POSTS)


def test_a_file_is_gb18030_and_its_headers_are_understood(tmp_path: Path) -> None:
    file = _files(tmp_path)[0]
    assert file.name == "suda-20261105-0900.csv"
    with pytest.raises(UnicodeDecodeError):
        file.body.decode("utf-8")
    assert file.body.decode("gb18030").splitlines()[0] == ",".join(HEADER)
    sheet = read_sheet(io.BytesIO(file.body), file.name)
    mapping = map_columns(sheet.columns, {}, Constants(source="诉达投诉"))
    assert mapping.unmapped(sheet.columns) == []
    assert mapping.columns["external_id"] == "投诉编号"
    assert mapping.columns["text"] == "投诉内容"


def test_a_file_holds_what_came_between_its_cut_and_the_one_before(tmp_path: Path) -> None:
    exports = Exports(SOURCE, POSTS, DAY0, tmp_path)
    number = CUTS.index(BAD + 15 * HOUR)
    file = exports.file(number)
    assert file is not None
    told = {row.cells["投诉编号"] for row in read_sheet(io.BytesIO(file.body), file.name).rows}
    assert told == {p.external_id for p in POSTS if CUTS[number - 1] < p.offset <= CUTS[number]}


def test_where_nobody_complained_there_is_no_file(tmp_path: Path) -> None:
    assert Exports(SOURCE, POSTS[-1:], DAY0, tmp_path).file(0) is None
