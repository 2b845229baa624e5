"""``/keyword-lists``."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from collectors.model import Author, Post
from monitor.api.previewing import Budget, preview, wanted_of
from monitor.pipeline.analyse import store_posts
from monitor.storage import sources

LISTS = "/api/v1/keyword-lists"
ONE_DIALECT = pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # refused before any query
WHOLE = {
    "name": "云雀汽车",
    "kind": "brand",
    "aliases": ["云雀汽车", "Skylark"],
    "keywords": ["(续航 OR 电池) NEAR/5 起火"],
    "exclude": ["招聘"],
    "thresholds": {"yellow": {"volume": 8, "score": 4.5}, "blue": None},
    "owner": "公关部",
    "enabled": True,
}


def make(api, **fields):
    answer = api.post(LISTS, json={"name": "云雀"} | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def store(needs, *texts, ago=timedelta(hours=1)):
    """Store posts through the one way in; returns their ids by text."""
    with needs.database.write() as connection:
        rows = sources.ensure_push(needs.database, connection, ["论坛"], now=needs.clock())
    posts = [
        Post(
            source_id=rows["论坛"]["id"],
            external_id=text,
            text=text,
            published_at=needs.clock() - ago,
            author=Author(),
        )
        for text in texts
    ]
    stored = asyncio.run(store_posts(needs.analysing, posts))
    return {post.text: stored.created[post.key] for post in posts}


def test_a_list_comes_back_as_it_was_given(api):
    made = make(api, **WHOLE)
    assert {name: made[name] for name in WHOLE} == WHOLE
    assert (made["version"], made["created_at"]) == (1, "2026-03-10T05:08:00Z")
    assert api.get(f"{LISTS}/{made['id']}").json() == made
    assert api.get(LISTS).json() == {"data": [made], "next_cursor": None, "has_more": False}


def test_absent_fields_take_their_defaults(api):
    made = make(api)
    assert made["kind"] == "brand"
    assert (made["aliases"], made["keywords"], made["exclude"]) == ([], [], [])
    assert (made["thresholds"], made["owner"], made["enabled"]) == (None, None, True)


def test_put_replaces_and_patch_changes(api):
    made = make(api, **WHOLE)
    place = f"{LISTS}/{made['id']}"
    patched = api.patch(place, json={"aliases": ["云雀"]})
    assert patched.json()["keywords"] == WHOLE["keywords"]
    assert (patched.json()["aliases"], patched.headers["etag"]) == (["云雀"], '"2"')
    replaced = api.put(place, json={"name": "云雀"})
    assert (replaced.json()["keywords"], replaced.json()["owner"]) == ([], None)
    assert replaced.json()["version"] == 3


@ONE_DIALECT
@pytest.mark.parametrize(
    ("header", "status"),
    [
        (None, 200),
        ('"1"', 200),
        ('"7", "1"', 200),
        ("*", 200),
        ('"2"', 412),
        ('W/"1"', 412),
        ("nonsense", 412),
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_a_stale_if_match_changes_nothing(api, method, header, status):
    made = make(api)
    place = f"{LISTS}/{made['id']}"
    headers = {"If-Match": header} if header else {}
    answer = api.request(method, place, json={"name": "新"}, headers=headers)
    assert answer.status_code == status
    assert api.get(place).json()["name"] == ("新" if status == 200 else "云雀")


def test_a_stale_if_match_deletes_nothing(api):
    place = f"{LISTS}/{make(api)['id']}"
    api.patch(place, json={"owner": "x"})
    assert api.delete(place, headers={"If-Match": '"1"'}).status_code == 412
    assert api.delete(place, headers={"If-Match": '"2"'}).status_code == 204
    assert api.get(place).status_code == 404


def test_a_deleted_list_is_gone_and_its_name_is_free(api, needs):
    made = make(api, aliases=["云雀"])
    store(needs, "云雀起火")
    place = f"{LISTS}/{made['id']}"
    assert api.delete(place).status_code == 204
    for method in ("GET", "DELETE"):
        assert api.request(method, place).status_code == 404
    assert api.patch(place, json={}).status_code == 404
    assert make(api)["id"] != made["id"]


def test_the_longest_name_can_be_deleted(api):
    made = make(api, name="云" * 160)
    assert api.delete(f"{LISTS}/{made['id']}").status_code == 204


def test_a_taken_name_is_409(api):
    make(api)
    other = make(api, name="山雀")
    again = api.post(LISTS, json={"name": "云雀"})
    assert (again.status_code, again.json()["errors"][0]["pointer"]) == (409, "#/name")
    assert api.patch(f"{LISTS}/{other['id']}", json={"name": "云雀"}).status_code == 409
    assert api.put(f"{LISTS}/{other['id']}", json={"name": "云雀"}).status_code == 409


@ONE_DIALECT
@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"keywords": ["起火", "(起火"]}, "#/keywords/1", "column 1"),
        ({"keywords": ["起火 AND"]}, "#/keywords/0", "column"),
        ({"exclude": ["NEAR/3 x"]}, "#/exclude/0", "column"),
        ({"keywords": ["NOT 起火"]}, "#/keywords/0", "column"),
        ({"aliases": [""]}, "#/aliases/0", ""),
        ({"aliases": [" "]}, "#/aliases/0", "column"),
        ({"aliases": ["a\0"]}, "#/aliases/0", "NUL"),
        ({"keywords": ["火" * 900]}, "#/keywords/0", "too long"),
        ({"kind": "planet"}, "#/kind", "brand"),
        ({"enabled": "yes"}, "#/enabled", "boolean"),
        ({"aliases": "云雀"}, "#/aliases", "list"),
        ({"thresholds": {"pink": {}}}, "#/thresholds/pink", ""),
        ({"thresholds": {"red": {"speed": 1}}}, "#/thresholds/red/speed", ""),
        ({"thresholds": {"red": {"negative_share": 1.5}}}, "#/thresholds/red/negative_share", ""),
        ({"thresholds": {"red": {"volume": None}}}, "#/thresholds/red/volume", ""),
        ({"version": 3}, "#/version", ""),
        ({"name": None}, "#/name", ""),
    ],
    ids=str,
)  # fmt: skip
def test_what_cannot_be_used_is_refused_with_place_and_reason(api, fields, pointer, says):
    answer = api.post(LISTS, json={"name": "x"} | fields)
    assert answer.status_code == 422
    wrong = answer.json()["errors"]
    assert [one["pointer"] for one in wrong] == [pointer]
    assert says in wrong[0]["detail"]


def test_versions_tell_who_changed_what(api, key_for, clock):
    made = make(api, keywords=["起火"])
    clock.move(timedelta(minutes=5))
    api.patch(f"{LISTS}/{made['id']}", json={"keywords": ["自燃"]}, headers=key_for("admin"))
    versions = api.get(f"{LISTS}/{made['id']}/versions").json()["data"]
    assert [(one["version"], one["actor"], one["body"]["keywords"]) for one in versions] == [
        (2, "test", ["自燃"]),
        (1, "admin", ["起火"]),
    ]
    assert versions[0]["at"] == "2026-03-10T05:13:00Z"
    page = api.get(f"{LISTS}/{made['id']}/versions?limit=1").json()
    rest = api.get(f"{LISTS}/{made['id']}/versions", params={"cursor": page["next_cursor"]}).json()
    assert [page["data"][0]["version"], rest["data"][0]["version"]] == [2, 1]
    assert api.get(f"{LISTS}/99/versions").status_code == 404


def test_a_new_keyword_matches_the_next_post(api, needs):
    made = make(api, aliases=["云雀"])
    assert store(needs, "山雀起火了")
    api.patch(f"{LISTS}/{made['id']}", json={"aliases": ["云雀", "山雀"]})
    found = api.post(f"{LISTS}/preview", json={"aliases": ["山雀"]}).json()
    assert found["count"] == 1
    store(needs, "山雀又起火了")
    with needs.database.read() as connection:
        rows = connection.exec_driver_sql("SELECT count(*) FROM mention").scalar()
    assert rows == 1


def test_a_preview_counts_by_expression_and_shows_where(api, needs):
    ids = store(needs, "云雀电池起火", "云雀起火 招聘", "云雀发布新车", "山雀")
    store(needs, "云雀起火,很久以前", ago=timedelta(days=8))
    body = {"aliases": ["云雀"], "keywords": ["起火"], "exclude": ["招聘"], "days": 7}
    found = api.post(f"{LISTS}/preview", json=body).json()
    assert (found["count"], found["complete"]) == (2, True)
    assert found["aliases"] == [{"expression": "云雀", "count": 2}]
    assert found["keywords"] == [{"expression": "起火", "count": 1}]
    by_id = {one["id"]: one for one in found["data"]}
    assert by_id[ids["云雀电池起火"]]["hits"] == [[0, 2], [4, 6]]
    assert by_id[ids["云雀电池起火"]]["source"] == "论坛"
    assert found["until"] == "2026-03-10T05:08:00Z"


@pytest.mark.parametrize(
    "expression", ["lang:zh", "author:nobody OR 起", "source:论坛", "起*", "车"]
)
def test_a_preview_reads_expressions_that_the_index_cannot_narrow(api, needs, expression):
    store(needs, "云雀发布新车", "起火")
    answer = api.post(f"{LISTS}/preview", json={"keywords": [expression]})
    assert (answer.status_code, answer.json()["complete"]) == (200, True)


def test_a_preview_keeps_twenty_samples_and_counts_the_rest(api, needs):
    store(needs, *(f"云雀 {number}" for number in range(30)))
    found = api.post(f"{LISTS}/preview", json={"aliases": ["云雀"]}).json()
    assert (found["count"], len(found["data"])) == (30, 20)


@pytest.mark.parametrize(
    ("budget", "count", "complete"),
    [(Budget(posts=3), 3, False), (Budget(posts=5), 5, True), (Budget(seconds=-1), 0, False)],
    ids=["too many", "just enough", "too slow"],
)
def test_a_preview_that_reached_its_budget_says_so(needs, budget, count, complete):
    store(needs, *(f"云雀 {number}" for number in range(5)))
    wanted, now = wanted_of(["云雀"], [], []), needs.clock()
    found = preview(needs.database, wanted, since=now - timedelta(days=7), until=now, budget=budget)
    assert (found["count"], found["complete"]) == (count, complete)


@ONE_DIALECT
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"exclude": ["x"]},
        {"aliases": ["x"], "days": 0},
        {"aliases": ["x"], "days": 32},
        {"aliases": [""]},
    ],
)
def test_a_preview_without_anything_to_look_for_is_refused(api, body):
    assert api.post(f"{LISTS}/preview", json=body).status_code == 422


def test_a_reader_may_preview_and_nothing_else(anonymous, key_for):
    header = key_for("read")
    assert (
        anonymous.post(f"{LISTS}/preview", json={"aliases": ["x"]}, headers=header).status_code
        == 200
    )
    assert anonymous.post(f"{LISTS}/import", content="name\nx", headers=header).status_code == 403
