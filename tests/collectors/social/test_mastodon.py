"""A visit to an instance: what is read, what is left for the next visit, what refusals mean."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, Poll, PostKind, Sight, Source, SourceState
from collectors.social.mastodon import MastodonCollector, MastodonOptions
from tests.collectors.recorded import Answer, Recorded, Replies, answer
from tests.collectors.social.synthetic_mastodon import (
    ACCOUNT,
    BASE,
    INSTANCE,
    INTERVAL,
    NOW,
    PUBLIC,
    instance,
    limits,
    page,
    source,
    status,
    timeline,
)

HOUR = timedelta(hours=1)
NEWEST = f"{PUBLIC}?limit=40"


def visit(of: Source, replies: Replies) -> tuple[Poll, Recorded]:
    http = Recorded(replies)
    poll = asyncio.run(MastodonCollector().collect(of, slot=NOW, http=http, now=NOW))
    return poll, http


def ids(poll: Poll) -> list[int]:
    return sorted(int(post.external_id) for post in poll.posts)


def after(poll: Poll, of: Source) -> Source:
    return replace(of, cursor=poll.cursor_after)


def started(newest: int = 100, **more: object) -> Source:
    """A source that has read up to ``newest`` and asked its instance just now."""
    poll, _ = visit(source(), {INSTANCE: instance(), NEWEST: page([newest])})
    return replace(after(poll, source()), **more)


def test_the_first_visit_takes_the_newest_page_only() -> None:
    poll, http = visit(source(), {INSTANCE: instance(), NEWEST: page(list(range(1, 41)))})
    assert (len(poll.posts), poll.outcome, poll.state) == (40, Outcome.NEW, SourceState.OK)
    assert http.asked == [INSTANCE, NEWEST]
    assert poll.wait == INTERVAL
    assert json.loads(poll.cursor_after.position or "")["newest"] == "40"


def test_later_visits_read_forward_to_the_end_and_ask_the_instance_once_a_day() -> None:
    replies = timeline([100, *range(101, 191)], after=100)
    poll, http = visit(started(100), replies)
    assert ids(poll) == list(range(101, 191))
    assert [request.query["min_id"] for request in http.requests] == ["100", "140", "180", "190"]
    again, _ = visit(after(poll, source()), replies)
    assert (again.outcome, again.posts) == (Outcome.UNCHANGED, ())


def test_the_same_cursor_gives_the_same_posts() -> None:
    of, replies = started(100), timeline([101, 102], after=100)
    assert visit(of, replies)[0] == visit(of, replies)[0]


def test_a_visit_reads_five_pages_and_the_next_one_comes_at_once_for_the_rest() -> None:
    replies = timeline(list(range(101, 351)), after=100)
    poll, _ = visit(started(100), replies)
    assert (ids(poll), poll.wait) == (list(range(101, 301)), timedelta(0))
    rest, _ = visit(after(poll, source()), replies)
    assert (ids(rest), rest.wait) == (list(range(301, 351)), INTERVAL)


@pytest.mark.parametrize(
    "refused",
    [answer(status=500), answer("<html>", status=200), CollectError("no answer")],
    ids=["server error", "html instead of json", "no answer"],
)
def test_a_refused_page_leaves_the_position_before_it(refused: Answer | CollectError) -> None:
    replies = timeline(list(range(101, 191)), after=100)
    whole = dict(replies)
    replies[f"{PUBLIC}?limit=40&min_id=140"] = refused
    poll, _ = visit(started(100), replies)
    assert ids(poll) == list(range(101, 141))
    assert poll.state is not SourceState.OK
    assert poll.reason
    rest, _ = visit(after(poll, source()), whole)
    assert ids(rest) == list(range(141, 191))


def test_an_empty_timeline_is_read_from_its_beginning_later() -> None:
    poll, _ = visit(source(), {INSTANCE: instance(), NEWEST: page([])})
    assert poll.outcome is Outcome.UNCHANGED
    many, _ = visit(after(poll, source()), timeline(list(range(1, 91)), after=0))
    assert ids(many) == list(range(1, 91))


def test_a_page_of_which_nothing_is_shown_to_us_is_passed_by_its_link() -> None:
    hidden = answer([], link=f'<{PUBLIC}?limit=40&min_id=140>; rel="prev"')
    replies = {f"{PUBLIC}?limit=40&min_id=100": hidden} | timeline([141], after=140)
    poll, _ = visit(started(100), replies)
    assert ids(poll) == [141]


def test_a_server_that_ignores_min_id_is_not_asked_for_ever() -> None:
    poll, http = visit(started(100), {PUBLIC: page([99, 100])})
    assert len(http.requests) == 1
    assert poll.state is SourceState.OK


def test_ids_of_other_servers_are_ordered_too() -> None:
    ulids = ["01FGCX7Z1ZBPDEXQXS7ZSQ1XHT", "01FH54DBQYS9Z7KTVNFC2ZQ8A1"]
    first = answer([status(ulids[1]), status(ulids[0])])
    poll, _ = visit(source(), {INSTANCE: answer(status=404), NEWEST: first})
    assert json.loads(poll.cursor_after.position or "")["newest"] == ulids[1]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param({"local": True, "only_media": True},
                     "/api/v1/timelines/public?local=true&only_media=true&limit=40", id="local"),
        pytest.param({"remote": True}, "/api/v1/timelines/public?remote=true&limit=40", id="remote"),
        pytest.param({"timeline": "hashtag", "tag": "#云雀"},
                     "/api/v1/timelines/tag/%E4%BA%91%E9%9B%80?limit=40", id="tag"),
        pytest.param({"timeline": "hashtag", "tag": "a/b", "any_of": ["c"], "all_of": ["d", "e"],
                      "none_of": ["＃f"]},
                     "/api/v1/timelines/tag/a%2Fb?any%5B%5D=c&all%5B%5D=d&all%5B%5D=e&none%5B%5D=f&limit=40",
                     id="tags"),
    ],
)  # fmt: skip
def test_options_become_the_address(options: dict[str, object], expected: str) -> None:
    _, http = visit(
        source(options),
        {INSTANCE: instance(), PUBLIC: page([]), BASE + expected.partition("?")[0]: page([])},
    )
    assert http.asked[-1] == BASE + expected


def test_an_account_is_looked_up_once() -> None:
    options = {"timeline": "account", "account": "@li@b.example", "exclude_replies": True}
    lookup = f"{BASE}/api/v1/accounts/lookup?acct=li%40b.example"
    statuses = f"{BASE}/api/v1/accounts/9/statuses"
    replies = {INSTANCE: instance("disabled"), lookup: answer(ACCOUNT), statuses: page([1])}
    poll, http = visit(source(options), replies)
    assert http.asked == [INSTANCE, lookup, f"{statuses}?exclude_replies=true&limit=40"]
    _, http = visit(after(poll, source(options)), replies)
    assert http.asked == [f"{statuses}?exclude_replies=true&limit=40&min_id=1"]


def test_an_unknown_account_is_named_as_the_trouble() -> None:
    options = {"timeline": "account", "account": "nobody"}
    missing = answer({"error": "Record not found"}, status=404)
    poll, _ = visit(
        source(options), {INSTANCE: instance(), f"{BASE}/api/v1/accounts/lookup": missing}
    )
    assert poll.outcome is Outcome.FAILED
    assert "account" in (poll.reason or "")


def test_an_edited_source_starts_anew() -> None:
    other = replace(started(100), options={"timeline": "hashtag", "tag": "a"})
    url = f"{BASE}/api/v1/timelines/tag/a?limit=40"
    _, http = visit(other, {INSTANCE: instance(), url: page([])})
    assert http.asked == [INSTANCE, url]


@pytest.mark.parametrize(
    "options",
    [
        {"timeline": "hashtag"},
        {"timeline": "account"},
        {"local": True, "remote": True},
        {"timeline": "account", "account": "a", "streaming": True},
        {"timeline": "hashtag", "tag": "a", "any_of": ["b"], "streaming": True},
        {"unknown": 1},
    ],
    ids=str,
)
def test_options_that_cannot_be_meant_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        MastodonOptions.model_validate(options)


@pytest.mark.parametrize(
    ("access", "token", "word"),
    [
        ("disabled", None, "disabled"),
        ("disabled", "t", "disabled"),
        ("authenticated", None, "token"),
    ],
)
def test_an_instance_that_closed_its_timeline_is_blocked_with_the_remedy(
    access: str, token: str | None, word: str
) -> None:
    poll, http = visit(source(token=token), {INSTANCE: instance(access)})
    assert (poll.state, poll.outcome) == (SourceState.BLOCKED, Outcome.FAILED)
    assert word in (poll.reason or "")
    assert poll.wait >= 6 * HOUR
    assert len(http.requests) == 1


def test_a_token_opens_what_is_for_signed_in_users_and_is_told_to_nobody() -> None:
    replies = {INSTANCE: instance("authenticated"), NEWEST: page([1])}
    poll, http = visit(source(token="s3cret"), replies)
    assert [request.headers["Authorization"] for request in http.requests] == ["Bearer s3cret"] * 2
    assert len(poll.posts) == 1
    assert "s3cret" not in repr(poll) + "".join(http.asked)


@pytest.mark.parametrize(
    ("reply", "state", "word", "wait"),
    [
        pytest.param(answer({"error": "The access token is invalid"}, status=401),
                     SourceState.BLOCKED, "token", 6 * HOUR, id="401"),
        pytest.param(answer({"error": "This method requires an authenticated user"}, status=422),
                     SourceState.BLOCKED, "token", 6 * HOUR, id="422 of old servers"),
        pytest.param(answer({"error": "Too many requests"}, status=429, **limits(0)),
                     SourceState.RATE_LIMITED, "429", 10 * timedelta(minutes=1), id="429"),
        pytest.param(answer({"error": "Throttled"}, status=429, **limits(0, "2026-08-01T16:00:00.5Z")),
                     SourceState.RATE_LIMITED, "429", timedelta(seconds=7200.5), id="429, late reset"),
        pytest.param(answer({"error": "Sidekiq is down"}, status=503),
                     SourceState.BACKING_OFF, "Sidekiq", 2 * INTERVAL, id="503 with words"),
        pytest.param(answer("<html><title>Just a moment", status=403, cf_mitigated="challenge"),
                     SourceState.BLOCKED, "challenge", 6 * HOUR, id="challenge"),
        pytest.param(answer("<html>", status=200), SourceState.BLOCKED, "JSON", 6 * HOUR, id="html"),
        pytest.param(answer({"error": "x"}), SourceState.BACKING_OFF, "timeline", 2 * INTERVAL,
                     id="no list"),
        pytest.param(answer(status=410), SourceState.GONE, "410", HOUR, id="410"),
        pytest.param(CollectError("timeout"), SourceState.BACKING_OFF, "timeout", 2 * INTERVAL,
                     id="no answer"),
    ],
)  # fmt: skip
def test_what_a_refusal_means(
    reply: Answer | CollectError, state: SourceState, word: str, wait: timedelta
) -> None:
    of = started(100)
    poll, _ = visit(of, {PUBLIC: reply})
    assert (poll.outcome, poll.state, poll.posts) == (Outcome.FAILED, state, ())
    assert poll.cursor_after == of.cursor
    assert word in (poll.reason or "")
    assert poll.wait >= wait


@pytest.mark.parametrize("status_code", [404, 401, 422], ids=str)
def test_an_older_server_that_knows_no_instance_address_is_read_all_the_same(
    status_code: int,
) -> None:
    replies = {INSTANCE: answer({"error": "?"}, status=status_code), NEWEST: page([1])}
    assert len(visit(source(), replies)[0].posts) == 1


def test_the_limit_is_told_and_little_left_of_it_is_left_to_others() -> None:
    replies = timeline(list(range(101, 191)), after=100)
    low = page(list(range(101, 141)), **limits(3))
    poll, http = visit(started(100), replies | {f"{PUBLIC}?limit=40&min_id=100": low})
    assert len(http.requests) == 1
    assert poll.quota is not None
    assert (poll.quota.remaining, poll.quota.limit) == (3, 300)
    assert poll.quota.reset_at == datetime(2026, 8, 1, 14, 5, 0, 643385, tzinfo=UTC)
    assert poll.wait == timedelta(seconds=300.643385)


def test_little_left_until_nobody_knows_when_is_no_reason_to_hurry() -> None:
    low = {"x-ratelimit-remaining": "3", "x-ratelimit-reset": "soon"}
    replies = timeline(list(range(101, 191)), after=100)
    replies[f"{PUBLIC}?limit=40&min_id=100"] = page(list(range(101, 141)), **low)
    poll, http = visit(started(100), replies)
    assert (len(http.requests), poll.wait) == (1, INTERVAL)


def test_an_error_that_repeats_our_token_is_not_repeated() -> None:
    echo = answer({"error": "bad header: Bearer s3cret"}, status=400)
    poll, _ = visit(replace(started(100), secrets={"token": "s3cret"}), {PUBLIC: echo})
    assert poll.outcome is Outcome.FAILED
    assert "s3cret" not in repr(poll)


@pytest.mark.parametrize(
    "hidden",
    [
        {"visibility": "private"},
        {"visibility": "direct"},
        {"account": ACCOUNT | {"noindex": True}},
        {"reblog": status(5, account=ACCOUNT | {"noindex": True})},
    ],
    ids=["followers only", "direct", "opted out", "reblog of who opted out"],
)
def test_what_is_not_for_us_is_left_out_and_read_past(hidden: dict[str, object]) -> None:
    body = answer([status(103, **hidden), status(102)])
    poll, _ = visit(started(100), {PUBLIC: [body, page([])]})
    assert ids(poll) == [102]
    assert json.loads(poll.cursor_after.position or "")["newest"] == "103"


def test_who_did_not_opt_in_to_search_is_left_out_where_that_is_chosen() -> None:
    silent = status(101, account=ACCOUNT | {"indexable": False})
    for options, count in (({}, 1), ({"honour_indexable": True}, 0)):
        poll, _ = visit(source(options), {INSTANCE: instance(), NEWEST: answer([silent])})
        assert len(poll.posts) == count


def test_fields_of_a_status() -> None:
    full = status(
        102,
        spoiler_text="剧透",
        content='<p>看<a href="x" class="mention hashtag">#<span>云雀</span></a><br>第二行</p>',
        edited_at="2026-08-01T13:58:00.000Z",
        in_reply_to_id="55",
        tags=[{"name": "云雀"}, {"name": "云雀"}, "nonsense"],
        poll={"options": [{"title": "买"}, {"title": "不买"}]},
        quote={"state": "accepted", "quoted_status": status(44)},
    )
    poll, _ = visit(source(), {INSTANCE: instance(), NEWEST: answer([full])})
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.title) == ("102", PostKind.POST, None)
    assert post.text == "剧透\n看#云雀\n第二行\n买\n不买"
    assert post.published_at == datetime(2026, 8, 1, 13, 55, 46, 609000, tzinfo=UTC)
    assert post.edited_at == datetime(2026, 8, 1, 13, 58, tzinfo=UTC)
    assert (post.lang, post.parent_id, post.repost_of) == ("zh", "55", "44")
    assert post.metrics == {"replies": 1, "reposts": 2, "likes": 3, "quotes": 4}
    assert (post.tags, post.url) == (("云雀",), f"{BASE}/@li/102")
    author = post.author
    assert (author.name, author.handle, author.followers) == ("李 明", "li@social.example", 12)


def test_a_reblog_is_a_post_of_who_reblogs_with_the_words_of_the_other() -> None:
    other = ACCOUNT | {"acct": "wang@b.example", "display_name": "王"}
    reblog = status(102, content="", reblog=status(44, account=other))
    poll, _ = visit(source(), {INSTANCE: instance(), NEWEST: answer([reblog])})
    (post,) = poll.posts
    assert (post.external_id, post.repost_of, post.text) == ("102", "44", "云雀汽车 44")
    assert (post.author.name, post.url) == ("李 明", f"{BASE}/@li/44")


@pytest.mark.parametrize(
    "bad",
    [None, 7, "x", [], {}, {"id": None}, {"id": "8", "account": [], "tags": 3, "content": 5},
     {"id": "8", "created_at": "soon", "poll": [], "quote": 1, "reblog": "x", "replies_count": "7"}],
    ids=str,
)  # fmt: skip
def test_nonsense_beside_a_good_status_harms_nothing(bad: object) -> None:
    poll, _ = visit(source(), {INSTANCE: instance(), NEWEST: answer([bad, status(102)])})
    assert 102 in ids(poll)


@pytest.mark.parametrize("position", ["", "{", "[]", '{"newest": 5}', "[" * 9999], ids=len)
def test_an_unreadable_position_is_a_start(position: str) -> None:
    poll, _ = visit(source(position=position), {INSTANCE: instance(), NEWEST: page([1])})
    assert ids(poll) == [1]


def sight(identity: str) -> Sight:
    return Sight(external_id=identity, url=None, kind=PostKind.POST)


def look(replies: Replies, *identities: str) -> object:
    seen = [sight(identity) for identity in identities]
    return asyncio.run(
        MastodonCollector().look_again(source(), seen, http=Recorded(replies), now=NOW)
    )


def test_looking_again_finds_edits_metrics_and_deletions() -> None:
    url = f"{BASE}/api/v1/statuses/"
    found = look(
        {
            f"{url}1": answer(status(1, content="<p>改过</p>", favourites_count=900)),
            f"{url}2": answer({"error": "Record not found"}, status=404),
            f"{url}3": answer(status=410),
            f"{url}4": answer("<html>404", status=404),
            f"{url}5": answer(status(5)),
        },
        "1", "2", "3", "4", "5",
    )  # fmt: skip
    assert [(post.external_id, post.text, post.metrics["likes"]) for post in found.posts] == [
        ("1", "改过", 900)
    ]
    # The 404 page of a proxy says nothing about the post, and what comes after it stays unknown.
    assert found.deleted == ("2", "3")


def test_looking_again_at_an_instance_that_does_not_answer_is_an_error() -> None:
    with pytest.raises(CollectError, match="503"):
        look({f"{BASE}/api/v1/statuses/1": answer(status=503)}, "1")
