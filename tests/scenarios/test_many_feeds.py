"""The first visit of many well-filled feeds at once: more than the bus takes in one go."""

from __future__ import annotations

from random import Random

import pytest

from tests.scenarios import texts
from tests.scenarios.neighbours import GrowingFeed, Site
from tests.scenarios.service import Service, eventually

pytestmark = pytest.mark.slow
FEEDS = 100
ENTRIES = 30
CHARACTERS = 1_000
STORED_WITHIN_SECONDS = 60.0  # a lease is 120 s: nobody has to wait for one to run out


def test_a_hundred_full_feeds_are_stored_without_waiting_for_leases(
    service: Service, site: Site
) -> None:
    random = Random("many feeds")
    for number in range(FEEDS):
        feed = GrowingFeed(f"订阅{number}")
        for entry in range(ENTRIES):
            text = texts.neutral("云帆汽车", random)
            feed.publish(f"{number}-{entry}", (text * (CHARACTERS // len(text) + 1))[:CHARACTERS])
        site.pages[f"/{number}"] = feed.page()
        source = {"name": feed.title, "kind": "feed", "url": site.url(f"/{number}")}
        service.post("/sources", source)
    eventually(
        lambda: service.rows("SELECT count(*) FROM post")[0][0] == FEEDS * ENTRIES,
        seconds=STORED_WITHIN_SECONDS,
        what=f"{FEEDS * ENTRIES} posts are stored",
    )
    assert len(site.asked) == FEEDS, "each feed was fetched once"
