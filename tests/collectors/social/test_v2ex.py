"""V2EX: both versions of its interface, replies to topics that are talked about, refusals in a 200."""

from __future__ import annotations

import json

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, Source, SourceState
from collectors.social.v2ex import V2exCollector, V2exOptions
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

SITE = "https://www.v2ex.com"
LATEST = f"{SITE}/api/topics/latest.json"
SHOW = f"{SITE}/api/topics/show.json"
REPLIES = f"{SITE}/api/replies/show.json"
NODE = f"{SITE}/api/v2/nodes/cars/topics"
V2EX = V2exCollector()


def topic(number: int, at: int = ago(hours=1), **more: object) -> dict[str, object]:
    made = {
        "id": number, "title": f"云雀汽车 {number}", "url": f"{SITE}/t/{number}", "content": "刹车*异响*",
        "content_rendered": "<p>刹车<em>异响</em></p>", "replies": 2, "created": at, "last_touched": at,
        "node": {"name": "cars", "title": "汽车"}, "member": {"id": 1, "username": "lin", "url": f"{SITE}/u/lin"},
    }  # fmt: skip
    return {**made, **more}


def reply(number: int) -> dict[str, object]:
    return {"id": number, "content": f"同问 {number}", "content_rendered": f"同问 {number}",
            "created": ago(minutes=number), "thanks": 1, "member": {"username": "wu"}}  # fmt: skip


def second(found: list[dict[str, object]], pages: int = 1, **headers: str) -> Answer:
    body = {"success": True, "result": found, "pagination": {"per_page": 2, "pages": pages}}
    return answer(body, **headers)


def v2ex(token: str | None = None, **options: object) -> Source:
    return source("v2ex", SITE, options, secrets={"token": token} if token else {})


def test_a_topic_is_a_post() -> None:
    poll, _ = visit(V2EX, v2ex(), {LATEST: answer([topic(5)])})
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.title, post.text) == (
        "5", PostKind.POST, "云雀汽车 5", "刹车异响",
    )  # fmt: skip
    assert (post.url, post.published_at, post.tags) == (f"{SITE}/t/5", NOW - HOUR, ("cars",))
    assert (post.author.handle, post.author.url) == ("lin", f"{SITE}/u/lin")
    assert post.metrics == {"replies": 2}


@pytest.mark.parametrize(
    ("options", "address"),
    [({}, LATEST), ({"topics": "hot"}, f"{SITE}/api/topics/hot.json"),
     ({"node": "cars"}, f"{SHOW}?node_name=cars")],
    ids=["latest", "hot", "a node"],
)  # fmt: skip
def test_without_a_token_version_one_is_asked_once(
    options: dict[str, object], address: str
) -> None:
    _, http = visit(V2EX, v2ex(**options), {address: answer([topic(1)])})
    assert http.asked == [address]
    assert "Authorization" not in http.requests[0].headers


def test_a_list_of_one_page_is_taken_whole_each_time_however_old_its_topics() -> None:
    of = v2ex(topics="hot")
    hot = f"{SITE}/api/topics/hot.json"
    of = after(visit(V2EX, of, {hot: answer([topic(9)])})[0], of)
    poll, _ = visit(V2EX, of, {hot: answer([topic(9), topic(3, ago(days=30))])}, now=NOW + HOUR)
    assert ids(poll) == ["9", "3"]


def test_with_a_token_a_node_is_paged_to_what_is_known() -> None:
    of = v2ex("pat", node="cars")
    of = after(visit(V2EX, of, {NODE: second([topic(1, ago(hours=9))])})[0], of)
    replies = {
        f"{NODE}?p=1": second([topic(5, ago(hours=1)), topic(4, ago(hours=2))], 3),
        f"{NODE}?p=2": second([topic(3, ago(hours=3)), topic(2, ago(hours=10))], 3),
    }
    poll, http = visit(V2EX, of, replies)
    assert (ids(poll), len(http.asked)) == (["5", "4", "3"], 2)
    assert {one.headers["Authorization"] for one in http.requests} == {"Bearer pat"}
    assert not any("pat" in url.removeprefix(SITE).replace("/api/", "") for url in http.asked)
    assert "pat" not in repr(poll)


