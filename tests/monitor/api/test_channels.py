"""``/channels``."""

from __future__ import annotations

import json

import pytest
from sqlalchemy import select

from alerts import webhook
from monitor.api.channels import masked
from monitor.pipeline.dispatch import open_target
from monitor.storage.deliveries import channel_row
from monitor.storage.tables import channel

CHANNELS = "/api/v1/channels"
ONE_DIALECT = pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # refused before any query
URL = "https://hooks.example.com/crisis/9f3a-very-secret-token-7c21"
NEW = {"name": "值班机器人", "url": URL}


def make(api, **fields):
    answer = api.post(CHANNELS, json=NEW | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def target(needs, key):
    with needs.database.read() as connection:
        return open_target(needs.sealer, channel_row(connection, key))


def test_a_made_secret_is_shown_once_and_works(api, needs):
    made = make(api)
    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert (made["min_tier"], made["keyword_lists"], made["enabled"]) == ("yellow", None, True)
    assert made["url"] == "https://hooks.example.com/…7c21"
    assert api.get(f"{CHANNELS}/{made['id']}").json() == made
    assert api.get(CHANNELS).json()["data"] == [made]
    assert (target(needs, made["id"]).url, target(needs, made["id"]).secrets) == (URL, (secret,))


def test_a_given_secret_is_never_shown(api, needs):
    secret = "a password that somebody chose".replace(" ", "-")
    made = make(api, secret=secret)
    assert "secret" not in made
    assert target(needs, made["id"]).secrets == (webhook.secret_of(secret),)


def test_nothing_secret_lies_open_in_the_database(api, needs):
    secret = make(api)["secret"]
    with needs.database.read() as connection:
        row = connection.execute(select(channel)).one()
    stored = "".join(str(bytes(value) if isinstance(value, memoryview) else value) for value in row)
    assert "very-secret" not in stored
    assert secret not in stored


@ONE_DIALECT
@pytest.mark.parametrize(
    ("fields", "pointer", "says"),
    [
        ({"kind": "wecom"}, "#/kind", "only webhook"),
        ({"url": "gopher://example.com"}, "#/url", "http"),
        ({"url": "https://a:b@example.com"}, "#/url", "user information"),
        ({"secret": "short"}, "#/secret", "24"),
        ({"secret": "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!"}, "#/secret", "base64"),
        ({"secret": "two words are one too many"}, "#/secret", ""),
        ({"min_tier": "none"}, "#/min_tier", "blue"),
        ({"min_tier": "pink"}, "#/min_tier", "blue"),
        ({"keyword_lists": [7]}, "#/keyword_lists/0", "no such"),
        ({"keyword_lists": [0]}, "#/keyword_lists/0", "1"),
        ({"keyword_lists": [2**63]}, "#/keyword_lists/0", ""),
        ({"colour": "red"}, "#/colour", ""),
    ],
    ids=str,
)
def test_what_cannot_be_used_is_refused(api, fields, pointer, says):
    answer = api.post(CHANNELS, json=NEW | fields)
    assert answer.status_code == 422
    wrong = answer.json()["errors"]
    assert [one["pointer"] for one in wrong] == [pointer]
    assert says in wrong[0]["detail"]


def test_patch_changes_the_address_and_keeps_the_secret(api, needs):
    made = make(api)
    place = f"{CHANNELS}/{made['id']}"
    changed = api.patch(
        place, json={"url": "https://new.example.com/hooks/1234567890", "min_tier": "blue"}
    )
    assert (changed.json()["url"], changed.json()["min_tier"]) == (
        "https://new.example.com/…7890",
        "blue",
    )
    assert changed.headers["etag"] == '"2"'
    assert target(needs, made["id"]).url == "https://new.example.com/hooks/1234567890"
    assert target(needs, made["id"]).secrets == (made["secret"],)


def test_put_replaces_all_but_an_absent_secret(api, needs):
    lists = [api.post("/api/v1/keyword-lists", json={"name": "云雀"}).json()["id"]]
    made = make(api, min_tier="red", keyword_lists=lists)
    assert made["keyword_lists"] == lists
    place = f"{CHANNELS}/{made['id']}"
    replaced = api.put(place, json=NEW).json()
    assert (replaced["min_tier"], replaced["keyword_lists"]) == ("yellow", None)
    assert target(needs, made["id"]).secrets == (made["secret"],)
    api.put(place, json=NEW | {"secret": "another-secret-of-somebody"})
    assert target(needs, made["id"]).secrets == (webhook.secret_of("another-secret-of-somebody"),)


def test_enabling_again_forgets_why_it_was_disabled(api, needs):
    made = make(api)
    with needs.database.write() as connection:
        connection.execute(channel.update().values(enabled=False, disabled_reason="410"))
    assert api.get(f"{CHANNELS}/{made['id']}").json()["disabled_reason"] == "410"
    assert (
        api.patch(f"{CHANNELS}/{made['id']}", json={"enabled": True}).json()["disabled_reason"]
        is None
    )


def test_stale_taken_and_gone(api):
    place = f"{CHANNELS}/{make(api)['id']}"
    other = make(api, name="另一个")
    assert api.patch(place, json={"enabled": False}, headers={"If-Match": '"3"'}).status_code == 412
    assert api.post(CHANNELS, json=NEW).status_code == 409
    assert api.patch(f"{CHANNELS}/{other['id']}", json={"name": NEW["name"]}).status_code == 409
    assert api.delete(place, headers={"If-Match": '"3"'}).status_code == 412
    assert api.delete(place).status_code == 204
    for answer in (
        api.get(place),
        api.delete(place),
        api.post(f"{place}/test"),
        api.put(place, json=NEW),
    ):
        assert answer.status_code == 404


@ONE_DIALECT
@pytest.mark.parametrize(
    ("status", "verdict"),
    [(200, "ok"), (204, "ok"), (302, "retry"), (500, "retry"), (429, "throttled"), (410, "dead")],
)
def test_a_test_message_is_signed_and_its_answer_told(
    api, http, fake_reply, clock, status, verdict
):
    made = make(api)
    http.answer = lambda url: fake_reply(status=status, body="好的".encode(), url=url)
    found = api.post(f"{CHANNELS}/{made['id']}/test").json()
    assert (found["status"], found["verdict"], found["answer"], found["error"]) == (
        status,
        verdict,
        "好的",
        None,
    )
    url, body, headers = http.posted[0]
    assert url == URL
    assert webhook.verify(headers, body, [made["secret"]], now=clock.now) == found["webhook_id"]
    assert json.loads(body)["data"]["channel"] == {"id": made["id"], "name": "值班机器人"}
    assert api.get("/api/v1/deliveries").json()["data"] == []


def test_a_test_without_an_answer_says_so(api, http, no_answer):
    made = make(api)
    http.answer = no_answer
    answer = api.post(f"{CHANNELS}/{made['id']}/test")
    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["verdict"]) == (None, "retry")
    assert "very-secret" not in answer.text


def test_a_secret_sealed_with_another_key_is_named(api, needs):
    made = make(api)
    with needs.database.write() as connection:
        connection.execute(channel.update().values(url_sealed=b"\x01" + b"x" * 60))
    answer = api.post(f"{CHANNELS}/{made['id']}/test")
    assert (answer.status_code, "MONITOR_SECRET_KEY" in answer.json()["detail"]) == (409, True)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.example/hook/0123456789abcd", "https://a.example/…abcd"),
        ("https://a.example:8443/?key=abcdefgh", "https://a.example:8443/…efgh"),
        ("https://a.example/short", "https://a.example/…"),
        ("https://a.example", "https://a.example/…"),
    ],
)
def test_an_address_is_masked(url, shown):
    assert masked(url) == shown
