"""Telegram: messages of the preview become posts, older pages down to what is known, no preview."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from collectors.model import CollectError, Outcome, PostKind, Source, SourceState
from collectors.social.telegram import TelegramCollector, TelegramOptions
from collectors.social.telegram_page import read_preview
from tests.collectors.social.visits import (
    HOUR,
    NOW,
    PAGE,
    Answer,
    after,
    answer,
    ids,
    look,
    source,
    visit,
)

TELEGRAM = TelegramCollector()
CHANNEL = "https://t.me/s/larknews"
HEADER = """<div class="tgme_channel_info"><div class="tgme_channel_info_header_title"><span>云雀 快讯</span></div>
<div class="tgme_channel_info_header_username"><a>@larknews</a></div>
<div class="tgme_channel_info_counter"><span class="counter_value">12.5K</span> <span class="counter_type">subscribers</span></div>
<div class="tgme_channel_info_counter"><span class="counter_value">9</span> <span class="counter_type">photos</span></div></div>"""


def message(
    number: int,
    text: str | None = "云雀汽车 <b>刹车</b>失灵<br/>车主称",
    more: str = "",
    kind: str = "",
) -> str:
    words = (
        f'<div class="tgme_widget_message_text js-message_text" dir="auto">{text}</div>'
        if text
        else ""
    )
    return f"""<div class="tgme_widget_message_wrap"><div class="tgme_widget_message {kind} js-widget_message"
 data-post="larknews/{number}">{more}{words}<div class="tgme_widget_message_footer">