def test_rate_headers_become_the_quota_and_the_wait() -> None:
    headers = {"x_rate_limit_limit": "600", "x_rate_limit_remaining": "0"}
    spent = second([topic(1)], 5, **headers, x_rate_limit_reset=str(unix(NOW + HOUR)))
    poll, http = visit(V2EX, v2ex("pat", node="cars"), {NODE: spent})
    assert len(http.asked) == 1, "nothing is left: the second page is not asked for"
    assert (poll.state, poll.wait) == (SourceState.RATE_LIMITED, HOUR)
    assert poll.quota is not None
    assert (poll.quota.remaining, poll.quota.limit, poll.quota.reset_at) == (0, 600, NOW + HOUR)
    assert ids(poll) == ["1"]


@pytest.mark.parametrize(
    "body",
    [{"success": False, "message": "Invalid token"}, {"status": "error", "message": "no"}, {}],
    ids=["version two", "version one", "nothing"],
)
def test_a_refusal_inside_a_200_is_a_refusal(body: dict[str, object]) -> None:
    poll, _ = visit(V2EX, v2ex("pat", node="cars"), {NODE: answer(body)})
    assert (poll.outcome, poll.state, poll.wait) == (Outcome.FAILED, SourceState.BLOCKED, 6 * HOUR)
    assert str(body.get("message", "?")) in (poll.reason or "")


@pytest.mark.parametrize(("refused", "state"), REFUSALS, ids=REFUSED)
def test_a_refusal_moves_nothing(refused: Answer | CollectError, state: SourceState) -> None:
    poll, _ = visit(V2EX, v2ex(), {LATEST: refused})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, v2ex().cursor)


def test_a_deleted_topic_is_told_as_gone() -> None:
    poll, _ = visit(
        V2EX, v2ex(), {LATEST: answer([topic(5, deleted=1), topic(6), 7, {"id": None}])}
    )
    assert (ids(poll), poll.deleted) == (["6"], ("5",))


def test_replies_are_read_once_and_only_where_there_are_new_ones() -> None:
    of = v2ex(with_replies=2)
    first = {
        LATEST: answer([topic(5, replies=3), topic(6, replies=0)]),
        f"{REPLIES}?topic_id=5&page=1": answer([reply(1), reply(2), reply(3)]),
    }
    poll, http = visit(V2EX, of, first)
    assert (ids(poll), len(http.asked)) == (["5", "6", "r1", "r2", "r3"], 2)
    answered = poll.posts[2]
    assert (answered.kind, answered.parent_id, answered.root_id) == (PostKind.COMMENT, "5", "5")
    assert (answered.url, answered.metrics) == (f"{SITE}/t/5#r_1", {"likes": 1})
    _, http = visit(V2EX, after(poll, of), {LATEST: answer([topic(5, replies=3)])})
    assert len(http.asked) == 1
    more = {
        LATEST: answer([topic(5, replies=4)]),
        f"{REPLIES}?topic_id=5&page=1": answer([reply(1), reply(2), reply(3), reply(4)]),
    }
    assert "r4" in ids(visit(V2EX, after(poll, of), more)[0])


def test_replies_on_later_pages_are_read_page_by_page_over_the_visits() -> None:
    of = v2ex("pat", node="cars", with_replies=1)
    base = f"{SITE}/api/v2/topics/5/replies"
    pages = {f"{base}?p={p}": second([reply(2 * p - 1), reply(2 * p)], 3) for p in (1, 2, 3)}
    poll, _ = visit(V2EX, of, {NODE: second([topic(5, replies=6)]), **pages})
    assert ids(poll) == ["5", "r1", "r2", "r3", "r4"]
    poll, http = visit(V2EX, after(poll, of), {NODE: second([]), **pages})
    assert (ids(poll), http.asked[1:]) == (["r5", "r6"], [f"{base}?p=3"])
    _, http = visit(V2EX, after(poll, of), {NODE: second([]), **pages})
    assert len(http.asked) == 1


