from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from collectors.model import Cursor, Outcome, Poll, SourceState
from monitor.bus import LocalBus
from monitor.pipeline.analyse import TRIES, analyse_batches, store_posts
from monitor.pipeline.analyst import InlineAnalyst, PoisonedBatch
from monitor.pipeline.batches import pack
from monitor.storage import keyword_lists, rollups
from monitor.storage.tables import mention, post, rollup, source

BAD = "青禾手机电池起火,客服不理人,太差了,再也不买"
GOOD = "青禾手机很好用,屏幕清晰,推荐"
OTHER = "今天天气不错,去公园走走"


def stored(house, items):
    return asyncio.run(store_posts(house.analysing, items))


def cells(database):
    """Rollups that count something, as a set."""
    with database.read() as connection:
        rows = connection.execute(select(rollup).where(rollup.c["count"] != 0))
        return {tuple(row) for row in rows}


def recounted(database):
    """The rollups that the stored mentions add up to."""
    deltas = rollups.Deltas()
    with database.read() as connection:
        for row in connection.execute(select(mention)).mappings():
            deltas.add(row)
    found = set()
    for (list_id, dimension, value, width, seconds), cell in deltas.cells.items():
        found.add((list_id, dimension, value, width, seconds, *cell))
    return found


def rolled(database):
    return {(*row[:4], int(row[4].timestamp()), *row[5:]) for row in cells(database)}


def test_posts_mentions_and_rollups_are_stored_together(house, make_post):
    source, list_id = house.source(), house.keyword_list()
    items = [
        make_post(source, n, text, house.clock.at) for n, text in enumerate([BAD, GOOD, OTHER])
    ]
    outcome = stored(house, items)
    assert len(outcome.created) == 3
    with house.database.read() as connection:
        rows = connection.execute(select(mention)).mappings().all()
    assert {row["keyword_list_id"] for row in rows} == {list_id}
    assert len(rows) == 2
    assert rolled(house.database) == recounted(house.database)
    assert house.calls == ["told"]


def test_the_same_posts_again_change_nothing(house, make_post):
    source = house.source()
    house.keyword_list()
    items = [make_post(source, n, BAD + str(n), house.clock.at) for n in range(20)]
    stored(house, items)
    before = cells(house.database)
    again = stored(house, list(reversed(items)) * 2)
    assert not again.created
    assert not again.edited
    assert len(again.known) == 20
    assert cells(house.database) == before


def test_an_edited_post_moves_its_mention_and_its_rollup(house, make_post):
    source = house.source()
    house.keyword_list()
    first = make_post(source, 1, GOOD, house.clock.at)
    stored(house, [first])
    outcome = stored(house, [replace(first, text=BAD)])
    assert list(outcome.edited) == [first.key]
    with house.database.read() as connection:
        row = connection.execute(select(post)).mappings().one()
        assert row["text"] == BAD
        assert row["edited_at"] is not None
        assert connection.scalar(select(func.count()).select_from(mention)) == 1
    assert rolled(house.database) == recounted(house.database)


def test_an_edit_that_no_longer_matches_takes_the_mention_away(house, make_post):
    source = house.source()
    house.keyword_list()
    first = make_post(source, 1, BAD, house.clock.at)
    stored(house, [first])
    stored(house, [replace(first, text=OTHER)])
    assert rolled(house.database) == recounted(house.database) == set()


def test_a_keyword_added_while_a_batch_is_read_holds_for_that_batch(house, make_post):
    source = house.source()
    list_id = house.keyword_list()
    item = make_post(source, 1, "新品翠峰开箱", house.clock.at)

    class Editing:
        """An analyst during whose first reading somebody edits the list."""

        def __init__(self, inner):
            self.inner, self.times = inner, 0

        async def understand(self, rules, documents):
            self.times += 1
            if self.times == 1:
                with house.database.write() as connection:
                    row = keyword_lists.get(connection, list_id)
                    body = {
                        **{name: row[name] for name in keyword_lists.BODY},
                        "aliases": ["青禾", "翠峰"],
                    }
                    keyword_lists.change(
                        house.database, connection, list_id, body, actor="t", now=house.clock()
                    )
            return await self.inner.understand(rules, documents)

        def close(self):
            pass

    analyst = Editing(house.analysing.analyst)
    asyncio.run(store_posts(replace(house.analysing, analyst=analyst), [item]))
    assert analyst.times == 2
    with house.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(mention)) == 1


