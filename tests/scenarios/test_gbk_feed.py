"""A feed in GBK whose dates tell no zone, as many Chinese sites still publish them."""

from __future__ import annotations

from datetime import datetime

import pytest

from tests.scenarios.neighbours import Page, Site
from tests.scenarios.service import Service, eventually

pytestmark = pytest.mark.slow

SYNTHETIC = """<?xml version="1.0" encoding="gb2312"?>
<rss version="2.0"><channel><title>晨报网 财经</title><link>http://news.example/</link>
<item><title>云帆汽车回应“电池起火”:已召回3,200辆——镕基路门店暂停营业</title>
<link>http://news.example/a/1.html</link><description>车主称“鏖战”维权,記者現場直擊</description>
<pubDate>2026-03-10 13:08:21</pubDate></item>
<item><title>午夜公告</title><link>http://news.example/a/2.html</link>
<description>零点整发布</description><pubDate>Tue, 10 Mar 2026 00:00:00</pubDate></item>
<item><title>已标时区</title><link>http://news.example/a/3.html</link>
<description>以文中时区为准</description><pubDate>Tue, 10 Mar 2026 05:08:21 GMT</pubDate></item>
</channel></rss>
"""


@pytest.mark.parametrize(
    ("content_type", "options", "offset"),
    [
        ("text/xml", {}, "+08:00"),
        ("text/xml; charset=ISO-8859-1", {}, "+08:00"),
        ("text/xml; charset=gbk", {"timezone": "Asia/Tokyo"}, "+09:00"),
    ],
    ids=["no label in the header", "a wrong label in the header", "a zone of its own"],
)
def test_a_gbk_feed_gives_right_characters_and_the_zone_of_its_source(
    lasting_service: Service, site: Site, content_type: str, options: dict[str, str], offset: str
) -> None:
    site.pages["/gbk.xml"] = Page(SYNTHETIC.encode("gbk"), {"Content-Type": content_type})
    service, url = lasting_service, site.url("/gbk.xml")
    source = {"name": f"晨报网 {content_type}", "kind": "feed", "url": url, "options": options}
    source_id = service.post("/sources", source)["id"]

    posts = eventually(
        lambda: list(service.all_of(f"/posts?source={source_id}")),
        seconds=15,
        what="the feed is read",
    )

    found = {post["title"]: post for post in posts}
    assert set(found) == {
        "云帆汽车回应“电池起火”:已召回3,200辆——镕基路门店暂停营业",
        "午夜公告",
        "已标时区",
    }
    first = found["云帆汽车回应“电池起火”:已召回3,200辆——镕基路门店暂停营业"]
    assert first["text"] == "车主称“鏖战”维权,記者現場直擊"
    published = {
        title: datetime.fromisoformat(post["published_at"]) for title, post in found.items()
    }
    assert published[first["title"]] == datetime.fromisoformat(f"2026-03-10T13:08:21{offset}")
    assert published["午夜公告"] == datetime.fromisoformat(f"2026-03-10T00:00:00{offset}")
    assert published["已标时区"] == datetime.fromisoformat("2026-03-10T13:08:21+08:00")
    assert service.get(f"/sources/{source_id}/health")["state"] == "ok"
