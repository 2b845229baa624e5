"""Keyword lists are edited while the service runs: what comes next and what was stored.

Each test watches a nickname of its own, so one service serves all.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.scenarios import texts
from tests.scenarios.service import Service, eventually, wall_clock

pytestmark = pytest.mark.slow


def first_version(name: str) -> dict[str, Any]:
    return {"name": name, "kind": "brand", "aliases": [name], "keywords": []}


def second_version(name: str) -> dict[str, Any]:
    aliases, keywords = [name, f"小{name}"[::-1]], [f"{name[0]}车续航 NEAR/5 虚标"]
    return {**first_version(name), "aliases": aliases, "keywords": keywords}


def mentioned(service: Service, list_id: int) -> dict[int, dict[str, Any]]:
    return {row["post_id"]: row for row in service.all_of(f"/mentions?keyword_list={list_id}")}


def edit(service: Service, list_id: int, body: dict[str, Any], if_match: str) -> tuple[int, str]:
    answer = service.ask(
        "PUT", f"/api/v1/keyword-lists/{list_id}", body, headers={"If-Match": if_match}
    )
    return answer.status, answer.headers.get("etag", "")


def days_total(service: Service, list_id: int) -> int:
    trend = service.get(f"/trends?keyword_list={list_id}&range=30d&bucket=1d")["data"]
    return sum(point["count"] for point in trend)


def test_a_new_alias_and_keyword_match_the_next_post(lasting_service: Service) -> None:
    service, name = lasting_service, "云帆"
    list_id = service.post("/keyword-lists", first_version(name))["id"]
    service.ingest([texts.row("帆云小又涨价了")])
    assert mentioned(service, list_id) == {}

    assert edit(service, list_id, second_version(name), '"1"') == (200, '"2"')
    rows = [texts.row("帆云小的门店排长队"), texts.row("云车续航里程虚标"), texts.row("云帆新车")]
    stored = [row["id"] for row in service.ingest(rows)["rows"]]

    found = mentioned(service, list_id)
    matched = [found[key]["keywords"] for key in stored]
    assert matched == [["帆云小"], ["云车续航 NEAR/5 虚标"], ["云帆"]]


def test_an_edit_made_from_an_older_version_is_refused(lasting_service: Service) -> None:
    service, name = lasting_service, "远山"
    list_id = service.post("/keyword-lists", first_version(name))["id"]
    assert edit(service, list_id, second_version(name), '"1"') == (200, '"2"')
    assert edit(service, list_id, first_version(name), '"1"') == (412, '"2"')
    kept = service.get(f"/keyword-lists/{list_id}")
    assert kept["aliases"] == second_version(name)["aliases"]
    assert edit(service, list_id, first_version(name), '"2"') == (200, '"3"')


def test_an_edit_matches_stored_posts_again_and_says_nothing_about_the_past(
    lasting_service: Service,
) -> None:
    service, name = lasting_service, "青禾"
    list_id = service.post("/keyword-lists", first_version(name))["id"]
    now = wall_clock()
    alias = [texts.row(f"禾青小{n}号车起火,维权无门", now - timedelta(days=3)) for n in range(60)]
    keyword = [texts.row("青车续航里程虚标,骗人", now - timedelta(days=20))]
    kept = [texts.row("青禾起火", now - timedelta(days=2))]
    too_old = [texts.row("禾青小的老新闻", now - timedelta(days=200))]
    answers = service.ingest([*alias, *keyword, *kept, *too_old])["rows"]
    ids = [row["id"] for row in answers]
    assert set(mentioned(service, list_id)) == {ids[-2]}

    assert edit(service, list_id, second_version(name), '"1"')[0] == 200
    eventually(
        lambda: set(mentioned(service, list_id)) == set(ids[:-1]),
        seconds=15,
        what="the stored posts of the last days are mentions",
    )
    service.wait_judged()
    assert service.get(f"/alerts?keyword_list={list_id}")["data"] == [], "the past is no news"
    assert days_total(service, list_id) == len(ids) - 1

    assert edit(service, list_id, {**first_version(name), "exclude": ["起火"]}, '"2"')[0] == 200
    eventually(
        lambda: mentioned(service, list_id) == {},
        seconds=15,
        what="mentions that the list no longer asks for are gone",
    )
    assert days_total(service, list_id) == 0


def test_an_edit_during_ingest_leaves_no_post_unmatched(lasting_service: Service) -> None:
    service, name = lasting_service, "流云"
    list_id = service.post("/keyword-lists", first_version(name))["id"]
    aliases = [name]
    ids: list[int] = []
    for number in range(10):
        aliases.append(f"昵称{number}号")
        body = {**first_version(name), "aliases": aliases}
        assert edit(service, list_id, body, f'"{number + 1}"')[0] == 200
        answer = service.ingest([texts.row(f"昵称{n}号的车不错") for n in range(10)])
        ids += [row["id"] for row in answer["rows"]]
    eventually(
        lambda: set(mentioned(service, list_id)) == set(ids),
        seconds=20,
        what="every post of every round is a mention",
    )