@pytest.mark.parametrize("published", [None, timedelta(days=-40)], ids=["no date", "long ago"])
def test_a_post_keeps_its_time_or_gets_that_of_first_sight(house, make_post, published):
    source = house.source()
    at = None if published is None else house.clock.at + published
    stored(house, [make_post(source, 1, OTHER, at)])
    with house.database.read() as connection:
        row = connection.execute(select(post)).mappings().one()
    assert row["published_at"] == (at or house.clock.at)
    assert row["precision"] == ("inferred" if at is None else "exact")


def test_what_somebody_else_stores_meanwhile_is_not_stored_twice(house, make_post):
    source = house.source()
    house.keyword_list()
    items = [make_post(source, n, f"{BAD} {n}", house.clock.at) for n in range(6)]

    class Racing:
        """An analyst during whose first reading somebody else stores half of the posts."""

        def __init__(self, inner):
            self.inner, self.raced = inner, False

        async def understand(self, rules, documents):
            if not self.raced:
                self.raced = True
                await store_posts(house.analysing, items[1::2])
            return await self.inner.understand(rules, documents)

        def close(self):
            pass

    racing = replace(house.analysing, analyst=Racing(house.analysing.analyst))
    outcome = asyncio.run(store_posts(racing, items))
    assert set(outcome.created) == {item.key for item in items[0::2]}
    with house.database.read() as connection:
        assert connection.scalar(select(func.count()).select_from(post)) == 6
        assert connection.scalar(select(func.count()).select_from(mention)) == 6
    assert rolled(house.database) == recounted(house.database)


class Poisoned(InlineAnalyst):
    """Dies of one text."""

    async def understand(self, rules, documents):
        if any("毒" in document.text for document in documents):
            raise PoisonedBatch("it died")
        return await super().understand(rules, documents)


def test_a_post_that_kills_its_reader_costs_no_other_of_its_poll(house, make_post):
    key = house.source()
    items = [make_post(key, n, text, house.clock.at) for n, text in enumerate([BAD, "毒", GOOD])]
    with house.database.read() as connection:
        slot = connection.scalar(select(source.c.next_due_at))
    poll = Poll(
        source_id=key, slot=slot, fetched_at=house.clock(), outcome=Outcome.NEW, state=SourceState.OK,
        cursor_after=Cursor(etag="e"), wait=timedelta(minutes=5), posts=tuple(items),
    )  # fmt: skip
    needs = replace(house.analysing, analyst=Poisoned())

    async def whole():
        bus = LocalBus()
        (batch,) = pack([poll])
        await bus.publish(batch.body, message_id=batch.message_id)
        for _ in range(TRIES - 1):  # handed out before, to workers that died
            (message,) = await bus.fetch(1, timedelta(0))
            await message.retry(timedelta(0))
        await analyse_batches(needs, bus, wait=timedelta(0))
        return bus.dead_letters

    assert len(asyncio.run(whole())) == 1
    with house.database.read() as connection:
        assert set(connection.scalars(select(post.c.text))) == {BAD, GOOD}
        row = connection.execute(select(source)).mappings().one()
    assert (row["state"], row["etag"]) == ("failing", "e")
    assert "it died" in row["reason"]


def test_a_batch_of_wrong_types_is_put_aside_and_the_next_one_is_stored(house, make_post):
    key = house.source()
    with house.database.read() as connection:
        slot = connection.scalar(select(source.c.next_due_at))
    poll = Poll(
        source_id=key, slot=slot, fetched_at=house.clock(), outcome=Outcome.NEW, state=SourceState.OK,
        cursor_after=Cursor(), wait=timedelta(minutes=5),
        posts=(make_post(key, 1, GOOD, house.clock.at),),
    )  # fmt: skip

    async def whole():
        bus = LocalBus()
        (batch,) = pack([poll])
        await bus.publish(b"\x91\xa3bad", message_id="raw:bad")
        await bus.publish(batch.body, message_id=batch.message_id)
        while await bus.depth():
            await analyse_batches(house.analysing, bus, wait=timedelta(0))
        return bus.dead_letters

    assert len(asyncio.run(whole())) == 1
    with house.database.read() as connection:
        assert connection.scalars(select(post.c.text)).all() == [GOOD]
