"""What every request passes: ids, headers, caps, problems, repeats."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
from sqlalchemy import select

from monitor.api.answers import write_cursor
from monitor.api.limits import RateLimit
from monitor.api.problems import KINDS
from monitor.storage.tables import idempotency, keyword_list

LISTS = "/api/v1/keyword-lists"


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


def problem(answer, status, code):
    """Check the one shape of errors; returns the document."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert set(body) == {
        "type",
        "title",
        "status",
        "detail",
        "instance",
        "code",
        "request_id",
        "errors",
    }
    assert (body["status"], body["code"]) == (status, code)
    assert body["type"] == f"/problems/{code.replace('_', '-')}"
    assert body["request_id"] == answer.headers["x-request-id"]
    return body


def test_every_answer_has_an_id_and_the_safe_headers(anonymous):
    answer = anonymous.get("/healthz")
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["x-request-id"])
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("given", "kept"), [("abc-1.2_3", True), ("a b", False), ("x" * 65, False), ("<b>", False)]
)
def test_a_given_request_id_is_kept_if_it_is_harmless(anonymous, given, kept):
    answer = anonymous.get("/healthz", headers={"X-Request-ID": given})
    assert (answer.headers["x-request-id"] == given) is kept


@pytest.mark.parametrize(
    ("method", "path", "send", "status", "code"),
    [
        ("GET", "/api/v1/nothing", {}, 404, "not_found"),
        ("GET", f"{LISTS}/99", {}, 404, "not_found"),
        ("PATCH", LISTS, {}, 405, "method_not_allowed"),
        ("POST", LISTS, {"content": b"{", "headers": {"content-type": "application/json"}}, 422, "invalid"),
        ("POST", LISTS, {"content": b'"\xff"', "headers": {"content-type": "application/json"}}, 400, "bad_request"),
        ("POST", LISTS, {"content": b"{}", "headers": {"content-type": "text/plain"}}, 422, "invalid"),
        ("GET", f"{LISTS}?limit=0", {}, 422, "invalid"),
        ("GET", f"{LISTS}?limit=501", {}, 422, "invalid"),
        ("GET", f"{LISTS}/{2**63}", {}, 422, "invalid"),
        ("GET", f"{LISTS}/abc", {}, 404, "not_found"),
        ("GET", f"{LISTS}?foo=1", {}, 422, "unknown_parameter"),
        ("GET", f"{LISTS}?cursor=%2525", {}, 422, "invalid"),
    ],
)  # fmt: skip
def test_every_failure_is_a_problem_document(api, method, path, send, status, code):
    problem(api.request(method, path, **send), status, code)


def test_the_wrong_places_are_pointed_at(api):
    body = {
        "name": "x",
        "keywords": ["起火", "(起火"],
        "surprise": 1,
        "thresholds": {"yellow": {"volume": 0}},
    }
    wrong = problem(api.post(LISTS, json=body), 422, "invalid")["errors"]
    by_pointer = {one["pointer"]: one["detail"] for one in wrong}
    assert set(by_pointer) == {"#/keywords/1", "#/surprise", "#/thresholds/yellow/volume"}
    assert "column 1" in by_pointer["#/keywords/1"]


def test_an_unknown_parameter_is_answered_with_the_known_ones(api):
    body = problem(api.get(f"{LISTS}?limt=3"), 422, "unknown_parameter")
    assert body["errors"][0]["pointer"] == "#/limt"
    assert "cursor, limit" in body["detail"]


@pytest.mark.parametrize(
    "values", [[-1], ["1"], [True], [2**63], [1, 2], [], [None], [1.5], {"a": 1}, 3], ids=str
)
def test_a_cursor_that_is_not_ours_is_refused(api, values):
    cursor = write_cursor(values) if isinstance(values, list) else write_cursor([0])[:-1] + "!"
    problem(api.get(LISTS, params={"cursor": cursor}), 422, "invalid")


