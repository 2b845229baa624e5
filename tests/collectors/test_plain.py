"""What is left of markup for a reader and a matcher."""

from __future__ import annotations

import pytest

from collectors.plain import plain


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("<p>一</p><p>二</p>", "一\n二"),
        ("一<br>二<br/>三", "一\n二\n三"),
        ("<div>a<div>b</div>c</div>", "a\nb\nc"),
        ("手<b>机</b>起<i>火</i>", "手机起火"),
        ("<td>a</td><td>b</td>", "a b"),
        ("a&nbsp;&amp;&#20013;&lt;b&gt;", "a &中<b>"),
        ("plain &amp; simple\nsecond line", "plain & simple\nsecond line"),
        ("<p>source\nbreak</p>", "source break"),
        ("a<script>alert(1)</script><style>b{}</style>c<!-- d -->", "ac"),
        ("3 < 5 and 7 > 2", "3 < 5 and 7 > 2"),
        ("起\u200b火\ufeff\u202e了\u00ad", "起火了"),
        ("起\u200d火", "起火"),
        ("👩\u200d🚒", "👩\u200d🚒"),
        ("cafe\u0301", "café"),
        ("a\u3000\u00a0\t b", "a b"),
        ("a\x00\x08b", "a b"),
        ("\ud800x", "?x"),
        ("<p>unclosed <b>bold", "unclosed bold"),
        ("<>", "<>"),
        ("", ""),
        ("<div></div>", ""),
    ],
)
def test_markup_becomes_what_a_reader_sees(markup: str, text: str) -> None:
    assert plain(markup) == text


def test_a_hundred_thousand_open_elements_are_no_trouble() -> None:
    assert isinstance(plain("<div>" * 100_000 + "x"), str)
