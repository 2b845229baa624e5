"""The demo's JSON interface, read by its recipe."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from collectors.model import PostKind, Precision, SourceState
from collectors.numbers import number_zh
from collectors.recipes.json_api import JsonApiCollector, JsonApiOptions
from monitor.demo.scenario import BAD_DAY, DAY, DAYS, DemoPost, load
from monitor.demo.video_api import MOST_A_PAGE, PAGE, QUERY, RECIPE, VideoApi, count_text, likes_of
from tests.monitor.demo.visiting import DAY0, Reader, Site, reader

POSTS = load().of_source("shanpai")
URL = f"http://127.0.0.1/api/shanpai{QUERY}"
NIGHT = timedelta(minutes=90)


def _reader(posts: tuple[DemoPost, ...] = POSTS, url: str = URL) -> Reader:
    api = VideoApi(posts, DAY0)

    def answer(asked: str, now: datetime) -> bytes:
        query = {name: values[0] for name, values in parse_qs(urlsplit(asked).query).items()}
        return json.dumps(api.answer(now, **query), ensure_ascii=False).encode()

    site = Site(answer, "application/json")
    return reader(JsonApiCollector(), site, url, {"timezone": "Asia/Shanghai", **RECIPE})


def _ids(page: dict[str, object]) -> list[str]:
    return [video["video_id"] for video in page["data"]["videos"]]  # type: ignore[index]  # its shape is known


def test_the_recipe_is_one_that_the_service_takes() -> None:
    options = JsonApiOptions.model_validate({"timezone": "Asia/Shanghai", **RECIPE})
    assert (options.success, options.page.type) == ("code == `0`", "cursor")


def test_a_reader_at_the_pace_of_the_replay_misses_no_video() -> None:
    visitor, begin = _reader(), 12 * DAY
    visitor.visit(DAY0 + begin)
    at = DAY0 + begin
    while at < DAY0 + DAYS * DAY:
        at += NIGHT if at < DAY0 + BAD_DAY * DAY else timedelta(minutes=15)
        assert visitor.visit(at).state is SourceState.OK
    published = {post.external_id for post in POSTS if post.offset > begin}
    assert len(published) > 300
    assert published <= {post.external_id for post in visitor.posts}


def test_after_a_day_away_the_pages_lead_back_to_what_is_known() -> None:
    visitor = _reader()
    visitor.visit(DAY0 + 3 * DAY)
    visitor.posts.clear()
    away = [post for post in POSTS if 3 * DAY < post.offset <= DAYS * DAY]
    visits = 0
    while "gap" in json.loads(visitor.source.cursor.position or "{}") or not visits:
        visitor.visit(DAY0 + DAYS * DAY)
        visits += 1
    assert visits > 2
    assert {post.external_id for post in away} <= {post.external_id for post in visitor.posts}


def test_a_video_arrives_with_its_counts_author_and_exact_time() -> None:
    visitor = _reader()
    written = {post.external_id: post for post in POSTS}
    visitor.visit(DAY0 + BAD_DAY * DAY + timedelta(hours=15))
    assert visitor.posts
    for post in visitor.posts:
        original = written[post.external_id]
        assert (post.kind, post.text, post.url) == (PostKind.POST, original.text, original.url)
        assert (post.published_at, post.precision) == (DAY0 + original.offset, Precision.EXACT)
        assert post.author.name == original.author.name
        assert post.author.followers == pytest.approx(original.author.followers, rel=0.05)
        assert post.metrics["likes"] == pytest.approx(likes_of(original), rel=0.05)
        assert set(post.metrics) == {"likes", "replies", "views"}
    assert any("万" in count_text(likes_of(post)) for post in POSTS)
    assert any("万" in count_text(post.author.followers or 0) for post in POSTS)


def test_a_refusal_inside_a_200_is_seen_and_told() -> None:
    visitor = _reader(url=URL.replace("{cursor}", "x"))
    poll = visitor.visit(DAY0 + DAY)
    assert (poll.state, poll.posts) == (SourceState.BLOCKED, ())
    assert "游标无效" in (poll.reason or "")
    assert "code=40001" in (poll.reason or "")


def test_a_cursor_keeps_its_place_while_new_videos_come() -> None:
    api = VideoApi(POSTS, DAY0)
    first = api.answer(DAY0 + 5 * DAY)
    cursor = str(first["data"]["next_cursor"])  # type: ignore[index]  # its shape is known
    second = _ids(api.answer(DAY0 + 5 * DAY, cursor=cursor))
    assert _ids(api.answer(DAY0 + 6 * DAY, cursor=cursor)) == second
    assert not {*_ids(first)} & {*second}


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        pytest.param("", PAGE, id="untold"),
        pytest.param("3", 3, id="few"),
        pytest.param("0", 1, id="none"),
        pytest.param("9" * 5000, MOST_A_PAGE, id="far too many"),
        pytest.param("-1", PAGE, id="nonsense"),
    ],
)
def test_a_page_has_a_sensible_size(count: str, expected: int) -> None:
    assert len(_ids(VideoApi(POSTS, DAY0).answer(DAY0 + 9 * DAY, count=count))) == expected


@pytest.mark.parametrize("cursor", ["x", "-1", "9" * 5000, "1.5"])
def test_a_cursor_that_is_none_is_refused_with_a_code(cursor: str) -> None:
    assert VideoApi(POSTS, DAY0).answer(DAY0 + 9 * DAY, cursor=cursor)["code"] == 40001


def test_the_last_page_leads_nowhere_and_before_the_first_video_there_is_none() -> None:
    api = VideoApi(POSTS, DAY0)
    last = api.answer(DAY0 + 9 * DAY, cursor="5")
    assert _ids(last) == [post.external_id for post in POSTS[4::-1]]
    assert last["data"]["next_cursor"] == ""  # type: ignore[index]  # its shape is known
    assert _ids(api.answer(DAY0)) == []


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0"), (9_999, "9999"), (10_000, "1万"), (12_345, "1.2万"), (1_234_000, "123.4万"),
     (340_000_000, "3.4亿")],
)  # fmt: skip
def test_counts_are_written_as_on_chinese_sites(count: int, text: str) -> None:
    assert count_text(count) == text
    assert number_zh(text) == pytest.approx(count, rel=0.05)
