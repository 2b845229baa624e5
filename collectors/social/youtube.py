"""YouTube: a channel's or playlist's newest videos by its feed, and their comments with an API key.

Source: https://developers.google.com/youtube/v3/docs/commentThreads/list (one unit a request of
10,000 a day, which begin at midnight in California).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from functools import partial
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.fetch import FeedCollector
from collectors.model import Author, Outcome, Poll, Post, PostKind, Source, SourceKind, SourceState
from collectors.options import Options
from collectors.social.limits import Api
from collectors.social.paging import (
    Pace,
    Page,
    ReadPage,
    Visited,
    dump_walks,
    load_position,
    load_walks,
    walk_lists,
)
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    iso,
    metrics,
    number,
    objects,
    published,
    rank,
    text,
    unix,
    written,
)
from collectors.social.youtube_videos import MOST_VIDEOS, video_ids, with_counts
from collectors.visit import BLOCKED_WAIT, Trouble, Visit, back_off

FEED = "https://www.youtube.com/feeds/videos.xml"
API = "https://www.googleapis.com/youtube/v3/commentThreads"
_PAGES = 2  # of one video's comments in one visit: 100 threads each
_OVERLAP_SECONDS = 300
_PACIFIC = ZoneInfo("America/Los_Angeles")
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_NO_COMMENTS = frozenset({"commentsDisabled", "videoNotFound"})
_QUOTA = "YouTube 当日配额已用完，太平洋时间零点恢复 (quota exceeded)"
_OFTEN = "YouTube 要求放慢请求 (rate limit exceeded)"
_REFUSED = "YouTube 拒绝了请求: {} (refused)"
_NO_CHANNEL = "请填写 channel_id 或 playlist_id (name a channel or a playlist)"
_REASON = re.compile(r"[A-Za-z_]{1,60}")
_ID = r"^[A-Za-z0-9_-]{10,80}$"


class YouTubeOptions(Options):
    """Settings of a YouTube source."""

    channel_id: str | None = Field(default=None, pattern=_ID, description="UC…, not the @handle.")
    playlist_id: str | None = Field(default=None, pattern=_ID, description="A playlist, PL….")
    comment_videos: int = Field(
        default=3,
        ge=0,
        le=5,
        description="With an API key: of how many of the newest videos comments are read.",
    )
    newest: int = Field(
        default=100, ge=1, le=500, description="How many comment threads the first import takes."
    )


class _Heard:
    """The way out for the feed's one request; it keeps the answer, for the counts in it."""

    def __init__(self, http: Http) -> None:
        self._http = http
        self.lines = http.lines
        self.messages = http.messages
        self.post = http.post
        self.reply: Reply | None = None

    async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        self.reply = await self._http.get(url, headers)
        return self.reply


@dataclass(frozen=True, slots=True)
class _Comments:
    """Comment threads of videos, asked with a key."""

    api: Api

    async def page(self, video: str, token: str | None, _known: int | None) -> Page:
        """Return a page of threads, each with the few replies YouTube adds to it."""
        asked = {
            "part": "snippet,replies",
            "videoId": video,
            "order": "time",
            "maxResults": "100",
            "textFormat": "plainText",
            **({"pageToken": token} if token else {}),
        }
        visit = self.api.visit
        reply = await self.api.answer(f"{API}?{urlencode(asked)}")
        if _said(reply) in _NO_COMMENTS:
            return Page()
        if trouble := _judge(visit, reply) or visit.refusal(reply):
            raise trouble
        answer = child(visit.read_json(reply))
        threads = objects(answer.get("items"))
        tops = [child(thread, "snippet", "topLevelComment") for thread in threads]
        ranks = [
            rank(iso(child(top, "snippet").get("publishedAt"), visit.now), visit.now)
            for top in tops
        ]
        posts = [
            (at or 0, post)
            for at, thread in zip(ranks, threads, strict=True)
            for post in _thread(thread, video, visit)
        ]
        return Page(
            posts=tuple(posts),
            oldest=ranks[-1] if ranks else None,
            following=text(answer.get("nextPageToken")) or None,
        )


