"""Sources of a running service, visited when a test says so."""

from __future__ import annotations

import json
from typing import Any

from tests.scenarios.service import Service, eventually

VISIT_SECONDS = 30.0


def add(service: Service, name: str, url: str, **fields: object) -> int:
    """Create a source and wait for its first visit; returns its id."""
    body = {"name": name, "kind": "feed", "url": url, "interval_seconds": 3600, **fields}
    key: int = service.post("/sources", body)["id"]
    _wait(service, key, None)
    return key


def visit(service: Service, key: int) -> dict[str, Any]:
    """Have a source visited now; returns its health afterwards."""
    before = health(service, key)["last_polled_at"]
    service.post(f"/sources/{key}/poll")
    return _wait(service, key, before)


def health(service: Service, key: int) -> dict[str, Any]:
    """Return how a source is."""
    found: dict[str, Any] = service.get(f"/sources/{key}/health")
    return found


def posts(service: Service, key: int) -> dict[str, dict[str, Any]]:
    """Return the stored posts of a source by their external id."""
    return {row["external_id"]: row for row in service.all_of(f"/posts?source={key}")}


def outcomes(service: Service, key: int) -> list[str]:
    """Return what each visit was by the service's own log: new, unchanged, failed."""
    lines = (line for line in service.log.splitlines() if '"source polled"' in line)
    found = (json.loads(line) for line in lines)
    return [one["outcome"] for one in found if one["source_id"] == key]


def _wait(service: Service, key: int, before: str | None) -> dict[str, Any]:
    def visited() -> dict[str, Any]:
        found = health(service, key)
        return found if found["last_polled_at"] != before else {}

    return eventually(visited, seconds=VISIT_SECONDS, what=f"source {key} is visited")
