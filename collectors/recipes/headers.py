"""Request headers of a recipe; their secrets are named, never written."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import AfterValidator, Field

from collectors.model import SourceState
from collectors.visit import BLOCKED_WAIT, Trouble

_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}")
_REFERENCE = re.compile(r"((?:[A-Za-z0-9_=.-]{1,40} ?)?)secret:([A-Za-z][A-Za-z0-9_]{0,39})")
_OURS = frozenset((
    "host", "content-length", "transfer-encoding", "connection", "accept-encoding", "user-agent",
    "te", "upgrade", "expect", "x-forwarded-for",
))  # fmt: skip
_SECRET_HEADERS = frozenset({"cookie", "authorization", "proxy-authorization", "x-api-key"})


def _checked_headers(headers: dict[str, str]) -> dict[str, str]:
    for name, value in headers.items():
        _check(name, value)
    return headers


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} 不是请求头名称 (no header name)")
    if name.lower() in _OURS:
        raise ValueError(f"请求头 {name} 由系统设置，不能在此填写 (set by the service)")
    if not value.isprintable() or not value.isascii():
        raise ValueError(f"请求头 {name} 只能含可见的 ASCII 字符 (printable ASCII only)")
    if "secret:" in value and not _REFERENCE.fullmatch(value):
        raise ValueError(f"请求头 {name} 应写作 secret:名称 或 Bearer secret:名称 (secret:NAME)")
    if name.lower() in _SECRET_HEADERS and "secret:" not in value:
        raise ValueError(
            f"请求头 {name} 属于密钥：请存入 secrets 并在此写 secret:名称 (store it as a secret)"
        )


Headers = Annotated[
    dict[str, Annotated[str, Field(max_length=2_000)]],
    Field(max_length=20),
    AfterValidator(_checked_headers),
]


def secret_names(headers: Mapping[str, str]) -> tuple[str, ...]:
    """Return the names of the secrets that ``headers`` refer to."""
    matches = (_REFERENCE.fullmatch(value) for value in headers.values())
    return tuple(dict.fromkeys(match[2] for match in matches if match))


def with_secrets(headers: Mapping[str, str], secrets: Mapping[str, str]) -> dict[str, str]:
    """Return ``headers`` with their secrets in place.

    Raises:
        Trouble: a secret is missing, or holds what no header can carry. It is not in the text.
    """
    filled: dict[str, str] = {}
    for name, value in headers.items():
        match = _REFERENCE.fullmatch(value)
        filled[name] = match[1] + _secret(match[2], secrets) if match else value
    return filled


def _secret(name: str, secrets: Mapping[str, str]) -> str:
    secret = secrets.get(name, "").strip()
    if not secret:
        raise _unusable(f"缺少密钥 {name!r}，请在数据源的 secrets 中填写 (missing secret)")
    if not secret.isascii() or not secret.isprintable():
        raise _unusable(f"密钥 {name!r} 含有换行或非 ASCII 字符，请重新粘贴 (unusable secret)")
    return secret


def _unusable(reason: str) -> Trouble:
    return Trouble(SourceState.BLOCKED, reason, wait=BLOCKED_WAIT)
