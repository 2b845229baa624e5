"""The sieve before the real matching: it may let too much through, never too little."""

from __future__ import annotations

import pytest

from collectors.social.keywords import Sieve, sieve_of


@pytest.mark.parametrize(
    ("term", "text"),
    [
        pytest.param("云雀汽车", "听说云雀汽车起火了", id="inside a sentence"),
        pytest.param("abc", "新车ABC上市", id="letter case"),
        pytest.param("abc", "ＡＢＣ", id="full width"),
        pytest.param("云雀", "云\u200b雀", id="zero-width blank inside"),
        pytest.param("strasse", "an der Straße", id="full case folding"),
        pytest.param("cafe", "cafe\u0301 cafe", id="combining marks beside it"),
        pytest.param("“云雀”", '"云雀"', id="quotes alike"),
        pytest.param("lark*", "larks", id="a prefix"),
        pytest.param("ab", "xaab", id="overlapping beginnings"),
    ],
)
def test_what_holds_a_term_passes(term: str, text: str) -> None:
    assert Sieve([term, "北岭咖啡"]).lets_through(text)


@pytest.mark.parametrize("text", ["", "云 雀", "天气很好"], ids=["empty", "apart", "other"])
def test_what_holds_none_is_held_back(text: str) -> None:
    assert not Sieve(["云雀"]).lets_through(text)


@pytest.mark.parametrize("terms", [[], [""], ["  ", "*"]], ids=["none", "empty", "blanks"])
def test_no_terms_let_nothing_through(terms: list[str]) -> None:
    sieve = Sieve(terms)
    assert sieve.is_empty
    assert not sieve.lets_through("anything")


def test_the_same_terms_are_built_once() -> None:
    assert sieve_of(("a", "b")) is sieve_of(("a", "b"))
