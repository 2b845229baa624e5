"""``/imports``: rehearsed, stored in chunks, gone on with after a kill, and the same file twice changes nothing."""

from __future__ import annotations

import asyncio
import io
import json
from datetime import UTC, datetime

import pytest
from openpyxl import Workbook
from sqlalchemy import func, select

from collectors.column_map import Constants
from monitor.api.importing import ImportBusy, Plan, Upload, import_file
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst
from monitor.storage import imports
from monitor.storage.tables import import_job, post, source

NAIVE = datetime(2026, 3, 9, 10, 20)  # noqa: DTZ001  # a workbook knows no zone

IMPORTS = "/api/v1/imports"
ONE_DIALECT = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SHEET = (
    "标题,内容,链接,发布时间,作者,粉丝数,点赞,评分,备注\r\n"
    "新车,云雀汽车起火了,https://a.example/1,2026年3月9日 10:20,老王,1.2万,3,1,x\r\n"
    "坏,没有数,,2026-03-09,老李,许多,,,\r\n"
    "早,太早的,,1960-01-01,,,,,\r\n"
    "好,很不错,,昨天 12:30,,,,★★★★☆,\r\n"
)


class Failing:
    """Understands ``left`` batches and is then killed."""

    def __init__(self, left: int) -> None:
        self.left = left
        self._inline = InlineAnalyst()

    async def understand(self, rules, documents):
        if self.left == 0:
            raise RuntimeError("killed")
        self.left -= 1
        return self._inline.understand_now(rules, documents)

    def close(self) -> None:
        pass


def send(api, body, name="表.csv", **fields):
    return api.post(IMPORTS, files={"file": (name, body)}, data={"source": "小红书导出", **fields})


def count(needs, table=post):
    with needs.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def stored(needs):
    with needs.database.read() as connection:
        query = select(post, source.c.name.label("source")).join(
            source, source.c.id == post.c.source_id
        )
        return {row["title"]: row for row in connection.execute(query).mappings()}


@pytest.mark.parametrize("encoding", ["gb18030", "utf-8-sig"])
def test_a_chinese_export_is_stored_and_its_bad_rows_are_answered(api, needs, encoding):
    answer = send(api, SHEET.encode(encoding))
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["rows_done"], body["created"], body["rejected"]) == (4, 2, 2)
    assert [(one["line"], one["column"]) for one in body["rejects"]] == [
        (3, "粉丝数"),
        (4, "发布时间"),
    ]
    assert body["finished_at"]
    rows = stored(needs)
    assert rows.keys() == {"新车", "好"}
    new = rows["新车"]
    assert (new["source"], new["author_name"], new["followers"]) == ("小红书导出", "老王", 12_000)
    assert new["published_at"] == datetime(2026, 3, 9, 2, 20, tzinfo=UTC)
    assert (new["kind"], new["rating"], new["metrics"]) == ("review", 0.0, {"likes": 3})
    assert rows["好"]["published_at"] == datetime(2026, 3, 9, 4, 30, tzinfo=UTC)
    assert body["source_id"] == new["source_id"]


def test_the_same_file_again_changes_nothing(api, needs):
    first = send(api, SHEET.encode()).json()
    again = send(api, SHEET.encode(), name="另一个名字.csv").json()
    assert again["repeated"]
    assert {**again, "repeated": False, "rows_before": 0} == first
    assert count(needs) == 2
    assert count(needs, import_job) == 1
    other = send(api, SHEET.encode(), mapping='{"title": null}').json()
    assert other["id"] != first["id"]
    assert (other["repeated"], other["created"]) == (False, 1)


def test_a_dry_run_shows_the_posts_and_stores_nothing(api, needs):
    for _ in range(2):
        answer = send(api, SHEET.encode("gb18030"), dry_run="true")
        assert answer.status_code == 200, answer.text
        body = answer.json()
        assert (body["rows"], body["accepted"], body["rejected"]) == (4, 2, 2)
        assert body["unmapped"] == ["备注"]
        assert body["mapping"]["columns"]["author.followers"] == "粉丝数"
        assert "text" in body["guessed"]
        assert [one["line"] for one in body["posts"]] == [2, 5]
        assert body["posts"][0]["published_at"] == "2026-03-09T02:20:00Z"
        assert body["posts"][0]["author"]["followers"] == 12_000
        assert [(one["line"], one["column"]) for one in body["rejects"]] == [
            (3, "粉丝数"),
            (4, "发布时间"),
        ]
    assert (count(needs), count(needs, source), count(needs, import_job)) == (0, 0, 0)


