"""Reddit's recorded answers: listings read whole, refusals, a tree of comments, a stream of two pages."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.model import PostKind, SourceState
from collectors.social.reddit import RedditCollector
from collectors.social.reddit_things import post_of, things
from tests.collectors.recorded import cassette
from tests.collectors.social.synthetic_reddit import (
    API,
    NEW,
    POST_TOKEN,
    listing,
    reddit,
    seen,
)
from tests.collectors.social.visits import HOUR, NOW, Answer, after, answer, ids, visit

CASSETTES = Path("corpora/reddit/tests/integration/cassettes")
LISTINGS = {
    "TestFront.test_new": ("/new", 100, 222),
    "TestSubredditListings.test_new": ("/r/askreddit/new", 100, 590),
    "TestSubredditListings.test_hot": ("/r/askreddit/hot", 100, 591),
    "TestSubredditListings.test_top": ("/r/askreddit/top", 100, 587),
    "TestSubredditListings.test_comments": ("/r/askreddit/comments/", 100, 594),
    "TestRedditorListings.test_overview__new": ("/user/spez/overview", 100, 997),
    "TestRedditorListings.test_saved": ("/user/<USERNAME>/saved", 1, 528),
    "TestSubredditStreams.test_submissions": ("/r/all/new", 100, 347),
    "TestSubreddits.test_search": ("/subreddits/search/", 0, 213),
}


@pytest.mark.parametrize("name", LISTINGS)
def test_recorded_listings_read_whole(shared_data: Path, name: str) -> None:
    path, count, remaining = LISTINGS[name]
    replies = cassette(shared_data / CASSETTES / f"{name}.json")
    recorded = next(found for key, found in replies.items() if key.startswith(f"GET {API}{path}?"))
    headers = {
        name: text for name, text in recorded[0].headers.items() if name.startswith("x-rate")
    }
    token = answer({"access_token": "t", "expires_in": 3600})
    page = Answer(recorded[0].status, headers, recorded[0].body)
    end = listing()
    replies = {POST_TOKEN: token, NEW: [page, end]}
    poll, _ = visit(RedditCollector(), reddit(newest=500), replies, now=NOW + timedelta(days=365))
    assert (poll.state, len(poll.posts) + len(poll.deleted)) == (SourceState.OK, count)
    assert all(post.published_at and post.url and (post.text or post.title) for post in poll.posts)
    assert poll.quota is None or poll.quota.remaining == remaining
    kinds = {one["kind"] for one in json.loads(recorded[0].body)["data"]["children"]} & {"t1", "t3"}
    assert len({post.kind for post in poll.posts}) == len(kinds)


@pytest.mark.parametrize("name", ["test_saved__in_read_only_mode", "test_saved__other_user"])
def test_a_recorded_403_blocks(shared_data: Path, name: str) -> None:
    replies = cassette(shared_data / CASSETTES / f"TestRedditorListings.{name}.json")
    refused = next(found[0] for key, found in replies.items() if "/saved?" in key)
    poll, _ = seen(reddit(), refused)
    assert (poll.state, poll.wait) == (SourceState.BLOCKED, 6 * HOUR)


def test_a_recorded_tree_of_comments_reads_to_its_depth(shared_data: Path) -> None:
    replies = cassette(shared_data / CASSETTES / "TestSubmission.test_comments.json")
    body = next(found[0].body for key, found in replies.items() if "/comments/" in key)
    head, tree = json.loads(body)
    posts = [post_of(thing, 1, NOW) for thing in (*things(head), *things(tree))]
    assert [post.kind for post in posts if post][:2] == [PostKind.POST, PostKind.COMMENT]
    known = {post.external_id for post in posts if post}
    assert {post.parent_id for post in posts if post and post.parent_id} <= known


def test_a_recorded_stream_of_two_pages_continues_without_doubles(shared_data: Path) -> None:
    replies = cassette(shared_data / CASSETTES / "TestSubredditStreams.test_submissions.json")
    later = next(found[0] for key, found in replies.items() if "before=" in key)
    first = next(found[0] for key, found in replies.items() if "r/all/new?limit" in key)
    of = reddit(newest=500)
    poll, _ = seen(of, first, listing())
    assert poll.quota is not None
    assert (poll.quota.remaining, poll.quota.limit) == (347, 600)
    again, _ = seen(after(poll, of), later, listing())
    assert len(set(ids(poll)) | set(ids(again))) == len(ids(poll)) + len(again.posts)
