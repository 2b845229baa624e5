"""Full text of recorded pages: our rule beside plain trafilatura and plain readability.

The references are the publishers' own words where a person has picked them out: whole texts of
Chinese portal pages (`gne-zh-pages/result.txt`) and snippets that must and must not be in the text
of other pages (`trafilatura/tests/evaldata.json`). The score of a whole text is the F1 of
character 4-grams without white space; of snippets, the F1 of those found.
Every page of the folder is read through the limited process, for time and memory.

    python -m tests.bench.fulltext [--shared ../shared]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from statistics import fmean

from collectors.article import LONGEST_TEXT, Article, Page, PageError, extract
from collectors.dates import CHINA, parse_date
from collectors.encoding import decode
from collectors.plain import plain
from monitor.pipeline.extractor import Extractor, Reading
from tests.bench.measure import MIB, OUT, Report, table

WANTED = 0.95
WANTED_CHINESE = 0.94
MOST_SECONDS = 10
MOST_MIB = 300
WORST = 8
READ_AT = datetime(2026, 3, 1, tzinfo=UTC)
CORPORA = Path("data/corpora")
PAGES = ("gne-zh-pages", "trafilatura", "review-pages")
# Dates of evaldata.json are the writer's; a day here and there is the time zone.
SAME_DAY = timedelta(hours=36)

Method = Callable[[Page], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """What a page says, picked out by a person. ``text`` is whole, or there are snippets."""

    name: str
    page: Page
    text: str = ""
    present: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    title: str = ""
    author: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """Precision, recall and their harmonic mean."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """0…1, 0 where nothing is right."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def run(shared: Path) -> Report:
    """Read every recorded page; print and return what was found."""
    report = Report("fulltext")
    chinese, others = chinese_references(shared), snippet_references(shared)
    scores = {name: [scored(one, method) for one in chinese] for name, method in METHODS.items()}
    snippets = {name: found_snippets(others, method) for name, method in METHODS.items()}
    _print_scores(scores, snippets, len(others))
    _print_worst(chinese, scores)
    ours = [one.f1 for one in scores["ours"]]
    report.figures["f1"] = {name: _mean(found) for name, found in scores.items()}
    report.figures["snippets_f1"] = {name: round(one.f1, 4) for name, one in snippets.items()}
    report.goal("4-gram F1, whole reference texts", fmean(ours), at_least=WANTED)
    report.goal("4-gram F1, Chinese portal pages", fmean(ours), at_least=WANTED_CHINESE)
    best = max(snippets[name].f1 for name in ("trafilatura", "readability"))
    report.goal("snippet F1, ours ÷ better plain one", snippets["ours"].f1 / best, at_least=1)
    report.figures["meta"] = {
        "Chinese": _print_meta("Chinese (their author is the editor)", chinese),
        "others": _print_meta("others", others),
    }
    _cost(report, asyncio.run(read_all(every_page(shared))))
    return report


def chinese_references(shared: Path) -> list[Reference]:
    """The pages with a whole reference text."""
    folder = shared / CORPORA / "gne-zh-pages"
    written = (folder / "result.txt").read_text(encoding="utf-8")
    blocks = re.findall(r">{5,}([^>\n]+)>{5,}\s*(\{.*?\n\})\s*<{5,}", written, re.DOTALL)
    return [_chinese(folder, path, json.loads(block, strict=False)) for path, block in blocks]


def _chinese(folder: Path, path: str, told: dict[str, str]) -> Reference:
    at = parse_date(told["publish_time"], tz=CHINA, now=READ_AT)
    # fetched about a month after: a date without a year means the year before it was read
    now = at[0] + timedelta(days=30) if at else READ_AT
    return Reference(
        name=path.removeprefix("tests/"),
        page=Page(
            url=f"https://recorded.example/{path}", body=(folder / path).read_bytes(), now=now
        ),
        text=told["content"],
        title=told["title"],
        author=told["author"].replace("未知", ""),
        published=told["publish_time"],
    )


