"""Posts from views and records: byte offsets, times that lie, quotes, reposts, hidden authors."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.model import Precision
from collectors.social.bluesky_posts import (
    full_text,
    post_of_feed_item,
    post_of_record,
    post_of_view,
    post_uri,
    tags_of,
)
from tests.collectors.social.synthetic_bluesky import NOW, at, author, uri, view


def facet(text: str, part: str, feature: dict[str, object]) -> dict[str, object]:
    """A facet over ``part`` of ``text``, in UTF-8 bytes as the service counts."""
    start = text.encode().index(part.encode())
    index = {"byteStart": start, "byteEnd": start + len(part.encode())}
    return {"index": index, "features": [feature]}


LINK = {"$type": "app.bsky.richtext.facet#link", "uri": "https://news.example/2026/08/01/lark"}
TEXT = "👩‍👩‍👦‍👦 云雀汽车 起火 news.example/2026/... 详见 #云雀 另见 news.example"


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ("news.example/2026/...", TEXT.replace("news.example/2026/...", LINK["uri"])),
        ("详见", TEXT),
    ],
    ids=["a link cut short is written out", "words stay words"],
)
def test_links_are_found_by_byte_offsets(part: str, expected: str) -> None:
    assert full_text({"text": TEXT, "facets": [facet(TEXT, part, LINK)]}) == expected


@pytest.mark.parametrize(
    ("start", "end"),
    [(1, 30), (-5, 4), (0, 10**9), (40, 30), (None, 5), ("0", 4), (3, 3)],
    ids=["inside an emoji", "negative", "beyond", "backwards", "none", "text", "empty"],
)
def test_offsets_that_point_nowhere_change_nothing(start: object, end: object) -> None:
    one = {"index": {"byteStart": start, "byteEnd": end}, "features": [LINK]}
    assert full_text({"text": "👩 云雀…" * 5, "facets": [one]}) == "👩 云雀…" * 5


def test_of_overlapping_links_the_first_is_written_out() -> None:
    text = "看 a.example/x… 和 b…"
    other = {**LINK, "uri": "https://b.example/y"}
    facets = [facet(text, "a.example/x… 和 b…", other), facet(text, "a.example/x…", LINK)]
    assert full_text({"text": text, "facets": facets}) == f"看 {LINK['uri']} 和 b…"


def test_tags_come_from_the_text_and_from_beside_it() -> None:
    tag = {"$type": "app.bsky.richtext.facet#tag", "tag": "云雀"}
    record = {"text": TEXT, "facets": [facet(TEXT, "#云雀", tag)], "tags": ["召回", "云雀", 5]}
    assert tags_of(record) == ("云雀", "召回")


@pytest.mark.parametrize(
    ("created", "indexed", "expected"),
    [
        pytest.param(at(10), at(9), datetime(2026, 8, 1, 13, 50, tzinfo=UTC), id="as claimed"),
        pytest.param("2030-01-01T00:00:00Z", at(9), datetime(2026, 8, 1, 13, 51, tzinfo=UTC), id="2030"),
        pytest.param("", at(9), datetime(2026, 8, 1, 13, 51, tzinfo=UTC), id="no claim"),
        pytest.param("2012-02-22T20:26:41", at(9), datetime(2012, 2, 22, 20, 26, 41, tzinfo=UTC),
                     id="brought from elsewhere, without a zone"),
        pytest.param("2030-01-01T00:00:00Z", None, None, id="only a lie"),
    ],
)  # fmt: skip
def test_the_earlier_of_two_times_counts(
    created: str, indexed: str | None, expected: datetime | None
) -> None:
    found = view(1, indexedAt=indexed, record={"text": "x", "createdAt": created})
    post = post_of_view(found, 7, now=NOW)
    assert post is not None
    assert post.published_at == expected
    assert (post.precision is Precision.INFERRED) is (expected is None)


def test_fields_of_a_view() -> None:
    record = {
        "text": "云雀汽车  起火",
        "createdAt": at(10),
        "langs": ["zh-CN", "en"],
        "reply": {"root": {"uri": uri("r")}, "parent": {"uri": uri("p")}},
        "embed": {"$type": "app.bsky.embed.record", "record": {"uri": uri("q"), "cid": "c"}},
    }
    post = post_of_view(view("k", record=record), 7, now=NOW)
    assert post is not None
    assert (post.external_id, post.source_id, post.text) == (uri("k"), 7, "云雀汽车 起火")
    assert post.url == "https://bsky.app/profile/lark.example/post/k"
    assert (post.author.name, post.author.handle, post.author.followers) == (
        "云雀", "lark.example", None,
    )  # fmt: skip
    assert post.metrics == {"replies": 1, "reposts": 2, "likes": 3, "quotes": 4}
    assert (post.parent_id, post.root_id, post.repost_of) == (uri("p"), uri("r"), uri("q"))
    assert post.lang == "zh-CN"


def test_a_quote_beside_media_counts_and_a_quoted_list_does_not() -> None:
    record = {"text": "x", "createdAt": at(1)}
    media = {"embed": {"record": {"record": {"uri": uri("q")}}, "media": {}}}
    of_list = {"embed": {"record": {"uri": "at://did:plc:x/app.bsky.graph.list/1"}}}
    quotes = [
        post.repost_of if post else "?"
        for post in (
            post_of_view(view("k", record=record | one), 7, now=NOW) for one in (media, of_list)
        )
    ]
    assert quotes == [uri("q"), None]


def test_a_repost_is_a_post_of_who_reposts() -> None:
    by = author("reader.example", did="did:plc:reader")
    reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": by, "indexedAt": at(1)}
    item = {"post": view("k", 600), "reason": reason}
    post = post_of_feed_item(item, 7, now=NOW)
    assert post is not None
    assert (post.external_id, post.repost_of) == (f"{uri('k')}#did:plc:reader", uri("k"))
    assert (post.author.handle, post.published_at) == (
        "reader.example", datetime(2026, 8, 1, 13, 59, tzinfo=UTC),
    )  # fmt: skip
    named = post_of_feed_item({**item, "reason": {**reason, "uri": "at://r"}}, 7, now=NOW)
    assert named is not None
    assert named.external_id == "at://r"


@pytest.mark.parametrize(
    "labels", [[{"val": "!no-unauthenticated"}], [{"val": "x"}, {"val": "!no-unauthenticated"}]], ids=len
)  # fmt: skip
def test_who_does_not_want_to_be_shown_to_strangers_is_not(labels: list[object]) -> None:
    hidden = author() | {"labels": labels}
    assert post_of_view(view(1, author=hidden), 7, now=NOW) is None
    reason = {"$type": "app.bsky.feed.defs#reasonRepost", "by": hidden, "indexedAt": at(1)}
    assert post_of_feed_item({"post": view(1), "reason": reason}, 7, now=NOW) is None


def test_a_label_that_was_taken_back_hides_nobody() -> None:
    shown = author() | {"labels": [{"val": "!no-unauthenticated", "neg": True}]}
    assert post_of_view(view(1, author=shown), 7, now=NOW) is not None


def test_a_handle_that_no_longer_resolves_gives_way_to_the_did() -> None:
    post = post_of_view(view("k", author=author("handle.invalid")), 7, now=NOW)
    assert post is not None
    assert post.author.handle == "did:plc:lark"
    assert post.url == "https://bsky.app/profile/did:plc:lark/post/k"


@pytest.mark.parametrize(
    "bad",
    [None, [], "x", {}, {"uri": 5}, {"uri": uri(1)}, {"uri": "at://x/y/z", "record": {"text": "x"}},
     {"uri": uri(1), "notFound": True}, {"uri": uri(1), "blocked": True, "author": {"did": "d"}}],
    ids=str,
)  # fmt: skip
def test_what_is_no_post_gives_none(bad: object) -> None:
    assert post_of_view(bad, 7, now=NOW) is None


@pytest.mark.parametrize(
    ("text", "is_post"),
    [
        (uri("3kaheyt6vpc22"), True),
        ("at://did:web:a.example/app.bsky.feed.post/x", True),
        ("at://did:plc:x/app.bsky.feed.repost/3k", False),
        ("at://did:plc:x/app.bsky.feed.post/a b", False),
        ("https://bsky.app/", False),
    ],
)
def test_only_posts_have_a_post_uri(text: str, is_post: bool) -> None:
    assert (post_uri(text) is not None) is is_post


@pytest.fixture
def recorded_views(shared_data: Path) -> list[object]:
    folder = shared_data / "corpora" / "atproto" / "tests" / "test_atproto_client" / "models"
    if not folder.is_dir():
        pytest.skip("../shared/data/corpora/atproto is not here: this test reads its records")
    return list(map(read, sorted((folder / "test_data").glob("*.json"))))


@pytest.fixture
def granary(shared_data: Path) -> dict[str, object]:
    folder = shared_data / "corpora" / "granary" / "granary" / "tests" / "testdata"
    if not folder.is_dir():
        pytest.skip("../shared/data/corpora/granary is not here: this test reads its posts")
    return {path.name: read(path) for path in sorted(folder.glob("*bsky.json"))}


def read(path: Path) -> object:
    return json.loads(path.read_text(encoding="utf-8"))


def test_a_recorded_thread_view(recorded_views: list[object]) -> None:
    (thread,) = [one for one in recorded_views if isinstance(one, dict) and "thread" in one]
    post = post_of_view(thread["thread"]["post"], 7, now=NOW)
    assert post is not None
    did = "did:plc:kvwvcn5iqfooopmyzvb4qzba"
    assert post.external_id == f"at://{did}/app.bsky.feed.post/3kaheyt6vpc22"
    assert post.repost_of == f"at://{did}/app.bsky.feed.post/3kahesw26il2z"
    assert post.url == "https://bsky.app/profile/test.marshal.dev/post/3kaheyt6vpc22"
    assert post.published_at == datetime(2023, 9, 28, 12, 49, 36, 735000, tzinfo=UTC)
    assert (post.author.name, post.lang) == ("Python SDK", "en")


def test_recorded_records_with_odd_times(recorded_views: list[object]) -> None:
    times = [
        post_of_record(one["uri"], one["value"], 7, seen_at=None, now=NOW).published_at
        for one in recorded_views
        if isinstance(one, dict) and post_uri(one.get("uri")) and isinstance(one.get("value"), dict)
    ]
    assert datetime(2023, 7, 21, 1, 33, 51, 481951, tzinfo=UTC) in times
    assert datetime(2024, 2, 22, 19, 58, 13, 903293, tzinfo=UTC) in times


def pairs(granary: dict[str, object]) -> Iterator[tuple[str, dict, dict]]:
    for name, found in granary.items():
        if name.endswith(".bsky.json") and isinstance(found, dict):
            expected = granary.get(name.replace(".bsky.json", ".as-from-bsky.json"))
            if isinstance(expected, dict):
                yield name, found, expected


def test_the_same_posts_as_another_projects_reading_of_them(granary: dict[str, object]) -> None:
    compared = 0
    for name, found, expected in pairs(granary):
        item = found if "post" in found else {"post": found}
        post = post_of_feed_item(item, 7, now=NOW)
        if post is None or "verb" in expected:
            continue
        assert post.text == expected.get("content", ""), name
        assert post.url == expected.get("url", post.url), name
        compared += 1
    assert compared >= 2
