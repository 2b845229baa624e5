"""The feeds go out and come in as OPML: nothing is lost on the way, nothing comes twice."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from sqlalchemy import select

from collectors import opml
from collectors.opml import Outline
from monitor.api.opml import import_feeds
from monitor.storage.tables import source

START = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
SOURCES = "/api/v1/sources"
LIST = """<?xml version="1.0" encoding="utf-8"?>
<opml version="1.1"><body>
<outline text="汽车"><outline text="论坛">
<outline text="云雀论坛" xmlUrl="https://forum.example.com/new.rss" htmlUrl="https://forum.example.com/"/>
</outline></outline>
<outline text="北岭咖啡" xmlUrl="http://a.example.com/f?x=1&y=2"/>
<outline text="又一次" xmlUrl="https://forum.example.com:443/new.rss?utm_source=x"/>
<outline text="坏" xmlUrl="javascript:alert(1)"/>
<outline text="停用" xmlUrl="http://b.example.com/f" isComment="true"/>
</body></opml>
"""


def send(api, text, *, media_type="text/x-opml", headers=None, **params):
    body = text if isinstance(text, bytes) else text.encode()
    given = {"Content-Type": media_type, **(headers or {})}
    return api.post(f"{SOURCES}/import", content=body, params=params, headers=given)


def results(answer):
    assert answer.status_code == 200, answer.text
    return [(row["line"], row["name"], row["result"]) for row in answer.json()["data"]]


def listed(api):
    return api.get(SOURCES, params={"limit": 500}).json()["data"]


def feeds_of(answer):
    return opml.read(answer.content).outlines


def feed_list(count, name="源{}"):
    return opml.write(
        [Outline(title=name.format(n), xml_url=f"https://{n}.example.com/f") for n in range(count)],
        title="",
        now=START,
    )


def test_a_file_becomes_sources_and_each_line_is_answered_for(api):
    answer = send(api, LIST)
    assert results(answer) == [
        (4, "云雀论坛", "created"),
        (6, "北岭咖啡", "created"),
        (7, "又一次", "duplicate"),
        (8, "坏", "rejected"),
        (9, "停用", "created"),
    ]
    body = answer.json()
    assert (body["created"], body["duplicate"], body["rejected"]) == (3, 1, 1)
    assert "前面已有" in body["data"][2]["reason"]
    assert "http" in body["data"][3]["reason"]
    first, second, third = listed(api)
    assert (first["name"], first["kind"], first["state"]) == ("云雀论坛", "feed", "new")
    assert first["options"] == {"folder": "汽车/论坛", "homepage": "https://forum.example.com/"}
    assert (second["url"], second["options"]) == ("http://a.example.com/f?x=1&y=2", {})
    assert (first["enabled"], third["enabled"]) == (True, False)


def test_the_same_file_again_changes_nothing(api):
    send(api, LIST)
    before = listed(api)
    again = send(api, LIST)
    assert {result for _, _, result in results(again)} == {"duplicate", "rejected"}
    assert "已有数据源 '北岭咖啡'" in again.json()["data"][1]["reason"]
    assert listed(api) == before


def test_a_dry_run_says_the_same_and_stores_nothing(api):
    rehearsed = send(api, LIST, dry_run="true")
    assert rehearsed.json()["dry_run"] is True
    assert listed(api) == []
    assert rehearsed.json()["data"] == send(api, LIST).json()["data"]


def test_what_is_exported_comes_back_equal(api, client_over, sqlite_database, needs):
    send(api, LIST)
    api.post(SOURCES, json={"name": "推送", "kind": "push"})
    exported = api.get(f"{SOURCES}/export")
    assert exported.headers["content-type"].startswith("text/x-opml")
    assert exported.headers["content-disposition"] == 'attachment; filename="sources.opml"'
    assert [(one.title, one.path, one.enabled) for one in feeds_of(exported)] == [
        ("北岭咖啡", (), True),
        ("停用", (), False),
        ("云雀论坛", ("汽车", "论坛"), True),
    ]
    assert {row["result"] for row in send(api, exported.content).json()["data"]} == {"duplicate"}
    with needs.database.write() as connection:
        connection.execute(source.delete())
    assert send(api, exported.content).json()["created"] == 3
    assert api.get(f"{SOURCES}/export").content == exported.content


def test_a_feed_that_moved_is_known_by_both_addresses(api, needs):
    send(api, feed_list(1))
    with needs.database.write() as connection:
        connection.execute(source.update().values(effective_url="https://moved.example.com/f"))
    moved = feed_list(1).replace(b"https://0.example.com", b"https://moved.example.com")
    assert results(send(api, moved)) == [(8, "源0", "duplicate")]


def test_a_name_that_is_taken_gets_a_number(api):
    api.post(SOURCES, json={"name": "同名", "kind": "push"})
    long = "长" * 300
    assert [name for _, name, _ in results(send(api, feed_list(3, "同名")))] == [
        "同名 (2)", "同名 (3)", "同名 (4)",
    ]  # fmt: skip
    names = [name for _, name, _ in results(send(api, _elsewhere(feed_list(2, long))))]
    assert [(len(name), name[-4:]) for name in names] == [(200, "长长长长"), (200, " (2)")]


def _elsewhere(body):
    return body.replace(b".example.com", b".example.org")


def test_first_visits_are_spread_over_the_interval(api, needs, clock):
    send(api, feed_list(100))
    with needs.database.read() as connection:
        due = list(connection.scalars(select(source.c.next_due_at).order_by(source.c.id)))
    assert due[0] == clock.now
    gaps = {later - earlier for earlier, later in pairwise(due)}
    assert gaps == {timedelta(seconds=3)}
    assert due[-1] < clock.now + timedelta(seconds=300)


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"", "text/xml", 422),
        (b"<html/>", "application/xml", 422),
        (LIST, "text/csv", 415),
        (LIST, "multipart/form-data; boundary=x", 415),
        (b" " * 10_000_001, "text/xml", 413),
    ],
    ids=["empty", "a page", "CSV", "a form", "too large"],
)
def test_what_cannot_be_read_is_refused_whole(api, body, media_type, status):
    answer = send(api, body, media_type=media_type)
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert listed(api) == []


@pytest.mark.parametrize(
    ("body", "media_type"),
    [
        (LIST, "application/xml"),
        (LIST, "text/xml; charset=iso-8859-1"),
        (LIST.encode("gb18030"), "text/x-opml"),
        (LIST.encode("gb18030"), 'text/xml; charset="gbk"'),
    ],
    ids=["xml", "a wrong charset", "GBK", "GBK and said so"],
)
def test_types_and_encodings_are_taken_as_they_come(api, body, media_type):
    assert results(send(api, body, media_type=media_type))[0] == (4, "云雀论坛", "created")


def test_who_may_do_what(anonymous, key_for):
    reader, admin = key_for("read"), key_for("admin")
    assert anonymous.get(f"{SOURCES}/export").status_code == 401
    assert anonymous.get(f"{SOURCES}/export", headers=reader).status_code == 200
    assert send(anonymous, LIST).status_code == 401
    assert send(anonymous, LIST, headers=reader).status_code == 403
    assert send(anonymous, LIST, headers=admin).status_code == 200


def test_the_folder_can_be_changed_like_any_option(api):
    send(api, feed_list(1))
    [row] = listed(api)
    path = f"{SOURCES}/{row['id']}"
    assert api.patch(path, json={"options": {"folder": "咖啡/点评"}}).status_code == 200
    assert feeds_of(api.get(f"{SOURCES}/export"))[0].path == ("咖啡", "点评")
    for wrong in ({"folder": "a\nb"}, {"folder": "长" * 301}, {"homepage": "javascript:1"}):
        assert api.patch(path, json={"options": wrong}).status_code == 422


def test_a_row_that_no_source_may_be_is_rejected_beside_good_ones(api):
    text = LIST.replace("http://a.example.com/f?x=1&y=2", "http://me:hunter2@a.example.com/f")
    answer = send(api, text)
    assert results(answer)[1] == (6, "北岭咖啡", "rejected")
    assert "用户名" in answer.json()["data"][1]["reason"]
    assert answer.json()["created"] == 2


def test_ten_thousand_feeds_are_one_answer(needs, clock):
    found = opml.read(feed_list(10_000, "同名"))
    answer = import_feeds(needs.database, found, now=clock.now, dry_run=False)
    assert answer["created"] == 10_000
    assert len({row["name"] for row in answer["data"]}) == 10_000


def test_two_imports_of_one_file_at_once_make_its_feeds_once(needs, clock):
    found = opml.read(feed_list(50))

    def once(_):
        return import_feeds(needs.database, found, now=clock.now, dry_run=False)["created"]

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(once, range(4))) == [0, 0, 0, 50]