def test_no_more_topics_are_followed_than_wanted_the_rest_waits_for_the_next_visit() -> None:
    of = v2ex(with_replies=1)
    lists = {LATEST: answer([topic(5, replies=1), topic(6, replies=9)])}
    both = {
        f"{REPLIES}?topic_id=5&page=1": answer([reply(1)]),
        f"{REPLIES}?topic_id=6&page=1": answer([reply(n) for n in range(11, 20)]),
    }
    poll, http = visit(V2EX, of, {**lists, **both})
    assert http.asked[1:] == [f"{REPLIES}?topic_id=6&page=1"], "the most talked about comes first"
    _, http = visit(V2EX, after(poll, of), {LATEST: answer([]), **both})
    assert http.asked[1:] == [f"{REPLIES}?topic_id=5&page=1"]


def test_trouble_with_replies_keeps_the_topics_and_a_topic_that_is_gone_is_forgotten() -> None:
    of = v2ex(with_replies=2)
    lists = {LATEST: answer([topic(5, replies=3), topic(6, replies=2)])}
    refused = {f"{REPLIES}?topic_id=5&page=1": answer({}, status=403)}
    poll, _ = visit(V2EX, of, {**lists, **refused})
    assert (ids(poll), poll.state) == (["5", "6"], SourceState.BLOCKED)
    gone = {
        f"{REPLIES}?topic_id=5&page=1": answer({}, status=404),
        f"{REPLIES}?topic_id=6&page=1": answer([reply(1), reply(2)]),
    }
    poll, _ = visit(V2EX, after(poll, of), {LATEST: answer([]), **gone})
    assert (ids(poll), poll.state) == (["r1", "r2"], SourceState.OK)
    assert list(json.loads(poll.cursor_after.position or "")["talks"]) == ["6"]


def test_the_position_stays_small_whatever_is_talked_about() -> None:
    of = v2ex(with_replies=1, newest=500)
    many = answer([topic(n, replies=1) for n in range(1, 400)])
    poll, _ = visit(V2EX, of, {LATEST: many, REPLIES: answer([])})
    assert len(json.loads(poll.cursor_after.position or "")["talks"]) == 100


@pytest.mark.parametrize(
    "position", ["{", '{"talks": 3}', '{"talks": {"5": [1], "x": [1, 2, 3, 4]}, "lists": []}']
)
def test_a_broken_position_starts_again(position: str) -> None:
    of = v2ex(with_replies=1)
    of = source("v2ex", SITE, dict(of.options), cursor=type(of.cursor)(position=position))
    replies = {LATEST: answer([topic(5, replies=1)]), REPLIES: answer([reply(1)])}
    assert ids(visit(V2EX, of, replies)[0]) == ["5", "r1"]


def test_looking_again_finds_counts_and_what_is_gone() -> None:
    found = look(V2EX, v2ex(), ["5", "6", "7", "8", "r1"], {
        f"{SHOW}?id=5": answer([topic(5, replies=80)]),
        f"{SHOW}?id=6": answer([]),
        f"{SHOW}?id=7": answer({"status": "error"}, status=404),
        f"{SHOW}?id=8": answer([topic(8, deleted=1)]),
    })  # fmt: skip
    assert [post.metrics for post in found.posts] == [{"replies": 80}]
    assert found.deleted == ("6", "7", "8")


@pytest.mark.parametrize("options", [{"node": "a/b"}, {"with_replies": 6}, {"topics": "best"}])
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        V2exOptions.model_validate(options)
