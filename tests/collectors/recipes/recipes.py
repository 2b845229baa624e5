"""Sources by recipe for tests, and a list on a server that grows, pages and fails when told to."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from collectors.model import Poll, Source
from collectors.recipes.html_list import HtmlListCollector
from collectors.recipes.json_api import JsonApiCollector
from tests.collectors.recorded import Answer, Recorded, Request

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
INTERVAL = timedelta(minutes=10)
URL = "https://api.example.cn/list"
SIMPLE_MAP = {"id": "id", "text": "text"}


def json_source(url: str = URL, **options: object) -> Source:
    """A JSON source whose items lie in ``items`` with id and text, unless told otherwise."""
    settings = {"items": "items", "map": SIMPLE_MAP, **options}
    return Source(
        id=7, name="synthetic", kind="json_api", url=url, interval=INTERVAL, options=settings
    )


def html_source(url: str = URL, **options: object) -> Source:
    settings = {"item": "li", "fields": {"id": {"attr": "data-id"}, "text": "p"}, **options}
    return Source(
        id=7, name="synthetic", kind="html_list", url=url, interval=INTERVAL, options=settings
    )


def visit(source: Source, http: Recorded, now: datetime = NOW) -> Poll:
    """The poll of one visit."""
    collector = JsonApiCollector() if source.kind == "json_api" else HtmlListCollector()
    return asyncio.run(collector.collect(source, slot=now, http=http, now=now))


def after(source: Source, poll: Poll) -> Source:
    """The source as it is once the poll is stored."""
    return replace(source, cursor=poll.cursor_after)


def ids(poll: Poll) -> list[str]:
    return [post.external_id for post in poll.posts]


@dataclass
class Listing(Recorded):
    """A list of numbered items, newest first, served in pages however it is asked.

    ``fails`` are answers by page name; each is given until it is taken out.
    """

    numbers: list[int]
    size: int = 3
    fails: dict[str, Answer] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.numbers = list(self.numbers)

    def _reply(self, request: Request) -> Answer:
        self.requests.append(request)
        query = {**request.query, **(json.loads(request.body) if request.body else {})}
        name = str(
            next((query[key] for key in ("page", "offset", "cursor", "since") if key in query), "")
        )
        if name in self.fails:
            return replace(self.fails[name], url=request.url)
        return self._page(request, query)

    def _page(self, request: Request, query: Mapping[str, object]) -> Answer:
        headers, more = {}, {}
        if "since" in query:
            newer = sorted(number for number in self.numbers if number > int(query["since"] or 0))
            shown = newer[: self.size]
        elif "page" in query or "offset" in query:
            start = (
                (int(query["page"]) - 1) * self.size if "page" in query else int(query["offset"])
            )
            shown = self.numbers[start : start + self.size]
        else:
            below = int(query.get("cursor") or 10**9)
            older = [number for number in self.numbers if number < below]
            shown = older[: self.size]
            if len(older) > len(shown):
                more = {"next": shown[-1]}
                headers = {"link": f'<{URL}?cursor={shown[-1]}>; rel="next", <{URL}>; rel="first"'}
        body = {"items": [item(number) for number in shown], **more}
        return Answer(200, headers, json.dumps(body).encode(), request.url)


def item(number: int) -> dict[str, object]:
    return {"id": number, "text": f"云雀汽车 第 {number} 条"}


def names(numbers: Sequence[int]) -> list[str]:
    return [str(number) for number in numbers]
