"""Blind spots as rows: at most one open a source, ranges, pages; and who looks blind, in one query."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import event, update

from monitor.storage import blind_spots, sources, watching
from monitor.storage.rhythms import note_arrivals
from monitor.storage.tables import source

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def make_source(database):
    def make(name="论坛", **values):
        row = {
            "name": name,
            "kind": "feed",
            "url": "https://a.example/",
            "options": {},
            "state": "ok",
        }
        with database.write() as connection:
            return sources.create(connection, {**row, **values}, now=NOW - 30 * 24 * HOUR)

    return make


def spot(key, since=NOW - HOUR, **changes):
    return {
        "source_id": key,
        "cause": "silence",
        "since": since,
        "noticed_at": NOW,
        "reason": "r",
    } | changes


def read(database, function, *args, **kwargs):
    with database.read() as connection:
        return function(connection, *args, **kwargs)


def test_a_source_has_at_most_one_open_blind_spot(database, make_source):
    key, other = make_source(), make_source("别处")
    with database.write() as connection:
        assert blind_spots.open_many(database, connection, [spot(key)]) == {key}
    with database.write() as connection:
        assert blind_spots.open_many(database, connection, [spot(key), spot(other)]) == {other}
    with database.write() as connection:
        blind_spots.close_many(connection, [key], until=NOW)
        blind_spots.close_many(connection, [key], until=NOW + HOUR)
    (found,) = [
        row for row in read(database, blind_spots.between, None, None) if row["source_id"] == key
    ]
    assert found["until"] == NOW
    with database.write() as connection:
        assert blind_spots.open_many(database, connection, [spot(key)]) == {key}


@pytest.mark.parametrize(
    ("since", "until", "found"),
    [
        (None, None, True), (-3, -2, False), (-3, -1, False), (-3, -0.9, True), (-0.5, -0.4, True), (0, 1, False),
        (-0.1, 1, True),
    ],
)  # fmt: skip
def test_ranges_are_half_open(database, make_source, since, until, found):
    key = make_source()
    with database.write() as connection:
        blind_spots.open_many(database, connection, [spot(key)])
        blind_spots.close_many(connection, [key], until=NOW)
    first, last = (None if hours is None else NOW + hours * HOUR for hours in (since, until))
    assert bool(read(database, blind_spots.between, first, last)) is found


def test_pages_go_from_the_newest_on_and_show_open_ones_without_a_range(database, make_source):
    keys = [make_source(f"s{number}") for number in range(5)]
    with database.write() as connection:
        blind_spots.open_many(database, connection, [spot(key) for key in keys])
        blind_spots.close_many(connection, keys[:2], until=NOW)
    page = read(database, blind_spots.page, since=None, until=None, under_id=None, limit=2)
    assert [row["source_id"] for row in page] == [keys[4], keys[3]]
    rest = read(
        database, blind_spots.page, since=None, until=None, under_id=page[-1]["id"], limit=2
    )
    assert [row["source_id"] for row in rest] == [keys[2]]
    every = read(database, blind_spots.page, since=NOW - HOUR, until=None, under_id=None, limit=9)
    assert len(every) == 5


def test_the_blind_spots_of_a_deleted_source_go_with_it(database, make_source):
    key = make_source()
    with database.write() as connection:
        blind_spots.open_many(database, connection, [spot(key)])
        assert sources.delete(connection, key)
    assert read(database, blind_spots.between, None, None) == []


def hourly(hours=60, until=NOW):
    return [until - HOUR * number for number in range(hours)][::-1]


def test_new_posts_teach_the_rhythm_of_their_source(database, make_source):
    key, other = make_source(), make_source("别处")
    with database.write() as connection:
        note_arrivals(connection, {key: hourly()}, NOW)
    row, untouched = read(database, sources.get, key), read(database, sources.get, other)
    assert row["last_post_at"] == NOW
    assert row["items_per_hour"] == pytest.approx(1, rel=0.1)
    assert 3600 <= row["expected_seconds"] <= 4 * 3600
    assert (untouched["rhythm"], untouched["last_post_at"]) == (None, None)


def test_old_dates_show_that_a_source_speaks_and_never_set_it_back(database, make_source):
    key = make_source()
    with database.write() as connection:
        note_arrivals(connection, {key: [NOW - HOUR]}, NOW)
        note_arrivals(connection, {key: [NOW - 50 * HOUR]}, NOW + HOUR)
    assert read(database, sources.get, key)["last_post_at"] == NOW + HOUR
    with database.write() as connection:
        note_arrivals(connection, {key: [NOW + 900 * HOUR]}, NOW + 2 * HOUR)
    assert read(database, sources.get, key)["last_post_at"] == NOW + 2 * HOUR


def test_what_is_pushed_counts_from_the_push(database, make_source):
    key = make_source(kind="push")
    with database.write() as connection:
        note_arrivals(connection, {key: [NOW - 500 * HOUR]}, NOW)
    assert read(database, sources.get, key)["last_post_at"] == NOW


def test_an_unreadable_rhythm_is_learned_anew(database, make_source):
    key = make_source(rhythm={"counts": "?"})
    with database.write() as connection:
        note_arrivals(connection, {key: hourly()}, NOW)
    assert read(database, sources.get, key)["rhythm"]["arrivals"] == 60


def test_many_sources_are_learned_in_two_statements(database, make_source):
    keys = [make_source(f"s{number}") for number in range(30)]
    statements = []
    event.listen(
        database.engine, "before_cursor_execute", lambda *given: statements.append(given[2])
    )
    with database.write() as connection:
        note_arrivals(connection, {key: [NOW] for key in keys}, NOW)
    assert len([text for text in statements if "source" in text]) == 2


@pytest.mark.parametrize(
    ("quiet_hours", "looked_ago", "silent"),
    [(1.9, 0, False), (2.1, 0, True), (2.1, 0.2, False), (900, 0, True)],
    ids=["within", "beyond", "not looked at since", "for a month"],
)
def test_a_source_is_silent_once_it_was_looked_at_beyond_two_expected_intervals(
    database, make_source, quiet_hours, looked_ago, silent
):
    key = make_source(expected_seconds=3600, interval_seconds=60)
    with database.write() as connection:
        connection.execute(
            update(source)
            .where(source.c.id == key)
            .values(last_post_at=NOW - quiet_hours * HOUR, last_success_at=NOW - looked_ago * HOUR)
        )
    found = read(database, watching.suspects, now=NOW)
    assert [row["id"] for row in found if row["is_silent"]] == ([key] if silent else [])
    assert not any(row["is_lost"] for row in found)


@pytest.mark.parametrize("missing", ["expected_seconds", "last_post_at", "last_success_at"])
def test_nothing_is_said_of_a_source_of_which_too_little_is_known(database, make_source, missing):
    known = {
        "expected_seconds": 60, "last_post_at": NOW - 99 * HOUR, "last_success_at": NOW,
    } | {missing: None}  # fmt: skip
    make_source(**known)
    assert read(database, watching.suspects, now=NOW) == []


def test_a_rhythm_of_years_overflows_nothing(database, make_source):
    make_source(
        expected_seconds=400_000_000, last_post_at=NOW - HOUR, last_success_at=NOW, interval_seconds=86_400
    )  # fmt: skip
    assert read(database, watching.suspects, now=NOW) == []
