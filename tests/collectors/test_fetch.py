"""Visiting a feed: what is sent, and what each answer means. The last tests use real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_network

import pytest

from collectors.fetch import FeedCollector, wish_of
from collectors.model import (
    CollectError,
    Cursor,
    Hub,
    Outcome,
    Poll,
    SourceKind,
    SourceState,
)
from collectors.registry import collector_for
from collectors.visit import CHALLENGE, FAILING_AFTER, back_off, retry_after
from monitor.http import GuardedClient
from tests.collectors.answers import FEED, HOUR, INTERVAL, NOW, URL, Answer, FakeHttp, source, visit

MOVED = "https://new.example.cn/feed.xml"


def test_a_first_visit_is_unconditional_and_keeps_the_validators_verbatim() -> None:
    headers = {"etag": 'W/"a b"', "last-modified": "whatever the server says"}
    poll, http = visit(source(), Answer(headers=headers))
    assert not {"If-None-Match", "If-Modified-Since"} & http.asked[0][1].keys()
    assert (poll.outcome, poll.state, len(poll.posts)) == (Outcome.NEW, SourceState.OK, 1)
    cursor = poll.cursor_after
    assert (cursor.etag, cursor.last_modified) == ('W/"a b"', "whatever the server says")
    _, again = visit(source(cursor), Answer(status=304, body=b""))
    assert again.asked[0][1]["If-None-Match"] == 'W/"a b"'
    assert again.asked[0][1]["If-Modified-Since"] == "whatever the server says"


def test_304_is_success_refreshes_what_it_carries_and_keeps_the_rest() -> None:
    before = visit(source(), Answer(headers={"etag": '"1"', "last-modified": "d"}))[0].cursor_after
    poll, _ = visit(source(before), Answer(status=304, headers={"etag": '"2"'}, body=b""))
    assert (poll.outcome, poll.state, poll.posts) == (Outcome.UNCHANGED, SourceState.OK, ())
    assert poll.cursor_after == replace(before, etag='"2"')
    assert poll.wait == HOUR, "the feed's own ttl is remembered"


def test_an_identical_body_is_unchanged_without_parsing() -> None:
    before = visit(source(), Answer())[0].cursor_after
    poll, _ = visit(source(before), Answer(headers={"etag": '"new"'}))
    assert (poll.outcome, poll.cursor_after.etag) == (Outcome.UNCHANGED, '"new"')
    changed, _ = visit(source(before), Answer(body=FEED.replace(b">t<", b">u<")))
    assert changed.outcome is Outcome.NEW


def test_validators_beside_expires_zero_are_not_kept() -> None:
    poll, _ = visit(source(), Answer(headers={"etag": '"1"', "expires": "0"}))
    assert poll.cursor_after.etag is None


def test_a_304_nobody_asked_for_is_an_error() -> None:
    poll, _ = visit(source(), Answer(status=304, body=b""))
    assert (poll.outcome, poll.state) == (Outcome.FAILED, SourceState.BACKING_OFF)


DATE = "Thu, 02 May 2024 05:00:00 GMT"


@pytest.mark.parametrize(
    ("answer", "state", "wait"),
    [
        (Answer(status=410), SourceState.GONE, timedelta(days=365)),
        (Answer(status=401), SourceState.BLOCKED, 6 * HOUR),
        (Answer(status=403), SourceState.BLOCKED, 6 * HOUR),
        (Answer(status=432), SourceState.BLOCKED, 6 * HOUR),
        (Answer(status=451), SourceState.BLOCKED, 6 * HOUR),
        (Answer(status=403, headers={"retry-after": "36000"}), SourceState.BLOCKED, 10 * HOUR),
        (Answer(status=404), SourceState.BACKING_OFF, 8 * INTERVAL),
        (Answer(status=500), SourceState.BACKING_OFF, 2 * INTERVAL),
        (Answer(status=418), SourceState.BLOCKED, 6 * HOUR),
        (Answer(status=429, headers={"retry-after": "1800"}), SourceState.RATE_LIMITED, HOUR / 2),
        (Answer(status=503, headers={"retry-after": DATE}), SourceState.BACKING_OFF, HOUR),
        (Answer(status=503, headers={"retry-after": "1"}), SourceState.BACKING_OFF, 2 * INTERVAL),
        (Answer(status=503, headers={"retry-after": "9" * 40}), SourceState.BACKING_OFF, 24 * HOUR),
        (Answer(body=b"<html><body>hi"), SourceState.NOT_A_FEED, 2 * INTERVAL),
        (Answer(body=b""), SourceState.BACKING_OFF, 2 * INTERVAL),
        (CollectError("timeout"), SourceState.BACKING_OFF, 2 * INTERVAL),
        (CollectError("refused", retryable=False), SourceState.BLOCKED, 6 * HOUR),
    ],
    ids=lambda value: f"{value.status} {dict(value.headers)}" if isinstance(value, Answer) else str(value),
)  # fmt: skip
def test_every_trouble_is_a_state_with_a_reason_and_a_wait(
    answer: Answer | CollectError, state: SourceState, wait: timedelta
) -> None:
    poll, _ = visit(source(), answer)
    assert (poll.outcome, poll.state, poll.wait) == (Outcome.FAILED, state, wait)
    assert poll.reason
    assert poll.posts == ()
    assert poll.cursor_after == Cursor()


def test_a_challenge_and_a_declared_feed_are_told_to_the_user() -> None:
    challenged, _ = visit(source(), Answer(status=403, headers={"cf-mitigated": "challenge"}))
    assert "人机验证" in (challenged.reason or "")
    page = b'<html><link rel="alternate" type="application/atom+xml" href="/atom"></html>'
    declared, _ = visit(source(), Answer(body=page))
    assert "https://news.example.cn/atom" in (declared.reason or "")


@pytest.mark.parametrize(
    "answer",
    [
        Answer(body="<html><title>安全验证</title>请完成验证</html>".encode()),
        Answer(body="<html>访问过于频繁，请稍后再试</html>".encode("gbk")),
        Answer(body=b"<html>Checking your browser before accessing</html>"),
        Answer(
            body=b"<html>welcome</html>", url="https://news.example.cn/passport/login?next=/feed"
        ),
        Answer(status=503, body=b"<html><div id='cf-chl-widget'></div></html>"),
    ],
    ids=["captcha", "too often, in GBK", "browser check", "login", "503"],
)
def test_a_challenge_in_place_of_the_feed_blocks_the_source(answer: Answer) -> None:
    for at in (source(), source(Cursor(etag='"1"', effective_url=MOVED))):
        poll, _ = visit(at, answer)
        assert (poll.state, poll.reason, poll.wait) == (SourceState.BLOCKED, CHALLENGE, 6 * HOUR)
        assert poll.cursor_after.effective_url == at.cursor.effective_url, "it will pass"


def test_a_feed_about_captchas_and_a_site_with_one_in_a_form_are_no_challenge() -> None:
    feed = FEED.replace(b">t<", "安全验证 captcha".encode().join((b">", b"<")))
    assert visit(source(), Answer(body=feed))[0].state is SourceState.OK
    form = b'<html><link rel="alternate" type="application/rss+xml" href="/rss"><div class="g-recaptcha">'
    poll, _ = visit(source(), Answer(body=form))
    assert poll.state is SourceState.NOT_A_FEED
    assert "https://news.example.cn/rss" in (poll.reason or "")


ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title>
<link rel="hub" href="https://hub.example/"/><link href="/atom.xml" rel='self'/><entry><id>1</id></entry></feed>"""
IN_RSS = b"""<rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"><channel>
<atom:link rel="self hub" href="https://self.example/?a=1&amp;b=2"/><item><guid>1</guid></item></channel></rss>"""
IN_JSON = b"""{"version": "https://jsonfeed.org/version/1.1", "feed_url": "https://a.example/f.json",
"hubs": [{"type": "rssCloud", "url": "https://no.example/"}, {"type": "WebSub", "url": "https://h.example/"}], "items": []}"""
LINKS = '<https://hub.one/>; rel="hub", <https://hub.two/>; rel=hub, </topic?a=1,2>; title="a, b"; rel="self"'


