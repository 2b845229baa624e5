"""What the program says about itself: logs without secrets, and figures in Prometheus' format."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Sequence
from typing import IO, Any

import structlog
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    Metric,
    SummaryMetricFamily,
)
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from structlog.typing import EventDict, Processor, WrappedLogger

HIDDEN = "[redacted]"
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"

# What stands before a secret stays, so that the line can still be understood.
_SECRETS = (
    # chat robots and incoming webhooks carry their secret in the query or the path
    re.compile(
        r"(?i)((?<![\w-])(?:key|access_token|sign|token|api_key|secret|password)=)[^&\s\"'<>,;)]+"
    ),
    re.compile(r"(/(?:hook|hooks|services)/)[^\s\"'<>?#]+"),
    re.compile(r"(?i)(authorization[\"']?\s*[:=]\s*[\"']?(?:bearer\s+|basic\s+)?)[^\s\"',}\]]+"),
    re.compile(r"(?i)(\bbearer\s+)[^\s\"',}\]]+"),
    re.compile(r"(?i)((?:set-)?cookie[\"']?\s*[:=]\s*[\"']?)[^\"'\r\n}\]]+"),
    re.compile(r"(\bwhs(?:ec|k)_)[A-Za-z0-9+/=_-]+"),
    re.compile(r"(\bjw_live_)[A-Za-z0-9_]+"),
    re.compile(r"(\bfeed_)[A-Za-z0-9_-]{20,}"),
    re.compile(r"([a-z][a-z0-9+.-]*://)[^\s/?#\"'<>@]+:[^\s/?#\"'<>]*(?=@)"),
)
_SECRET_NAMES = frozenset(
    {
        "authorization",
        "cookie",
        "password",
        "secret",
        "token",
        "access_token",
        "api_key",
        "admin_token",
        "secret_key",
    }
)


def redact(text: str) -> str:
    """Return ``text`` with every secret that can be told by its looks replaced by ``[redacted]``.

    Keys and tokens of this program, of Standard Webhooks and of chat robots, Authorization and
    Cookie headers, and the user and password of URLs.
    """
    for pattern in _SECRETS:
        text = pattern.sub(rf"\g<1>{HIDDEN}", text)
    return text


def setup_logging(level: str = "INFO", stream: IO[str] | None = None) -> None:
    """Send all logs, ours and the libraries', to ``stream`` (stderr): JSON lines, or colours on a terminal.

    The last step of every line is `redact`, tracebacks included.

    Raises:
        ValueError: an unknown level.
    """
    root = logging.getLogger()
    root.setLevel(level.upper())
    out = stream or sys.stderr
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _hide_named,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(out)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                *_rendering(is_terminal=out.isatty()),
            ],
        )
    )
    root.handlers[:] = [handler]
    for name in ("httpx", "httpcore", "alembic.runtime.migration", "apscheduler"):
        logging.getLogger(name).setLevel(logging.WARNING)  # they tell every request and every tick
    for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = True


def _rendering(*, is_terminal: bool) -> Sequence[Processor]:
    if is_terminal:
        return [_Redacting(structlog.dev.ConsoleRenderer())]
    return [
        structlog.processors.format_exc_info,
        _Redacting(structlog.processors.JSONRenderer(ensure_ascii=False, default=str)),
    ]


class _Redacting:
    """Renders a line by ``renderer`` and takes the secrets out of the result."""

    def __init__(self, renderer: Any) -> None:  # noqa: ANN401  # structlog's renderers share no type
        self._renderer = renderer

    def __call__(self, logger: WrappedLogger, name: str, event: EventDict) -> str:
        """Return the line."""
        return redact(str(self._renderer(logger, name, event)))


def _hide_named(_logger: WrappedLogger, _name: str, event: EventDict) -> EventDict:
    for key in event.keys() & _SECRET_NAMES:
        event[key] = HIDDEN
    return event


class _Figures(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(metrics: Iterable[Metric]) -> bytes:
    """Return these metrics, and those of this process, in Prometheus' text format."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    registry.register(_Figures(metrics))
    return generate_latest(registry)


def gauge(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    """Return a gauge: a value for each set of labels."""
    metric = GaugeMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        metric.add_metric(label_values, value)
    return metric


def counter(
    name: str, text: str, labels: Sequence[str], values: Iterable[tuple[Sequence[str], float]]
) -> Metric:
    """Return a counter (``name`` without ``_total``): a value for each set of labels."""
    metric = CounterMetricFamily(name, text, labels=labels)
    for label_values, value in values:
        metric.add_metric(label_values, value)
    return metric


def summary(name: str, text: str, *, count: int, total: float) -> Metric:
    """Return a summary: how many values there were, and their sum."""
    metric = SummaryMetricFamily(name, text)
    metric.add_metric([], count, total)
    return metric
