"""A small installation without a network: real database, inline analysis, a clock that is set by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from collectors.model import Author, Post
from monitor.pipeline.analyse import Analysing
from monitor.pipeline.analyst import InlineAnalyst
from monitor.storage import keyword_lists, sources
from monitor.storage.engine import Database

LIST = {
    "name": "青禾", "kind": "brand", "aliases": ["青禾"], "keywords": ["青禾手机 AND 电池"], "exclude": ["招聘"],
    "thresholds": None, "owner": None, "enabled": True,
}  # fmt: skip


@dataclass
class Clock:
    """A clock that stands where it is set."""

    at: datetime

    def __call__(self) -> datetime:
        return self.at


@dataclass
class House:
    """What the pipeline's steps need, over one real database."""

    database: Database
    clock: Clock
    calls: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.analysing = Analysing(
            database=self.database,
            analyst=InlineAnalyst(),
            clock=self.clock,
            told=lambda: self.calls.append("told"),
        )

    def source(self, name: str = "论坛") -> int:
        with self.database.write() as connection:
            return sources.ensure_push(self.database, connection, [name], now=self.clock())[name][
                "id"
            ]

    def keyword_list(self, **changes: Any) -> int:
        with self.database.write() as connection:
            return keyword_lists.create(
                self.database, connection, {**LIST, **changes}, actor="test", now=self.clock()
            )


@pytest.fixture
def house(database: Database, now: datetime) -> House:
    return House(database, Clock(now))


@pytest.fixture
def make_post() -> Callable[..., Post]:
    def make(
        source_id: int, number: int, text: str, published_at: datetime, **changes: Any
    ) -> Post:
        author = Author(name=f"用户{number}", followers=changes.pop("followers", None))
        return Post(
            source_id=source_id,
            external_id=f"p{number}",
            text=text,
            author=author,
            published_at=published_at,
            **changes,
        )

    return make


MINUTE = timedelta(minutes=1)
