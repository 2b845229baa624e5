"""The description of the API: what FastAPI derives, and what holds for every operation."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from monitor.api.problems import KINDS, MEDIA_TYPE

SUMMARY = "见微 Jianwei: watches news, reviews and posts for a brand and warns early."
DESCRIPTION = """\
Base path `/api/v1`. Send `Authorization: Bearer jw_live_…`; scopes are `read`, `ingest`, `respond`, `admin`
(`admin` holds all, `respond` holds `read`).

* **Lists** answer `{"data": […], "next_cursor": …, "has_more": …}`; `limit` 1…500, `cursor` is opaque.
* **Times** are RFC 3339 in UTC; ranges are half-open `[since, until)`.
* **Errors** are `application/problem+json`; unknown query parameters and body fields are 422.
* **Changes**: `ETag` and `If-Match` (stale: 412). `Idempotency-Key` on POST is remembered for 24 hours.
* **Limits**: `RateLimit-*` headers, 429 with `Retry-After`; bodies up to 1 MiB, batches up to 10 MB.
"""
METHODS = ("get", "put", "post", "patch", "delete")
PROBLEM_SCHEMA: dict[str, Any] = {
    "title": "Problem",
    "type": "object",
    "description": "RFC 9457 problem document.",
    "required": ["type", "title", "status", "detail", "instance", "code", "request_id", "errors"],
    "properties": {
        "type": {"type": "string", "examples": ["/problems/invalid"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string"},
        "code": {"type": "string", "enum": [slug.replace("-", "_") for slug in KINDS]},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "detail"],
                "properties": {
                    "pointer": {"type": "string", "examples": ["#/keywords/2"]},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}


def install(app: FastAPI) -> None:
    """Let the application describe itself by `describe`."""

    def openapi() -> dict[str, Any]:
        if not app.openapi_schema:
            app.openapi_schema = describe(app)
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with the errors that every operation shares."""
    document = get_openapi(
        title=app.title,
        version=app.version,
        summary=SUMMARY,
        description=DESCRIPTION,
        routes=app.routes,
        tags=app.openapi_tags,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for replaced in ("HTTPValidationError", "ValidationError"):
        schemas.pop(replaced, None)
    schemas["Problem"] = PROBLEM_SCHEMA
    for path, method, operation in _operations(document):
        _add_problems(path, method, operation)
    return document


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _add_problems(path: str, method: str, operation: dict[str, Any]) -> None:
    responses = operation["responses"]
    responses.pop("422", None)
    for status, text in _problems(path, method, operation):
        content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses.setdefault(status, {"description": text, "content": content})


def _problems(path: str, method: str, operation: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield "422", "Unknown parameter or invalid content"
    yield "503", "The database does not answer; try again"
    if "security" in operation:
        yield "401", "Missing or invalid key"
        yield "403", "The key lacks the scope"
        yield "429", "Too many requests"
    if "{" in path:
        yield "404", "Not found"
    if method != "get":
        yield "409", "Conflict"
        yield "413", "The body is too large"
    if "requestBody" in operation:
        yield "400", "The body is no JSON"
    if method in ("put", "patch", "delete"):
        yield "412", "If-Match names another version"
