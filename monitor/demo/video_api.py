"""闪拍短视频, an invented video site with a JSON interface, and the recipe that reads it.

Its manners are those of real ones: every answer is a 200 with a code inside, counts are texts
("1.2万"), times are unix seconds, and a cursor leads to the older page.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from datetime import datetime

from monitor.demo.scenario import DemoPost

PAGE = 20
MOST_A_PAGE = 50
QUERY = f"?count={PAGE}&cursor={{cursor}}"
RECIPE: Mapping[str, object] = {
    "success": "code == `0`",
    "items": "data.videos",
    "map": {
        "id": "video_id",
        "text": "desc",
        "url": "share_url",
        "lang": "lang",
        "created_at": {"path": "create_time", "format": "unix"},
        "author.name": "author.nickname",
        "author.followers": {"path": "author.followers", "transform": ["number_zh"]},
        "metrics.likes": {"path": "stats.digg", "transform": ["number_zh"]},
        "metrics.replies": {"path": "stats.comment", "transform": ["number_zh"]},
        "metrics.views": {"path": "stats.play", "transform": ["number_zh"]},
    },
    "page": {"type": "cursor", "path": "data.next_cursor", "max_pages": 5},
    "post_kind": "post",
    "may_be_empty": True,  # before the first video of the first day
}
_MYRIAD, _HUNDRED_MILLION = 10_000, 100_000_000


class VideoApi:
    """The newest videos, page by page. A cursor keeps its place while new ones come."""

    def __init__(self, posts: Sequence[DemoPost], day0: datetime) -> None:
        self._posts = posts
        self._offsets = [post.offset for post in posts]
        self._day0 = day0

    def answer(self, now: datetime, *, cursor: str = "", count: str = "") -> dict[str, object]:
        """Return a page of what was published until ``now``, newest first, or a refusal with its code."""
        end = bisect_right(self._offsets, now - self._day0)
        size = min(int(count[:4]), MOST_A_PAGE) if count.isdecimal() else PAGE
        if cursor:
            if not (cursor.isdecimal() and len(cursor) <= len(str(end))):
                return {"code": 40001, "message": "游标无效,请从第一页开始"}
            end = min(int(cursor), end)
        start = max(end - max(size, 1), 0)
        videos = [self._video(post) for post in reversed(self._posts[start:end])]
        data = {"videos": videos, "has_more": start > 0, "next_cursor": str(start) if start else ""}
        return {"code": 0, "message": "ok", "data": data}

    def _video(self, post: DemoPost) -> dict[str, object]:
        likes = likes_of(post)
        return {
            "video_id": post.external_id,
            "desc": post.text,
            "share_url": post.url,
            "create_time": round((self._day0 + post.offset).timestamp()),
            "lang": post.lang,
            "author": {
                "nickname": post.author.name, "followers": count_text(post.author.followers or 0)
            },
            "stats": {
                "digg": count_text(likes), "comment": count_text(likes // 12),
                "play": count_text(likes * 23),
            },
        }  # fmt: skip


def likes_of(post: DemoPost) -> int:
    """Return how many like a video: more where the author is followed, rarely very many."""
    die = int.from_bytes(hashlib.blake2b(post.external_id.encode(), digest_size=2).digest(), "big")
    luck = (die + 1) / 65_537
    return int(((post.author.followers or 0) / 40 + 8) / luck**0.7)


def count_text(count: int) -> str:
    """Return a count as Chinese sites write it: 9876, 1.2万, 3.4亿."""
    for unit, name in ((_HUNDRED_MILLION, "亿"), (_MYRIAD, "万")):
        if count >= unit:
            return f"{count / unit:.1f}".removesuffix(".0") + name
    return str(count)
