"""RSSHub 1.0.0: its test routes as feeds. It sends an ETag and still answers 200 to it."""

from __future__ import annotations

import pytest

from tests.scenarios.service import Service, eventually
from tests.servers import visiting
from tests.servers.running import RSSHub, ask

pytestmark = pytest.mark.servers

# Route, entries, and the title of one of them; RSSHub's own pages say so.
ROUTES = [
    ("1", 5, "Title1"),
    ("1.rss", 5, "Title5"),
    ("filter", 7, "Filter Title1"),
    ("cache", 6, "Cache Title"),
    ("long", 6, "Long Title"),
    ("itunes", 5, "Title1"),
    ("enclosure", 1, ""),
    ("magnet", 5, "Title1"),
    ("nopubdate", 5, "Title1"),
    ("complicated", 6, "Complicated Title"),  # of 7: one comes twice, wholly alike
    ("multimedia", 5, "Title1"),
    ("1?limit=2", 2, "Title2"),
    ("filter?filter=Filter%20Title1", 1, "Filter Title1"),
]


@pytest.mark.parametrize(("route", "entries", "title"), ROUTES, ids=[one[0] for one in ROUTES])
def test_a_route_is_read_once_and_not_again_while_its_body_is_the_same(
    service: Service, rsshub: RSSHub, route: str, entries: int, title: str
) -> None:
    key = visiting.add(service, f"RSSHub {route}", f"{rsshub.url}/test/{route}")
    first = visiting.health(service, key)
    stored = visiting.posts(service, key)

    second = visiting.visit(service, key)

    assert (first["state"], first["last_status"]) == ("ok", 200)
    assert len(stored) == first["posts_total"] == entries
    assert any((post["title"] or "").startswith(title) for post in stored.values())
    assert (second["last_status"], second["posts_total"]) == (200, entries)
    assert visiting.outcomes(service, key) == ["new", "unchanged"], "the body's hash tells"


def test_it_answers_200_to_the_etag_it_sent(rsshub: RSSHub) -> None:
    """What the hash is for: should this fail one day, RSSHub has learned 304 and all is well."""
    first = ask(rsshub.port, "GET", "/test/1")
    again = ask(rsshub.port, "GET", "/test/1", {"If-None-Match": first.headers["etag"]})
    assert (again.status, again.body) == (200, first.body)
    assert again.headers["etag"] == first.headers["etag"]


def test_an_atom_route_is_dated_anew_each_time_and_brings_nothing_twice(
    service: Service, rsshub: RSSHub
) -> None:
    """Its ``updated`` is the moment of the request, so no hash helps: the entries' ids do."""
    key = visiting.add(service, "RSSHub 1.atom", f"{rsshub.url}/test/1.atom")
    assert visiting.health(service, key)["posts_total"] == 5
    pause_for_another_second(rsshub)
    assert visiting.visit(service, key)["posts_total"] == 5
    assert visiting.outcomes(service, key) == ["new", "new"]
    stored = visiting.posts(service, key).values()
    assert [service.get(f"/posts/{one['id']}/revisions")["data"] for one in stored] == [[]] * 5


def test_a_route_that_breaks_is_a_state_with_a_reason_not_calm(
    service: Service, rsshub: RSSHub
) -> None:
    """RSSHub answers what its routes throw with a page and a status of its own."""
    key = visiting.add(service, "RSSHub error", f"{rsshub.url}/test/error")
    found = visiting.health(service, key)
    assert found["last_status"] == ask(rsshub.port, "GET", "/test/error").status >= 400
    assert found["state"] not in ("ok", "new", "slow")
    assert found["reason"]


def pause_for_another_second(rsshub: RSSHub) -> None:
    """Wait until the route's body is another one."""
    first = ask(rsshub.port, "GET", "/test/1.atom").body
    eventually(
        lambda: ask(rsshub.port, "GET", "/test/1.atom").body != first,
        seconds=5,
        what="the date of the document moves on",
    )
