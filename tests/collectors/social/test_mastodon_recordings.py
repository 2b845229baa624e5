"""The collector on 38 recordings of Mastodon 4.6.4 (Mastodon.py's cassettes, in ../shared/data)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.model import Look, Outcome, Poll, PostKind, Sight, Source, SourceState
from collectors.social.mastodon import MastodonCollector
from collectors.social.mastodon_status import post_of
from tests.collectors.recorded import Answer, Recorded, cassette

BASE = "http://localhost:3000"
NOW = datetime(2026, 8, 1, 14, 0, tzinfo=UTC)
SOURCE = Source(id=7, name="s", kind="mastodon", url=BASE, interval=timedelta(minutes=5))
NO_MORE = Answer(200, {}, b"[]")


@pytest.fixture
def recordings(shared_data: Path) -> Path:
    found = shared_data / "corpora" / "mastodon" / "tests" / "cassettes"
    if not found.is_dir():
        pytest.skip("../shared/data/corpora/mastodon is not here: this test reads its recordings")
    return found


def replay(
    of: Source, cassettes: dict[str, list[Answer]], more: dict[str, Answer] | None = None
) -> tuple[Poll, Recorded]:
    # Recorded without our `limit`: a key without a query answers for every query.
    bare = {key.partition("?")[0].rstrip("/"): value for key, value in cassettes.items()}
    http = Recorded(bare | cassettes | (more or {}))
    return asyncio.run(MastodonCollector().collect(of, slot=NOW, http=http, now=NOW)), http


def test_the_public_timeline_read_anonymously(recordings: Path) -> None:
    replies = cassette(recordings / "test_public_tl_anonymous.yaml")
    poll, http = replay(SOURCE, replies)
    assert [url.partition("?")[0] for url in http.asked] == [
        f"{BASE}/api/v2/instance",
        f"{BASE}/api/v1/timelines/public",
    ]
    assert (poll.outcome, poll.state, len(poll.posts)) == (Outcome.NEW, SourceState.OK, 8)
    first = poll.posts[0]
    assert (first.external_id, first.text, first.lang) == (
        "117020593134559451",
        "Toot, finally!",
        "ja",
    )
    assert first.published_at == datetime(2026, 8, 1, 13, 55, 46, 609000, tzinfo=UTC)
    assert first.author.handle == "mastodonpy_test_2@localhost:3000"
    assert first.url == f"{BASE}/@mastodonpy_test_2/117020593134559451"
    assert poll.quota is not None
    assert poll.quota.reset_at is not None
    assert (poll.quota.limit, poll.quota.reset_at.tzinfo) == (300, UTC)
    # It read up to the newest: the page after it is asked for next.
    rest, http = replay(
        replace(SOURCE, cursor=poll.cursor_after), {}, {f"{BASE}/api/v1/timelines/public": NO_MORE}
    )
    assert http.requests[0].query["min_id"] == "117020593134559451"
    assert rest.outcome is Outcome.UNCHANGED


def test_a_hashtag_timeline(recordings: Path) -> None:
    of = replace(SOURCE, options={"timeline": "hashtag", "tag": "#hoot"})
    poll, _ = replay(of, cassette(recordings / "test_hashtag_tl.yaml"))
    assert [(post.tags, post.text) for post in poll.posts] == [(("hoot",), "#hoot (hashtag toot)")]


def test_the_recorded_page_links_lead_forward(recordings: Path) -> None:
    replies = cassette(recordings / "test_fetch_next_previous.yaml")
    url = f"{BASE}/api/v1/accounts/117020565966271181/statuses"
    (older,) = [value for key, value in replies.items() if "max_id" in key]
    (newer,) = [value for key, value in replies.items() if "min_id" in key]
    of = replace(SOURCE, options={"timeline": "account", "account": "mastodonpy_test"})
    found = {
        f"{BASE}/api/v2/instance": Answer(404, {}, b"{}"),
        f"{BASE}/api/v1/accounts/lookup": Answer(200, {}, b'{"id": "117020565966271181"}'),
        url: older,
    }
    first, _ = replay(of, {}, found)
    position = json.loads(first.cursor_after.position or "")
    assert position["newest"] == "117020580481736214"
    forward = {f"{url}?limit=40&min_id=117020580481736214": newer, url: NO_MORE}
    second, http = replay(replace(of, cursor=first.cursor_after), {}, forward)
    ids = [int(post.external_id) for post in (*first.posts, *second.posts)]
    assert len(set(ids)) == 10
    assert min(int(post.external_id) for post in second.posts) > max(ids[:5])
    assert http.requests[-1].query["min_id"] == "117020580518794573"


def test_an_account_is_looked_up(recordings: Path) -> None:
    replies = cassette(recordings / "test_account_lookup.yaml")
    more = {
        f"{BASE}/api/v2/instance": Answer(404, {}, b"{}"),
        f"{BASE}/api/v1/accounts/117020565966271181/statuses": NO_MORE,
    }
    for name, state in (
        ("mastodonpy_test", SourceState.OK),
        ("kljadklajsdkljlkjlkjlkjasdasd", SourceState.BACKING_OFF),
    ):
        of = replace(SOURCE, options={"timeline": "account", "account": name})
        poll, _ = replay(of, replies, more)
        assert poll.state is state


@pytest.mark.parametrize(
    ("name", "reblogs"), [("test_status_reblog_unreblog", 1), ("test_status_post_with_quote", 1)]
)
def test_reblogs_and_quotes_name_what_they_repeat(
    recordings: Path, name: str, reblogs: int
) -> None:
    posts = [
        post_of(body, SOURCE, now=NOW, honour_indexable=False)
        for body in bodies(recordings / f"{name}.yaml", "POST")
    ]
    repeats = [post for post in posts if post and post.repost_of]
    assert len(repeats) == reblogs
    assert repeats[0].repost_of in {post.external_id for post in posts if post}
    assert repeats[0].text


def test_a_reply_names_its_parent(recordings: Path) -> None:
    posts = [
        post_of(body, SOURCE, now=NOW, honour_indexable=False)
        for body in bodies(recordings / "test_status_reply.yaml", "POST")
    ]
    parent, reply = [post for post in posts if post]
    assert reply.parent_id == parent.external_id


def test_a_refused_home_timeline_is_blocked_for_want_of_a_token(recordings: Path) -> None:
    replies = cassette(recordings / "test_home_tl_anonymous_throws.yaml")
    (refusal,) = replies[f"GET {BASE}/api/v1/timelines/home"]
    more = {f"{BASE}/api/v2/instance": refusal, f"{BASE}/api/v1/timelines/public": refusal}
    poll, _ = replay(SOURCE, {}, more)
    assert (poll.outcome, poll.state) == (Outcome.FAILED, SourceState.BLOCKED)
    assert "token" in (poll.reason or "")


def test_looking_again(recordings: Path) -> None:
    there = cassette(recordings / "test_status.yaml")
    missing = cassette(recordings / "test_status_missing.yaml")
    sights = [
        Sight(external_id=one, url=None, kind=PostKind.POST) for one in ("117020583223442465", "0")
    ]
    look: Look = asyncio.run(
        MastodonCollector().look_again(SOURCE, sights, http=Recorded(there | missing), now=NOW)
    )
    assert [post.external_id for post in look.posts] == ["117020583223442465"]
    assert look.deleted == ("0",)


def bodies(path: Path, method: str = "GET") -> Iterator[object]:
    for key, answers in cassette(path).items():
        if key.startswith(method):
            yield from (json.loads(one.body) for one in answers if one.status == 200 and one.body)


def test_every_recorded_answer_is_read_without_an_error(recordings: Path) -> None:
    paths = sorted(recordings.glob("*.yaml"))
    assert len(paths) == 38
    posts = 0
    for path in paths:
        for body in (*bodies(path), *bodies(path, "POST")):
            for status in body if isinstance(body, list) else [body]:
                post = post_of(status, SOURCE, now=NOW, honour_indexable=False)
                posts += post is not None and bool(post.text)
    assert posts > 100
