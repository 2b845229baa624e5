"""What the routes need from outside, given once by the composition root."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from fastapi import Request

from collectors.base import Http
from monitor.config import Settings
from monitor.live import Live
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.dispatch import Poster
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer


class Outward(Http, Poster, Protocol):
    """The guarded way out, for reading and for telling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The edges of the API. ``live`` wakes streams and the evaluator; ``secret`` signs sessions and links."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    sealer: Sealer
    secret: bytes
    analysing: Analysing
    http: Outward
    live: Live


def deps(request: Request) -> Deps:
    """Return the dependencies of this application (FastAPI dependency)."""
    found: Deps = request.app.state.deps
    return found
