"""Every way of paging: to the end, stopped where all is known, resumed without loss or doubles."""

from __future__ import annotations

from datetime import timedelta

import pytest

from collectors.model import Outcome, SourceState
from collectors.recipes.paging import (
    PageOptions,
    checked_holes,
    filled_address,
    greatest,
    next_link,
    same_server,
)
from tests.collectors.recipes.recipes import URL, Listing, after, ids, json_source, names, visit
from tests.collectors.recorded import Recorded, answer

WAYS = [
    pytest.param(f"{URL}?cursor={{cursor}}", {"type": "cursor", "path": "next"}, id="cursor"),
    pytest.param(f"{URL}?page={{page}}", {"type": "page"}, id="page"),
    pytest.param(f"{URL}?offset={{offset}}", {"type": "offset"}, id="offset"),
    pytest.param(URL, {"type": "link_header"}, id="link header"),
]
DOWN = list(range(20, 0, -1))


@pytest.mark.parametrize(("url", "page"), WAYS)
def test_every_way_of_paging_reads_to_the_end(url: str, page: dict) -> None:
    server = Listing(DOWN)
    poll = visit(json_source(url, page={**page, "max_pages": 20}), server)
    assert ids(poll) == names(DOWN)
    assert poll.state is SourceState.OK


@pytest.mark.parametrize(("url", "page"), WAYS)
def test_the_first_visit_reads_no_more_pages_than_it_may(url: str, page: dict) -> None:
    server = Listing(DOWN)
    source = json_source(url, page={**page, "max_pages": 2})
    first = visit(source, server)
    assert ids(first) == names(DOWN[:6])
    second = visit(after(source, first), server)
    assert len(server.requests) == 3, "one page on which all is known"
    assert ids(second) == names(DOWN[:3])


@pytest.mark.parametrize(("url", "page"), WAYS)
def test_what_lies_beyond_the_page_limit_is_read_by_the_next_visits(url: str, page: dict) -> None:
    server = Listing(list(range(3, 0, -1)))
    source = json_source(url, page={**page, "max_pages": 2})
    poll = visit(source, server)
    server.numbers = list(range(23, 0, -1))
    read = set(ids(poll))
    for _ in range(8):
        source = after(source, poll)
        poll = visit(source, server)
        read |= set(ids(poll))
        assert ids(poll)[0] == "23", "the newest always come first"
    assert read == set(names(server.numbers))
    server.requests.clear()
    visit(after(source, poll), server)
    assert len(server.requests) == 1, "the gap is closed"


@pytest.mark.parametrize(("url", "page"), WAYS)
def test_items_that_appear_while_a_gap_is_read_push_nothing_out(url: str, page: dict) -> None:
    server = Listing([2, 1])
    source = json_source(url, page={**page, "max_pages": 2})
    poll = visit(source, server)
    read, newest = set(ids(poll)), 22
    server.numbers = list(range(newest, 0, -1))
    for _ in range(14):
        source = after(source, poll)
        poll = visit(source, server)
        read |= set(ids(poll))
        newest += 1
        server.numbers.insert(0, newest)
    read |= set(ids(visit(after(source, poll), server)))
    assert read == set(names(server.numbers))


@pytest.mark.parametrize(("url", "page"), WAYS)
def test_items_that_are_deleted_while_a_gap_is_open_hide_nothing(url: str, page: dict) -> None:
    server = Listing([2, 1])
    source = json_source(url, page={**page, "max_pages": 2})
    poll = visit(source, server)
    server.numbers = list(range(14, 0, -1))
    source = after(source, poll)
    poll = visit(source, server)
    read = set(ids(poll))
    server.numbers = [number for number in server.numbers if number not in (12, 13)]
    for _ in range(6):
        source = after(source, poll)
        poll = visit(source, server)
        read |= set(ids(poll))
    assert set(names(range(3, 15))) <= read


@pytest.mark.parametrize(
    ("url", "page", "third"),
    [(*way.values, third) for way, third in zip(WAYS, ("15", "3", "6", "15"), strict=True)],
    ids=[way.id for way in WAYS],
)
def test_a_refused_page_keeps_what_was_read_and_is_read_later(
    url: str, page: dict, third: str
) -> None:
    server = Listing(DOWN, fails={third: answer(status=503, retry_after="3600")})
    source = json_source(url, page={**page, "max_pages": 20})
    first = visit(source, server)
    assert ids(first) == names(DOWN[:6])
    assert first.state is SourceState.BACKING_OFF
    assert first.wait >= timedelta(hours=1)
    server.fails.clear()
    second = visit(after(source, first), server)
    assert set(ids(first)) | set(ids(second)) == set(names(DOWN))
    third_visit = visit(after(source, second), server)
    assert ids(third_visit) == names(DOWN[:3])


def test_a_visit_that_was_not_stored_is_done_again_alike() -> None:
    source = json_source(f"{URL}?page={{page}}", page={"type": "page", "max_pages": 3})
    once, again = visit(source, Listing(DOWN)), visit(source, Listing(DOWN))
    assert once == again


