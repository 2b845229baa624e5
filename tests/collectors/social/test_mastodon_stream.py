"""Listening to an instance: nothing lost between pages and stream, nothing twice, edits and deletions."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import timedelta

import pytest

from collectors.model import CollectError, Outcome, Poll, Source, SourceState
from collectors.social.listening import Patience
from collectors.social.mastodon import MastodonCollector
from tests.collectors.recorded import SILENCE, Answer, Recorded, answer
from tests.collectors.social.synthetic_mastodon import (
    INSTANCE,
    INTERVAL,
    NOW,
    PUBLIC,
    STREAM,
    instance,
    limits,
    page,
    source,
    status,
    timeline,
)

PATIENCE = Patience(longest=0.1, after_first=0.01, opening=0.05)
NEWEST = f"{PUBLIC}?limit=40"
AT_ONCE = timedelta(0)
LISTENING = source({"streaming": True}, token="s3cret")


def event(name: str, data: object) -> list[str]:
    text = data if isinstance(data, str) else json.dumps(data)
    return [f"event: {name}", f"data: {text}", ""]


def update(identity: int, **fields: object) -> list[str]:
    return event("update", status(identity, **fields))


def visit(
    of: Source, replies: dict[str, Answer], stream: object, patience: Patience = PATIENCE
) -> tuple[Poll, Recorded]:
    http = Recorded(replies, lines={STREAM: stream})
    collector = MastodonCollector(patience)
    return asyncio.run(collector.collect(of, slot=NOW, http=http, now=NOW)), http


def ids(poll: Poll) -> list[int]:
    return sorted(int(post.external_id) for post in poll.posts)


def after(poll: Poll) -> Source:
    return replace(LISTENING, cursor=poll.cursor_after)


def started(newest: int = 100) -> Source:
    first = {INSTANCE: instance(), NEWEST: page([newest])}
    return after(visit(LISTENING, first, [":)", SILENCE])[0])


def test_a_post_of_the_stream_comes_home_at_once_and_the_next_visit_follows() -> None:
    stream = [":)", "", *update(101), ":thump", "", *update(102), SILENCE]
    poll, http = visit(started(), timeline([], after=100), stream)
    assert (ids(poll), poll.wait, poll.state) == ([101, 102], AT_ONCE, SourceState.OK)
    assert http.opened[0].headers["Authorization"] == "Bearer s3cret"
    assert "s3cret" not in http.opened[0].url + repr(poll)


def test_a_quiet_stream_ends_by_time_and_is_listened_to_again() -> None:
    poll, _ = visit(started(), timeline([], after=100), [":)", SILENCE])
    assert (poll.outcome, poll.wait) == (Outcome.UNCHANGED, AT_ONCE)


def test_what_was_posted_between_two_visits_is_read_by_pages() -> None:
    poll, _ = visit(started(), timeline([101, 102], after=100), [*update(103), SILENCE])
    assert ids(poll) == [101, 102, 103]


def test_what_was_heard_is_not_brought_twice_and_what_overtook_it_is_not_lost() -> None:
    """Streams deliver out of order: 102 was heard, 101 not before the visit ended."""
    first, _ = visit(started(), timeline([], after=100), [*update(102), SILENCE])
    second, _ = visit(after(first), timeline([101, 102, 103], after=100), [":)", SILENCE])
    assert (ids(first), ids(second)) == ([102], [101, 103])
    third, _ = visit(after(second), timeline([], after=103), [":)", SILENCE])
    assert ids(third) == []
    assert "heard" not in (third.cursor_after.position or "")


def test_a_visit_that_was_killed_is_simply_made_again() -> None:
    of, replies, stream = started(), timeline([101], after=100), [*update(102), SILENCE]
    assert visit(of, replies, stream)[0] == visit(of, replies, stream)[0]


def test_edits_and_deletions_of_the_stream() -> None:
    stream = [
        *event("status.update", status(50, content="<p>改过</p>")),
        *update(101),
        *event("delete", "60"),
        *event("delete", "101"),
        SILENCE,
    ]
    poll, _ = visit(started(), timeline([], after=100), stream)
    assert [(post.external_id, post.text) for post in poll.posts] == [("50", "改过")]
    assert set(poll.deleted) == {"60", "101"}


def test_a_deletion_alone_is_news() -> None:
    poll, _ = visit(started(), timeline([], after=100), [*event("delete", "60"), SILENCE])
    assert (poll.outcome, poll.deleted) == (Outcome.NEW, ("60",))


@pytest.mark.parametrize(
    "stream",
    [[*update(101), CollectError("cut")], [*update(101)], [*update(101), "event: update", "data: {"]],
    ids=["broken", "closed", "closed in an event"],
)  # fmt: skip
def test_a_stream_cut_in_the_middle_keeps_what_came_and_comes_back_after_the_interval(
    stream: list[object],
) -> None:
    poll, _ = visit(started(), timeline([], after=100), stream)
    assert (ids(poll), poll.state, poll.wait) == ([101], SourceState.OK, INTERVAL)
    rest, _ = visit(after(poll), timeline([101, 102], after=100), [":)", SILENCE])
    assert ids(rest) == [102]


@pytest.mark.parametrize(
    "stream",
    [CollectError("HTTP 401"), [CollectError("reset")], SILENCE],
    ids=["refused", "never heard", "never opened"],
)
def test_without_a_stream_the_pages_are_read_and_the_trouble_is_told(stream: object) -> None:
    poll, http = visit(started(), timeline([101], after=100), stream)
    assert ids(poll) == [101]
    assert poll.state is SourceState.BACKING_OFF
    assert poll.reason
    assert poll.wait > INTERVAL
    assert [request.query["min_id"] for request in http.requests] == ["100", "101"]


def test_who_is_behind_reads_pages_first_and_does_not_listen() -> None:
    poll, _ = visit(started(), timeline(list(range(101, 400)), after=100), [*update(999), SILENCE])
    assert 999 not in ids(poll)
    assert (len(poll.posts), poll.wait) == (200, AT_ONCE)


def test_what_was_heard_is_remembered_until_the_pages_reach_it() -> None:
    replies = timeline(list(range(101, 401)), after=100)
    first, _ = visit(started(), timeline([], after=100), [*update(390), SILENCE])
    second, _ = visit(after(first), replies, [":)", SILENCE])
    third, _ = visit(after(second), replies, [":)", SILENCE])
    assert ids(second) == list(range(101, 301))
    assert ids(third) == [one for one in range(301, 401) if one != 390]


def test_a_refused_page_keeps_us_from_listening() -> None:
    poll, _ = visit(started(), {PUBLIC: answer(status=500)}, [*update(101), SILENCE])
    assert (poll.outcome, poll.posts) == (Outcome.FAILED, ())


def test_little_left_of_the_limit_makes_even_a_listener_wait() -> None:
    poll, _ = visit(started(), {PUBLIC: page([], **limits(2))}, [*update(101), SILENCE])
    assert poll.wait > INTERVAL


def test_a_flood_is_brought_home_in_parts() -> None:
    flood = [line for number in range(101, 900) for line in update(number)]
    poll, _ = visit(started(), timeline([], after=100), flood, Patience(longest=30))
    assert ids(poll) == list(range(101, 401))
    assert poll.wait == AT_ONCE


@pytest.mark.parametrize(
    "lines",
    [event("update", "{"), event("update", "null"), event("update", "[" * 5000),
     event("filters_changed", ""), event("delete", "x" * 500), event("conversation", status(7)),
     update(101, visibility="private")],
    ids=["cut json", "null", "deep", "no data", "long id", "other event", "hidden"],
)  # fmt: skip
def test_nonsense_of_a_stream_harms_nothing(lines: list[str]) -> None:
    poll, _ = visit(started(), timeline([], after=100), [*lines, *update(102), SILENCE])
    assert (ids(poll), poll.deleted) == ([102], ())


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"local": True}, "public/local"),
        ({"remote": True, "only_media": True}, "public/remote?only_media=true"),
        ({"timeline": "hashtag", "tag": "#云雀"}, "hashtag?tag=%E4%BA%91%E9%9B%80"),
        ({"timeline": "hashtag", "tag": "a", "local": True}, "hashtag/local?tag=a"),
    ],
)
def test_each_timeline_has_its_stream(options: dict[str, object], expected: str) -> None:
    of = source({"streaming": True} | options, token="s3cret")
    url = STREAM.replace("public", expected)
    http = Recorded(
        {INSTANCE: instance(), PUBLIC: page([]), f"{PUBLIC[:-6]}tag/%E4%BA%91%E9%9B%80": page([]),
         f"{PUBLIC[:-6]}tag/a": page([])},
        lines={url: [":)", SILENCE]},
    )  # fmt: skip
    asyncio.run(MastodonCollector(PATIENCE).collect(of, slot=NOW, http=http, now=NOW))
    assert [request.url for request in http.opened] == [url]


@pytest.mark.parametrize(
    "named", ["ws://other.example", "javascript:x", ""], ids=["without TLS", "no address", "none"]
)
def test_the_token_goes_to_no_doubtful_address(named: str) -> None:
    own = "https://social.example/api/v1/streaming/public"
    http = Recorded(
        {INSTANCE: instance(streaming=named), NEWEST: page([1])}, lines={own: [":)", SILENCE]}
    )
    asyncio.run(MastodonCollector(PATIENCE).collect(LISTENING, slot=NOW, http=http, now=NOW))
    assert [request.url for request in http.opened] == [own]


def test_without_a_token_a_listener_reads_pages() -> None:
    poll, http = visit(
        source({"streaming": True}), {INSTANCE: instance(), NEWEST: page([1])}, [*update(2)]
    )
    assert (ids(poll), http.opened, poll.wait) == ([1], [], INTERVAL)
