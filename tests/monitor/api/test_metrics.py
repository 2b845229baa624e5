"""``/metrics``: figures from the database, open to this machine only."""

from __future__ import annotations

import warnings
from datetime import timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import insert, update

from monitor.storage import sources
from monitor.storage.tables import alert, source

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

METRICS = "/metrics"


def samples(reply) -> dict[tuple[str, ...], float]:
    assert reply.status_code == 200, reply.text
    return {
        (
            one.name,
            *(value for name, value in sorted(one.labels.items()) if name != "source_id"),
        ): one.value
        for family in text_string_to_metric_families(reply.text)
        for one in family.samples
    }


def test_figures_tell_posts_sources_alerts_and_queues(api, needs, clock):
    brand = api.post("/api/v1/keyword-lists", json={"name": "青禾", "aliases": ["青禾"]}).json()[
        "id"
    ]
    api.post(
        "/api/v1/posts/batch",
        json=[
            {"source": "论坛", "external_id": str(n), "text": f"青禾起火,要求退货 {n}"}
            for n in range(3)
        ],
    )
    with needs.database.write() as connection:
        for name, state in (("好", "ok"), ("坏", "failing")):
            key = sources.create(
                connection,
                {"name": name, "kind": "feed", "url": "https://a.example/", "options": {}},
                now=clock(),
            )
            seen = {"state": state, "last_success_at": clock() - timedelta(seconds=90)}
            connection.execute(update(source).where(source.c.id == key).values(seen))
        connection.execute(insert(alert), alert_row(brand, clock()))
    found = samples(api.get(METRICS))
    assert found["monitor_posts_ingested_total", "push"] == 3
    assert found["monitor_source_up", "好"] == 1
    assert found["monitor_source_up", "坏"] == 0
    assert found["monitor_source_lag_seconds", "好"] == 90
    assert found["monitor_alerts_open", "red"] == 1
    assert found["monitor_alerts_open", "blue"] == 0
    assert found["monitor_negative_share", "青禾"] == 1
    assert found["monitor_queue_depth", "deliveries"] == 0
    assert found["monitor_queue_depth", "buckets"] == 1
    assert found["monitor_alert_ack_seconds_count",] == 1
    assert found["monitor_alert_ack_seconds_sum",] == 60
    assert ("process_resident_memory_bytes",) in found


def alert_row(list_id: int, now):
    return {
        "dedup_key": "k", "keyword_list_id": list_id, "state": "acknowledged", "tier": 4, "title": "t", "sequence": 1,
        "opened_at": now - timedelta(minutes=1), "updated_at": now, "acknowledged_at": now, "explanation": {},
        "counts": {}, "evidence": [],
    }  # fmt: skip


def test_an_empty_installation_has_figures_too(api):
    found = samples(api.get(METRICS))
    assert found["monitor_alerts_open", "orange"] == 0
    assert found["monitor_alert_ack_seconds_count",] == 0


def test_deliveries_are_counted_by_channel_and_state(api, needs):
    body = {
        "name": "值班群",
        "kind": "webhook",
        "url": "https://hooks.example/x",
        "min_tier": "blue",
    }
    channel = api.post("/api/v1/channels", json=body)
    assert channel.status_code == 201, channel.text
    with needs.database.write() as connection:
        from monitor.storage import deliveries

        deliveries.enqueue(
            needs.database, connection, event_id=1, alert_id=None, channels=[channel.json()["id"]], body="{}", lane=0,
            now=needs.clock(),
        )  # fmt: skip
    found = samples(api.get(METRICS))
    assert found["monitor_deliveries_total", "值班群", "due"] == 1
    assert found["monitor_queue_depth", "deliveries"] == 1


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        pytest.param("127.0.0.1", {}, 200, id="this machine"),
        pytest.param("::1", {}, 200, id="this machine, IPv6"),
        pytest.param(
            "127.0.0.1", {"X-Forwarded-For": "203.0.113.7"}, 401, id="a proxy on this machine"
        ),
        pytest.param(
            "127.0.0.1", {"Forwarded": "for=203.0.113.7"}, 401, id="a proxy that knows the standard"
        ),
        pytest.param("192.0.2.1", {}, 401, id="another machine"),
        pytest.param("testclient", {}, 401, id="no address"),
        pytest.param("127.0.0.1", {"Authorization": "Bearer wrong"}, 401, id="a wrong key is told"),
    ],
)
def test_only_programs_of_this_machine_need_no_key(app, address, headers, status):
    with TestClient(app, client=(address, 5000)) as client:
        assert client.get(METRICS, headers=headers).status_code == status


def test_from_elsewhere_a_key_with_read_is_needed(anonymous, key_for):
    assert anonymous.get(METRICS, headers=key_for("read")).status_code == 200
    assert anonymous.get(METRICS, headers=key_for("ingest")).status_code == 403
