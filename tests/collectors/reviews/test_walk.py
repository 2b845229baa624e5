"""Walking down a list of reviews: nothing lost, nothing twice, however it is interrupted."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest

from collectors.model import Post, SourceState
from collectors.reviews.walk import BACKLOG, Position, ReviewPage, Walked, walk
from collectors.visit import Trouble


@dataclass
class Shelf:
    """Reviews newest first, ``size`` a page, pages counted from 0; refuses the pages in ``refused``."""

    reviews: list[tuple[int, str]]
    size: int = 10
    refused: set[int] = field(default_factory=set)
    turned: list[int] = field(default_factory=list)

    async def turn(self, at: str) -> ReviewPage:
        page = int(at)
        self.turned.append(page)
        if page in self.refused:
            raise Trouble(SourceState.RATE_LIMITED, "429", status=429)
        chosen = self.reviews[page * self.size : (page + 1) * self.size]
        more = len(self.reviews) > (page + 1) * self.size
        return ReviewPage(
            posts=tuple(
                Post(source_id=1, external_id=str(name), text=text) for name, text in chosen
            ),
            next=str(page + 1) if more else None,
            resume=str(page),
        )

    def add(self, names: range) -> None:
        self.reviews[:0] = [(name, "") for name in reversed(names)]


def shelf(count: int, **more: int) -> Shelf:
    return Shelf([(name, "") for name in reversed(range(count))], **more)


def step(of: Shelf, position: str | None, pages: int = 3) -> Walked:
    return asyncio.run(walk(position, of.turn, first="0", most_pages=pages))


def visits(of: Shelf, position: str | None, times: int) -> Iterator[Walked]:
    for _ in range(times):
        walked = step(of, position)
        position = walked.position.stored()
        yield walked


def names(*walks: Walked) -> list[int]:
    return [int(post.external_id) for walked in walks for post in walked.posts]


def test_a_short_list_is_read_to_its_end_and_then_left_alone() -> None:
    of = shelf(25)
    first, second = visits(of, None, 2)
    assert names(first) == [*reversed(range(25))]
    assert (first.position.gap, second.posts) == (None, ())
    assert of.turned == [0, 1, 2, 0]


def test_a_long_list_is_read_over_several_visits() -> None:
    of = shelf(75)
    walked = [*visits(of, None, 5)]
    assert sorted(set(names(*walked))) == [*range(75)]
    assert walked[0].position.gap is not None
    assert walked[-1].position.gap is None
    assert max(of.turned) == 7


def test_the_same_position_gives_the_same_posts() -> None:
    of = shelf(75)
    position = step(of, None).position.stored()
    assert step(of, position) == step(of, position)


def test_a_source_begins_with_its_newest_five_hundred() -> None:
    of = shelf(2_000, size=50)
    walked = [*visits(of, None, 12)]
    assert sorted(set(names(*walked)), reverse=True) == [*range(1_999, 1_999 - BACKLOG, -1)]
    assert walked[-1].position.gap is None
    of.turned.clear()
    assert step(of, walked[-1].position.stored()).posts == ()
    assert of.turned == [0]


def test_only_new_reviews_are_brought_later() -> None:
    of = shelf(25)
    position = step(of, None).position.stored()
    of.add(range(25, 28))
    assert names(step(of, position)) == [27, 26, 25]


def test_an_edited_review_is_brought_again_and_a_missing_one_is_not_deleted() -> None:
    of = shelf(25)
    position = step(of, None).position.stored()
    of.reviews[3] = (of.reviews[3][0], "改了")
    del of.reviews[5]
    walked = step(of, position)
    assert [(post.external_id, post.text) for post in walked.posts] == [("21", "改了")]


@pytest.mark.parametrize("surge", [5, 15, 29, 30, 31, 100, 160])
def test_a_surge_is_read_whole_while_more_arrives(surge: int) -> None:
    of = shelf(25)
    position, seen = step(of, None).position.stored(), set[int]()
    of.add(range(25, 25 + surge))
    newest = 25 + surge
    for _ in range(40):
        of.add(range(newest, newest + 3))
        newest += 3
        walked = step(of, position)
        seen.update(names(walked))
        position = walked.position.stored()
    assert seen == {*range(25, newest)}
    assert Position.read(position).gap is None


def test_a_refused_page_is_where_the_next_visit_goes_on() -> None:
    of = shelf(25)
    of.refused = {1}
    walked = step(of, None)
    assert (len(walked.posts), walked.trouble and walked.trouble.status) == (10, 429)
    of.refused = set()
    later = step(of, walked.position.stored())
    assert {*names(walked, later)} == {*range(25)}
    assert later.position.gap is None


def test_a_refused_page_of_a_surge_is_not_passed() -> None:
    of = shelf(25)
    position = step(of, None).position.stored()
    of.add(range(25, 60))
    of.refused = {2}
    walked = [*visits(of, position, 3)]
    assert {*names(*walked)} == {*range(40, 60)}
    of.refused = set()
    walked = [*visits(of, walked[-1].position.stored(), 3)]
    assert {*range(25, 40)} <= {*names(*walked)}
    assert walked[-1].position.gap is None


def test_reviews_deleted_in_between_lose_no_others() -> None:
    of = shelf(75)
    walked = step(of, None)
    del of.reviews[:8]
    later = [*visits(of, walked.position.stored(), 5)]
    assert {*names(walked, *later)} == {*range(75)}


def test_a_refused_first_page_raises() -> None:
    of = shelf(25)
    of.refused = {0}
    with pytest.raises(Trouble, match="429"):
        step(of, None)


@pytest.mark.parametrize("stored", ["", "x", "[]", "7", '{"gap": {"at": 1}}', '{"known": 7}'])
def test_a_position_that_cannot_be_read_is_the_start(stored: str) -> None:
    assert len(step(shelf(5), stored).posts) == 5


def test_a_position_stays_small() -> None:
    of = shelf(2_000, size=100)
    for walked in visits(of, None, 4):
        assert len(walked.position.stored()) < 20_000


def test_long_reviews_are_spread_over_visits() -> None:
    of = Shelf([(name, "长" * 20_000) for name in reversed(range(40))])
    walked = [*visits(of, None, 8)]
    assert len(walked[0].posts) == 10
    assert sorted(set(names(*walked))) == [*range(40)]
    assert walked[-1].position.gap is None


def test_a_surge_upon_a_surge_is_read_whole() -> None:
    of = shelf(25)
    position, seen = step(of, None).position.stored(), set[int]()
    for newest in (25, 125):
        of.add(range(newest, newest + 100))
        walked = step(of, position)
        seen.update(names(walked))
        position = walked.position.stored()
    later = [*visits(of, position, 25)]
    assert seen | {*names(*later)} == {*range(25, 225)}
    assert later[-1].position.gap is None


def test_one_page_a_visit_gets_to_the_end_too() -> None:
    of, position, seen = shelf(45), None, set[int]()
    for _ in range(6):
        walked = step(of, position, pages=1)
        seen.update(names(walked))
        position = walked.position.stored()
    assert seen == {*range(45)}
