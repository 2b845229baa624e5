"""A message that came in through an inlet: is it genuine, which rows does it hold."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import orjson

from alerts.webhook import SignatureInvalid, secret_of, verify
from collectors.cells import CellError, Context
from collectors.column_map import Constants, build_row
from collectors.encoding import to_utf8
from monitor.api.incoming import MOST_ROWS
from monitor.api.problems import Problem, invalid

HEX_HEADERS = ("x-hub-signature-256", "x-signature-256", "x-signature")


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """A row that the mapping could not read; ``field`` names what it was read for."""

    index: int
    field: str
    reason: str


def token_hash(secret: bytes, token: str) -> bytes:
    """Return what is stored of a token.

    Looked up by it, the time of an answer tells nothing about a stored token: nobody without the
    installation's secret knows which token makes which hash.
    """
    return hmac.digest(
        secret, b"jianwei inlet token\0" + token.encode("utf-8", "replace"), "sha256"
    )


def is_signed(headers: Mapping[str, str], body: bytes, secret: str, *, now: datetime) -> bool:
    """Whether a message was signed with the secret.

    By Standard Webhooks (``webhook-id``, ``webhook-timestamp``, ``webhook-signature``), or by HMAC-SHA256 of the
    body in hex as GitHub sends it (``X-Hub-Signature-256: sha256=…``, also ``X-Signature``). A message that was
    recorded and sent again does no harm: its rows are known.
    """
    if "webhook-signature" in headers:
        try:
            verify(headers, body, [secret_of(secret)], now=now)
        except SignatureInvalid:
            return False
        return True
    given = next((headers[name] for name in HEX_HEADERS if name in headers), "")
    wanted = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    given = given.strip().lower().removeprefix("sha256=")
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))


def rows_of(
    body: bytes, mapping: Mapping[str, Any], *, source: str, zone: ZoneInfo, now: datetime
) -> list[bytes | Refused]:
    """Return the rows of a message as `ingest` takes them, or why one cannot be read, in its order.

    Raises:
        Problem: 400 for no JSON, 422 when there are no rows where the mapping looks, 413 for over 5,000.
    """
    context = Context(zone=zone, now=now, rating_best=mapping.get("rating_best"))
    constants = Constants(source=source, kind=mapping.get("kind"), lang=mapping.get("lang"))
    items = _items(body, mapping["items"])
    return [
        _row(index, item, mapping["map"], constants, context) for index, item in enumerate(items)
    ]


def _items(body: bytes, expression: str) -> Sequence[object]:
    from collectors.recipes.expressions import Mismatch, evaluate

    try:
        message = msgspec.json.decode(to_utf8(body)[0])
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise Problem("bad-request", f"请求体不是有效的 JSON ({error})") from None
    try:
        found = evaluate(expression, message)
    except Mismatch as error:
        raise invalid("#", f"映射 items 不适合这条消息 (items does not fit: {error})") from None
    if isinstance(found, dict):
        return [found]
    if not isinstance(found, list):
        raise invalid(
            "#", f"items ({expression[:80]}) 处没有数组或对象 (no rows where items looks)"
        )
    if len(found) > MOST_ROWS:
        raise Problem("too-large", f"一次最多 {MOST_ROWS} 行 (at most {MOST_ROWS} rows a call)")
    return found


def _row(
    index: int, item: object, fields: Mapping[str, str], constants: Constants, context: Context
) -> bytes | Refused:
    from collectors.recipes.expressions import looked_up

    cells: dict[str, Any] = {
        name: looked_up(expression, item) for name, expression in fields.items()
    }
    try:
        return orjson.dumps(build_row(cells, constants, context))
    except CellError as error:
        return Refused(index=index, field=error.field, reason=error.reason)
    except (TypeError, ValueError) as error:
        return Refused(index=index, field="", reason=f"无法读取 (unreadable: {error})")