def snippet_references(shared: Path) -> list[Reference]:
    """The pages with snippets that belong to the text and snippets that do not."""
    tests = shared / CORPORA / "trafilatura" / "tests"
    told = json.loads((tests / "evaldata.json").read_text(encoding="utf-8"))
    folders = (tests / "eval", tests / "cache", shared / CORPORA / "review-pages")
    return [
        Reference(
            name=one["file"],
            page=Page(url=url, body=path.read_bytes(), now=READ_AT),
            present=tuple(one["with"]),
            absent=tuple(one["without"]),
            title=one.get("title") or "",
            author=one.get("author") or "",
            published=one.get("date") or "",
        )
        for url, one in told.items()
        for path in (folder / one["file"] for folder in folders)
        if path.exists()
    ]


def every_page(shared: Path) -> Iterator[tuple[str, Page]]:
    """Every recorded HTML page, with its name."""
    for folder in PAGES:
        for path in sorted((shared / CORPORA / folder).rglob("*.html")):
            url = f"https://recorded.example/{path.name}"
            yield f"{folder}/{path.name}", Page(url=url, body=path.read_bytes(), now=READ_AT)


def ours(page: Page) -> str:
    """The text by our rule; "" for a page that is refused."""
    try:
        return extract(page).text
    except PageError:
        return ""


def plain_trafilatura(page: Page) -> str:
    """The text by trafilatura as it comes."""
    import trafilatura

    return trafilatura.extract(decode(page.body, page.charset).text, include_comments=False) or ""


def plain_readability(page: Page) -> str:
    """The text by readability as it comes."""
    from readability import Document
    from readability.readability import Unparseable

    try:
        return plain(Document(decode(page.body, page.charset).text).summary(html_partial=True))
    except Unparseable:
        return ""


METHODS: dict[str, Method] = {
    "ours": ours,
    "trafilatura": plain_trafilatura,
    "readability": plain_readability,
}


def scored(reference: Reference, method: Method) -> Score:
    """Return the score of a method on a page with a whole reference text."""
    found, wanted = _grams(method(reference.page)), _grams(reference.text)
    shared = (found & wanted).total()
    return Score(precision=shared / found.total() if found else 0.0, recall=shared / wanted.total())


def _grams(text: str) -> Counter[str]:
    bare = "".join(text.split())[:LONGEST_TEXT]
    return Counter(bare[at : at + 4] for at in range(len(bare) - 3))


def found_snippets(references: Sequence[Reference], method: Method) -> Score:
    """Return the score over all snippets of all pages."""
    right = wrong = wanted = 0
    for one in references:
        text = "".join(method(one.page).split())
        right += sum("".join(part.split()) in text for part in one.present)
        wrong += sum("".join(part.split()) in text for part in one.absent)
        wanted += len(one.present)
    return Score(precision=right / max(1, right + wrong), recall=right / max(1, wanted))


async def read_all(pages: Iterator[tuple[str, Page]]) -> list[tuple[str, Reading]]:
    """Read pages one after another in the limited process."""
    async with Extractor() as extractor:
        return [(name, await extractor.read(page)) for name, page in pages]


def _mean(scores: Sequence[Score]) -> float:
    return round(fmean(one.f1 for one in scores), 4)


def _print_scores(
    scores: dict[str, list[Score]], snippets: dict[str, Score], snippet_pages: int
) -> None:
    count = len(scores["ours"])
    rows = [
        (
            name,
            f"{fmean(one.precision for one in found):.3f}",
            f"{fmean(one.recall for one in found):.3f}",
            f"{_mean(found):.4f}",
            f"{snippets[name].precision:.3f}",
            f"{snippets[name].recall:.3f}",
            f"{snippets[name].f1:.3f}",
        )
        for name, found in scores.items()
    ]
    print(f"  {count} Chinese portal pages with a whole text, {snippet_pages} others with snippets")
    table(("", "P", "R", "F1", "snippet P", "R", "F1"), rows)


