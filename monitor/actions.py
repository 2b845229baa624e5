"""What people do with alerts: one transaction, one event, and the news of it to the channels."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts import rules
from alerts.rules import Action
from monitor.pipeline import notify
from monitor.storage import alerts
from monitor.storage.engine import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Somebody asks for something: who, what, and in what words."""

    action: Action
    actor: str
    reason: str = ""
    assignee: str | None = None


def act(
    database: Database, alert_id: int, request: Request, *, now: datetime, base_url: str
) -> bool:
    """Change the alert as asked; returns whether anything changed (asking twice changes nothing).

    Raises:
        LookupError: there is no such alert.
        IllegalTransition: its state does not allow the action.
        AlertError: something is missing: the words of a note, the name of an assignee.
    """
    with database.write() as connection:
        row = alerts.get(connection, alert_id, lock=True)
        if row is None:
            raise LookupError(f"there is no alert {alert_id}")
        change = rules.apply_action(
            alerts.to_alert(row),
            request.action,
            actor=request.actor,
            reason=request.reason,
            now=now,
            assignee=request.assignee,
        )
        if change is None:
            return False
        notify.announce(database, connection, change, notify.facts_of(row), base_url=base_url)
        return True
