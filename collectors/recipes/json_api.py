"""Sources by recipe: any JSON interface, described by an address, a map and a way to page."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from collectors.base import BaseCollector, Http, Reply
from collectors.model import START, CollectError, Poll, PostKind, Source, SourceState
from collectors.options import Options
from collectors.recipes.decoding import DecodeOptions, text_of, unwrapped
from collectors.recipes.drafts import Draft, draft_of, named
from collectors.recipes.expressions import Mismatch, chains_of, evaluate, looked_up
from collectors.recipes.headers import Headers, with_secrets
from collectors.recipes.health import misconfigured, sample_of, visited, without_secrets
from collectors.recipes.mapping import Expression, JsonMap, mapped, unmapped
from collectors.recipes.paging import (
    HOLE,
    HOLES,
    PageOptions,
    PageType,
    checked_holes,
    filled_address,
    following,
    holes_of,
    same_server,
)
from collectors.recipes.patterns import TooSlow
from collectors.recipes.rehearsal import Observed, Rehearsal, rehearsed
from collectors.recipes.transforms import Place
from collectors.recipes.walk import Page
from collectors.visit import BLOCKED_WAIT, CHALLENGE, Trouble, Visit, is_challenge

MOST_ITEMS = 500
_IN_THREAD_BYTES = 64 * 1024
_BODY_CHARACTERS = 20_000
_MESSAGE_CHARACTERS = 200
_NO_EMBEDDED = "页面中没有找到 decode.embedded 描述的数据 (the embedded JSON is not there)"
_TOO_MANY = f"一页超过 {MOST_ITEMS} 条，请在地址中减小每页条数 (too many items on a page)"


def _checked_body(body: dict[str, object] | str | None) -> dict[str, object] | str | None:
    if isinstance(body, str):
        checked_holes(body)
    elif body is not None and len(json.dumps(body)) > _BODY_CHARACTERS:
        raise ValueError(f"body 最长 {_BODY_CHARACTERS} 个字符 (the body is too long)")
    return body


class JsonApiOptions(Options):
    """Settings of a JSON interface. The source's address may hold {cursor} {since} {query} {page} {offset}."""

    method: Literal["GET", "POST"] = "GET"
    headers: Headers = Field(
        default={}, description='{"Cookie": "secret:NAME"}: secrets are named, never written here.'
    )
    body: Annotated[
        dict[str, object] | Annotated[str, Field(max_length=_BODY_CHARACTERS)] | None,
        AfterValidator(_checked_body),
    ] = Field(default=None, description="Of a POST: JSON, or form text; may hold the same {…}.")
    query: str = Field(default="", max_length=500, description="What {query} stands for.")
    decode: DecodeOptions = DecodeOptions()
    success: Expression | None = Field(
        default=None,
        description="JMESPath, true where the answer is none of the refusals in a 200.",
    )
    message: Expression = Field(
        default="message || msg || error.message || error.msg || errmsg || error_msg || error",
        description="JMESPath of the answer's own words where success is false.",
    )
    items: Expression = Field(
        description="JMESPath of the list of items; an object gives its values."
    )
    map: JsonMap = Field(description="target: path | https://…/{id} | {path, format, transform, …}")
    page: PageOptions = PageOptions()
    post_kind: PostKind = Field(default=PostKind.POST, description="What the items are.")
    may_be_empty: bool = Field(
        default=False, description="An empty list is in order (searches); a missing one never is."
    )
    min_interval_seconds: int = Field(default=0, ge=0, le=86_400)