def test_since_id_reads_upward_and_goes_on_after_the_last() -> None:
    server = Listing(DOWN)
    source = json_source(
        f"{URL}?since={{since}}", page={"type": "since_id", "start": "0", "max_pages": 4}
    )
    first = visit(source, server)
    assert ids(first) == names(range(1, 13))
    second = visit(after(source, first), server)
    assert ids(second) == names(range(13, 21))
    third = visit(after(source, second), server)
    assert (ids(third), third.state, third.outcome) == ([], SourceState.OK, Outcome.UNCHANGED)
    server.numbers.insert(0, 21)
    assert ids(visit(after(source, third), server)) == ["21"]


def test_since_id_that_is_interrupted_resumes_without_doubles() -> None:
    server = Listing(DOWN, fails={"6": answer(status=500)})
    source = json_source(
        f"{URL}?since={{since}}", page={"type": "since_id", "start": 0, "max_pages": 20}
    )
    first = visit(source, server)
    server.fails.clear()
    second = visit(after(source, first), server)
    assert ids(first) + ids(second) == names(range(1, 21))


def test_an_incremental_source_that_is_quiet_is_never_broken() -> None:
    server = Listing([2, 1])
    source = json_source(f"{URL}?since={{since}}", page={"type": "since_id", "start": "0"})
    for _ in range(6):
        poll = visit(source, server)
        assert poll.state is SourceState.OK
        source = after(source, poll)


def test_since_by_a_path_follows_what_the_server_says() -> None:
    url = f"{URL}?after={{since}}"
    http = Recorded({
        URL: answer({"items": [{"id": "a", "text": "x"}], "last": 1700000000}),
        f"{URL}?after=1700000000": answer({"items": [], "last": 1700000000}),
    })  # fmt: skip
    source = json_source(url, page={"type": "since_id", "path": "last"})
    poll = visit(source, http)
    assert ids(poll) == ["a"]
    visit(after(source, poll), http)
    assert http.asked == [URL, f"{URL}?after=1700000000", f"{URL}?after=1700000000"]


def test_a_page_of_a_stated_since_that_is_too_long_moves_nothing() -> None:
    many = [{"id": n, "text": "x"} for n in range(501)]
    http = Recorded({URL: answer({"items": many, "last": 9})})
    source = json_source(f"{URL}?after={{since}}", page={"type": "since_id", "path": "last"})
    poll = visit(source, http)
    assert poll.state is SourceState.RECIPE_BROKEN
    assert poll.cursor_after == source.cursor


def test_since_beside_pages_moves_only_when_nothing_is_left_between() -> None:
    url = f"{URL}?newer={{since}}&page={{page}}"
    source = json_source(url, page={"type": "page", "max_pages": 5})
    page_1, page_2 = {"items": [{"id": 5, "text": "e"}]}, {"items": [{"id": 4, "text": "d"}]}
    http = Recorded({
        f"{URL}?page=1": answer(page_1), f"{URL}?page=2": [answer(status=502), answer(page_2)],
        f"{URL}?page=3": answer({"items": []}), f"{URL}?newer=5&page=1": answer({"items": []}),
    })  # fmt: skip
    first = visit(source, http)
    second = visit(after(source, first), http)
    assert (ids(first), ids(second)) == (["5"], ["5", "4"])
    visit(after(source, second), http)
    assert http.asked[-1] == f"{URL}?newer=5&page=1"


def test_a_server_that_gives_the_same_page_for_ever_is_left() -> None:
    http = Recorded({URL: answer({"items": [{"id": 1, "text": "x"}]})})
    poll = visit(json_source(f"{URL}?page={{page}}", page={"type": "page", "max_pages": 20}), http)
    assert (ids(poll), len(http.requests)) == (["1"], 2)


def test_stop_max_pages_reads_all_pages_each_time() -> None:
    server = Listing(DOWN)
    source = json_source(
        f"{URL}?page={{page}}", page={"type": "page", "stop": "max_pages", "max_pages": 3}
    )
    first = visit(source, server)
    assert ids(visit(after(source, first), server)) == ids(first) == names(DOWN[:9])


@pytest.mark.parametrize("status", [400, 404])
def test_past_the_last_page_is_the_end_and_no_error(status: int) -> None:
    http = Recorded({
        f"{URL}?page=1": answer({"items": [{"id": 1, "text": "x"}]}),
        f"{URL}?page=2": answer({"code": "rest_post_invalid_page_number"}, status=status),
    })  # fmt: skip
    poll = visit(json_source(f"{URL}?page={{page}}", page={"type": "page"}), http)
    assert (ids(poll), poll.state) == (["1"], SourceState.OK)


def test_a_gap_whose_cursor_has_expired_is_told_once_and_given_up() -> None:
    url, page = f"{URL}?cursor={{cursor}}", {"type": "cursor", "path": "next", "max_pages": 2}
    server = Listing([1])
    source = json_source(url, page=page)
    poll = visit(source, server)
    server.numbers = DOWN
    source = after(source, poll)
    source = after(source, visit(source, server))
    server.fails["15"] = answer(status=410)
    told = visit(source, server)
    assert told.state is SourceState.BACKING_OFF
    assert "失效" in (told.reason or "")
    calm = visit(after(source, told), server)
    assert calm.state is SourceState.OK


