"""The reviews and ratings of a web page, from its schema.org markup in JSON-LD, microdata or RDFa."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, tzinfo
from typing import NamedTuple
from urllib.parse import urlsplit

from collectors.dates import believable, cst_for, parse_date
from collectors.feed_entry import TEXT_BYTES, TITLE_CHARACTERS
from collectors.identity import absolute_url, canonical_url
from collectors.model import NOBODY, Author, Post, PostKind, Precision, ProductRating
from collectors.plain import plain, tidy
from collectors.reviews.json_ld import read_scripts
from collectors.reviews.microdata import read_microdata
from collectors.reviews.nodes import About, Graph, Node, prop, text_of, texts_of, types_of
from collectors.reviews.page import Page
from collectors.reviews.ratings import count_of, review_stars, stars_of, votes_of
from collectors.reviews.rdfa import read_rdfa

MOST_REVIEWS = 1_000
_MOST_READ = 2 * MOST_REVIEWS  # in each syntax: among them may be doubles
MOST_RATINGS = 50
PRODUCT_CHARACTERS = 300
_NAME_CHARACTERS = 200
_ID_TEXT_CHARACTERS = 200
_LONGEST_ID = 512
_A_WHILE = timedelta(days=400)
# What must stand in a page before its tree is built.
_MICRODATA = re.compile(r"itemprop\b", re.IGNORECASE)
_RDFA = re.compile(r"typeof\s*=", re.IGNORECASE)
_VOCABULARY = re.compile(r"review|rating", re.IGNORECASE)
_COUNTS = (("upvoteCount", "likes"), ("downvoteCount", "dislikes"), ("commentCount", "replies"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Whose page it is, when it is read, and how its dates are meant; ``product`` overrides the name."""

    source_id: int
    now: datetime
    zone: tzinfo
    product: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a page holds. ``syntaxes`` counts reviews and ratings by syntax before doubles are left out.

    ``broken`` counts JSON-LD scripts nobody can read; ``dropped`` reviews beyond the limit of 1,000.
    """

    posts: tuple[Post, ...] = ()
    ratings: tuple[ProductRating, ...] = ()
    broken: int = 0
    dropped: int = 0
    syntaxes: Mapping[str, tuple[int, int]] = field(default_factory=dict)


class _Read(NamedTuple):
    """A review as read: ``name`` is its own id or address, ``content`` what tells it without one."""

    post: Post
    name: str | None
    content: str


def find_reviews(page: Page, context: Context) -> Found:
    """Return the reviews and aggregate ratings of a page; the same ones in two syntaxes come once."""
    scripts = read_scripts(page.scripts)
    reads: list[_Read] = []
    ratings: dict[str, ProductRating] = {}
    syntaxes: dict[str, tuple[int, int]] = {}
    beyond = 0
    for syntax, nodes in (("json-ld", scripts.nodes), *_marked_up(page)):
        graph = Graph.of(nodes)
        if graph.reviews or graph.ratings:
            syntaxes[syntax] = (len(graph.reviews), len(graph.ratings))
        abouts = [*graph.reviews.values()]
        beyond += len(abouts[_MOST_READ:])
        found = [_review(about, graph, page.url, context) for about in abouts[:_MOST_READ]]
        reads.extend(read for read in found if read is not None)
        for rating in filter(None, (_rating(one, page.url) for one in graph.ratings.values())):
            ratings.setdefault(rating.product, rating)
    posts = _told_apart(reads)
    kept = _named(posts[:MOST_REVIEWS], [*ratings.values()][:MOST_RATINGS], context.product)
    return Found(
        posts=kept[0],
        ratings=kept[1],
        broken=scripts.broken,
        dropped=beyond + max(len(posts) - MOST_REVIEWS, 0),
        syntaxes=syntaxes,
    )


def _marked_up(page: Page) -> Iterator[tuple[str, list[Node]]]:
    if not _VOCABULARY.search(page.markup):
        return
    if _MICRODATA.search(page.markup) and page.root is not None:
        yield "microdata", read_microdata(page.root, page.url)
    if _RDFA.search(page.markup) and page.root is not None:
        yield "rdfa", read_rdfa(page.root, page.url)


def _review(about: About, graph: Graph, url: str, context: Context) -> _Read | None:
    """Return a review as a post without its final id; None where it says nothing at all."""
    node, stars = about.node, review_stars(about.node, graph)
    title = _line(prop(node, "name", "headline"), TITLE_CHARACTERS)
    text = _text(node)
    if not (title or text or stars):
        return None
    published, precision, day = _date(prop(node, "datePublished", "dateCreated"), url, context)
    edited, _, _ = _date(prop(node, "dateModified"), url, context)
    author = _author(node, graph, url)
    post = Post(
        source_id=context.source_id,
        external_id="",
        kind=PostKind.REVIEW,
        url=_address(node, url),
        title=title or None,
        text=text,
        author=author,
        published_at=published,
        precision=precision,
        edited_at=edited if published and edited and edited > published else None,
        lang=_language(node),
        metrics=_metrics(node),
        rating=stars.normalised if stars else None,
        stars=stars,
        product=_product(about.subject),
    )
    marks = (author.name or "", day, "".join((text or title).split())[:_ID_TEXT_CHARACTERS])
    return _Read(post, _own_name(about, url), _hashed(*marks))


def _told_apart(reads: list[_Read]) -> list[Post]:
    """Return the posts with their ids, doubles left out.

    A name that two different reviews of the page share is the page's or the product's, not theirs.
    """
    first_of_content = {read.content: read for read in reversed(reads)}
    distinct = [read for read in reads if first_of_content[read.content] is read]
    shared = Counter(read.name for read in distinct)
    return [
        _with_id(read.post, read.name if read.name and shared[read.name] == 1 else read.content)
        for read in distinct
    ]


def _with_id(post: Post, name: str) -> Post:
    return replace(post, external_id=name if len(name) <= _LONGEST_ID else _hashed(name))


def _own_name(about: About, page_url: str) -> str | None:
    """Return the review's ``@id`` or url, None where that names the page, the product or nothing."""
    taken = {canonical_url(page_url)}
    for value in (about.subject or {}).get("@id"), prop(about.subject or {}, "url"):
        taken.add(canonical_url(absolute_url(text_of(value), base=page_url) or ""))
    for value in (about.node.get("@id"), prop(about.node, "url")):
        name = text_of(value).strip()
        if not name or name.startswith("_:"):  # a blank node: numbered anew on every visit
            continue
        address = absolute_url(name, base=page_url) or name
        if urlsplit(address).fragment or canonical_url(address) not in taken:
            return address
    return None


