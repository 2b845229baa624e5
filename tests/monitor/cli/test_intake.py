"""``monitor ingest`` takes files of every kind through the door of ``/imports``, and pipes row by row."""

from __future__ import annotations

import io
import json

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from monitor.app import build
from monitor.cli.intake import Wish, ingest_file
from monitor.cli.texts import STDIN, Failed
from monitor.config import Settings
from monitor.storage import migrate
from monitor.storage.tables import post

SHEET = "正文,点赞\n云雀汽车很好,3\n云雀汽车起火,许多\n"


@pytest.fixture
def app(tmp_path):
    made = build(Settings(data_dir=tmp_path / "data"))
    migrate.upgrade(made.database)
    yield made
    made.database.close()


@pytest.fixture
def sheet(tmp_path):
    path = tmp_path / "导出.csv"
    path.write_bytes(SHEET.encode("gb18030"))
    return path


def count(app):
    with app.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(post))


def test_a_file_is_imported_once(app, sheet, capsys):
    wish = Wish(source="导出")
    assert ingest_file(app, sheet, wish) == 1
    told = capsys.readouterr().err
    assert "第 3 行 点赞: 不是数字" in told
    assert "新增 created 1" in told
    assert ingest_file(app, sheet, wish) == 1
    assert "此文件已导入过" in capsys.readouterr().err
    assert count(app) == 1


def test_each_row_is_answered_as_json(app, sheet, capsys):
    ingest_file(app, sheet, Wish(source="导出", as_json=True))
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["index"], row["line"], row["status"]) for row in rows] == [
        (0, 2, "created"),
        (1, 3, "rejected"),
    ]
    assert rows[1]["pointer"] == "#/1/点赞"


def test_a_pipe_is_answered_each_time(app, capsys):
    for status in ("created", "duplicate"):
        pipe = io.BytesIO('{"source":"站","text":"好"}\n'.encode())
        assert ingest_file(app, STDIN, Wish(as_json=True), pipe) == 0
        assert json.loads(capsys.readouterr().out)["status"] == status
    assert ingest_file(app, STDIN, Wish(), io.BytesIO(b"")) == 0


def test_a_dry_run_shows_mapping_and_posts_and_stores_nothing(app, tmp_path, capsys):
    book = Workbook()
    for row in (["说了什么", "备注"], ["云雀汽车趴窝", "x"]):
        book.active.append(row)
    path, mapping = tmp_path / "表.xlsx", tmp_path / "map.json"
    book.save(path)
    mapping.write_text('{"text": "说了什么"}', encoding="utf-8")
    for given in (str(mapping), '{"text": "说了什么"}'):
        assert ingest_file(app, path, Wish(mapping=given, source="表", dry_run=True)) == 0
        told = capsys.readouterr()
        assert "text ← 说了什么" in told.out
        assert "unmapped: 备注" in told.out
        assert "云雀汽车趴窝" in told.out
        assert "没有写入" in told.err
    ingest_file(app, path, Wish(mapping=given, source="表", dry_run=True, as_json=True))
    assert json.loads(capsys.readouterr().out)["accepted"] == 1
    assert count(app) == 0


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(), "来源"),
        (Wish(source="a", mapping="{"), "--map"),
        (Wish(source="a", mapping="nowhere.json"), "nowhere.json"),
        (Wish(source="a", mapping='{"text": "没有"}'), "没有列"),
        (Wish(source="a", kind="novel"), "--kind"),
        (Wish(source="a", timezone="Mars/Base"), "--timezone"),
    ],
    ids=["no source", "no json", "no file", "no column", "kind", "zone"],
)
def test_what_cannot_be_used_is_one_sentence(app, sheet, wish, told):
    with pytest.raises(Failed, match=told):
        ingest_file(app, sheet, wish)
    assert count(app) == 0
