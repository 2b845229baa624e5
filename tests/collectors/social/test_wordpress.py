"""WordPress: the interface by its two ways, the feeds where it is closed, edits, the bin."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, Poll, PostKind, Source, SourceState
from collectors.social.wordpress import WordPressCollector, WordPressOptions
from tests.collectors.social.visits import (
    HOUR,
    NOW,
    PAGE,
    Answer,
    Recorded,
    after,
    ago,
    answer,
    ids,
    look,
    source,
    visit,
)

SITE = "https://blog.example"
REST = f"{SITE}/wp-json/wp/v2"
POSTS, COMMENTS = f"{REST}/posts", f"{REST}/comments"
PLAIN = f"{SITE}/"
FEED, COMMENTS_FEED = f"{SITE}/feed/", f"{SITE}/comments/feed/"
WORDPRESS = WordPressCollector()
CLOSED = answer({"code": "rest_not_logged_in"}, status=401)
MISSING = answer(PAGE, status=404)


def gmt(hours: float) -> str:
    return (NOW - timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")


def post(
    number: int, hours: float = 1, modified: float | None = None, **more: object
) -> dict[str, object]:
    made = {
        "id": number, "date": gmt(hours - 8), "date_gmt": gmt(hours),
        "modified_gmt": gmt(hours if modified is None else modified), "status": "publish",
        "link": f"{SITE}/p{number}/", "title": {"rendered": "北岭咖啡 &#8211; 通报"},
        "content": {"rendered": f"<p>第{number}次<b>拉肚子</b></p>", "protected": False},
        "_embedded": {"author": [{"name": "林", "slug": "lin", "link": f"{SITE}/author/lin/"}]},
    }  # fmt: skip
    return {**made, **more}


def comment(number: int, hours: float = 1, **more: object) -> dict[str, object]:
    made = {
        "id": number, "post": 5, "parent": 0, "author_name": "吴", "author_url": "", "date_gmt": gmt(hours),
        "content": {"rendered": "<p>我也是</p>"}, "link": f"{SITE}/p5/#comment-{number}",
        "status": "approved",
    }  # fmt: skip
    return {**made, **more}


def listed(*items: object, pages: int = 1) -> Answer:
    return answer(list(items), x_wp_total="9", x_wp_totalpages=str(pages))


def wordpress(**options: object) -> Source:
    return source("wordpress", SITE, {"what": "posts", **options})


def seen(
    of: Source, *pages: Answer | CollectError, edits: Answer | None = None
) -> tuple[Poll, Recorded]:
    """A visit to the posts alone: ``pages`` of the newest, then ``edits``."""
    return visit(WORDPRESS, of, {POSTS: [*pages, edits or listed()]})


def started(hours: float = 9) -> Source:
    return after(seen(wordpress(), listed(post(1, hours)))[0], wordpress())


def test_a_post_becomes_an_article() -> None:
    poll, http = seen(wordpress(), listed(post(5, 1, modified=0.5)))
    (found,) = poll.posts
    assert (found.external_id, found.kind, found.url) == ("post-5", PostKind.ARTICLE, f"{SITE}/p5/")
    assert (found.title, found.text) == ("北岭咖啡 – 通报", "第5次拉肚子")
    assert (found.published_at, found.edited_at) == (NOW - HOUR, NOW - HOUR / 2)
    assert (found.author.name, found.author.handle) == ("林", "lin")
    assert (found.parent_id, found.root_id) == (None, None)
    asked = http.requests[0].query
    assert (asked["orderby"], asked["per_page"], "after" in asked) == ("date", "50", False)


@pytest.mark.parametrize(("above", "parent"), [(0, "post-5"), (3, "comment-3")])
def test_a_comment_knows_what_it_answers(above: int, parent: str) -> None:
    replies = {COMMENTS: listed(comment(7, parent=above))}
    poll, _ = visit(WORDPRESS, wordpress(what="comments"), replies)
    (found,) = poll.posts
    assert (found.external_id, found.kind, found.text) == ("comment-7", PostKind.COMMENT, "我也是")
    assert (found.parent_id, found.root_id, found.author.name) == (parent, "post-5", "吴")


def test_both_are_read_in_one_visit() -> None:
    replies = {POSTS: listed(post(5)), COMMENTS: listed(comment(7))}
    poll, http = visit(WORDPRESS, wordpress(what="both"), replies)
    assert (ids(poll), len(http.asked)) == (["post-5", "comment-7"], 3)


def test_the_next_visit_asks_for_what_came_and_what_was_changed_since() -> None:
    of = started(9)
    _, http = seen(of, listed())
    newest, edits = http.requests
    assert newest.query["after"] == (NOW - 9 * HOUR - timedelta(minutes=2)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )
    assert edits.query["orderby"] == "modified"
    assert edits.query["modified_after"] == (NOW - timedelta(minutes=2)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def test_an_edited_post_comes_again_as_it_is_now() -> None:
    later = NOW + HOUR
    edited = post(1, 9, modified=-0.5, title={"rendered": "更正"})
    poll, _ = visit(WORDPRESS, started(9), {POSTS: [listed(), listed(edited)]}, now=later)
    assert [(one.external_id, one.title) for one in poll.posts] == [("post-1", "更正")]
    again, _ = visit(
        WORDPRESS, after(poll, started(9)), {POSTS: [listed(), listed(edited)]}, now=later + HOUR
    )
    assert ids(again) == ["post-1"], "the last two minutes are read again"


def test_an_old_site_that_knows_no_modified_after_does_not_bring_its_whole_archive() -> None:
    archive = listed(*(post(number, 900, modified=100) for number in range(50)), pages=40)
    poll, http = visit(WORDPRESS, started(9), {POSTS: [listed(), archive]})
    assert (poll.posts, len(http.asked)) == ((), 2)


def test_pages_are_read_by_date_down_to_what_is_known() -> None:
    pages = listed(post(5, 1), post(4, 2), pages=2), listed(post(4, 2), post(3, 3))
    poll, http = seen(started(9), *pages)
    assert ids(poll) == ["post-5", "post-4", "post-3"]
    assert http.requests[1].query["before"] == (NOW - 2 * HOUR + timedelta(seconds=1)).strftime(
        "%Y-%m-%dT%H:%M:%SZ"
    )


def test_more_posts_of_one_second_than_a_page_holds_are_paged_by_number() -> None:
    at = "2026-03-10T04:08:00"
    first, second, third = (post(number, date_gmt=at) for number in (5, 4, 3))
    pages = [
        listed(first, pages=3),
        listed(first, pages=3),
        listed(second, pages=3),
        listed(third, pages=3),
    ]
    poll, http = visit(WORDPRESS, started(9), {POSTS: [*pages, listed()]})
    assert ids(poll) == ["post-5", "post-4", "post-3"]
    asked = [(one.query.get("before"), one.query["page"]) for one in http.requests[:4]]
    assert asked == [(None, "1"), *(("2026-03-10T04:08:01Z", page) for page in "123")]


def test_a_page_of_nothing_that_we_may_read_does_not_end_the_list() -> None:
    replies = {COMMENTS: [listed(pages=2), listed(comment(7), pages=2)]}
    poll, http = visit(WORDPRESS, wordpress(what="comments"), replies)
    assert (ids(poll), [one.query["page"] for one in http.requests]) == (["comment-7"], ["1", "2"])


def test_a_first_import_is_capped_at_the_newest() -> None:
    full = listed(*(post(number, 1 + number / 10) for number in range(1, 11)), pages=30)
    poll, http = seen(wordpress(per_page=10, newest=4), full)
    assert (ids(poll), poll.dropped, len(http.asked)) == (
        ["post-1", "post-2", "post-3", "post-4"],
        6,
        2,
    )


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = started(9)
    poll, _ = seen(of, listed(post(5, 1), pages=2), answer({}, status=500))
    assert (ids(poll), poll.state) == (["post-5"], SourceState.BACKING_OFF)
    poll, http = seen(after(poll, of), listed(post(5, 1), post(4, 2)), listed())
    assert "post-4" in ids(poll)
    assert "before" in http.requests[0].query


def test_the_page_past_the_end_ends_the_list() -> None:
    past = answer({"code": "rest_post_invalid_page_number"}, status=400)
    changed = listed(post(5, 1, modified=-0.5), pages=3)
    replies = {POSTS: [listed(), changed, past]}
    poll, http = visit(WORDPRESS, started(9), replies, now=NOW + HOUR)
    assert (poll.state, len(http.asked), http.requests[2].query["page"]) == (SourceState.OK, 3, "2")


def test_without_permalinks_the_other_way_is_taken_and_remembered() -> None:
    replies = {POSTS: MISSING, PLAIN: [listed(post(5)), listed()]}
    poll, http = visit(WORDPRESS, wordpress(), replies)
    assert ids(poll) == ["post-5"]
    assert http.requests[1].query["rest_route"] == "/wp/v2/posts"
    _, http = visit(WORDPRESS, after(poll, wordpress()), {PLAIN: listed()})
    assert {one.url.partition("?")[0] for one in http.requests} == {PLAIN}


RSS = """<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
<item><title>通报</title><link>{link}</link><guid isPermaLink="false">{guid}</guid><dc:creator>林</dc:creator>
<pubDate>Tue, 10 Mar 2026 04:08:00 +0000</pubDate><description>拉肚子</description></item></channel></rss>"""
POSTS_RSS = answer(RSS.format(link=f"{SITE}/p5/", guid=f"{SITE}/?p=5"), content_type="text/xml")
COMMENTS_RSS = answer(
    RSS.format(link=f"{SITE}/p5/#comment-7", guid=f"{SITE}/p5/#comment-7"), content_type="text/xml"
)
FEEDS = {FEED: POSTS_RSS, COMMENTS_FEED: COMMENTS_RSS}


@pytest.mark.parametrize("closed", [CLOSED, MISSING, answer(PAGE), answer("")],
                         ids=["401", "404", "a page", "empty"])  # fmt: skip
def test_where_the_interface_is_closed_the_feeds_speak_under_the_same_ids(closed: Answer) -> None:
    replies = {POSTS: closed, COMMENTS: closed, PLAIN: closed, **FEEDS}
    poll, _ = visit(WORDPRESS, wordpress(what="both"), replies)
    assert [(one.external_id, one.kind) for one in poll.posts] == [
        ("post-5", PostKind.ARTICLE), ("comment-7", PostKind.COMMENT),
    ]  # fmt: skip
    assert (poll.state, poll.posts[0].published_at) == (SourceState.OK, NOW - HOUR)
    _, http = visit(WORDPRESS, after(poll, wordpress(what="both")), replies)
    assert http.asked == [FEED, COMMENTS_FEED]


def test_a_site_that_shows_posts_and_not_comments_gives_these_by_their_feed() -> None:
    of = wordpress(what="both")
    replies = {POSTS: [listed(post(5)), listed()], COMMENTS: CLOSED, COMMENTS_FEED: COMMENTS_RSS}
    poll, _ = visit(WORDPRESS, of, replies)
    assert (ids(poll), poll.state) == (["post-5", "comment-7"], SourceState.OK)
    poll, _ = visit(WORDPRESS, of, {**replies, COMMENTS_FEED: MISSING})
    assert (ids(poll), poll.state) == (["post-5"], SourceState.BLOCKED)


def test_the_interface_is_tried_again_a_day_later_and_goes_on_where_it_was() -> None:
    of = started(9)
    replies = {POSTS: CLOSED, PLAIN: CLOSED, FEED: POSTS_RSS}
    for hours in (1, 20):
        poll, _ = visit(WORDPRESS, of, replies, now=NOW + hours * HOUR)
        of = after(poll, of)
    _, http = visit(WORDPRESS, of, {POSTS: listed(), FEED: POSTS_RSS}, now=NOW + 26 * HOUR)
    assert http.requests[0].query["after"].startswith((NOW - 9 * HOUR).strftime("%Y-%m-%dT"))


@pytest.mark.parametrize(
    ("rest", "feed", "state", "word"),
    [
        (CLOSED, MISSING, SourceState.BLOCKED, "401"),
        (MISSING, MISSING, SourceState.BACKING_OFF, "WordPress"),
        (answer(PAGE), answer(PAGE), SourceState.BACKING_OFF, "WordPress"),
        (answer({}, status=429, retry_after="9000"), FEED, SourceState.RATE_LIMITED, "429"),
        (answer({}, status=503), FEED, SourceState.BACKING_OFF, "503"),
        (CollectError("超时"), FEED, SourceState.BACKING_OFF, "超时"),
    ],
    ids=["closed", "no WordPress", "pages only", "429", "503", "no answer"],
)
def test_a_refusal_moves_nothing(rest: Answer, feed: Answer, state: SourceState, word: str) -> None:
    of = started(9)
    replies = {POSTS: rest, PLAIN: rest} | ({FEED: feed} if isinstance(feed, Answer) else {})
    poll, _ = visit(WORDPRESS, of, replies)
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, of.cursor)
    assert word in (poll.reason or "")


@pytest.mark.parametrize(
    "item", [None, {}, {"id": "x"}, {"id": 0}, {"id": -3}, {"id": {"a": 1}}, "text"]
)
def test_nonsense_is_no_post_and_its_neighbours_are_kept(item: object) -> None:
    poll, _ = seen(wordpress(), listed(item, post(5)))
    assert ids(poll) == ["post-5"]


def test_an_answer_that_is_no_list_is_an_empty_one() -> None:
    poll, _ = seen(wordpress(), answer({"posts": 3}))
    assert (poll.posts, poll.state) == ((), SourceState.OK)


def test_a_broken_position_starts_again() -> None:
    of = wordpress()
    broken = '{"way": "spaceship", "closed_at": {}, "lists": {"posts": {"following": "x"}}}'
    of = replace(of, cursor=replace(of.cursor, position=broken))
    assert "post-5" in ids(seen(of, listed(post(5)))[0])


def test_a_post_dated_ahead_does_not_make_us_skip_what_comes() -> None:
    poll, _ = seen(wordpress(), listed(post(5, hours=-900)))
    position = json.loads(poll.cursor_after.position or "")
    assert position["lists"]["posts"] == {"mark": ago()}


def test_looking_again_finds_the_post_or_that_it_is_gone() -> None:
    found = look(
        WORDPRESS, wordpress(), ["post-5", "post-6", "post-7", "comment-8", "comment-9", "guid"],
        {
            f"{POSTS}/5": answer(post(5)),
            f"{POSTS}/6": answer({"code": "rest_post_invalid_id"}, status=404),
            f"{POSTS}/7": answer({"code": "rest_forbidden"}, status=401),
            POSTS: listed(post(5)),
            f"{COMMENTS}/8": answer(comment(8, status="spam")),
            f"{COMMENTS}/9": answer({}, status=410),
        },
    )  # fmt: skip
    assert [one.external_id for one in found.posts] == ["post-5"]
    assert found.deleted == ("post-6", "post-7", "comment-8", "comment-9")


@pytest.mark.parametrize(
    "replies",
    [
        {f"{POSTS}/5": answer({"code": "rest_no_route"}, status=404)},
        {f"{POSTS}/5": MISSING},
        {f"{POSTS}/5": CLOSED},
        {f"{POSTS}/5": answer({"code": "rest_forbidden"}, status=401), POSTS: CLOSED},
        {f"{POSTS}/5": answer({}, status=500)},
    ],
    ids=["no route", "a page", "closed", "closed altogether", "500"],
)
def test_a_closed_interface_is_no_deletion(replies: dict[str, Answer]) -> None:
    with pytest.raises(CollectError):
        look(WORDPRESS, wordpress(), ["post-5"], replies)


@pytest.mark.parametrize("options", [{"what": "pages"}, {"per_page": 101}])
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WordPressOptions.model_validate(options)
