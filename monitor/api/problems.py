"""Errors on the wire: RFC 9457 problem documents, one shape for every failure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.types import Scope

from alerts.model import IllegalTransition

log = structlog.get_logger()

MEDIA_TYPE = "application/problem+json"
MOST_ERRORS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of problem: its page is ``/problems/<slug>``."""

    status: int
    title: str
    remedy: str


KINDS: dict[str, Kind] = {
    "bad-request": Kind(status=400, title="请求无法解析 · Bad request", remedy="Send valid JSON in UTF-8 with `Content-Type: application/json`."),
    "bad-key": Kind(status=401, title="密钥缺失或无效 · Missing or invalid key", remedy="Send `Authorization: Bearer jw_live_…`; make a key with `monitor token create`."),
    "missing-scope": Kind(status=403, title="权限不足 · Missing scope", remedy="Use a key that has the scope named in the detail."),
    "bad-csrf-token": Kind(status=403, title="页面令牌无效 · Bad CSRF token", remedy="Reload the page: writes by a session need its X-CSRF-Token header."),
    "not-found": Kind(status=404, title="未找到 · Not found", remedy="Check the path and the id; list the resource to see what exists."),
    "method-not-allowed": Kind(status=405, title="不支持该方法 · Method not allowed", remedy="The Allow header names the methods of this path."),
    "conflict": Kind(status=409, title="冲突 · Conflict", remedy="The detail says what stands against it."),
    "alert-closed": Kind(status=409, title="预警已关闭 · The alert is closed", remedy="Read the alert again: its state does not allow this action."),
    "stale": Kind(status=412, title="版本已过期 · Stale version", remedy="Read the resource again and send its ETag in If-Match."),
    "too-large": Kind(status=413, title="请求过大 · Too large", remedy="Split the request."),
    "unsupported-media-type": Kind(status=415, title="不支持的内容类型 · Unsupported media type", remedy="The detail names the types that are read."),
    "invalid": Kind(status=422, title="内容无效 · Invalid content", remedy="`errors` points at each place that is wrong."),
    "unknown-parameter": Kind(status=422, title="未知参数 · Unknown parameter", remedy="Remove the parameter; the API description lists those that exist."),
    "repeated-key": Kind(status=422, title="幂等键被用于不同请求 · Idempotency key reused", remedy="Use a new Idempotency-Key for another request."),
    "too-many-requests": Kind(status=429, title="请求过于频繁 · Too many requests", remedy="Wait for the seconds named in Retry-After."),
    "internal": Kind(status=500, title="内部错误 · Internal error", remedy="Our mistake. The log holds it under the request id."),
    "unavailable": Kind(status=503, title="暂时不可用 · Unavailable", remedy="Try again in a moment."),
}  # fmt: skip
BY_STATUS = {kind.status: slug for slug, kind in reversed(KINDS.items())}


@dataclass(frozen=True, slots=True)
class Wrong:
    """One wrong place: ``pointer`` is a JSON pointer fragment (``#/keywords/2``) or ``#/<parameter>``."""

    pointer: str
    detail: str


class Problem(HTTPException):
    """A failure to be told to the client; ``slug`` is one of `KINDS`."""

    def __init__(
        self,
        slug: str,
        detail: str = "",
        *,
        errors: Sequence[Wrong] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(KINDS[slug].status, detail or KINDS[slug].remedy, dict(headers or {}))
        self.slug = slug
        self.errors = tuple(errors)


def not_found(what: str, key: object) -> Problem:
    """Return the 404 of a resource that does not exist."""
    return Problem("not-found", f"没有编号为 {key} 的{what} (no such resource)")


def invalid(pointer: str, detail: str) -> Problem:
    """Return a 422 with one wrong place."""
    return Problem("invalid", detail, errors=[Wrong(pointer, detail)])


def response_of(problem: Problem, scope: Scope) -> Response:
    """Return the problem as an answer to the request of this scope."""
    kind = KINDS[problem.slug]
    body = {
        "type": f"/problems/{problem.slug}",
        "title": kind.title,
        "status": kind.status,
        "detail": _clean(problem.detail),
        "instance": _clean(scope.get("path", "")),
        "code": problem.slug.replace("-", "_"),
        "request_id": scope.get("state", {}).get("request_id", ""),
        "errors": [
            {"pointer": _clean(wrong.pointer), "detail": _clean(wrong.detail)}
            for wrong in problem.errors
        ],
    }
    return Response(orjson.dumps(body), kind.status, problem.headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every failure of the application a problem document."""
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(RequestValidationError, _on_invalid)
    app.add_exception_handler(IllegalTransition, _on_illegal_transition)
    app.add_exception_handler(IntegrityError, _on_lost_race)
    app.add_exception_handler(OperationalError, _on_database_trouble)


def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for it
    if isinstance(error, Problem):
        return response_of(error, request.scope)
    slug = BY_STATUS.get(error.status_code, "bad-request")
    plain = Problem(slug, error.detail if error.status_code == 400 else "", headers=error.headers)
    return response_of(plain, request.scope)


def _on_invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for it
    wrong = [
        Wrong(pointer_of(item["loc"]), _message(item)) for item in error.errors()[:MOST_ERRORS]
    ]
    detail = f"{wrong[0].pointer}: {wrong[0].detail}" if wrong else ""
    return response_of(Problem("invalid", detail, errors=wrong), request.scope)


def _on_illegal_transition(request: Request, error: Exception) -> Response:
    return response_of(Problem("alert-closed", str(error)), request.scope)


def _on_lost_race(request: Request, _error: Exception) -> Response:
    detail = "与同时进行的另一修改冲突,请重试 (another change came first; try again)"
    return response_of(Problem("conflict", detail), request.scope)


def _on_database_trouble(request: Request, error: Exception) -> Response:
    log.error("database unavailable", error=str(error.__cause__ or error)[:300])
    return response_of(Problem("unavailable", headers={"Retry-After": "2"}), request.scope)


def pointer_of(location: Sequence[int | str]) -> str:
    """Return ``("body", "keywords", 2)`` as ``#/keywords/2``, escaped as RFC 6901 asks."""
    parts = (
        [str(part) for part in location[1:]]
        if location[0] in _PLACES
        else [str(part) for part in location]
    )
    return "#" + "".join("/" + part.replace("~", "~0").replace("/", "~1") for part in parts)


_PLACES = frozenset({"body", "query", "path", "header", "cookie"})


def _message(item: Mapping[str, object]) -> str:
    text = str(item["msg"])
    context = item.get("ctx")
    if item["type"] == "json_invalid" and isinstance(context, dict):
        return f"{text}: {context.get('error', '')}"
    return text.removeprefix("Value error, ")


def _clean(text: str) -> str:
    """Lone surrogates cannot be sent as UTF-8; keys and values of a hostile body may hold them."""
    return text.encode("utf-8", "replace").decode()
