"""The JSON in an answer that wraps it: another charset, JSONP, a script of a page."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from collectors.base import Reply
from collectors.encoding import decode, is_for_pages
from collectors.recipes.patterns import checked_pattern, found

_EMBEDDED_CHARACTERS = 6_000_000
_EMBEDDED_SECONDS = 1.0
_CALL = re.compile(
    r"(?:/\*[^*]{0,200}\*/)?\s*(?:typeof [\w.$]{1,80} === 'function' && )?[\w.$]{1,80}\s*"
)
_GUARD = re.compile(r"\)\]\}',?[^\n{\[]*|(?:while|for)\s*\([^)]{0,5}\)\s*;")
# A string that is never closed ends with the text: searched for again at each quote it would be quadratic.
_STRING_OR_UNDEFINED = re.compile(r'"(?:[^"\\]|\\.)*+(?:"|\\?\Z)|\bundefined\b', re.DOTALL)
_CHARSET = re.compile(r"charset\s*=\s*[\"']?([\w.:-]+)", re.IGNORECASE)


def known_charset(name: str) -> str:
    """Return ``name``; raises ValueError unless it names an encoding of text."""
    try:
        b"".decode(name)
        "".encode(name)
        is_known = is_for_pages(name)
    except (LookupError, ValueError):
        is_known = False
    if not is_known:
        raise ValueError(f"{name!r} 不是字符编码，例如 gb18030 (no charset)")
    return name


def _known_embedding(text: str) -> str:
    return text if text.endswith("=") else checked_pattern(text)


class DecodeOptions(BaseModel):
    """What stands between the bytes of an answer and its JSON."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    charset: Annotated[str, Field(max_length=40), AfterValidator(known_charset)] | None = Field(
        default=None, description="Overrides every label; decided from the bytes if absent."
    )
    jsonp: bool = Field(default=False, description="The JSON is the argument of a call: f({...});")
    embedded: Annotated[str, Field(max_length=500), AfterValidator(_known_embedding)] | None = (
        Field(
            default=None,
            description="The JSON stands in a page: a regex with one group, or what it is assigned to, "
            "ending with =, such as window.__INITIAL_STATE__=",
        )
    )
    unescape: bool = Field(default=False, description="The embedded JSON is written as &quot;…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unwrapped:
    """A reply whose body is the JSON that was in it."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    url: str
    permanent_redirect: bool = False


def text_of(reply: Reply, charset: str | None, *, most: int | None = None) -> str:
    """Return the text of an answer (of its first ``most`` bytes); broken bytes become U+FFFD."""
    body = reply.body[:most]
    if charset:
        return body.decode(charset, "replace").removeprefix("\ufeff")
    labelled = _CHARSET.search(reply.headers.get("content-type", ""))
    return decode(body, labelled[1] if labelled else None).text


def unwrapped(reply: Reply, options: DecodeOptions) -> Reply | None:
    """Return ``reply`` with only its JSON as body (UTF-8), None where what to embed is not there.

    An answer that is JSON already is left as it is, whatever the options say.

    Raises:
        TooSlow: the pattern of ``embedded`` takes too long.
    """
    text = text_of(reply, options.charset).strip()
    if options.embedded and text[:1] not in ("{", "["):
        inner = _embedded(text, options.embedded)
        if inner is None:
            return None
        text = html.unescape(inner) if options.unescape else inner
    if options.jsonp:
        text = _argument(text)
    text = _GUARD.sub("", text, count=1).strip() if text[:1] in (")", "w", "f") else text
    return Unwrapped(
        status=reply.status,
        headers=reply.headers,
        body=text.encode("utf-8", "replace"),
        url=reply.url,
    )


def _argument(text: str) -> str:
    """Return what stands between the parentheses of ``f(…);``, the text itself if it is no call."""
    call = _CALL.match(text)
    if call is None or text[call.end() : call.end() + 1] != "(":
        return text
    end = text.rfind(")")
    return text[call.end() + 1 : end].strip() if end > call.end() else text


def _embedded(text: str, wanted: str) -> str | None:
    if not wanted.endswith("="):
        return found(wanted, text, most=_EMBEDDED_CHARACTERS, seconds=_EMBEDDED_SECONDS)
    name = re.escape(wanted[:-1].strip())
    assigned = re.search(rf"{name}\s*=\s*(?=[{{\[])", text)
    return _first_value(text[assigned.end() :]) if assigned else None


def _first_value(script: str) -> str:
    """Return the JSON value that ``script`` begins with; states written by scripts hold ``undefined``."""
    for candidate in (script, _STRING_OR_UNDEFINED.sub(_as_json, script)):
        try:
            _, end = json.JSONDecoder(strict=False).raw_decode(candidate)
        except (ValueError, RecursionError):
            continue
        return candidate[:end]
    return script


def _as_json(match: re.Match[str]) -> str:
    return "null" if match[0] == "undefined" else match[0]
