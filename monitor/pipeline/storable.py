"""Posts as every database and the bus take them, whoever made them.

A lone surrogate cannot be encoded, PostgreSQL takes no NUL, and no column an integer over 64 bits. One
such value in a hostile answer would break the batch it travels in, again and again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from collectors.model import Author, Poll, Post, ProductRating

_MOST: Final = 2**63


def clean_text(text: str) -> str:
    """Return ``text`` without NUL, lone surrogates as question marks."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def storable(post: Post) -> Post:
    """Return ``post`` itself where every database takes it, as nearly all are; else one mended."""
    return post if _is_storable(post) else _mended(post)


def storable_poll(poll: Poll) -> Poll:
    """Return ``poll`` with its posts mended, and whatever else of it came from the server."""
    return replace(
        poll,
        posts=tuple(storable(post) for post in poll.posts),
        deleted=tuple(clean_text(name) for name in poll.deleted),
        reason=_maybe(poll.reason),
        cursor_after=replace(poll.cursor_after, position=_maybe(poll.cursor_after.position)),
        ratings=tuple(_mended_rating(rating) for rating in poll.ratings),
    )


def _mended_rating(rating: ProductRating) -> ProductRating:
    return replace(
        rating,
        product=clean_text(rating.product),
        name=_maybe(rating.name),
        url=_maybe(rating.url),
        count=rating.count if _fits(rating.count or 0) else None,
    )


def _is_storable(post: Post) -> bool:
    author = post.author
    whole = "\n".join(
        filter(
            None,
            (
                post.external_id, post.url, post.title, post.text, post.lang, author.name, author.handle,
                author.url, post.parent_id, post.root_id, post.repost_of, post.product, post.location,
                *post.tags,
            ),
        )
    )  # fmt: skip
    if "\0" in whole or not _is_text(whole):
        return False
    return _fits(author.followers or 0) and _all_fit(post.metrics)


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _fits(number: int) -> bool:
    return -_MOST <= number < _MOST


def _all_fit(metrics: Mapping[str, int]) -> bool:
    return all(_fits(value) for value in metrics.values())


def _mended(post: Post) -> Post:
    return replace(
        post,
        external_id=clean_text(post.external_id),
        url=_maybe(post.url),
        title=_maybe(post.title),
        text=clean_text(post.text),
        author=_mended_author(post.author),
        lang=_maybe(post.lang),
        metrics={name: value for name, value in post.metrics.items() if _fits(value)},
        parent_id=_maybe(post.parent_id),
        root_id=_maybe(post.root_id),
        repost_of=_maybe(post.repost_of),
        product=_maybe(post.product),
        location=_maybe(post.location),
        tags=tuple(clean_text(tag) for tag in post.tags),
    )


def _mended_author(author: Author) -> Author:
    return Author(
        name=_maybe(author.name),
        handle=_maybe(author.handle),
        url=_maybe(author.url),
        followers=author.followers if _fits(author.followers or 0) else None,
    )


def _maybe(text: str | None) -> str | None:
    return None if text is None else clean_text(text)
