"""The form for sightings works without script, tells what is wrong, and stores a report once."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from monitor.storage.tables import post, source

PAGE = "/sightings"
SEEN = {
    "channel": "service", "kind": "review", "platform": "小红书", "url": "https://social.example.com/n/1",
    "title": "", "text": "栗屿咖啡喝完拉肚子 <script>alert(1)</script>", "author": "老王", "followers": "1.2万",
    "seen_at": "2026-03-15T15:30",
}  # fmt: skip


def rows(site):
    with site.deps.database.read() as connection:
        query = select(post, source.c.name.label("source")).join(source)
        return list(connection.execute(query).mappings())


@pytest.fixture
def send(site, field_value):
    site.enter()

    def post_form(token=None, headers=None, **fields):
        csrf = field_value(site.client.get(PAGE).text, "csrf") if token is None else token
        given = {**SEEN, **fields, "csrf": csrf}
        return site.client.post(PAGE, data=given, headers=headers, follow_redirects=False)

    return post_form


def test_a_stranger_is_sent_to_the_sign_in(site):
    turned = site.client.get(PAGE, follow_redirects=False)
    assert (turned.status_code, turned.headers["location"]) == (303, "/login?next=%2Fsightings")
    assert site.client.post(PAGE, data=SEEN, follow_redirects=False).status_code == 303
    assert rows(site) == []


def test_a_report_is_stored_once_however_often_it_is_sent(site, send):
    done = send()
    assert (done.status_code, done.headers["location"]) == (303, "/sightings?stored=1")
    assert "已收录,信息编号 1" in site.client.get(done.headers["location"]).text
    again = send()
    assert again.headers["location"] == "/sightings?stored=1&known=true"
    assert "之前已上报过" in site.client.get(again.headers["location"]).text
    [row] = rows(site)
    assert (row["source"], row["kind"], row["followers"]) == ("客服上报", "review", 12_000)
    assert row["published_at"].isoformat() == "2026-03-15T07:30:00+00:00"


def test_a_wrong_report_comes_back_with_what_was_written(site, send):
    answer = send(followers="许多", url="javascript:alert(1)", seen_at="不久")
    assert answer.status_code == 422
    assert "栗屿咖啡喝完拉肚子 &lt;script&gt;alert(1)&lt;/script&gt;" in answer.text
    assert "<script>alert" not in answer.text
    assert 'value="许多"' in answer.text
    assert "链接: 需要 http" in answer.text
    assert (
        'name="url" type="url" value="javascript:alert(1)" maxlength="4096" placeholder="https://" aria-invalid="true"'
        in answer.text
    )
    assert rows(site) == []
    late = send(seen_at="不久")
    assert (late.status_code, "发布或看到的时间: 无法读懂的时间" in late.text) == (422, True)


def test_an_empty_report_is_not_stored(site, send):
    answer = send(text=" ", title="")
    assert (answer.status_code, "标题和正文不能都为空" in answer.text) == (422, True)
    assert rows(site) == []


@pytest.mark.parametrize(
    ("token", "headers"),
    [("", None), ("made up", None), (None, {"origin": "http://evil.example"})],
    ids=["no token", "another token", "from elsewhere"],
)
def test_a_form_that_is_not_ours_stores_nothing(site, send, token, headers):
    assert send(token=token, headers=headers).status_code == 403
    assert rows(site) == []


def test_the_page_has_no_script_and_speaks_both_languages(site):
    site.enter()
    chinese = site.client.get(PAGE)
    assert "人工巡查" in chinese.text
    assert "<script" not in chinese.text
    assert "style=" not in chinese.text
    assert "script-src 'self'" in chinese.headers["content-security-policy"]
    assert 'value="2026-03-15T15:36"' in chinese.text
    english = site.client.get(f"{PAGE}?lang=en").text
    assert "Report a sighting" in english
    assert "Customer service" in english


def test_the_overview_leads_to_the_form(reader):
    assert 'href="/sightings"' in reader.client.get("/").text
