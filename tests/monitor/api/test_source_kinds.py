"""``/source-kinds``: what can be visited, presets, and secrets that are never shown again."""

from __future__ import annotations

import pytest

from collectors import registry
from monitor.storage import secrets_of_sources, sources

SOURCES = "/api/v1/sources"
KINDS = "/api/v1/source-kinds"
ONE_DIALECT = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
MASTODON = {
    "name": "长毛象",
    "kind": "mastodon",
    "url": "https://social.example",
    "options": {"timeline": "public"},
}


@ONE_DIALECT
def test_every_installed_kind_documents_its_options(api):
    found = {row["kind"]: row for row in api.get(KINDS).json()["data"]}
    assert tuple(found) == registry.kinds()
    assert {"feed", "json_api", "html_list", "review_page", "mastodon"} <= found.keys()
    for kind, row in found.items():
        assert "timezone" in row["options_schema"]["properties"], kind
        assert row["title"]
        assert not row["title"].startswith("Usage:")


@ONE_DIALECT
def test_a_preset_filled_in_makes_a_source(api):
    chosen = next(
        row
        for row in api.get(f"{KINDS}/presets").json()["data"]
        if row["parameters"] == [] and row["secrets"] == []
    )
    filled = api.post(f"{KINDS}/presets/{chosen['name']}", json={"parameters": {}}).json()
    made = api.post(SOURCES, json={"name": chosen["title"], **filled})
    assert made.status_code == 201, made.text
    assert made.json()["kind"] == chosen["kind"]


@ONE_DIALECT
@pytest.mark.parametrize(
    ("name", "parameters", "status"),
    [("no-such-preset", {}, 404), ("newsnow", {}, 422), ("newsnow", {"colour": "red"}, 422)],
)
def test_a_preset_that_cannot_be_filled_in_says_why(api, name, parameters, status):
    answer = api.post(f"{KINDS}/presets/{name}", json={"parameters": parameters})
    assert answer.status_code == status
    assert answer.json()["detail"]


def test_secrets_are_sealed_and_shown_by_name_only(api, needs):
    made = api.post(SOURCES, json=MASTODON | {"secrets": {"token": "tok-3f9a"}})
    assert (made.status_code, made.json()["secrets"]) == (201, ["token"])
    key = made.json()["id"]
    listed = api.get(SOURCES).text + api.get(f"{SOURCES}/{key}").text + made.text
    assert "tok-3f9a" not in listed
    with needs.database.read() as connection:
        row = sources.get(connection, key)
    assert b"tok-3f9a" not in bytes(row["secrets_sealed"])
    opened = secrets_of_sources.opened(needs.sealer, key, row["secrets_sealed"])
    assert opened == {"token": "tok-3f9a"}


def test_a_secret_stays_until_it_is_replaced_or_taken_away(api):
    key = api.post(SOURCES, json=MASTODON | {"secrets": {"token": "one"}}).json()["id"]
    for change, left in (
        ({"interval_seconds": 600}, ["token"]),
        ({"secrets": {"token": "two"}}, ["token"]),
        ({"secrets": {"token": None}}, []),
    ):
        answer = api.patch(f"{SOURCES}/{key}", json=change)
        assert (answer.status_code, answer.json()["secrets"]) == (200, left)


@ONE_DIALECT
def test_a_wrong_option_is_named(api):
    answer = api.post(SOURCES, json=MASTODON | {"options": {"timeline": "secret"}})
    assert answer.status_code == 422
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/options/timeline"]
    key = api.post(SOURCES, json=MASTODON).json()["id"]
    answer = api.patch(f"{SOURCES}/{key}", json={"options": {"timeline": "secret"}})
    assert [one["pointer"] for one in answer.json()["errors"]] == ["#/options/timeline"]


@ONE_DIALECT
def test_a_kind_with_an_address_of_its_own_needs_none(api):
    made = api.post(
        SOURCES, json={"name": "HN", "kind": "hackernews", "options": {"queries": ["skylark"]}}
    )
    assert made.status_code == 201, made.text
    assert made.json()["url"].startswith("https://hn.algolia.com")
