"""Keyword lists as CSV."""

from __future__ import annotations

import csv
import io

import pytest

from monitor.api import keyword_csv

LISTS = "/api/v1/keyword-lists"
FILE = 'name,kind,aliases,keywords,exclude,enabled\r\n云雀,brand,"云雀\n云雀汽车",电池 NEAR/5 起火,招聘,true\r\n起火,risk,,起火,,no\r\n'


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


def send(api, text, *, encoding="utf-8", **params):
    body = text if isinstance(text, bytes) else text.encode(encoding)
    return api.post(
        f"{LISTS}/import", content=body, params=params, headers={"Content-Type": "text/csv"}
    )


def results(answer):
    assert answer.status_code == 200, answer.text
    return [(row["row"], row["name"], row["result"]) for row in answer.json()["data"]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_file_becomes_lists(api, encoding):
    answer = send(api, FILE, encoding=encoding)
    assert results(answer) == [(2, "云雀", "created"), (3, "起火", "created")]
    first, second = api.get(LISTS).json()["data"]
    assert (first["aliases"], first["keywords"], first["exclude"]) == (
        ["云雀", "云雀汽车"],
        ["电池 NEAR/5 起火"],
        ["招聘"],
    )
    assert (second["kind"], second["enabled"]) == ("risk", False)


def test_importing_twice_changes_nothing(api):
    send(api, FILE)
    again = send(api, FILE)
    assert results(again) == [(2, "云雀", "unchanged"), (3, "起火", "unchanged")]
    assert api.get(LISTS).json()["data"][0]["version"] == 1


def test_columns_that_the_file_lacks_keep_their_content(api):
    api.post(
        LISTS,
        json={
            "name": "云雀",
            "keywords": ["起火"],
            "owner": "公关部",
            "thresholds": {"blue": None},
        },
    )
    assert results(send(api, "名称,别名\n云雀,云雀汽车\n")) == [(2, "云雀", "updated")]
    changed = api.get(LISTS).json()["data"][0]
    assert (changed["aliases"], changed["keywords"], changed["owner"]) == (
        ["云雀汽车"],
        ["起火"],
        "公关部",
    )
    assert changed["thresholds"] == {"blue": None}


def test_good_rows_are_kept_and_bad_rows_explained(api):
    answer = send(
        api, "name,keywords,enabled\n甲,起火,\n乙,(起火,\n,起火,\n丙,起火,maybe\n\n丁,自燃,是\n"
    )
    assert results(answer) == [
        (2, "甲", "created"), (3, "乙", "rejected"), (4, "", "rejected"), (5, "丙", "rejected"), (7, "丁", "created"),
    ]  # fmt: skip
    body = answer.json()
    assert (body["created"], body["rejected"]) == (2, 3)
    assert [row["errors"][0]["pointer"] for row in body["data"] if row["errors"]] == [
        "#/keywords/0", "#/name", "#/enabled",
    ]  # fmt: skip
    assert [one["name"] for one in api.get(LISTS).json()["data"]] == ["甲", "丁"]


def test_a_dry_run_says_the_same_and_changes_nothing(api):
    answer = send(api, FILE, dry_run=True)
    assert (answer.json()["dry_run"], answer.json()["created"]) == (True, 2)
    assert api.get(LISTS).json()["data"] == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"kind\nbrand",
        b"name,colour\nx,red",
        b"name,name\nx,y",
        b"\xff\xfe\xff\xff",
        b'name\n"' + b"x" * 200_000,
    ],
    ids=["empty", "no name", "unknown column", "column twice", "no text", "endless cell"],
)
def test_what_is_no_table_is_refused(api, body):
    assert send(api, body).status_code == 422


def test_an_export_can_be_imported_again(api):
    send(api, FILE)
    api.post(LISTS, json={"name": "=1+1", "aliases": ["@云雀", "x"], "keywords": ["-y"]})
    exported = api.get(f"{LISTS}/export")
    assert exported.headers["content-type"] == "text/csv; charset=utf-8"
    assert "attachment" in exported.headers["content-disposition"]
    assert {row[2] for row in results(send(api, exported.content))} == {"unchanged"}


def test_an_export_runs_nothing_in_a_spreadsheet(api):
    api.post(LISTS, json={"name": "=HYPERLINK(1)", "aliases": ["@x", "y"], "keywords": ["+起火"]})
    exported = api.get(f"{LISTS}/export").content
    assert exported.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(exported.decode("utf-8-sig"), newline="")))
    assert rows[1][:4] == ["'=HYPERLINK(1)", "brand", "'@x\ny", "'+起火"]
    assert not [cell for row in rows for cell in row if cell.startswith(keyword_csv.FORMULA)]


def test_too_many_rows_are_refused(api):
    assert send(api, "name\n" + "x\n" * 5_001, dry_run=True).status_code == 422
