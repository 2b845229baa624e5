"""Lemmy: views become posts, lists are read by cursor or number, removal is told, old and new answers."""

from __future__ import annotations

from datetime import timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, Source, SourceState
from collectors.social.lemmy import LemmyCollector, LemmyOptions
from tests.collectors.social.visits import (
    HOUR,
    INTERVAL,
    NOW,
    REFUSALS,
    REFUSED,
    Answer,
    after,
    answer,
    ids,
    look,
    source,
    visit,
)

BASE = "https://lemmy.example"
POSTS = f"{BASE}/api/v3/post/list"
COMMENTS = f"{BASE}/api/v3/comment/list"
LEMMY = LemmyCollector()


def at(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S.123456Z")


def post(number: int, hours: float = 1, **more: object) -> dict[str, object]:
    made = {
        "id": number, "name": f"北岭咖啡 {number}", "body": "**拉肚子**", "published": at(hours),
        "ap_id": f"https://other.example/post/{number}", "removed": False, "deleted": False,
        "language_id": 0, "featured_community": False, "featured_local": False,
    }  # fmt: skip
    return {
        "post": {**made, **more},
        "creator": {"name": "lin", "display_name": "林", "actor_id": "https://other.example/u/lin"},
        "community": {"id": 1, "name": "coffee"},
        "counts": {"comments": 4, "score": -2, "upvotes": 1, "downvotes": 3},
    }


def comment(number: int, path: str, hours: float = 1, **more: object) -> dict[str, object]:
    view = post(9)
    made = {"id": number, "content": "我也是", "path": path, "published": at(hours), "removed": False,
            "deleted": False, "ap_id": f"{BASE}/comment/{number}"}  # fmt: skip
    counts = {"score": 1, "upvotes": 1, "downvotes": 0, "child_count": 0}
    return {**view, "comment": {**made, **more}, "counts": counts}


def posts(*views: dict[str, object], following: str | None = None) -> Answer:
    return answer({"posts": list(views), "next_page": following})


def lemmy(**options: object) -> Source:
    return source("lemmy", BASE, options)


def test_a_view_becomes_a_post_under_the_instances_number_with_its_address_at_home() -> None:
    poll, _ = visit(LEMMY, lemmy(), {POSTS: [posts(post(5, updated=at(0.5))), posts()]})
    (found,) = poll.posts
    assert (found.external_id, found.kind) == ("post-5", PostKind.POST)
    assert (found.title, found.text) == ("北岭咖啡 5", "**拉肚子**")
    assert found.url == "https://other.example/post/5"
    assert found.published_at == NOW - HOUR + timedelta(microseconds=123456)
    assert found.edited_at is not None
    assert found.edited_at > found.published_at
    assert (found.author.name, found.author.handle) == ("林", "lin")
    assert found.metrics == {"score": -2, "replies": 4, "likes": 1, "dislikes": 3}
    assert found.tags == ("coffee",)


def test_a_time_without_a_zone_is_utc_whatever_the_sources_zone() -> None:
    old = posts(post(5, published="2026-03-10T04:08:00.123456"))
    poll, _ = visit(LEMMY, lemmy(timezone="Asia/Shanghai"), {POSTS: [old, posts()]})
    assert poll.posts[0].published_at == NOW - HOUR + timedelta(microseconds=123456)


@pytest.mark.parametrize(
    ("path", "parent"),
    [("0.7", "post-9"), ("0.3.7", "comment-3"), ("0.1.3.7", "comment-3"), ("x", "post-9")],
    ids=["to the post", "to a comment", "deep", "nonsense"],
)
def test_a_comment_knows_what_it_answers(path: str, parent: str) -> None:
    replies = {POSTS: posts(), COMMENTS: [answer({"comments": [comment(7, path)]}), answer({})]}
    poll, _ = visit(LEMMY, lemmy(comments=True), replies)
    (found,) = poll.posts
    assert (found.external_id, found.kind, found.title) == ("comment-7", PostKind.COMMENT, None)
    assert (found.parent_id, found.root_id, found.text) == (parent, "post-9", "我也是")


@pytest.mark.parametrize("mark", [{"removed": True}, {"deleted": True}], ids=["removed", "deleted"])
def test_what_was_taken_away_is_told_as_gone(mark: dict[str, object]) -> None:
    replies = {
        POSTS: [posts(post(5, **mark), post(6)), posts()],
        COMMENTS: [answer({"comments": [comment(7, "0.7", **mark)]}), answer({})],
    }
    poll, _ = visit(LEMMY, lemmy(comments=True), replies)
    assert (ids(poll), poll.deleted) == (["post-6"], ("post-5", "comment-7"))


@pytest.mark.parametrize(
    ("options", "asked"),
    [
        ({}, {"type_": "All", "sort": "New", "limit": "50"}),
        ({"type_": "Local", "community": "coffee@other.example"},
         {"type_": "Local", "community_name": "coffee@other.example"}),
    ],
    ids=["everything", "a community"],
)  # fmt: skip
def test_what_is_asked(options: dict[str, object], asked: dict[str, str]) -> None:
    _, http = visit(LEMMY, lemmy(**options), {POSTS: posts()})
    assert asked.items() <= http.requests[0].query.items()


def test_a_search_asks_for_posts_and_comments_by_page_number() -> None:
    replies = {
        f"{BASE}/api/v3/search": [
            answer({"posts": [post(5)], "comments": []}), answer({"posts": []}),
            answer({"comments": [comment(7, "0.7")]}), answer({"comments": []}),
        ]
    }  # fmt: skip
    poll, http = visit(LEMMY, lemmy(query="北岭", comments=True), replies)
    assert ids(poll) == ["post-5", "comment-7"]
    asked = [(one.query["type_"], one.query.get("page")) for one in http.requests]
    assert asked == [("Posts", None), ("Posts", "2"), ("Comments", None), ("Comments", "2")]
    assert {one.query["q"] for one in http.requests} == {"北岭"}


def test_pages_are_read_by_cursor_down_to_what_is_known() -> None:
    of = after(visit(LEMMY, lemmy(), {POSTS: [posts(post(1, 9)), posts()]})[0], lemmy())
    replies = {
        POSTS: [posts(post(4, 1), post(3, 2), following="P2"), posts(post(2, 3), post(1, 9.9), following="P3")]
    }  # fmt: skip
    poll, http = visit(LEMMY, of, replies)
    assert ids(poll) == ["post-4", "post-3", "post-2"]
    assert [one.query.get("page_cursor") for one in http.requests] == [None, "P2"]


def test_a_post_pinned_to_the_top_does_not_end_the_reading() -> None:
    of = after(visit(LEMMY, lemmy(), {POSTS: [posts(post(1, 9)), posts()]})[0], lemmy())
    pinned = post(99, 900, featured_local=True)
    replies = {POSTS: [posts(pinned, following="P2"), posts(post(3, 1), post(2, 3)), posts()]}
    poll, http = visit(LEMMY, of, replies)
    assert (ids(poll), len(http.asked)) == (["post-3", "post-2"], 2)


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = after(visit(LEMMY, lemmy(), {POSTS: [posts(post(1, 9)), posts()]})[0], lemmy())
    first = posts(post(4, 1), post(3, 2), following="P2")
    poll, _ = visit(LEMMY, of, {POSTS: [first, answer({}, status=502)]})
    assert (ids(poll), poll.state) == (["post-4", "post-3"], SourceState.BACKING_OFF)
    poll, http = visit(LEMMY, after(poll, of), {POSTS: [posts(post(2, 3), post(1, 9.9)), posts()]})
    assert ids(poll) == ["post-2"]
    assert http.requests[0].query["page_cursor"] == "P2"


@pytest.mark.parametrize("status", [400, 429])
def test_the_instances_own_word_for_too_often_is_a_rate_limit(status: int) -> None:
    poll, _ = visit(LEMMY, lemmy(), {POSTS: answer({"error": "rate_limit_error"}, status=status)})
    assert (poll.state, poll.wait) == (SourceState.RATE_LIMITED, 2 * INTERVAL)


@pytest.mark.parametrize(("refused", "state"), REFUSALS, ids=REFUSED)
def test_a_refusal_moves_nothing(refused: Answer | CollectError, state: SourceState) -> None:
    of = after(visit(LEMMY, lemmy(), {POSTS: [posts(post(1)), posts()]})[0], lemmy())
    poll, _ = visit(LEMMY, of, {POSTS: refused})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, of.cursor)


