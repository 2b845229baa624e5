"""Trends: buckets in any time zone, zero-filled, read from the rollups only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import event, insert, update

from collectors.model import SourceState
from monitor.storage import blind_spots, keyword_lists, rollups, sources, trends
from monitor.storage.engine import Database
from monitor.storage.tables import source
from monitor.storage.trends import MAX_POINTS, Group, TrendError

SHANGHAI = ZoneInfo("Asia/Shanghai")
NEW_YORK = ZoneInfo("America/New_York")
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def hours(axis: trends.Axis) -> list[float]:
    return [
        (end - start) / timedelta(hours=1)
        for start, end in zip(axis.edges, axis.edges[1:], strict=False)
    ]


@pytest.mark.parametrize(
    ("zone", "since", "until", "expected"),
    [
        pytest.param("Asia/Shanghai", "2026-03-09T00:00+08:00", "2026-03-11T00:00+08:00", [24, 24], id="no change"),
        pytest.param("Asia/Shanghai", "2026-03-09T15:30Z", "2026-03-09T16:30Z", [24, 24], id="rounded outwards"),
        pytest.param("America/New_York", "2026-03-07T12:00-05:00", "2026-03-09T12:00-04:00", [24, 23, 24], id="spring"),
        pytest.param("America/New_York", "2026-10-31T12:00-04:00", "2026-11-02T12:00-05:00", [24, 25, 24], id="autumn"),
        pytest.param("America/Santiago", "2026-09-05T12:00-04:00", "2026-09-06T12:00-03:00", [24, 23], id="no midnight"),
        pytest.param("Pacific/Apia", "2011-12-29T12:00-10:00", "2011-12-31T12:00+14:00", [24, 24], id="a day that was not"),
        pytest.param("Australia/Lord_Howe", "2026-04-04T12:00+11:00", "2026-04-05T12:00+10:30", [24, 24.5], id="half an hour"),
    ],
)  # fmt: skip
def test_days_are_the_real_days_of_the_zone(zone, since, until, expected):
    axis = trends.axis(at(since), at(until), bucket="1d", zone=ZoneInfo(zone))
    assert hours(axis) == expected
    assert axis.since <= at(since) < at(until) <= axis.until


@pytest.mark.parametrize(
    ("zone", "bucket", "first"),
    [
        pytest.param("Asia/Shanghai", "5m", "2026-03-10T05:05Z", id="five minutes"),
        pytest.param("Asia/Shanghai", "15m", "2026-03-10T05:00Z", id="a quarter"),
        pytest.param("Asia/Shanghai", "1h", "2026-03-10T05:00Z", id="an hour"),
        pytest.param("Asia/Kolkata", "1h", "2026-03-10T04:30Z", id="an hour in India"),
        pytest.param("Asia/Kathmandu", "1h", "2026-03-10T04:15Z", id="an hour in Nepal"),
    ],
)
def test_buckets_begin_on_the_clock_of_the_zone(zone, bucket, first):
    axis = trends.axis(
        at("2026-03-10T05:08Z"), at("2026-03-10T07:00Z"), bucket=bucket, zone=ZoneInfo(zone)
    )
    assert axis.since == at(first)
    assert axis.until >= at("2026-03-10T07:00Z")
    assert set(hours(axis)) == {trends.WIDTHS[bucket] / timedelta(hours=1)}


@pytest.mark.parametrize(
    ("length", "bucket"),
    [
        (timedelta(hours=1), "5m"), (timedelta(hours=24), "5m"), (timedelta(hours=26), "15m"),
        (timedelta(days=7), "1h"), (timedelta(days=30), "1d"), (timedelta(days=1_400), "1d"),
    ],
)  # fmt: skip
def test_auto_takes_the_finest_bucket_that_a_chart_can_show(length, bucket):
    assert trends.axis(NOON - length, NOON, bucket="auto", zone=SHANGHAI).bucket == bucket


@pytest.mark.parametrize(
    ("days", "bucket", "advice"),
    [
        pytest.param(6, "5m", "bucket=15m", id="a quarter fits"),
        pytest.param(30, "15m", "bucket=1h", id="an hour fits"),
        pytest.param(90, "1h", "bucket=1d", id="a day fits"),
        pytest.param(5_000, "1d", "days at once", id="nothing fits"),
        pytest.param(5_000, "auto", "days at once", id="nothing fits by itself"),
    ],
)
def test_too_many_points_are_refused_with_the_bucket_that_fits(days, bucket, advice):
    with pytest.raises(TrendError, match=advice) as caught:
        trends.axis(NOON - timedelta(days=days), NOON, bucket=bucket, zone=SHANGHAI)
    assert caught.value.parameter == "bucket"


def test_exactly_fifteen_hundred_points_are_allowed():
    width = timedelta(minutes=5)
    exact = trends.axis(NOON - MAX_POINTS * width, NOON, bucket="5m", zone=SHANGHAI)
    assert len(exact.edges) == MAX_POINTS + 1
    with pytest.raises(TrendError):
        trends.axis(
            NOON - MAX_POINTS * width - timedelta(seconds=1), NOON, bucket="5m", zone=SHANGHAI
        )


@pytest.mark.parametrize(
    ("since", "until"),
    [
        (NOON, NOON),
        (NOON, NOON - timedelta(hours=1)),
        (datetime(2, 1, 1, tzinfo=UTC), NOON),
        (NOON, datetime(9998, 1, 1, tzinfo=UTC)),
    ],
)
def test_an_empty_or_absurd_range_is_refused(since, until):
    with pytest.raises(TrendError):
        trends.axis(since, until, bucket="1d", zone=SHANGHAI)


@pytest.mark.parametrize(
    ("text", "since"),
    [
        ("24h", NOON - timedelta(hours=24)), ("7d", NOON - timedelta(days=7)), ("90m", NOON - timedelta(minutes=90)),
        ("2w", NOON - timedelta(weeks=2)), ("today", at("2026-03-10T00:00+08:00")),
    ],
)  # fmt: skip
def test_a_range_counts_back_from_now(text, since):
    assert trends.span(text, zone=SHANGHAI, now=NOON) == (since, NOON)


@pytest.mark.parametrize("text", ["", "0h", "-1h", "h", "1y", "99999w", "1.5h", "today "])
def test_a_range_that_is_none_is_refused(text):
    with pytest.raises(TrendError):
        trends.span(text, zone=SHANGHAI, now=NOON)


@pytest.mark.parametrize(
    ("bucket", "zone", "width"),
    [
        pytest.param("5m", "Asia/Shanghai", 5, id="fine"),
        pytest.param("1h", "Asia/Shanghai", 60, id="whole hours"),
        pytest.param("1h", "Asia/Kolkata", 5, id="half hours"),
        pytest.param("1d", "America/New_York", 60, id="days of whole hours"),
        pytest.param("1d", "Asia/Kolkata", 5, id="days of half hours"),
    ],
)
def test_hourly_rollups_are_read_only_where_no_hour_crosses_an_edge(bucket, zone, width):
    axis = trends.axis(NOON - timedelta(days=3), NOON, bucket=bucket, zone=ZoneInfo(zone))
    assert trends.width_to_read(axis) == timedelta(minutes=width)


BODY = {
    "name": "青禾", "kind": "brand", "aliases": ["青禾"], "keywords": ["电池", "屏幕"], "exclude": [],
    "thresholds": None, "owner": None, "enabled": True,
}  # fmt: skip


def make_list(database: Database, name: str = "青禾") -> tuple[int, dict[str, int]]:
    with database.write() as connection:
        key = keyword_lists.create(
            database, connection, {**BODY, "name": name}, actor="test", now=NOON
        )
        return key, keyword_lists.keywords_of(connection, [key])[key]


def count(database: Database, list_id: int, published: datetime, **changes: object) -> None:
    row = {
        "keyword_list_id": list_id, "published_at": published, "sentiment": "negative", "score": -0.5,
        "source_kind": "feed", "keyword_ids": [], "risks": [], **changes,
    }  # fmt: skip
    deltas = rollups.Deltas()
    deltas.add(row)
    with database.write() as connection:
        rollups.apply(connection, deltas, now=NOON)


def read(database: Database, axis: trends.Axis, lists=None, group=None) -> trends.Trend:
    with database.read() as connection:
        return trends.read(connection, axis, keyword_list_ids=lists, group=group, now=NOON)


def test_empty_buckets_are_zero_and_their_score_is_unknown(database):
    key, _ = make_list(database)
    count(database, key, NOON - timedelta(minutes=12))
    count(database, key, NOON - timedelta(minutes=11), sentiment="positive", score=1.0)
    axis = trends.axis(NOON - timedelta(minutes=20), NOON, bucket="5m", zone=SHANGHAI)
    points = read(database, axis, [key]).points
    assert [(one.count, one.negative, one.positive, one.score) for one in points] == [
        (0, 0, 0, None), (2, 1, 1, 0.25), (0, 0, 0, None), (0, 0, 0, None),
    ]  # fmt: skip
    assert [one.time for one in points] == list(axis.edges[:-1])


def test_a_mention_belongs_to_the_bucket_that_it_begins_and_not_to_the_one_it_ends(database):
    key, _ = make_list(database)
    count(database, key, NOON)
    axis = trends.axis(NOON - timedelta(hours=2), NOON, bucket="1h", zone=SHANGHAI)
    assert sum(one.count for one in read(database, axis).points) == 0
    axis = trends.axis(
        NOON - timedelta(hours=1), NOON + timedelta(seconds=1), bucket="1h", zone=SHANGHAI
    )
    assert [one.count for one in read(database, axis).points] == [0, 1]


@pytest.mark.parametrize("bucket", ["15m", "1h", "1d"])
@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kathmandu", "America/New_York"])
def test_the_sums_are_the_same_in_every_bucket_and_zone(database, bucket, zone):
    key, _ = make_list(database)
    for step in range(200):
        count(database, key, NOON - timedelta(minutes=17 * step))
    axis = trends.axis(
        NOON - timedelta(days=5), NOON + timedelta(days=1), bucket=bucket, zone=ZoneInfo(zone)
    )
    assert sum(one.count for one in read(database, axis).points) == 200


def test_lists_are_added_up_and_deleted_ones_are_not(database):
    one, _ = make_list(database)
    two, _ = make_list(database, "云雀")
    count(database, one, NOON)
    count(database, two, NOON)
    axis = trends.axis(NOON, NOON + timedelta(minutes=5), bucket="5m", zone=SHANGHAI)
    assert [point.count for point in read(database, axis).points] == [2]
    assert [point.count for point in read(database, axis, [two]).points] == [1]
    with database.write() as connection:
        keyword_lists.delete_list(database, connection, two, now=NOON)
    assert [point.count for point in read(database, axis).points] == [1]


def test_groups_are_named_and_zero_filled(database):
    key, ids = make_list(database)
    count(
        database,
        key,
        NOON,
        keyword_ids=[ids["电池"]],
        risks=[{"class": "product_quality", "status": "alleged"}],
    )
    count(
        database,
        key,
        NOON + timedelta(minutes=5),
        keyword_ids=[ids["电池"], ids["屏幕"]],
        source_kind="push",
    )
    axis = trends.axis(NOON, NOON + timedelta(minutes=10), bucket="5m", zone=SHANGHAI)

    def groups(group: Group) -> list[tuple[str | None, int]]:
        return [(one.group, one.count) for one in read(database, axis, [key], group).points]

    assert sorted(groups(Group.KEYWORD)) == [("屏幕", 0), ("屏幕", 1), ("电池", 1), ("电池", 1)]
    assert groups(Group.RISK) == [("product_quality", 1), ("product_quality", 0)]
    assert groups(Group.SOURCE_KIND) == [("feed", 1), ("push", 0), ("feed", 0), ("push", 1)]
    by_class = groups(Group.SENTIMENT)
    assert by_class[:3] == [("negative", 1), ("neutral", 0), ("positive", 0)]
    count(database, key, NOON, sentiment="unknown", score=0.0)
    assert ("unknown", 1) in groups(Group.SENTIMENT)
    assert {one.keyword_id for one in read(database, axis, [key], Group.KEYWORD).points} == {
        ids["电池"],
        ids["屏幕"],
    }


def feed(database: Database, name: str, **values: object) -> int:
    with database.write() as connection:
        key = sources.create(
            connection,
            {"name": name, "kind": "feed", "url": "https://a.example/", "options": {}},
            now=NOON - timedelta(days=1),
        )
        connection.execute(
            update(source).where(source.c.id == key).values({"state": SourceState.NEW, **values})
        )
    return key


def test_a_trend_is_complete_up_to_the_feed_that_was_read_longest_ago(database):
    axis = trends.axis(NOON - timedelta(hours=1), NOON, bucket="5m", zone=SHANGHAI)
    assert read(database, axis).complete_until == NOON
    feed(database, "a", state=SourceState.OK, last_success_at=NOON - timedelta(minutes=3))
    feed(database, "b", state=SourceState.OK, last_success_at=NOON - timedelta(minutes=9))
    feed(database, "off", enabled=False)
    with database.write() as connection:
        sources.ensure_push(database, connection, ["push"], now=NOON)
    assert read(database, axis).complete_until == NOON - timedelta(minutes=9)
    feed(database, "never read")
    assert read(database, axis).complete_until == NOON - timedelta(days=1)


def test_silent_sources_are_gaps_with_a_reason_and_new_ones_are_not(database):
    axis = trends.axis(NOON - timedelta(hours=1), NOON, bucket="5m", zone=SHANGHAI)
    feed(database, "new")
    feed(database, "fine", state=SourceState.OK, last_success_at=NOON)
    key = feed(
        database,
        "坏",
        state=SourceState.FAILING,
        reason="HTTP 500",
        last_success_at=NOON - timedelta(minutes=30),
    )
    feed(database, "later", state=SourceState.BLOCKED, last_success_at=NOON + timedelta(minutes=1))
    (gap,) = read(database, axis).gaps
    assert (gap.source_id, gap.name, gap.since, gap.reason) == (
        key,
        "坏",
        NOON - timedelta(minutes=30),
        "HTTP 500",
    )


def test_a_trend_never_reads_the_mentions(database):
    key, ids = make_list(database)
    count(database, key, NOON, keyword_ids=list(ids.values()))
    statements: list[str] = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    for group in (None, *Group):
        axis = trends.axis(NOON - timedelta(days=30), NOON, bucket="1h", zone=SHANGHAI)
        read(database, axis, [key], group)
    assert statements
    assert not [
        text
        for text in statements
        if "mention" in text
        or "post" in text.replace("posts_total", "").replace("last_post_at", "")
    ]


def test_a_trend_by_too_many_keywords_is_refused(sqlite_database):
    key, _ = make_list(sqlite_database)
    cells = [
        {
            "keyword_list_id": key, "dimension": "keyword", "value": str(number), "width": 3600, "bucket": NOON,
            "count": 1, "negative": 1, "neutral": 0, "positive": 0, "score_milli": 0,
        }
        for number in range(1, 200)
    ]  # fmt: skip
    with sqlite_database.write() as connection:
        connection.execute(insert(rollups.rollup), cells)
    axis = trends.axis(
        NOON - timedelta(days=30), NOON + timedelta(hours=1), bucket="1h", zone=NEW_YORK
    )
    with pytest.raises(TrendError, match="199 groups"):
        read(sqlite_database, axis, [key], Group.KEYWORD)


def test_blind_spots_are_gaps_with_their_end_and_cause_also_when_they_are_over(database):
    axis = trends.axis(NOON - timedelta(hours=6), NOON, bucket="1h", zone=SHANGHAI)
    key = feed(database, "曾经失声", state=SourceState.OK, last_success_at=NOON)
    row = {"source_id": key, "cause": "silence", "noticed_at": NOON, "reason": "太久没有新内容"}
    spans = [(-20, -7), (-8, -5), (-3, -2), (0, 2)]
    with database.write() as connection:
        for since, until in spans:
            blind_spots.open_many(
                database, connection, [{**row, "since": NOON + timedelta(hours=since)}]
            )
            blind_spots.close_many(connection, [key], until=NOON + timedelta(hours=until))
        blocked = {**row, "cause": "blocked", "since": NOON - timedelta(hours=1)}
        blind_spots.open_many(database, connection, [blocked])
    found = [
        (
            gap.name,
            (gap.since - NOON) / timedelta(hours=1),
            gap.until and gap.until < NOON,
            gap.cause,
        )
        for gap in read(database, axis).gaps
    ]
    assert found == [
        ("曾经失声", -8, True, "silence"),
        ("曾经失声", -3, True, "silence"),
        ("曾经失声", -1, None, "blocked"),
    ]


def test_a_source_in_trouble_with_an_open_blind_spot_is_one_gap(database):
    axis = trends.axis(NOON - timedelta(hours=6), NOON, bucket="1h", zone=SHANGHAI)
    since = NOON - timedelta(hours=2)
    key = feed(database, "坏", state=SourceState.SILENT, last_success_at=NOON, last_post_at=since)
    (gap,) = read(database, axis).gaps
    assert (gap.since, gap.until, gap.cause) == (since, None, "silence")
    row = {"source_id": key, "cause": "silence", "noticed_at": NOON, "reason": "r", "since": since}
    with database.write() as connection:
        blind_spots.open_many(database, connection, [row])
    (gap,) = read(database, axis).gaps
    assert (gap.since, gap.reason) == (since, "r")
