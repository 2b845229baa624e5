"""Where understanding runs: processes of their own that start when there is work."""

from __future__ import annotations

import asyncio
import multiprocessing
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Protocol

from analysis.model import Document, KeywordList, Understanding
from analysis.understand import Understander

PER_TASK = 250


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """All enabled keyword lists, under the version that changes with each edit."""

    version: int
    lists: tuple[KeywordList, ...]


class Analyst(Protocol):
    """Understands documents by the rules given; the answers are in the documents' order."""

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document."""

    def close(self) -> None:
        """Stop the processes."""


class PoisonedBatch(Exception):
    """A document killed the process that read it."""


class InlineAnalyst:
    """Understands in the calling process: for tests, commands and the replay of the demo."""

    def __init__(self, scorer: str = "linear") -> None:
        self._scorer = scorer
        self._compiled: tuple[int, Understander] | None = None

    async def understand(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """Return one understanding a document."""
        return self.understand_now(rules, documents)

    def understand_now(self, rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
        """The same without an event loop; compiles again only when the rules' version changed."""
        if self._compiled is None or self._compiled[0] != rules.version:
            self._compiled = (rules.version, Understander(rules.lists, self._scorer))
        return self._compiled[1].understand(documents)

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
        loop = asyncio.get_running_loop()
        try:
            found = await asyncio.gather(
                *(loop.run_in_executor(self._started(), _work, rules, part) for part in parts)
            )
        except BrokenProcessPool as error:
            self.close()
            raise PoisonedBatch(f"a worker died over one of {len(documents)} documents") from error
        return [one for part in found for one in part]

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
    global _analyst  # noqa: PLW0603  # a worker process has one compiled rule set, kept between tasks
    _analyst = InlineAnalyst(scorer)


def _work(rules: Rules, documents: Sequence[Document]) -> list[Understanding]:
    assert _analyst is not None  # noqa: S101  # the initializer ran
    return _analyst.understand_now(rules, documents)
