"""Which stored posts are worth another look: teasers for their page, mentions for what becomes of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from functools import cache

from collectors.base import LooksAgain
from collectors.model import Post, SourceKind
from collectors.options import FullText
from collectors.registry import collector_for, is_known
from monitor.storage.looks import Purpose
from monitor.storage.rows import Understood

TEASER = 200
"""Characters: full summaries and content:encoded are longer, portals' teasers shorter (70 to 150)."""
PAGES_AT_ONCE = 50
PAGE_AGE = timedelta(days=7)
AGAIN_AGE = timedelta(days=3)

Wanted = tuple[int, int, Purpose]


def looks_for(
    items: Iterable[tuple[int, Understood]],
    options: Mapping[int, Mapping[str, object]],
    *,
    now: datetime,
) -> Iterator[Wanted]:
    """Yield (post id, source id, purpose) for new or edited posts; ``options`` are by source id.

    Of one source at most 50 pages a batch, none of posts older than a week: a first import does
    not read an archive.
    """
    pages: Counter[int] = Counter()
    for post_id, item in items:
        post, source_id = item.post, item.post.source_id
        wishes = options.get(source_id, {})
        age = now - (post.published_at or now)
        if wants_page(wishes, post) and age <= PAGE_AGE and pages[source_id] < PAGES_AT_ONCE:
            pages[source_id] += 1
            yield post_id, source_id, Purpose.PAGE
        if item.understanding.mentions and age <= AGAIN_AGE and _is_followed(item, wishes):
            yield post_id, source_id, Purpose.AGAIN


def wants_page(options: Mapping[str, object], post: Post) -> bool:
    """Return whether the page of a post is to be read: always, or where it carries only a teaser."""
    wish = options.get("full_text", FullText.NEVER)
    if not post.url or post.delivered_hash is not None or wish == FullText.NEVER:
        return False
    return wish == FullText.ALWAYS or len(post.text) < TEASER


def _is_followed(item: Understood, options: Mapping[str, object]) -> bool:
    if looking_again(item.source_kind) is not None:
        return True
    return bool(item.post.url) and options.get("full_text", FullText.NEVER) != FullText.NEVER


@cache
def looking_again(kind: str) -> LooksAgain | None:
    """Return the collector of ``kind`` if it can say what became of a post."""
    if kind == SourceKind.PUSH or not is_known(kind):
        return None
    found: object = collector_for(kind)
    return found if isinstance(found, LooksAgain) else None
