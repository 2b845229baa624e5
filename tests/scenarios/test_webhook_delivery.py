"""One alert reaches a receiver that fails, hangs or is away, and a service that is killed meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios import texts
from tests.scenarios.neighbours import Receiver
from tests.scenarios.service import Service, eventually, wall_clock

pytestmark = pytest.mark.slow
BRAND = "云帆汽车"


def raise_alert(service: Service) -> None:
    """Post enough complaints for one alert, in one batch."""
    service.watch(BRAND)
    service.ingest(texts.burst(BRAND, wall_clock(), posts=30))


def deliveries(service: Service) -> list[dict[str, Any]]:
    return list(service.all_of("/deliveries"))


def wait_done(service: Service, seconds: float) -> dict[str, Any]:
    """Wait until the one delivery is done; returns it with its attempts."""
    (found,) = eventually(
        lambda: [one for one in deliveries(service) if one["state"] == "done"],
        seconds=seconds,
        what="the delivery is done",
    )
    whole: dict[str, Any] = service.get(f"/deliveries/{found['id']}")
    return whole


def test_after_500_500_200_there_is_one_alert_with_three_attempts_under_one_id(
    service: Service, receiver: Receiver, add_channel: Callable[..., int]
) -> None:
    receiver.script = [500, 500, 200]
    add_channel(service, receiver)
    raise_alert(service)

    done = wait_done(service, seconds=20)

    assert len(service.get("/alerts")["data"]) == 1
    assert len(deliveries(service)) == 1
    assert done["attempts"] == 3
    assert [one["status"] for one in done["attempt_log"]] == [500, 500, 200]
    assert [one["number"] for one in done["attempt_log"]] == [1, 2, 3]
    assert {one.webhook_id for one in receiver.received} == {done["webhook_id"]}
    assert len(receiver.received) == 3
    assert all(one.is_genuine for one in receiver.received)
    assert len({one.body for one in receiver.received}) == 1
    first, second, third = (one.at for one in receiver.received)
    assert second - first == pytest.approx(2, abs=1.6)
    assert third - first == pytest.approx(5, abs=1.6)
    secret = [one["headers"]["webhook-signature"] for one in done["attempt_log"]]
    assert secret == ["v1,***"] * 3, "signatures are not kept"


def test_an_alert_that_could_not_be_sent_arrives_after_a_kill_and_a_restart(
    new_service: Callable[..., Service], add_channel: Callable[..., int]
) -> None:
    service, receiver = new_service(), Receiver()
    with receiver.up():
        pass  # it has had its port; from now on nobody listens there
    service.start()
    add_channel(service, receiver)
    raise_alert(service)
    eventually(lambda: deliveries(service), seconds=15, what="the delivery waits in the outbox")
    service.kill()

    with receiver.up():
        service.start()
        done = wait_done(service, seconds=20)

    assert [one.webhook_id for one in receiver.received] == [done["webhook_id"]]
    assert receiver.received[0].is_genuine
    assert receiver.received[0].json["type"] == "alert.opened"
    assert len(service.get("/alerts")["data"]) == 1


def test_an_alert_that_was_on_the_wire_at_the_kill_arrives_again_under_its_id(
    service: Service, receiver: Receiver, add_channel: Callable[..., int]
) -> None:
    receiver.answering.clear()
    add_channel(service, receiver)
    raise_alert(service)
    eventually(lambda: receiver.received, seconds=15, what="the message is on the wire")
    service.kill()
    receiver.answering.set()

    service.start()
    done = wait_done(service, seconds=20)

    assert {one.webhook_id for one in receiver.received} == {done["webhook_id"]}
    assert len(receiver.received) == 2, "at least once: the first got no answer that we saw"
    assert len({one.body for one in receiver.received}) == 1
    assert len(service.get("/alerts")["data"]) == 1


def test_a_receiver_that_is_gone_for_good_gets_no_more_and_the_channel_says_why(
    service: Service, receiver: Receiver, add_channel: Callable[..., int]
) -> None:
    receiver.script = [410]
    channel_id = add_channel(service, receiver)
    raise_alert(service)
    eventually(
        lambda: [one for one in deliveries(service) if one["state"] == "dead"],
        seconds=15,
        what="the delivery is given up",
    )
    channel = service.get(f"/channels/{channel_id}")
    assert not channel["enabled"]
    assert "410" in channel["disabled_reason"]
    assert len(receiver.received) == 1


def test_a_slow_receiver_delays_no_other(
    service: Service, receiver: Receiver, add_channel: Callable[..., int]
) -> None:
    receiver.answering.clear()
    add_channel(service, receiver, name="慢")
    with Receiver().up() as quick:
        add_channel(service, quick, name="快")
        raise_alert(service)
        eventually(lambda: quick.received, seconds=10, what="the quick receiver has it")
        eventually(lambda: receiver.received, seconds=10, what="the slow receiver has it")
    receiver.answering.set()