class YouTubeCollector(BaseCollector):
    """Visits a YouTube channel or playlist."""

    kind = "youtube"
    options = YouTubeOptions
    default_url = FEED
    secrets = ("api_key",)

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the newest videos, and with a key the new comments on the latest of them.

        A day's quota that is used up holds back comments only: the feed costs none.
        """
        visit = Visit(source=source, slot=slot, now=now)
        options = YouTubeOptions.model_validate(source.options)
        url = _feed_url(source, options)
        if url is None:
            return visit.failed(Trouble(SourceState.BLOCKED, _NO_CHANNEL, wait=BLOCKED_WAIT))
        before = load_position(source.cursor.position)
        poll = await _feed(visit, http, url, before)
        videos = video_ids(poll.posts) or [
            video for video in map(identifier, _list(before.get("videos"))) if video
        ]
        after = {**before, "feed": poll.cursor_after.position, "videos": videos[:MOST_VIDEOS]}
        key = source.secrets.get("api_key")
        if key and options.comment_videos and poll.outcome is not Outcome.FAILED:
            visited = await _comments(visit, http, key, videos[: options.comment_videos])
            after["comments"] = dump_walks(visited.walks)
            after["spent_until"] = _spent_until(visited.trouble, before, now)
            poll = _together(poll, visited)
        cursor = replace(poll.cursor_after, position=json.dumps(after))
        return replace(poll, cursor_after=cursor)


async def _feed(visit: Visit, http: Http, url: str, before: Json) -> Poll:
    """Return the poll of the feed, its posts with views and likes."""
    heard, source = _Heard(http), visit.source
    options = {key: source.options[key] for key in ("timezone", "pace") if key in source.options}
    as_feed = replace(
        source,
        kind=SourceKind.FEED,
        url=url,
        options={**options, "post_kind": PostKind.POST},
        cursor=replace(source.cursor, position=text(before.get("feed")) or None),
    )
    poll = await FeedCollector().collect(as_feed, slot=visit.slot, http=heard, now=visit.now)
    body = heard.reply.body if heard.reply else b""
    return replace(poll, posts=with_counts(poll.posts, body))


async def _comments(visit: Visit, http: Http, key: str, videos: Sequence[str]) -> Visited:
    before = load_position(visit.source.cursor.position)
    walks = load_walks(child(before, "comments"))
    spent_until = unix(before.get("spent_until"))
    if spent_until and spent_until > visit.now:
        return Visited(walks=walks, trouble=Trouble(SourceState.RATE_LIMITED, _QUOTA))
    options = YouTubeOptions.model_validate(visit.source.options)
    comments = _Comments(Api(visit=visit, http=http, headers={"X-Goog-Api-Key": key}))
    lists: dict[str, ReadPage] = {video: partial(comments.page, video) for video in videos}
    pace = Pace(pages=_PAGES, newest=options.newest, overlap=_OVERLAP_SECONDS)
    return await walk_lists(lists, walks, pace)


def _together(poll: Poll, visited: Visited) -> Poll:
    """Return the poll of the feed with the comments, and with the trouble they made."""
    trouble = visited.trouble
    posts = (*poll.posts, *visited.posts.values())
    poll = replace(
        poll,
        posts=posts,
        outcome=Outcome.NEW if posts else poll.outcome,
        dropped=poll.dropped + visited.dropped,
    )
    if trouble is None:
        return poll
    wait = max(poll.wait, trouble.wait or timedelta())
    return replace(
        poll,
        state=trouble.state,
        reason=trouble.reason,
        wait=wait,
        status=trouble.status or poll.status,
    )


def _spent_until(trouble: Trouble | None, before: Json, now: datetime) -> int | None:
    """Return until when the quota is used up (unix seconds): midnight in California; None: it is not."""
    if trouble is None or trouble.reason != _QUOTA:
        return None
    known = number(before.get("spent_until"))
    if known and known > now.timestamp():
        return known
    tomorrow = now.astimezone(_PACIFIC).date() + timedelta(days=1)
    return int(datetime.combine(tomorrow, time(), _PACIFIC).timestamp())


def _feed_url(source: Source, options: YouTubeOptions) -> str | None:
    asked = {"channel_id": options.channel_id, "playlist_id": options.playlist_id}
    named = {key: value for key, value in asked.items() if value}
    if named:
        return f"{source.url.partition('?')[0]}?{urlencode(named)}"
    return source.url if "?" in source.url else None


def _judge(visit: Visit, reply: Reply) -> Trouble | None:
    """Return what an error means by the reason told in it; None leaves it to its status code."""
    said = _said(reply)
    if said in _SPENT:
        return Trouble(SourceState.RATE_LIMITED, _QUOTA, status=reply.status)
    if said in _TOO_FAST:
        wait = back_off(visit.source)
        return Trouble(SourceState.RATE_LIMITED, _OFTEN, wait=wait, status=reply.status)
    if said and reply.status in (400, 401, 403):
        reason = _REFUSED.format(said[:60])
        return Trouble(SourceState.BLOCKED, reason, wait=BLOCKED_WAIT, status=reply.status)
    return None


def _said(reply: Reply) -> str:
    if reply.status < 400:
        return ""
    try:
        error = child(json.loads(reply.body), "error")
    except (ValueError, RecursionError):
        return ""
    reasons = [text(one.get("reason")) for one in objects(error.get("errors"))]
    return next(filter(_REASON.fullmatch, reasons), "")


def _thread(thread: Json, video: str, visit: Visit) -> list[Post]:
    top = child(thread, "snippet", "topLevelComment")
    replies = number(child(thread, "snippet").get("totalReplyCount"))
    found = [_comment(top, video, None, visit)]
    if found[0] is None:
        return []
    counted = replace(found[0], metrics={**found[0].metrics, **metrics(replies=replies)})
    answers = objects(child(thread, "replies").get("comments"))
    below = [_comment(one, video, found[0].external_id, visit) for one in answers]
    return [counted, *(post for post in below if post is not None)]


def _comment(comment: Json, video: str, above: str | None, visit: Visit) -> Post | None:
    number_there, snippet = identifier(comment.get("id")), child(comment, "snippet")
    if number_there is None:
        return None
    at, precision = published(iso(snippet.get("publishedAt"), visit.now), visit.now)
    edited = iso(snippet.get("updatedAt"), visit.now)
    root = f"yt:video:{video}"
    page = f"https://www.youtube.com/watch?{urlencode({'v': video, 'lc': number_there})}"
    return Post(
        source_id=visit.source.id,
        external_id=f"yt:comment:{number_there}",
        kind=PostKind.COMMENT,
        url=page,
        text=written(snippet.get("textOriginal")) or written(snippet.get("textDisplay")),
        author=_author(snippet),
        published_at=at,
        precision=precision,
        edited_at=edited if at and edited and edited > at else None,
        metrics=metrics(likes=snippet.get("likeCount")),
        parent_id=above or root,
        root_id=root,
    )


def _author(snippet: Json) -> Author:
    channel = identifier(child(snippet, "authorChannelId").get("value"))
    url = f"https://www.youtube.com/channel/{quote(channel, safe='')}" if channel else None
    return author(snippet.get("authorDisplayName"), None, url)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
