"""How one source is: what its row says, what its posts say, and what to do."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping

from collectors.advice import advice_for, error_class
from collectors.model import SourceKind, SourceState
from monitor.storage import blind_spots, source_health

DAY = timedelta(hours=24)
HOUR = timedelta(hours=1)
COPIED = (
    "id", "enabled", "state", "reason", "last_polled_at", "last_success_at", "last_post_at", "last_status",
    "error_count", "latency_ms", "posts_total", "expected_seconds",
)  # fmt: skip
OF_SPOT = ("id", "source_id", "cause", "reason", "since", "until", "noticed_at", "alert_id")


def show_health(connection: Connection, row: RowMapping, now: datetime) -> dict[str, Any]:
    """Return the health of a source's row: its silence is never shown as calm."""
    state = SourceState(row["state"])
    advice = advice_for(state, row["kind"])
    spot = blind_spots.open_of(connection, row["id"])
    day = source_health.posts_between(connection, row["id"], now - DAY, now)
    is_visited = row["kind"] != SourceKind.PUSH and row["enabled"]
    due = row["next_due_at"] if is_visited else None
    return {name: row[name] for name in COPIED} | {
        "since": _since(row, state),
        "next_try_at": None if state is SourceState.GONE else due,
        "next_due_at": due,
        "advice": asdict(advice) if advice else None,
        "error_class": error_class(state, row["last_status"]),
        "posts_24h": day,
        "lag": _lag(connection, row, now),
        "items_per_hour": {
            "last_hour": source_health.posts_between(connection, row["id"], now - HOUR, now),
            "last_24h": round(day / 24, 4),
            "expected": row["items_per_hour"],
        },
        "quota": _quota(row["quota"]),
        "blind_spot": show_spot(spot) if spot else None,
    }


def show_spot(row: RowMapping) -> dict[str, Any]:
    """Return a blind spot as the API gives it."""
    return {name: row[name] for name in OF_SPOT} | {"source": row["name"]}


def _since(row: RowMapping, state: SourceState) -> datetime | None:
    known: datetime | None = row["state_since"]
    if known is not None or state.is_speaking:
        return known
    seen: datetime = row["last_success_at"] or row["created_at"]
    return seen


def _lag(connection: Connection, row: RowMapping, now: datetime) -> dict[str, Any]:
    since = max(now - DAY, row["created_at"])  # what was old at the first visit says nothing
    found = source_health.lag(connection, row["id"], since, now)
    if found is None:
        return {"p50_seconds": None, "p95_seconds": None, "posts": 0}
    return {
        "p50_seconds": round(found.p50.total_seconds(), 3),
        "p95_seconds": round(found.p95.total_seconds(), 3),
        "posts": found.posts,
    }


def _quota(stored: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not stored:
        return None
    return {name: stored.get(name) for name in ("remaining", "limit", "reset_at")}
