"""The recorded review pages: how many reviews and ratings, by syntax, and the same as extruct sees.

Run as a script for the table: ``python tests/collectors/reviews/test_review_corpora.py``.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import extruct
import pytest

from collectors.reviews.microdata import read_microdata
from collectors.reviews.nodes import Graph, Node, text_of, types_of
from collectors.reviews.page import read_page
from collectors.reviews.schema_org import Context, Found, find_reviews

CORPORA = Path(__file__).resolve().parents[4] / "shared" / "data" / "corpora"
PAGES = CORPORA / "review-pages"
SAMPLES = CORPORA / "extruct" / "tests" / "samples"
NOW = datetime(2026, 11, 22, tzinfo=UTC)
URL = "https://site.example/page"
NONE = ("LocalBusiness.003.html", "laweekly.com-Cultivation.html", "litradio.net.bossong.html")

pytestmark = pytest.mark.skipif(
    not PAGES.is_dir(), reason="the recorded review pages are not here: shared/data/corpora"
)


def read(path: Path) -> Found:
    context = Context(source_id=1, now=NOW, zone=UTC)
    return find_reviews(read_page(path.read_bytes(), {}, URL), context)


def recorded() -> dict[str, Found]:
    return {path.name: read(path) for path in sorted(PAGES.glob("*.html"))}


def test_the_recorded_pages_give_their_reviews_and_ratings() -> None:
    pages = recorded()
    assert len(pages) == 29
    reviews = {name: len(found.posts) for name, found in pages.items() if found.posts}
    assert reviews == {
        "eatsmarter.de.porridge.html": 7,
        "ebrosia.de.zinfandel.html": 1,
        "kaieteurnewsonline.com-essequibo.html": 1,
    }
    by_syntax = Counter[str]()
    for found in pages.values():
        by_syntax.update({syntax: ratings for syntax, (_, ratings) in found.syntaxes.items()})
    assert by_syntax == {"json-ld": 13, "microdata": 13}
    assert sum(found.broken for found in pages.values()) == 0
    assert {name for name, found in pages.items() if not found.syntaxes} == {*NONE}


@pytest.mark.parametrize(
    ("name", "value", "best", "worst", "count"),
    [
        ("autohaus.de-skode.html", 1.0, 5, 1, 2),
        ("chip.de.bestcrypt.html", 3.2, 5, 1, 112),
        ("giromatch.com.kredit.html", 4.46, 5, 0.5, 167),
        ("ebrosia.de.zinfandel.html", 10, 10, 1, 1),
        ("product-ref.html", 4.4, 5, 1, 89),
        ("parallels.com.desktop.html", 4, 5, 1, 49),
    ],
)
def test_recorded_ratings(name: str, value: float, best: float, worst: float, count: int) -> None:
    (rating,) = read(PAGES / name).ratings
    stars = rating.stars
    assert (stars.value, stars.best, stars.worst, rating.count) == (value, best, worst, count)


def test_no_ratings_yet_is_no_rating() -> None:
    found = read(PAGES / "oetker.de.bienenstich.html")
    assert (found.ratings, found.syntaxes) == ((), {"microdata": (0, 1)})


def test_nulls_and_a_review_without_a_rating_are_read() -> None:
    found = read(SAMPLES / "misc" / "null_ld_mock.html")
    assert [post.rating for post in found.posts] == [None]
    assert found.posts[0].text.startswith("Sed ut perspiciatis")
    assert (found.ratings[0].count, found.broken) == (280, 0)


def theirs(path: Path) -> Counter[tuple[str, str]]:
    """What extruct's microdata says of every review and rating: type and value or author."""
    items = extruct.extract(path.read_bytes(), base_url=URL, syntaxes=["microdata"], uniform=True)[
        "microdata"
    ]
    return marks(items)


def marks(items: list[Node]) -> Counter[tuple[str, str]]:
    graph = Graph.of(items)
    about = [*graph.reviews.values(), *graph.ratings.values()]
    return Counter(
        (
            next(iter(types_of(one.node)), ""),
            text_of(one.node.get("ratingValue") or one.node.get("author")).strip(),
        )
        for one in about
    )


@pytest.mark.parametrize(
    "path",
    sorted([*PAGES.glob("*.html"), *SAMPLES.rglob("*.html")]),
    ids=lambda path: f"{path.parent.name}/{path.name}",
)
def test_microdata_says_the_same_as_to_extruct(path: Path) -> None:
    page = read_page(path.read_bytes(), {}, URL)
    ours = [] if page.root is None else read_microdata(page.root, URL)
    assert marks(ours) == theirs(path)


def main() -> None:
    """Print reviews and ratings by page and syntax."""
    for name, found in recorded().items():
        print(f"{name:<56}{dict(found.syntaxes)!s:<28}{len(found.posts):>3}{len(found.ratings):>3}")


if __name__ == "__main__":
    main()
