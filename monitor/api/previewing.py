"""Trying expressions on stored posts: counts, samples, and whether that was all of them."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from analysis import search as prefilters
from analysis.match import Matcher
from analysis.model import Document, Keyword, KeywordList, Match
from analysis.query import Query, parse, plain
from monitor.storage import previews
from monitor.storage.engine import Database

SAMPLES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How much is looked at before a preview says that it is not complete."""

    posts: int = 20_000
    seconds: float = 0.25


BUDGET = Budget()


@dataclass(slots=True)
class Preview:
    """What was found. With ``complete`` False the counts are of the newest posts only."""

    seen: int = 0
    count: int = 0
    complete: bool = True
    by_keyword: Counter[int] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    def add(self, row: RowMapping, match: Match) -> None:
        """Count a match; the first twenty are kept as samples."""
        self.count += 1
        self.by_keyword.update(match.keyword_ids)
        if len(self.samples) < SAMPLES:
            names = ("id", "title", "text", "url", "source", "published_at", "sentiment")
            hits = [[span.start, span.end] for span in match.hits]
            self.samples.append({**{name: row[name] for name in names}, "hits": hits})


def wanted_of(
    aliases: Sequence[str], keywords: Sequence[str], exclude: Sequence[str]
) -> KeywordList:
    """Return expressions that belong to no list yet as one, its keywords numbered from 0."""
    numbered = [
        Keyword(id=number, expression=text) for number, text in enumerate([*aliases, *keywords])
    ]
    return KeywordList(
        id=0,
        name="preview",
        aliases=tuple(numbered[: len(aliases)]),
        keywords=tuple(numbered[len(aliases) :]),
        exclude=tuple(exclude),
    )


def preview(
    database: Database,
    wanted: KeywordList,
    *,
    since: datetime,
    until: datetime,
    budget: Budget = BUDGET,
) -> dict[str, Any]:
    """Return counts and samples of the posts of [since, until); within about 0.3 s, complete or not."""
    found = _look(database, wanted, (since, until), budget)

    def counted(keywords: Iterable[Keyword]) -> list[dict[str, Any]]:
        return [
            {"expression": one.expression, "count": found.by_keyword[one.id]} for one in keywords
        ]

    return {
        "count": found.count,
        "complete": found.complete,
        "since": since,
        "until": until,
        "aliases": counted(wanted.aliases),
        "keywords": counted(wanted.keywords),
        "data": found.samples,
    }


def _look(
    database: Database, wanted: KeywordList, period: tuple[datetime, datetime], budget: Budget
) -> Preview:
    stop_at = time.monotonic() + budget.seconds
    matcher = Matcher([wanted])
    found = Preview()
    since, until = period
    with (
        database.read() as connection,
        closing(
            previews.recent(
                database,
                connection,
                _prefilter(wanted),
                since=since,
                until=until,
                limit=budget.posts + 1,
            )
        ) as rows,
    ):
        for row in rows:
            if found.seen == budget.posts or time.monotonic() > stop_at:
                found.complete = False
                break
            found.seen += 1
            for match in matcher.match(_document(row)):
                found.add(row, match)
    return found


def _prefilter(wanted: KeywordList) -> prefilters.Prefilter:
    queries: list[Query] = [plain(alias.expression) for alias in wanted.aliases]
    queries += [parse(keyword.expression) for keyword in wanted.keywords]
    parts = dict.fromkeys(prefilters.prefilter(query) for query in queries)
    if prefilters.EVERYTHING in parts:
        return prefilters.EVERYTHING
    return prefilters.Any(tuple(parts)) if len(parts) > 1 else next(iter(parts))


def _document(row: RowMapping) -> Document:
    return Document(
        text=row["text"],
        title=row["title"] or "",
        author=row["author_name"] or row["author_handle"] or "",
        source=row["source"],
        lang=row["lang"],
    )
