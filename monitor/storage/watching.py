"""Which sources may be blind: one query over all of them, however many there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    RowMapping,
    and_,
    bindparam,
    case,
    cast,
    func,
    literal,
    or_,
    select,
    type_coerce,
    update,
)

from collectors.model import SourceKind, SourceState
from collectors.rhythm import LATEST_VISIT
from monitor.storage.instants import to_micros
from monitor.storage.tables import alert, blind_spot, source

SPEAKING: Final = tuple(state.value for state in SourceState if state.is_speaking)
ANSWERING: Final = (*SPEAKING, SourceState.SILENT.value)
"""States of a source whose visits succeed."""
_LATEST_VISIT: Final = round(LATEST_VISIT * 1_000_000)
CERTAIN: Final = (
    SourceState.GONE.value, SourceState.RECIPE_BROKEN.value, SourceState.NOT_A_FEED.value,
)  # fmt: skip
"""States that no further visit will better: they are told at once."""


def suspects(connection: Connection, *, now: datetime) -> list[RowMapping]:
    """Return the sources that look blind at ``now``, and those with an open blind spot, by id.

    ``is_silent``: visits succeed, but what was to be expected within two expected intervals did not come.
    ``is_lost``: no visit succeeded for more than two intervals, or none ever will. ``spot_id``,
    ``spot_cause``, ``noticed_at``, ``alert_id`` are of the open blind spot, else None.
    """
    lost, silent = _is_lost(now), _is_silent(now)
    query = (
        select(
            source.c.id, source.c.name, source.c.kind, source.c.enabled, source.c.state, source.c.reason,
            source.c.state_since, source.c.interval_seconds, source.c.expected_seconds, source.c.created_at,
            source.c.last_post_at, source.c.last_success_at,
            and_(source.c.enabled, lost).label("is_lost"), and_(source.c.enabled, silent).label("is_silent"),
            blind_spot.c.id.label("spot_id"), blind_spot.c.cause.label("spot_cause"),
            blind_spot.c.reason.label("spot_reason"), blind_spot.c.noticed_at, blind_spot.c.alert_id,
            blind_spot.c.since.label("spot_since"),
        )
        .join(
            blind_spot,
            and_(blind_spot.c.source_id == source.c.id, blind_spot.c.until.is_(None)),
            isouter=True,
        )
        .where(
            or_(
                blind_spot.c.id.is_not(None),
                source.c.state == SourceState.SILENT.value,
                and_(source.c.enabled, or_(lost, silent)),
            )
        )
        .order_by(source.c.id)
    )  # fmt: skip
    return list(connection.execute(query).mappings())


def _is_silent(now: datetime) -> ColumnElement[bool]:
    """Return whether a source was looked at, and quiet for longer than its rhythm allows.

    ``collectors.rhythm.quiet_allowed`` in SQL. What is pushed to us is always being looked at.
    """
    looked_at = case(
        (source.c.kind == SourceKind.PUSH.value, to_micros(now)), else_=_micros(source.c.last_success_at)
    )  # fmt: skip
    visit = cast(source.c.interval_seconds, BigInteger) * literal(_LATEST_VISIT, BigInteger)
    allowed = 2 * _in_micros(source.c.expected_seconds) - visit
    quiet = looked_at - _micros(source.c.last_post_at)
    return func.coalesce(and_(source.c.state.in_(ANSWERING), quiet > allowed), False)


def _is_lost(now: datetime) -> ColumnElement[bool]:
    seen = _micros(func.coalesce(source.c.last_success_at, source.c.created_at))
    since = func.coalesce(_micros(source.c.state_since), seen)
    patience = 2 * _in_micros(source.c.interval_seconds)
    at = to_micros(now)
    overdue = or_(source.c.state.in_(CERTAIN), at - seen > patience, at - since > patience)
    return and_(source.c.state.not_in(ANSWERING), overdue)


def _in_micros(seconds: ColumnElement[Any]) -> ColumnElement[int]:
    return cast(seconds, BigInteger) * literal(1_000_000, BigInteger)


def _micros(column: ColumnElement[Any]) -> ColumnElement[int]:
    return type_coerce(column, BigInteger)


def show_silent(
    connection: Connection, shown: Mapping[int, tuple[str, datetime]], heard: Sequence[int]
) -> None:
    """Show sources as silent with (reason, since when), and others that were silent as ok again.

    Only states of successful visits are overwritten: a visit that failed meanwhile knows better.
    """
    if shown:
        connection.execute(
            update(source)
            .where(
                source.c.id == bindparam("b_id"),
                or_(
                    *(source.c.state == state for state in ANSWERING)
                ),  # IN cannot be executed many times
            )
            .values(
                state=SourceState.SILENT.value,
                reason=bindparam("b_reason"),
                state_since=bindparam("b_since", type_=source.c.state_since.type),
            ),
            [
                {"b_id": key, "b_reason": reason, "b_since": since}
                for key, (reason, since) in sorted(shown.items())
            ],
        )
    if heard:
        connection.execute(
            update(source)
            .where(source.c.id.in_(heard), source.c.state == SourceState.SILENT.value)
            .values(state=SourceState.OK.value, reason=None, state_since=source.c.last_post_at)
        )


def many_alert_rows(connection: Connection, alert_ids: Sequence[int]) -> list[RowMapping]:
    """Return the rows of these alerts, locked."""
    if not alert_ids:
        return []
    query = select(alert).where(alert.c.id.in_(alert_ids)).order_by(alert.c.id).with_for_update()
    return list(connection.execute(query).mappings())
