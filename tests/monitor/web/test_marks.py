"""Post text is hostile: it reaches the page as text, whatever it holds."""

from __future__ import annotations

import html
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.web.marks import DECEPTIVE, Mark, MarkKind, excerpt, marked, safe_link

HOSTILE = {
    "script": "<script>alert(1)</script>栗屿",
    "attribute": '"><img src=x onerror=alert(1)>栗屿',
    "entity": "&lt;b&gt; &amp;#60; 栗屿",
    "template": "{{ 7 * 7 }}{% raw %}栗屿",
    "closing mark": "</mark></p><a href=javascript:alert(1)>栗屿",
    "direction override": "abc\u202egnp.exe栗屿\u2066x",
    "control characters": "a\x00b\x1b[31m\x7f栗屿",
    "combining characters": "栗" + "\u0301" * 10_000 + "屿",
    "line separators": "栗\u2028屿\r\n\t",
    "lone surrogate": "栗\ud800屿",
}


def hit(start: int, end: int, kind: MarkKind = MarkKind.HIT) -> Mark:
    return Mark(start=start, end=end, kind=kind)


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_text_stays_text(text):
    shown = str(marked(text, [hit(0, 5), hit(3, len(text), MarkKind.RISK)]))
    tags = re.findall(r"<[^>]*>", shown)
    assert set(tags) <= {'<mark class="b">', '<mark class="r">', "</mark>"}
    assert html.unescape(re.sub(r"<[^>]*>", "", shown)) == DECEPTIVE.sub("\ufffd", text)
    shown.encode("utf-8")  # a lone surrogate would break the answer


@given(
    st.text(max_size=60),
    st.lists(
        st.tuples(st.integers(-5, 70), st.integers(-5, 70), st.sampled_from(MarkKind)), max_size=6
    ),
)
def test_marking_adds_marks_and_changes_nothing_else(text, ranges):
    shown = str(marked(text, [hit(start, end, kind) for start, end, kind in ranges]))
    assert html.unescape(re.sub(r"</?mark[^>]*>", "", shown)) == DECEPTIVE.sub("\ufffd", text)


@pytest.mark.parametrize(
    ("marks", "expected"),
    [
        ([], "栗屿很差"),
        ([hit(0, 2)], '<mark class="b">栗屿</mark>很差'),
        ([hit(0, 3, MarkKind.RISK), hit(0, 2)], '<mark class="b">栗屿</mark>很差'),
        (
            [hit(0, 2), hit(2, 4, MarkKind.NEGATIVE)],
            '<mark class="b">栗屿</mark><mark class="g">很差</mark>',
        ),
        ([hit(2, 99, MarkKind.NEGATIVE)], '栗屿<mark class="g">很差</mark>'),
        ([hit(-3, 1)], '<mark class="b">栗</mark>屿很差'),
        ([hit(3, 3), hit(4, 2)], "栗屿很差"),
    ],
    ids=[
        "none",
        "hit",
        "hit wins over risk",
        "side by side",
        "beyond the end",
        "before the start",
        "empty",
    ],
)
def test_what_is_marked(marks, expected):
    assert str(marked("栗屿很差", marks)) == expected


def test_an_excerpt_shows_the_first_hit_and_where_it_was_cut():
    text = "前" * 500 + "栗屿" + "后" * 500
    shown = str(excerpt(text, [hit(500, 502)], 100))
    assert shown.startswith("…")
    assert shown.endswith("…")
    assert '<mark class="b">栗屿</mark>' in shown
    assert len(re.sub(r"<[^>]*>|…", "", shown)) == 100


def test_a_short_text_is_shown_whole():
    assert str(excerpt("栗屿", [], 100)) == "栗屿"


@pytest.mark.parametrize(
    ("url", "is_link"),
    [
        ("https://example.org/a", True),
        ("http://example.org", True),
        ("javascript:alert(1)", False),
        ("JaVaScRiPt:alert(1)", False),
        ("data:text/html,<script>", False),
        ("//example.org", False),
        ("http://[::1", False),
        ("https://", False),
        ("http://example.org/\u202egnp", False),
        ("", False),
        (None, False),
    ],
)
def test_only_plain_web_addresses_become_links(url, is_link):
    assert (safe_link(url) is not None) is is_link
