"""Server-sent events from lines."""

from __future__ import annotations

import pytest

from collectors.social.sse import Event, EventReader


def events(*lines: str) -> list[Event]:
    reader = EventReader()
    return [event for line in lines if (event := reader.feed(line))]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(["event: update", "data: {}", ""], [("update", "{}")], id="one event"),
        pytest.param([":)", "", ":thump", ""], [], id="heartbeats are no events"),
        pytest.param(["data: a", "data: b", ""], [("message", "a\nb")], id="lines of data joined"),
        pytest.param(["data:a", ""], [("message", "a")], id="the blank is optional"),
        pytest.param(["data:  a", ""], [("message", " a")], id="only one blank goes"),
        pytest.param(["event: delete", ""], [], id="no data, no event"),
        pytest.param(
            ["event: delete", "", "data: 1", ""], [("message", "1")], id="a name is not kept"
        ),
        pytest.param(["id: 7", "retry: 10", "data: 1", ""], [("message", "1")], id="other fields"),
        pytest.param(["\ufeffdata: 1", ""], [("message", "1")], id="byte order mark"),
        pytest.param(["data: 1"], [], id="cut before its end"),
        pytest.param(
            ["data: " + "x" * 600_000, "data: " + "x" * 600_000, "data: y", "", "data: 1", ""],
            [("message", "1")],
            id="too large is left out whole",
        ),
    ],
)
def test_lines_become_events(lines: list[str], expected: list[tuple[str, str]]) -> None:
    assert [(event.name, event.text) for event in events(*lines)] == expected
