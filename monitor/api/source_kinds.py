"""``/source-kinds``, and the check of a source's settings by the collector of its kind."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import ValidationError
from starlette.responses import Response

from collectors import registry
from collectors.base import Collector
from collectors.model import SourceKind
from collectors.recipes.presets import PresetError, preset
from collectors.recipes.presets import presets as all_presets
from collectors.registry import UnknownKind
from monitor.api.access import require
from monitor.api.answers import Json
from monitor.api.problems import Problem, Wrong, invalid
from monitor.api.schemas import page_model
from monitor.api.schemas_sources import FilledOut, KindOut, PresetIn, PresetName, PresetOut
from monitor.auth import Principal

router = APIRouter(prefix="/api/v1/source-kinds", tags=["sources"])
Reader = Annotated[Principal, Depends(require("read"))]


@router.get(
    "",
    operation_id="list_source_kinds",
    summary="List kinds of sources",
    responses={200: {"model": page_model(KindOut)}},
)
def list_source_kinds(_: Reader) -> Response:
    """Return every installed collector with the JSON Schema of its options."""
    return Json({"data": kinds(), "next_cursor": None, "has_more": False})


def kinds() -> list[dict[str, Any]]:
    """Return what is known of every installed kind."""
    return [_shown(kind, registry.collector_for(kind)) for kind in registry.kinds()]


@router.get(
    "/presets",
    operation_id="list_source_presets",
    summary="List presets of sources",
    responses={200: {"model": page_model(PresetOut)}},
)
def list_source_presets(_: Reader) -> Response:
    """Return recipes for well-known addresses: a few words make a source of each."""
    return Json({"data": presets(), "next_cursor": None, "has_more": False})


@router.post(
    "/presets/{name}",
    operation_id="fill_source_preset",
    summary="Fill in a preset",
    responses={200: {"model": FilledOut}},
)
def fill_source_preset(name: PresetName, body: PresetIn, _: Reader) -> Response:
    """Return the body for `POST /sources` or `/sources/test`: a preset with its parameters filled in."""
    return Json(filled(name, body.parameters))


def presets() -> list[dict[str, Any]]:
    """Return what is known of every preset."""
    return [
        {
            "name": one.name,
            "title": one.title["zh"],
            "title_en": one.title["en"],
            "kind": one.kind,
            "parameters": [parameter.name for parameter in one.parameters],
            "secrets": list(one.secrets),
            "interval_seconds": one.interval_seconds,
            "note": one.note["zh"],
        }
        for one in all_presets()
    ]


def filled(name: str, parameters: Mapping[str, str]) -> dict[str, Any]:
    """Return kind, url, options and interval of a preset with its parameters.

    Raises:
        Problem: 404 for an unknown preset, 422 for a parameter that is missing or unknown.
    """
    try:
        chosen = preset(name)
    except PresetError as error:
        raise Problem("not-found", str(error)) from None
    try:
        return dict(chosen.fill(parameters))
    except PresetError as error:
        raise invalid("#/parameters", str(error)) from None


def _shown(kind: str, collector: Collector) -> dict[str, Any]:
    return {
        "kind": kind,
        "title": (inspect.getdoc(type(collector)) or kind).partition("\n")[0],
        "default_url": collector.default_url,
        "secrets": list(collector.secrets),
        "obeys_robots": collector.obeys_robots,
        "options_schema": collector.options.model_json_schema(),
    }


def address_of(kind: str, url: str | None) -> str:
    """Return where a source of ``kind`` is asked: the address given, else the kind's own.

    Raises:
        Problem: 422, an unknown kind, an address missing or given to a push source.
    """
    if kind == SourceKind.PUSH:
        if url:
            raise invalid(
                "#/url",
                "push 数据源没有 url,信息由 POST /posts/batch 送入 (a push source has no url)",
            )
        return ""
    found = url or _collector(kind).default_url
    if not found:
        raise invalid("#/url", f"{kind} 数据源需要 url (a {kind} source needs its url)")
    return found


def checked_options(kind: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of a source as its collector takes them; absent ones stay absent.

    Raises:
        Problem: 422 that names each wrong option.
    """
    if kind == SourceKind.PUSH:
        if given:
            raise invalid("#/options", "push 数据源没有选项 (a push source has no options)")
        return {}
    try:
        model = _collector(kind).options.model_validate(given)
    except ValidationError as error:
        wrong = [
            Wrong("/".join(["#/options", *map(str, item["loc"])]), item["msg"])
            for item in error.errors()
        ]
        raise Problem("invalid", f"{kind} 的选项有误 (wrong options)", errors=wrong) from None
    return model.model_dump(mode="json", exclude_unset=True)


def checked_secrets(kind: str, given: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the secrets given.

    Raises:
        Problem: 422, the kind knows no secret of that name.
    """
    known = () if kind == SourceKind.PUSH else _collector(kind).secrets
    for name in given:
        if (known and name not in known) or kind == SourceKind.PUSH:
            names = ", ".join(known) or "—"
            raise invalid(
                f"#/secrets/{name}", f"{kind} 没有这个密钥名;可用: {names} (known: {names})"
            )
    return dict(given)


def _collector(kind: str) -> Collector:
    try:
        return registry.collector_for(kind)
    except UnknownKind as error:
        raise invalid("#/kind", str(error)) from None
