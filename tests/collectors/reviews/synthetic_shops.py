"""Answers of the shops' interfaces, written by hand from their documented shapes; all names invented."""

from __future__ import annotations

from datetime import UTC, datetime


def label(text: object) -> dict[str, object]:
    return {"label": text}


def app_entry() -> dict[str, object]:
    """The app itself, which stands before the reviews at times."""
    return {
        "im:name": label("云雀出行"),
        "id": {**label("https://apps.example/id1"), "attributes": {}},
    }


def app_review(number: int, **more: object) -> dict[str, object]:
    return {
        "author": {"uri": label(f"https://itunes.example/reviews/id{number}"), "name": label("小北")},
        "updated": label("2026-03-01T07:00:00-07:00"),
        "im:rating": label("2"),
        "im:version": label("3.2.1"),
        "id": label(str(number)),
        "title": label("闪退"),
        "content": {**label("更新后\n一直闪退"), "attributes": {"type": "text"}},
        "link": {"attributes": {"rel": "related", "href": f"https://itunes.example/review?id={number}"}},
        "im:voteSum": label("3"),
        "im:voteCount": label("5"),
        **more,
    }  # fmt: skip


def app_feed(*entries: object, page: int = 1, last: int = 1) -> dict[str, object]:
    """A page of customer reviews: ``entry`` a list, one bare object, or absent."""
    links = [{"attributes": {"rel": rel, "href": f"https://x.example/cn/rss/customerreviews/page={number}/id=1/json"}}
             for rel, number in (("self", page), ("first", 1), ("last", last))]  # fmt: skip
    feed: dict[str, object] = {"author": {"name": label("store")}, "link": links}
    if entries:
        feed["entry"] = [*entries] if len(entries) > 1 else entries[0]
    return {"feed": feed}


def app_lookup(value: float = 4.2, count: int = 1_234) -> dict[str, object]:
    found = {"trackName": "云雀出行", "averageUserRating": value, "userRatingCount": count,
             "version": "3.2.1", "trackViewUrl": "https://apps.example/cn/app/id123456"}  # fmt: skip
    return {"resultCount": 1, "results": [found]}


def steam_review(number: int, **more: object) -> dict[str, object]:
    created = int(datetime(2026, 3, 1, 2, tzinfo=UTC).timestamp())
    return {
        "recommendationid": str(number),
        "author": {"steamid": "76561190000000001", "num_reviews": 3, "playtime_forever": 60},
        "language": "schinese",
        "review": "[h1]差[/h1]\n[b]闪退[/b],[url=https://x.example]看这里[/url] [表情] [1/10]",
        "timestamp_created": created,
        "timestamp_updated": created,
        "voted_up": False,
        "votes_up": 7,
        "votes_funny": 4294967295,
        "weighted_vote_score": "0.5",
        "comment_count": 2,
        "steam_purchase": True,
        "received_for_free": True,
        **more,
    }


def steam_page(*reviews: object, cursor: str = "*", total: int | None = None) -> dict[str, object]:
    summary: dict[str, object] = {"num_reviews": len(reviews)}
    if total is not None:
        summary |= {"total_positive": total // 4, "total_negative": total - total // 4,
                    "total_reviews": total, "review_score": 3}  # fmt: skip
    return {"success": 1, "query_summary": summary, "cursor": cursor, "reviews": [*reviews]}


def shop_review(number: int, **more: object) -> dict[str, object]:
    return {
        "id": number,
        "date_created": "2026-03-01T10:00:00",
        "date_created_gmt": "2026-03-01T02:00:00",
        "product_id": 11,
        "product_name": "北岭咖啡 &#8211; 深烘",
        "product_permalink": "https://shop.example/product/dark/",
        "reviewer": "小北",
        "review": "<p>有<b>异味</b></p>",
        "rating": 2,
        "verified": True,
        **more,
    }


def shop_product(**more: object) -> dict[str, object]:
    return {
        "id": 11,
        "name": "北岭咖啡 &#8211; 深烘",
        "permalink": "https://shop.example/product/dark/",
        "average_rating": "3.50",
        "review_count": 12,
        **more,
    }
