"""``/alerts``: incidents that people handle. Actions are POSTs that answer the changed alert."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from sqlalchemy import RowMapping
from starlette.responses import Response

from alerts.model import AlertError, AlertState, IllegalTransition
from alerts.rules import Action
from analysis.model import Tier
from monitor import actions
from monitor.api.access import require
from monitor.api.answers import Json, Page, page_of, write_cursor
from monitor.api.deps import Deps
from monitor.api.filters import MOST_VALUES, KeywordLists, Needs, Tiers, tiers_of
from monitor.api.problems import Problem, invalid, not_found
from monitor.api.schemas import Id, page_model
from monitor.api.schemas_alerts import (
    ActionIn,
    AlertExplanation,
    AlertOut,
    AlertWithEvents,
    AssignIn,
    EventWithAlert,
    NoteIn,
)
from monitor.auth import Principal
from monitor.storage import alert_reading
from monitor.storage import alerts as stored
from monitor.storage.following import settled
from monitor.storage.tables import alert_event

router = APIRouter(prefix="/api/v1/alerts", tags=["alerts"])
Reader = Annotated[Principal, Depends(require("read"))]
Responder = Annotated[Principal, Depends(require("respond"))]
States = Annotated[list[AlertState], Query(alias="state", max_length=MOST_VALUES)]
COPIED = (
    "id", "source_id", "state", "title", "opened_at", "updated_at", "sequence", "acknowledged_at",
    "acknowledged_by", "assignee", "closed_at", "deadline_at", "last_signal_at", "counts", "evidence",
)  # fmt: skip
OF_EVENT = ("id", "alert_id", "sequence", "kind", "at", "actor", "reason")
NOTHING = ActionIn()


@router.get(
    "",
    operation_id="list_alerts",
    summary="List alerts",
    responses={200: {"model": page_model(AlertOut)}},
)
def list_alerts(  # one parameter a filter
    needs: Needs,
    _: Reader,
    page: Page,
    state: States = [],  # noqa: B006  # FastAPI copies defaults
    tier: Tiers = [],  # noqa: B006
    keyword_list: KeywordLists = [],  # noqa: B006
) -> Response:
    """Return alerts, the newest first."""
    with needs.database.read() as connection:
        rows = alert_reading.page(
            connection,
            states=[one.value for one in state],
            tiers=tiers_of(tier),
            keyword_list_ids=keyword_list,
            under_id=page.after_id,
            limit=page.limit + 1,
        )
    return page_of(rows, page.limit, show)


@router.get(
    "/feed",
    operation_id="list_alert_events",
    summary="Follow what happens to alerts",
    responses={200: {"model": page_model(EventWithAlert)}},
)
def list_alert_events(
    needs: Needs,
    _: Reader,
    page: Page,
    keyword_list: KeywordLists = [],  # noqa: B006
) -> Response:
    """Return events of alerts, the oldest first. `next_cursor` is always given: read on from it later."""
    after = page.after_id or 0
    with needs.database.read() as connection:
        horizon = settled(needs.database, connection, alert_event, after=after)
        found = alert_reading.events(
            connection,
            after_id=after,
            until_id=horizon,
            keyword_list_ids=keyword_list,
            limit=page.limit + 1,
        )
    shown = found[: page.limit]
    has_more = len(found) > page.limit
    position = shown[-1][0]["id"] if has_more else horizon
    rows = [{**show_event(event), "alert": show(row)} for event, row in shown]
    return Json({"data": rows, "next_cursor": write_cursor([position]), "has_more": has_more})


@router.get(
    "/{key}",
    operation_id="get_alert",
    summary="Read an alert",
    responses={200: {"model": AlertWithEvents}},
)
def get_alert(key: Id, needs: Needs, _: Reader) -> Response:
    """Return one alert with its history."""
    return Json(_whole(needs, key))


@router.get(
    "/{key}/explanation",
    operation_id="explain_alert",
    summary="Explain why an alert fired",
    responses={200: {"model": AlertExplanation}},
)
def explain_alert(key: Id, needs: Needs, _: Reader) -> Response:
    """Return observed, baseline and threshold of each condition, frozen when the alert was judged."""
    with needs.database.read() as connection:
        row = alert_reading.row(connection, key)
    if row is None:
        raise not_found("预警", key)
    return Json({"alert_id": key, **row["explanation"]})


@router.post(
    "/{key}/acknowledge",
    operation_id="acknowledge_alert",
    summary="Acknowledge an alert",
    responses={200: {"model": AlertWithEvents}},
)
def acknowledge_alert(key: Id, needs: Needs, who: Responder, body: ActionIn = NOTHING) -> Response:
    """Say that somebody is on it. Twice is once; a closed alert answers 409 `alert_closed`."""
    return _act(needs, key, Action.ACKNOWLEDGE, who, body.reason)


@router.post(
    "/{key}/assign",
    operation_id="assign_alert",
    summary="Assign an alert",
    responses={200: {"model": AlertWithEvents}},
)
def assign_alert(key: Id, needs: Needs, who: Responder, body: AssignIn) -> Response:
    """Name who is to act; an empty name takes it back."""
    return _act(needs, key, Action.ASSIGN, who, body.reason, body.assignee)


@router.post(
    "/{key}/resolve",
    operation_id="resolve_alert",
    summary="Resolve an alert",
    responses={200: {"model": AlertWithEvents}},
)
def resolve_alert(key: Id, needs: Needs, who: Responder, body: ActionIn = NOTHING) -> Response:
    """Close an alert as dealt with."""
    return _act(needs, key, Action.RESOLVE, who, body.reason)


@router.post(
    "/{key}/false-alarm",
    operation_id="dismiss_alert",
    summary="Close an alert as false alarm",
    responses={200: {"model": AlertWithEvents}},
)
def dismiss_alert(key: Id, needs: Needs, who: Responder, body: ActionIn = NOTHING) -> Response:
    """Close an alert that should not have been one."""
    return _act(needs, key, Action.FALSE_ALARM, who, body.reason)


@router.post(
    "/{key}/notes",
    operation_id="note_alert",
    summary="Write a note on an alert",
    responses={200: {"model": AlertWithEvents}},
)
def note_alert(key: Id, needs: Needs, who: Responder, body: NoteIn) -> Response:
    """Add a note to the history; closed alerts take notes too."""
    return _act(needs, key, Action.NOTE, who, body.text)


def _act(
    needs: Deps, key: int, action: Action, who: Principal, reason: str, assignee: str | None = None
) -> Response:
    request = actions.Request(action=action, actor=who.name, reason=reason, assignee=assignee)
    try:
        changed = actions.act(
            needs.database, key, request, now=needs.clock(), base_url=base_url(needs)
        )
    except LookupError:
        raise not_found("预警", key) from None
    except IllegalTransition as error:
        raise Problem("alert-closed", str(error)) from None
    except AlertError as error:
        raise invalid("#", str(error)) from None
    if changed:
        needs.live.notify()
    return Json(_whole(needs, key))


def base_url(needs: Deps) -> str:
    """Return the address of this installation as links in messages name it."""
    return needs.settings.base_url


def _whole(needs: Deps, key: int) -> dict[str, Any]:
    with needs.database.read() as connection:
        row = alert_reading.row(connection, key)
        if row is None:
            raise not_found("预警", key)
        events = [show_event(event) for event in stored.events(connection, key)]
    return show(row) | {"events": events}


def show(row: RowMapping | Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert as the API gives it."""
    tier = Tier(row["tier"])
    return {name: row[name] for name in COPIED} | {
        "keyword_list_id": row["keyword_list_id"] or None,  # 0: about sources, of no list
        "keyword_list": _list_of(row),
        "tier": tier.wire,
        "tier_rank": int(tier),
        "sentence": row["explanation"].get("sentence"),
    }


def _list_of(row: RowMapping | Mapping[str, Any]) -> dict[str, Any] | None:
    if not row["keyword_list_id"]:
        return None
    return {"id": row["keyword_list_id"], "name": row["keyword_list"] or ""}


def show_event(event: RowMapping | Mapping[str, Any]) -> dict[str, Any]:
    """Return an event as the API gives it."""
    tiers = {name: Tier(event[name]).wire for name in ("tier", "previous_tier")}
    return {name: event[name] for name in OF_EVENT} | tiers