@dataclass(slots=True, kw_only=True)
class JsonPages:
    """Reads the pages of one visit. ``observed`` keeps what a rehearsal shows."""

    visit: Visit
    http: Http
    options: JsonApiOptions
    observed: Observed = field(default_factory=Observed)

    @property
    def paging(self) -> PageOptions:
        """How the pages follow each other."""
        return self.options.page

    @property
    def uses_since(self) -> bool:
        """Whether the request asks for what is newer than {since}."""
        asked = f"{_template(self.visit.source.url)} {json.dumps(self.options.body)}"
        return "{since}" in asked and self.paging.type is not PageType.SINCE_ID

    async def page(self, token: str, *, since: str) -> Page:
        """Return the page called ``token``.

        Raises:
            Trouble: it is refused, no JSON, or on another server.
        """
        reply = await self._asked(token, since)
        is_incremental = bool(since) and (self.uses_since or self.paging.type is PageType.SINCE_ID)
        try:
            if len(reply.body) < _IN_THREAD_BYTES:
                return self.read(reply, token, may_be_empty=is_incremental)
            return await asyncio.to_thread(self.read, reply, token, may_be_empty=is_incremental)
        except TooSlow as error:
            raise Trouble(SourceState.RECIPE_BROKEN, str(error), status=reply.status) from error

    def read(self, reply: Reply, token: str, *, may_be_empty: bool = False) -> Page:
        """Return the page that ``reply`` is; raises Trouble and TooSlow."""
        inner = unwrapped(reply, self.options.decode)
        if inner is None:
            return self._without_json(reply)
        document: object = self.visit.read_json(inner)
        self._check_success(document, reply.status)
        try:
            found = _items_of(evaluate(self.options.items, document))
        except Mismatch as mismatch:
            return Page(problem=self._problem(document, str(mismatch)), status=reply.status)
        after = self._following(token, document, reply, len(found or ()))
        if found:
            return self._mapped(found, document, reply, after)
        in_order = found is not None and (may_be_empty or self.options.may_be_empty)
        problem = None if in_order else self._problem(document)
        return Page(following=after, problem=problem, status=reply.status)

    async def _asked(self, token: str, since: str) -> Reply:
        options, source = self.options, self.visit.source
        headers = {"Accept": "application/json", **with_secrets(options.headers, source.secrets)}
        address, holes = self._address(token, since)
        if options.method == "GET":
            return await self.visit.get(self.http, address, headers)
        body, content_type = _body(options.body, holes)
        try:
            reply = await self.http.post(address, body, {"Content-Type": content_type, **headers})
        except CollectError as error:
            raise self.visit.unreached(error) from error
        if trouble := self.visit.refusal(reply):
            raise trouble
        return reply

    def _address(self, token: str, since: str) -> tuple[str, dict[str, str]]:
        template = _template(self.visit.source.url)
        try:
            checked_holes(template)
        except ValueError as error:
            raise Trouble(SourceState.RECIPE_BROKEN, f"url: {error}") from error
        holes = holes_of(self.paging, token, since=since, query=self.options.query)
        if (
            "cursor" in holes
            and "{cursor}" not in template
            and "{cursor}" not in str(self.options.body)
        ):
            holes["cursor"], follow = "", token
        else:
            follow = token if self.paging.type is PageType.LINK_HEADER else ""
        if not follow:
            return filled_address(template, holes), holes
        whole = same_server(follow, filled_address(template, holes))
        if whole is None:
            raise Trouble(
                SourceState.RECIPE_BROKEN,
                "下一页在另一台服务器上，不跟随 (next page is on another server)",
            )
        return whole, holes

    def _check_success(self, document: object, status: int) -> None:
        if self.options.success is None:
            return
        try:
            if _is_true(evaluate(self.options.success, document)):
                return
        except Mismatch:
            pass
        reason = f"接口拒绝: {self._told(document)} (refused inside HTTP {status})"
        wait = max(BLOCKED_WAIT, self.visit.source.interval)
        raise Trouble(SourceState.BLOCKED, reason, wait=wait, status=status)

    def _told(self, document: object) -> str:
        """Return the answer's own words, and the values the success check read."""
        message = looked_up(self.options.message, document)
        words = message if isinstance(message, str) else _as_text(message) if message else ""
        read = {
            ".".join(chain): looked_up(".".join(f'"{name}"' for name in chain), document)
            for chain in sorted(chains_of(self.options.success or ""))[:5]
        }
        values = ", ".join(f"{name}={_as_text(value)[:40]}" for name, value in read.items())
        return sample_of(
            f"{words} [{values}]".strip(), self.visit.source.secrets, most=_MESSAGE_CHARACTERS
        )

    def _following(self, token: str, document: object, reply: Reply, count: int) -> str | None:
        return following(self.paging, token, document=document, count=count, headers=reply.headers)

    def _mapped(
        self, found: Sequence[object], document: object, reply: Reply, after: str | None
    ) -> Page:
        kept = found[:MOST_ITEMS]
        drafts = [self._draft(item, reply.url) for item in kept]
        made = [draft for draft in drafts if draft is not None]
        problem = None if made else self._problem(document, "没有一个条目有 text、title 或 rating")
        if len(kept) < len(found) and self.paging.type is PageType.SINCE_ID and self.paging.path:
            # The server's name for what follows would pass what was cut off.
            raise Trouble(SourceState.RECIPE_BROKEN, _TOO_MANY, status=reply.status)
        return Page(
            posts=tuple(named(made)),
            items=len(kept),
            textless=len(kept) - sum(not draft.is_textless for draft in made),
            dropped=len(found) - len(made),
            following=after,
            problem=problem,
            status=reply.status,
        )

    def _draft(self, item: object, base_url: str) -> Draft | None:
        place = Place(base_url=base_url, tz=self.options.zone, now=self.visit.now)
        fields = self.options.map
        values = mapped(item, fields, place)
        self.observed.note(item, values)
        source_id, kind = self.visit.source.id, self.options.post_kind
        return draft_of(values, fields, place=place, source_id=source_id, kind=kind)

    def _without_json(self, reply: Reply) -> Page:
        if is_challenge(reply):
            raise Trouble(SourceState.BLOCKED, CHALLENGE, wait=BLOCKED_WAIT, status=reply.status)
        text = text_of(reply, self.options.decode.charset)
        sample = sample_of(text, self.visit.source.secrets)
        self.observed.problem = f"{_NO_EMBEDDED}: {sample}"
        return Page(problem=self.observed.problem, status=reply.status)

    def _problem(self, document: object, why: str = "没有条目 (no items)") -> str:
        """Return what is wrong with a page that holds nothing to read."""
        sample = sample_of(_shape(document), self.visit.source.secrets)
        why = without_secrets(why, self.visit.source.secrets.values())  # may quote the answer
        self.observed.problem = f"items {self.options.items[:100]!r}: {why}; 返回内容: {sample}"
        return self.observed.problem


