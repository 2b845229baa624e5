"""The overview with alerts about sources, which belong to no keyword list."""

from __future__ import annotations

from datetime import timedelta

import pytest

from monitor.pipeline.watch import Watcher


@pytest.mark.parametrize("sources", [1, 6], ids=["one source", "many at once"])
def test_alerts_about_sources_are_on_the_page_and_can_be_acknowledged(reader, field_value, sources):
    for number in range(sources):
        reader.add_source(
            f"盲{number}",
            state="failing",
            reason="HTTP 500",
            last_success_at=reader.clock.now - timedelta(hours=1),
        )
    watcher = Watcher(
        database=reader.deps.database, clock=reader.clock, base_url="http://127.0.0.1"
    )
    watcher.watch_now()
    page = reader.client.get("/").text
    assert ("「盲0」" if sources == 1 else "多个数据源同时失联") in page
    assert "不代表平静" in page
    assert "keyword_list=0" not in page
    form = {"csrf": field_value(page, "csrf")}
    done = reader.client.post("/alerts/1/acknowledge", data=form, follow_redirects=False)
    assert done.status_code < 400
