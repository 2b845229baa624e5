"""What a channel's feed tells of its videos beside the usual: views and likes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from lxml import etree

from collectors.model import Post
from collectors.social.values import metrics

MOST_VIDEOS = 15
"""So many entries a feed has."""
_PREFIX = "yt:video:"
_ENTRY = "{http://www.w3.org/2005/Atom}entry"
_VIDEO = "{http://www.youtube.com/xml/schemas/2015}videoId"
_STATISTICS = ".//{http://search.yahoo.com/mrss/}statistics"
_STARS = ".//{http://search.yahoo.com/mrss/}starRating"


def video_ids(posts: Sequence[Post]) -> list[str]:
    """Return the ids of the videos among ``posts``, in their order."""
    names = (post.external_id for post in posts)
    return [one.removeprefix(_PREFIX) for one in names if one.startswith(_PREFIX)]


def with_counts(posts: Sequence[Post], body: bytes) -> tuple[Post, ...]:
    """Return ``posts`` with the views and likes that ``body``, the feed they are from, tells of them."""
    if not posts:
        return ()
    counts = _counts(body)
    return tuple(
        replace(post, metrics=counts.get(post.external_id, post.metrics)) for post in posts
    )


def _counts(body: bytes) -> dict[str, dict[str, int]]:
    parser = etree.XMLParser(
        recover=True, resolve_entities=False, no_network=True, remove_comments=True
    )
    try:
        root = etree.fromstring(body, parser)
    except (etree.XMLSyntaxError, ValueError):
        return {}
    if root is None:
        return {}
    found: dict[str, dict[str, int]] = {}
    for entry in root.iter(_ENTRY):
        views, likes = entry.find(_STATISTICS), entry.find(_STARS)
        found[_PREFIX + (entry.findtext(_VIDEO) or "").strip()] = metrics(
            views=_count(views, "views"), likes=_count(likes, "count")
        )
    return found


def _count(element: etree._Element | None, name: str) -> int | None:
    told = "" if element is None else element.get(name, "")
    return int(told) if told.isdecimal() and len(told) < 16 else None