class JsonApiCollector(BaseCollector):
    """Visits JSON interfaces by recipe."""

    kind = "json_api"
    options = JsonApiOptions

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return what the pages of one visit brought."""
        visit = Visit(source=source, slot=slot, now=now)
        try:
            options = JsonApiOptions.model_validate(dict(source.options))
        except ValidationError as error:
            return visit.failed(misconfigured(error))
        return await _visited(JsonPages(visit=visit, http=http, options=options))

    async def rehearse(self, source: Source, http: Http, now: datetime) -> Rehearsal:
        """Return what the first page would bring, and what its map misses."""
        visit = Visit(source=replace(source, cursor=START), slot=now, now=now)
        try:
            options = JsonApiOptions.model_validate(dict(source.options))
        except ValidationError as error:
            return Rehearsal(poll=visit.failed(misconfigured(error)))
        page = options.page.model_copy(update={"max_pages": 1})
        reader = JsonPages(
            visit=visit, http=http, options=options.model_copy(update={"page": page})
        )
        poll = await _visited(reader)
        left = unmapped(reader.observed.items, options.map)
        sample = _as_text(reader.observed.items[0]) if reader.observed.items else ""
        targets = [name for name in options.map if name != "html"]
        return rehearsed(
            source, poll, reader.observed, targets=targets, unmapped=left, sample=sample
        )


async def _visited(reader: JsonPages) -> Poll:
    poll = await visited(reader.visit, reader)
    return replace(
        poll, wait=max(poll.wait, timedelta(seconds=reader.options.min_interval_seconds))
    )


def _template(url: str) -> str:
    """Return the address with its braces: some forms store them percent-encoded."""
    return url.replace("%7B", "{").replace("%7D", "}")


def _body(body: dict[str, object] | str | None, holes: Mapping[str, str]) -> tuple[bytes, str]:
    if isinstance(body, str):
        text = filled_address(f"?{body}", holes)[1:] if body else ""
        return text.encode(), "application/x-www-form-urlencoded"
    filled = _with_holes(body or {}, holes)
    return json.dumps(filled, ensure_ascii=False).encode("utf-8", "replace"), "application/json"


def _with_holes(value: object, holes: Mapping[str, str]) -> object:
    """Return ``value`` with the holes of its texts filled; ``"{page}"`` alone becomes a number."""
    if isinstance(value, dict):
        return {key: _with_holes(inner, holes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_holes(inner, holes) for inner in value]
    if not isinstance(value, str):
        return value
    if value in ("{page}", "{offset}"):
        return int(holes.get(value[1:-1]) or 0)
    return HOLE.sub(lambda hole: holes.get(hole[1], hole[0] if hole[1] not in HOLES else ""), value)


def _is_true(value: object) -> bool:
    """Return whether JMESPath calls ``value`` true: 0 is."""
    return value is not None and value is not False and value not in ("", [], {})


def _items_of(found: object) -> list[object] | None:
    """Return the items: of an object of objects its values, of a single object itself; None if none are there."""
    if isinstance(found, dict):
        values = list(found.values())
        return values if all(isinstance(one, dict) for one in values) else [found]
    if isinstance(found, list):
        return [one for one in found if one is not None]
    return None


def _as_text(value: object) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=str)[:4_000]
    except (RecursionError, ValueError):
        return "…"


def _shape(document: object) -> str:
    """Return the keys of a document, two levels deep, or its beginning where it has none."""
    if isinstance(document, list):
        first = f", {_shape(document[0])}" if document and isinstance(document[0], dict) else ""
        return f"[{len(document)} items{first}]"
    if not isinstance(document, dict):
        return _as_text(document)
    return ", ".join(_keyed(key, value) for key, value in list(document.items())[:30])


def _keyed(key: str, value: object) -> str:
    if isinstance(value, dict):
        return f"{key}{{{', '.join(map(str, list(value)[:12]))}}}"
    return f"{key}[{len(value)}]" if isinstance(value, list) else f"{key}={_as_text(value)[:30]}"
