"""What editors and readers of a site write about a brand."""

from __future__ import annotations

from tests.scenarios import texts
from tests.servers.running import WordPress

LETTER = "车主来信"


def write(
    site: WordPress, brand: str, *, posts: int, comments: int, minutes_apart: int = 0
) -> tuple[list[int], list[int]]:
    """Publish one announcement and ``posts`` complaints, and comments on the announcement.

    The first comment is of now, the others lie before it. Returns the ids of all posts and of the
    comments.
    """
    letters = (
        {"do": "post", "title": f"{brand}{LETTER}", "text": texts.negative(brand)}
        for _ in range(posts)
    )
    announcement = {"do": "post", "title": f"{brand}门店公告", "text": texts.neutral(brand)}
    written = site.edit(announcement, *letters)
    opinions = (
        {
            "author": f"车主{place}",
            "text": texts.negative(brand),
            "minutes_ago": place * minutes_apart,
        }
        for place in range(comments)
    )
    said = site.edit(*({"do": "comment", "post": written[0], **one} for one in opinions))
    return written, said