def _rating(about: About, page_url: str) -> ProductRating | None:
    """Return an aggregate rating; None where it is no number, or 0 because nobody has rated yet."""
    stars, count = stars_of(about.node), votes_of(about.node)
    if stars is None or (stars.value == 0 and not count):
        return None
    name = _product(about.subject)
    address = prop(about.subject or {}, "url", "@id")
    url = absolute_url(text_of(address), base=page_url) or page_url
    product = (name or page_url)[:PRODUCT_CHARACTERS]
    return ProductRating(product=product, stars=stars, count=count, name=name, url=url)


def _named(
    posts: list[Post], ratings: list[ProductRating], product: str | None
) -> tuple[tuple[Post, ...], tuple[ProductRating, ...]]:
    """Return both with ``product`` as the name of what the page is about: what it names first."""
    if not product:
        return tuple(posts), tuple(ratings)
    main = next((post.product for post in posts if post.product), None)
    main = main or next((rating.product for rating in ratings), None)
    return (
        tuple(
            replace(one, product=product) if one.product in (None, main) else one for one in posts
        ),
        tuple(replace(one, product=product) if one.product == main else one for one in ratings),
    )


def _text(node: Node) -> str:
    body = text_of(prop(node, "reviewBody", "description", "text", "claimReviewed"))
    parts = [plain(body[: 16 * TEXT_BYTES])]
    for sign, name in (("+", "positiveNotes"), ("-", "negativeNotes")):
        parts.extend(f"{sign} {_line(note, 1_000)}" for note in texts_of(prop(node, name))[:20])
    text = "\n".join(filter(None, parts))
    return text.encode("utf-8", "replace")[:TEXT_BYTES].decode("utf-8", "ignore")


def _line(value: object, most: int) -> str:
    return plain(text_of(value)[: 16 * most]).replace("\n", " ")[:most]


def _author(node: Node, graph: Graph, url: str) -> Author:
    value = prop(node, "author", "creator", "reviewer")
    first = next(iter(graph.nodes(value)), None)
    name = tidy(text_of(first if first is not None else value)[:_NAME_CHARACTERS]) or None
    home = absolute_url(text_of(prop(first, "url")), base=url) if first else None
    if name and name.startswith(("http://", "https://")):
        name, home = None, home or absolute_url(name, base=url)
    return Author(name=name, url=home) if name or home else NOBODY


def _address(node: Node, page_url: str) -> str:
    return absolute_url(text_of(prop(node, "url")), base=page_url) or page_url


def _language(node: Node) -> str | None:
    value = prop(node, "inLanguage")
    value = prop(value, "alternateName", "name") if isinstance(value, dict) else value
    return text_of(value)[:35] or None


def _metrics(node: Node) -> dict[str, int]:
    counts = {ours: count_of(text_of(prop(node, theirs))) for theirs, ours in _COUNTS}
    return {name: count for name, count in counts.items() if count is not None}


def _product(subject: Node | None) -> str | None:
    if subject is None or "WebPage" in types_of(subject):
        return None
    return _line(prop(subject, "name", "headline"), PRODUCT_CHARACTERS) or None


def _date(value: object, url: str, context: Context) -> tuple[datetime | None, Precision, str]:
    """Return the moment, its precision, and the day as part of an identity ("" if it may move).

    "3天前" names another day tomorrow, so it is no mark of a review.
    """
    text = text_of(value)
    now, zone = context.now, context.zone
    cst = cst_for(zone, language=None, host=urlsplit(url).hostname or "", now=now)
    dated = parse_date(text, tz=zone, now=now, cst=cst)
    moment, precision = believable(dated, now=now)
    fixed = dated and parse_date(text, tz=zone, now=now - _A_WHILE, cst=cst) == dated
    day = dated[0].astimezone(zone).date().isoformat() if dated and fixed else ""
    return moment, precision, day


def _hashed(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()
