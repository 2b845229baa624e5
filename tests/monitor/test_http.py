"""The guard of the one HTTP client. A sentinel on loopback must never see a connection."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from ipaddress import ip_address, ip_network

import aiohttp
import pytest

from monitor.http import (
    AddressPolicy,
    FetchError,
    GuardedClient,
    Reason,
    RefusedAddress,
    may_connect,
)
from monitor.http.connect import GuardedConnector, Refusal, resolve_by_system
from monitor.http.urls import checked_url, follow
from tests.monitor.loopback import LOOPBACK, answers, reply, run, sentinel

FORBIDDEN = (
    "127.0.0.1", "127.0.0.2", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "172.16.0.1",
    "172.31.255.255", "192.168.1.1", "169.254.169.254", "169.254.0.1", "100.64.0.1",
    "100.100.100.200", "192.0.0.192", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
    "168.63.129.16", "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::a9fe:a9fe",
    "2002:7f00:1::", "2002:a00:1::", "2001:0:7f00:1::", "2001:0:808:808:0:0:80ff:fffe",
    "fec0::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%1", "ff02::1", "2001:db8::1",
    "100::1",
)  # fmt: skip
PUBLIC = (
    "1.1.1.1", "8.8.8.8", "114.114.114.114", "223.5.5.5", "100.63.255.255", "172.32.0.1",
    "2606:4700:4700::1111", "2400:3200::1", "64:ff9b::808:808", "2002:808:808::1",
)  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    assert not may_connect(ip_address(address))
    assert AddressPolicy().refusal(address, 80)


@pytest.mark.parametrize("address", PUBLIC)
def test_a_public_address_is_not_refused(address: str) -> None:
    assert may_connect(ip_address(address))
    assert AddressPolicy().refusal(address, 443) is None


@pytest.mark.parametrize("port", [0, 22, 25, 6379, 8080, 65535])
def test_other_ports_than_80_and_443_are_refused_on_public_addresses(port: int) -> None:
    assert AddressPolicy().refusal("1.1.1.1", port) == f"port {port}"


def test_an_allowed_network_is_reachable_on_every_port_and_nothing_beside_it() -> None:
    policy = AddressPolicy(allow=(ip_network("10.1.0.0/16"), ip_network("fd12::/16")))
    assert policy.refusal("10.1.2.3", 1200) is None
    assert policy.refusal("::ffff:10.1.2.3", 1200) is None
    assert policy.refusal("fd12::1", 6379) is None
    assert policy.refusal("10.2.0.1", 80)
    assert policy.refusal("fd12::1%1", 80)


SPELLINGS = (
    "http://127.0.0.1:{port}/", "http://127.1:{port}/", "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/", "http://2130706433:{port}/", "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/", "http://①②⑦.0.0.1:{port}/", "http://127.0.0.1.:{port}/",
    "http://０:{port}/", "http://0:{port}/", "http://0.0.0.0:{port}/", "http://localhost:{port}/",
    "http://LOCALHOST.:{port}/", "http://[::1]:{port}/", "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/", "http://[64:ff9b::7f00:1]:{port}/",
    "http://[::1%25lo]:{port}/", "http://127。0。0。1:{port}/", "http://127.0.0.1%2f@x:{port}/",
)  # fmt: skip


@pytest.mark.parametrize("url", SPELLINGS)
def test_no_spelling_of_loopback_is_connected_to(url: str) -> None:
    async def test() -> None:
        async with sentinel() as watch:
            # The port is opened, so that only the address can be the reason.
            async with GuardedClient(ports=frozenset({watch.port})) as client:
                with pytest.raises(FetchError) as refused:
                    await client.get(url.format(port=watch.port))
            assert watch.connections == 0
            assert not refused.value.retryable or refused.value.reason is Reason.NO_SUCH_HOST

    run(test())


REFUSED_URLS = (
    "file:///etc/passwd", "gopher://127.0.0.1/", "ftp://example.com/", "data:text/xml,<rss/>",
    "javascript:1", "//example.com/", "example.com", "", "http://", "http:///x", "http://:80/",
    "http://user@example.com/", "http://user:pass@example.com/", "http://example.com@127.0.0.1/",
    "http://exa mple.com/", "http://example.com/a b", "http://example.com/\r\nX: 1",
    "http://exa\r\nmple.com/", "http://example.com/\x00", "http://example.com\\@127.0.0.1/",
    "http://example.com:99999/", "http://example.com:x/", "http://example.com:0/", "http://[::1/",
    "http://example.com/" + "a" * 9000, "http://\u0430\u0301\u202e.com\n/",
)  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_what_is_no_plain_web_address_is_refused_without_resolving(url: str) -> None:
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["1.1.1.1"]

    async def test() -> None:
        async with GuardedClient(resolve=resolve) as client:
            with pytest.raises(FetchError) as refused:
                await client.get(url)
        assert refused.value.reason is Reason.BAD_URL
        assert asked == []

    run(test())


@pytest.mark.parametrize(
    "addresses",
    [("127.0.0.1",), ("1.1.1.1", "127.0.0.1"), ("127.0.0.1", "1.1.1.1"), ("::1",), ("nonsense",)],
    ids=" ".join,
)
def test_one_bad_address_of_a_host_refuses_the_host(addresses: tuple[str, ...]) -> None:
    async def test() -> None:
        async with sentinel() as watch:
            ports = frozenset({watch.port})
            async with GuardedClient(ports=ports, resolve=answers(*addresses)) as client:
                with pytest.raises(RefusedAddress):
                    await client.get(f"http://news.example:{watch.port}/")
            assert watch.connections == 0

    run(test())


def test_a_name_that_changes_its_address_after_the_check_is_not_resolved_again() -> None:
    """DNS rebinding: the first answer is allowed, every later one would be another network."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    async def test() -> None:
        async with sentinel() as watch, GuardedClient(LOOPBACK, resolve=resolve) as client:
            answer = await client.get(f"http://rebinding.example:{watch.port}/")
            assert (answer.status, answer.body, len(asked)) == (200, b"ok", 1)

    run(test())