@pytest.mark.parametrize(
    ("answer", "hub"),
    [
        (Answer(body=ATOM), Hub(url="https://hub.example/", topic="https://news.example.cn/atom.xml")),
        (Answer(body=IN_RSS),
         Hub(url="https://self.example/?a=1&b=2", topic="https://self.example/?a=1&b=2")),
        (Answer(body=IN_JSON), Hub(url="https://h.example/", topic="https://a.example/f.json")),
        (Answer(headers={"link": LINKS}),
         Hub(url="https://hub.one/", topic="https://news.example.cn/topic?a=1,2")),
        (Answer(body=ATOM, headers={"link": LINKS}),
         Hub(url="https://hub.one/", topic="https://news.example.cn/topic?a=1,2")),
        (Answer(headers={"link": "<https://hub.one/>; rel=HUB"}), Hub(url="https://hub.one/", topic=URL)),
        (Answer(), None),
        (Answer(headers={"link": "<javascript:x>; rel=hub, <https://x/>; rel=next, garbage"}), None),
        (Answer(body=ATOM.replace(b"https://hub.example/", b"javascript:x")), None),
        (Answer(body=ATOM.replace(b"hub", b"hubbub")), None),
        (Answer(headers={"link": "<" * 50_000 + '>; rel="hub' * 9_000}), None),
    ],
    ids=["atom", "rss", "json", "header", "header first", "no self", "none", "no web address", "script",
         "another word", "hostile"],
)  # fmt: skip
def test_a_hub_is_told_by_the_header_or_by_the_document(answer: Answer, hub: Hub | None) -> None:
    assert visit(source(), answer)[0].hub == hub


