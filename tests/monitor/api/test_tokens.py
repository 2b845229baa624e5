"""``/tokens``."""

from __future__ import annotations

from datetime import timedelta

import pytest

TOKENS = "/api/v1/tokens"


@pytest.fixture
def database(sqlite_database):
    return sqlite_database


def test_a_key_is_shown_once_and_works(api, anonymous):
    answer = api.post(TOKENS, json={"name": "大屏", "scopes": ["read"]})
    assert answer.status_code == 201
    made = answer.json()
    key = made.pop("key")
    assert made["scopes"] == ["read"]
    assert api.get(answer.headers["location"]).json() == made
    assert api.get(TOKENS).json()["data"] == [made]
    used = anonymous.get("/api/v1/keyword-lists", headers={"Authorization": f"Bearer {key}"})
    assert used.status_code == 200


@pytest.mark.parametrize(
    ("fields", "pointer"),
    [
        ({"scopes": []}, "#/scopes"),
        ({"scopes": ["root"]}, "#/scopes/0"),
        ({"name": ""}, "#/name"),
        ({"expires_at": "2026-03-10T05:08:00Z"}, "#/expires_at"),
        ({"expires_at": "2027-01-01T00:00:00"}, "#/expires_at"),
        ({"expires_at": "9999-12-31T23:59:59-23:59"}, "#/expires_at"),
        ({"expires_at": "0001-01-01T00:00:00+23:59"}, "#/expires_at"),
        ({"expires_at": "tomorrow"}, "#/expires_at"),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(api, fields, pointer):
    answer = api.post(TOKENS, json={"name": "x", "scopes": ["read"]} | fields)
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == [pointer]


def test_an_end_in_any_zone_is_shown_in_utc(api):
    made = api.post(
        TOKENS, json={"name": "x", "scopes": ["read"], "expires_at": "2027-01-01T08:00:00+08:00"}
    )
    assert made.json()["expires_at"] == "2027-01-01T00:00:00Z"


def test_revoking_keeps_the_row_and_its_first_time(api, clock):
    key = api.post(TOKENS, json={"name": "x", "scopes": ["read"]}).json()["id"]
    for _ in range(2):
        assert api.delete(f"{TOKENS}/{key}").status_code == 204
        clock.move(timedelta(minutes=1))
    assert api.get(f"{TOKENS}/{key}").json()["revoked_at"] == "2026-03-10T05:08:00Z"


@pytest.mark.parametrize(
    ("key", "status"), [("aaaaaaaa", 404), ("short", 422), ("密钥密钥密钥密钥", 422)]
)
def test_a_key_that_is_not_there(api, key, status):
    assert api.get(f"{TOKENS}/{key}").status_code == status
    assert api.delete(f"{TOKENS}/{key}").status_code == status


def test_keys_come_by_pages(api, clock):
    for name in "abc":
        api.post(TOKENS, json={"name": name, "scopes": ["read"]})
        clock.move(timedelta(seconds=1))
    page = api.get(TOKENS, params={"limit": 2}).json()
    rest = api.get(TOKENS, params={"limit": 2, "cursor": page["next_cursor"]}).json()
    assert [row["name"] for row in page["data"] + rest["data"]] == ["a", "b", "c"]
    assert rest["next_cursor"] is None
