"""``/deliveries``."""

from __future__ import annotations

import asyncio

import pytest

from monitor.pipeline.dispatch import Dispatcher
from monitor.storage import deliveries

DELIVERIES = "/api/v1/deliveries"
ONE_DIALECT = pytest.mark.parametrize(
    "database", ["sqlite"], indirect=True
)  # refused before any query


@pytest.fixture
def two(api, needs):
    """Two channels, each with the delivery of one event; returns the channels' ids."""
    ids = [
        api.post(
            "/api/v1/channels", json={"name": name, "url": "https://hooks.example.com/0123456789"}
        ).json()["id"]
        for name in ("甲", "乙")
    ]
    with needs.database.write() as connection:
        deliveries.enqueue(
            needs.database, connection, event_id=5, alert_id=3, channels=ids, body='{"type":"alert.opened"}',
            lane=1, now=needs.clock(),
        )  # fmt: skip
    return ids


def dispatch(needs, http):
    async def run():
        dispatcher = Dispatcher(
            database=needs.database, http=http, sealer=needs.sealer, clock=needs.clock
        )
        await dispatcher.dispatch_due()
        await dispatcher.drain()

    asyncio.run(run())


def ids(answer):
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()["data"]]


def test_deliveries_are_listed_newest_first_by_pages(api, two):
    page = api.get(DELIVERIES, params={"limit": 1}).json()
    rest = api.get(DELIVERIES, params={"limit": 1, "cursor": page["next_cursor"]}).json()
    assert [page["data"][0]["id"], rest["data"][0]["id"]] == [2, 1]
    assert (page["has_more"], rest["has_more"]) == (True, False)


@pytest.mark.parametrize(
    ("params", "wanted"),
    [
        ({}, [2, 1]),
        ({"alert_id": 3}, [2, 1]),
        ({"alert_id": 4}, []),
        ({"channel_id": 1}, [1]),
        ({"state": "due"}, [2, 1]),
        ({"state": "done"}, []),
        ({"state": ["done", "due"], "channel_id": 2}, [2]),
    ],
    ids=str,
)
def test_filters_narrow(api, two, params, wanted):
    assert ids(api.get(DELIVERIES, params=params)) == wanted


@ONE_DIALECT
@pytest.mark.parametrize(
    "params", [{"state": "lost"}, {"alert_id": 0}, {"channel_id": 2**63}, {"alert": 1}]
)
def test_filters_that_mean_nothing_are_refused(api, params):
    assert api.get(DELIVERIES, params=params).status_code == 422


def test_a_delivery_shows_its_attempts_without_the_signature(api, two, needs, http, fake_reply):
    http.answer = lambda url: fake_reply(status=500, body=b"busy", url=url)
    dispatch(needs, http)
    found = api.get(f"{DELIVERIES}/1").json()
    assert (found["state"], found["attempts"], found["last_error"]) == ("due", 1, "HTTP 500")
    assert found["next_attempt_at"] > "2026-03-10T05:08:00Z"
    attempt = found["attempt_log"][0]
    assert (attempt["number"], attempt["status"], attempt["verdict"], attempt["answer"]) == (
        1,
        500,
        "retry",
        "busy",
    )
    assert attempt["headers"]["webhook-signature"] == "v1,***"
    assert found["body"] == {"type": "alert.opened"}


def test_sending_again_keeps_the_webhook_id(api, two, needs, http):
    dispatch(needs, http)
    first = api.get(f"{DELIVERIES}/1").json()
    assert (first["state"], first["next_attempt_at"]) == ("done", None)
    again = api.post(f"{DELIVERIES}/1/redeliver")
    assert (again.status_code, again.json()["state"]) == (202, "due")
    dispatch(needs, http)
    found = api.get(f"{DELIVERIES}/1").json()
    assert (found["state"], found["attempts"]) == ("done", 2)
    sent = [headers["webhook-id"] for _, _, headers in http.posted]
    assert sent.count(first["webhook_id"]) == 2


def test_nothing_is_sent_again_to_a_disabled_channel(api, two):
    api.patch("/api/v1/channels/1", json={"enabled": False})
    assert api.post(f"{DELIVERIES}/1/redeliver").status_code == 409
    assert api.post(f"{DELIVERIES}/99/redeliver").status_code == 404
    assert api.get(f"{DELIVERIES}/99").status_code == 404
