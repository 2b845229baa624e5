"""Walking a list: nothing is skipped, whatever stops a visit, and a first import ends somewhere."""

from __future__ import annotations

import asyncio
import random

import pytest

from collectors.model import Post, SourceState
from collectors.social.paging import (
    Pace,
    Page,
    Walk,
    Walked,
    dump_walks,
    load_position,
    load_walks,
    page_number,
    walk_list,
)
from collectors.visit import Trouble


def post(rank: int, text: str = "t") -> Post:
    return Post(source_id=1, external_id=str(rank), text=text)


class Shelf:
    """A list of numbered posts, shown newest first, ``size`` a page; a page's name is a number."""

    def __init__(self, ranks: range | list[int], size: int = 3, text: str = "t") -> None:
        self.ranks = sorted(ranks)
        self.size = size
        self.text = text
        self.refused: set[int] = set()
        self.refusal = Trouble(SourceState.BACKING_OFF, "no", status=500)
        self.asked: list[str | None] = []

    async def read(self, below: str | None, _known: int | None) -> Page:
        self.asked.append(below)
        if len(self.asked) in self.refused:
            raise self.refusal
        ranks = [rank for rank in self.ranks if below is None or rank < int(below)]
        shown = ranks[::-1][: self.size]
        return Page(
            posts=tuple((rank, post(rank, self.text)) for rank in shown),
            oldest=shown[-1] if shown else None,
            following=str(shown[-1]) if len(ranks) > self.size else None,
        )


def walked(shelf: Shelf, start: Walk = Walk(), **pace: int) -> Walked:  # noqa: B008  # frozen
    return asyncio.run(walk_list(shelf.read, start, Pace(**{"pages": 3, "newest": 5, **pace})))


def ids(found: Walked) -> list[int]:
    return [int(one.external_id) for one in found.posts]


def test_a_first_import_takes_the_newest_and_counts_what_it_saw_and_left() -> None:
    found = walked(Shelf(range(1, 101)))
    assert (ids(found), found.dropped, found.walk) == ([100, 99, 98, 97, 96], 1, Walk(mark=100))


def test_the_next_visit_takes_what_came_since_and_stops_where_it_is_known() -> None:
    shelf = Shelf(range(1, 106))
    found = walked(shelf, Walk(mark=100))
    assert (ids(found), found.walk) == ([105, 104, 103, 102, 101], Walk(mark=105))
    assert shelf.asked == [None, "103"]


def test_nothing_new_moves_nothing() -> None:
    shelf = Shelf(range(1, 101))
    found = walked(shelf, Walk(mark=100))
    assert (ids(found), found.walk, len(shelf.asked)) == ([], Walk(mark=100), 1)


def test_the_overlap_is_read_again() -> None:
    assert ids(walked(Shelf(range(1, 103)), Walk(mark=100), overlap=2)) == [102, 101, 100, 99]


def test_what_is_shown_anyway_is_taken_again_without_another_page() -> None:
    shelf = Shelf(range(1, 103), size=5)
    assert ids(walked(shelf, Walk(mark=100), again=2)) == [102, 101, 100, 99]
    assert len(shelf.asked) == 1


def test_a_visit_that_uses_up_its_pages_goes_on_where_it_stopped() -> None:
    shelf = Shelf(range(1, 121))
    first = walked(shelf, Walk(mark=100))
    assert ids(first) == list(range(120, 111, -1))
    assert first.walk == Walk(mark=100, top=120, following="112")
    second = walked(shelf, first.walk)
    assert ids(second) == list(range(111, 102, -1))
    third = walked(shelf, second.walk)
    assert (ids(third), third.walk) == ([102, 101], Walk(mark=120))


def test_what_came_meanwhile_is_read_once_the_rest_is() -> None:
    found = walked(Shelf(range(1, 124)), Walk(mark=100, top=120, following="103"))
    assert ids(found) == [102, 101, 123, 122, 121]
    assert found.walk == Walk(mark=123)


