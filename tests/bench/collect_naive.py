"""The plain loop: httpx.AsyncClient at concurrency 50, feedparser, one INSERT an entry.

No conditional requests, no politeness, no states, no understanding; the client, the limits and
the database are the libraries' defaults. In three points it is kinder than such loops are: one
client for all, one prepared statement with `OR IGNORE`, and one commit a feed.
"""

from __future__ import annotations

import asyncio
import calendar
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import feedparser
import httpx

AT_ONCE = 50
_TABLE = """
CREATE TABLE IF NOT EXISTS entry (
  id INTEGER PRIMARY KEY, guid TEXT UNIQUE, url TEXT, title TEXT, content TEXT, published_at INTEGER
)"""
_INSERT = """
INSERT OR IGNORE INTO entry (guid, url, title, content, published_at) VALUES (?, ?, ?, ?, ?)"""


class Loop:
    """Visits all feeds once a round; a context manager that is entered in the running loop."""

    def __init__(self, path: Path, urls: Sequence[str]) -> None:
        self._urls = urls
        self._database = sqlite3.connect(path)
        self._database.execute(_TABLE)
        self._client = httpx.AsyncClient()  # noqa: TID251  # the plain loop knows no guard
        self._room = asyncio.Semaphore(AT_ONCE)

    async def round(self, tick: int = 0) -> None:
        """Visit every feed and store its entries."""
        del tick
        await asyncio.gather(*(self._visit(url) for url in self._urls))

    async def _visit(self, url: str) -> None:
        async with self._room:
            reply = await self._client.get(url)
            reply.raise_for_status()
            for entry in feedparser.parse(reply.content).entries:
                at = calendar.timegm(entry.published_parsed)
                row = (entry.id, entry.link, entry.title, entry.summary, at)
                self._database.execute(_INSERT, row)
            self._database.commit()

    async def close(self) -> int:
        """End it; returns how many entries are stored."""
        await self._client.aclose()
        with closing(self._database):
            count: int = self._database.execute("SELECT count(*) FROM entry").fetchone()[0]
        return count
