"""WordPress again: what becomes of posts after they were read: edits, teasers, deletion."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.scenarios.service import Service, eventually, wall_clock
from tests.servers import visiting
from tests.servers.running import WordPress
from tests.servers.writing import write

pytestmark = pytest.mark.servers
BRAND = "云雀汽车"
HOUR_MICROS = 3_600 * 10**6
SETTLED = f"{BRAND}已退款并致歉,此事了结。"


@pytest.mark.parametrize(
    ("kind", "path", "name"),
    [("feed", "/feed/", "{url}/?p={post}"), ("wordpress", "", "post-{post}")],
    ids=["by the feed", "by the interface"],
)
def test_an_edit_keeps_what_the_post_said_before(
    service: Service, wordpress: WordPress, kind: str, path: str, name: str
) -> None:
    (_, letter), _ = write(wordpress, BRAND, posts=1, comments=0)
    key = visiting.add(service, f"编辑 {kind}", f"{wordpress.url}{path}", kind=kind)
    external_id = name.format(url=wordpress.url, post=letter)
    before = visiting.posts(service, key)[external_id]

    wordpress.edit({"do": "edit", "post": letter, "text": SETTLED})
    for _ in range(2):
        visiting.visit(service, key)

    stored = visiting.posts(service, key)
    after = stored[external_id]
    assert (after["id"], after["text"]) == (before["id"], SETTLED)
    revisions = service.get(f"/posts/{after['id']}/revisions")["data"]
    assert [one["text"] for one in revisions] == [before["text"]], "once, although visited twice"
    assert visiting.health(service, key)["posts_total"] == len(stored), "an edit is no new post"


def test_a_teaser_is_completed_from_its_page(
    service: Service, wordpress: WordPress, teasers: None
) -> None:
    paragraphs = [
        f"第{place}段:{BRAND}车主反映,车辆在{place}号高速服务区充电时起火,客服迟迟没有回应,"
        f"多名车主表示类似故障已出现{place + 2}次,要求厂家召回并公布检测报告。"
        for place in range(1, 9)
    ]
    body = "".join(f"<p>{one}</p>" for one in paragraphs)
    (post,) = wordpress.edit({"do": "post", "title": "充电起火调查", "text": body})
    url, wish = f"{wordpress.url}/feed/", {"full_text": "when_short"}
    key = visiting.add(service, "摘要", url, options=wish)
    name = f"{wordpress.url}/?p={post}"

    whole = eventually(
        lambda: next(
            (
                text
                for text in [visiting.posts(service, key)[name]["text"]]
                if paragraphs[-1] in text
            ),
            None,
        ),
        seconds=20,
        what="the page was read",
    )

    assert whole is not None
    assert all(one in whole for one in paragraphs)
    assert "WordPress" not in whole, "the theme's words are not the article's"


@pytest.fixture
def teasers(wordpress: WordPress) -> Iterator[None]:
    """The feeds of the site carry the first 55 words only."""
    wordpress.edit({"do": "set", "option": "rss_use_excerpt", "value": 1})
    yield
    wordpress.edit({"do": "set", "option": "rss_use_excerpt", "value": 0})


def test_what_went_to_the_bin_is_known_as_deleted_an_hour_later(
    service: Service, wordpress: WordPress
) -> None:
    service.watch(BRAND)
    (kept, gone, *_), (said, unsaid) = write(wordpress, BRAND, posts=1, comments=2)
    key = visiting.add(service, "删除", wordpress.url, kind="wordpress")
    wordpress.edit({"do": "trash", "post": gone}, {"do": "trash_comment", "comment": unsaid})
    service.terminate()
    an_hour_passes(service)
    service.start()

    eventually(lambda: not due_looks(service), seconds=30, what="all was looked at again")

    stored = visiting.posts(service, key)
    deleted = {name for name, row in stored.items() if row["deleted_at"]}
    assert deleted == {f"post-{gone}", f"comment-{unsaid}"}
    assert {f"post-{kept}", f"comment-{said}"} <= set(stored)


def an_hour_passes(service: Service) -> None:
    """Make every look due as it is an hour later; the service is not running."""
    with closing(sqlite3.connect(service.directory / "jianwei.db", timeout=30)) as connection:
        changed = connection.execute("UPDATE look SET due_at = due_at - ?", (HOUR_MICROS,))
        assert changed.rowcount >= 3, "the letter and two comments are to be looked at again"
        connection.commit()


def due_looks(service: Service) -> list[tuple[object, ...]]:
    """Return the looks that are due now."""
    now = int(wall_clock().timestamp() * 10**6)
    return service.rows("SELECT post_id FROM look WHERE due_at <= ?", now)
