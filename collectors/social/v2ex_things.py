"""Topics and replies of V2EX as its two interfaces tell them, and the posts they become."""

from __future__ import annotations

from datetime import datetime

from collectors.model import NOBODY, Author, Post, PostKind
from collectors.social.values import (
    Json,
    author,
    child,
    identifier,
    link,
    metrics,
    name,
    number,
    published,
    seen,
    text,
    title,
    unix,
    written,
)

SITE = "https://www.v2ex.com"


def is_deleted(topic: Json) -> bool:
    """Return whether V2EX says that the topic was deleted."""
    return bool(number(topic.get("deleted")))


def touched(topic: Json) -> datetime | None:
    """Return when something last happened in a topic."""
    known = (unix(topic.get(key)) for key in ("last_touched", "last_modified", "created"))
    return next((moment for moment in known if moment), None)


def topic_post(topic: Json, source_id: int, now: datetime) -> Post | None:
    """Return the post of a topic; None for a deleted one and for nonsense."""
    external_id = identifier(topic.get("id"))
    if external_id is None or is_deleted(topic):
        return None
    at, precision = published(unix(topic.get("created")), now)
    node = name(child(topic, "node").get("name"))
    return Post(
        source_id=source_id,
        external_id=external_id,
        kind=PostKind.POST,
        url=link(topic.get("url"), SITE) or f"{SITE}/t/{external_id}",
        title=title(topic.get("title")),
        text=_text(topic),
        author=_author(topic),
        published_at=at,
        precision=precision,
        metrics=metrics(replies=topic.get("replies")),
        tags=(node,) if node else (),
    )


def reply_post(reply: Json, topic_id: str, source_id: int, now: datetime) -> Post | None:
    """Return the post of a reply; its id is ``r`` and a number, topics and replies share numbers."""
    number_there = identifier(reply.get("id"))
    if number_there is None:
        return None
    at, precision = published(unix(reply.get("created")), now)
    return Post(
        source_id=source_id,
        external_id=f"r{number_there}",
        kind=PostKind.COMMENT,
        url=f"{SITE}/t/{topic_id}#r_{number_there}",
        text=_text(reply),
        author=_author(reply),
        published_at=at,
        precision=precision,
        metrics=metrics(likes=reply.get("thanks")),
        parent_id=topic_id,
        root_id=topic_id,
    )


def _text(thing: Json) -> str:
    return seen(thing.get("content_rendered")) or written(thing.get("content"))


def _author(thing: Json) -> Author:
    member = child(thing, "member")
    user = text(member.get("username"))
    return author(user, user, link(member.get("url"), SITE)) if user else NOBODY
