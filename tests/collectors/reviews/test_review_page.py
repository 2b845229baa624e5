"""Visiting a page with reviews: conditional requests, next pages, what is no such page."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Cursor, Outcome, SourceState
from collectors.reviews.review_page import NOTHING, ReviewPageCollector, ReviewPageOptions
from tests.collectors.recorded import Answer, Recorded, answer
from tests.collectors.reviews.visits import after, source, visit

URL = "https://shop.example/p/1"
PAGE = source("review_page", URL)
PAGED = source("review_page", URL, next="a.next")
COLLECTOR = ReviewPageCollector()
CAPTCHA = "<html><title>安全验证</title><body>请完成验证</body></html>"


def page(*texts: str, following: str = "", value: float = 4, extra: str = "") -> Answer:
    product = {
        "@type": "Product",
        "name": "北岭咖啡",
        "aggregateRating": {"ratingValue": value, "reviewCount": 9},
        "review": [
            {"@id": f"#{text[:1]}", "@type": "Review", "reviewBody": text} for text in texts
        ],
    }
    link = f'<a class="next" href="{following}">下一页</a>' if following else ""
    script = f'<script type="application/ld+json">{json.dumps(product)}</script>'
    return answer(f"<html><head>{script}</head><body>{link}{extra}</body></html>")


def words(poll: object) -> list[str]:
    return [post.text for post in poll.posts]  # type: ignore[attr-defined]


def test_reviews_and_ratings_are_brought_once() -> None:
    replies = {URL: page("一", "二")}
    poll, http = visit(COLLECTOR, PAGE, replies)
    assert (words(poll), len(poll.ratings), poll.state) == (["一", "二"], 1, SourceState.OK)
    assert "text/html" in http.requests[0].headers["Accept"]
    again, _ = visit(COLLECTOR, after(PAGE, poll), replies)
    assert (again.outcome, again.posts, again.ratings) == (Outcome.UNCHANGED, (), ())
    assert visit(COLLECTOR, PAGE, replies)[0] == poll


def test_validators_are_sent_back_and_a_304_brings_nothing() -> None:
    first = replace(
        page("一"), headers={"etag": '"a"', "last-modified": "Sun, 01 Mar 2026 00:00:00 GMT"}
    )
    poll, _ = visit(COLLECTOR, PAGE, {URL: first})
    assert (poll.cursor_after.etag, poll.cursor_after.body_sha256 is not None) == ('"a"', True)
    again, http = visit(COLLECTOR, after(PAGE, poll), {URL: answer(b"", status=304)})
    sent = http.requests[0].headers
    assert (sent["If-None-Match"], sent["If-Modified-Since"]) == (
        '"a"',
        "Sun, 01 Mar 2026 00:00:00 GMT",
    )
    assert (again.outcome, again.status, again.state) == (Outcome.UNCHANGED, 304, SourceState.OK)
    assert again.cursor_after == poll.cursor_after


@pytest.mark.parametrize(
    "lie", [{"expires": "0"}, {"url": "https://shop.example/elsewhere"}], ids=str
)
def test_validators_of_another_address_or_of_a_server_that_lies_are_not_kept(
    lie: dict[str, str],
) -> None:
    reply = replace(page("一"), headers={"etag": '"a"', **lie}, url=lie.get("url", ""))
    assert visit(COLLECTOR, PAGE, {URL: reply})[0].cursor_after.etag is None


def test_a_page_that_changes_without_new_reviews_brings_nothing() -> None:
    poll, _ = visit(COLLECTOR, PAGE, {URL: page("一")})
    again, _ = visit(COLLECTOR, after(PAGE, poll), {URL: page("一", extra="<i>now</i>")})
    assert (again.outcome, again.posts) == (Outcome.UNCHANGED, ())


def test_new_and_edited_reviews_are_brought_and_missing_ones_are_not_deleted() -> None:
    poll, _ = visit(COLLECTOR, PAGE, {URL: page("一", "二")})
    again, _ = visit(COLLECTOR, after(PAGE, poll), {URL: page("三", "一改", value=3)})
    assert (words(again), again.deleted) == (["三", "一改"], ())
    assert again.posts[1].key == poll.posts[0].key
    assert [rating.stars.value for rating in again.ratings] == [3]


NEXT = {
    URL: page("一", following="?page=2"),
    f"{URL}?page=2": page("二", following="?page=3"),
    f"{URL}?page=3": page("三", following="?page=4"),
    f"{URL}?page=4": page("四", following="?page=4"),
}


@pytest.mark.parametrize("css", ["a.next", "a.next::attr(href)", ".next::attr(href)"])
def test_next_pages_are_followed_over_visits(css: str) -> None:
    of = source("review_page", URL, next=css)
    first, http = visit(COLLECTOR, of, NEXT)
    assert (words(first), len(http.asked), len(first.ratings)) == (["一", "二", "三"], 3, 1)
    second, http = visit(COLLECTOR, after(of, first), NEXT)
    assert (words(second), http.asked) == (["四"], [URL, f"{URL}?page=4"])
    third, http = visit(COLLECTOR, after(of, second), NEXT)
    assert (third.posts, http.asked) == ((), [URL])


def test_a_refused_next_page_is_asked_again_though_the_first_is_unchanged() -> None:
    limited = {**NEXT, f"{URL}?page=2": answer(b"", status=429, retry_after="7200")}
    poll, _ = visit(COLLECTOR, PAGED, limited)
    assert (words(poll), poll.state, poll.status) == (["一"], SourceState.RATE_LIMITED, 429)
    assert poll.wait >= timedelta(hours=2)
    later, _ = visit(COLLECTOR, after(PAGED, poll), NEXT)
    assert words(later) == ["二", "三"]


@pytest.mark.parametrize(
    "following",
    ["https://other.example/p/1", "javascript:void(0)", "", URL, "//other.example/", "#top"],
)
def test_a_next_page_elsewhere_or_none_is_not_followed(following: str) -> None:
    poll, http = visit(COLLECTOR, PAGED, {URL: page("一", following=following)})
    assert (words(poll), poll.state) == (["一"], SourceState.OK)
    assert {asked.partition("#")[0] for asked in http.asked} == {URL}


def test_one_page_may_be_enough() -> None:
    of = source("review_page", URL, next="a.next", max_pages=1)
    assert visit(COLLECTOR, of, NEXT)[1].asked == [URL]


@pytest.mark.parametrize("body", ["<html><p>关于我们</p></html>", '{"json": 1}', "%PDF-1.7"])
def test_a_page_without_reviews_says_so_and_is_read_again(body: str) -> None:
    poll, _ = visit(COLLECTOR, PAGE, {URL: answer(body, etag='"a"')})
    assert (poll.outcome, poll.state, poll.reason) == (Outcome.UNCHANGED, SourceState.OK, NOTHING)
    assert (poll.cursor_after.etag, poll.cursor_after.body_sha256) == (None, None)


def test_a_broken_script_is_told_beside_what_was_read() -> None:
    broken = '<script type="application/ld+json">{"@type": </script>'
    poll, _ = visit(COLLECTOR, PAGE, {URL: page("一", extra=broken)})
    assert (words(poll), poll.state) == (["一"], SourceState.OK)
    assert "1 段 JSON-LD 无法解析" in (poll.reason or "")


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        pytest.param(answer(CAPTCHA), SourceState.BLOCKED, id="captcha in a 200"),
        pytest.param(answer(" "), SourceState.BLOCKED, id="empty body"),
        pytest.param(answer("", status=401), SourceState.BLOCKED, id="401"),
        pytest.param(answer("", status=403, cf_mitigated="challenge"), SourceState.BLOCKED, id="challenge"),
        pytest.param(answer("", status=404), SourceState.BACKING_OFF, id="404"),
        pytest.param(answer("", status=410), SourceState.GONE, id="410"),
        pytest.param(answer("", status=429, retry_after="7200"), SourceState.RATE_LIMITED, id="429"),
        pytest.param(answer("", status=500), SourceState.BACKING_OFF, id="500"),
        pytest.param(answer("", status=304), SourceState.BACKING_OFF, id="304 unasked"),
        pytest.param(CollectError("超时 (timeout)"), SourceState.BACKING_OFF, id="no answer"),
        pytest.param(CollectError("robots.txt 不允许 (robots)", retryable=False), SourceState.BLOCKED, id="robots"),
    ],
)  # fmt: skip
def test_refusals_move_nothing(reply: Answer, state: SourceState) -> None:
    of = source("review_page", URL, cursor=Cursor(body_sha256="0" * 64, position='{"known":{}}'))
    poll, _ = visit(COLLECTOR, of, {URL: reply})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, of.cursor)
    assert poll.reason


@pytest.mark.parametrize(
    "options",
    [{"next": "a["}, {"next": "::nope("}, {"max_pages": 6}, {"product": ""}, {"css": "a"}],
)
def test_wrong_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        ReviewPageOptions.model_validate(options)


def test_robots_are_obeyed() -> None:
    assert ReviewPageCollector.obeys_robots


@pytest.mark.parametrize(
    ("name", "posts", "ratings"),
    [
        ("eatsmarter.de.porridge.html", 7, 1),
        ("ebrosia.de.zinfandel.html", 1, 1),
        ("autohaus.de-skode.html", 0, 1),
        ("laweekly.com-Cultivation.html", 0, 0),
    ],
)
def test_recorded_pages(shared_data: Path, name: str, posts: int, ratings: int) -> None:
    body = (shared_data / "corpora" / "review-pages" / name).read_bytes()
    replies = Recorded({URL: answer(body)})
    poll, _ = visit(COLLECTOR, PAGE, replies)
    assert (len(poll.posts), len(poll.ratings)) == (posts, ratings)
    assert visit(COLLECTOR, after(PAGE, poll), replies)[0].outcome is Outcome.UNCHANGED
