"""JMESPath of users that would fill the memory or never end, and reasons that quote secrets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.recipes.expressions import Mismatch, checked_expression, evaluate
from tests.collectors.recipes.recipes import URL, json_source, visit
from tests.collectors.recorded import Recorded, answer

DOUBLING = "@" + "|[@,@][]" * 40


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param(DOUBLING, id="lists"),
        pytest.param("[@,@]" + "|[@,@]" * 40, id="lists in lists"),
        pytest.param("@" + "|{a:@,b:@}" * 40, id="objects"),
        pytest.param("@" + "|join('',[@,@])" * 40, id="texts"),
        pytest.param("@" + "|to_string([@])" * 40, id="quotes"),
        pytest.param("map(&[@,@],@)" + "|map(&[@,@],@)" * 20, id="functions over expressions"),
        pytest.param("[?[@,@]" + "|[@,@]" * 40 + "]", id="conditions"),
    ],
)
def test_an_expression_that_multiplies_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="multiplies"):
        checked_expression(expression)


def test_an_expression_of_many_fields_is_none_of_these() -> None:
    fields = ", ".join(f"f{n}: a[{n}].b || c" for n in range(50))
    assert checked_expression(f"data.list[?ok].{{{fields}}}")


def test_an_expression_that_takes_too_many_steps_ends() -> None:
    with pytest.raises(Mismatch, match="too many steps"):
        evaluate("@" + "[].a" * 10, [[{"a": [[0] * 40]}] * 40] * 40_000)
    with pytest.raises(Mismatch, match="too many steps"):
        evaluate(DOUBLING, [1])


def test_a_reason_never_quotes_a_secret_that_the_server_sent_back() -> None:
    source = json_source(items="contains(echo, `1`)", headers={"X-Key": "secret:key"})
    source = replace(source, secrets={"key": "s3cr3t-value-42"})
    http = Recorded({URL: answer({"echo": {"X-Key": "s3cr3t-value-42"}})})
    for _ in range(4):
        poll = visit(source, http)
        source = replace(source, cursor=poll.cursor_after)
        assert "s3cr3t" not in (poll.reason or "")
    assert "***" in (poll.reason or "")
