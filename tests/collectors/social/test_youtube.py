"""YouTube: the feed with its counts, comments with a key, the day's quota, the channel that hides."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, Source, SourceState
from collectors.social.youtube import API, FEED, YouTubeCollector, YouTubeOptions
from tests.collectors.social.visits import (
    HOUR,
    INTERVAL,
    NOW,
    Answer,
    after,
    answer,
    ids,
    source,
    visit,
)

YOUTUBE = YouTubeCollector()
CHANNEL = "UCsynthetic0000000000000"
KEY = "AIzaSyntheticKey"
ENTRY = """<entry><id>yt:video:{id}</id><yt:videoId>{id}</yt:videoId><title>云雀汽车 {id}</title>
<link rel="alternate" href="https://www.youtube.com/watch?v={id}"/>
<author><name>林</name><uri>https://www.youtube.com/channel/UC1</uri></author>
<published>2026-03-10T04:08:00+00:00</published><updated>2026-03-10T04:30:00+00:00</updated>
<media:group><media:title>云雀汽车</media:title><media:description>刹车测试</media:description>
<media:community><media:starRating count="328" average="5.00" min="1" max="5"/>
<media:statistics views="7743"/></media:community></media:group></entry>"""


def feed(*videos: str, **headers: str) -> Answer:
    entries = "".join(ENTRY.format(id=one) for one in videos)
    return answer(
        '<?xml version="1.0" encoding="UTF-8"?><feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" '
        'xmlns:media="http://search.yahoo.com/mrss/" xmlns="http://www.w3.org/2005/Atom">'
        f"<id>yt:channel:x</id>{entries}</feed>",
        **headers,
    )


def said(number: str, minutes: float, text: str = "刹车失灵", **more: object) -> dict[str, object]:
    at = (NOW - timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    snippet = {"textOriginal": text, "authorDisplayName": "@wu", "authorChannelId": {"value": "UC9"},
               "likeCount": 4, "publishedAt": at, "updatedAt": at}  # fmt: skip
    return {"id": number, "snippet": {**snippet, **more}}


def thread(
    number: str, minutes: float, *replies: dict[str, object], **more: object
) -> dict[str, object]:
    return {
        "id": number,
        "snippet": {
            "topLevelComment": said(number, minutes, **more),
            "totalReplyCount": len(replies),
        },
        "replies": {"comments": list(replies)},
    }


def threads(*found: dict[str, object], following: str | None = None) -> Answer:
    return answer({"items": list(found), "nextPageToken": following})


def error(reason: str, status: int = 403) -> Answer:
    return answer({"error": {"code": status, "errors": [{"reason": reason}]}}, status=status)


def youtube(key: str | None = None, **options: object) -> Source:
    settings = {"channel_id": CHANNEL, **options}
    return source("youtube", FEED, settings, secrets={"api_key": key} if key else {})


def asked_for(video: str, token: str | None = None) -> str:
    query = f"part=snippet,replies&videoId={video}&order=time&maxResults=100&textFormat=plainText"
    return f"{API}?{query}{'&pageToken=' + token if token else ''}"


def test_a_video_is_a_post_with_views_and_likes() -> None:
    poll, http = visit(YOUTUBE, youtube(), {FEED: feed("aaaaaaaaaaa")})
    (post,) = poll.posts
    assert (post.external_id, post.kind) == ("yt:video:aaaaaaaaaaa", PostKind.POST)
    assert (post.title, post.text) == ("云雀汽车 aaaaaaaaaaa", "刹车测试")
    assert (post.published_at, post.metrics) == (NOW - HOUR, {"views": 7743, "likes": 328})
    assert http.asked == [f"{FEED}?channel_id={CHANNEL}"]


@pytest.mark.parametrize(
    ("url", "options", "asked"),
    [
        (FEED, {"playlist_id": "PL00000000000"}, f"{FEED}?playlist_id=PL00000000000"),
        (f"{FEED}?channel_id=UCtyped", {}, f"{FEED}?channel_id=UCtyped"),
    ],
    ids=["a playlist", "the address of a feed"],
)
def test_what_is_asked(url: str, options: dict[str, object], asked: str) -> None:
    _, http = visit(YOUTUBE, source("youtube", url, options), {asked: feed("aaaaaaaaaaa")})
    assert http.asked == [asked]


def test_without_a_channel_nothing_is_asked() -> None:
    poll, http = visit(YOUTUBE, source("youtube", FEED), {})
    assert (poll.state, http.asked) == (SourceState.BLOCKED, [])
    assert "channel_id" in (poll.reason or "")


def test_an_unchanged_feed_is_unchanged() -> None:
    of = after(visit(YOUTUBE, youtube(), {FEED: feed("aaaaaaaaaaa", etag='"1"')})[0], youtube())
    poll, http = visit(YOUTUBE, of, {FEED: answer(b"", status=304)})
    assert (poll.outcome, poll.state) == (Outcome.UNCHANGED, SourceState.OK)
    assert http.requests[0].headers["If-None-Match"] == '"1"'
    assert poll.cursor_after == of.cursor
    poll, _ = visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa")})
    assert poll.outcome is Outcome.UNCHANGED


@pytest.mark.parametrize(
    ("refused", "state"),
    [
        (answer("", status=404), SourceState.BACKING_OFF),
        (answer("", status=500), SourceState.BACKING_OFF),
        (answer("", status=403), SourceState.BLOCKED),
        (answer("<html></html>"), SourceState.NOT_A_FEED),
        (CollectError("超时"), SourceState.BACKING_OFF),
    ],
    ids=["404 now and then", "500 now and then", "403", "a page", "no answer"],
)
def test_a_feed_that_fails_keeps_its_place_and_is_not_gone(
    refused: Answer, state: SourceState
) -> None:
    of = youtube(KEY)
    first = {FEED: feed("aaaaaaaaaaa"), API: threads(thread("c1", 5))}
    of = after(visit(YOUTUBE, of, first)[0], of)
    poll, http = visit(YOUTUBE, of, {FEED: refused})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, of.cursor)
    assert len(http.asked) == 1, "no comments are asked for"


def test_comments_and_replies_come_with_a_key_in_the_header() -> None:
    replies = {FEED: feed("aaaaaaaaaaa"), API: threads(thread("c1", 5, said("c1.r1", 2)))}
    poll, http = visit(YOUTUBE, youtube(KEY), replies)
    video, top, below = poll.posts
    assert (top.external_id, top.kind, top.text) == ("yt:comment:c1", PostKind.COMMENT, "刹车失灵")
    assert (top.parent_id, top.root_id) == (video.external_id, video.external_id)
    assert (below.parent_id, below.root_id) == (top.external_id, video.external_id)
    assert (top.metrics, below.metrics) == ({"likes": 4, "replies": 1}, {"likes": 4})
    assert (top.author.name, top.author.url) == ("@wu", "https://www.youtube.com/channel/UC9")
    assert top.url == "https://www.youtube.com/watch?v=aaaaaaaaaaa&lc=c1"
    assert top.edited_at is None
    assert http.asked[1] == asked_for("aaaaaaaaaaa").replace("snippet,replies", "snippet%2Creplies")
    assert http.requests[1].headers["X-Goog-Api-Key"] == KEY
    assert not any(KEY in url for url in http.asked)
    assert KEY not in repr(poll)


def test_an_edited_comment_says_so() -> None:
    edited = thread("c1", 5, updatedAt=(NOW - timedelta(minutes=1)).isoformat())
    poll, _ = visit(YOUTUBE, youtube(KEY), {FEED: feed("aaaaaaaaaaa"), API: threads(edited)})
    assert poll.posts[1].edited_at == NOW - timedelta(minutes=1)


def test_comments_are_asked_of_the_newest_videos_only() -> None:
    replies = {FEED: feed("aaaaaaaaaaa", "bbbbbbbbbbb", "ccccccccccc"), API: threads()}
    _, http = visit(YOUTUBE, youtube(KEY, comment_videos=2), replies)
    assert [one.query["videoId"] for one in http.requests[1:]] == ["aaaaaaaaaaa", "bbbbbbbbbbb"]
    _, http = visit(YOUTUBE, youtube(KEY, comment_videos=0), replies)
    assert len(http.asked) == 1


def test_comments_are_read_down_to_what_is_known_also_where_the_feed_is_unchanged() -> None:
    of = youtube(KEY)
    of = after(
        visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa"), API: threads(thread("c1", 60))})[0], of
    )
    replies = {
        FEED: answer(b"", status=304) if of.cursor.etag else feed("aaaaaaaaaaa"),
        asked_for("aaaaaaaaaaa"): threads(thread("c3", 5), thread("c2", 20), following="T2"),
        asked_for("aaaaaaaaaaa", "T2"): threads(thread("c1", 60), thread("c0", 90), following="T3"),
    }
    poll, http = visit(YOUTUBE, of, replies)
    assert ids(poll) == ["yt:comment:c3", "yt:comment:c2", "yt:comment:c1"]
    assert (len(http.asked), poll.outcome) == (3, Outcome.NEW)


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = youtube(KEY)
    of = after(
        visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa"), API: threads(thread("c1", 60))})[0], of
    )
    replies = {
        FEED: feed("aaaaaaaaaaa"),
        asked_for("aaaaaaaaaaa"): threads(thread("c3", 5), following="T2"),
        asked_for("aaaaaaaaaaa", "T2"): answer({}, status=500),
    }
    poll, _ = visit(YOUTUBE, of, replies)
    assert (ids(poll), poll.state) == (["yt:comment:c3"], SourceState.BACKING_OFF)
    replies[asked_for("aaaaaaaaaaa", "T2")] = threads(thread("c2", 20), thread("c0", 90))
    replies[asked_for("aaaaaaaaaaa")] = threads(thread("c3", 5), thread("c0", 90))
    poll, http = visit(YOUTUBE, after(poll, of), replies)
    assert ids(poll) == ["yt:comment:c2", "yt:comment:c3"]
    assert http.requests[1].query["pageToken"] == "T2"


@pytest.mark.parametrize("reason", ["commentsDisabled", "videoNotFound"])
def test_a_video_without_comments_is_no_error(reason: str) -> None:
    poll, _ = visit(YOUTUBE, youtube(KEY), {FEED: feed("aaaaaaaaaaa"), API: error(reason)})
    assert (poll.state, poll.reason, len(poll.posts)) == (SourceState.OK, None, 1)


MIDNIGHT = datetime(
    2026, 3, 10, 7, 0, tzinfo=UTC
)  # 00:00 in California, in summer time since the 8th


def test_a_used_up_quota_holds_back_comments_until_midnight_in_california_and_not_the_feed() -> (
    None
):
    of = youtube(KEY)
    poll, _ = visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa"), API: error("quotaExceeded")})
    assert (poll.state, poll.wait, len(poll.posts)) == (SourceState.RATE_LIMITED, INTERVAL, 1)
    assert json.loads(poll.cursor_after.position or "")["spent_until"] == MIDNIGHT.timestamp()
    of = after(poll, of)
    before = MIDNIGHT - timedelta(seconds=1)
    poll, http = visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa", "bbbbbbbbbbb")}, now=before)
    assert (poll.state, len(poll.posts), len(http.asked)) == (SourceState.RATE_LIMITED, 2, 1)
    replies = {FEED: feed("aaaaaaaaaaa"), API: threads(thread("c1", 5))}
    poll, _ = visit(YOUTUBE, after(poll, of), replies, now=MIDNIGHT)
    assert (poll.state, poll.posts[-1].external_id) == (SourceState.OK, "yt:comment:c1")
    assert "spent_until" not in {
        key for key, value in json.loads(poll.cursor_after.position or "").items() if value
    }


@pytest.mark.parametrize(
    ("refused", "state"),
    [
        (error("keyInvalid", 400), SourceState.BLOCKED),
        (error("accessNotConfigured"), SourceState.BLOCKED),
        (error("rateLimitExceeded"), SourceState.RATE_LIMITED),
        (answer("<html></html>"), SourceState.BLOCKED),
        (answer({}, status=500), SourceState.BACKING_OFF),
    ],
    ids=["wrong key", "not enabled", "too fast", "a page", "500"],
)
def test_trouble_with_comments_keeps_the_videos(refused: Answer, state: SourceState) -> None:
    poll, _ = visit(YOUTUBE, youtube(KEY), {FEED: feed("aaaaaaaaaaa"), API: refused})
    assert (poll.state, ids(poll)) == (state, ["yt:video:aaaaaaaaaaa"])
    assert poll.reason


@pytest.mark.parametrize(
    "item",
    [None, {}, {"snippet": {}}, {"snippet": {"topLevelComment": {"id": {}}}, "replies": [1]}],
)
def test_nonsense_among_threads_is_left_out(item: object) -> None:
    body = answer({"items": [item, thread("c1", 5)]})
    poll, _ = visit(YOUTUBE, youtube(KEY), {FEED: feed("aaaaaaaaaaa"), API: body})
    assert ids(poll)[1:] == ["yt:comment:c1"]


def test_a_broken_position_starts_again() -> None:
    of = youtube(KEY)
    of = replace(
        of, cursor=replace(of.cursor, position='{"videos": 3, "comments": [], "feed": {}}')
    )
    poll, _ = visit(YOUTUBE, of, {FEED: feed("aaaaaaaaaaa"), API: threads()})
    assert poll.state is SourceState.OK


@pytest.mark.parametrize("options", [{"channel_id": "a b"}, {"comment_videos": 6}])
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        YouTubeOptions.model_validate(options)


def test_a_recorded_entry_reads_with_its_counts(shared_data: Path) -> None:
    recorded = shared_data / "corpora" / "recorded-snippets" / "youtube_entry_2022.xml"
    poll, _ = visit(YOUTUBE, youtube(), {FEED: answer(recorded.read_bytes())})
    (post,) = poll.posts
    assert post.external_id == "yt:video:cS-k09EMv-A"
    assert post.metrics == {"views": 7743, "likes": 328}
    assert post.published_at == datetime(2022, 6, 22, 12, 0, 17, tzinfo=UTC)
    assert (post.author.name, post.title) == (
        "Priscilla Abby 蔡恩雨", "蔡恩雨 Priscilla Abby《唯舞唯一》MV Behind The Scene 幕後花絮",
    )  # fmt: skip
    assert post.text.startswith("雖然《唯舞唯一》MV")