<span class="tgme_widget_message_views">12.3K</span><span class="tgme_widget_message_meta">edited
<a class="tgme_widget_message_date" href="https://t.me/larknews/{number}"><time datetime="2026-03-10T04:08:00+00:00">x</time></a>
</span></div></div></div>"""


def page(*messages: str, head: str = HEADER) -> Answer:
    return answer(
        f"<html><body>{head}<section class='tgme_channel_history'>{''.join(messages)}</section></body></html>"
    )


def numbered(first: int, last: int) -> Answer:
    return page(*(message(number) for number in range(first, last + 1)))


def telegram(**options: object) -> Source:
    return source("telegram", "https://t.me", {"channel": "larknews", **options})


def started(upto: int) -> Source:
    poll, _ = visit(TELEGRAM, telegram(newest=1), {CHANNEL: numbered(upto, upto)})
    return after(poll, telegram())


def test_a_message_is_a_post_with_its_views_and_the_channels_subscribers() -> None:
    reactions = (
        '<span class="tgme_reaction"><b>👍</b>1.2K</span><span class="tgme_reaction">😡 30</span>'
    )
    poll, _ = visit(TELEGRAM, telegram(), {CHANNEL: [page(message(5, more=reactions)), page()]})
    (post,) = poll.posts
    assert (post.external_id, post.kind, post.title) == ("larknews/5", PostKind.POST, None)
    assert post.text == "云雀汽车 刹车失灵\n车主称"
    assert (post.url, post.published_at) == ("https://t.me/larknews/5", NOW - HOUR)
    assert post.metrics == {"views": 12300, "likes": 1230}
    assert (post.author.name, post.author.handle, post.author.followers) == (
        "云雀 快讯",
        "larknews",
        12500,
    )


def test_what_is_quoted_belongs_to_another_message() -> None:
    quoted = """<a class="tgme_widget_message_reply" href="https://t.me/larknews/3">
    <div class="tgme_widget_message_text js-message_text">旧消息</div></a>"""
    forwarded = (
        '<a class="tgme_widget_message_forwarded_from_name" href="https://t.me/other/77">别处</a>'
    )
    poll, _ = visit(
        TELEGRAM, telegram(), {CHANNEL: [page(message(5, "新消息", quoted + forwarded)), page()]}
    )
    (post,) = poll.posts
    assert (post.text, post.parent_id, post.repost_of) == ("新消息", "larknews/3", "other/77")


def test_a_videos_own_time_is_not_the_messages() -> None:
    video = '<time class="message_video_duration" datetime="2020-01-01T00:00:00+00:00">0:15</time>'
    poll, _ = visit(TELEGRAM, telegram(), {CHANNEL: [page(message(5, more=video)), page()]})
    assert poll.posts[0].published_at == NOW - HOUR


def test_messages_without_words_and_service_messages_are_no_posts_but_are_read() -> None:
    sticker, pinned = message(7, None), message(6, "pinned a message", kind="service_message")
    poll, _ = visit(TELEGRAM, telegram(), {CHANNEL: [page(message(5), pinned, sticker), page()]})
    assert ids(poll) == ["larknews/5"]
    _, http = visit(TELEGRAM, after(poll, telegram()), {CHANNEL: numbered(1, 7)})
    assert len(http.asked) == 1, "seven was no post, and it is known"


@pytest.mark.parametrize(
    "words",
    ['<div class="tgme_widget_message_poll_question">您遇到过吗？</div>',
     '<div class="tgme_widget_message_document_title">召回通知.pdf</div>'],
    ids=["a poll", "a document"],
)  # fmt: skip
def test_a_poll_and_a_document_speak_by_their_names(words: str) -> None:
    poll, _ = visit(TELEGRAM, telegram(), {CHANNEL: [page(message(5, None, words)), page()]})
    assert poll.posts[0].text in ("您遇到过吗？", "召回通知.pdf")


def test_pages_are_read_back_to_what_is_known() -> None:
    of = started(100)
    replies = {CHANNEL: numbered(121, 140), f"{CHANNEL}?before=121": numbered(101, 120),
               f"{CHANNEL}?before=101": numbered(81, 100)}  # fmt: skip
    poll, http = visit(TELEGRAM, of, replies)
    assert http.asked == [CHANNEL, f"{CHANNEL}?before=121", f"{CHANNEL}?before=101"]
    assert ids(poll)[:40] == [f"larknews/{number}" for number in range(140, 100, -1)]
    poll, http = visit(TELEGRAM, after(poll, of), {CHANNEL: numbered(116, 140)})
    assert len(http.asked) == 1
    assert ids(poll)[-1] == "larknews/121", "the newest come once more: they may be edited"


def test_a_visit_reads_three_pages_and_the_next_goes_on() -> None:
    of = started(100)
    replies = {CHANNEL: numbered(181, 200), f"{CHANNEL}?before=181": numbered(161, 180),
               f"{CHANNEL}?before=161": numbered(141, 160)}  # fmt: skip
    poll, _ = visit(TELEGRAM, of, replies)
    assert len(poll.posts) == 60
    rest = {f"{CHANNEL}?before=141": numbered(121, 140), f"{CHANNEL}?before=121": numbered(101, 120),
            f"{CHANNEL}?before=101": numbered(75, 100)}  # fmt: skip
    poll, _ = visit(TELEGRAM, after(poll, of), rest)
    assert {f"larknews/{number}" for number in range(101, 141)} <= set(ids(poll))


def test_a_refused_second_page_keeps_the_first_and_the_place_before_it() -> None:
    of = started(100)
    replies = {CHANNEL: numbered(121, 140), f"{CHANNEL}?before=121": answer("", status=500)}
    poll, _ = visit(TELEGRAM, of, replies)
    assert (len(poll.posts), poll.state) == (20, SourceState.BACKING_OFF)
    _, http = visit(
        TELEGRAM,
        after(poll, of),
        {f"{CHANNEL}?before=121": numbered(80, 120), CHANNEL: numbered(120, 140)},
    )
    assert http.asked[0] == f"{CHANNEL}?before=121"


def test_a_first_import_is_capped_at_the_newest() -> None:
    poll, http = visit(TELEGRAM, telegram(newest=5), {CHANNEL: numbered(81, 100)})
    assert (ids(poll), poll.dropped) == (
        [f"larknews/{number}" for number in range(100, 95, -1)],
        15,
    )
    assert len(http.asked) == 1


def test_a_search_is_asked_for_and_may_find_nothing() -> None:
    nothing = answer(
        f"<html>{HEADER}<div class='tme_no_messages_found'>No posts found</div></html>"
    )
    poll, http = visit(TELEGRAM, telegram(q="刹车"), {CHANNEL: nothing})
    assert (poll.outcome, poll.state) == (Outcome.UNCHANGED, SourceState.OK)
    assert http.requests[0].query == {"q": "刹车"}


LANDING = "<html><body><div class='tgme_page'><a class='tgme_action_button_new'>Join</a></div></body></html>"


@pytest.mark.parametrize(
    "reply",
    [
        Answer(url="https://t.me/larknews", body=LANDING.encode()),
        answer(LANDING),
        Answer(url="https://t.me/larknews", body=f"<html>{HEADER}{message(5)}</html>".encode()),
        answer(PAGE),
        answer(""),
    ],
    ids=["sent to the channel", "no messages", "sent away with messages", "a page", "empty"],
)
def test_no_preview_is_blocked_with_the_reason(reply: Answer) -> None:
    poll, _ = visit(TELEGRAM, telegram(), {CHANNEL: reply})
    assert (poll.outcome, poll.state, poll.wait) == (Outcome.FAILED, SourceState.BLOCKED, 6 * HOUR)
    assert "预览" in (poll.reason or "")
    assert poll.cursor_after == telegram().cursor


@pytest.mark.parametrize(
    ("reply", "state"),
    [
        (answer("", status=429, retry_after="7200"), SourceState.RATE_LIMITED),
        (answer("", status=403), SourceState.BLOCKED),
        (answer("", status=500), SourceState.BACKING_OFF),
        (CollectError("超时"), SourceState.BACKING_OFF),
    ],
    ids=["429", "403", "500", "no answer"],
)
def test_a_refusal_moves_nothing(reply: Answer, state: SourceState) -> None:
    of = started(100)
    poll, _ = visit(TELEGRAM, of, {CHANNEL: reply})
    assert (poll.outcome, poll.state, poll.cursor_after) == (Outcome.FAILED, state, of.cursor)


@pytest.mark.parametrize(
    "markup",
    ["", "\x00", "<", "<div class='tgme_widget_message' data-post='../../etc/5'>x</div>",
     "<div class='tgme_widget_message' data-post='a/99999999999999999999'>x</div>",
     "<div>" * 5_000 + "x", "<div class='tgme_widget_message' data-post='a/5'>" * 3_000],
    ids=["empty", "nul", "cut", "odd id", "huge id", "deep", "deep messages"],
)  # fmt: skip
def test_hostile_pages_harm_nobody(markup: str) -> None:
    assert read_preview(markup, source_id=1, now=NOW).posts == ()


def test_looking_again_sees_the_widget_or_that_there_is_none() -> None:
    missing = '<div class="tgme_widget_message_error">Post not found</div>'
    found = look(TELEGRAM, telegram(), ["larknews/5", "larknews/6", "odd"], {
        "https://t.me/larknews/5?embed=1&mode=tme": page(message(5)),
        "https://t.me/larknews/6?embed=1&mode=tme": answer(f"<html>{missing}</html>"),
    })  # fmt: skip
    assert [post.metrics["views"] for post in found.posts] == [12300]
    assert found.deleted == ("larknews/6",)


@pytest.mark.parametrize("options", [{}, {"channel": "../x"}, {"channel": "@larknews"}])
def test_settings_that_cannot_work_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        TelegramOptions.model_validate(options)


def test_a_third_partys_test_page_reads_as_it_says(shared_data: Path) -> None:
    recorded = shared_data / "corpora/recorded-snippets/telegram_s_channel_thirdparty_test.html"
    body = recorded.read_bytes()
    poll, _ = visit(
        TELEGRAM,
        telegram(),
        {CHANNEL: [answer(body), page()]},
        now=datetime(2026, 11, 1, tzinfo=UTC),
    )
    (post,) = poll.posts
    assert (post.external_id, post.parent_id, post.repost_of) == ("chan/10", "chan/9", "other/1")
    assert post.text.splitlines() == [
        "09/21 주말 이슈: 독일 지방선거", "AfD가 약 37.9%로 1위를 기록했다.", "둘째 줄.",
    ]  # fmt: skip
    assert post.published_at == datetime(2026, 9, 20, 22, 18, 53, tzinfo=UTC)
