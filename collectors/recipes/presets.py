"""Recipes that ship with us, as data: hot lists, programs the user runs, shops' reviews.

    preset("newsnow").fill({"base": "https://newsnow.example.com", "list": "weibo"})

gives kind, url, options and interval of a source.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any, TypedDict
from urllib.parse import quote, urlsplit

from collectors.model import CollectError

_LONGEST_VALUE = 1_000
_PATH_CHARACTERS = "/:@!$&'()*+,;=-._~?%"


class PresetError(CollectError):
    """A preset cannot be filled: the text says which parameter, why, and what it should be."""

    def __init__(self, message: str) -> None:
        super().__init__(message, retryable=False)


class Needs(StrEnum):
    """What the user must have for a preset to work."""

    NOTHING = "nothing"
    COOKIE = "cookie"
    OWNER_TOKEN = "owner_token"  # noqa: S105  # a word, no token
    OWN_INSTANCE = "own_instance"
    PERMISSION = "permission"


class ParameterKind(StrEnum):
    """What a parameter may hold: digits, one word, an address to build on, a page, a route of RSSHub."""

    NUMBER = "number"
    WORD = "word"
    BASE_URL = "base_url"
    PAGE_URL = "page_url"
    ROUTE = "route"


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameter:
    """A hole in a preset, to be filled by the user. Titles by language: zh, en."""

    name: str
    kind: ParameterKind
    title: Mapping[str, str]
    example: str


class Filled(TypedDict):
    """What a source is made of; its secrets and its name are still to be given."""

    kind: str
    url: str
    options: dict[str, Any]
    interval_seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A recipe to be filled. ``secrets`` are the names a source of it needs; ``source`` says where
    the shape is known from, ``note`` what to expect of it; ``is_example`` marks a closed interface.
    """  # noqa: D205  # one sentence a field

    name: str
    title: Mapping[str, str]
    kind: str
    url: str
    options: Mapping[str, Any]
    interval_seconds: int
    min_interval_seconds: int
    needs: Needs
    source: str
    note: Mapping[str, str]
    parameters: tuple[Parameter, ...] = ()
    secrets: tuple[str, ...] = ()
    is_example: bool = False

    def fill(self, parameters: Mapping[str, str] | None = None) -> Filled:
        """Return what a source of this preset is made of.

        Raises:
            PresetError: a parameter is missing, unknown or not what it should be.
        """
        given = dict(parameters or {})
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := sorted(set(given) - set(known)):
            named = ", ".join(known) or "无 (none)"
            raise PresetError(
                f"预设 {self.name} 没有参数 {unknown[0]!r}；可填: {named} (no such parameter)"
            )
        if missing := [one for one in self.parameters if not given.get(one.name, "").strip()]:
            wanted = ", ".join(
                f"{one.name} ({one.title['zh']}，例如 {one.example})" for one in missing
            )
            raise PresetError(f"预设 {self.name} 缺少参数: {wanted} (missing parameter)")
        values = {name: _checked(known[name], text.strip()) for name, text in given.items()}
        options: dict[str, Any] = _with_values(self.options, values)
        if self.kind in ("json_api", "html_list"):
            options.setdefault("min_interval_seconds", self.min_interval_seconds)
        return Filled(
            kind=self.kind,
            url=_with_values(self.url, {**values, **_quoted(known, values)}),
            options=options,
            interval_seconds=max(self.interval_seconds, self.min_interval_seconds),
        )


def presets() -> tuple[Preset, ...]:
    """Return all presets, by name."""
    return tuple(_shipped().values())


def preset(name: str) -> Preset:
    """Return the preset called ``name``.

    Raises:
        PresetError: there is none; the text lists the known ones.
    """
    found = _shipped().get(name)
    if found is None:
        known = ", ".join(_shipped())
        raise PresetError(f"没有名为 {name!r} 的预设；已有: {known} (no such preset)")
    return found


@cache
def _shipped() -> dict[str, Preset]:
    folder = files("collectors.recipes").joinpath("presets")
    tables = [
        table
        for file in folder.iterdir()
        if file.name.endswith(".toml")
        for table in tomllib.loads(file.read_text(encoding="utf-8"))["preset"]
    ]
    read = [_read(table) for table in tables]
    return {one.name: one for one in sorted(read, key=lambda one: one.name)}


def _read(table: Mapping[str, Any]) -> Preset:
    parameters = tuple(
        Parameter(**{**one, "kind": ParameterKind(one["kind"])})
        for one in table.get("parameters", ())
    )
    changed = {
        "needs": Needs(table["needs"]),
        "parameters": parameters,
        "secrets": tuple(table.get("secrets", ())),
    }
    return Preset(**{**table, **changed})


def _checked(parameter: Parameter, text: str) -> str:
    """Return ``text`` as it goes into an address; raises PresetError where it does not fit."""
    read = _READERS[parameter.kind](text) if len(text) <= _LONGEST_VALUE else None
    if read is None:
        raise PresetError(
            f"参数 {parameter.name} 的值 {text[:80]!r} 不合适，例如 {parameter.example} "
            f"(not a {parameter.kind.value})"
        )
    return read


def _address(text: str) -> str | None:
    try:
        parts = urlsplit(text)
        host, user = parts.hostname, parts.username
        _ = parts.port  # raises ValueError beyond 65535
    except ValueError:
        return None
    usable = parts.scheme in ("http", "https") and host and not user and text.isprintable()
    return text if usable and " " not in text and not set("{}") & set(text) else None


def _base(text: str) -> str | None:
    address = _address(text)
    return address.rstrip("/") if address and "?" not in address and "#" not in address else None


def _route(text: str) -> str | None:
    if not text.startswith("/") or text.startswith("//") or not text.isprintable() or "#" in text:
        return None
    return quote(text, safe=_PATH_CHARACTERS)


_READERS = {
    ParameterKind.NUMBER: lambda text: text if re.fullmatch(r"[0-9]{1,20}", text) else None,
    ParameterKind.WORD: lambda text: text if re.fullmatch(r"(?!\.+$)[\w.-]{1,100}", text) else None,
    ParameterKind.BASE_URL: _base,
    ParameterKind.PAGE_URL: _address,
    ParameterKind.ROUTE: _route,
}


def _quoted(known: Mapping[str, Parameter], values: Mapping[str, str]) -> dict[str, str]:
    """Return the values that are words, percent-encoded: addresses are made of them."""
    words = (ParameterKind.NUMBER, ParameterKind.WORD)
    return {name: quote(text) for name, text in values.items() if known[name].kind in words}


def _with_values(value: Any, values: Mapping[str, str]) -> Any:  # noqa: ANN401  # TOML's values
    """Return ``value`` with ``{name}`` replaced in its texts; other braces are the recipe's own."""
    if isinstance(value, Mapping):
        return {key: _with_values(inner, values) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_values(inner, values) for inner in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\{(\w+)\}", lambda hole: values.get(hole[1], hole[0]), value)
