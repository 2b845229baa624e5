"""A month by the hour, over few and over many mentions: the time must be the same.

The mentions are written straight into the tables with the rollups that belong to them; then the
list's trend is asked for as the API asks, and its sums are compared with a count of the mentions.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from zoneinfo import ZoneInfo

import psycopg
from sqlalchemy import func, select

from monitor.storage import migrate, trends
from monitor.storage.engine import Database
from monitor.storage.instants import to_micros
from monitor.storage.tables import keyword_list, mention, post, rollup, source
from tests.bench.measure import Report, table
from tests.bench.sizes import Size

GOAL = 1.3
LISTS = 20
DAYS = 30
UNTIL = datetime(2026, 3, 10, tzinfo=UTC)
SINCE = UNTIL - timedelta(days=DAYS)
ASKED = 40
CHUNK = 20_000
SERVER = os.environ.get("MONITOR_TEST_POSTGRES", "postgresql://127.0.0.1:5432/postgres")
POST_COLUMNS = (
    "id", "key", "source_id", "external_id", "kind", "text", "published_at", "precision",
    "ingested_at", "metrics", "content_hash", "sentiment", "score", "confidence", "risks",
    "model_version",
)  # fmt: skip
MENTION_COLUMNS = (
    "post_id", "keyword_list_id", "published_at", "source_id", "source_kind", "sentiment", "score",
    "keyword_ids", "hits", "risks",
)  # fmt: skip
CLASSES = ("negative", "neutral", "positive")


def run(size: Size, *, postgres: bool = False) -> Report:
    """Fill twice, ask in turn, compare; print and return what was found."""
    report = Report("trends")
    with tempfile.TemporaryDirectory() as directory:
        urls = [f"sqlite:///{Path(directory) / f'{count}.db'}" for count in size.mentions]
        _on("SQLite", urls, size, report)
    if postgres:
        with _postgres_databases(len(size.mentions)) as urls:
            _on("PostgreSQL", urls, size, report)
    return report


def _on(engine: str, urls: Sequence[str], size: Size, report: Report) -> None:
    databases = [Database(url) for url in urls]
    begin = time.perf_counter()
    for database, count in zip(databases, size.mentions, strict=True):
        migrate.upgrade(database)
        fill(database, count)
    print(f"  {engine}: filled in {time.perf_counter() - begin:.0f} s")
    _compare(engine, databases, size, report)
    for database, count in zip(databases, size.mentions, strict=True):
        wrong = differences(database)
        report.must(
            not wrong, f"{engine}, {count:,}: all {LISTS} lists' sums equal a count {wrong}"
        )
        database.close()


def _compare(engine: str, databases: Sequence[Database], size: Size, report: Report) -> None:
    one: list[list[float]] = [[], []]
    every: list[list[float]] = [[], []]
    for number in range(ASKED):  # in turn, so that a busy moment meets both
        for side, database in enumerate(databases):
            one[side].append(_ask(database, [1 + number % LISTS]))
            every[side].append(_ask(database, None))
    rows = []
    for name, found in (("one list", one), ("all lists", every)):
        few, many = (median(side[2:]) * 1000 for side in found)
        rows.append((f"{engine}, {name}", few, many, many / few))
        report.figures[f"{engine} {name}"] = {"few_ms": round(few, 3), "many_ms": round(many, 3)}
        report.goal(f"trend, {engine}, {name}: many/few", many / few, at_most=GOAL)
    amounts = (f"{count:,} mentions, ms" for count in size.mentions)
    table(("30 days by the hour (median)", *amounts, "ratio"), rows)


def _ask(database: Database, list_ids: Sequence[int] | None) -> float:
    """Return the seconds that one trend took."""
    begin = time.perf_counter()
    _trend(database, list_ids)
    return time.perf_counter() - begin


def _trend(database: Database, list_ids: Sequence[int] | None) -> trends.Trend:
    axis = trends.axis(SINCE, UNTIL, bucket="1h", zone=ZoneInfo("Asia/Shanghai"))
    with database.read() as connection:
        return trends.read(connection, axis, keyword_list_ids=list_ids, group=None, now=UNTIL)


def differences(database: Database) -> list[str]:
    """Return the lists whose trend does not sum to what a count over the mentions answers."""
    query = (
        select(mention.c.keyword_list_id, mention.c.sentiment, func.count())
        .where(mention.c.published_at >= SINCE, mention.c.published_at < UNTIL)
        .group_by(mention.c.keyword_list_id, mention.c.sentiment)
    )
    with database.read() as connection:
        true = {(row[0], row[1]): row[2] for row in connection.execute(query)}
    wrong = []
    for list_id in range(1, LISTS + 1):
        points = _trend(database, [list_id]).points
        drawn = {name: sum(getattr(point, name) for point in points) for name in CLASSES}
        counted = {name: true.get((list_id, name), 0) for name in CLASSES}
        if drawn != counted or sum(point.count for point in points) != sum(counted.values()):
            wrong.append(f"list {list_id}: trend {drawn}, mentions {counted}")
    return wrong


def fill(database: Database, count: int) -> None:
    """Write ``count`` mentions of 20 lists over 30 days, and the rollups that belong to them."""
    _frame(database, -(-count // LISTS))
    cells: Counter[tuple[int, int, int, str]] = Counter()
    rows = []
    for row in _mentions(count):
        rows.append(row)
        seconds = row[2] // 1_000_000
        for width in (300, 3600):
            cells[row[1], width, seconds - seconds % width, row[5]] += 1
        if len(rows) == CHUNK:
            _write(database, mention.name, MENTION_COLUMNS, rows)
            rows = []
    _write(database, mention.name, MENTION_COLUMNS, rows)
    _write_rollups(database, cells)
    with database.write() as connection:
        connection.exec_driver_sql("ANALYZE")


def _frame(database: Database, posts: int) -> None:
    """Write the source, the lists and the posts that mentions need."""
    nothing = {"aliases": [], "keywords": [], "exclude": [], "kind": "brand"}
    at = {"created_at": SINCE, "updated_at": SINCE}
    with database.write() as connection:
        never = {"next_due_at": UNTIL, "lease_until": SINCE, "options": {}}
        connection.execute(source.insert(), [{"id": 1, "name": "a", "kind": "push", **never, **at}])
        lists = [{"id": n, "name": f"词表{n}", **nothing, **at} for n in range(1, LISTS + 1)]
        connection.execute(keyword_list.insert(), lists)
    for start in range(0, posts, CHUNK):
        _write_posts(database, range(start, min(start + CHUNK, posts)))


def _write_posts(database: Database, numbers: range) -> None:
    at = to_micros(SINCE)
    rows = [
        (
            number + 1, number.to_bytes(16, "big"), 1, str(number), "post", "充电时起火", at, "exact",
            at, "{}", b"0" * 16, "negative", -0.5, 0.8, "[]", "bench",
        )
        for number in numbers
    ]  # fmt: skip
    _write(database, post.name, POST_COLUMNS, rows)


def _mentions(count: int) -> Iterator[tuple[int, int, int, int, str, str, float, str, str, str]]:
    chance = random.Random(19)
    begin, length = to_micros(SINCE), DAYS * 86_400_000_000
    for number in range(count):
        sentiment = CLASSES[int(chance.random() * 3)]
        score = {"negative": -0.5, "neutral": 0.0, "positive": 0.5}[sentiment]
        at = begin + int(chance.random() * length)
        yield (
            number // LISTS + 1, number % LISTS + 1, at, 1, "push", sentiment, score, "[]", "[]", "[]",
        )  # fmt: skip


def _write(
    database: Database, name: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]
) -> None:
    """Insert rows the fastest way that the database has: COPY, or one prepared statement."""
    if not rows:
        return
    listed = ", ".join(columns)
    with database.write() as connection:
        if database.is_sqlite:
            marks = ", ".join(["?"] * len(columns))
            connection.exec_driver_sql(
                f"INSERT INTO {name} ({listed}) VALUES ({marks})", list(rows)
            )
            return
        driver = connection.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        with driver.cursor() as cursor, cursor.copy(f"COPY {name} ({listed}) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)


def _write_rollups(database: Database, cells: Counter[tuple[int, int, int, str]]) -> None:
    rows: dict[tuple[int, int, int], dict[str, int]] = {}
    for (list_id, width, bucket, sentiment), count in cells.items():
        row = rows.setdefault((list_id, width, bucket), dict.fromkeys(CLASSES, 0))
        row[sentiment] += count
    written = [
        {
            "keyword_list_id": list_id, "dimension": "source_kind", "value": "push", "width": width,
            "bucket": bucket * 1_000_000, "count": sum(row.values()),
            "score_milli": 500 * (row["positive"] - row["negative"]), **row,
        }
        for (list_id, width, bucket), row in sorted(rows.items())
    ]  # fmt: skip
    with database.write() as connection:
        connection.execute(rollup.insert(), written)


@contextmanager
def _postgres_databases(count: int) -> Iterator[list[str]]:
    """Give new databases of the server, dropped afterwards."""
    names = [f"jianwei_bench_{uuid.uuid4().hex[:12]}" for _ in range(count)]
    address = SERVER.replace("postgresql:", "postgresql+psycopg:").rsplit("/", 1)[0]
    with psycopg.connect(SERVER, autocommit=True) as admin:
        for name in names:
            admin.execute(f"CREATE DATABASE {name}".encode())
        try:
            yield [f"{address}/{name}" for name in names]
        finally:
            for name in names:
                admin.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())
