"""``monitor serve`` is killed at random moments under ingest and collection, and started again.

``MONITOR_FAULT_LOOPS=50`` kills it fifty times; ``MONITOR_FAULT_SEED`` repeats the moments of a run.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random

import pytest

from tests.faults.audit import Expected, findings
from tests.faults.load import Load
from tests.scenarios import texts
from tests.scenarios.neighbours import Receiver, Site
from tests.scenarios.service import Service, Unanswered, eventually, wall_clock

pytestmark = pytest.mark.slow
LOOPS = int(os.environ.get("MONITOR_FAULT_LOOPS", "4"))
SEED = os.environ.get("MONITOR_FAULT_SEED")
WHILE_STARTING = 0.25  # this share of the kills meets a service that may not serve yet
STARTING_SECONDS, BUSY_SECONDS = 2.0, 1.2
ROWS_A_LOOP = 60  # enough for an alert about a brand that has no history
ORPHANS_GONE_SECONDS = 10.0


def brand(number: int) -> str:
    """Return an invented brand; none is part of another."""
    return f"{'云青远白流星晨北海松'[number % 10]}{'帆禾山鹭川野露岭棠涧'[number // 10 % 10]}{number:03d}号"


def kill_and_restart(service: Service, load: Load, random: Random) -> None:
    """Kill at a random moment: some kills meet a service that starts, most one that is busy."""
    if random.random() < WHILE_STARTING:
        time.sleep(random.uniform(0, STARTING_SECONDS))  # the fault's moment
    else:
        load.wait_accepted(ROWS_A_LOOP)
        time.sleep(random.uniform(0, BUSY_SECONDS))
    service.kill()
    service.clear_away()
    service.launch()


def summary_of(service: Service, load: Load, receiver: Receiver) -> str:
    ids = {one.webhook_id for one in receiver.received}
    alerts = service.rows("SELECT count(*) FROM alert")[0][0]
    return (
        f"{LOOPS} kills: {len(load.accepted)} posts, {load.retries} retries, {load.duplicates} rows"
        f" sent again, {alerts} alerts, {len(ids)} deliveries, {len(receiver.received)} received"
    )


def test_random_kills_lose_nothing_and_double_nothing(
    new_service: Callable[..., Service],
    receiver: Receiver,
    site: Site,
    add_channel: Callable[..., int],
    record_property: Callable[[str, object], None],
) -> None:
    seed = SEED or os.urandom(4).hex()
    print(f"MONITOR_FAULT_SEED={seed} MONITOR_FAULT_LOOPS={LOOPS}")
    random, service = Random(seed), new_service()
    service.start()
    add_channel(service, receiver)
    load = Load(service, site, random, [brand(number) for number in range(LOOPS + 1)])
    load.prepare()

    with load.running():
        for kill in range(LOOPS):
            load.brand = load.brands[kill]
            kill_and_restart(service, load, random)
        load.brand = load.brands[LOOPS]
    load.wait_stored()

    record_property("kill_nine", summary_of(service, load, receiver))
    print(summary_of(service, load, receiver))
    expected = Expected(load.accepted, receiver.received)
    assert load.wrong == [], load.wrong[:3]
    assert findings(service.directory / "jianwei.db", expected) == []
    alerts = service.rows("SELECT count(*) FROM alert")[0][0]
    assert alerts > LOOPS / 4, "a run without alerts shows nothing about alerts"
    assert len(load.accepted) > ROWS_A_LOOP / 2 * LOOPS, "a run without load shows nothing"


def test_a_killed_service_leaves_no_process_behind(service: Service) -> None:
    service.ingest([texts.row("云帆新车", wall_clock())])
    assert service.left_behind(), "the analysis runs in a process of its own"
    service.kill()
    eventually(
        lambda: not service.left_behind(),
        seconds=ORPHANS_GONE_SECONDS,
        what="the processes of a killed service end by themselves",
    )


# The negative controls: the audit finds what it is there to find.

BRAND = "云帆汽车"
ROLLUP_KEY = "keyword_list_id, dimension, width, bucket, value"
FIRST_ROLLUP = f"({ROLLUP_KEY}) = (SELECT {ROLLUP_KEY} FROM rollup WHERE count > 0 LIMIT 1)"
TAMPERED = {
    "a lost post": (
        "DELETE FROM mention WHERE post_id = 7; DELETE FROM post WHERE id = 7",
        {"lost: post", "rollup", "source", "tells"},
    ),
    "a lost mention": ("DELETE FROM mention WHERE id = 3", {"has 0 mentions", "rollup"}),
    "a doubled count": (
        f"UPDATE rollup SET count = count + 1 WHERE {FIRST_ROLLUP}",
        {"rollup"},
    ),
    "a lost rollup": (
        f"DELETE FROM rollup WHERE {FIRST_ROLLUP}",
        {"rollup"},
    ),
    "a post from nowhere": (
        "UPDATE post SET external_id = 'other' WHERE id = 5",
        {"lost: post", "from nowhere: post"},
    ),
    "an alert that was not sent": (
        "UPDATE delivery SET state = 'due'",
        {"is due"},
    ),
    "a lost delivery": ("DELETE FROM attempt; DELETE FROM delivery", {"does not have one delivery"}),
    "a delivery under another id": (
        "UPDATE delivery SET webhook_id = 'msg_other'",
        {"never came", "came and is not stored"},
    ),
    "a lost alert": (
        "DELETE FROM attempt; DELETE FROM delivery; DELETE FROM alert_event; DELETE FROM alert",
        {"complaints and no alert", "came and is not stored"},
    ),
    "a lost event": (
        "DELETE FROM alert_event",
        {"events None…None"},
    ),
    "a bucket that was not judged": (
        "INSERT INTO dirty VALUES (1, 0, 0)",
        {"never judged"},
    ),
}  # fmt: skip


def test_the_audit_finds_each_kind_of_loss(
    service: Service, receiver: Receiver, add_channel: Callable[..., int], tmp_path: Path
) -> None:
    add_channel(service, receiver)
    service.watch(BRAND)
    rows = texts.burst(BRAND, wall_clock(), posts=50)
    service.ingest(rows)
    service.wait_judged()
    eventually(
        lambda: service.rows("SELECT 1 FROM delivery WHERE state = 'done'"),
        seconds=15,
        what="the alert is sent",
    )
    assert service.terminate().code == 0
    expected = Expected({(row["source"], row["external_id"]) for row in rows}, receiver.received)
    database = service.directory / "jianwei.db"
    assert findings(database, expected) == []

    for name, (damage, said) in TAMPERED.items():
        copy = tmp_path / "tampered.db"
        shutil.copy(database, copy)
        with closing(sqlite3.connect(copy)) as connection:
            connection.executescript(damage)
        found = findings(copy, expected)
        missing = {part for part in said if not any(part in one for one in found)}
        assert not missing, f"{name}: found {found[:5]}, nothing with {missing}"


def test_a_client_that_does_not_ask_again_loses(service: Service) -> None:
    """Without the retries the run above would lose: a batch that meets a dead service is not stored."""
    rows = [texts.row(texts.negative(BRAND), wall_clock()) for _ in range(3)]
    service.ingest(rows[:1])
    service.kill()
    with pytest.raises(Unanswered, match="POST /api/v1/posts/batch"):
        service.ingest(rows[1:2])
    service.start()
    service.ingest(rows[2:])
    expected = Expected({(row["source"], row["external_id"]) for row in rows}, [])
    found = findings(service.directory / "jianwei.db", expected)
    assert [one for one in found if one.startswith("lost: post")] == [
        f"lost: post {('论坛', rows[1]['external_id'])}"
    ]
