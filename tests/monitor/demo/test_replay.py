"""A day and a half of the replay through the real service: every way in, nothing lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from monitor.app import App, build
from monitor.config import Settings
from monitor.demo.clock import SimulatedClock
from monitor.demo.replay import CALM_STEP, moments, prepare, stage
from monitor.demo.report import result
from monitor.demo.scenario import BAD_DAY, DAY, Format, Scenario, load
from monitor.demo.server import WINDOW, DemoServer
from monitor.pipeline.analyst import InlineAnalyst
from monitor.storage.tables import import_job, post, product_rating, source
from tests.monitor.demo.visiting import DAY0

STEPS = 23  # 34.5 hours: past the second morning's file
Rows = list[dict[str, Any]]


def _app(directory: Path, clock: SimulatedClock) -> App:
    settings = Settings(
        data_dir=directory,
        database_url=f"sqlite:///{directory / 'demo.db'}",
        bus_url="memory://",
        allow_networks=(ip_network("127.0.0.1/32"),),
        host_pause_seconds=0,
        timezone="Asia/Shanghai",
    )
    return build(settings, clock=clock, analyst=InlineAnalyst())


@dataclass(frozen=True)
class Played:
    """What the replay left in the database, and what its report says of lost posts."""

    posts: Rows
    imports: Rows
    ratings: Rows
    imported_again: int
    lost: list[str]


async def _play(directory: Path, scenario: Scenario) -> Played:
    clock = SimulatedClock(DAY0)
    app = _app(directory, clock)
    with DemoServer(scenario, clock, DAY0) as server:
        try:
            await app.open()
            prepare(app, scenario, server, clock())
            service = stage(app, clock, scenario, DAY0)
            for number in range(STEPS):
                clock.set(DAY0 + (number + 1) * CALM_STEP)
                await service.step()
            # Somebody begins again with the same files: the imports are known.
            again = stage(app, clock, scenario, DAY0).exports
            told = result(app.database, server.receiver, scenario, DAY0, clock())
            return Played(
                *_rows(app),
                imported_again=sum([await one.import_due(app.analysing) for one in again]),
                lost=[one for one in told.problems if "stored" in one],
            )
        finally:
            await app.stop()


def _rows(app: App) -> tuple[Rows, Rows, Rows]:
    posts = select(post, source.c.name, source.c.kind.label("source_kind")).join(
        source, source.c.id == post.c.source_id
    )
    with app.database.read() as connection:
        posts_found, imports, ratings = (
            [dict(row) for row in connection.execute(query).mappings()]
            for query in (posts, select(import_job), select(product_rating))
        )
    return posts_found, imports, ratings


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load()


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory, scenario: Scenario) -> Played:
    return asyncio.run(_play(tmp_path_factory.mktemp("demo"), scenario))


def test_every_source_s_posts_are_stored_once_by_its_own_way_in(
    played: Played, scenario: Scenario
) -> None:
    until, files = STEPS * CALM_STEP, DAY + timedelta(hours=9)
    expected = Counter(
        (one.name, one.kind)
        for one in scenario.sources
        for each in scenario.of_source(one.slug)
        if each.offset <= (files if one.format is Format.FILES else until)
    )
    assert Counter((row["name"], row["source_kind"]) for row in played.posts) == expected
    kinds = {kind for _, kind in expected}
    assert kinds == {"feed", "json_api", "review_page", "push"}


def test_every_post_keeps_its_moment(played: Played, scenario: Scenario) -> None:
    published = {one.url: (DAY0 + one.offset).astimezone(UTC) for one in scenario.posts}
    assert played.posts
    assert all(row["published_at"] == published[row["url"]] for row in played.posts)


def test_reviews_have_stars_and_videos_have_counts_and_followers(
    played: Played,
) -> None:
    by_kind: dict[str, Rows] = {}
    for row in played.posts:
        by_kind.setdefault(row["source_kind"], []).append(row)
    assert all(row["rating"] is not None for row in by_kind["review_page"])
    assert all(row["metrics"]["likes"] >= 0 for row in by_kind["json_api"])
    assert all(row["followers"] is not None for row in by_kind["json_api"])
    assert {row["product"] for row in played.ratings} == {"栗屿咖啡", "朔桁咖啡", "汀白茶饮"}


def test_files_are_imported_once_and_all_of_their_rows_are_taken(
    played: Played,
) -> None:
    jobs = played.imports
    assert [job["file_name"] for job in jobs] == [
        "suda-20261105-0900.csv",
        "suda-20261106-0900.csv",
    ]
    assert all(job["finished_at"] and not job["rejected"] for job in jobs)
    assert sum(job["created"] for job in jobs) == sum(
        row["name"] == "诉达投诉" for row in played.posts
    )
    assert played.imported_again == 0


def test_the_result_expects_of_exports_only_what_is_in_a_file(
    played: Played,
) -> None:
    assert played.lost == []


def test_the_replay_never_looks_away_for_longer_than_a_site_shows() -> None:
    until = timedelta(hours=24)
    steps: list[datetime] = [DAY0, *moments(DAY0, until)]
    assert max(later - one for one, later in pairwise(steps)) <= WINDOW
    assert steps[-1] == DAY0 + BAD_DAY * DAY + until
