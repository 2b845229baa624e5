"""What the routes need from outside, given once by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from fastapi import Request

from collectors.base import Http, Reply
from monitor.config import Settings
from monitor.live import Live
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.visiting import Visiting
from monitor.storage.engine import Database
from monitor.storage.sealing import Sealer


class Outward(Http, Protocol):
    """The guarded way out, for reading and for telling."""

    async def post(
        self,
        url: str,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        timeout: timedelta = ...,  # noqa: ASYNC109  # a port's parameter
    ) -> Reply:
        """Return the answer to a POST; a redirect is an answer."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Deps:
    """The edges of the API. ``live`` wakes streams and the evaluator; ``secret`` signs sessions and links."""

    settings: Settings
    database: Database
    clock: Callable[[], datetime]
    sealer: Sealer
    secret: bytes
    analysing: Analysing
    visiting: Visiting
    http: Outward
    live: Live


def deps(request: Request) -> Deps:
    """Return the dependencies of this application (FastAPI dependency)."""
    found: Deps = request.app.state.deps
    return found
