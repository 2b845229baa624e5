"""The way out of a visit: one request at a time a host, at its pace, where robots may go."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from datetime import timedelta
from itertools import pairwise

import pytest

from collectors.model import CollectError, Cursor, Source, SourceState
from monitor.pipeline.polite import (
    MOST_WAIT,
    Forbidden,
    HostBusy,
    PoliteHttp,
    Politeness,
    RobotsBook,
    Turns,
)
from monitor.pipeline.visiting import Visiting
from monitor.storage.sealing import Sealer
from monitor.storage.sources import Claim

PAUSE = timedelta(seconds=2)
ROBOTS = b"User-agent: *\nDisallow: /private\nCrawl-delay: 9\n"


@dataclass
class Reply:
    status: int = 200
    body: bytes = b""
    headers: dict = field(default_factory=dict)
    url: str = ""
    permanent_redirect: bool = False


@dataclass
class Web:
    clock: object
    robots: object = field(default_factory=lambda: Reply(body=ROBOTS))
    asked: list = field(default_factory=list)
    page: Reply = field(default_factory=Reply)
    seconds: float = 0.0
    asked_at: list = field(default_factory=list)
    answered_at: list = field(default_factory=list)

    async def get(self, url, headers=None):
        self.asked.append(url)
        self.asked_at.append(self.clock())
        self.clock.at += timedelta(seconds=self.seconds)
        self.answered_at.append(self.clock())
        if url.endswith("/robots.txt"):
            if isinstance(self.robots, Exception):
                raise self.robots
            return self.robots
        return self.page


@pytest.fixture
def polite(house):
    """A way out whose sleeping moves the clock, and the seconds it slept."""
    web, slept = Web(house.clock), []

    async def sleep(seconds):
        slept.append(round(seconds, 3))
        house.clock.at += timedelta(seconds=seconds)

    def make(*, robots=False, paid="", exempt=False):
        turns = Turns(
            database=house.database,
            politeness=Politeness(pause=PAUSE, is_exempt=lambda host: exempt),
            clock=house.clock,
            sleep=sleep,
        )
        book = RobotsBook(http=web, turns=turns, agent="Jianwei", clock=house.clock)
        return PoliteHttp(http=web, turns=turns, robots=book if robots else None, paid=paid)

    return web, slept, make


def ask(http, *urls):
    async def whole():
        for url in urls:
            await http.get(url)

    asyncio.run(whole())


def test_requests_to_one_host_are_two_seconds_apart_and_other_hosts_do_not_wait(polite):
    _, slept, make = polite
    ask(make(), "https://a.example/1", "https://a.example/2", "https://b.example/1")
    assert slept == [2.0]


def test_the_turn_that_the_claim_reserved_is_not_paid_twice(polite):
    _, slept, make = polite
    ask(make(paid="a.example:443"), "https://a.example/1")
    assert slept == []
    ask(make(paid="a.example:443"), "https://a.example/1", "https://a.example/2")
    assert slept == [2.0]


def test_two_visits_to_one_host_share_its_pace(polite):
    _, slept, make = polite
    ask(make(), "https://a.example/1")
    ask(make(), "https://a.example/2")
    assert slept == [2.0]


def test_the_operators_own_networks_know_no_pause(polite):
    _, slept, make = polite
    ask(make(exempt=True), "http://10.0.0.1/1", "http://10.0.0.1/2")
    assert slept == []


def test_a_host_whose_queue_is_too_long_is_left_for_later(polite):
    web, slept, make = polite
    http = make()
    turns = http.turns

    async def crowd():
        for _ in range(16):
            await asyncio.to_thread(turns._reserve, "a.example:443", PAUSE)
        await http.get("https://a.example/late")

    with pytest.raises(HostBusy) as busy:
        asyncio.run(crowd())
    assert busy.value.retryable
    assert busy.value.wait > MOST_WAIT
    assert (web.asked, slept) == ([], [])


def test_robots_are_asked_once_and_their_pace_is_kept(polite):
    web, slept, make = polite
    http = make(robots=True)
    ask(http, "https://a.example/1", "https://a.example/2", "https://a.example/3")
    assert web.asked[0] == "https://a.example/robots.txt"
    assert len(web.asked) == 4
    assert slept == [2.0, 9.0, 9.0]


def test_robots_txt_takes_the_turn_that_the_claim_reserved_and_the_page_the_next(polite):
    web, _, make = polite
    ask(make(robots=True, paid="a.example:443"), "https://a.example/1", "https://a.example/2")
    assert [url.rpartition("/")[2] for url in web.asked] == ["robots.txt", "1", "2"]
    gaps = [later - earlier for earlier, later in pairwise(web.asked_at)]
    assert gaps == [PAUSE, timedelta(seconds=9)]


def test_the_pause_is_counted_from_the_last_answer(polite, house):
    web, slept, make = polite
    web.seconds = 5
    ask(make(), "https://a.example/1", "https://a.example/2", "https://b.example/1")
    assert slept == [2.0]
    assert web.asked_at[1] - web.answered_at[0] == PAUSE


def test_a_clock_that_was_set_back_holds_nobody_for_longer_than_a_crawl_delay(polite, house):
    _, slept, make = polite
    http = make()
    ask(http, "https://a.example/1")
    house.clock.at -= timedelta(hours=5)
    asyncio.run(http.turns.rest("https://a.example/2"))
    assert slept == [60.0]


def test_the_time_it_was_not_our_turn_is_told(polite):
    _, _, make = polite
    http = make()
    ask(http, "https://a.example/1", "https://a.example/2", "https://a.example/3")
    assert http.waited == 2 * PAUSE


FEED = b"<rss version='2.0'><channel><title>t</title><item><guid>1</guid><title>a</title></item></channel></rss>"


@pytest.mark.parametrize(
    ("answers_after", "state"), [(0, SourceState.OK), (9, SourceState.SLOW)], ids=["fast", "slow"]
)
def test_waiting_for_our_turn_is_not_the_sites_slowness(house, polite, answers_after, state):
    web, slept, make = polite
    web.page, web.seconds = Reply(body=FEED, url="https://a.example/feed"), answers_after
    turns = make().turns
    visiting = Visiting(
        database=house.database,
        http=web,
        turns=replace(turns, politeness=replace(turns.politeness, pause=timedelta(seconds=20))),
        robots=RobotsBook(http=web, turns=turns, agent="Jianwei", clock=house.clock),
        sealer=Sealer(b"a secret of the tests"),
        clock=house.clock,
        seconds=lambda: house.clock().timestamp(),
    )
    feed = Source(
        id=1,
        name="s",
        kind="feed",
        url=web.page.url,
        interval=timedelta(minutes=5),
        options={},
        cursor=Cursor(),
        error_count=0,
    )
    polls = [asyncio.run(visiting.visit(Claim(source=feed, slot=house.clock()))) for _ in range(2)]
    assert slept == [20.0]
    assert [(poll.state, poll.seconds) for poll in polls] == [(state, answers_after)] * 2


def test_a_page_that_robots_forbid_is_not_asked_for(polite):
    web, _, make = polite
    with pytest.raises(Forbidden) as refused:
        ask(make(robots=True), "https://a.example/private/1")
    assert not refused.value.retryable
    assert web.asked == ["https://a.example/robots.txt"]


@pytest.mark.parametrize(
    ("robots", "is_allowed"),
    [(Reply(404), True), (Reply(503), False), (CollectError("timeout"), False)],
    ids=["missing", "server error", "unreached"],
)
def test_what_an_unreadable_robots_txt_means(polite, robots, is_allowed):
    web, _, make = polite
    web.robots = robots
    if is_allowed:
        ask(make(robots=True), "https://a.example/1")
    else:
        with pytest.raises(Forbidden):
            ask(make(robots=True), "https://a.example/1")


def test_robots_are_asked_again_after_a_day(polite, house):
    web, _, make = polite
    http = make(robots=True)
    ask(http, "https://a.example/1")
    house.clock.at += timedelta(hours=25)
    ask(http, "https://a.example/2")
    assert web.asked.count("https://a.example/robots.txt") == 2


@pytest.mark.parametrize("url", ["http://[bad/1", "http://a.example:99999999/1"])
@pytest.mark.parametrize("obeys", [True, False], ids=["robots", "no robots"])
def test_an_address_that_is_none_is_an_expected_error(house, url, obeys):
    class Checked:
        async def get(self, url, headers=None):
            raise CollectError("not an address")

    turns = Turns(
        database=house.database,
        politeness=Politeness(pause=PAUSE, is_exempt=lambda _: False),
        clock=house.clock,
    )
    book = RobotsBook(http=Checked(), turns=turns, agent="Jianwei", clock=house.clock)
    way = PoliteHttp(http=Checked(), turns=turns, robots=book if obeys else None, paid="x:80")
    with pytest.raises(CollectError):
        asyncio.run(way.get(url))
