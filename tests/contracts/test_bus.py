"""What every bus must do. An adapter joins by adding itself to ``bus``."""

from __future__ import annotations

import asyncio
import os
import socket
import uuid
from datetime import timedelta

import pytest

from monitor.bus import BusFull, LocalBus
from monitor.bus_nats import NatsBus

NOW = timedelta(0)
SOON = timedelta(milliseconds=20)
ACK_WAIT = timedelta(milliseconds=500)  # a stalled machine must not look like a dead worker


@pytest.fixture(params=["memory", "nats"])
def bus(request):
    """A function that makes an empty bus of three messages."""
    if request.param == "memory":
        return lambda: LocalBus(capacity=3, ack_wait=ACK_WAIT)
    try:
        socket.create_connection(("127.0.0.1", 4222), timeout=2).close()
    except OSError as error:
        if os.environ.get("CI"):
            pytest.fail(f"NATS is missing in CI: {error}")
        pytest.skip("no NATS server on 127.0.0.1:4222: its bus is not tested here")
    name = f"TEST_{uuid.uuid4().hex[:12].upper()}"
    return lambda: NatsBus(url="nats://127.0.0.1:4222", stream=name, capacity=3, ack_wait=ACK_WAIT)


def run(scenario, make):
    async def whole():
        bus = make()
        await bus.open()
        try:
            await scenario(bus)
        finally:
            if isinstance(bus, NatsBus):
                await bus.forget()
            await bus.close()

    asyncio.run(whole())


def test_bodies_come_in_the_order_they_were_published(bus):
    async def scenario(bus):
        for number in range(3):
            await bus.publish(b"%d" % number, message_id=f"m{number}")
        messages = await bus.fetch(10, SOON)
        assert [message.body for message in messages] == [b"0", b"1", b"2"]
        assert [message.deliveries for message in messages] == [1, 1, 1]

    run(scenario, bus)


def test_an_acknowledged_message_never_comes_again(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        (message,) = await bus.fetch(1, SOON)
        await message.ack()
        await message.ack()
        assert await bus.depth() == 0
        assert await bus.fetch(1, ACK_WAIT * 2) == []

    run(scenario, bus)


def test_a_message_nobody_ends_comes_again(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        await bus.fetch(1, SOON)
        (again,) = await bus.fetch(1, ACK_WAIT * 4)
        assert again.deliveries == 2
        await again.ack()

    run(scenario, bus)


def test_a_message_that_is_extended_stays_with_its_worker(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        (message,) = await bus.fetch(1, SOON)
        for _ in range(3):
            await asyncio.sleep(ACK_WAIT.total_seconds() * 0.6)
            await message.extend()
        assert await bus.fetch(1, SOON) == []
        await message.ack()

    run(scenario, bus)


def test_a_retried_message_waits_its_delay(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        (message,) = await bus.fetch(1, SOON)
        await message.retry(timedelta(milliseconds=80))
        assert await bus.depth() == 1
        assert await bus.fetch(1, SOON) == []
        (again,) = await bus.fetch(1, timedelta(seconds=2))
        assert again.deliveries == 2

    run(scenario, bus)


def test_a_dead_message_is_gone(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        (message,) = await bus.fetch(1, SOON)
        await message.dead("poison")
        assert await bus.fetch(1, ACK_WAIT * 2) == []
        assert await bus.depth() == 0

    run(scenario, bus)


def test_the_same_id_counts_once(bus):
    async def scenario(bus):
        await bus.publish(b"x", message_id="m")
        await bus.publish(b"x", message_id="m")
        assert len(await bus.fetch(10, SOON)) == 1

    run(scenario, bus)


def test_a_full_bus_says_so_and_takes_more_after_a_fetch(bus):
    async def scenario(bus):
        for number in range(3):
            await bus.publish(b"x", message_id=f"m{number}")
        with pytest.raises(BusFull):
            await bus.publish(b"x", message_id="one too many")
        (message, *_) = await bus.fetch(1, SOON)
        await message.ack()
        await bus.publish(b"x", message_id="one too many")

    run(scenario, bus)


def test_an_empty_bus_answers_after_the_wait(bus):
    async def scenario(bus):
        assert await bus.fetch(1, SOON) == []
        assert await bus.fetch(1, NOW) == []

    run(scenario, bus)
