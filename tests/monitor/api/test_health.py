"""``/healthz``, ``/readyz``, ``/docs`` and the description of the API."""

from __future__ import annotations

import json
import re

import pytest

from monitor.api import application
from monitor.storage.engine import Database

OPEN = ("get_liveness", "get_readiness")


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


def test_alive_and_ready(anonymous):
    assert anonymous.get("/healthz").json() == {"status": "ok"}
    assert anonymous.get("/readyz").json() == {"status": "ok", "database": "ok"}


@pytest.mark.parametrize(
    ("url", "state"),
    [
        ("sqlite:///{}/empty.db", "not migrated"),
        ("postgresql+psycopg://127.0.0.1:1/nothing?connect_timeout=1", "unreachable"),
    ],
)
def test_not_ready_without_a_database(client_over, tmp_path, url, state):
    database = Database(url.format(tmp_path))
    try:
        client = client_over(database)
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (
            503,
            {"status": "unavailable", "database": state},
        )
        assert client.get("/healthz").status_code == 200
    finally:
        database.close()


def test_a_database_that_does_not_answer_is_503_with_a_wait(client_over):
    database = Database("postgresql+psycopg://127.0.0.1:1/nothing?connect_timeout=1")
    answer = client_over(database).get("/api/v1/keyword-lists")
    database.close()
    assert (answer.status_code, answer.json()["code"], answer.headers["retry-after"]) == (
        503,
        "unavailable",
        "2",
    )


def test_the_documentation_loads_nothing_from_elsewhere(anonymous):
    page = anonymous.get("/docs")
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "script-src 'self'" in page.headers["content-security-policy"]
    places = re.findall(r'(?:src|href)="([^"]+)"', page.text.replace('href="data:,"', ""))
    assert places
    for place in places:
        assert place.startswith("/")
        assert anonymous.get(place).status_code == 200, place
    assert "<script>" not in page.text
    assert " style=" not in page.text
    assert anonymous.get("/docs/secret.txt").status_code == 422
    assert anonymous.get("/redoc").status_code == 404


def test_a_problem_that_does_not_exist_has_no_page(anonymous):
    assert anonymous.get("/problems/..%2Fdocs").status_code == 404
    assert anonymous.get("/problems/nonsense").status_code == 404


def operations(app):
    for path, item in app.openapi()["paths"].items():
        for method, operation in item.items():
            yield f"{method} {path}", operation


def test_every_operation_is_described(app):
    ids = []
    for name, operation in operations(app):
        ids.append(operation["operationId"])
        assert re.fullmatch(r"[a-z]+(_[a-z0-9]+)+", operation["operationId"]), name
        assert operation["tags"], name
        assert operation["summary"], name
        assert operation["description"], name
        good = [status for status in operation["responses"] if status.startswith(("2", "3"))]
        assert good, name
    assert len(ids) == len(set(ids))


def test_every_operation_lists_its_errors(app):
    for name, operation in operations(app):
        wanted = {"422", "503"}
        if operation["operationId"] in OPEN:
            wanted = {"503"}
        elif "security" in operation:
            wanted |= {"401", "403", "429"}
        assert wanted <= set(operation["responses"]), name


def test_bodies_have_examples(app):
    schemas = app.openapi()["components"]["schemas"]
    for name, operation in operations(app):
        if contents := operation.get("requestBody", {}).get("content"):
            names = [one["schema"].get("$ref", "").rsplit("/", 1)[-1] for one in contents.values()]
            described = [contents, *(schemas.get(name) for name in names)]
            assert '"example' in json.dumps(described), name


def test_two_applications_share_nothing(needs):
    one, other = application.create(needs), application.create(needs)
    assert one.state.rate_limit is not other.state.rate_limit
