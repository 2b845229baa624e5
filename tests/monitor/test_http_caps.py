"""Caps, time limits and errors of the one HTTP client."""

from __future__ import annotations

import gzip
import tracemalloc
import zlib
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from monitor.http import (
    FetchError,
    GuardedClient,
    Reason,
    redact,
)
from monitor.http.body import INFLATED_BYTES, WIRE_BYTES, read_body
from tests.monitor.loopback import LOOPBACK, reply, run, sentinel


def test_no_secret_of_a_url_reaches_an_error_text() -> None:
    async def test() -> None:
        async with GuardedClient() as client:
            for url in ("http://10.0.0.1/hook/SECRET?key=SECRET", "http://u:SECRET@example.com/"):
                with pytest.raises(FetchError) as error:
                    await client.get(url)
                assert "SECRET" not in str(error.value)
                assert error.value.__suppress_context__ or error.value.__context__ is None

    run(test())
    assert (
        redact("https://user:SECRET@h.example:8443/SECRET?SECRET#SECRET")
        == "https://h.example:8443/…"
    )
    assert redact("SECRET") == "…"


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (reply(b"x", Content_Encoding="br"), Reason.BAD_CODING),
        (reply(b"x", Content_Encoding="gzip, gzip"), Reason.BAD_CODING),
        (reply(zlib.compress(b"x"), Content_Encoding="deflate"), Reason.BAD_CODING),
        (reply(b"no gzip at all", Content_Encoding="gzip"), Reason.BAD_CODING),
        (reply(gzip.compress(b"x" * 9000)[:30], Content_Encoding="gzip"), Reason.PROTOCOL),
        (reply(gzip.compress(bytes(8_000_000)), Content_Encoding="gzip"), Reason.TOO_LARGE),
        (reply(bytes(WIRE_BYTES + 1)), Reason.TOO_LARGE),
        (reply(**{f"X_{n}": "1" for n in range(120)}), Reason.TOO_LARGE),
        (reply(**{f"X_{n}": "1" * 8000 for n in range(12)}), Reason.TOO_LARGE),
        (reply(X="1" * 1_000_000), Reason.PROTOCOL),
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", Reason.PROTOCOL),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\nConnection: close\r\n\r\nshort", Reason.PROTOCOL),
    ],
    ids=["brotli", "double gzip", "deflate", "damaged gzip", "cut gzip", "gzip bomb", "too many bytes",
         "too many headers", "too many header bytes", "one huge header", "no HTTP", "cut body"],
)  # fmt: skip
def test_an_answer_that_breaks_a_cap_is_refused(answer: bytes, reason: Reason) -> None:
    async def test() -> None:
        async with sentinel(lambda path, head: answer) as watch, GuardedClient(LOOPBACK) as client:
            with pytest.raises(FetchError) as refused:
                await client.get(f"http://127.0.0.1:{watch.port}/")
            assert refused.value.reason is reason

    run(test())


def test_a_gzip_answer_arrives_inflated_also_in_several_members() -> None:
    async def test() -> None:
        body = gzip.compress("起火".encode()) + gzip.compress("。".encode()) + b"\0" * 8
        answer = reply(body, Content_Encoding="gzip")
        async with sentinel(lambda path, head: answer) as watch, GuardedClient(LOOPBACK) as client:
            got = await client.get(f"http://127.0.0.1:{watch.port}/")
            assert got.body == "起火。".encode()

    run(test())


def test_a_silent_server_ends_in_a_timeout_that_may_be_retried() -> None:
    async def test() -> None:
        unfinished = b"HTTP/1.1 200 OK\r\n"
        async with (
            sentinel(lambda path, head: unfinished) as watch,
            GuardedClient(LOOPBACK) as client,
        ):
            url = f"http://127.0.0.1:{watch.port}/"
            with pytest.raises(FetchError) as late:
                await client.post(url, b"x", timeout=timedelta(milliseconds=50))
        assert late.value.reason is Reason.TIMEOUT
        assert late.value.retryable

    run(test())


def test_a_body_that_trickles_is_given_up() -> None:
    async def trickle() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b"x"

    seconds = iter(range(100))

    async def test() -> None:
        with pytest.raises(FetchError) as slow:
            await read_body(trickle(), coding="", url="http://x/", clock=lambda: next(seconds))
        assert slow.value.reason is Reason.TOO_SLOW

    run(test())


def test_a_bomb_is_never_inflated_past_its_cap() -> None:
    """What 204 kB of gzip became in a client that inflates by itself: one chunk of 67 MB."""
    bomb = gzip.compress(bytes(200 * 1024 * 1024), compresslevel=9)

    async def chunks() -> AsyncIterator[bytes]:
        yield bomb

    async def test() -> None:
        with pytest.raises(FetchError):
            await read_body(chunks(), coding="gzip", url="http://x/", clock=lambda: 0.0)

    tracemalloc.start()
    try:
        run(test())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 3 * INFLATED_BYTES


def test_nobody_listens_is_a_connect_error_that_may_be_retried() -> None:
    async def test() -> None:
        async with sentinel() as watch:
            pass
        async with GuardedClient(LOOPBACK) as client:
            with pytest.raises(FetchError) as error:
                await client.get(f"http://127.0.0.1:{watch.port}/")
        assert error.value.reason is Reason.CONNECT
        assert error.value.retryable

    run(test())


def test_the_client_is_used_inside_of_async_with_only() -> None:
    with pytest.raises(RuntimeError, match="async with"):
        run(GuardedClient(LOOPBACK).get("http://127.0.0.1/"))  # type: ignore[arg-type]
