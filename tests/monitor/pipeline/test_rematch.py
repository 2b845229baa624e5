from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from monitor.pipeline.analyse import store_posts
from monitor.pipeline.rematch import Rematching, rematch_some
from monitor.storage import keyword_lists, rollups
from monitor.storage.tables import mention, rematch, rollup


@pytest.fixture
def again(house):
    needs = Rematching(
        database=house.database, analyst=house.analysing.analyst, clock=house.clock, days=30
    )

    def run():
        async def whole():
            while await rematch_some(needs):
                pass

        asyncio.run(whole())

    return run


def edit(house, list_id, **changes):
    with house.database.write() as connection:
        row = keyword_lists.get(connection, list_id)
        body = {**{name: row[name] for name in keyword_lists.BODY}, **changes}
        keyword_lists.change(
            house.database, connection, list_id, body, actor="t", now=house.clock()
        )


def counted(database):
    """(mentions, sum of the list's rollups at both widths)."""
    with database.read() as connection:
        mentions = len(connection.execute(select(mention)).all())
        cells = (
            connection.execute(select(rollup).where(rollup.c.dimension == "source_kind"))
            .mappings()
            .all()
        )
    return mentions, *(
        sum(cell["count"] for cell in cells if cell["width"] == width) for width in rollups.WIDTHS
    )


def test_a_new_alias_finds_stored_posts_and_an_old_one_lets_go(house, make_post, again):
    source, list_id = house.source(), house.keyword_list()
    texts = ["青禾很好", "翠峰很好", "翠峰起火", "天气"]
    items = [
        make_post(source, n, text, house.clock.at - timedelta(days=n))
        for n, text in enumerate(texts)
    ]
    asyncio.run(store_posts(house.analysing, items))
    again()
    assert counted(house.database) == (1, 1, 1)
    edit(house, list_id, aliases=["翠峰"])
    again()
    assert counted(house.database) == (2, 2, 2)
    again()
    assert counted(house.database) == (2, 2, 2)


def test_a_list_made_after_the_posts_finds_them(house, make_post, again):
    source = house.source()
    items = [make_post(source, n, f"青禾 {n}", house.clock.at) for n in range(1_200)]
    asyncio.run(store_posts(house.analysing, items))
    house.keyword_list()
    again()
    assert counted(house.database) == (1_200, 1_200, 1_200)


def test_posts_older_than_asked_for_are_left_alone(house, make_post, again):
    source = house.source()
    items = [
        make_post(source, n, f"青禾 {n}", house.clock.at - timedelta(days=20 * n)) for n in range(4)
    ]
    asyncio.run(store_posts(house.analysing, items))
    house.keyword_list()
    again()
    assert counted(house.database)[0] == 2


def test_a_label_that_a_person_gave_stays(house, make_post, again):
    source, list_id = house.source(), house.keyword_list()
    asyncio.run(
        store_posts(house.analysing, [make_post(source, 1, "青禾太差了,退货", house.clock.at)])
    )
    with house.database.write() as connection:
        connection.execute(update(mention).values(sentiment="positive", label_by="周"))
    edit(house, list_id, keywords=["退货"])
    again()
    with house.database.read() as connection:
        assert connection.execute(select(mention.c.sentiment)).scalar_one() == "positive"


def test_disabling_a_list_ends_its_job_without_matching(house, make_post, again):
    house.source()
    list_id = house.keyword_list()
    edit(house, list_id, enabled=False)
    again()
    with house.database.read() as connection:
        assert connection.execute(select(rematch)).all() == []
