"""Recipes on recorded answers of real interfaces and pages."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from collectors.model import SourceState
from tests.collectors.recipes.recipes import URL, html_source, json_source, visit
from tests.collectors.recorded import Recorded, answer


@pytest.fixture
def snippets(shared_data: Path) -> Path:
    folder = shared_data / "corpora" / "recorded-snippets"
    if not folder.is_dir():
        pytest.skip(
            "../shared/data/corpora/recorded-snippets is not here: this test reads recordings"
        )
    return folder


def test_a_recorded_search_answer_is_mapped(snippets: Path) -> None:
    source = json_source(
        f"{URL}?query={{query}}&page={{page}}",
        query="years",
        items="hits",
        page={"type": "page", "start": 0},
        map={
            "id": "objectID",
            "html": True,
            "text": "story_text || comment_text",
            "title": "title || story_title",
            "url": "https://news.ycombinator.com/item?id={objectID}",
            "author.name": "author",
            "author.handle": "author",
            "created_at": {"path": "created_at_i", "format": "unix"},
            "metrics.score": "points",
            "parent_id": "parent_id",
            "tags": "_tags",
        },
    )
    http = Recorded({URL: answer((snippets / "hn_algolia_search.json").read_bytes())})
    poll = visit(source, http)
    post = poll.posts[0]
    assert (len(poll.posts), poll.state) == (1, SourceState.OK)
    assert (post.external_id, post.text, post.title) == ("3786932", "10+ years", None)
    assert post.published_at == datetime(2012, 4, 2, 8, 23, 8, tzinfo=UTC)
    assert (post.metrics, post.parent_id) == ({"score": 3042}, "3786926")
    assert http.asked[0] == f"{URL}?query=years&page=0"


def test_a_page_of_messages_is_read_by_selectors(snippets: Path) -> None:
    source = html_source(
        item=".tgme_widget_message[data-post]",
        fields={
            "id": {"attr": "data-post"},
            "text": {"xpath": "./div[contains(@class, 'js-message_text')]"},
            "created_at": {"css": "time", "attr": "datetime"},
            "url": {"css": "a.tgme_widget_message_date", "attr": "href"},
        },
    )
    page = (snippets / "telegram_s_channel_thirdparty_test.html").read_bytes()
    later = datetime(2026, 11, 1, tzinfo=UTC)
    poll = visit(source, Recorded({URL: answer(page)}), now=later)
    assert (poll.state, poll.dropped) == (SourceState.OK, 1), "a sticker says nothing"
    assert [post.external_id for post in poll.posts] == ["chan/10"]
    assert poll.posts[0].text.startswith("09/21 주말 이슈: 독일 지방선거\nAfD")
    assert poll.posts[0].url == "https://t.me/chan/10"
    assert poll.posts[0].published_at == datetime(2026, 9, 20, 22, 18, 53, tzinfo=UTC)
