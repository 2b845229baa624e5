"""Ten days of twenty sources in simulated time: six go blind at one moment, and everything comes back at once.

Three fall silent (their visits succeed), two answer captcha pages, one changes its layout. The real
service runs under a clock that is moved; only the web around it is played.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from sqlalchemy import func, select

from collectors.model import SourceState
from monitor.demo.clock import SimulatedClock
from monitor.demo.server import Receiver, new_secret
from monitor.http.client import Reply
from monitor.storage.tables import source
from tests.scenarios import texts
from tests.scenarios.quiet_sites import (
    BRAND,
    CHARACTERS,
    DAY,
    HOUR,
    MINUTE,
    NEW_LAYOUT,
    ZONE,
    Character,
    Entry,
    Mode,
    Site,
    sites_between,
)
from tests.scenarios.station import Station

pytestmark = pytest.mark.slow
SEED = "blind spots"
BEGIN = datetime(2026, 3, 2, tzinfo=ZONE)  # a Monday
OUTAGE = BEGIN + 7 * DAY + 8 * HOUR
RECOVERY = OUTAGE + 14 * HOUR
SPIKE = RECOVERY + DAY
END = SPIKE + 90 * MINUTE
SETTLED = BEGIN + 5 * DAY
EARLY_STEP, CALM_STEP = 30 * MINUTE, 15 * MINUTE
WATCH_TICK = timedelta(seconds=10)
NO_LONGER_THAN = timedelta(hours=13)
HOOK = "http://hook.example/in"

BLIND = [one for one in CHARACTERS if one.trouble is not Mode.SPEAKS]
TOLD = {
    Mode.FROZEN: (SourceState.SILENT, "silence", "expected within", "silence"),
    Mode.CAPTCHA_200: (SourceState.BLOCKED, "blocked", "captcha", "refusal"),
    Mode.CAPTCHA_403: (SourceState.BLOCKED, "blocked", "captcha", "refusal"),
    Mode.REDESIGNED: (SourceState.RECIPE_BROKEN, "recipe_broken", "recipe broken", "content"),
}
named = pytest.mark.parametrize("character", BLIND, ids=[one.trouble.name + "-" + one.name for one in BLIND])  # fmt: skip


@dataclass(slots=True)
class Seen:
    """What ``GET /sources/{id}/health`` answered when it first said so, and when that was."""

    state_at: datetime | None = None
    spot_at: datetime | None = None
    health: dict[str, Any] = field(default_factory=dict)


@dataclass(slots=True)
class Story:
    """What was seen from outside while ten days passed."""

    station: Station
    sites: list[Site]
    receiver: Receiver
    list_id: int = 0
    before: dict[str, dict[str, Any]] = field(default_factory=dict)
    seen: dict[str, Seen] = field(default_factory=dict)
    other_states: set[tuple[str, str]] = field(default_factory=set)
    during: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)
    alerts_before_spike: list[dict[str, Any]] = field(default_factory=list)

    def health(self, site: Site) -> dict[str, Any]:
        answer: dict[str, Any] = self.station.get(f"/sources/{site.source_id}/health")
        return answer

    def trend(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.station.get(
            "/trends",
            keyword_list=self.list_id,
            bucket="1h",
            since=(OUTAGE - DAY).isoformat(),
            until=self.station.now.isoformat(),
        )
        return answer

    def spots(self) -> list[dict[str, Any]]:
        return self.station.all_of("/blind-spots", since=BEGIN.isoformat())

    def list_alerts(self) -> list[dict[str, Any]]:
        return self.station.all_of("/alerts", keyword_list=self.list_id)

    # the ten days

    def live(self) -> None:
        self._prepare()
        self._pass(SETTLED, EARLY_STEP)
        self._pass(OUTAGE)
        self._break()
        self._watch_the_blind(OUTAGE + NO_LONGER_THAN)
        self._pass(RECOVERY)
        self.during = self.trend()
        self._mend()
        self._pass(SPIKE)
        self.after, self.alerts_before_spike = self.trend(), self.list_alerts()
        self._complain()
        self._pass(END, 5 * MINUTE)

    def _prepare(self) -> None:
        self.station.web.hosts["hook.example"] = self._hook
        for site in self.sites:
            self.station.web.hosts[site.host] = partial(_page, site, self.station.clock)
            site.source_id = self.station.post("/sources", site.body)["id"]
        body = {"name": BRAND, "kind": "brand", "aliases": [BRAND]}
        self.list_id = self.station.post("/keyword-lists", body)["id"]
        channel = {"name": "值班", "kind": "webhook", "url": HOOK, "min_tier": "blue"}
        self.station.post("/channels", {**channel, "secret": self.receiver.secret})

    def _hook(self, method: str, url: str, headers: Any, body: bytes) -> Reply:
        status = 204 if self.receiver.accept(dict(headers), body) else 401
        return Reply(status=status, headers={}, body=b"", url=url)

    def _pass(self, until: datetime, step: timedelta = CALM_STEP) -> None:
        """Let time pass from one due visit to the next, those within a step together."""
        while self.station.now < until:
            self._next(until, step)

    def _next(self, until: datetime, step: timedelta) -> None:
        with self.station.app.database.read() as connection:
            due = connection.scalar(select(func.min(source.c.next_due_at)))
        self.station.step(min(until, max(due or until, self.station.now + step)))
        if self.station.now > RECOVERY:
            return
        blind = {site.name for site in self.sites if site.mode is not Mode.SPEAKS}
        with self.station.app.database.read() as connection:
            for row in connection.execute(select(source.c.name, source.c.state)):
                if row.name not in blind:
                    self.other_states.add((row.name, row.state))

    def _break(self) -> None:
        for site in self.sites:
            self.before[site.name] = self.health(site)
            site.mode, site.frozen_at = site.character.trouble, None
            if site.mode is Mode.FROZEN:
                site.frozen_at = OUTAGE

    def _watch_the_blind(self, until: datetime) -> None:
        """Look as often as the watcher of ``monitor serve`` does, until all six are found."""
        waiting = [site for site in self.sites if site.mode is not Mode.SPEAKS]
        self.seen = {site.name: Seen() for site in waiting}
        while waiting and self.station.now < until:
            self._next(until, WATCH_TICK)
            waiting = [site for site in waiting if not self._note(site)]

    def _note(self, site: Site) -> bool:
        """Keep what is told of a site; returns whether it is told as blind."""
        health, seen = self.health(site), self.seen[site.name]
        if seen.state_at is None and health["state"] == TOLD[site.mode][0]:
            seen.state_at, seen.health = self.station.now, health
        if health["blind_spot"] and seen.spot_at is None:
            seen.spot_at = self.station.now
        return seen.state_at is not None and seen.spot_at is not None

    def _mend(self) -> None:
        """The sites come back with all they published; of the new layout the operator corrects the recipe."""
        for site in self.sites:
            if site.mode is Mode.REDESIGNED:
                path = f"/sources/{site.source_id}"
                options = {"timezone": "Asia/Shanghai", **NEW_LAYOUT}
                self.station.patch(path, {"options": options})
                self.station.post(f"{path}/poll")
            else:
                site.mode, site.frozen_at = Mode.SPEAKS, None

    def _complain(self) -> None:
        """Forty complaints in fifty minutes, on eight sites, two of which were blind."""
        random = Random(SEED)
        for place, site in enumerate(self.sites[:8]):
            times = [SPIKE + (place + 8 * number) * 75 * timedelta(seconds=1) for number in range(5)]  # fmt: skip
            site.add([Entry(9_000 + n, at, texts.negative(BRAND, random)) for n, at in enumerate(times)])  # fmt: skip


def _page(site: Site, clock: SimulatedClock, method: str, url: str, headers: Any, _: bytes) -> Reply:  # fmt: skip
    if url.endswith("/robots.txt"):
        return Reply(status=404, headers={}, body=b"", url=url)
    return site.answer(headers, clock())


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory, migrated_file: Path) -> Iterator[Story]:
    directory = tmp_path_factory.mktemp("blind")
    shutil.copy(migrated_file, directory / "jianwei.db")
    clock = SimulatedClock(BEGIN)
    with Station(f"sqlite:///{directory / 'jianwei.db'}", directory, clock) as station:
        sites = sites_between(BEGIN - 6 * HOUR, END, SEED)
        told = Story(station, sites, Receiver(clock, new_secret()))
        told.live()
        yield told


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


@named
def test_a_blind_source_is_told_right_within_two_expected_intervals(
    story: Story, character: Character
) -> None:
    seen, before = story.seen[character.name], story.before[character.name]
    state, _, words, error_class = TOLD[character.trouble]
    assert before["state"] == "ok"
    assert seen.state_at is not None, f"never told: {story.health(_site(story, character))}"
    assert seen.spot_at is not None
    health = seen.health
    assert (health["state"], health["error_class"]) == (state, error_class)
    assert words in health["reason"]
    assert "\u4e00" <= health["reason"][0] <= "\u9fff"
    assert health["advice"]["zh"]
    assert health["advice"]["en"]

    expected = timedelta(seconds=health["expected_seconds"])
    heard = moment(health["last_post_at"] if state == "silent" else before["last_success_at"])
    assert seen.state_at - heard <= 2 * expected
    assert seen.spot_at - heard <= 2 * expected
    assert expected <= 4 * max(character.every, character.interval), "two of these must mean something"  # fmt: skip


@named
def test_the_health_of_a_blind_source_says_since_when_and_when_it_is_tried_again(
    story: Story, character: Character
) -> None:
    seen = story.seen[character.name]
    assert seen.state_at is not None
    health, tried = seen.health, moment(seen.health["next_try_at"])
    assert OUTAGE <= moment(health["since"]) <= seen.state_at
    assert tried > seen.state_at
    if character.trouble is Mode.FROZEN:
        assert tried - seen.state_at <= 1.1 * character.interval, "a silent source is visited as ever"  # fmt: skip
    if health["state"] == "blocked":
        assert tried - seen.state_at >= 6 * HOUR, "who refuses us is left alone for hours"


def test_no_source_that_speaks_was_ever_shown_as_anything_else(story: Story) -> None:
    states = {(name, state) for name, state in story.other_states if state not in ("ok", "new")}
    assert states == set()
    assert {name for name, _ in story.other_states} == {one.name for one in CHARACTERS}
    assert sorted(spot["source"] for spot in story.spots()) == sorted(one.name for one in BLIND)


def test_every_blind_spot_ends_when_its_source_speaks_again(story: Story) -> None:
    spots = {spot["source"]: spot for spot in story.spots()}
    for one in BLIND:
        spot = spots[one.name]
        assert spot["cause"] == TOLD[one.trouble][1]
        assert OUTAGE - 2 * HOUR <= moment(spot["since"]) <= moment(spot["noticed_at"])
        assert RECOVERY <= moment(spot["until"]) <= RECOVERY + 7 * HOUR, one.name
    assert {story.health(site)["state"] for site in story.sites} == {"ok"}


def test_each_blind_spot_is_one_blue_alert_that_is_told_twice(story: Story) -> None:
    alerts = {alert["id"]: alert for alert in story.station.all_of("/alerts") if alert["source_id"]}
    assert {spot["alert_id"] for spot in story.spots()} == set(alerts)
    assert len(alerts) == len(BLIND)
    assert {(alert["tier"], alert["state"]) for alert in alerts.values()} == {("blue", "resolved")}
    bodies = [one.body for one in story.receiver.received]
    told = sorted(
        (str(body["data"]["source"]["name"]), str(body["type"]))  # type: ignore[index]  # JSON
        for body in bodies
        if "source" in body["data"]  # type: ignore[operator]
    )
    assert told == sorted(
        (one.name, kind) for one in BLIND for kind in ("alert.opened", "alert.resolved")
    )
    assert story.receiver.invalid == 0


def test_trends_carry_the_gaps(story: Story) -> None:
    during = {gap["name"]: gap for gap in story.during["gaps"]}
    after = {gap["name"]: gap for gap in story.after["gaps"]}
    spots = {spot["source"]: spot for spot in story.spots()}
    assert set(during) == set(after) == {one.name for one in BLIND}
    for one in BLIND:
        spot = spots[one.name]
        assert (during[one.name]["since"], during[one.name]["until"]) == (spot["since"], None)
        assert (after[one.name]["since"], after[one.name]["until"]) == (
            spot["since"],
            spot["until"],
        )
        assert after[one.name]["cause"] == TOLD[one.trouble][1]


def test_nothing_that_was_published_is_missing_or_doubled(story: Story) -> None:
    shown = {site.name: len(site.published(RECOVERY)) for site in story.sites}
    stored = {row["name"]: row["posts_total"] for row in story.station.all_of("/sources")}
    for site in story.sites:
        after = len(site.published(END)) - shown[site.name]
        assert shown[site.name] <= stored[site.name] <= shown[site.name] + after, site.name


def test_a_day_after_the_backlog_nobody_was_alarmed_about_the_brand(story: Story) -> None:
    lately = [
        alert
        for alert in story.alerts_before_spike
        if moment(alert["opened_at"]) >= OUTAGE or alert["state"] == "open"
    ]
    assert lately == []
    counts = [row["negative"] for row in story.after["data"]]
    assert sum(counts) > 100, "the backlog brought complaints"


def test_a_real_spike_afterwards_is_found(story: Story) -> None:
    (alert,) = [one for one in story.list_alerts() if one["state"] == "open"]
    assert alert["tier"] in ("orange", "red")
    assert SPIKE < moment(alert["updated_at"]) <= END
    opened = [
        one
        for one in story.receiver.received
        if one.body["data"]["alert_id"] == alert["id"] and one.at > SPIKE  # type: ignore[index]
    ]
    assert opened


def _site(story: Story, character: Character) -> Site:
    return next(site for site in story.sites if site.character is character)