@pytest.mark.parametrize(
    "views",
    [None, {}, [None, 3, []], [{"post": None}], [{"post": {"id": {}}}], [{"post": {"id": True}}]],
)
def test_nonsense_is_no_post(views: object) -> None:
    poll, _ = visit(LEMMY, lemmy(), {POSTS: [answer({"posts": views}), posts()]})
    assert (poll.posts, poll.state) == ((), SourceState.OK)


def test_looking_again_tells_counts_and_what_is_gone() -> None:
    found = look(LEMMY, lemmy(), ["post-5", "post-6", "comment-7", "comment-8", "x"], {
        f"{BASE}/api/v3/post?id=5": answer({"post_view": post(5)}),
        f"{BASE}/api/v3/post?id=6": answer({"post_view": post(6, deleted=True)}),
        f"{BASE}/api/v3/comment?id=7": answer({"comment_view": comment(7, "0.7")}),
        f"{BASE}/api/v3/comment?id=8": answer({"error": "couldnt_find_comment"}, status=404),
    })  # fmt: skip
    assert [one.external_id for one in found.posts] == ["post-5", "comment-7"]
    assert found.deleted == ("post-6", "comment-8")


def test_a_404_that_says_nothing_of_the_post_is_no_deletion() -> None:
    with pytest.raises(CollectError):
        look(LEMMY, lemmy(), ["post-5"], {f"{BASE}/api/v3/post?id=5": answer(b"", status=404)})


@pytest.mark.parametrize("options", [{"community": "a b"}, {"type_": "Mine"}, {"query": ""}])
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        LemmyOptions.model_validate(options)
