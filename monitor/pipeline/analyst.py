"""Where understanding runs: processes of their own that start when there is work."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from sqlalchemy import Connection

from analysis.match import literal_terms
from analysis.model import Document, KeywordList, Understanding
from analysis.understand import Understander
from monitor import garbage
from monitor.storage import counters, keyword_lists

PER_TASK = 250
KEPT_RULES = 2  # the whole set, and one list that is being matched again


@dataclass(frozen=True, kw_only=True)
class Rules:
    """All enabled keyword lists, under the version that changes with each edit."""

    version: int
    lists: tuple[KeywordList, ...]

    @cached_property
    def terms(self) -> tuple[str, ...]:
        """The folded literal text of every alias and keyword: what any mention holds one of."""
        return literal_terms(self.lists)


class Analyst(Protocol):
    """Understands documents by the rules given; the answers are in the documents' order."""

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document."""

    def close(self) -> None:
        """Stop the processes."""


class PoisonedBatch(Exception):
    """A document killed the process that read it."""


class RulesCache:
    """The rules as stored, read again only after a keyword list was edited."""

    def __init__(self) -> None:
        self._known: Rules | None = None

    def read(self, connection: Connection) -> Rules:
        """Return the rules that hold in this transaction."""
        version = counters.value(connection, counters.RULES)
        if self._known is None or self._known.version != version:
            self._known = Rules(version=version, lists=keyword_lists.compiled_input(connection))
        return self._known


class InlineAnalyst:
    """Understands in the calling process: for tests, commands and the replay of the demo."""

    def __init__(self, scorer: str = "linear") -> None:
        self._scorer = scorer
        self._compiled: dict[int, Understander] = {}

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document."""
        return self.understand_now(rules, documents)

    def understand_now(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """The same without an event loop; compiles only rules that it does not know yet."""
        if rules.version not in self._compiled:
            while len(self._compiled) >= KEPT_RULES:
                del self._compiled[next(iter(self._compiled))]
            self._compiled[rules.version] = Understander(rules.lists, self._scorer)
        return self._compiled[rules.version].understand(documents)

    def knows(self, version: int) -> bool:
        """Whether the rules of this version are compiled."""
        return version in self._compiled

    def close(self) -> None:
        """Nothing runs."""


class PoolAnalyst:
    """Understands in ``processes`` workers. They are started by the first batch, not before."""

    def __init__(self, processes: int, scorer: str = "linear") -> None:
        self._processes = processes
        self._scorer = scorer
        self._pool: ProcessPoolExecutor | None = None

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document; raises PoisonedBatch when a worker died over it."""
        parts = [documents[at : at + PER_TASK] for at in range(0, len(documents), PER_TASK)]
        try:
            found = await asyncio.gather(*(self._part(rules, part) for part in parts))
        except BrokenProcessPool as error:
            self.close()
            raise PoisonedBatch(f"a worker died over one of {len(documents)} documents") from error
        return [one for part in found for one in part]

    async def _part(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Send the version alone first: a worker that knows the rules need not be sent them again."""
        found = await self._send(rules.version, None, documents)
        if found is None:
            found = await self._send(rules.version, rules.lists, documents)
        assert found is not None  # noqa: S101  # it was given the lists
        return found

    async def _send(
        self, version: int, lists: tuple[KeywordList, ...] | None, documents: Sequence[Document]
    ) -> list[Understanding] | None:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._started(), _work, version, lists, documents)

    def _started(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_prepare,
                initargs=(self._scorer,),
            )
        return self._pool

    def close(self) -> None:
        """Stop the workers; the next batch starts new ones."""
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None


_analyst: InlineAnalyst | None = None


def _prepare(scorer: str) -> None:
    global _analyst  # noqa: PLW0603  # a worker process keeps its compiled rules between tasks
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the parent, which stops us
    _analyst = InlineAnalyst(scorer)
    garbage.look_less_often()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this worker when its service is gone: a killed one cannot tell it, and its queue never closes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(
    version: int, lists: tuple[KeywordList, ...] | None, documents: Sequence[Document]
) -> list[Understanding] | None:
    """Return the understandings, None when these rules are not known here and were not sent."""
    assert _analyst is not None  # noqa: S101  # the initializer ran
    if lists is None and not _analyst.knows(version):
        return None
    return _analyst.understand_now(Rules(version=version, lists=lists or ()), documents)
