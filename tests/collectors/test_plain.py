"""What is left of markup for a reader and a matcher."""

from __future__ import annotations

import random

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
        ("<p>a&#1;b</p>", "a b"),
        ("<>", "<>"),
        ("", ""),
        ("<div></div>", ""),
    ],
)
def test_markup_becomes_what_a_reader_sees(markup: str, text: str) -> None:
    assert plain(markup) == text


def test_a_hundred_thousand_open_elements_are_no_trouble() -> None:
    assert isinstance(plain("<div>" * 100_000 + "x"), str)


_TEXTS = (
    "手机",
    "a b",
    " ",
    "\n",
    "\u3000",
    "\t",
    "1 > 2",
    "&amp;",
    "&nbsp;",
    "&lt;",
    "&ldquo;",
    "&#39;",
)
_ODD = (
    "&copy",
    "&",
    "<",
    "</p>",
    "</b>",
    "<b>",
    "<p>",
    "<p/>",
    "<td>",
    "\x00",
    "\r",
    "<P>",
    "<pre>",
)
_ATTRIBUTES = ("", ' class="x y"', " href='http://x.cn/?a=1&b=2'", " hidden", ' title="a\nb/"')


def _written(chance: random.Random, depth: int) -> str:
    """Return markup of at most ``depth`` levels, mostly what feeds hold, sometimes damaged."""
    parts = []
    for _ in range(chance.randint(0, 4)):
        attributes = chance.choice(_ATTRIBUTES)
        names = ("p", "div", "li", "ul", "h2", "a", "b", "span", "strong", "figure")
        name = chance.choice(names)
        inside = _written(chance, depth - 1) if depth else ""
        element = f"<{name}{attributes}>{inside}</{name}>"
        void = f"<{chance.choice(('br', 'img'))}{attributes}{chance.choice(('', '/', ' /'))}>"
        parts.append(chance.choice((chance.choice(_TEXTS), void, element, element)))
    if chance.random() < 0.03:
        parts.append(chance.choice(_ODD))
    return "".join(parts)


def test_simple_markup_is_read_as_the_tree_of_an_html_parser_reads_it() -> None:
    chance = random.Random(7)
    for markup in [_written(chance, 3) for _ in range(3_000)]:
        # A comment is nothing to a reader, and makes markup that is not simple.
        assert plain(f"<i>{markup}</i>") == plain(f"<!-- --><i>{markup}</i>")
        assert plain(f"<i></i>{markup}") == plain(f"<!-- --><i></i>{markup}")


@pytest.mark.parametrize(
    ("markup", "expected"),
    [
        ('趴窝了<img src="1.png" class="wp-smiley" alt="😡">', "趴窝了😡"),
        ('<p>又坏了<img alt="🙄" class="emoji" title=":x:"/>吧</p>', "又坏了🙄吧"),
        ("坏了<span class=url-icon><img alt=[怒] src='2.png'></span>", "坏了[怒]"),
        ('图<img src="3.png" alt="车间照片">', "图"),
        ('图<img class="emoji" alt="a very long description of a picture">', "图"),
        ('<img class="emoji" alt="&lt;b&gt;">', ""),
    ],
)
def test_a_picture_of_an_emoji_says_it_and_no_other_picture_does(markup, expected):
    assert plain(markup) == expected


def test_many_open_images_cost_no_more_than_their_length():
    assert len(plain("<img alt=" * 100_000 + "词")) <= 1_000_000
