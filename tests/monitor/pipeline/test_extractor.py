from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from datetime import UTC, datetime, tzinfo

import psutil
import pytest

from collectors.article import Article, Page, PageTrouble, Selectors, extract
from monitor.pipeline.extracting import MIB
from monitor.pipeline.extractor import ExtractError, Extractor, Limits

NOW = datetime(2024, 5, 3, tzinfo=UTC)
SENTENCE = "云雀汽车宣布召回一万二千辆轿车，因为电池在快速充电时可能过热，车主可以免费更换。"
GOOD = f"<title>云雀汽车召回轿车</title><article>{f'<p>{SENTENCE}</p>' * 4}</article>".encode()
# Hundreds of thousands of attributes on one element take libxml2 minutes.
SLOW = b"<p " + b" ".join(b"a%d=1" % number for number in range(300_000)) + b">hi"


def page(body=GOOD, **changes):
    return Page(url="https://yunque.example/1.html", body=body, now=NOW, **changes)


def run(steps, *, processes=1, **limits):
    async def whole():
        async with Extractor(processes, Limits(**limits)) as extractor:
            return await steps(extractor)

    return asyncio.run(whole())


def children():
    return [
        one.pid for one in psutil.Process().children() if "spawn_main" in " ".join(one.cmdline())
    ]


def test_a_page_is_read_as_it_would_be_in_this_process_in_one_process_for_all_pages():
    async def steps(extractor):
        before = children()
        found = [await extractor.extract(page())]
        first = children()
        found.append(await extractor.extract(page()))
        return before, first, children(), found

    before, first, second, found = run(steps)
    assert before == []
    assert len(first) == 1
    assert second == first
    assert children() == []
    assert found == [extract(page())] * 2
    assert SENTENCE in found[0].text


def test_a_refusal_is_an_answer_and_costs_no_process():
    async def steps(extractor):
        empty = await extractor.extract(page(b""))
        before = children()
        bad = await extractor.extract(page(selectors=Selectors(text="div[")))
        return empty, bad, before == children()

    empty, bad, same = run(steps)
    assert (empty.trouble, bad.trouble) == (PageTrouble.EMPTY, PageTrouble.BAD_SELECTOR)
    assert "'div['" in bad.reason
    assert same


def test_a_page_that_takes_too_long_is_ended_and_the_next_one_is_served():
    async def steps(extractor):
        begin = time.perf_counter()
        slow = await extractor.read(page(SLOW))
        return slow, time.perf_counter() - begin, await extractor.extract(page())

    slow, seconds, after = run(steps, seconds=1.0)
    assert slow.result == ExtractError(
        trouble=PageTrouble.TOO_SLOW, reason=f"解析超时 (took too long): {page().url}"
    )
    assert 1.0 <= slow.seconds < 3.0
    assert seconds < 20
    assert isinstance(after, Article)


def test_a_page_that_takes_too_much_memory_is_ended_and_the_next_one_is_served():
    async def steps(extractor):
        return await extractor.extract(page(b"<p>x" * 600_000)), await extractor.extract(page())

    big, after = run(steps, memory_bytes=24 * MIB)
    assert isinstance(big, ExtractError)
    assert big.trouble is PageTrouble.OUT_OF_MEMORY
    assert isinstance(after, Article)


class Deadly(tzinfo):
    """A zone that ends the process that unpacks it."""

    def __reduce__(self):
        import os

        return os._exit, (13,)


def test_a_page_that_ends_its_process_is_an_error_and_the_next_one_is_served():
    async def steps(extractor):
        return await extractor.extract(page(tz=Deadly())), await extractor.extract(page())

    dead, after = run(steps)
    assert dead.trouble is PageTrouble.CRASHED
    assert isinstance(after, Article)


def test_a_process_is_replaced_after_its_number_of_pages():
    async def steps(extractor):
        seen = []
        for _ in range(4):
            await extractor.extract(page())
            seen.append(children())
        return seen

    first, second, third, fourth = run(steps, pages=2)
    assert len(first) == len(third) == 1
    assert first != third
    assert second == fourth == []


def test_a_caller_that_gives_up_frees_the_process_for_the_next_one():
    async def steps(extractor):
        await extractor.extract(page())
        begin = time.perf_counter()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await extractor.extract(page(SLOW))
        after = await extractor.extract(page())
        return after, time.perf_counter() - begin

    after, seconds = run(steps, seconds=60.0)
    assert isinstance(after, Article)
    assert seconds < 20


def test_two_processes_read_two_pages_at_a_time():
    async def steps(extractor):
        slow = asyncio.create_task(extractor.extract(page(SLOW)))
        fast = await extractor.extract(page())
        return fast, slow.done(), await slow

    fast, slow_was_done, slow = run(steps, processes=2, seconds=4.0)
    assert isinstance(fast, Article)
    assert not slow_was_done
    assert slow.trouble is PageTrouble.TOO_SLOW


def test_closing_ends_a_process_at_work():
    async def steps(extractor):
        await extractor.extract(page())
        work = asyncio.create_task(extractor.extract(page(SLOW)))
        await asyncio.sleep(0)
        extractor.close()
        return await work

    begin = time.perf_counter()
    found = run(steps, seconds=60.0)
    assert isinstance(found, ExtractError)
    assert time.perf_counter() - begin < 20
    assert children() == []


HOSTILE = {
    "deep": b"<div>" * 100_000 + b"x" + b"</div>" * 100_000,
    "brackets": b"<" * 2_999_999,
    "attribute": b'<p a="' + b"x" * 2_900_000 + b'">hi</p>',
    "attributes": SLOW,
    "entities": b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(9))
    + b"]><html><body><p>&j;</p></body></html>",
    "elements": b"<p>x" * 600_000,
    "links": b"<a href=x>y</a>" * 39_000,
    "paragraphs": b"<div>abc, def ghi.</div>" * 39_000,
    "authors": b"".join(b"<a class=author>abc%d</a>" % number for number in range(30_000)),
    "one line": "我们。".encode() * 330_000,
    "nul": b"\0" * 2_999_999,
    "blank json": b'<script type="application/ld+json">' + b" " * 990_000 + b"</script><p>x",
    "blank cells": b"<table><tr><td>x" + b"&#160; " * 300_000 + b"<td>y</table>",
    "json": b'<script type="application/ld+json">' + b"[" * 900_000,
}


@pytest.mark.slow
def test_hostile_pages_cost_ten_seconds_at_most_and_harm_no_other_page():
    async def steps(extractor):
        found = {}
        for name, body in HOSTILE.items():
            found[name] = (await extractor.read(page(body)), await extractor.extract(page()))
        return found

    found = run(steps)
    assert {name for name, (_, after) in found.items() if not isinstance(after, Article)} == set()
    assert max(bad.seconds for bad, _ in found.values()) < 11
    assert max(bad.extra_bytes or 0 for bad, _ in found.values()) <= 300 * MIB
    refused = {
        n: bad.result.trouble
        for n, (bad, _) in found.items()
        if isinstance(bad.result, ExtractError)
    }
    assert refused["attributes"] is PageTrouble.TOO_SLOW
    assert refused["elements"] is PageTrouble.TOO_LARGE
    assert "entities" not in refused


def test_the_parent_loads_no_extraction_library():
    heavy = ("trafilatura", "readability", "lxml.html", "cssselect", "protego", "htmldate")
    code = (
        f"import sys, monitor.pipeline.extractor; print([n for n in {heavy} if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
