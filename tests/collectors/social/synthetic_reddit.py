"""Answers in the shape of Reddit's, and visits to them."""

from __future__ import annotations

from collectors.model import CollectError, Poll, Source
from collectors.social.reddit import TOKEN_URL, RedditCollector
from tests.collectors.social.visits import Answer, Recorded, ago, answer, source, visit

API = "https://oauth.reddit.com"
NEW = f"{API}/r/cars/new"
POST_TOKEN = f"POST {TOKEN_URL}"
TOKEN = answer({"access_token": "tok", "token_type": "bearer", "expires_in": 86400})
SECRET, FEED_TOKEN = "s3cret", "f33dt0ken"


def link(number: int, hours: float = 1, **more: object) -> dict[str, object]:
    made = {
        "name": f"t3_{number}", "id": str(number), "title": "Skylark EV", "selftext": "on *fire*",
        "author": "lin", "subreddit": "cars", "score": 7, "num_comments": 2, "edited": False,
        "created_utc": float(ago(hours=hours)), "permalink": f"/r/cars/comments/{number}/skylark/",
        "removed_by_category": None, "link_flair_text": "News",
    }  # fmt: skip
    return {"kind": "t3", "data": {**made, **more}}


def comment(number: int, hours: float = 1, **more: object) -> dict[str, object]:
    made = {
        "name": f"t1_{number}", "body": "same here", "author": "wu", "score": 3, "edited": False,
        "created_utc": float(ago(hours=hours)), "link_id": "t3_5", "parent_id": "t1_4",
        "permalink": f"/r/cars/comments/5/skylark/{number}/", "replies": "", "subreddit": "cars",
    }  # fmt: skip
    return {"kind": "t1", "data": {**made, **more}}


def listing(*children: object, following: str | None = None, **headers: str) -> Answer:
    return answer(
        {"kind": "Listing", "data": {"children": list(children), "after": following}}, **headers
    )


def reddit(secrets: dict[str, str] | None = None, **options: object) -> Source:
    settings = {"subreddits": ["cars"], "client_id": "app-id", **options}
    return source(
        "reddit", "https://www.reddit.com", settings,
        secrets={"client_secret": SECRET} if secrets is None else secrets,
    )  # fmt: skip


def seen(of: Source, *replies: Answer | CollectError, at: str = NEW) -> tuple[Poll, Recorded]:
    return visit(RedditCollector(), of, {POST_TOKEN: TOKEN, at: list(replies)})
