"""Pages of people who mean harm, for the parsers that run in the service's own process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from datetime import UTC, datetime, timedelta

import pytest

from collectors.encoding import decode
from collectors.model import Source
from collectors.registry import collector_for
from collectors.taming import MOST_ATTRIBUTES, MOST_TAGS, tamed
from tests.collectors.recorded import Answer

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
LIST = {"item": ".a", "fields": {"text": "p", "title": "h2 ~ p", "url": "a::attr(href)"}}
SOURCES = {
    "html_list": ("https://shop.example/p", LIST),
    "review_page": ("https://shop.example/p", {}),
    "telegram": ("https://t.me", {"channel": "abcd"}),
}
MANY = " ".join(f"a{number}" for number in range(150_000))
SCRIPT = "<script type=application/ld+json>"
PAGES = {
    "attributes": f"<div {MANY}>",
    "attributes without an end": f"<div {MANY}",
    "attributes side by side": "<div " + "".join(f'a{n}="1"' for n in range(150_000)) + ">",
    "attributes parted by slashes": f"<div/{MANY.replace(' ', '/')}>",
    "attributes parted by form feeds": f"<div\x0c{MANY.replace(' ', chr(12))}>",
    "attributes behind a quoted end": f"<div x='>' {MANY}>",
    "attributes in what looks quoted": f"<i ='><div {MANY} >'>",
    "attributes after a vertical tab": f"<i x=\x0b'><div {MANY}>'>",
    "nested blocks": "<div class=a>" * 300_000,
    "nested formatting": "<a class=a>" * 300_000,
    "nested paragraphs": "<p><font class=a>" * 150_000,
    "items without end": "<li class=a>" * 300_000,
    "siblings": "<h2></h2><p class=a>x</p>" * 100_000,
    "a long attribute": '<div class="a" title="' + "x" * 4_000_000 + '">t</div>',
    "many classes": '<div class="' + "c " * 1_500_000 + '">x</div>',
    "open angles": "<" * 4_000_000,
    "open comments": "<!--" * 1_000_000,
    "open scripts": SCRIPT * 100_000,
    "open quotes": '<a href="' * 400_000,
    "references": "&#x" * 1_000_000,
    "entities in entities": "<!DOCTYPE a [<!ENTITY a 'b'>" + "".join(
        f"<!ENTITY a{n} '&a{n - 1 if n else ''};&a{n - 1 if n else ''};'>" for n in range(60)
    ) + "]><div class=a>&a59;",
    "a local file": "<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><div class=a><p>&x;",
    "nothing but zeros": "\0" * 4_000_000,
    "blanks in JSON": f'{SCRIPT}{{"a":1{" " * 3_000_000}x</script>',
    "deep JSON": f"{SCRIPT}{'[' * 900_000}</script>",
    "a long number in JSON": f'{SCRIPT}{{"@type":"Review","ratingValue":{"9" * 1_500_000}}}</script>',
    "commas in JSON": f"{SCRIPT}{{{', ' * 1_500_000}</script>",
    "one line": "汽" * 1_700_000,
    "combining marks": "<div class=a><p>a" + "\u0301" * 2_000_000,
}  # fmt: skip
BYTES = {
    "broken everywhere": b"<div class=a>" + b"\x81" * 4_000_000,
    "no UTF-8": b"<div class=a>" + b"\xff\xfe\x80" * 1_400_000,
    "idna": b"<meta charset=idna><p>\xff",
    "punycode": b"<meta charset=punycode><div class=a>" + b"a-b9c8z7" * 60_000 + b"\xff",
}
ALL = BYTES | {name: f"<p itemprop=review>{page}".encode() for name, page in PAGES.items()}


class OnePage:
    """A way out to a server that answers everything with one page."""

    def __init__(self, body: bytes) -> None:
        self.body = body

    async def get(self, url: str, headers: object = None) -> Answer:
        return Answer(body=self.body, headers={"content-type": "text/html"}, url=url)


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", ALL)
def test_a_hostile_page_ends_soon_and_holds_nobody_up(kind: str, name: str) -> None:
    url, options = SOURCES[kind]
    source = Source(
        id=7, name="synthetic", kind=kind, url=url, interval=timedelta(minutes=5), options=options
    )
    http = OnePage(ALL[name])
    seconds, longest_hold = asyncio.run(_visited(source, http))
    assert seconds < 15
    assert longest_hold < 1.5  # 0.3 s on an idle machine


async def _visited(source: Source, http: OnePage) -> tuple[float, float]:
    holds: list[float] = []

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.01)
            holds.append(time.perf_counter() - before)

    watching = asyncio.create_task(watch())
    await asyncio.sleep(0)
    before = time.perf_counter()
    await collector_for(source.kind).collect(source, slot=NOW, http=http, now=NOW)
    seconds = time.perf_counter() - before
    await asyncio.sleep(0.02)
    watching.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await watching
    return seconds, max(holds)


def test_of_a_page_with_too_many_tags_the_first_are_kept() -> None:
    assert tamed("<p>x" * (MOST_TAGS + 5)) == "<p>x" * MOST_TAGS


def test_a_tag_that_is_only_long_keeps_its_attributes() -> None:
    tag = '<div data-json="' + "a > b " * 1_000 + '" class="x">'
    assert tamed(tag) == tag
    assert tamed("<div " + " ".join(f"a{n}" for n in range(MOST_ATTRIBUTES + 1)) + ">") == "<div>"


@pytest.mark.parametrize("label", ["idna", "punycode", "unicode_escape", "utf-7", "undefined"])
def test_no_page_is_read_by_an_encoding_that_no_page_is_written_in(label: str) -> None:
    assert decode(b"a\xff", label).encoding == "cp1252"


@pytest.mark.parametrize(
    "item",
    [
        "h2 ~ p",
        "p:nth-child(2n)",
        {"xpath": "//p[count(//h2) > 3]"},
        {"xpath": "//h2/following::p"},
    ],
    ids=str,
)
def test_selectors_that_compare_neighbours_get_a_page_they_can_take(item: object) -> None:
    page = ("<html><body>" + "<h2>云雀</h2><p>起火</p>" * 100_000).encode()
    url, options = SOURCES["html_list"]
    options = {**options, "item": item, "fields": {"text": {"xpath": "."}}}
    source = Source(
        id=1, name="n", kind="html_list", url=url, interval=timedelta(minutes=5), options=options
    )
    seconds, _ = asyncio.run(_visited(source, OnePage(page)))
    assert seconds < 15
