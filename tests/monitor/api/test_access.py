"""Who may do what."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from monitor import auth
from monitor.auth import CSRF_HEADER, SESSION_COOKIE
from monitor.storage import keys

LISTS = "/api/v1/keyword-lists"
SECRET = b"a secret of the tests, long enough for anything"


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Bearer nonsense",
        "Basic YTpi",
        "Bearer jw_live_12345678_" + "a" * 38,
        "Bearer 密钥".encode(),
    ],
    ids=["empty", "no key", "blank", "nonsense", "basic", "wrong checksum", "not ascii"],
)
def test_a_bad_key_is_401(anonymous, header):
    answer = anonymous.get(LISTS, headers={"Authorization": header})
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_without_any_key_it_is_401(anonymous):
    assert anonymous.get(LISTS).status_code == 401


@pytest.mark.parametrize(
    ("scope", "reading", "writing", "responding"),
    [
        ("read", 200, 403, 403),
        ("ingest", 403, 403, 403),
        ("respond", 200, 403, 404),
        ("admin", 200, 201, 404),
    ],
)
def test_scopes_decide(anonymous, key_for, scope, reading, writing, responding):
    header = key_for(scope)
    assert anonymous.get(LISTS, headers=header).status_code == reading
    assert anonymous.post(LISTS, json={"name": "x"}, headers=header).status_code == writing
    assert (
        anonymous.post("/api/v1/deliveries/7/redeliver", headers=header).status_code == responding
    )


def test_a_revoked_key_is_refused_by_the_next_request(anonymous, api, key_for):
    header = key_for("read")
    assert anonymous.get(LISTS, headers=header).status_code == 200
    key_id = header["Authorization"].split("_")[2]
    assert api.delete(f"/api/v1/tokens/{key_id}").status_code == 204
    assert anonymous.get(LISTS, headers=header).status_code == 401


def test_an_expired_key_is_refused(anonymous, key_for, clock):
    header = key_for("read", expires_at=clock.now + timedelta(minutes=1))
    assert anonymous.get(LISTS, headers=header).status_code == 200
    clock.move(timedelta(minutes=1))
    assert anonymous.get(LISTS, headers=header).status_code == 401


def test_the_last_use_is_noted_to_the_minute(anonymous, api, key_for, clock):
    header = key_for("read")
    clock.move(timedelta(minutes=3, seconds=25))
    anonymous.get(LISTS, headers=header)
    assert api.get("/api/v1/tokens").json()["data"][0]["last_used_at"] == "2026-03-10T05:11:00Z"


@pytest.fixture
def cookie(needs):
    with needs.database.write() as connection:
        stored = auth.hash_password("correct horse")
        keys.set_password(needs.database, connection, "小林", stored, now=needs.clock())
        person = keys.person_by_name(connection, "小林")
    return auth.sign_session(needs.secret, person, now=needs.clock())


def test_a_session_reads_without_and_writes_with_its_csrf_token(anonymous, cookie, needs):
    anonymous.cookies.set(SESSION_COOKIE, cookie)
    assert anonymous.get(LISTS).status_code == 200
    assert anonymous.post(LISTS, json={"name": "x"}).status_code == 403
    wrong = {CSRF_HEADER: auth.csrf_token(needs.secret, "another")}
    assert (
        anonymous.post(LISTS, json={"name": "x"}, headers=wrong).json()["code"] == "bad_csrf_token"
    )
    token = {CSRF_HEADER: auth.csrf_token(needs.secret, cookie)}
    made = anonymous.post(LISTS, json={"name": "x"}, headers=token)
    assert made.status_code == 201
    versions = anonymous.get(f"{made.headers['location']}/versions").json()
    assert versions["data"][0]["actor"] == "小林"


def test_a_session_ends(anonymous, cookie, clock):
    anonymous.cookies.set(SESSION_COOKIE, cookie)
    clock.move(timedelta(hours=12))
    assert anonymous.get(LISTS).status_code == 401


@pytest.mark.parametrize("value", ["", "x", "a.b", "." * 50, "e30."])
def test_a_forged_cookie_is_401(anonymous, value):
    anonymous.cookies.set(SESSION_COOKIE, value)
    assert anonymous.get(LISTS).status_code == 401


def test_a_key_is_never_taken_from_a_cookie_or_the_address(anonymous, key_for):
    text = key_for("admin")["Authorization"].removeprefix("Bearer ")
    anonymous.cookies.set(SESSION_COOKIE, text)
    assert anonymous.get(LISTS).status_code == 401
    assert anonymous.get(LISTS, params={"token": text}).status_code in (401, 422)


def test_what_needs_no_key(anonymous):
    for path in ("/healthz", "/readyz", "/docs", "/openapi.json"):
        assert anonymous.get(path).status_code == 200, path


def test_every_other_operation_needs_one(app, anonymous):
    document = app.openapi()
    # of the last two the secret in the path is the key
    open_paths = {"/healthz", "/readyz", "/api/v1/inlets/receive/{token}", "/websub/{callback}"}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            if path in open_paths:
                continue
            assert "security" in operation, (method, path)
            shown = path.replace("{key}", "1")
            if "{" not in shown:
                assert anonymous.request(method.upper(), shown).status_code == 401, (method, path)


def test_keys_are_checked_at_once_by_many(api):
    async def ask():
        return await asyncio.gather(*(asyncio.to_thread(api.get, LISTS) for _ in range(20)))

    assert {answer.status_code for answer in asyncio.run(ask())} == {200}
