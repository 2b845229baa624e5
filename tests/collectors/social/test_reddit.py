"""Reddit: signing in, listings read to what is known, removals, the user's own feed token."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Sequence
from datetime import timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, Source, SourceState
from collectors.social.reddit import RedditCollector, RedditOptions
from tests.collectors.social.synthetic_reddit import (
    API,
    FEED_TOKEN,
    NEW,
    POST_TOKEN,
    SECRET,
    TOKEN,
    comment,
    link,
    listing,
    reddit,
    seen,
)
from tests.collectors.social.visits import (
    HOUR,
    NOW,
    REFUSALS,
    REFUSED,
    Answer,
    Recorded,
    after,
    ago,
    answer,
    ids,
    look,
    visit,
)


def test_the_application_signs_in_and_each_request_carries_the_token() -> None:
    http = Recorded({POST_TOKEN: TOKEN, NEW: listing(link(5))})
    asyncio.run(RedditCollector().collect(reddit(), slot=NOW, http=http, now=NOW))
    signing, asked = http.requests
    basic = base64.b64encode(f"app-id:{SECRET}".encode()).decode()
    assert signing.headers["Authorization"] == f"Basic {basic}"
    assert signing.body == b"grant_type=client_credentials"
    assert asked.headers["Authorization"] == "Bearer tok"
    assert asked.headers["User-Agent"] == RedditOptions(subreddits=("cars",)).user_agent
    assert (asked.query["raw_json"], asked.query["limit"]) == ("1", "100")


def visits(collector: RedditCollector, http: Recorded, of: Source, *moments: timedelta) -> None:
    for moment in moments:
        asyncio.run(collector.collect(of, slot=NOW, http=http, now=NOW + moment))


def tokens_asked(http: Recorded) -> int:
    return sum(one.method == "POST" for one in http.requests)


def test_the_token_serves_until_shortly_before_it_expires() -> None:
    http = Recorded({POST_TOKEN: TOKEN, NEW: listing()})
    visits(RedditCollector(), http, reddit(), 0 * HOUR, HOUR, 23 * HOUR)
    assert tokens_asked(http) == 1
    visits(RedditCollector(), http, reddit(), 0 * HOUR, timedelta(seconds=86_390))
    assert tokens_asked(http) == 3


def test_another_secret_is_another_token() -> None:
    http, collector = Recorded({POST_TOKEN: TOKEN, NEW: listing()}), RedditCollector()
    visits(collector, http, reddit(), HOUR)
    visits(collector, http, reddit({"client_secret": "other"}), HOUR)
    assert tokens_asked(http) == 2


def test_a_refused_token_is_renewed_once() -> None:
    refused = answer({"message": "Unauthorized", "error": 401}, status=401)
    http = Recorded({POST_TOKEN: TOKEN, NEW: [refused, listing(link(5))]})
    poll = asyncio.run(RedditCollector().collect(reddit(), slot=NOW, http=http, now=NOW))
    assert (ids(poll), tokens_asked(http)) == (["t3_5"], 2)
    http = Recorded({POST_TOKEN: TOKEN, NEW: refused})
    poll = asyncio.run(RedditCollector().collect(reddit(), slot=NOW, http=http, now=NOW))
    assert (poll.state, tokens_asked(http)) == (SourceState.BLOCKED, 2)


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (answer({"error": 401}, status=401), SourceState.BLOCKED),
        (answer({"error": "unsupported_grant_type"}), SourceState.BLOCKED),
        (answer({"access_token": "a\r\nX: y"}), SourceState.BLOCKED),
        (answer({}, status=429), SourceState.RATE_LIMITED),
        (answer({}, status=500), SourceState.BACKING_OFF),
        (CollectError("超时"), SourceState.BACKING_OFF),
    ],
    ids=["wrong secret", "an error in a 200", "a header in it", "429", "500", "no answer"],
)
def test_without_a_token_nothing_is_asked(reply: Answer, state: SourceState) -> None:
    poll, http = visit(RedditCollector(), reddit(), {POST_TOKEN: reply})
    assert (poll.outcome, poll.state, len(http.asked)) == (Outcome.FAILED, state, 1)
    assert SECRET not in repr(poll)


def test_without_credentials_the_reason_names_them() -> None:
    poll, http = visit(RedditCollector(), reddit({}), {})
    assert (poll.state, http.asked) == (SourceState.BLOCKED, [])
    assert "client_secret" in (poll.reason or "")


def test_links_and_comments_of_one_listing_become_posts_and_more_is_left_out() -> None:
    more = {"kind": "more", "data": {"count": 9, "children": ["a"]}}
    user = {"kind": "t2", "data": {"name": "t2_1"}}
    poll, _ = seen(reddit(), listing(link(5, edited=float(ago(minutes=5))), more, user, comment(7)))
    post, answered = poll.posts
    assert (post.external_id, post.kind, post.title, post.text) == (
        "t3_5", PostKind.POST, "Skylark EV", "on *fire*",
    )  # fmt: skip
    assert (post.url, post.metrics) == (
        "https://www.reddit.com/r/cars/comments/5/skylark/", {"score": 7, "replies": 2},
    )  # fmt: skip
    assert (post.published_at, post.edited_at) == (NOW - HOUR, NOW - timedelta(minutes=5))
    assert (post.tags, post.author.handle) == (("cars", "News"), "lin")
    assert (answered.kind, answered.title, answered.edited_at) == (PostKind.COMMENT, None, None)
    assert (answered.parent_id, answered.root_id, answered.metrics) == (
        "t1_4",
        "t3_5",
        {"score": 3},
    )


def test_replies_inside_of_a_comment_come_too() -> None:
    below = {"kind": "Listing", "data": {"children": [comment(8), {"kind": "more", "data": {}}]}}
    poll, _ = seen(reddit(), listing(comment(7, replies=below)))
    assert ids(poll) == ["t1_7", "t1_8"]


@pytest.mark.parametrize(
    ("thing", "name"),
    [
        (link(5, selftext="[removed]"), "t3_5"),
        (link(5, selftext="[deleted]", author="[deleted]"), "t3_5"),
        (link(5, removed_by_category="moderator"), "t3_5"),
        (comment(7, body="[deleted]", author="[deleted]"), "t1_7"),
        (comment(7, body="[removed]"), "t1_7"),
    ],
    ids=["removed", "deleted", "by a moderator", "deleted comment", "removed comment"],
)
def test_what_was_taken_away_is_told_as_gone(thing: object, name: str) -> None:
    poll, _ = seen(reddit(), listing(thing, link(6)))
    assert (ids(poll), poll.deleted) == (["t3_6"], (name,))


def test_a_closed_account_takes_only_the_name_with_it() -> None:
    poll, _ = seen(reddit(), listing(link(5, author="[deleted]")))
    assert (poll.posts[0].text, poll.posts[0].author.name, poll.deleted) == ("on *fire*", None, ())


def test_a_hidden_score_is_unknown() -> None:
    poll, _ = seen(reddit(), listing(link(5, hide_score=True), comment(7, score_hidden=True)))
    assert [post.metrics for post in poll.posts] == [{"replies": 2}, {}]


def test_listings_are_read_by_after_down_to_what_is_known() -> None:
    of = after(seen(reddit(), listing(link(1, 9)))[0], reddit())
    pages = (
        listing(link(5, 1), link(4, 2), following="t3_4"),
        listing(link(3, 3), link(1, 9), link(0, 10), following="t3_0"),
    )
    poll, http = seen(of, *pages)
    assert ids(poll) == ["t3_5", "t3_4", "t3_3", "t3_1"], "the newest of last time comes once more"
    assert [one.query.get("after") for one in http.requests[1:]] == [None, "t3_4"]


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = after(seen(reddit(), listing(link(1, 9)))[0], reddit())
    poll, _ = seen(of, listing(link(5, 1), following="t3_5"), answer({}, status=503))
    assert (ids(poll), poll.state) == (["t3_5"], SourceState.BACKING_OFF)
    poll, http = seen(after(poll, of), listing(link(4, 2)), listing(link(5, 1)))
    assert ids(poll) == ["t3_4", "t3_5"]
    assert http.requests[1].query["after"] == "t3_5"


def test_rate_headers_in_seconds_to_go_with_float_text() -> None:
    spent = {"x_ratelimit_used": "600", "x_ratelimit_remaining": "0.0", "x_ratelimit_reset": "900"}
    poll, http = seen(reddit(), listing(link(5), following="t3_5", **spent))
    assert len(http.asked) == 2, "the second page is not asked for"
    assert (poll.state, poll.wait) == (SourceState.RATE_LIMITED, timedelta(seconds=900))
    assert poll.quota is not None
    assert (poll.quota.limit, poll.quota.reset_at) == (600, NOW + timedelta(seconds=900))


@pytest.mark.parametrize(
    ("options", "paths"),
    [
        ({}, ["/r/cars/new"]),
        (
            {"subreddits": ["cars", "ev"], "comments": True},
            ["/r/cars+ev/new", "/r/cars+ev/comments"],
        ),
        ({"query": "skylark"}, ["/r/cars/search"]),
        ({"subreddits": [], "query": "skylark"}, ["/search"]),
    ],
    ids=["a subreddit", "two, with comments", "a search in one", "a search everywhere"],
)
def test_what_is_asked(options: dict[str, object], paths: Sequence[str]) -> None:
    replies = {POST_TOKEN: TOKEN, **{f"{API}{path}": listing() for path in paths}}
    _, http = visit(RedditCollector(), reddit(**options), replies)
    assert [one.url.partition("?")[0] for one in http.requests[1:]] == [
        API + path for path in paths
    ]


@pytest.mark.parametrize(("refused", "state"), REFUSALS, ids=REFUSED)
def test_a_refusal_moves_nothing(refused: Answer | CollectError, state: SourceState) -> None:
    poll, _ = seen(reddit(), refused)
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, reddit().cursor)


@pytest.mark.parametrize(
    "body",
    [[], {"data": 7}, {"data": {"children": {}}}, {"data": {"children": [{"kind": "t3"}]}}, 3],
)
def test_nonsense_is_an_empty_listing(body: object) -> None:
    poll, _ = seen(reddit(), answer(body))
    assert (poll.posts, poll.state) == ((), SourceState.OK)


def test_looking_again_asks_for_all_at_once() -> None:
    info = listing(link(5, score=99), comment(7, body="[deleted]"))
    found = look(
        RedditCollector(), reddit(), ["t3_5", "t1_7", "t3_8", "odd"],
        {POST_TOKEN: TOKEN, f"{API}/api/info?id=t3_5,t1_7,t3_8&raw_json=1": info},
    )  # fmt: skip
    assert [post.metrics["score"] for post in found.posts] == [99]
    assert found.deleted == ("t1_7",), "what Reddit does not answer is unknown"
    with pytest.raises(CollectError):
        look(RedditCollector(), reddit(), ["t3_5"], {POST_TOKEN: answer({}, status=500)})


ATOM = """<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom">
<entry><author><name>/u/lin</name><uri>https://www.reddit.com/user/lin</uri></author><id>{id}</id>
<content type="html">&lt;table&gt;&lt;tr&gt;&lt;td&gt;on fire&lt;/td&gt;&lt;/tr&gt;&lt;/table&gt; submitted by
&lt;a href="https://www.reddit.com/user/lin"&gt;/u/lin&lt;/a&gt; &lt;span&gt;&lt;a href="x"&gt;[link]&lt;/a&gt;&lt;/span&gt;
&lt;span&gt;&lt;a href="y"&gt;[comments]&lt;/a&gt;&lt;/span&gt;</content>
<link href="https://www.reddit.com/r/cars/comments/5/"/><updated>2026-03-10T04:08:00+00:00</updated>
<published>2026-03-10T04:08:00+00:00</published><title>Skylark EV</title></entry></feed>"""
FEED = "https://www.reddit.com/r/cars/new/.rss"
COMMENTS_FEED = "https://www.reddit.com/r/cars/comments/.rss"


def by_feed(**options: object) -> Source:
    return reddit({"feed_token": FEED_TOKEN}, user="watcher", client_id=None, **options)


def test_the_users_feeds_need_no_application() -> None:
    replies = {FEED: answer(ATOM.format(id="t3_5")), COMMENTS_FEED: answer(ATOM.format(id="t1_7"))}
    poll, http = visit(RedditCollector(), by_feed(comments=True), replies)
    post, answered = poll.posts
    assert (post.external_id, post.kind, post.title) == ("t3_5", PostKind.POST, "Skylark EV")
    assert (post.text, post.published_at, post.metrics) == ("on fire", NOW - HOUR, {})
    assert (answered.external_id, answered.kind, answered.title) == ("t1_7", PostKind.COMMENT, None)
    assert [(one.query["feed"], one.query["user"]) for one in http.requests] == 2 * [
        (FEED_TOKEN, "watcher")
    ]
    assert FEED_TOKEN not in repr(poll)


@pytest.mark.parametrize(
    "reply",
    [
        CollectError(f"timeout {FEED}?feed={FEED_TOKEN}"),
        answer({}, status=403),
        answer("<html></html>"),
        answer({}, status=429, x_ratelimit_remaining="0", x_ratelimit_reset="50"),
    ],
    ids=["no answer", "403", "a page", "429"],
)
def test_the_feed_token_is_in_no_reason(reply: Answer) -> None:
    poll, _ = visit(RedditCollector(), by_feed(), {FEED: reply})
    assert poll.outcome is Outcome.FAILED
    assert poll.reason
    assert FEED_TOKEN not in repr(poll)


def test_trouble_with_the_second_feed_keeps_the_first() -> None:
    replies = {FEED: answer(ATOM.format(id="t3_5")), COMMENTS_FEED: answer({}, status=429)}
    poll, _ = visit(RedditCollector(), by_feed(comments=True), replies)
    assert (ids(poll), poll.state) == (["t3_5"], SourceState.RATE_LIMITED)


@pytest.mark.parametrize(
    "options",
    [{}, {"comments": True, "query": "x"}, {"subreddits": ["a/b"]},
     {"subreddits": ["cars"], "user_agent": "a\r\nb: c"}],
    ids=["nothing named", "comments of the whole site", "no name", "a header in it"],
)  # fmt: skip
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        RedditOptions.model_validate(options)
