from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

import pytest

from analysis.model import Document, Keyword, KeywordList
from monitor.pipeline.analyst import KEPT_RULES, InlineAnalyst, PoisonedBatch, PoolAnalyst, Rules

TEXTS = [Document(text=text) for text in ("青禾电池起火", "翠峰很好", "天气不错")]


def rules(version, *names):
    lists = tuple(
        KeywordList(id=number, name=name, aliases=(Keyword(id=number, expression=name),))
        for number, name in enumerate(names, 1)
    )
    return Rules(version=version, lists=lists)


def matched(found):
    return [
        [one.match.keyword_list_id for one in understanding.mentions] for understanding in found
    ]


def test_processes_and_this_process_read_the_same():
    async def both():
        pool = PoolAnalyst(1)
        try:
            first = await pool.understand(rules(1, "青禾"), TEXTS)
            # the worker has these rules by now; an edit has another version and is sent anew
            again = await pool.understand(rules(1, "青禾"), TEXTS)
            edited = await pool.understand(rules(2, "青禾", "翠峰"), TEXTS)
            return first, again, edited
        finally:
            pool.close()

    first, again, edited = asyncio.run(both())
    inline = InlineAnalyst()
    assert first == again == inline.understand_now(rules(1, "青禾"), TEXTS)
    assert matched(edited) == [[1], [2], []]
    assert edited == inline.understand_now(rules(2, "青禾", "翠峰"), TEXTS)


def test_only_a_few_compiled_rule_sets_are_kept():
    inline = InlineAnalyst()
    for version in range(1, 5):
        inline.understand_now(rules(version, "青禾"), TEXTS)
    assert sum(inline.knows(version) for version in range(1, 5)) == KEPT_RULES


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadly(Document):
    """A document that ends the process that unpacks it."""

    def __reduce__(self):
        return os._exit, (13,)


def test_a_document_that_kills_its_reader_is_told_and_the_next_batch_is_read():
    async def scenario():
        pool = PoolAnalyst(1)
        try:
            with pytest.raises(PoisonedBatch):
                await pool.understand(rules(1, "青禾"), [Deadly(text="x")])
            return await pool.understand(rules(1, "青禾"), TEXTS)
        finally:
            pool.close()

    assert matched(asyncio.run(scenario())) == [[1], [], []]