def test_a_304_tells_the_hub_in_its_header() -> None:
    answer = Answer(status=304, body=b"", headers={"link": "<https://hub.one/>; rel=hub"})
    poll, _ = visit(source(Cursor(etag='"1"')), answer)
    assert poll.hub == Hub(url="https://hub.one/", topic=URL)


def test_an_entry_ahead_of_the_clock_by_more_than_15_minutes_has_no_date() -> None:
    dated = b"<pubDate>Thu, 02 May 2024 04:%d:00 GMT</pubDate><title>"
    near, _ = visit(source(), Answer(body=FEED.replace(b"<title>", dated % 14)))
    far, _ = visit(source(), Answer(body=FEED.replace(b"<title>", dated % 16)))
    assert near.posts[0].published_at == NOW + timedelta(minutes=14)
    assert far.posts[0].published_at is None


def test_the_wait_doubles_with_every_error_up_to_a_day() -> None:
    waits = [back_off(source(error_count=n)) for n in range(3)]
    assert waits == [2 * INTERVAL, 4 * INTERVAL, 8 * INTERVAL]
    assert back_off(source(error_count=10_000)) == 24 * HOUR
    assert back_off(source(interval=timedelta(days=3))) == timedelta(days=3)


def test_many_errors_in_a_row_make_a_daily_probe() -> None:
    poll, _ = visit(source(error_count=FAILING_AFTER - 1), Answer(status=500))
    assert (poll.state, poll.wait) == (SourceState.FAILING, 24 * HOUR)


@pytest.mark.parametrize(
    ("headers", "wish"),
    [
        ({}, timedelta()),
        ({"cache-control": "public, max-age=1800"}, HOUR / 2),
        ({"cache-control": "s-maxage=1800"}, timedelta()),
        ({"cache-control": "no-cache"}, timedelta()),
        ({"expires": DATE}, HOUR),
        ({"expires": "0"}, timedelta()),
        ({"expires": "-1"}, timedelta()),
        ({"expires": "Thu, 01 Jan 1970 00:00:00 GMT"}, timedelta()),
        ({"cache-control": "max-age=60", "expires": DATE}, HOUR),
    ],
    ids=str,
)
def test_caching_headers_are_wishes(headers: dict[str, str], wish: timedelta) -> None:
    assert wish_of(headers, NOW) == wish


