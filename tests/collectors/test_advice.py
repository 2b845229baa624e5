"""What to do about a source: every state in trouble has advice, a name and a class."""

from __future__ import annotations

import pytest

from collectors.advice import STATE_NAMES, ErrorClass, advice_for, error_class
from collectors.model import SourceState

TROUBLED = [state for state in SourceState if not state.is_speaking]


def test_every_state_has_a_name():
    assert set(STATE_NAMES) == set(SourceState)


@pytest.mark.parametrize("state", [*TROUBLED, SourceState.SLOW])
def test_every_trouble_has_advice_in_both_languages(state):
    advice = advice_for(state, "feed")
    assert advice is not None
    assert any("一" <= character <= "鿿" for character in advice.zh)
    assert advice.en.isascii()
    assert advice.en


def test_what_is_well_needs_none_and_what_is_pushed_asks_its_sender():
    assert advice_for(SourceState.OK, "feed") is None
    silent = advice_for(SourceState.SILENT, "push")
    assert silent is not None
    assert silent != advice_for(SourceState.SILENT, "feed")
    assert "发送方" in silent.zh


@pytest.mark.parametrize(
    ("state", "status", "wanted"),
    [
        (SourceState.OK, 200, None), (SourceState.SLOW, 200, None), (SourceState.SILENT, 304, ErrorClass.SILENCE),
        (SourceState.RATE_LIMITED, 429, ErrorClass.RATE_LIMIT), (SourceState.BLOCKED, 200, ErrorClass.REFUSAL),
        (SourceState.FAILING, None, ErrorClass.NETWORK), (SourceState.BACKING_OFF, 502, ErrorClass.SERVER),
        (SourceState.BACKING_OFF, 404, ErrorClass.ADDRESS), (SourceState.FAILING, 200, ErrorClass.CONTENT),
        (SourceState.RECIPE_BROKEN, 200, ErrorClass.CONTENT), (SourceState.GONE, 410, ErrorClass.GONE),
    ],
)  # fmt: skip
def test_trouble_is_classed(state, status, wanted):
    assert error_class(state, status) is wanted
