"""店迹评价, an invented review site: one page of reviews with schema.org markup in JSON-LD.

The bundled reviews have no stars. They get them here, the way people give them: loosely. Of unhappy
customers four in five give one or two, some forget to change the five they began with.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from typing import NamedTuple

from monitor.demo.publication import Publication
from monitor.demo.scenario import DemoPost, DemoSource

BEST = 5
# Of 256: how many give 1, 2, 3, 4 stars; the rest give five.
_SHARES = {
    "negative": (128, 77, 31, 10),
    "neutral": (10, 31, 102, 77),
    "positive": (5, 8, 20, 90),
}


class Tally(NamedTuple):
    """All stars a shop was given so far."""

    reviews: int = 0
    stars: int = 0

    def plus(self, stars: int) -> Tally:
        """Return the tally with one more review."""
        return Tally(self.reviews + 1, self.stars + stars)


def stars_of(post: DemoPost) -> int:
    """Return the stars, 1…5, that the author of a review gave; always the same ones."""
    die = hashlib.blake2b(post.external_id.encode(), digest_size=1).digest()[0]
    for stars, share in enumerate(_SHARES[post.label], start=1):
        if die < share:
            return stars
        die -= share
    return BEST


class ReviewPage(Publication):
    """The page of the newest reviews, each shop with the rating of all its reviews so far."""

    def __init__(
        self, source: DemoSource, posts: Sequence[DemoPost], day0: datetime, window: timedelta
    ) -> None:
        super().__init__(source, posts, day0, window)
        self._tallies = _tallies(posts)

    @property
    def media_type(self) -> str:
        """The type of a web page."""
        return f"text/html; charset={self.source.encoding}"

    def text(self, visible: range, published: int) -> str:
        """Return the page with the reviews at ``visible``, newest first."""
        posts = [self.posts[index] for index in reversed(visible)]
        name = f"{self.source.name}（虚构）"
        return (
            f'<!doctype html>\n<html lang="zh-CN"><head><meta charset="{self.source.encoding}">'
            f"<title>{escape(name)}</title>\n"
            f'<script type="application/ld+json">{self._markup(posts, published)}</script></head>\n'
            f"<body><h1>{escape(name)}</h1>\n{''.join(map(self._article, posts))}</body></html>\n"
        )

    def _markup(self, posts: Sequence[DemoPost], published: int) -> str:
        shops = self._tallies[published - 1] if published else {}
        nodes = [_shop(name, tally) for name, tally in shops.items()]
        nodes += [self._review(post) for post in posts]
        graph = {"@context": "https://schema.org", "@graph": nodes}
        # A text with </script> in it would end the script; \u003c is the same to every reader.
        return json.dumps(graph, ensure_ascii=False).replace("<", "\\u003c")

    def _review(self, post: DemoPost) -> dict[str, object]:
        return {
            "@type": "Review",
            "url": post.url,
            "itemReviewed": {"@id": _name_of(post.brand)} if post.brand else None,
            "reviewRating": {
                "@type": "Rating", "ratingValue": stars_of(post), "bestRating": BEST, "worstRating": 1,
            },
            "author": {"@type": "Person", "name": post.author.name},
            "datePublished": self.at(post).isoformat(timespec="seconds"),
            "inLanguage": post.lang,
            "reviewBody": post.text,
        }  # fmt: skip

    def _article(self, post: DemoPost) -> str:
        stars = stars_of(post)
        return (
            f"<article><p>{'★' * stars}{'☆' * (BEST - stars)} {escape(post.author.name)}"
            f" · {self.at(post):%Y-%m-%d %H:%M}</p>"
            f'<p><a href="{escape(post.url)}">{escape(post.text)}</a></p></article>\n'
        )


def _name_of(brand: str) -> str:
    return f"urn:shop:{brand}"


def _shop(brand: str, tally: Tally) -> dict[str, object]:
    return {
        "@type": "CafeOrCoffeeShop",
        "@id": _name_of(brand),
        "name": brand,
        "aggregateRating": {
            "@type": "AggregateRating",
            "ratingValue": round(tally.stars / tally.reviews, 1),
            "bestRating": BEST,
            "worstRating": 1,
            "reviewCount": tally.reviews,
        },
    }


def _tallies(posts: Sequence[DemoPost]) -> list[dict[str, Tally]]:
    """Return after each post what its shop and all others were given so far."""
    tallies: list[dict[str, Tally]] = []
    now: dict[str, Tally] = {}
    for post in posts:
        if post.brand:
            now = {**now, post.brand: now.get(post.brand, Tally()).plus(stars_of(post))}
        tallies.append(now)
    return tallies
