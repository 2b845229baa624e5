"""Feeds that move: when a redirect is believed, what is remembered of it, and the way back."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collectors.fetch import Position
from collectors.model import CollectError, Cursor, Outcome, SourceState
from tests.collectors.answers import HOUR, URL, Answer, source, visit, visits

MOVED = "https://new.example.cn/feed.xml"


LED = Answer(url=MOVED, permanent_redirect=True, headers={"etag": '"m"'})


def test_a_permanent_redirect_is_believed_on_the_second_visit_in_a_row() -> None:
    once, twice = visits(source(), LED, LED)
    assert (once.cursor_after.effective_url, once.cursor_after.etag) == (None, None)
    assert (twice.cursor_after.effective_url, twice.cursor_after.etag) == (MOVED, '"m"')
    assert (once.outcome, twice.outcome) == (Outcome.NEW, Outcome.UNCHANGED)
    _, http = visit(source(twice.cursor_after), Answer(status=304, body=b"", url=MOVED))
    assert http.asked[0][0] == MOVED
    assert http.asked[0][1]["If-None-Match"] == '"m"'


OTHER = "https://other.example.cn/feed.xml"


@pytest.mark.parametrize(
    "between",
    [
        Answer(url=MOVED),
        Answer(),
        Answer(url=OTHER, permanent_redirect=True),
        Answer(status=503),
        Answer(url=MOVED, permanent_redirect=True, body=b"<html>home</html>"),
        CollectError("timeout"),
    ],
    ids=["temporary", "direct", "elsewhere", "error", "a page", "timeout"],
)
def test_the_count_of_a_permanent_redirect_starts_over_after_anything_else(
    between: Answer | CollectError,
) -> None:
    polls = visits(source(), LED, between, LED, LED)
    assert [poll.cursor_after.effective_url for poll in polls] == [None, None, None, MOVED]


def test_a_304_from_elsewhere_is_no_proof_of_a_move_and_its_validators_are_dropped() -> None:
    """A home page with an old date says 304 to everything, and would be silent for ever."""
    direct = Answer(headers={"last-modified": "d"})
    home = Answer(status=304, body=b"", url=MOVED, permanent_redirect=True)
    polls = visits(source(), direct, home, home, home)
    assert polls[0].cursor_after.last_modified == "d"
    assert polls[1].cursor_after.last_modified is None
    assert {poll.cursor_after.effective_url for poll in polls} == {None}
    assert polls[2].outcome is Outcome.FAILED, "asked without validators a 304 is an error"
    _, _, once = visits(source(), direct, home, LED)
    assert once.cursor_after.effective_url is None, "only an answer that was read counts"


@pytest.mark.parametrize(
    ("before", "after", "at_once"),
    [
        ("http://news.example.cn/f", "https://news.example.cn/f", True),
        ("http://news.example.cn/f", "https://news.example.cn/feed/", True),
        ("http://news.example.cn/f", "https://www.example.cn/f", False),
        ("https://news.example.cn/f", "http://news.example.cn/f", False),
        ("http://news.example.cn/f", "https://news.example.cn:8443/f", False),
        ("http://news.example.cn/f", "http://news.example.cn/g", False),
    ],
)
def test_one_visit_is_enough_where_the_same_host_only_became_secure(
    before: str, after: str, at_once: bool
) -> None:
    poll, _ = visit(replace(source(), url=before), Answer(url=after, permanent_redirect=True))
    assert poll.cursor_after.effective_url == (after if at_once else None)


def test_a_feed_that_moves_on_or_back_is_followed() -> None:
    on = Answer(url=OTHER, permanent_redirect=True)
    back = Answer(url=URL, permanent_redirect=True)
    polls = visits(source(Cursor(effective_url=MOVED)), on, on, back, back)
    assert [poll.cursor_after.effective_url for poll in polls] == [MOVED, OTHER, OTHER, None]


@pytest.mark.parametrize(
    ("text", "position"),
    [
        (None, Position()),
        ("wish=3600", Position(wish=HOUR)),
        ('{"wish": 3600}', Position(wish=HOUR)),
        (
            '{"moved": {"seen": 1, "url": "u"}, "wish": 3600}',
            Position(wish=HOUR, moved="u", seen=1),
        ),
        ("nonsense", Position()),
        ("[]", Position()),
        ('{"moved": {"url": "u"}}', Position()),
        ('{"wish": "soon"}', Position()),
    ],
)
def test_what_is_remembered_is_read_in_its_old_and_new_form(
    text: str | None, position: Position
) -> None:
    assert Position.read(text) == position
    assert Position.read(position.written()) == position


def test_the_wish_of_a_cursor_of_the_old_form_still_holds() -> None:
    poll, _ = visit(source(Cursor(etag='"1"', position="wish=7200")), Answer(status=304, body=b""))
    assert poll.wait == 2 * HOUR


def test_a_temporary_redirect_moves_nothing_and_lends_no_validators() -> None:
    poll, _ = visit(source(), Answer(url=MOVED, headers={"etag": '"m"'}))
    assert (poll.cursor_after.effective_url, poll.cursor_after.etag) == (None, None)
    assert poll.cursor_after.body_sha256


def test_a_permanent_redirect_to_a_home_page_leaves_the_url() -> None:
    page = Answer(url=MOVED, permanent_redirect=True, body=b"<html>home</html>")
    poll, _ = visit(source(), page)
    assert (poll.state, poll.cursor_after) == (SourceState.NOT_A_FEED, Cursor())


@pytest.mark.parametrize(
    "answer",
    [Answer(status=404), Answer(status=410), Answer(body=b"<html></html>"),
     CollectError("refused", retryable=False)],
    ids=["404", "410", "a page", "refused"],
)  # fmt: skip
def test_where_we_were_led_stops_answering_the_original_is_asked_again(
    answer: Answer | CollectError,
) -> None:
    poll, _ = visit(source(Cursor(effective_url=MOVED, etag='"1"')), answer)
    assert (poll.cursor_after.effective_url, poll.cursor_after.etag) == (None, None)
    assert poll.state is not SourceState.GONE