def test_a_killed_import_goes_on_where_it_stopped(needs):
    lines = [f"云雀汽车第{n}条,{'许多' if n == 1500 else n}" for n in range(3_500)]
    upload = Upload(file=io.BytesIO("\n".join(["内容,点赞", *lines]).encode()), name="大.csv")
    plan = Plan(constants=Constants(source="导出"), zone=needs.settings.zone)
    killed = Analysing(database=needs.database, analyst=Failing(2), clock=needs.clock)
    with pytest.raises(RuntimeError, match="killed"):
        asyncio.run(import_file(killed, upload, plan, actor="test"))
    assert count(needs) == 1_999
    with needs.database.read() as connection:
        job = imports.get(connection, 1)
    assert (job["rows_done"], job["created"], job["finished_at"]) == (2_000, 1_999, None)

    heard = []
    done = asyncio.run(
        import_file(
            needs.analysing, upload, plan, actor="test", tell=lambda _, rows: heard.extend(rows)
        )
    )
    assert (done.rows_before, done.was_finished, len(heard)) == (2_000, False, 1_500)
    job = done.job
    assert (job["rows_done"], job["created"], job["duplicate"], job["rejected"]) == (
        3_500,
        3_499,
        0,
        1,
    )
    assert [one["line"] for one in job["rejects"]] == [1_502]
    assert count(needs) == 3_499

    again = asyncio.run(import_file(needs.analysing, upload, plan, actor="test"))
    assert again.was_finished
    assert dict(again.job) == dict(job)


def test_a_chunk_that_was_stored_but_not_noted_is_not_stored_twice(needs):
    upload = Upload(file=io.BytesIO("内容\n一条\n两条\n".encode()), name="小.csv")
    plan = Plan(constants=Constants(source="导出"), zone=needs.settings.zone)

    def crash(_job, _rows):
        raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        asyncio.run(import_file(needs.analysing, upload, plan, actor="test", tell=crash))
    with needs.database.write() as connection:  # as if the note had not been committed
        connection.execute(import_job.update().values(rows_done=0, created=0))
    done = asyncio.run(import_file(needs.analysing, upload, plan, actor="test"))
    assert (done.job["created"], done.job["duplicate"]) == (0, 2)
    assert count(needs) == 2


def test_two_imports_of_one_file_at_once_count_it_once(needs):
    upload = Upload(file=io.BytesIO("内容\n一条\n两条\n".encode()), name="小.csv")
    plan = Plan(constants=Constants(source="导出"), zone=needs.settings.zone)

    class Slow(Failing):
        async def understand(self, rules, documents):
            inner = Upload(file=io.BytesIO(upload.file.getvalue()), name="小.csv")
            await import_file(needs.analysing, inner, plan, actor="other")
            return await super().understand(rules, documents)

    slow = Analysing(database=needs.database, analyst=Slow(9), clock=needs.clock)
    with pytest.raises(ImportBusy):
        asyncio.run(import_file(slow, upload, plan, actor="test"))
    with needs.database.read() as connection:
        job = imports.get(connection, 1)
    assert (job["rows_done"], job["created"] + job["duplicate"]) == (2, 2)
    assert count(needs) == 2


@ONE_DIALECT
def test_a_workbook_is_stored_with_its_dates_and_numbers(api, needs):
    book = Workbook()
    for row in (
        ["内容", "发布时间", "点赞数", "评分", "信息ID", "地区"],
        ["云雀汽车趴窝", NAIVE, 12.0, 2, 123456, "上海"],
        ["又一条", "2026-03-09", "1.2万", None, 1.23456789012346e18, None],
    ):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    body = send(api, out.getvalue(), name="表.xlsx").json()
    assert (body["created"], body["rejected"]) == (1, 1)
    assert body["rejects"][0]["column"] == "信息ID"
    row = stored(needs)[None]
    assert (row["external_id"], row["metrics"], row["rating"]) == ("123456", {"likes": 12}, 0.25)
    assert row["published_at"] == datetime(2026, 3, 9, 2, 20, tzinfo=UTC)


