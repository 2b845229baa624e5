"""Ratings as sites write them: numbers or texts, decimal commas, scales that are told or not."""

from __future__ import annotations

import math
import re

from collectors.model import Stars
from collectors.reviews.nodes import Graph, Node, prop, text_of

BEST, WORST = 5.0, 1.0
_MOST_CHARACTERS = 40
_NUMBER = re.compile(r"[-−+]?\d{1,15}(?:[.,]\d{1,15})?")
# How sites write the scale behind a value, "4.5 out of 5" or "85 %" among them.
_SCALE = re.compile(r"\s*(?:/|out of|von|sur|of)\s*(\d{1,4})|\s*(%)", re.IGNORECASE)
_THOUSANDS = re.compile(r"\d{1,3}(?:[.,'\u00a0\u202f ]\d{3})+(?!\d)")
_LARGE = re.compile(r"(\d{1,9}(?:\.\d{1,4})?)\s*([万萬亿億])")
_MYRIADS = {"万": 10_000, "萬": 10_000, "亿": 10**8, "億": 10**8}
_MOST_RATINGS = 10**15


def number_of(value: object) -> float | None:
    """Return a number or the first number in a text; a comma is a decimal point. None if there is none."""
    found = _NUMBER.search(_short(value))
    if found is None:
        return None
    number = float(found[0].replace(",", ".").replace("−", "-"))
    return number if math.isfinite(number) else None


def count_of(value: object) -> int | None:
    """Return a count: here commas and points part thousands, and 1.2万 is 12,000."""
    text = _short(value)
    if large := _LARGE.search(text):
        return int(float(large[1]) * _MYRIADS[large[2]])
    if parted := _THOUSANDS.search(text):
        return int(re.sub(r"\D", "", parted[0]))
    number = number_of(text)
    return int(number) if number is not None and 0 <= number < _MOST_RATINGS else None


def stars_of(rating: Node) -> Stars | None:
    """Return the stars of a Rating or AggregateRating node, None where it tells no value.

    Untold, the scale is 1 to 5, as schema.org says.
    """
    text = text_of(prop(rating, "ratingValue", "value"))
    value = number_of(text)
    if value is None:
        return None
    best, worst = _scale(text)
    told_best = number_of(text_of(prop(rating, "bestRating", "best")))
    told_worst = number_of(text_of(prop(rating, "worstRating", "worst")))
    return Stars(
        value=value,
        best=best if told_best is None else told_best,
        worst=worst if told_worst is None else told_worst,
    )


def review_stars(review: Node, graph: Graph) -> Stars | None:
    """Return the stars of a Review: of its rating node, of a bare value, or of one on the review itself."""
    value = prop(review, "reviewRating", "rating")
    for node in graph.nodes(value):
        if stars := stars_of(node):
            return stars
    text = "" if isinstance(value, dict) else text_of(value)
    if text:
        return stars_of({**review, "ratingValue": text})
    return stars_of(review) if prop(review, "ratingValue") is not None else None


def votes_of(rating: Node) -> int | None:
    """Return how many ratings stand behind an AggregateRating, None where it is not told."""
    return next(
        (
            count
            for name in ("ratingCount", "reviewCount", "count", "votes")
            if (count := count_of(text_of(prop(rating, name)))) is not None
        ),
        None,
    )


def _scale(text: str) -> tuple[float, float]:
    """Return best and worst as the value's own text tells them: ``4.5/10``, ``85 %``."""
    text = text[:_MOST_CHARACTERS]
    found = _NUMBER.search(text)
    scale = _SCALE.match(text, found.end()) if found else None
    if scale is None:
        return BEST, WORST
    return (100.0, 0.0) if scale[2] else (float(scale[1]), WORST)


def _short(value: object) -> str:
    return text_of(value)[:_MOST_CHARACTERS]
