"""Alerts over the API: listed, followed, explained and acted on."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from alerts.model import Alert, AlertState, Change, EventKind
from analysis.model import Tier
from monitor.api.schemas_alerts import AlertExplanation, AlertOut, AlertWithEvents, EventWithAlert
from monitor.storage import alerts

ALERTS = "/api/v1/alerts"
EXPLANATION = {
    "sentence": "13:05–13:35 负面 24 条，同一时段通常 1.2 条",
    "reason": "burst_negative",
    "tier": "orange",
    "rule_version": "1.1",
    "window": {"start": "2026-03-10T05:05:00Z", "end": "2026-03-10T05:35:00Z"},
    "observed": 24,
    "conditions": [
        {
            "name": "volume",
            "label": "声量",
            "observed": 24.0,
            "baseline": 1.2,
            "threshold": 20.0,
            "met": True,
        },
        {
            "name": "reach",
            "label": "覆盖",
            "observed": None,
            "baseline": None,
            "threshold": None,
            "met": True,
        },
    ],
}
EVIDENCE = [
    {
        "post_id": 1,
        "url": "https://a.example/1",
        "source": "论坛",
        "excerpt": "起火",
        "published_at": None,
    }
]


@pytest.fixture
def brand(api) -> int:
    return api.post("/api/v1/keyword-lists", json={"name": "青禾", "aliases": ["青禾"]}).json()[
        "id"
    ]


@pytest.fixture
def raised(needs, clock, brand) -> Callable[..., int]:
    """Open an alert as the evaluator does; returns its id."""

    def make(tier: Tier = Tier.ORANGE, key: str = "k", list_id: int | None = None) -> int:
        now = clock()
        alert = Alert(
            id=0, dedup_key=key, keyword_list_id=list_id or brand, state=AlertState.OPEN, tier=tier,
            title="「青禾」负面声量突增", opened_at=now, updated_at=now, sequence=1, deadline_at=now + timedelta(minutes=30),
        )  # fmt: skip
        change = Change(
            alert=alert, kind=EventKind.OPENED, actor="system", at=now, previous_tier=Tier.NONE, reason="burst_negative", notify=True
        )  # fmt: skip
        with needs.database.write() as connection:
            facts = {"explanation": EXPLANATION, "counts": {"observed": 24}, "evidence": EVIDENCE}
            return alerts.store_change(connection, change, facts)[0]

    return make


def act(api, key: int, action: str, **body: Any):
    return api.post(f"{ALERTS}/{key}/{action}", json=body)


def test_an_alert_tells_its_list_tier_deadline_and_history(api, raised):
    key = raised()
    body = api.get(f"{ALERTS}/{key}").json()
    assert AlertWithEvents.model_validate(body)
    assert (body["tier"], body["tier_rank"], body["state"]) == ("orange", 3, "open")
    assert body["keyword_list"] == {"id": body["keyword_list_id"], "name": "青禾"}
    assert body["deadline_at"] == "2026-03-10T05:38:00Z"
    assert body["sentence"] == EXPLANATION["sentence"]
    assert [(one["kind"], one["tier"], one["previous_tier"]) for one in body["events"]] == [
        ("opened", "orange", "none")
    ]


def test_lists_are_newest_first_filtered_and_paged(api, raised):
    first, second, third = raised(key="a"), raised(Tier.RED, key="b"), raised(key="c")
    act(api, first, "resolve")

    def ids(**params: Any) -> list[int]:
        body = api.get(ALERTS, params=params).json()
        assert all(AlertOut.model_validate(one) for one in body["data"])
        return [one["id"] for one in body["data"]]

    assert ids() == [third, second, first]
    assert ids(tier="red") == [second]
    assert ids(state=["open", "acknowledged"]) == [third, second]
    assert ids(keyword_list=999) == []
    page = api.get(ALERTS, params={"limit": 2}).json()
    assert page["has_more"]
    assert ids(cursor=page["next_cursor"]) == [first]


@pytest.mark.parametrize(
    ("action", "body", "outcome"),
    [
        pytest.param(
            "acknowledge",
            {"reason": "我来处理"},
            ("acknowledged", "acknowledged"),
            id="acknowledge",
        ),
        pytest.param("assign", {"assignee": "李岚"}, ("open", "assigned"), id="assign"),
        pytest.param("resolve", {}, ("resolved", "resolved"), id="resolve"),
        pytest.param(
            "false-alarm", {"reason": "测试数据"}, ("false_alarm", "false_alarm"), id="false alarm"
        ),
        pytest.param("notes", {"text": "已回访"}, ("open", "noted"), id="note"),
    ],
)
def test_an_action_answers_the_changed_alert_with_who_and_when(
    api, raised, clock, action, body, outcome
):
    state, event = outcome
    key = raised()
    clock.move(timedelta(minutes=5))
    reply = act(api, key, action, **body)
    assert reply.status_code == 200, reply.text
    changed = reply.json()
    assert changed == api.get(f"{ALERTS}/{key}").json()
    assert changed["state"] == state
    last = changed["events"][-1]
    assert (last["kind"], last["actor"], last["at"]) == (event, "admin", "2026-03-10T05:13:00Z")
    assert last["reason"] == body.get("reason", body.get("text", ""))
    if action == "assign":
        assert changed["assignee"] == "李岚"


@pytest.mark.parametrize("action", ["acknowledge", "resolve", "false-alarm"])
def test_asking_twice_is_the_same_answer(api, raised, clock, action):
    key = raised()
    first = act(api, key, action)
    clock.move(timedelta(minutes=1))
    second = act(api, key, action)
    assert (second.status_code, second.json()) == (200, first.json())


@pytest.mark.parametrize("action", ["acknowledge", "assign", "false-alarm"])
def test_a_closed_alert_takes_no_action(api, raised, action):
    key = raised()
    act(api, key, "resolve")
    reply = act(api, key, action, **({"assignee": "李岚"} if action == "assign" else {}))
    assert (reply.status_code, reply.json()["code"]) == (409, "alert_closed")
    assert act(api, key, "notes", text="复盘完成").status_code == 200


def test_an_action_needs_no_body(api, raised):
    assert api.post(f"{ALERTS}/{raised()}/acknowledge").status_code == 200


@pytest.mark.parametrize(
    ("action", "body"),
    [
        pytest.param("notes", {"text": "  "}, id="an empty note"),
        pytest.param("notes", {}, id="no note"),
        pytest.param("notes", {"text": "a\0"}, id="NUL"),
        pytest.param("assign", {}, id="to nobody"),
        pytest.param("resolve", {"because": "x"}, id="an unknown field"),
        pytest.param("acknowledge", {"reason": 5}, id="another type"),
    ],
)
def test_a_bad_body_is_422(api, raised, action, body):
    assert act(api, raised(), action, **body).status_code == 422


@pytest.mark.parametrize("path", ["", "/explanation"])
def test_an_alert_that_is_not_there_is_404(api, path):
    assert api.get(f"{ALERTS}/77{path}").status_code == 404
    assert act(api, 77, "acknowledge").status_code == 404


def test_acting_needs_respond(anonymous, raised, key_for):
    key = raised()
    assert anonymous.post(f"{ALERTS}/{key}/resolve", headers=key_for("read")).status_code == 403
    reply = anonymous.post(f"{ALERTS}/{key}/resolve", headers=key_for("respond"))
    assert reply.json()["events"][-1]["actor"] == "test"


def test_the_explanation_is_the_one_frozen_when_it_was_judged(api, raised):
    key = raised()
    act(api, key, "acknowledge")
    body = api.get(f"{ALERTS}/{key}/explanation").json()
    assert AlertExplanation.model_validate(body)
    assert body == {"alert_id": key, **EXPLANATION}


def test_the_feed_of_events_is_followed_by_its_cursor(api, raised):
    key = raised()
    act(api, key, "acknowledge")
    first = api.get(f"{ALERTS}/feed", params={"limit": 1}).json()
    assert ([one["kind"] for one in first["data"]], first["has_more"]) == (["opened"], True)
    second = api.get(f"{ALERTS}/feed", params={"cursor": first["next_cursor"]}).json()
    assert ([one["kind"] for one in second["data"]], second["has_more"]) == (
        ["acknowledged"],
        False,
    )
    assert EventWithAlert.model_validate(second["data"][0])
    assert second["data"][0]["alert"]["state"] == "acknowledged"
    act(api, key, "resolve")
    third = api.get(f"{ALERTS}/feed", params={"cursor": second["next_cursor"]}).json()
    assert [one["kind"] for one in third["data"]] == ["resolved"]


def test_an_alert_of_a_deleted_list_is_still_history(api, raised, brand):
    key = raised()
    assert api.delete(f"/api/v1/keyword-lists/{brand}").status_code == 204
    assert "青禾" in api.get(f"{ALERTS}/{key}").json()["keyword_list"]["name"]


@pytest.mark.parametrize(
    "query", ["state=closed", "tier=grey", "keyword_list=0", "cursor=%00", "cursor=WyJhIl0", "q=a"]
)
def test_what_cannot_be_meant_is_422(api, query):
    assert api.get(f"{ALERTS}?{query}").status_code == 422
