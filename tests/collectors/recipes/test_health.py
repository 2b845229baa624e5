"""Answers with nothing to read: calm at first, a broken recipe at the third in a row."""

from __future__ import annotations

import pytest

from collectors.model import SourceState
from tests.collectors.recipes.recipes import SIMPLE_MAP, URL, after, json_source, visit
from tests.collectors.recorded import Recorded, answer

EMPTIES = {
    "another shape": {"errno": 0, "payload": {"rows": []}},
    "empty list": {"items": []},
    "nothing to read": {"items": [{"id": 1, "body": "moved"}]},
    "items is a number": {"items": 7},
}


@pytest.mark.parametrize("body", EMPTIES.values(), ids=EMPTIES)
def test_nothing_to_read_is_calm_twice_and_a_broken_recipe_the_third_time(body: dict) -> None:
    source = json_source()
    polls = []
    for _ in range(4):
        polls.append(visit(source, Recorded({URL: answer(body)})))
        source = after(source, polls[-1])
    states = [poll.state for poll in polls]
    assert states == [
        SourceState.OK,
        SourceState.OK,
        SourceState.RECIPE_BROKEN,
        SourceState.RECIPE_BROKEN,
    ]
    assert "'items'" in (polls[2].reason or "")
    assert next(iter(body)) in (polls[2].reason or ""), "the reason shows what was there"
    healed = visit(source, Recorded({URL: answer({"items": [{"id": 1, "text": "x"}]})}))
    assert healed.state is SourceState.OK
    again = visit(after(source, healed), Recorded({URL: answer(body)}))
    assert again.state is SourceState.OK, "counting starts anew"


def test_refusals_in_between_do_not_count_as_empty() -> None:
    source = json_source()
    for reply in (answer({"items": []}), answer({"items": []}), answer(status=403)):
        poll = visit(source, Recorded({URL: reply}))
        source = after(source, poll)
    assert poll.state is SourceState.BLOCKED
    assert visit(source, Recorded({URL: answer({"items": []})})).state is SourceState.RECIPE_BROKEN


def test_a_search_may_find_nothing_but_its_list_must_be_there() -> None:
    empty, gone = json_source(may_be_empty=True), json_source(may_be_empty=True)
    for _ in range(4):
        calm, poll = (
            visit(empty, Recorded({URL: answer({"items": []})})),
            visit(gone, Recorded({URL: answer({})})),
        )
        empty, gone = after(empty, calm), after(gone, poll)
    assert (calm.state, poll.state) == (SourceState.OK, SourceState.RECIPE_BROKEN)


def test_a_layout_that_lost_its_text_breaks_the_recipe_although_ratings_are_left() -> None:
    items = [{"id": n, "score": 3} for n in range(20)] + [{"id": 99, "text": "x"}]
    source = json_source(map={**SIMPLE_MAP, "rating": "score"})
    for _ in range(3):
        poll = visit(source, Recorded({URL: answer({"items": items})}))
        source = after(source, poll)
    assert poll.state is SourceState.RECIPE_BROKEN
    assert "20" in (poll.reason or "")
    assert len(poll.posts) == 21
