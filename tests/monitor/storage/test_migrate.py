from __future__ import annotations

from monitor.storage import migrate


def test_the_revisions_end_at_the_tables(database):
    assert migrate.differences(database) == []


def test_upgrading_twice_changes_nothing(database):
    assert migrate.upgrade(database) == migrate.upgrade(database) == migrate.newest()


def test_a_difference_would_be_seen(database):
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE stray (id INTEGER)")
    assert migrate.differences(database) != []
