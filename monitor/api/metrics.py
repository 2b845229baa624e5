"""``/metrics``: figures for Prometheus, computed from the database at each scrape."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from ipaddress import ip_address
from typing import Annotated

from fastapi import APIRouter, Depends, Request, Security
from fastapi.security import HTTPAuthorizationCredentials
from prometheus_client.core import Metric
from sqlalchemy import Connection
from starlette.responses import Response

from collectors.model import SourceState
from monitor.api.access import authenticate, bearer
from monitor.api.deps import Deps
from monitor.api.filters import Needs
from monitor.api.problems import Problem
from monitor.auth import Scope
from monitor.storage import figures
from monitor.telemetry import MEDIA_TYPE, counter, exposition, gauge, summary

router = APIRouter(tags=["operation"])
SPEAKING = frozenset({SourceState.NEW.value, SourceState.OK.value})
FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def may_scrape(
    request: Request,
    needs: Needs,
    _given: Annotated[HTTPAuthorizationCredentials | None, Security(bearer)],
) -> None:
    """Let programs of this machine in, everybody else needs the scope read (FastAPI dependency)."""
    if _is_local(request) and "authorization" not in request.headers:
        return
    principal, _ = authenticate(request, needs)
    if not principal.allows(Scope.READ):
        raise Problem("missing-scope", "此操作需要 read 权限 (needs the scope read)")


def _is_local(request: Request) -> bool:
    """A proxy on this machine connects from loopback too, but says for whom."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ip_address(request.client.host).is_loopback
    except ValueError:
        return False


@router.get(
    "/metrics",
    operation_id="get_metrics",
    summary="Read figures in Prometheus' format",
    response_class=Response,
    responses={200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    dependencies=[Depends(may_scrape)],
)
def get_metrics(needs: Needs) -> Response:
    """Return figures about sources, posts, alerts, deliveries and queues; open to this machine."""
    return Response(exposition(_figures(needs)), media_type=MEDIA_TYPE)


def _figures(needs: Deps) -> list[Metric]:
    now = needs.clock()
    with needs.database.read() as connection:
        return [
            *_posts(connection),
            *_sources(connection, now),
            *_alerts(connection, now),
            *_outbox(connection),
        ]


def _posts(connection: Connection) -> Iterable[Metric]:
    totals = figures.posts_by_kind(connection)
    yield counter(
        "monitor_posts_ingested",
        "Posts stored, by kind of source.",
        ["source_kind"],
        [([kind], total) for kind, total in sorted(totals.items())],
    )


def _sources(connection: Connection, now: datetime) -> Iterable[Metric]:
    rows = figures.sources(connection)
    yield gauge(
        "monitor_source_up",
        "1 while the source answers as it should.",
        ["source_id", "source"],
        [([str(row["id"]), row["name"]], float(row["state"] in SPEAKING)) for row in rows],
    )
    yield gauge(
        "monitor_source_lag_seconds",
        "Seconds since the source was last read without failure, or was created.",
        ["source_id", "source"],
        [
            (
                [str(row["id"]), row["name"]],
                (now - (row["last_success_at"] or row["created_at"])).total_seconds(),
            )
            for row in rows
        ],
    )


def _alerts(connection: Connection, now: datetime) -> Iterable[Metric]:
    yield gauge(
        "monitor_alerts_open",
        "Alerts that are open or acknowledged.",
        ["tier"],
        [([tier.wire], count) for tier, count in figures.open_alerts(connection).items()],
    )
    waited = figures.acknowledged(connection)
    yield summary(
        "monitor_alert_ack_seconds",
        "From the opening of an alert to its acknowledgement.",
        count=waited.count,
        total=waited.seconds,
    )
    yield gauge(
        "monitor_negative_share",
        "Share of negative mentions in the last hour; absent without mentions.",
        ["keyword_list"],
        [
            ([one.keyword_list], one.negative / one.mentions)
            for one in figures.shares(connection, now=now)
        ],
    )


def _outbox(connection: Connection) -> Iterable[Metric]:
    yield counter(
        "monitor_deliveries",
        "Deliveries, by channel and state.",
        ["channel", "status"],
        [([name, state], count) for name, state, count in figures.deliveries(connection)],
    )
    yield gauge(
        "monitor_queue_depth",
        "What waits to be done.",
        ["queue"],
        [([name], count) for name, count in figures.queues(connection).items()],
    )
