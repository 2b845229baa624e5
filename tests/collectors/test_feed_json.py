from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from collectors.feed import parse_feed
from collectors.model import Source, SourceKind

NOW = datetime(2024, 5, 2, 4, 0, tzinfo=UTC)
URL = "https://news.example.cn/feed.json"
SOURCE = Source(id=7, name="新闻", kind=SourceKind.FEED, url=URL, interval=timedelta(minutes=5))


@pytest.mark.parametrize(
    ("given", "known"),
    [
        (3_264_000, 3_264_000),
        (0, 0),
        (None, None),
        (-1, None),
        ("12", None),
        (True, None),
        (1e9, None),
    ],
    ids=repr,
)
def test_followers_are_read_from_the_extension_and_unknown_where_they_are_no_count(given, known):
    item = {
        "id": "1",
        "content_text": "后厨",
        "authors": [{"name": "@食安瞭望台", "_followers": given}],
    }
    body = json.dumps(
        {"version": "https://jsonfeed.org/version/1.1", "title": "t", "items": [item]}
    )
    parsed = parse_feed(body.encode(), content_type=None, url=URL, source=SOURCE, now=NOW)
    (post,) = parsed.posts
    assert (post.author.name, post.author.followers) == ("@食安瞭望台", known)
