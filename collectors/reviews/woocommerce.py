"""WooCommerce shops: product reviews and ratings over the public Store API, without a key."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from pydantic import Field

from collectors.base import BaseCollector, Http, Reply
from collectors.dates import believable, parse_date
from collectors.identity import absolute_url
from collectors.model import Author, Poll, Post, PostKind, ProductRating, Source, SourceState, Stars
from collectors.options import Options
from collectors.plain import plain, tidy
from collectors.reviews.ratings import count_of, number_of
from collectors.reviews.walk import ReviewPage, walk
from collectors.visit import Trouble, Visit, trouble_state

API = "/wp-json/wc/store/v1/products"
PER_PAGE = 100
NO_LIST = "商店接口没有返回评论列表 (the shop's interface answered no list of reviews)"
_TEXT_CHARACTERS = 200_000
_PASS_ON = frozenset({SourceState.RATE_LIMITED, SourceState.BLOCKED})


class WooCommerceOptions(Options):
    """Settings of a WooCommerce shop."""

    max_pages: int = Field(default=5, ge=3, le=5, description="Pages read in one visit at most.")


@dataclass(slots=True, kw_only=True)
class _Shop:
    """A shop's reviews, as seen in one visit."""

    visit: Visit
    http: Http
    products: dict[str, str] = field(default_factory=dict)
    """Product id by the external id of a review that was read."""

    async def turn(self, at: str) -> ReviewPage:
        """Return page ``at``, newest first; past the end the shop answers 400 or an empty list."""
        page = int(at) if at.isdecimal() else 1
        query = {"per_page": PER_PAGE, "page": page, "orderby": "date", "order": "desc"}
        try:
            value, reply = await self._list("/reviews", query)
        except Trouble as trouble:
            if page > 1 and trouble.status == 400:  # rest_post_invalid_page_number
                return ReviewPage(posts=())
            raise
        posts = tuple(filter(None, (self._review(one) for one in value)))
        pages = count_of(reply.headers.get("x-wp-totalpages"))
        is_last = not value or (page >= pages if pages is not None else len(value) < PER_PAGE)
        return ReviewPage(posts=posts, next=None if is_last else str(page + 1), resume=str(page))

    async def ratings(self, posts: tuple[Post, ...]) -> list[ProductRating]:
        """Return the ratings of the products these reviews are about, at most 100."""
        names = (self.products.get(post.external_id) for post in posts)
        wanted = [*dict.fromkeys(filter(None, names))][:PER_PAGE]
        if not wanted:
            return []
        value, _ = await self._list("", {"include": ",".join(wanted), "per_page": PER_PAGE})
        return [rating for rating in map(_rating, value) if rating]

    async def _list(self, path: str, query: dict[str, Any]) -> tuple[list[Any], Reply]:
        base = self.visit.source.url.rstrip("/")
        value, reply = await self.visit.get_json(self.http, f"{base}{API}{path}?{urlencode(query)}")
        if not isinstance(value, list):
            raise Trouble(trouble_state(self.visit.source), NO_LIST, status=reply.status)
        return value, reply

    def _review(self, review: object) -> Post | None:
        if not isinstance(review, dict) or not isinstance(review.get("id"), int):
            return None
        external_id = str(review["id"])
        if isinstance(review.get("product_id"), int):
            self.products[external_id] = str(review["product_id"])
        return _post(review, external_id, self.visit)


class WooCommerceCollector(BaseCollector):
    """Visits the product reviews of a shop; its address is the shop's root."""

    kind = "woocommerce"
    options = WooCommerceOptions

    async def collect(self, source: Source, *, slot: datetime, http: Http, now: datetime) -> Poll:
        """Return the reviews that are new or edited, and the ratings of the products they are about."""
        visit = Visit(source=source, slot=slot, now=now)
        options = WooCommerceOptions.model_validate(source.options)
        shop = _Shop(visit=visit, http=http)
        try:
            walked = await walk(
                source.cursor.position, shop.turn, first="1", most_pages=options.max_pages
            )
        except Trouble as trouble:
            return visit.failed(trouble)
        if walked.trouble:
            return walked.poll(visit)
        try:
            return walked.poll(visit, await shop.ratings(walked.posts))
        except Trouble as trouble:
            # An old shop without this list still has reviews; a shop that is fed up says so.
            return walked.stopped(trouble if trouble.state in _PASS_ON else None).poll(visit)


def _post(review: dict[str, Any], external_id: str, visit: Visit) -> Post:
    value = number_of(review.get("rating"))
    stars = Stars(value=value) if value else None  # 0: written without a rating
    dated = parse_date(str(review.get("date_created_gmt") or ""), tz=UTC, now=visit.now)
    published, precision = believable(dated, now=visit.now)
    home = absolute_url(str(review.get("product_permalink") or ""), base=visit.source.url)
    return Post(
        source_id=visit.source.id,
        external_id=external_id,
        kind=PostKind.REVIEW,
        url=f"{home}#comment-{external_id}" if home else None,
        text=plain(str(review.get("review") or "")[:_TEXT_CHARACTERS]),
        author=Author(name=tidy(str(review.get("reviewer") or "")[:200]) or None),
        published_at=published,
        precision=precision,
        rating=stars.normalised if stars else None,
        stars=stars,
        product=plain(str(review.get("product_name") or ""))[:300] or None,
        tags=("verified",) if review.get("verified") is True else (),
    )


def _rating(product: object) -> ProductRating | None:
    if not isinstance(product, dict):
        return None
    value, count = number_of(product.get("average_rating")), count_of(product.get("review_count"))
    name = plain(str(product.get("name") or ""))[:300]
    if not value or not count or not name:
        return None
    home = absolute_url(str(product.get("permalink") or ""), base="")
    return ProductRating(product=name, stars=Stars(value=value), count=count, name=name, url=home)
