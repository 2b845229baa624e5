"""Hacker News: hits become posts, a search is read to its end by time, items are looked at again."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from collectors.base import LooksAgain
from collectors.model import CollectError, Outcome, Post, PostKind, Source, SourceState
from collectors.social.hackernews import HackerNewsCollector, HackerNewsOptions
from tests.collectors.social.visits import (
    HOUR,
    NOW,
    REFUSALS,
    REFUSED,
    Answer,
    after,
    ago,
    answer,
    ids,
    look,
    source,
    unix,
    visit,
)

SEARCH = "https://hn.algolia.com/api/v1/search_by_date"
ITEM = "https://hacker-news.firebaseio.com/v0/item/"
HN = HackerNewsCollector()


def hit(number: int, at: int, **more: object) -> dict[str, object]:
    story = {
        "objectID": str(number), "created_at_i": at, "author": "larkfan", "title": "云雀汽车 Skylark EV",
        "points": 12, "num_comments": 3, "story_text": None, "comment_text": None,
        "_tags": ["story"],
    }  # fmt: skip
    return {**story, **more}


def hits(*found: dict[str, object], total: int | None = None) -> Answer:
    return answer(json.dumps({"hits": found, "nbHits": len(found) if total is None else total}))


def hn(**options: object) -> Source:
    return source("hackernews", "https://hn.algolia.com", options)


def only(found: dict[str, object]) -> Post:
    return visit(HN, hn(), {SEARCH: hits(found)})[0].posts[0]


def test_a_story_is_a_post_with_its_counts() -> None:
    post = only(hit(5, ago(hours=1), story_text="<p>刹车 &amp; 起火<p>第二段"))
    assert (post.external_id, post.kind, post.published_at) == ("5", PostKind.POST, NOW - HOUR)
    assert (post.title, post.text) == ("云雀汽车 Skylark EV", "刹车 & 起火\n第二段")
    assert post.url == "https://news.ycombinator.com/item?id=5"
    assert post.metrics == {"score": 12, "replies": 3}
    assert (post.author.handle, post.author.followers) == ("larkfan", None)
    assert (post.parent_id, post.root_id) == (None, None)


def test_a_comment_knows_what_it_answers_and_not_the_storys_title() -> None:
    comment = hit(
        9, ago(hours=1), title=None, points=None, num_comments=None, comment_text="<i>no</i> way",
        story_id=5, parent_id=7, story_title="云雀汽车", _tags=["comment"],
    )  # fmt: skip
    post = only(comment)
    assert (post.kind, post.title, post.text) == (PostKind.COMMENT, None, "no way")
    assert (post.parent_id, post.root_id, post.metrics) == ("7", "5", {})


@pytest.mark.parametrize(
    "broken",
    [
        {"_tags": ["pollopt"]}, {"_tags": ["job"]}, {"objectID": None}, {"objectID": {"a": 1}},
        {"objectID": "x" * 900}, {"objectID": "a\nb"},
    ],
    ids=["poll option", "job", "no id", "odd id", "long id", "id with a line break"],
)  # fmt: skip
def test_what_is_no_post_is_left_out_and_its_neighbours_are_kept(broken: dict[str, object]) -> None:
    poll, _ = visit(HN, hn(), {SEARCH: hits(hit(1, ago(hours=1)), hit(2, ago(hours=2)) | broken)})
    assert ids(poll) == ["1"]


@pytest.mark.parametrize(
    "odd",
    [
        {"created_at_i": "x", "created_at": None}, {"created_at_i": 1e300}, {"points": 1e300},
        {"author": 7}, {"title": ["t"]}, {"_tags": None}, {"_tags": [{}]}, {"num_comments": "12"},
        {"title": "a\ud800b\x00c"}, {"created_at_i": unix(NOW + 48 * HOUR)},
    ],
)  # fmt: skip
def test_odd_values_cost_their_field_at_most(odd: dict[str, object]) -> None:
    post = only(hit(1, ago(hours=1)) | odd)
    assert post.external_id == "1"
    json.dumps(post.metrics)
    (post.title or "").encode()


def test_a_clock_that_runs_ahead_does_not_make_us_skip_what_comes() -> None:
    poll, _ = visit(HN, hn(), {SEARCH: hits(hit(1, unix(NOW + 999 * HOUR)))})
    assert json.loads(poll.cursor_after.position or "") == {"": {"mark": unix(NOW)}}
    assert poll.posts[0].published_at is None


@pytest.mark.parametrize(
    ("options", "query"),
    [
        ({}, {"query": "", "tags": "(story,comment)"}),
        ({"queries": ["云雀"]}, {"query": "云雀", "typoTolerance": "false"}),
        ({"queries": ["lark ev"], "phrase": True, "tags": "story"},
         {"query": '"lark ev"', "advancedSyntax": "true", "tags": "story"}),
        ({"page_size": 1000}, {"hitsPerPage": "1000"}),
    ],
    ids=["everything", "a query", "a phrase", "page size"],
)  # fmt: skip
def test_what_is_asked(options: dict[str, object], query: dict[str, str]) -> None:
    _, http = visit(HN, hn(**options), {SEARCH: hits()})
    assert query.items() <= http.requests[0].query.items()
    assert "numericFilters" not in http.requests[0].query


def test_the_next_visit_asks_for_what_came_since_ten_minutes_before_the_newest() -> None:
    of = hn(queries=["云雀"])
    poll, _ = visit(HN, of, {SEARCH: hits(hit(1, ago(hours=1)))})
    _, http = visit(HN, after(poll, of), {SEARCH: hits()})
    assert http.requests[0].query["numericFilters"] == f"created_at_i>{ago(hours=1, minutes=10)}"


def test_beyond_the_searchs_limit_older_hits_are_asked_for_by_time() -> None:
    replies = {
        SEARCH: [
            hits(hit(4, ago(hours=1)), hit(3, ago(hours=2)), total=4),
            hits(hit(3, ago(hours=2)), hit(2, ago(hours=3)), total=3),
            hits(hit(2, ago(hours=3)), hit(1, ago(hours=4))),
        ]
    }
    poll, http = visit(HN, hn(page_size=10), replies)
    assert ids(poll) == ["4", "3", "2", "1"]
    bounds = [one.query.get("numericFilters") for one in http.requests]
    assert bounds == [None, f"created_at_i<={ago(hours=2)}", f"created_at_i<={ago(hours=3)}"]


def test_more_hits_in_one_second_than_a_page_holds_do_not_hold_us_up() -> None:
    same = ago(hours=1)
    full = hits(hit(4, same), hit(3, same), total=9)
    poll, http = visit(HN, hn(), {SEARCH: [full, full, hits(hit(1, same - 1))]})
    assert ids(poll) == ["4", "3", "1"]
    assert http.requests[2].query["numericFilters"] == f"created_at_i<={same - 1}"


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = after(visit(HN, hn(), {SEARCH: hits(hit(1, ago(hours=9)))})[0], hn())
    first = hits(hit(4, ago(hours=1)), hit(3, ago(hours=2)), total=4)
    poll, _ = visit(HN, of, {SEARCH: [first, answer({}, status=500)]})
    assert (ids(poll), poll.outcome, poll.state) == (
        ["4", "3"],
        Outcome.NEW,
        SourceState.BACKING_OFF,
    )
    poll, http = visit(HN, after(poll, of), {SEARCH: [hits(hit(2, ago(hours=3))), hits()]})
    assert ids(poll) == ["2"]
    resumed = f"created_at_i>{ago(hours=9, minutes=10)},created_at_i<={ago(hours=2)}"
    assert http.requests[0].query["numericFilters"] == resumed
    assert json.loads(poll.cursor_after.position or "") == {"": {"mark": ago(hours=1)}}


def test_each_query_is_read_for_itself_and_a_hit_of_two_comes_once() -> None:
    found = {f"{SEARCH}": hits(hit(1, ago(hours=1)))}
    poll, http = visit(HN, hn(queries=["云雀", "lark"]), found)
    assert (ids(poll), len(http.asked)) == (["1"], 2)
    assert set(json.loads(poll.cursor_after.position or "")) == {"云雀", "lark"}


@pytest.mark.parametrize(("reply", "state"), REFUSALS, ids=REFUSED)
def test_a_refusal_moves_nothing(reply: Answer | CollectError, state: SourceState) -> None:
    of = after(visit(HN, hn(), {SEARCH: hits(hit(1, ago(hours=1)))})[0], hn())
    poll, _ = visit(HN, of, {SEARCH: reply})
    assert (poll.outcome, poll.state, poll.posts) == (Outcome.FAILED, state, ())
    assert poll.cursor_after == of.cursor
    assert poll.reason


def test_looking_again_tells_scores_and_what_is_gone() -> None:
    story = {"id": 1, "type": "story", "by": "a", "time": ago(hours=9), "title": "t", "score": 900,
             "descendants": 70}  # fmt: skip
    found = look(HN, hn(), ["1", "2", "3", "4", "x"], {
        f"{ITEM}1.json": answer(story),
        f"{ITEM}2.json": answer({"id": 2, "type": "comment", "deleted": True}),
        f"{ITEM}3.json": answer({"id": 3, "type": "comment", "dead": True}),
        f"{ITEM}4.json": answer("null"),
    })  # fmt: skip
    assert [post.metrics for post in found.posts] == [{"score": 900, "replies": 70}]
    assert found.deleted == ("2", "3", "4")
    assert isinstance(HN, LooksAgain)


def test_looking_again_in_vain_is_an_error_and_later_trouble_leaves_the_rest_unknown() -> None:
    with pytest.raises(CollectError):
        look(HN, hn(), ["1"], {f"{ITEM}1.json": answer({}, status=500)})
    gone = {f"{ITEM}1.json": answer("null"), f"{ITEM}2.json": answer({}, status=500)}
    found = look(HN, hn(), ["1", "2"], gone)
    assert (found.posts, found.deleted) == ((), ("1",))


@pytest.mark.parametrize(
    "options", [{"tags": "story&x=1"}, {"queries": [""]}, {"page_size": 5000}, {"query": "x"}]
)
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        HackerNewsOptions.model_validate(options)


def test_a_recorded_answer_reads_as_its_shape_says(shared_data: Path) -> None:
    recorded = shared_data / "corpora" / "recorded-snippets" / "hn_algolia_search.json"
    body = json.loads(recorded.read_bytes())
    poll, _ = visit(HN, hn(), {SEARCH: [answer(body), hits()]})
    assert (poll.posts, poll.state) == ((), SourceState.OK), "its one hit is a poll option"
    body["hits"][0]["_tags"] = ["story"]
    poll, _ = visit(HN, hn(), {SEARCH: [answer(body), hits()]})
    (post,) = poll.posts
    assert (post.external_id, post.text, post.author.name) == (
        "3786932",
        "10+ years",
        "michaelkscott",
    )
    assert (unix(post.published_at or NOW), post.metrics) == (1333354988, {"score": 3042})