@ONE_DIALECT
def test_rejects_can_be_opened_in_a_spreadsheet_without_harm(api):
    sheet = '内容,"=cmd|calc!A1"\n好,许多\n'
    body = send(api, sheet.encode(), mapping=json.dumps({"metrics.likes": "=cmd|calc!A1"})).json()
    assert body["rejected"] == 1
    answer = api.get(f"{IMPORTS}/{body['id']}/rejects.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in answer.headers["content-disposition"]
    text = answer.content.decode("utf-8-sig")
    assert text.splitlines()[0] == "line,column,reason"
    assert "2,'=cmd|calc!A1," in text
    assert api.get(f"{IMPORTS}/{body['id']}").json()["rejects"] == body["rejects"]


@ONE_DIALECT
@pytest.mark.parametrize(
    ("body", "fields", "pointer"),
    [
        (b"", {}, "#/file"),
        (b"PK\x03\x04no", {}, "#/file"),
        ("甲,乙\n1,2\n".encode(), {}, "#/mapping/text"),
        ("内容\n好\n".encode(), {"mapping": "[1]"}, "#/mapping"),
        ("内容\n好\n".encode(), {"mapping": '{"text": 1}'}, "#/mapping"),
        ("内容\n好\n".encode(), {"mapping": '{"texts": "内容"}'}, "#/mapping/texts"),
        ("内容\n好\n".encode(), {"mapping": '{"text": "正文"}'}, "#/mapping/text"),
        ("内容\n好\n".encode(), {"timezone": "Mars/Base"}, "#/timezone"),
        ("内容\n好\n".encode(), {"kind": "nonsense"}, "#/kind"),
        ("内容\n好\n".encode(), {"more": "1"}, "#/more"),
    ],
    ids=[
        "empty", "damaged", "no text column", "no object", "no text", "unknown field", "unknown column", "zone",
        "kind", "unknown form field",
    ],
)  # fmt: skip
def test_a_file_or_mapping_that_cannot_be_used_is_named(api, needs, body, fields, pointer):
    answer = send(api, body, **fields)
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert (count(needs), count(needs, import_job)) == (0, 0)


@ONE_DIALECT
def test_an_ingest_key_imports_and_reads_nothing(anonymous, key_for):
    key = key_for("ingest")
    assert (
        anonymous.post(
            IMPORTS,
            files={"file": ("a.csv", "内容\n好\n".encode())},
            data={"source": "a"},
            headers=key,
        ).json()["created"]
        == 1
    )
    assert anonymous.get(IMPORTS, headers=key).status_code == 403
    assert anonymous.get(f"{IMPORTS}/1", headers=key_for("read")).status_code == 200
    assert anonymous.post(IMPORTS).status_code == 401


@ONE_DIALECT
def test_imports_are_listed_newest_first(api):
    for n in range(3):
        send(api, f"内容\n第{n}条\n".encode(), name=f"{n}.csv")
    first = api.get(IMPORTS, params={"limit": 2}).json()
    assert [row["file_name"] for row in first["data"]] == ["2.csv", "1.csv"]
    rest = api.get(IMPORTS, params={"cursor": first["next_cursor"]}).json()
    assert [row["file_name"] for row in rest["data"]] == ["0.csv"]
    assert "rejects" not in rest["data"][0]
    assert api.get(f"{IMPORTS}/9").status_code == 404


@ONE_DIALECT
def test_a_column_of_anything_does_not_become_a_thousand_sources(api, needs):
    lines = [f"正文{n},来源{n}" for n in range(300)]
    body = api.post(
        IMPORTS, files={"file": ("a.csv", "\n".join(["内容,来源", *lines]).encode())}
    ).json()
    assert (body["created"], body["rejected"]) == (200, 100)
    assert body["rejects"][0]["column"] == "来源"
    assert count(needs, source) == 200


@ONE_DIALECT
def test_cells_with_nul_are_refused_by_row(api, needs):
    body = send(api, "内容,作者\n好,老\0王\n坏\0的,a\n行,b\n".encode()).json()
    assert (body["created"], body["rejected"]) == (1, 2)
    assert [one["column"] for one in body["rejects"]] == ["作者", "内容"]
    assert count(needs) == 1