def test_no_page_is_followed_to_another_server() -> None:
    http = Recorded(
        {URL: answer({"items": [{"id": 1, "text": "x"}], "next": "https://elsewhere.example/2"})}
    )
    poll = visit(json_source(page={"type": "cursor", "path": "next"}), http)
    assert (ids(poll), poll.state) == (["1"], SourceState.RECIPE_BROKEN)
    assert http.asked == [URL]


def test_a_post_carries_the_page_in_its_body() -> None:
    server = Listing(DOWN)
    source = json_source(
        method="POST", body={"page": "{page}"}, page={"type": "page", "max_pages": 2}
    )
    assert ids(visit(source, server)) == names(DOWN[:6])
    assert [request.body for request in server.requests] == [b'{"page": 1}', b'{"page": 2}']


@pytest.mark.parametrize(
    ("template", "address"),
    [
        ("https://a.cn/x?q={query}", "https://a.cn/x?q=%E4%BA%91%20%26"),
        ("https://a.cn/x?cursor={cursor}&q=1", "https://a.cn/x?q=1"),
        ("https://a.cn/x?q=1&cursor={cursor}", "https://a.cn/x?q=1"),
        ("https://a.cn/x?a=1&cursor={cursor}&since={since}&b=2", "https://a.cn/x?a=1&b=2"),
        ("https://a.cn/x?cursor={cursor}", "https://a.cn/x"),
        ("https://a.cn/{page}/list", "https://a.cn/3/list"),
    ],
)
def test_holes_are_encoded_and_empty_parameters_left_out(template: str, address: str) -> None:
    assert filled_address(template, {"query": "云 &", "cursor": "", "page": "3"}) == address


def test_an_unknown_hole_is_named() -> None:
    with pytest.raises(ValueError, match="cursr"):
        checked_holes("https://a.cn/?c={cursr}")


@pytest.mark.parametrize(
    ("header", "link"),
    [
        ('<https://a.cn/2>; rel="next"', "https://a.cn/2"),
        ('<https://a.cn/1>; rel="prev", </3?a=1,2>; title="x"; rel=next', "/3?a=1,2"),
        ('<https://a.cn/2>; rel="prev"', None),
        ("", None),
        ("<" * 50_000, None),
    ],
    ids=["one", "second", "none", "empty", "hostile"],
)
def test_the_next_link_is_found(header: str, link: str | None) -> None:
    assert next_link(header) == link


def test_ids_are_ordered_as_numbers() -> None:
    assert greatest(["9", "10", "2"]) == "10"
    assert greatest(["007", "8"]) == "8"
    assert greatest([]) is None


@pytest.mark.parametrize(
    ("address", "whole"),
    [
        ("/2", "https://a.cn/2"),
        ("?p=2", "https://a.cn/x?p=2"),
        ("https://b.cn/2", None),
        ("http://a.cn/2", None),
        ("https://a.cn:99999/", None),
    ],
)
def test_only_addresses_on_the_same_server_are_followed(address: str, whole: str | None) -> None:
    assert same_server(address, "https://a.cn/x") == whole


@pytest.mark.parametrize(
    "options",
    [{"type": "cursor"}, {"type": "page", "start": "one"}, {"max_pages": 21}, {"type": "scroll"}],
    ids=["cursor without path", "start", "too many", "type"],
)
def test_paging_that_cannot_work_is_refused(options: dict) -> None:
    with pytest.raises(ValueError, match=r"path|start|max_pages|type"):
        PageOptions.model_validate(options)


def test_a_pinned_item_that_is_known_hides_no_new_ones() -> None:
    def listed(*numbers: int) -> object:
        return answer({"items": [{"id": n, "text": "x"} for n in numbers]})

    first, second = f"{URL}?page=1", f"{URL}?page=2"
    source = json_source(f"{URL}?page={{page}}", page={"type": "page", "max_pages": 2})
    before = visit(source, Recorded({first: listed(1, 2), second: listed(3)}))
    http = Recorded({first: listed(1, 9), second: listed(8, 2)})
    assert ids(visit(after(source, before), http)) == ["1", "9", "8", "2"]


def test_since_waits_until_a_gap_is_read() -> None:
    url = f"{URL}?newer={{since}}&cursor={{cursor}}"
    server = Listing([2, 1])
    source = json_source(url, page={"type": "cursor", "path": "next", "max_pages": 2})
    poll = visit(source, server)
    server.numbers = list(range(14, 0, -1))
    asked = []
    for _ in range(4):
        source = after(source, poll)
        server.requests.clear()
        poll = visit(source, server)
        asked.append(server.requests[0].query["newer"])
    assert asked == ["2", "2", "2", "14"]


def test_a_later_page_that_is_gone_does_not_end_the_source() -> None:
    server = Listing(DOWN, fails={"18": answer(status=410)})
    source = json_source(f"{URL}?cursor={{cursor}}", page={"type": "cursor", "path": "next"})
    poll = visit(source, server)
    assert (len(poll.posts), poll.state) == (3, SourceState.BACKING_OFF)
    assert poll.wait <= timedelta(hours=1)