@pytest.mark.parametrize(
    ("interval", "headers", "wait"),
    [
        (INTERVAL, {}, HOUR),
        (INTERVAL, {"cache-control": "max-age=7200"}, 2 * HOUR),
        (INTERVAL, {"cache-control": "max-age=99999999"}, 24 * HOUR),
        (6 * HOUR, {"cache-control": "max-age=60"}, 6 * HOUR),
        (timedelta(days=2), {"cache-control": "max-age=99999999"}, timedelta(days=2)),
    ],
)
def test_the_server_only_lengthens_the_interval_and_by_a_day_at_most(
    interval: timedelta, headers: dict[str, str], wait: timedelta
) -> None:
    assert visit(source(interval=interval), Answer(headers=headers))[0].wait == wait


def test_retry_after_is_seconds_or_a_date_and_never_negative() -> None:
    assert retry_after({"retry-after": "120"}, NOW) == timedelta(minutes=2)
    assert retry_after({"retry-after": DATE}, NOW) == HOUR
    assert retry_after({"retry-after": "Wed, 01 May 2024 05:00:00 GMT"}, NOW) == timedelta()
    assert retry_after({"retry-after": "soon"}, NOW) == timedelta()


def test_an_expired_json_feed_is_gone_and_its_last_posts_are_kept() -> None:
    body = b'{"version":"https://jsonfeed.org/version/1.1","expired":true,"items":[{"id":"1"}]}'
    poll, _ = visit(source(), Answer(body=body))
    assert (poll.state, len(poll.posts)) == (SourceState.GONE, 1)


def test_a_bug_is_raised_and_not_hidden_in_a_state() -> None:
    class Broken(FakeHttp):
        async def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asyncio.run(FeedCollector().collect(source(), slot=NOW, http=Broken(), now=NOW))


def test_only_sources_that_are_visited_have_a_collector() -> None:
    assert isinstance(collector_for(SourceKind.FEED), FeedCollector)
    with pytest.raises(CollectError):
        collector_for(SourceKind.PUSH)


class Server(BaseHTTPRequestHandler):
    """A feed with an ETag behind a permanent redirect, as WordPress serves it."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.path == "/old":
            self._answer(301, {"Location": "/feed"}, b"")
        elif self.path == "/busy":
            self._answer(503, {"Retry-After": "3600"}, b"busy")
        elif self.headers["If-None-Match"] == '"v1"':
            self._answer(304, {"ETag": '"v1"'}, b"")
        else:
            self._answer(
                200, {"ETag": '"v1"', "Content-Type": "text/xml; charset=ISO-8859-1"}, FEED
            )

    def _answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 304:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


@contextmanager
def served() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_over_real_http_a_moved_feed_is_read_once_then_answers_304() -> None:
    async def visits(base: str) -> tuple[Poll, Poll, Poll, Poll]:
        of = replace(source(), url=f"{base}/old")
        collect = FeedCollector().collect
        async with GuardedClient([ip_network("127.0.0.0/8")]) as http:
            first = await collect(of, slot=NOW, http=http, now=NOW)
            later = replace(of, cursor=first.cursor_after)
            second = await collect(later, slot=NOW, http=http, now=NOW)
            later = replace(of, cursor=second.cursor_after)
            third = await collect(later, slot=NOW, http=http, now=NOW)
            busy = await collect(replace(of, url=f"{base}/busy"), slot=NOW, http=http, now=NOW)
        return first, second, third, busy

    with served() as base:
        first, second, third, busy = asyncio.run(visits(base))
        assert (first.outcome, first.status, len(first.posts)) == (Outcome.NEW, 200, 1)
        assert (second.outcome, second.status) == (Outcome.UNCHANGED, 200)
        assert second.cursor_after.effective_url == f"{base}/feed"
        assert (third.outcome, third.status) == (Outcome.UNCHANGED, 304)
        assert third.cursor_after == second.cursor_after
        assert (busy.state, busy.wait) == (SourceState.BACKING_OFF, HOUR)


def test_over_real_http_a_private_address_is_a_blocked_source() -> None:
    async def refused(base: str) -> Poll:
        async with GuardedClient() as http:
            of = replace(source(), url=f"{base}/feed?key=SECRET")
            return await FeedCollector().collect(of, slot=NOW, http=http, now=NOW)

    with served() as base:
        poll = asyncio.run(refused(base))
    assert poll.state is SourceState.BLOCKED
    assert "禁止访问的地址" in (poll.reason or "")
    assert "SECRET" not in (poll.reason or "")
