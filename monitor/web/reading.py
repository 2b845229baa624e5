"""Why a post was judged as it was: the words behind the score, read anew for the rows on a page."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence

import structlog
from sqlalchemy import RowMapping

from analysis.model import Document, Word
from monitor.api.deps import Deps
from monitor.pipeline.analyst import PoisonedBatch, Rules
from monitor.storage import keyword_lists

log = structlog.get_logger()

REMEMBERED = 1_000
PATIENCE_SECONDS = 4.0
Key = tuple[int, bytes]


class Reader:
    """Reads posts for their driving words and remembers the last thousand answers."""

    def __init__(self, deps: Deps) -> None:
        self._deps = deps
        self._read: OrderedDict[Key, tuple[Word, ...]] = OrderedDict()

    async def words(self, rows: Sequence[RowMapping]) -> dict[int, tuple[Word, ...]]:
        """Return the words by post id; a post that cannot be read in time has none.

        A page must appear even while the analysis is busy with a flood of posts.
        """
        fresh = {_key(row): row for row in rows if _key(row) not in self._read}
        if fresh:
            try:
                await asyncio.wait_for(self._understand(fresh), PATIENCE_SECONDS)
            except (TimeoutError, PoisonedBatch) as error:
                log.warning("words not read", posts=len(fresh), reason=type(error).__name__)
        return {row["post_id"]: self._read.get(_key(row), ()) for row in rows}

    async def _understand(self, fresh: dict[Key, RowMapping]) -> None:
        rules = await asyncio.to_thread(self._rules)
        documents = [document(row) for row in fresh.values()]
        for key, read in zip(
            fresh, await self._deps.analysing.analyst.understand(rules, documents), strict=True
        ):
            self._read[key] = read.sentiment.words
        while len(self._read) > REMEMBERED:
            self._read.popitem(last=False)

    def _rules(self) -> Rules:
        with self._deps.database.read() as connection:
            version, lists = keyword_lists.compiled_input(connection)
        return Rules(version=version, lists=lists)


def document(row: RowMapping) -> Document:
    """Return what was matched and judged; offsets of hits and words refer to its ``full``."""
    return Document(
        text=row["text"], title=row["title"] or "", source=row["source"], lang=row["lang"]
    )


def _key(row: RowMapping) -> Key:
    return row["post_id"], bytes(row["content_hash"])
