"""``/inlets``: another system's own JSON becomes posts; the token is the key, a secret asks for signatures."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from sqlalchemy import func, select

from alerts import webhook
from monitor.api.limits import RateLimit
from monitor.storage.tables import inlet, post, source

INLETS = "/api/v1/inlets"
ONE_DIALECT = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
SECRET = "a-secret-of-the-ticket-system-0001"
MAPPING = {
    "items": "data.tickets",
    "map": {
        "external_id": "id",
        "text": "content",
        "author.name": "customer.name",
        "author.followers": "customer.fans",
        "published_at": "created",
        "rating": "stars",
    },
    "kind": "review",
    "timezone": "Asia/Shanghai",
}
NEW = {"name": "客服工单", "source": "客服系统", "mapping": MAPPING}
TICKET = {
    "id": 71,
    "content": "云雀汽车趴窝,要求退款",
    "customer": {"name": "老王", "fans": "1.2万"},
    "created": "2026-03-09 10:20",
    "stars": 1,
}


def make(api, **fields):
    answer = api.post(INLETS, json=NEW | fields)
    assert answer.status_code == 201, answer.text
    return answer.json()


def message(*tickets) -> bytes:
    return json.dumps({"data": {"tickets": tickets}}, ensure_ascii=False).encode()


def count(needs, table=post):
    with needs.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(table))


def test_a_message_becomes_posts_and_a_repeated_one_changes_nothing(api, anonymous, needs):
    made = make(api)
    broken = TICKET | {"id": 72, "customer": {"fans": "许多"}}
    old = TICKET | {"id": 73, "created": "1960-01-01"}
    body = message(TICKET, broken, "no object", old, TICKET | {"id": 74})
    answer = anonymous.post(made["path"], content=body)
    assert answer.status_code == 200, answer.text
    found = answer.json()
    statuses = ["created", "rejected", "rejected", "rejected", "created"]
    assert [row["status"] for row in found["rows"]] == statuses
    assert [row["index"] for row in found["rows"]] == list(range(5))
    assert found["rows"][1]["pointer"] == "#/1/author/followers"
    assert found["rows"][3]["pointer"] == "#/3/published_at"
    assert (found["created"], found["rejected"]) == (2, 3)

    again = anonymous.post(made["path"], content=body).json()
    assert (again["created"], again["duplicate"], count(needs)) == (0, 2, 2)
    with needs.database.read() as connection:
        query = select(post, source.c.name.label("source")).join(source).order_by(post.c.id)
        row = connection.execute(query).mappings().first()
    assert (row["source"], row["external_id"], row["kind"]) == ("客服系统", "71", "review")
    assert (row["author_name"], row["followers"], row["rating"]) == ("老王", 12_000, 0.0)
    shown = api.get(f"{INLETS}/{made['id']}").json()
    assert (shown["received"], shown["last_error"][:10]) == (4, "2026-03-10")
    assert "许多" in shown["last_error"]


def test_a_token_is_shown_once_and_opens_until_it_is_renewed(api, anonymous, needs):
    made = make(api)
    token = made["token"]
    assert made["path"].endswith(token)
    for answer in (api.get(INLETS).text, api.get(f"{INLETS}/{made['id']}").text):
        assert token not in answer
    with needs.database.read() as connection:
        assert token.encode() not in repr(connection.execute(select(inlet)).all()).encode()
    renewed = api.post(f"{INLETS}/{made['id']}/token").json()
    assert renewed["token"] != token
    assert anonymous.post(made["path"], content=message(TICKET)).status_code == 404
    assert anonymous.post(renewed["path"], content=message(TICKET)).status_code == 200


def test_a_disabled_inlet_is_as_gone_as_an_unknown_one(api, anonymous):
    made = make(api)
    api.patch(f"{INLETS}/{made['id']}", json={"enabled": False})
    gone = anonymous.post(made["path"], content=message(TICKET))
    unknown = anonymous.post(f"{INLETS}/receive/jw_in_nothing", content=message(TICKET))
    assert gone.status_code == unknown.status_code == 404
    same = {
        name: value for name, value in gone.json().items() if name not in ("instance", "request_id")
    }
    assert same.items() <= unknown.json().items()
    api.patch(f"{INLETS}/{made['id']}", json={"enabled": True})
    assert anonymous.post(made["path"], content=message(TICKET)).status_code == 200


def hex_of(body: bytes) -> str:
    return hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()


@ONE_DIALECT
def test_where_there_is_a_secret_messages_are_signed(api, anonymous, needs):
    made = make(api, secret=SECRET)
    assert SECRET not in json.dumps(made)
    assert made["signed"]
    body = message(TICKET)
    standard = webhook.headers("msg_1", needs.clock(), body, [webhook.secret_of(SECRET)])
    good = [
        {"X-Hub-Signature-256": f"sha256={hex_of(body)}"},
        {"X-Signature": hex_of(body).upper()},
        standard,
    ]
    bad = [
        {},
        {"X-Signature": ""},
        {"X-Signature": "0" * 64},
        {"X-Hub-Signature-256": f"sha256={hex_of(body + b' ')}"},
        {**standard, "webhook-id": "msg_2"},
        {**standard, "webhook-timestamp": "1"},
    ]
    for headers in bad:
        assert anonymous.post(made["path"], content=body, headers=headers).status_code == 401
    assert count(needs) == 0
    assert "签名" in api.get(f"{INLETS}/{made['id']}").json()["last_error"]
    for headers in good:
        assert anonymous.post(made["path"], content=body, headers=headers).status_code == 200
    api.patch(f"{INLETS}/{made['id']}", json={"secret": None})
    assert anonymous.post(made["path"], content=body).status_code == 200


@ONE_DIALECT
@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"", 400),
        (b"[" * 100_000, 400),
        (b"{}", 422),
        (b'{"data": {"tickets": 7}}', 422),
        (json.dumps({"data": {"tickets": [0] * 5_001}}).encode(), 413),
        (b'"' + b"a" * 2_000_000 + b'"', 413),
    ],
    ids=["no json", "nothing", "deep", "nothing there", "a number", "too many rows", "too long"],
)  # fmt: skip
def test_a_message_that_cannot_be_used_is_refused_and_told_to_the_operator(
    api, anonymous, needs, body, status
):
    made = make(api)
    assert anonymous.post(made["path"], content=body).status_code == status
    assert count(needs) == 0
    if len(body) < 1_000_000:
        assert api.get(f"{INLETS}/{made['id']}").json()["last_error"]


@ONE_DIALECT
def test_a_single_object_and_gb18030_are_read(api, anonymous, needs):
    made = make(api, mapping={"map": {"text": '"说"'}})
    body = json.dumps({"说": "这是我们的车,不行了"}, ensure_ascii=False).encode("gb18030")
    assert anonymous.post(made["path"], content=body).json()["created"] == 1


@ONE_DIALECT
@pytest.mark.parametrize(
    "mapping",
    [
        {"map": {"url": "a"}},
        {"map": {"text": "a["}},
        {"map": {"text": "nonsense(a)"}},
        {"map": {"text": "a" * 600}},
        {"map": {"text": "(" * 400 + "a" + ")" * 400}},
        {"map": {"text": "a", "source": "b"}},
        {"map": {"text": "a", "metrics.a-b": "b"}},
        {"items": "", "map": {"text": "a"}},
        {"map": {"text": "a"}, "timezone": "Mars/Base"},
        {"map": {"text": "a"}, "more": 1},
    ],
    ids=[
        "no text", "broken", "unknown function", "too long", "too deep", "source", "no count", "empty", "zone",
        "more",
    ],
)  # fmt: skip
def test_a_mapping_is_checked_when_it_is_written(api, mapping):
    assert api.post(INLETS, json=NEW | {"mapping": mapping}).status_code == 422


@ONE_DIALECT
def test_guesses_of_tokens_are_limited(api, app, anonymous):
    made = make(api)
    app.state.failure_limit = RateLimit(2)
    found = [anonymous.post(f"{INLETS}/receive/guess{n}").status_code for n in range(3)]
    assert found == [404, 404, 429]
    assert anonymous.post(made["path"], content=message(TICKET)).status_code == 200


@ONE_DIALECT
def test_messages_are_limited_by_inlet(api, app, anonymous):
    made = make(api)
    app.state.rate_limit = RateLimit(1)
    found = [anonymous.post(made["path"], content=message(TICKET)) for _ in range(2)]
    assert [answer.status_code for answer in found] == [200, 429]
    assert "retry-after" in found[1].headers


@ONE_DIALECT
def test_inlets_are_the_administrators(anonymous, key_for):
    for scope in ("read", "ingest", "respond"):
        assert anonymous.get(INLETS, headers=key_for(scope)).status_code == 403
    assert anonymous.get(INLETS).status_code == 401


def test_an_inlet_is_changed_by_version_and_deleted_without_its_posts(api, anonymous, needs):
    made = make(api)
    anonymous.post(made["path"], content=message(TICKET))
    one = f"{INLETS}/{made['id']}"
    assert api.post(INLETS, json=NEW).status_code == 409
    stale = api.patch(one, json={"name": "新名"}, headers={"If-Match": '"99"'})
    assert stale.status_code == 412
    changed = api.patch(one, json={"name": "新名", "source": "另一来源"}).json()
    assert (changed["name"], changed["source"], changed["version"]) == (
        "新名",
        "另一来源",
        made["version"] + 1,
    )
    assert [row["name"] for row in api.get(INLETS).json()["data"]] == ["新名"]
    assert api.delete(one).status_code == 204
    assert api.delete(one).status_code == 404
    assert anonymous.post(made["path"], content=message(TICKET)).status_code == 404
    assert count(needs) == 1
