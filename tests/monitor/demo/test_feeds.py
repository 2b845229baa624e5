"""The demo's feeds: what they hold as time goes by, and texts that look like markup."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta

import feedparser
import pytest

from monitor.demo.feeds import Feed
from monitor.demo.scenario import DAY, DemoSource, Format, load
from tests.monitor.demo.visiting import DAY0


@pytest.mark.parametrize("slug", ["weixun", "tuxu", "lanxun", "wenyu", "qiaoxia"])
def test_a_reader_that_comes_once_per_window_misses_nothing(slug: str) -> None:
    scenario = load()
    source = next(source for source in scenario.sources if source.slug == slug)
    posts = scenario.of_source(slug)
    feed = Feed(source, posts, DAY0, timedelta(hours=2))
    seen: set[str] = set()
    now = DAY0
    while now <= DAY0 + 15 * DAY:
        now += timedelta(hours=2)
        document = feed.document(now)
        body = document.body.decode(source.encoding).encode()
        seen |= {post.external_id for post in posts if post.external_id.encode() in body}
    assert seen == {post.external_id for post in posts}


def test_markup_in_a_text_is_escaped_in_every_format() -> None:
    nasty = 'a < b & "c" ]]> <script>x</script> 过期'
    post = replace(load().posts[0], text=nasty, title="<t> & t")
    for form in (Format.RSS, Format.ATOM, Format.JSON):
        source = DemoSource(slug="s", name="名 & <名>", format=form)
        feed = Feed(source, [post], DAY0, timedelta(hours=2))
        body = feed.document(DAY0 + DAY).body
        if form is Format.JSON:
            assert json.loads(body)["items"][0]["content_text"] == nasty
            continue
        parsed = feedparser.parse(body, sanitize_html=False)
        entry = parsed.entries[0]
        text = entry.content[0].value if "content" in entry else entry.summary
        assert parsed.bozo is False
        assert "&lt;script&gt;" in text or text == nasty
        assert "过期" in text
