"""The whole network's stream: what matches, what is deleted, and where the next visit goes on."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from collectors.model import CollectError, Outcome, Poll, Source, SourceState
from collectors.social.bluesky import BlueskyCollector
from collectors.social.listening import Patience
from tests.collectors.recorded import SILENCE, Recorded
from tests.collectors.social.synthetic_bluesky import (
    DID,
    INTERVAL,
    NOW,
    STREAM,
    frame,
    microseconds,
    source,
    uri,
)

PATIENCE = Patience(longest=0.1, after_first=0.01, opening=0.05)
LISTENING = source({"mode": "stream", "keywords": ["云雀"]})
AT_ONCE = timedelta(0)


def visit(of: Source, stream: object, patience: Patience = PATIENCE) -> tuple[Poll, Recorded]:
    http = Recorded(messages={STREAM: stream})
    poll = asyncio.run(BlueskyCollector(patience).collect(of, slot=NOW, http=http, now=NOW))
    return poll, http


def after(poll: Poll, of: Source = LISTENING) -> Source:
    return replace(of, cursor=poll.cursor_after)


def rkeys(poll: Poll) -> list[str]:
    return [post.external_id.rpartition("/")[2] for post in poll.posts]


def time_us(poll: Poll) -> int:
    return json.loads(poll.cursor_after.position or "{}")["time_us"]


def test_only_posts_with_a_keyword_come_home_and_the_next_visit_follows_at_once() -> None:
    stream = [frame("a", 9, "天气很好"), frame("b", 8), frame("c", 7, "云 雀"), SILENCE]
    poll, http = visit(LISTENING, stream)
    (post,) = poll.posts
    assert (post.external_id, post.text) == (uri("b"), "云雀汽车起火")
    assert post.author.handle == DID
    assert post.url == f"https://bsky.app/profile/{DID}/post/b"
    assert post.published_at == datetime(2026, 8, 1, 13, 59, 52, tzinfo=UTC)
    assert (poll.wait, poll.state) == (AT_ONCE, SourceState.OK)
    assert http.opened[0].query == {"wantedCollections": "app.bsky.feed.post"}


def test_the_position_moves_although_nothing_matched() -> None:
    poll, _ = visit(LISTENING, [frame("a", 9, "天气"), frame("b", 3, "天气"), SILENCE])
    assert (poll.outcome, time_us(poll), poll.wait) == (Outcome.UNCHANGED, microseconds(3), AT_ONCE)


def test_the_next_connection_begins_five_seconds_back_and_brings_nothing_twice() -> None:
    first, _ = visit(LISTENING, [frame("a", 9), frame("b", 8), SILENCE])
    stream = [frame("a", 9), frame("b", 8), frame("late", 8.5), frame("c", 2), SILENCE]
    second, http = visit(after(first), stream)
    assert http.opened[0].query["cursor"] == str(microseconds(8) - 5_000_000)
    assert rkeys(second) == ["late", "c"]
    third, _ = visit(after(second), [*stream, SILENCE])
    assert rkeys(third) == []


def test_a_visit_that_was_killed_is_simply_made_again() -> None:
    first, _ = visit(LISTENING, [frame("a", 9), SILENCE])
    stream = [frame("b", 8), frame("c", 7), SILENCE]
    assert visit(after(first), stream)[0] == visit(after(first), stream)[0]


def test_a_stream_cut_in_the_middle_keeps_what_came() -> None:
    poll, _ = visit(LISTENING, [frame("a", 9), CollectError("cut")])
    assert (rkeys(poll), time_us(poll)) == (["a"], microseconds(9))
    assert (poll.state, poll.wait) == (SourceState.OK, INTERVAL)
    rest, _ = visit(after(poll), [frame("a", 9), frame("b", 8)])
    assert rkeys(rest) == ["b"]


@pytest.mark.parametrize(
    ("stream", "word"),
    [(CollectError("HTTP 400"), "400"), (SILENCE, "open"), ([CollectError("reset")], "reset"), ([], "nothing"),
     ([SILENCE], "nothing")],
    ids=["refused", "never opened", "broken at once", "closed at once", "silent"],
)  # fmt: skip
def test_a_stream_that_says_nothing_is_trouble_not_calm(stream: object, word: str) -> None:
    of = after(visit(LISTENING, [frame("a", 9), SILENCE])[0])
    poll, _ = visit(of, stream)
    assert (poll.outcome, poll.state) == (Outcome.FAILED, SourceState.BACKING_OFF)
    assert word in (poll.reason or "")
    assert poll.cursor_after == of.cursor
    assert poll.wait > INTERVAL


def test_deletions_and_edits() -> None:
    stream = [
        frame("a", 9),
        frame("a", 8, operation="delete"),
        frame("old", 7, operation="delete"),
        frame("e", 6, "云雀召回", operation="update"),
        SILENCE,
    ]
    poll, _ = visit(LISTENING, stream)
    assert poll.deleted == (uri("a"), uri("old"))
    (edited,) = poll.posts
    assert (edited.text, edited.edited_at) == (
        "云雀召回", datetime(2026, 8, 1, 13, 59, 54, tzinfo=UTC),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "most"), [("delete", 1000), ("create", 300)], ids=["deletions", "posts"]
)
def test_a_flood_is_brought_home_in_parts_and_nothing_is_passed(operation: str, most: int) -> None:
    flood = [frame(number, 5000 - number, operation=operation) for number in range(1500)]
    poll, _ = visit(LISTENING, flood, Patience(longest=30))
    assert len(poll.posts) + len(poll.deleted) == most
    assert (time_us(poll), poll.wait) == (microseconds(5000 - most + 1), AT_ONCE)


def test_the_terms_of_all_keyword_lists_are_looked_for_where_none_are_set() -> None:
    of = source({"mode": "stream"}, terms=("北岭咖啡", "lark"))
    poll, _ = visit(of, [frame("a", 9, "喝了北岭咖啡"), frame("b", 8, "LARK"), frame("c", 7)])
    assert rkeys(poll) == ["a", "b"]


def test_hashtags_count_although_they_stand_beside_the_text() -> None:
    poll, _ = visit(LISTENING, [frame("a", 9, "起火了", tags=["云雀"])])
    assert [post.tags for post in poll.posts] == [("云雀",)]


def test_with_nothing_to_look_for_the_stream_is_not_opened() -> None:
    poll, http = visit(source({"mode": "stream"}), [frame("a", 9)])
    assert (poll.outcome, http.opened) == (Outcome.FAILED, [])
    assert "keywords" in (poll.reason or "")


@pytest.mark.parametrize(
    "bad",
    [
        b"", b"{", b"\xff\xfe", b"null", b"[]", b"[" * 100_000, b'{"time_us": "x"}',
        b'{"time_us": 1e400}', b'{"time_us": -5, "kind": "commit"}',
        json.dumps({"time_us": microseconds(5), "kind": "identity", "did": DID}).encode(),
        json.dumps({"time_us": microseconds(5), "kind": "commit", "commit": []}).encode(),
        json.dumps({"time_us": microseconds(5), "kind": "commit", "did": 3, "commit": {
            "collection": "app.bsky.feed.post", "operation": "create", "rkey": {}}}).encode(),
        frame("x", 5).replace(b"app.bsky.feed.post", b"app.bsky.feed.like"),
        frame("../../x", 5), frame("x", 5, text=7, facets="x", tags={}, langs=[{}]),  # type: ignore[arg-type]
    ],
    ids=lambda bad: str(bad[:40]),
)  # fmt: skip
def test_nonsense_in_the_stream_harms_nothing(bad: bytes) -> None:
    poll, _ = visit(LISTENING, [bad, frame("a", 4)])
    assert rkeys(poll) == ["a"]
    assert time_us(poll) == microseconds(4)


def test_a_clock_far_ahead_does_not_make_us_skip_what_comes_until_then() -> None:
    poll, _ = visit(LISTENING, [frame("a", -86_400)])
    assert time_us(poll) == microseconds(-300)
    assert poll.posts[0].published_at is None


@pytest.mark.parametrize(
    "position", ["", "{", "5", '{"time_us": "x", "recent": 5}', '{"recent": {"a": null}}'], ids=str
)
def test_an_unreadable_position_starts_at_the_live_end(position: str) -> None:
    of = source({"mode": "stream", "keywords": ["云雀"]}, position=position)
    _, http = visit(of, [frame("a", 4)])
    assert "cursor" not in http.opened[0].query


def test_another_address_may_have_a_query_of_its_own() -> None:
    own = "wss://jetstream.example/subscribe?maxMessageSizeBytes=100000"
    of = source({"mode": "stream", "keywords": ["云雀"], "jetstream": own})
    http = Recorded(messages={"wss://jetstream.example/subscribe": [frame("a", 4)]})
    asyncio.run(BlueskyCollector(PATIENCE).collect(of, slot=NOW, http=http, now=NOW))
    assert http.opened[0].url == f"{own}&wantedCollections=app.bsky.feed.post"
