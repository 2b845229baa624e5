"""Looking again: the page of a teaser, then counts, edits and deletion. The web is a dictionary."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from collectors.article import Article, PageTrouble
from collectors.model import CollectError
from collectors.options import FullText
from monitor.pipeline.analyse import store_posts
from monitor.pipeline.analyst import InlineAnalyst, PoisonedBatch
from monitor.pipeline.extracting import ExtractError
from monitor.pipeline.looks import Looking, completed_by
from monitor.pipeline.planning import wants_page
from monitor.pipeline.polite import Politeness
from monitor.pipeline.visiting import Visiting
from monitor.storage import looks, posts, sources
from monitor.storage.sealing import Sealer
from monitor.storage.tables import look, mention, post

PAGE = "https://news.example/1"
WHOLE = "青禾手机的电池在充电时起火,用户投诉一周无人处理。" * 12


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    url: str = ""
    permanent_redirect: bool = False


@dataclass
class Web:
    """Answers by URL; what is not there is not reached."""

    pages: dict[str, Answer] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def get(self, url, headers=None):
        self.asked.append(url)
        if url not in self.pages:
            raise CollectError("unreachable")
        return self.pages[url]


class Reader:
    """Reads a page as what its bytes say; ``crash`` is a page that kills its reader."""

    async def extract(self, page):
        if page.body == b"crash":
            return ExtractError(trouble=PageTrouble.CRASHED, reason="crashed")
        return Article(text=page.body.decode())


@dataclass
class Turn:
    """One round of looking."""

    looking: Looking

    def __call__(self):
        return asyncio.run(self.looking.look())


@pytest.fixture
def site(house):
    """A feed source that wants whole texts, and one turn of looking."""
    web = Web({"https://news.example/robots.txt": Answer(404)})
    with house.database.write() as connection:
        row = {
            "name": "新闻", "kind": "feed", "url": "https://news.example/feed", "host": "news.example:443",
            "options": {"full_text": "when_short"},
        }  # fmt: skip
        source_id = sources.create(connection, row, now=house.clock())
    visiting = Visiting.over(
        database=house.database,
        http=web,
        politeness=Politeness(pause=timedelta(0), is_exempt=lambda _: True),
        sealer=Sealer(b"a secret of the tests"),
        clock=house.clock,
        agent="Jianwei",
    )
    looking = Looking(analysing=house.analysing, visiting=visiting, reader=Reader())
    return web, source_id, Turn(looking)


def stored(house):
    with house.database.read() as connection:
        return connection.execute(select(post)).mappings().one()


def planned(house):
    with house.database.read() as connection:
        return {
            row.purpose: row for row in connection.execute(select(look).order_by(look.c.purpose))
        }


def mentions(house):
    with house.database.read() as connection:
        return connection.scalar(select(func.count()).select_from(mention))


def put(house, make_post, source_id, text="青禾出事了", **changes):
    made = make_post(source_id, 1, text, house.clock(), **{"url": PAGE, **changes})
    return asyncio.run(store_posts(house.analysing, [made])), made


@pytest.mark.parametrize(
    ("wish", "text", "expected"),
    [
        (FullText.NEVER, "短", False),
        ("when_short", "短", True),
        ("when_short", "长" * 200, False),
        ("always", "长" * 200, True),
    ],
)
def test_a_page_is_wanted_as_the_source_says(make_post, now, wish, text, expected):
    made = make_post(1, 1, text, now, url=PAGE)
    assert wants_page({"full_text": wish}, made) is expected
    assert not wants_page({"full_text": wish}, replace(made, url=None))


def test_the_page_completes_a_teaser_and_the_feed_that_repeats_it_takes_nothing_back(
    house, make_post, site
):
    web, source_id, turn = site
    house.keyword_list()
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    _, teaser = put(house, make_post, source_id)
    assert (turn(), stored(house)["text"]) == (1, WHOLE)
    assert stored(house)["content_hash"] != teaser.content_hash == stored(house)["delivered_hash"]
    assert mentions(house) == 1
    again = asyncio.run(store_posts(house.analysing, [teaser]))
    assert (dict(again.edited), stored(house)["text"]) == ({}, WHOLE)
    edited = asyncio.run(store_posts(house.analysing, [replace(teaser, text="青禾道歉了")]))
    assert len(edited.edited) == 1
    assert turn() == 1  # the page is read again, because what the source delivers has changed
    assert stored(house)["text"] == WHOLE


def test_a_page_that_says_less_than_the_feed_changes_nothing(make_post, now):
    made = make_post(1, 1, "比登录页更长的一段摘要", now, url=PAGE)
    assert completed_by(made, Article(text="请登录")) is None
    assert completed_by(made, Article(text=made.text)) is None
    assert completed_by(made, Article(text=made.text * 2)).delivered_hash == made.content_hash


def test_robots_are_obeyed(house, make_post, site):
    web, source_id, turn = site
    web.pages["https://news.example/robots.txt"] = Answer(body=b"User-agent: *\nDisallow: /")
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    put(house, make_post, source_id)
    assert turn() == 1
    assert web.asked == ["https://news.example/robots.txt"]
    assert planned(house) == {}


@pytest.mark.parametrize("body", [b"crash", "短".encode()], ids=["crash", "short"])
def test_a_page_that_gives_no_article_costs_no_post(house, make_post, site, body):
    web, source_id, turn = site
    web.pages[PAGE] = Answer(body=body)
    put(house, make_post, source_id)
    assert (turn(), turn()) == (1, 0)
    assert stored(house)["text"] == "青禾出事了"


def test_an_unreachable_page_is_tried_three_times(house, make_post, site):
    _, source_id, turn = site
    put(house, make_post, source_id)
    tries = []
    for _ in range(4):
        tries.append(turn())
        house.clock.at += timedelta(hours=2)
    assert tries == [1, 1, 1, 0]


def test_a_mention_is_looked_at_after_an_hour_six_a_day_and_three_days(house, make_post, site):
    web, source_id, turn = site
    house.keyword_list()
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    put(house, make_post, source_id)
    turn()
    seen = []
    for hours in (1, 5, 18, 48, 100):
        house.clock.at += timedelta(hours=hours)
        seen.append((turn(), turn()))
    assert seen == [(1, 0), (1, 0), (1, 0), (1, 0), (0, 0)]


@pytest.mark.parametrize("status", [404, 410])
def test_a_page_that_is_gone_is_a_fact_and_ends_the_series(house, make_post, site, status):
    web, source_id, turn = site
    house.keyword_list()
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    put(house, make_post, source_id)
    turn()
    web.pages[PAGE] = Answer(status=status)
    house.clock.at += timedelta(hours=1)
    assert turn() == 1
    first = stored(house)["deleted_at"]
    assert first == house.clock()
    assert (planned(house), stored(house)["text"]) == ({}, WHOLE)
    with house.database.write() as connection:
        posts.mark_deleted(connection, [stored(house)["key"]], now=house.clock() + timedelta(1))
    assert stored(house)["deleted_at"] == first


def test_what_an_edited_post_said_before_is_kept(house, make_post, site):
    _, source_id, _ = site
    _, made = put(house, make_post, source_id, text="第一版")
    house.clock.at += timedelta(minutes=5)
    for _ in range(2):
        asyncio.run(store_posts(house.analysing, [replace(made, text="第二版")]))
    with house.database.read() as connection:
        kept = posts.revisions(connection, stored(house)["id"])
    assert [(row["text"], row["at"]) for row in kept] == [("第一版", house.clock())]


def test_a_lease_that_ran_out_gives_the_look_to_somebody_else(house, make_post, site):
    _, source_id, _ = site
    put(house, make_post, source_id)
    with house.database.write() as connection:
        first = looks.claim(connection, now=house.clock(), limit=9)
        assert looks.claim(connection, now=house.clock(), limit=9) == []
        later = house.clock() + looks.LEASE
        assert [one.id for one in looks.claim(connection, now=later, limit=9)] == [first[0].id]


def test_a_wall_does_not_take_the_place_of_a_page_that_was_read(house, make_post, site):
    web, source_id, turn = site
    house.keyword_list()
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    put(house, make_post, source_id)
    turn()
    web.pages[PAGE] = Answer(body="请登录后查看,内容可能已被删除".encode())
    house.clock.at += timedelta(hours=1)
    assert turn() == 1
    assert (stored(house)["text"], mentions(house)) == (WHOLE, 1)


def test_what_a_page_said_before_it_was_edited_is_kept(house, make_post, site):
    web, source_id, turn = site
    house.keyword_list()
    web.pages[PAGE] = Answer(body=WHOLE.encode())
    put(house, make_post, source_id)
    turn()
    web.pages[PAGE] = Answer(body=("更正:" + WHOLE).encode())
    house.clock.at += timedelta(hours=1)
    turn()
    assert stored(house)["text"] == "更正:" + WHOLE
    with house.database.read() as connection:
        kept = posts.revisions(connection, stored(house)["id"])
    assert [row["text"] for row in kept] == [WHOLE]


def test_a_reader_that_breaks_on_one_source_leaves_the_looks_of_others_alone(
    house, make_post, site
):
    web, source_id, turn = site
    with house.database.write() as connection:
        row = {
            "name": "别处", "kind": "feed", "url": "https://other.example/feed", "host": "other.example:443",
            "options": {"full_text": "when_short"},
        }  # fmt: skip
        other = sources.create(connection, row, now=house.clock())
    web.pages["https://other.example/robots.txt"] = Answer(404)
    web.pages["https://other.example/1"] = Answer(body=WHOLE.encode())
    web.pages[PAGE] = Answer(body=b"\xff no text")  # the reader of these tests breaks
    made = [
        make_post(source_id, 1, "短", house.clock(), url=PAGE),
        make_post(other, 2, "短二", house.clock(), url="https://other.example/1"),
    ]
    asyncio.run(store_posts(house.analysing, made))
    assert turn() == 2
    with house.database.read() as connection:
        texts = set(connection.scalars(select(post.c.text)))
    assert texts == {"短", WHOLE}
    assert turn() == 0  # put off, not asked again and again


def test_waiting_in_our_own_queue_is_no_failed_look(house, make_post, site):
    """A site that asks for a minute between pages gives every page, one a minute."""
    web, source_id, turn = site
    turn_politely = replace_politeness(turn)
    delay = b"User-agent: *\nCrawl-delay: 60\n"
    web.pages["https://news.example/robots.txt"] = Answer(body=delay)
    made = [
        make_post(source_id, number, f"短{number}", house.clock(), url=f"{PAGE}{number}")
        for number in range(6)
    ]
    for number in range(6):
        web.pages[f"{PAGE}{number}"] = Answer(body=f"{WHOLE}{number}".encode())
    asyncio.run(store_posts(house.analysing, made))
    for _ in range(12):
        turn_politely()
        house.clock.at += timedelta(seconds=61)
    with house.database.read() as connection:
        assert all(len(text) > 100 for text in connection.scalars(select(post.c.text)))


def replace_politeness(turn):
    """Return the turn with hosts that keep their pause."""
    looking = turn.looking
    looking.visiting.turns.politeness = Politeness(
        pause=timedelta(seconds=2), is_exempt=lambda _: False
    )
    return turn


def test_a_page_that_kills_its_reader_costs_no_other_page(house, make_post, site):
    web, source_id, turn = site
    turn.looking.analysing = replace(house.analysing, analyst=Poisoned())
    web.pages[f"{PAGE}0"] = Answer(body=f"毒{WHOLE}".encode())
    web.pages[f"{PAGE}1"] = Answer(body=WHOLE.encode())
    made = [
        make_post(source_id, number, f"短{number}", house.clock(), url=f"{PAGE}{number}")
        for number in range(2)
    ]
    asyncio.run(store_posts(house.analysing, made))
    assert (turn(), turn()) == (2, 0)
    with house.database.read() as connection:
        assert set(connection.scalars(select(post.c.text))) == {"短0", WHOLE}
    assert planned(house) == {}


class Poisoned(InlineAnalyst):
    """Dies of one text."""

    async def understand(self, rules, documents):
        if any("毒" in document.text for document in documents):
            raise PoisonedBatch("it died")
        return await super().understand(rules, documents)


def test_a_row_of_pages_lets_a_due_feed_of_the_same_site_have_its_turn(house, make_post, site):
    web, source_id, turn = site
    replace_politeness(turn)
    with house.database.write() as connection:
        connection.execute(sources.source.update().values(next_due_at=house.clock()))
    made = [
        make_post(source_id, number, f"短{number}", house.clock(), url=f"{PAGE}{number}")
        for number in range(6)
    ]
    for number in range(6):
        web.pages[f"{PAGE}{number}"] = Answer(body=f"{WHOLE}{number}".encode())
    asyncio.run(store_posts(house.analysing, made))
    begun = house.clock()
    claimed = []

    async def sleep(seconds):
        """Time passes, and every second somebody looks for what is due."""
        until = house.clock.at + timedelta(seconds=seconds)
        while house.clock.at < until:
            house.clock.at = min(until, house.clock.at + timedelta(seconds=1))
            with house.database.write() as connection:
                claimed.extend(
                    (house.clock.at - begun, len(web.asked))
                    for _ in sources.claim_due(
                        house.database, connection, now=house.clock.at, owner="t", limit=9,
                        pause=timedelta(seconds=2), is_exempt=lambda _: False,
                    )
                )  # fmt: skip

    turn.looking.visiting.turns.sleep = sleep
    assert turn() == 6
    ((waited, asked),) = claimed
    assert waited < timedelta(seconds=10)
    assert asked < len(web.asked)