def test_a_refused_page_keeps_what_was_read_and_the_place_before_it() -> None:
    shelf = Shelf(range(1, 121))
    shelf.refused = {2}
    found = walked(shelf, Walk(mark=100))
    assert (ids(found), found.trouble) == ([120, 119, 118], shelf.refusal)
    assert found.walk == Walk(mark=100, top=120, following="118")


def test_a_refused_first_page_moves_nothing() -> None:
    shelf = Shelf(range(1, 121))
    shelf.refused = {1}
    assert walked(shelf, Walk(mark=100)).walk == Walk(mark=100)
    shelf = Shelf(range(1, 121))
    shelf.refused = {1}
    assert walked(shelf).walk == Walk()


def test_an_interrupted_first_import_takes_no_more_than_it_was_to() -> None:
    shelf = Shelf(range(1, 121))
    shelf.refused = {2}
    first = walked(shelf)
    second = walked(shelf, first.walk)
    assert ids(first) + ids(second) == [120, 119, 118, 117, 116]
    assert second.walk == Walk(mark=120)


def test_a_page_that_is_no_more_is_looked_for_from_the_top() -> None:
    shelf = Shelf(range(1, 121))
    shelf.refused, shelf.refusal = {1}, Trouble(SourceState.BACKING_OFF, "no", status=400)
    assert walked(shelf, Walk(mark=100, top=110, following="105")).walk == Walk(mark=100)


def test_a_list_that_names_the_same_page_again_ends() -> None:
    class Stuck(Shelf):
        async def read(self, below: str | None, known: int | None) -> Page:
            self.asked.append(below)
            return Page(posts=((9, post(9)),), oldest=9, following="9")

    shelf = Stuck([])
    assert walked(shelf, Walk(mark=1), pages=50).walk == Walk(mark=9)
    assert len(shelf.asked) == 2


def test_an_empty_list_has_nothing_to_remember() -> None:
    assert walked(Shelf([])).walk == Walk()
    assert walked(Shelf([]), Walk(mark=5)).walk == Walk(mark=5)


def test_a_visit_ends_where_its_poll_would_grow_too_large() -> None:
    shelf = Shelf(range(1, 121), text="云" * 20_000)
    found = walked(shelf, Walk(mark=100), pages=9)
    assert (len(found.posts), found.walk.following) == (6, "115")


@pytest.mark.parametrize("seed", range(20))
def test_whatever_is_refused_and_whatever_comes_nothing_is_lost_or_doubled(seed: int) -> None:
    chance = random.Random(seed)
    shelf, walk, seen = Shelf(range(1, 11), size=chance.randint(1, 4)), Walk(mark=10), []
    for _ in range(200):
        newest = shelf.ranks[-1]
        if newest < 200:
            shelf.ranks += range(newest + 1, newest + 1 + chance.randint(0, 4))
        shelf.asked.clear()
        shelf.refused = {chance.randint(1, 6)} if chance.random() < 0.5 else set()
        found = walked(shelf, walk)
        seen += ids(found)
        # what is stored is text: a visit is resumed from it after a kill
        walk = load_walks(dump_walks({"w": found.walk}))["w"]
    assert sorted(seen) == list(range(11, shelf.ranks[-1] + 1))


@pytest.mark.parametrize(
    "position",
    [None, "", "{", "[]", "7", '{"a": 7}', '{"a": {"mark": "x", "following": 3}}', "[" * 10_000],
    ids=["none", "empty", "broken", "a list", "a number", "no walk", "odd values", "deep"],
)
def test_an_unreadable_position_is_a_fresh_start(position: str | None) -> None:
    assert load_walks(position).get("a", Walk()) == Walk()
    assert isinstance(load_position(position), dict)


@pytest.mark.parametrize(
    ("name", "number"),
    [(None, 1), ("7", 7), ("x", 1), ("0", 1), ("-3", 1), ("9" * 40, 1), ("1770000000", 1770000000)],
)
def test_a_page_without_a_sane_number_is_the_first(name: str | None, number: int) -> None:
    assert page_number(name) == number
