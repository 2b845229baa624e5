"""An author's feed, searches and looking again: pages, sessions, limits, refusals."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Look, Outcome, Poll, PostKind, Sight, Source, SourceState
from collectors.social.bluesky import BlueskyCollector, BlueskyOptions
from tests.collectors.recorded import Answer, Recorded, Replies, answer
from tests.collectors.social.synthetic_bluesky import (
    BASE,
    CREATE,
    FEED,
    INTERVAL,
    NOW,
    REFRESH,
    SEARCH,
    SERVICE,
    author,
    error,
    feed,
    found,
    limits,
    session,
    source,
    uri,
    view,
)

HOUR = timedelta(hours=1)
AUTHOR = source({"mode": "author", "actor": "@lark.example"})
SEARCHING = source(
    {"mode": "search", "query": "云雀 汽车", "lang": "zh", "identifier": "me.example"},
    password="p4ssword",
)


def visit(
    of: Source, replies: Replies, collector: BlueskyCollector | None = None
) -> tuple[Poll, Recorded]:
    http = Recorded(replies)
    made = collector or BlueskyCollector()
    return asyncio.run(made.collect(of, slot=NOW, http=http, now=NOW)), http


def rkeys(poll: Poll) -> list[int]:
    return sorted(int(post.external_id.rpartition("/")[2]) for post in poll.posts)


def after(poll: Poll, of: Source) -> Source:
    return replace(of, cursor=poll.cursor_after)


def run(first: int, last: int) -> list[dict[str, object]]:
    """Posts ``last`` down to ``first``, half an hour apart, the thousandth now."""
    return [view(number, (1000 - number) * 30) for number in range(last, first - 1, -1)]


def test_the_first_visit_takes_the_newest_page_only() -> None:
    poll, http = visit(AUTHOR, {FEED: feed(run(801, 900), "c1")})
    assert len(poll.posts) == 100
    assert http.requests[0].query == {
        "actor": "lark.example", "limit": "100", "filter": "posts_with_replies",
    }  # fmt: skip
    assert poll.wait == INTERVAL


def test_a_later_visit_reads_down_to_what_is_known_and_brings_it_once() -> None:
    first, _ = visit(AUTHOR, {FEED: feed(run(850, 900), "c1")})
    replies = {
        FEED: AssertionError("too far"),
        f"{FEED}?actor=lark.example&limit=100&filter=posts_with_replies": feed(run(941, 990), "c2"),
        f"{FEED}?actor=lark.example&limit=100&filter=posts_with_replies&cursor=c2": feed(
            run(891, 940), "c3"
        ),
    }
    second, http = visit(after(first, AUTHOR), replies)
    assert rkeys(second) == list(range(901, 991))
    assert len(http.requests) == 2
    assert visit(after(first, AUTHOR), replies)[0] == second
    third, _ = visit(after(second, AUTHOR), replies)
    assert (third.outcome, third.posts) == (Outcome.UNCHANGED, ())


def page_url(cursor: str | None = None) -> str:
    url = f"{FEED}?actor=lark.example&limit=100&filter=posts_with_replies"
    return f"{url}&cursor={cursor}" if cursor else url


@pytest.mark.parametrize(
    "refused",
    [answer(status=502), answer("<html>"), CollectError("no answer"), answer({"feed": None})],
    ids=["server error", "html instead of json", "no answer", "no list"],
)
def test_a_refused_page_leaves_the_position_before_it(refused: Answer | CollectError) -> None:
    first, _ = visit(AUTHOR, {FEED: feed(run(850, 900))})
    pages = {
        page_url(): feed(run(941, 990), "c2"),
        page_url("c2"): refused,
    }
    second, _ = visit(after(first, AUTHOR), pages)
    assert rkeys(second) == list(range(941, 991))
    assert second.state is not SourceState.OK
    pages[page_url("c2")] = feed(run(891, 940), "c3")
    third, http = visit(after(second, AUTHOR), pages)
    assert rkeys(third) == list(range(901, 941))
    assert http.requests[0].query["cursor"] == "c2"


def test_more_than_one_visit_carries_is_read_by_the_next_ones_without_a_gap() -> None:
    first, _ = visit(AUTHOR, {FEED: feed(run(1, 10))})
    pages: dict[str, Answer] = {}
    for number in range(9):
        here, there = (None if number == 0 else f"c{number}"), f"c{number + 1}"
        pages[page_url(here)] = feed(run(900 - 99 * number - 98, 900 - 99 * number), there)
    pages[page_url("c9")] = feed(run(1, 9))
    got: list[int] = []
    poll = first
    for _ in range(4):
        poll, _ = visit(after(poll, AUTHOR), pages)
        got += rkeys(poll)
    assert sorted(got) == list(range(11, 901))


def test_a_post_that_shows_up_late_is_not_missed() -> None:
    first, _ = visit(AUTHOR, {FEED: feed([view(2, 5)])})
    second, _ = visit(after(first, AUTHOR), {FEED: feed([view(2, 5), view(1, 8)])})
    assert rkeys(second) == [1]


def test_a_pinned_old_post_does_not_stand_for_the_end() -> None:
    first, _ = visit(AUTHOR, {FEED: feed([view(1, 600)])})
    pinned = {"post": view(0, 6000), "reason": {"$type": "app.bsky.feed.defs#reasonPin"}}
    top = answer({"feed": [{"post": view(9, 10)}, pinned], "cursor": "c2"})
    rest = {page_url(): top, page_url("c2"): feed([view(8, 300)])}
    second, _ = visit(after(first, AUTHOR), rest)
    assert rkeys(second) == [8, 9]


def test_an_edited_source_starts_anew() -> None:
    first, _ = visit(AUTHOR, {FEED: feed([view(1, 5)])})
    other = replace(AUTHOR, options={"mode": "author", "actor": "other.example"})
    assert rkeys(visit(after(first, other), {FEED: feed([view(1, 5)])})[0]) == [1]


@pytest.mark.parametrize(
    ("reply", "state", "word", "wait"),
    [
        pytest.param(error("InvalidRequest", "Profile not found"), SourceState.BACKING_OFF,
                     "Profile not found", 2 * INTERVAL, id="unknown profile"),
        pytest.param(error("RateLimitExceeded", status=429, **limits(0, 7200)),
                     SourceState.RATE_LIMITED, "429", 2 * HOUR, id="429"),
        pytest.param(error("AuthMissing", status=401), SourceState.BLOCKED, "", 6 * HOUR, id="401"),
        pytest.param(answer("<html>", status=403), SourceState.BLOCKED, "403", 6 * HOUR, id="403"),
        pytest.param(answer("<html>Down"), SourceState.BLOCKED, "JSON", 6 * HOUR, id="html"),
        pytest.param(answer({}), SourceState.BACKING_OFF, "list", INTERVAL, id="no list"),
        pytest.param(answer("[" * 10_000), SourceState.BACKING_OFF, "JSON", INTERVAL, id="deep"),
        pytest.param(error("UpstreamFailure", status=502), SourceState.BACKING_OFF, "502",
                     2 * INTERVAL, id="502"),
    ],
)  # fmt: skip
def test_what_a_refusal_means(
    reply: Answer, state: SourceState, word: str, wait: timedelta
) -> None:
    poll, _ = visit(AUTHOR, {FEED: reply})
    assert (poll.outcome, poll.state, poll.cursor_after) == (
        Outcome.FAILED, state, AUTHOR.cursor,
    )  # fmt: skip
    assert word in (poll.reason or "")
    assert poll.wait >= wait


def test_a_used_up_limit_ends_the_visit_until_its_reset() -> None:
    first, _ = visit(AUTHOR, {FEED: feed([view(1, 900)])})
    poll, http = visit(after(first, AUTHOR), {FEED: feed([view(9, 10)], "c2", **limits(0, 1200))})
    assert len(http.requests) == 1
    assert poll.quota is not None
    assert poll.quota.reset_at == NOW + timedelta(seconds=1200)
    assert (rkeys(poll), poll.wait) == ([9], timedelta(seconds=1200))


def test_a_search_signs_in_once_and_asks_the_users_own_server() -> None:
    collector = BlueskyCollector()
    replies = {CREATE: session(), SEARCH: found([view(2, 5), view(1, 50)])}
    first, http = visit(SEARCHING, replies, collector)
    assert rkeys(first) == [1, 2]
    assert json.loads(http.requests[0].body) == {"identifier": "me.example", "password": "p4ssword"}
    assert http.requests[1].headers["Authorization"] == "Bearer access-1"
    assert http.requests[1].query == {
        "q": "云雀 汽车", "sort": "latest", "limit": "100", "lang": "zh",
    }  # fmt: skip
    second, http = visit(after(first, SEARCHING), replies, collector)
    assert [url.partition("?")[0] for url in http.asked] == [SEARCH]
    assert second.outcome is Outcome.UNCHANGED


def test_nobody_is_told_the_password_or_a_token() -> None:
    collector = BlueskyCollector()
    poll, http = visit(SEARCHING, {CREATE: session(), SEARCH: error("X", status=500)}, collector)
    told = repr(poll) + "".join(http.asked) + repr(vars(collector)) + repr(SEARCHING)
    assert not [one for one in ("p4ssword", "access-1", "refresh-1") if one in told]


def test_a_query_is_asked_at_most_every_five_minutes() -> None:
    often = replace(SEARCHING, interval=timedelta(seconds=30))
    poll, _ = visit(often, {CREATE: session(), SEARCH: found([view(1)])})
    assert poll.wait == timedelta(minutes=5)


def test_a_session_that_ran_out_is_refreshed_and_the_page_asked_again() -> None:
    collector = BlueskyCollector()
    visit(SEARCHING, {CREATE: session(), SEARCH: found([])}, collector)
    ran_out = error("ExpiredToken", "Token has expired")
    replies = {REFRESH: session("access-2", "refresh-2"), SEARCH: [ran_out, found([view(1)])]}
    poll, http = visit(SEARCHING, replies, collector)
    assert rkeys(poll) == [1]
    assert [request.headers["Authorization"] for request in http.requests] == [
        "Bearer access-1", "Bearer refresh-1", "Bearer access-2",
    ]  # fmt: skip


def test_a_refresh_token_that_ran_out_too_signs_in_anew() -> None:
    collector = BlueskyCollector()
    visit(SEARCHING, {CREATE: session(), SEARCH: found([])}, collector)
    ran_out = error("ExpiredToken", status=400)
    replies = {
        REFRESH: error("ExpiredToken"), CREATE: session("access-3"),
        SEARCH: [ran_out, found([view(1)])],
    }  # fmt: skip
    poll, http = visit(SEARCHING, replies, collector)
    assert rkeys(poll) == [1]
    assert http.requests[-1].headers["Authorization"] == "Bearer access-3"


def test_a_session_that_is_refused_at_once_is_not_made_for_ever() -> None:
    replies = {CREATE: session(), REFRESH: session(), SEARCH: error("ExpiredToken")}
    poll, http = visit(SEARCHING, replies)
    assert (poll.state, len(http.requests)) == (SourceState.BLOCKED, 4)


def test_a_changed_password_makes_a_new_session() -> None:
    collector = BlueskyCollector()
    replies = {CREATE: session(), SEARCH: found([])}
    visit(SEARCHING, replies, collector)
    changed = replace(SEARCHING, secrets={"app_password": "other"})
    _, http = visit(changed, replies, collector)
    assert json.loads(http.requests[0].body)["password"] == "other"


@pytest.mark.parametrize(
    ("reply", "state", "word"),
    [
        pytest.param(error("AuthenticationRequired", "Invalid identifier or password", 401),
                     SourceState.BLOCKED, "app password", id="wrong password"),
        pytest.param(answer({}), SourceState.BACKING_OFF, "session", id="no tokens"),
        pytest.param(session("a\nb"), SourceState.BACKING_OFF, "session", id="no header value"),
        pytest.param(error("RateLimitExceeded", status=429), SourceState.RATE_LIMITED, "429", id="429"),
        pytest.param(CollectError("timeout"), SourceState.BACKING_OFF, "timeout", id="no answer"),
        pytest.param(answer("<html>"), SourceState.BLOCKED, "JSON", id="html"),
    ],
)  # fmt: skip
def test_a_service_that_does_not_let_us_in(
    reply: Answer | CollectError, state: SourceState, word: str
) -> None:
    poll, http = visit(SEARCHING, {CREATE: reply})
    assert (poll.outcome, poll.state, len(http.requests)) == (Outcome.FAILED, state, 1)
    assert word in (poll.reason or "")


@pytest.mark.parametrize("pds", ["http://pds.example", "javascript:x", ""], ids=str)
def test_tokens_go_to_no_server_without_tls(pds: str) -> None:
    url = f"{SERVICE}/xrpc/app.bsky.feed.searchPosts"
    poll, _ = visit(SEARCHING, {CREATE: session(pds=pds), url: found([view(1)])})
    assert rkeys(poll) == [1]


def test_a_search_without_a_password_is_blocked_with_the_remedy() -> None:
    poll, http = visit(replace(SEARCHING, secrets={}), {})
    assert (poll.state, http.requests) == (SourceState.BLOCKED, [])
    assert "app_password" in (poll.reason or "")


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"mode": "author"},
        {"mode": "author", "actor": " @ "},
        {"mode": "search", "query": "x"},
        {"mode": "search", "identifier": "x"},
        {"mode": "stream", "jetstream": "https://x.example"},
        {"mode": "stream", "keywords": [""]},
        {"mode": "stream", "service": "ftp://x"},
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        BlueskyOptions.model_validate(options)


def look(replies: Replies, *identities: str) -> Look:
    seen = [Sight(external_id=one, url=None, kind=PostKind.POST) for one in identities]
    return asyncio.run(BlueskyCollector().look_again(AUTHOR, seen, http=Recorded(replies), now=NOW))


POSTS = f"{BASE}/xrpc/app.bsky.feed.getPosts"
THREAD = f"{BASE}/xrpc/app.bsky.feed.getPostThread"


def test_looking_again_finds_metrics_and_what_is_missing_beside_others() -> None:
    changed = view(1, likeCount=900)
    hidden = view(3, author=author("x.example", "!no-unauthenticated"))
    seen = look({POSTS: found([changed, hidden])}, uri(1), uri(2), uri(3), "at://x/repost/1")
    assert [(post.external_id, post.metrics["likes"]) for post in seen.posts] == [(uri(1), 900)]
    # The hidden one is neither shown nor gone, the repost cannot be asked for.
    assert seen.deleted == (uri(2),)


@pytest.mark.parametrize(
    ("thread", "deleted"),
    [
        pytest.param(error("NotFound", "Post not found"), (uri(1),), id="not found"),
        pytest.param(answer({"thread": {"notFound": True}}), (uri(1),), id="not found, told in the thread"),
        pytest.param(answer({"thread": {"post": view(1)}}), (), id="still there"),
        pytest.param(error("InvalidRequest"), (), id="another error"),
    ],
)  # fmt: skip
def test_an_empty_answer_alone_deletes_nothing(thread: Answer, deleted: tuple[str, ...]) -> None:
    assert look({POSTS: found([]), THREAD: thread}, uri(1)).deleted == deleted


@pytest.mark.parametrize(
    "reply", [answer(status=503), CollectError("no"), answer("<html>")], ids=["503", "none", "html"]
)
def test_a_service_that_cannot_be_asked_is_an_error(reply: Answer | CollectError) -> None:
    with pytest.raises(CollectError):
        look({POSTS: reply}, uri(1))


def test_reposts_alone_are_not_asked_for() -> None:
    assert look({}, f"{uri(1)}#did:plc:x") == Look()


def test_a_time_ahead_does_not_hide_what_comes_until_then() -> None:
    liar = view(1, -600)
    first, _ = visit(AUTHOR, {FEED: feed([liar])})
    assert first.posts[0].published_at is None
    later = [view(2, -6), liar]
    http = Recorded({FEED: feed(later)})
    poll = asyncio.run(
        BlueskyCollector().collect(
            after(first, AUTHOR), slot=NOW, http=http, now=NOW + timedelta(minutes=9)
        )
    )
    assert rkeys(poll) == [2]
    assert poll.posts[0].published_at == datetime(2026, 8, 1, 14, 6, tzinfo=UTC)