def test_a_public_answer_first_and_a_private_one_next_is_refused_next() -> None:
    turns = iter((["127.0.0.1"], ["127.0.0.1", "10.0.0.1"]))

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(turns)

    async def test() -> None:
        async with sentinel() as watch, GuardedClient(LOOPBACK, resolve=resolve) as client:
            await client.get(f"http://a.example:{watch.port}/")
            with pytest.raises(RefusedAddress):
                await client.get(f"http://b.example:{watch.port}/")
            assert watch.connections == 1

    run(test())


@pytest.mark.parametrize("host", ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"])
def test_the_connector_alone_refuses_too(host: str) -> None:
    """aiohttp asks no resolver for a literal: the check where sockets are made must hold by itself."""

    async def test() -> None:
        tls = ssl.create_default_context()
        async with sentinel() as watch:
            policy = AddressPolicy(ports=frozenset({watch.port}))
            connector = GuardedConnector(policy, resolve_by_system, tls)
            async with aiohttp.ClientSession(connector=connector) as session:  # noqa: TID251  # the connector alone
                with pytest.raises(Refusal):
                    await session.get(f"http://{host}:{watch.port}/")
            assert watch.connections == 0

    run(test())


def test_a_private_port_of_a_public_host_is_refused() -> None:
    async def test() -> None:
        async with GuardedClient(resolve=answers("1.1.1.1")) as client:
            with pytest.raises(RefusedAddress, match="port 6379"):
                await client.get("http://cache.example:6379/")

    run(test())


@pytest.mark.parametrize(
    "target",
    ["http://10.0.0.1/", "http://169.254.169.254/latest/meta-data/", "http://[::1]:{port}/",
     "//192.168.0.1/x", "file:///etc/passwd", "http://user@127.0.0.1:{port}/"],
)  # fmt: skip
def test_every_hop_of_a_redirect_is_checked(target: str) -> None:
    async def test() -> None:
        def answer(path: str, head: bytes) -> bytes:
            return reply(b"", "302 Found", Location=target.format(port=watch.port))

        async with sentinel(answer) as watch, GuardedClient(LOOPBACK) as client:
            with pytest.raises(FetchError) as refused:
                await client.get(f"http://127.0.0.1:{watch.port}/")
            assert refused.value.reason in (Reason.REFUSED_ADDRESS, Reason.BAD_URL)
            assert len(watch.requests) == 1

    run(test())


def test_five_redirects_are_followed_and_six_are_not() -> None:
    def answer(path: str, head: bytes) -> bytes:
        left = int(path[1:])
        return reply(b"", "301 Moved", Location=f"/{left - 1}") if left else reply(b"there")

    async def test() -> None:
        async with sentinel(answer) as watch, GuardedClient(LOOPBACK) as client:
            arrived = await client.get(f"http://127.0.0.1:{watch.port}/5")
            assert (arrived.body, arrived.url) == (b"there", f"http://127.0.0.1:{watch.port}/0")
            assert arrived.permanent_redirect
            with pytest.raises(FetchError) as loop:
                await client.get(f"http://127.0.0.1:{watch.port}/6")
            assert loop.value.reason is Reason.TOO_MANY_REDIRECTS

    run(test())


def test_a_chain_with_a_temporary_hop_is_not_permanent() -> None:
    hops = {"/a": ("301 Moved", "/b"), "/b": ("302 Found", "/c")}

    def answer(path: str, head: bytes) -> bytes:
        if path in hops:
            return reply(b"", hops[path][0], Location=hops[path][1])
        return reply()

    async def test() -> None:
        async with sentinel(answer) as watch, GuardedClient(LOOPBACK) as client:
            assert not (await client.get(f"http://127.0.0.1:{watch.port}/a")).permanent_redirect
            assert not (await client.get(f"http://127.0.0.1:{watch.port}/c")).permanent_redirect

    run(test())


def test_secrets_and_validators_stay_with_the_host_they_are_for() -> None:
    async def test() -> None:
        def answer(path: str, head: bytes) -> bytes:
            elsewhere = f"http://other.example:{watch.port}/b"
            return reply(b"", "302 Found", Location=elsewhere) if path == "/a" else reply()

        async with (
            sentinel(answer) as watch,
            GuardedClient(LOOPBACK, resolve=answers("127.0.0.1")) as client,
        ):
            secrets = {"Authorization": "Bearer s", "Cookie": "c=1", "If-None-Match": '"e"'}
            await client.get(f"http://127.0.0.1:{watch.port}/a", secrets)
            first, second = (request.lower() for request in watch.requests)
            assert b"bearer s" in first
            assert b'if-none-match: "e"' in first
            for secret in (b"authorization", b"cookie", b"if-none-match"):
                assert secret not in second

    run(test())


def test_a_downgrade_to_http_is_refused() -> None:
    with pytest.raises(FetchError) as refused:
        follow(checked_url("https://example.com/a"), "http://example.com/a")
    assert refused.value.reason is Reason.DOWNGRADE


def test_a_post_does_not_follow_redirects_and_sends_its_body_verbatim() -> None:
    def answer(path: str, head: bytes) -> bytes:
        return reply(b"", "307 Temporary Redirect", Location="/elsewhere")

    async def test() -> None:
        async with sentinel(answer) as watch, GuardedClient(LOOPBACK) as client:
            url = f"http://127.0.0.1:{watch.port}/hook"
            answered = await client.post(url, '{"a":"预警"}'.encode(), {"webhook-id": "m1"})
            assert answered.status == 307
            assert len(watch.requests) == 1
            assert watch.requests[0].endswith('\r\n\r\n{"a":"预警"}'.encode())
            assert b"webhook-id: m1" in watch.requests[0].lower()

    run(test())


def test_neither_cookies_nor_the_environments_proxy_are_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")

    async def test() -> None:
        answer = reply(Set_Cookie="session=1")
        async with sentinel(lambda path, head: answer) as watch, GuardedClient(LOOPBACK) as client:
            for _ in range(2):
                await client.get(f"http://127.0.0.1:{watch.port}/")
            assert all(b"cookie" not in request.lower() for request in watch.requests)
            assert watch.connections == 1, "connections are kept alive"

    run(test())


def test_an_etag_that_is_not_ascii_goes_back_as_it_came() -> None:
    async def test() -> None:
        tagged = 'HTTP/1.1 200 OK\r\nETag: "版本"\r\nContent-Length: 0\r\n\r\n'.encode()
        async with sentinel(lambda path, head: tagged) as watch, GuardedClient(LOOPBACK) as client:
            url = f"http://127.0.0.1:{watch.port}/"
            etag = (await client.get(url)).headers["etag"]
            await client.get(url, {"If-None-Match": etag})
            assert 'if-none-match: "版本"'.encode() in watch.requests[1].lower()

    run(test())