def _print_worst(references: Sequence[Reference], scores: dict[str, list[Score]]) -> None:
    order = sorted(range(len(references)), key=lambda at: scores["ours"][at].f1)
    rows = [
        (references[at].name, *(f"{found[at].f1:.3f}" for found in scores.values()))
        for at in islice(order, WORST)
    ]
    print()
    table(("worst pages", *scores), rows)


def _print_meta(name: str, references: Sequence[Reference]) -> dict[str, str]:
    """Print and return how many titles, authors and days of publication are as referenced.

    The Chinese references call the editor (责任编辑) author; we do not.
    """
    right = {"title": [0, 0], "author": [0, 0], "date": [0, 0]}
    for one in references:
        for kind, is_right in _meta_of(one, extract(one.page)).items():
            right[kind][0] += is_right
            right[kind][1] += 1
    figures = {kind: f"{good}/{count}" for kind, (good, count) in right.items()}
    print(f"  {name}: " + ", ".join(f"{kind} {value}" for kind, value in figures.items()))
    return figures


def _meta_of(reference: Reference, found: Article) -> dict[str, bool]:
    checks = {}
    if reference.title:
        checks["title"] = _letters(reference.title) == _letters(found.title or "")
    if reference.author:
        theirs, mine = reference.author.lower(), (found.author or "").lower()
        checks["author"] = bool(mine) and (mine in theirs or theirs in mine)
    written = parse_date(reference.published, tz=CHINA, now=reference.page.now)
    if written:
        checks["date"] = (
            bool(found.published_at) and abs(found.published_at - written[0]) < SAME_DAY
        )
    return checks


def _letters(text: str) -> str:
    return re.sub(r"\W", "", text).casefold()


def _cost(report: Report, readings: Sequence[tuple[str, Reading]]) -> None:
    slowest = max(readings, key=lambda one: one[1].seconds)
    largest = max(readings, key=lambda one: one[1].extra_bytes or 0)
    mib = (largest[1].extra_bytes or 0) / MIB
    failed = [name for name, one in readings if not isinstance(one.result, Article)]
    mean = fmean(one.seconds for _, one in readings)
    print(f"  {len(readings)} pages through the limited process, {mean * 1000:.0f} ms on average")
    print(f"  slowest {slowest[1].seconds:.2f} s: {slowest[0]}")
    print(f"  most memory {mib:.0f} MB beyond the idle process: {largest[0]}")
    report.must(not failed, f"every page is answered with an article {failed or ''}")
    report.goal("slowest page, s", slowest[1].seconds, at_most=MOST_SECONDS)
    report.goal("most memory of a page, MB", mib, at_most=MOST_MIB)
    report.figures |= {
        "pages": len(readings),
        "mean_seconds": round(mean, 4),
        "slowest_seconds": round(slowest[1].seconds, 3),
        "most_mib": round(mib, 1),
    }


def main(arguments: list[str] | None = None) -> int:
    """Run it; returns 1 where a goal is missed, 0 without recordings."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.fulltext", description=__doc__)
    parser.add_argument("--shared", type=Path, default=Path(__file__).parents[3] / "shared")
    parser.add_argument("--out", type=Path, default=OUT)
    options = parser.parse_args(arguments)
    if not (options.shared / CORPORA).is_dir():
        print(f"没有语料 (no recordings): {options.shared / CORPORA}")
        return 0
    logging.getLogger("readability").setLevel(logging.CRITICAL)
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    report = run(options.shared)
    table(
        ("goal", "wanted", "found", ""),
        [(one.name, one.wanted, one.found, "✓" if one.met else "✗") for one in report.goals],
    )
    report.save(options.out)
    return 0 if not report.broken and all(one.met for one in report.goals) else 1


if __name__ == "__main__":
    sys.exit(main())
