"""What stops a start: a process that cannot do its work says so instead of standing silent."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from monitor.app import StartError, build
from monitor.config import Settings
from monitor.storage import migrate, sources

NOW = datetime(2026, 3, 10, 5, 8, tzinfo=UTC)


@pytest.fixture
def app(tmp_path):
    made = build(Settings(data_dir=tmp_path / "data"))
    migrate.upgrade(made.database)
    return made


def add(app, kind, *, enabled=True):
    row = {"name": f"{kind} {enabled}", "kind": kind, "options": {}, "enabled": enabled}
    with app.database.write() as connection:
        return sources.create(connection, row, now=NOW)


def opened_and_closed(app):
    async def run():
        try:
            await app.open()
        finally:
            await app.stop()

    asyncio.run(run())


def test_an_unknown_kind_in_use_stops_the_start_and_the_known_ones_are_listed(app):
    for kind in ("feed", "push", "carrier_pigeon", "smoke"):
        add(app, kind)
    with pytest.raises(StartError) as stopped:
        opened_and_closed(app)
    said = str(stopped.value)
    unknown, _, known = said.partition("已安装")
    assert "carrier_pigeon, smoke" in unknown
    assert "feed" not in unknown
    assert "feed" in known
    assert "mastodon" in known
    assert "monitor source disable" in said


def test_a_disabled_source_of_an_unknown_kind_stops_nothing(app):
    add(app, "carrier_pigeon", enabled=False)
    add(app, "feed")
    opened_and_closed(app)


def test_the_kinds_in_use_are_those_of_enabled_sources(database):
    with database.write() as connection:
        for number, (kind, enabled) in enumerate(
            [("feed", True), ("feed", True), ("push", True), ("steam", False)]
        ):
            row = {"name": str(number), "kind": kind, "options": {}, "enabled": enabled}
            sources.create(connection, row, now=NOW)
        assert sources.kinds_in_use(connection) == {"feed", "push"}