def test_pages_follow_each_other_to_the_end(api):
    names = [f"list {number}" for number in range(5)]
    for name in names:
        api.post(LISTS, json={"name": name})
    seen, cursor = [], None
    for _ in range(3):
        page = api.get(LISTS, params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [row["name"] for row in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] is (cursor is not None)
    assert (seen, cursor) == (names, None)


def test_a_body_over_the_cap_is_refused_by_its_declared_length(api):
    problem(api.post(LISTS, content=b"x" * (1 << 20) + b"x"), 413, "too_large")


def test_a_body_over_the_cap_is_refused_while_it_arrives(api):
    chunks = (b" " * 65_536 for _ in range(17))
    answer = api.post(LISTS, content=chunks, headers={"content-type": "application/json"})
    problem(answer, 413, "too_large")


def test_a_bug_is_a_problem_without_its_details(app, anonymous):
    @app.get("/broken")
    def broken() -> None:
        raise RuntimeError("secret inside")

    answer = anonymous.get("/broken")
    problem(answer, 500, "internal")
    assert "secret" not in answer.text


def test_hostile_names_of_fields_do_not_break_the_answer(api):
    json_type = {"content-type": "application/json"}
    escaped = api.post(LISTS, content=b'{"name":"x","a~/":1}', headers=json_type)
    assert problem(escaped, 422, "invalid")["errors"][0]["pointer"] == "#/a~0~1"
    problem(api.post(LISTS, content=b'{"name":"x","\\ud800":1}', headers=json_type), 422, "invalid")


@pytest.mark.parametrize("name", ["a\0b", "\ud800", "", " ", "x" * 161])
def test_names_that_cannot_be_stored_are_refused(api, name):
    answer = api.post(
        LISTS, content=json.dumps({"name": name}), headers={"content-type": "application/json"}
    )
    problem(answer, 422, "invalid")


def test_too_many_requests_wait(app, api):
    app.state.rate_limit = RateLimit(2, lambda: 0.0)
    first = api.get(LISTS)
    assert (first.headers["ratelimit-limit"], first.headers["ratelimit-remaining"]) == ("2", "1")
    api.get(LISTS)
    refused = api.get(LISTS)
    problem(refused, 429, "too_many_requests")
    assert refused.headers["retry-after"] == "30"


def test_guessing_keys_is_slowed_down_by_address(app, anonymous):
    app.state.failure_limit = RateLimit(2, lambda: 0.0)
    guesses = [
        anonymous.get(LISTS, headers={"Authorization": f"Bearer {n}"}).status_code for n in range(3)
    ]
    assert guesses == [401, 401, 429]


def test_an_unchanged_resource_is_304(api):
    made = api.post(LISTS, json={"name": "x"})
    place = made.headers["location"]
    assert made.headers["etag"] == '"1"'
    assert api.get(place, headers={"If-None-Match": '"1"'}).status_code == 304
    assert api.get(place, headers={"If-None-Match": '"2"'}).status_code == 200


REPEAT = {"Idempotency-Key": "one"}


def test_a_repeated_post_takes_effect_once(api, database):
    first = api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    again = api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    assert (first.status_code, again.status_code) == (201, 201)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (
        None,
        "true",
    )
    with database.read() as connection:
        assert len(connection.execute(select(keyword_list.c.id)).all()) == 1


def test_a_key_with_another_body_is_refused(api):
    api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    problem(api.post(LISTS, json={"name": "y"}, headers=REPEAT), 422, "repeated_key")


def test_a_refused_request_may_be_corrected_under_its_key(api):
    assert api.post(LISTS, json={"name": ""}, headers=REPEAT).status_code == 422
    assert api.post(LISTS, json={"name": "x"}, headers=REPEAT).status_code == 201


def test_a_key_is_forgotten_after_a_day(api, clock):
    api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    clock.move(timedelta(hours=24))
    assert api.post(LISTS, json={"name": "y"}, headers=REPEAT).status_code == 201


def test_another_principal_has_keys_of_its_own(api, key_for):
    assert api.post(LISTS, json={"name": "x"}, headers=REPEAT).status_code == 201
    other = api.post(LISTS, json={"name": "y"}, headers=REPEAT | key_for("admin"))
    assert other.status_code == 201


def test_a_repeat_needs_its_key_too(api, anonymous):
    api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    problem(anonymous.post(LISTS, json={"name": "x"}, headers=REPEAT), 401, "bad_key")


def test_a_secret_shown_once_is_not_readable_in_the_remembered_answer(api, database):
    body = {"name": "大屏", "scopes": ["read"]}
    first = api.post("/api/v1/tokens", json=body, headers=REPEAT).json()
    with database.read() as connection:
        stored = bytes(connection.scalar(select(idempotency.c.body)))
    assert first["key"].encode() not in stored
    assert api.post("/api/v1/tokens", json=body, headers=REPEAT).json() == first


def test_a_request_that_is_still_running_is_not_done_twice(api, database, needs):
    api.post(LISTS, json={"name": "x"}, headers=REPEAT)
    with database.write() as connection:
        connection.execute(idempotency.update().values(status=0, body=b""))
    problem(api.post(LISTS, json={"name": "x"}, headers=REPEAT), 409, "conflict")
    needs.clock.move(timedelta(seconds=60))  # whoever ran it was killed
    assert (
        api.post(LISTS, json={"name": "x"}, headers=REPEAT).status_code == 409
    )  # the name is taken now


@pytest.mark.parametrize("slug", KINDS)
def test_each_kind_of_problem_has_its_page(anonymous, slug):
    answer = anonymous.get(f"/problems/{slug}")
    assert answer.status_code == 200
    assert KINDS[slug].title in answer.text


def test_a_large_page_of_problems_is_cut(api):
    wrong = problem(api.post(LISTS, json={"name": "x", "keywords": ["("] * 500}), 422, "invalid")
    assert len(wrong["errors"]) == 100
