"""Counting again from the rows themselves whether anything was lost, doubled or left undone.

No code of the product: SQL on the database file, and arithmetic written down a second time.
"""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.scenarios.neighbours import Received

TOLD = ("opened", "reopened", "tier_raised", "acknowledged", "resolved", "false_alarm")
WIDTHS = (300, 3_600)
WARM_UP_VOLUME = 20


@dataclass(frozen=True, slots=True)
class Expected:
    """What must be there.

    ``posts`` are (source, external id) of all that was accepted or published, each a complaint about
    exactly one watched brand; ``received`` is what came to the receiver of the only channel.
    """

    posts: Collection[tuple[str, str]]
    received: Sequence[Received]


def findings(database: Path, expected: Expected) -> list[str]:
    """Return what is wrong, one sentence each; nothing is wrong when there is none."""
    address = f"file:{database}?mode=ro"
    with closing(sqlite3.connect(address, uri=True, timeout=30)) as connection:
        connection.execute("BEGIN")  # one view for all questions
        return [
            *_damage(connection),
            *_posts(connection, expected.posts),
            *_mentions(connection),
            *_rollups(connection),
            *_alerts(connection),
            *_deliveries(connection, expected.received),
        ]


def _damage(connection: sqlite3.Connection) -> Iterator[str]:
    (said,) = connection.execute("PRAGMA integrity_check").fetchone()
    if said != "ok":
        yield f"integrity: {said}"
    for row in connection.execute("PRAGMA foreign_key_check"):
        yield f"an orphan: {row}"
    (waiting,) = connection.execute("SELECT count(*) FROM dirty").fetchone()
    if waiting:
        yield f"{waiting} buckets were never judged"


def _posts(connection: sqlite3.Connection, expected: Collection[tuple[str, str]]) -> Iterator[str]:
    query = "SELECT s.name, p.external_id FROM post p JOIN source s ON s.id = p.source_id"
    stored = Counter(connection.execute(query))
    yield from (f"lost: post {key}" for key in sorted(set(expected) - stored.keys()))
    yield from (f"from nowhere: post {key}" for key in sorted(stored.keys() - set(expected)))
    yield from (f"doubled: post {key} is there {n} times" for key, n in stored.items() if n > 1)
    query = """SELECT s.name, s.posts_total, count(p.id) FROM source s
        LEFT JOIN post p ON p.source_id = s.id GROUP BY s.id"""
    for name, told, counted in connection.execute(query):
        if told != counted:
            yield f"source {name} tells {told} posts and has {counted}"
    query = "SELECT id FROM post EXCEPT SELECT id FROM post_search_docsize"
    yield from (f"post {key} is not in the search index" for (key,) in connection.execute(query))


def _mentions(connection: sqlite3.Connection) -> Iterator[str]:
    query = """SELECT p.id, count(m.id) FROM post p LEFT JOIN mention m ON m.post_id = p.id
        GROUP BY p.id HAVING count(m.id) != 1"""
    for key, count in connection.execute(query):
        yield f"post {key} has {count} mentions, not one"


def _rollups(connection: sqlite3.Connection) -> Iterator[str]:
    counted: defaultdict[tuple[object, ...], list[int]] = defaultdict(lambda: [0] * 5)
    query = """SELECT keyword_list_id, published_at, source_kind, keyword_ids, risks, sentiment, score
        FROM mention"""
    for list_id, at, kind, keywords, risks, sentiment, score in connection.execute(query):
        cells = [("source_kind", kind)]
        cells += [("keyword", str(key)) for key in json.loads(keywords)]
        cells += [("risk", name) for name in {risk["class"] for risk in json.loads(risks)}]
        for dimension, value in cells:
            for width in WIDTHS:
                bucket = at - at % (width * 1_000_000)
                cell = counted[list_id, dimension, value, width, bucket]
                cell[0] += 1
                for place, name in enumerate(("negative", "neutral", "positive"), 1):
                    cell[place] += sentiment == name
                cell[4] += round(score * 1_000)
    stored = {
        tuple(row[:5]): list(row[5:])
        for row in connection.execute(
            """SELECT keyword_list_id, dimension, value, width, bucket,
            count, negative, neutral, positive, score_milli FROM rollup"""
        )
    }
    for key in sorted(counted.keys() | stored.keys(), key=repr):
        here, there = stored.get(key, [0] * 5), counted.get(key, [0] * 5)
        if here != there:
            yield f"rollup {key} says {here}, its mentions {there}"


def _alerts(connection: sqlite3.Connection) -> Iterator[str]:
    query = """SELECT dedup_key, count(*) FROM alert WHERE state IN ('open', 'acknowledged')
        GROUP BY dedup_key HAVING count(*) > 1"""
    yield from (f"{n} alerts are open for {key}" for key, n in connection.execute(query))
    query = """SELECT a.id, a.sequence, count(e.id), min(e.sequence), max(e.sequence)
        FROM alert a LEFT JOIN alert_event e ON e.alert_id = a.id GROUP BY a.id"""
    for key, sequence, count, first, last in connection.execute(query):
        if (count, first, last) != (sequence, 1, sequence):
            yield f"alert {key} is at {sequence} and has events {first}…{last}, {count} of them"
    query = """SELECT keyword_list_id, count(*) FROM mention WHERE sentiment = 'negative'
        GROUP BY 1 HAVING count(*) >= ?
        AND keyword_list_id NOT IN (SELECT keyword_list_id FROM alert)"""
    for key, count in connection.execute(query, (2 * WARM_UP_VOLUME,)):
        yield f"list {key} has {count} complaints and no alert"


def _deliveries(connection: sqlite3.Connection, received: Sequence[Received]) -> Iterator[str]:
    marks = ", ".join("?" * len(TOLD))
    query = f"""SELECT e.id, e.kind FROM alert_event e LEFT JOIN delivery d ON d.event_id = e.id
        WHERE e.kind IN ({marks}) GROUP BY e.id HAVING count(d.id) != 1"""
    for key, kind in connection.execute(query, TOLD):
        yield f"event {key} ({kind}) does not have one delivery"
    bodies: defaultdict[str, set[bytes]] = defaultdict(set)
    for one in received:
        bodies[one.webhook_id].add(one.body)
        if not one.is_genuine:
            yield f"{one.webhook_id} came with a wrong signature"
    wanted = {}
    for name, state, body in connection.execute("SELECT webhook_id, state, body FROM delivery"):
        wanted[name] = body.encode()
        if state != "done":
            yield f"delivery {name} is {state}"
    yield from (f"{name} never came" for name in sorted(wanted.keys() - bodies.keys()))
    yield from (f"{name} came and is not stored" for name in sorted(bodies.keys() - wanted.keys()))
    for name in sorted(wanted.keys() & bodies.keys()):
        if bodies[name] != {wanted[name]}:
            yield f"{name} came with another body than was stored"
