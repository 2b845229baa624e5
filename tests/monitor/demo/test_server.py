"""The demo's server, asked over real HTTP on loopback."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from urllib.parse import urlsplit

import feedparser
import pytest

from collectors.robots import Robots
from monitor.demo.publication import FEWEST_ENTRIES
from monitor.demo.scenario import (
    BAD_DAY,
    DAY,
    ZONE,
    DemoPost,
    DemoSource,
    Format,
    Scenario,
    load,
)
from monitor.demo.server import DemoServer
from monitor.demo.video_api import PAGE

DAY0 = datetime(2026, 11, 5, tzinfo=ZONE)
NOON_OF_BAD_DAY = DAY0 + BAD_DAY * DAY + timedelta(hours=12)


@dataclass
class Clock:
    """Simulated time that a test moves by hand."""

    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load()


@pytest.fixture(scope="module")
def running(scenario: Scenario) -> Iterator[tuple[DemoServer, Clock]]:
    clock = Clock(NOON_OF_BAD_DAY)
    with DemoServer(scenario, clock, DAY0) as server:
        yield server, clock


@pytest.fixture
def clock(running: tuple[DemoServer, Clock]) -> Clock:
    running[1].now = NOON_OF_BAD_DAY
    return running[1]


@pytest.fixture
def server(running: tuple[DemoServer, Clock], clock: Clock) -> DemoServer:
    """The running server with nothing received yet, at noon of the bad day."""
    receiver = running[0].receiver
    receiver.received.clear()
    receiver.invalid = 0
    return running[0]


def _ask(
    method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> Reply:
    place = urlsplit(url)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=10)
    try:
        target = f"{place.path}?{place.query}" if place.query else place.path
        connection.request(method, target, body, headers or {})
        answer = connection.getresponse()
        named = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, named, answer.read())
    finally:
        connection.close()


def _source(scenario: Scenario, slug: str) -> DemoSource:
    return next(source for source in scenario.sources if source.slug == slug)


def _url(server: DemoServer, source: DemoSource) -> str:
    url = server.url_of(source)
    assert url is not None
    return url


def _ids(source: DemoSource, body: bytes) -> list[str]:
    if source.format is Format.JSON:
        return [item["id"] for item in json.loads(body)["items"]]
    return [entry.id for entry in feedparser.parse(body).entries]


FEEDS = ["weixun", "tuxu", "lanxun", "wenyu", "qiaoxia"]


@pytest.mark.parametrize("slug", FEEDS)
def test_a_feed_holds_what_was_published_until_now_newest_first(
    server: DemoServer, scenario: Scenario, slug: str
) -> None:
    source = _source(scenario, slug)
    reply = _ask("GET", _url(server, source))
    published = [
        post.external_id
        for post in scenario.of_source(slug)
        if DAY0 + post.offset <= NOON_OF_BAD_DAY
    ]
    ids = _ids(source, reply.body)
    assert reply.status == 200
    assert len(ids) >= FEWEST_ENTRIES
    assert ids == published[::-1][: len(ids)]


def test_before_the_first_post_a_feed_is_empty_and_valid(
    server: DemoServer, scenario: Scenario, clock: Clock
) -> None:
    clock.now = DAY0 - timedelta(hours=1)
    for slug in FEEDS:
        source = _source(scenario, slug)
        reply = _ask("GET", _url(server, source))
        assert (reply.status, _ids(source, reply.body)) == (200, [])


def test_the_first_post_of_the_crisis_appears_at_its_minute_and_not_before(
    server: DemoServer, scenario: Scenario, clock: Clock
) -> None:
    first = scenario.first_post_of_crisis
    url = _url(server, _source(scenario, first.source))
    clock.now = DAY0 + first.offset - timedelta(seconds=1)
    assert first.external_id.encode() not in _ask("GET", url).body
    clock.now = DAY0 + first.offset
    assert first.external_id.encode() in _ask("GET", url).body


@pytest.mark.parametrize("slug", ["tuxu", "wenyu", "qiaoxia"])
def test_xml_feeds_carry_text_author_and_zoned_dates_unharmed(
    server: DemoServer, scenario: Scenario, slug: str
) -> None:
    parsed = feedparser.parse(_ask("GET", _url(server, _source(scenario, slug))).body)
    posts = {post.external_id: post for post in scenario.of_source(slug)}
    assert parsed.bozo is False
    for entry in parsed.entries:
        post = posts[entry.id]
        # feedparser gives HTML for RSS and plain text for Atom.
        text = entry.content[0].value if "content" in entry else entry.summary
        assert _plain(text) == _plain(post.text)
        assert entry.author == post.author.name
        assert entry.link == post.url
        assert datetime(*entry.published_parsed[:6], tzinfo=UTC) == DAY0 + post.offset


def _plain(text: str) -> str:
    for mark, plain in (("<p>", ""), ("</p>", ""), ("&lt;", "<"), ("&amp;", "&"), ("&gt;", ">")):
        text = text.replace(mark, plain)
    return text


def test_json_items_carry_followers_title_language_and_dates(
    server: DemoServer, scenario: Scenario, clock: Clock
) -> None:
    clock.now = DAY0 + BAD_DAY * DAY + timedelta(hours=14, minutes=1)
    reply = _ask("GET", _url(server, _source(scenario, "weixun")))
    items = json.loads(reply.body)["items"]
    large = next(one for one in items if one["authors"][0]["name"] == "@食安瞭望台")
    assert large["authors"][0]["_followers"] == 3_264_000
    assert large["date_published"] == "2026-11-19T14:00:20+08:00"
    assert large["language"] == "zh-Hans"


def test_the_news_feed_is_gb18030_without_a_zone_in_its_dates(
    server: DemoServer, scenario: Scenario, clock: Clock
) -> None:
    clock.now = DAY0 + BAD_DAY * DAY + timedelta(hours=15, minutes=32)
    reply = _ask("GET", _url(server, _source(scenario, "lanxun")))
    text = reply.body.decode("gb18030")
    with pytest.raises(UnicodeDecodeError):
        reply.body.decode("utf-8")
    assert reply.headers["content-type"] == "application/rss+xml; charset=gb2312"
    assert text.startswith('<?xml version="1.0" encoding="gb2312"?>')
    assert "<pubDate>2026-11-19 15:31:00</pubDate>" in text
    assert "澜城市监局对栗屿咖啡星湾路店立案调查" in text


def _etag(reply: Reply) -> dict[str, str]:
    return {"If-None-Match": reply.headers["etag"]}


def _weak_etag(reply: Reply) -> dict[str, str]:
    return {"If-None-Match": f'"other", W/{reply.headers["etag"]}'}


def _date(reply: Reply) -> dict[str, str]:
    return {"If-Modified-Since": reply.headers["last-modified"]}


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param(_etag, id="If-None-Match"),
        pytest.param(_weak_etag, id="a weak one in a list"),
        pytest.param(_date, id="If-Modified-Since"),
        pytest.param(lambda reply: _etag(reply) | _date(reply), id="both"),
    ],
)
@pytest.mark.parametrize("slug", ["weixun", "dianji"])
def test_an_unchanged_feed_or_page_answers_304_until_a_new_post(
    server: DemoServer, scenario: Scenario, clock: Clock, condition: object, slug: str
) -> None:
    assert callable(condition)
    url = _url(server, _source(scenario, slug))
    first = _ask("GET", url)
    again = _ask("GET", url, condition(first))
    assert (again.status, again.body) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    clock.now += timedelta(hours=3)
    later = _ask("GET", url, condition(first))
    assert later.status == 200
    assert later.headers["etag"] != first.headers["etag"]


@pytest.mark.parametrize(
    "condition",
    [
        pytest.param({"If-None-Match": '"other"'}, id="another tag"),
        pytest.param({"If-Modified-Since": "yesterday"}, id="an unreadable date"),
        pytest.param({"If-Modified-Since": "Thu, 05 Nov 2026 00:00:00 GMT"}, id="an older date"),
    ],
)
def test_a_condition_that_does_not_hold_gets_the_whole_feed(
    server: DemoServer, scenario: Scenario, condition: dict[str, str]
) -> None:
    assert _ask("GET", _url(server, scenario.sources[0]), condition).status == 200


def test_last_modified_is_the_newest_post_in_simulated_time(
    server: DemoServer, scenario: Scenario
) -> None:
    reply = _ask("GET", _url(server, _source(scenario, "tuxu")))
    newest = max(
        DAY0 + post.offset
        for post in scenario.of_source("tuxu")
        if DAY0 + post.offset <= NOON_OF_BAD_DAY
    )
    assert parsedate_to_datetime(reply.headers["last-modified"]) == newest
    assert parsedate_to_datetime(reply.headers["date"]) == NOON_OF_BAD_DAY


def test_an_unknown_site_is_404_and_names_those_there_are(server: DemoServer) -> None:
    for path in ("/feeds/nothing.rss", "/feeds/suda.rss", "/reviews/nothing", "/api/nothing"):
        reply = _ask("GET", server.url + path)
        assert reply.status == 404
        assert b"/feeds/weixun.json\n" in reply.body
        assert b"/api/shanpai\n" in reply.body


def test_the_interface_answers_its_newest_page_in_simulated_time(
    server: DemoServer, scenario: Scenario
) -> None:
    url = _url(server, _source(scenario, "shanpai"))
    reply = _ask("GET", url.replace("{cursor}", ""))
    newest = [
        post.external_id
        for post in scenario.of_source("shanpai")
        if DAY0 + post.offset <= NOON_OF_BAD_DAY
    ][: -PAGE - 1 : -1]
    assert [video["video_id"] for video in json.loads(reply.body)["data"]["videos"]] == newest
    assert parsedate_to_datetime(reply.headers["date"]) == NOON_OF_BAD_DAY


def test_robots_may_go_everywhere(server: DemoServer, scenario: Scenario) -> None:
    reply = _ask("GET", f"{server.url}/robots.txt")
    robots = Robots.parse(reply.status, reply.body)
    assert b"Allow: /" in reply.body
    assert robots.allows(_url(server, _source(scenario, "dianji")), "jianwei")


def test_a_source_that_gives_only_files_has_no_address(
    server: DemoServer, scenario: Scenario
) -> None:
    assert [source.slug for source in scenario.sources if server.url_of(source) is None] == ["suda"]


def test_nothing_of_the_true_labels_is_served(server: DemoServer, scenario: Scenario) -> None:
    urls = [url for source in scenario.sources if (url := server.url_of(source))]
    assert len(urls) == 7
    for url in urls:
        body = _ask("GET", url.replace("{cursor}", "")).body
        assert b"negative" not in body
        assert b"positive" not in body


# ---- the receiver -----------------------------------------------------------------------------

BODY = json.dumps({"type": "alert.opened", "data": {"tier": "yellow"}}).encode()


def _signed(
    secret: str, at: datetime, webhook_id: str = "msg_1", body: bytes = BODY
) -> dict[str, str]:
    """Headers by the text of Standard Webhooks, written here on its own to check ours."""
    stamp = str(int(at.timestamp()))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    content = f"{webhook_id}.{stamp}.".encode() + body
    signature = base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": stamp,
        "webhook-signature": f"v1,{signature}",
        "content-type": "application/json",
    }


def test_a_genuine_message_is_kept_with_its_body_and_simulated_time(
    server: DemoServer, clock: Clock
) -> None:
    reply = _ask("POST", server.hook_url, _signed(server.secret, clock.now), BODY)
    assert reply.status == 204
    assert [(one.webhook_id, one.at, one.body["type"]) for one in server.received] == [
        ("msg_1", NOON_OF_BAD_DAY, "alert.opened")
    ]
    assert server.receiver.invalid == 0


def test_a_repeated_message_counts_once_by_its_id(server: DemoServer, clock: Clock) -> None:
    for webhook_id in ("msg_1", "msg_1", "msg_2"):
        _ask("POST", server.hook_url, _signed(server.secret, clock.now, webhook_id), BODY)
    assert len(server.received) == 3
    assert server.receiver.webhook_ids == {"msg_1", "msg_2"}


OTHER_SECRET = "whsec_" + base64.b64encode(b"x" * 32).decode()


@pytest.mark.parametrize(
    ("secret", "age", "body", "cut"),
    [
        pytest.param(OTHER_SECRET, timedelta(), BODY, "", id="another secret"),
        pytest.param(None, timedelta(hours=1), BODY, "", id="an old signature replayed"),
        pytest.param(None, timedelta(), BODY + b" ", "", id="a changed body"),
        pytest.param(None, timedelta(), BODY, "webhook-signature", id="no signature"),
        pytest.param(None, timedelta(), BODY, "webhook-id", id="no id"),
    ],
)
def test_a_false_message_is_refused_and_counted(
    server: DemoServer, clock: Clock, secret: str | None, age: timedelta, body: bytes, cut: str
) -> None:
    headers = _signed(secret or server.secret, clock.now - age)
    headers.pop(cut, None)
    assert _ask("POST", server.hook_url, headers, body).status == 401
    assert (server.received, server.receiver.invalid) == ([], 1)


def test_two_servers_have_secrets_and_ports_of_their_own(scenario: Scenario, clock: Clock) -> None:
    with DemoServer(scenario, clock, DAY0) as one, DemoServer(scenario, clock, DAY0) as other:
        assert one.secret != other.secret
        assert one.url != other.url
        assert one.url.startswith("http://127.0.0.1:")


def test_a_post_s_day_is_counted_from_zero() -> None:
    posts: tuple[DemoPost, ...] = load().posts
    assert (posts[0].day, posts[-1].day) == (0, BAD_DAY)
