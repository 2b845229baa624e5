"""The overview shows what is stored, says what is missing, and acts without script."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from sqlalchemy import update

from alerts.rules import Action
from monitor import actions
from monitor.storage.tables import alert

ALERT = "/alerts/{}/acknowledge"


def kpi(html: str, key: str) -> str:
    """Return the figure of a card."""
    found = re.search(rf'id="kpi-{key}".*?<strong class="mono">([^<]*)', html, re.DOTALL)
    assert found, key
    return found[1]


def stored(site) -> dict:
    with site.deps.database.read() as connection:
        return dict(connection.execute(alert.select()).mappings().one())


def test_a_fresh_installation_says_what_to_do_first(site):
    site.enter()
    html = site.client.get("/").text
    assert "还没有词表" in html
    assert "还没有数据源" in html
    assert "目前没有未关闭的预警" in html


def test_calm_is_a_line_with_the_last_check_and_the_sources(reader):
    html = reader.client.get("/").text
    assert "目前没有未关闭的预警" in html
    assert "最近采集 15:36:12" in html
    assert "数据源 1 / 1 正常" in html
    assert "quiet blind" not in html


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"state": "failing", "reason": "HTTP 500"}, "栖湖早报:HTTP 500"),
        ({"state": "ok"}, "栖湖早报:43200 分钟没有成功采集"),
    ],
    ids=["failing", "silent"],
)
def test_a_source_that_does_not_speak_is_a_blind_spot_and_not_calm(reader, values, told):
    reader.add_source("栖湖早报", **values)
    html = reader.client.get("/").text
    assert "quiet blind" in html
    assert "1 个数据源没有声音" in html
    assert "数据源 1 / 2 正常" in html
    assert told in html


def test_a_silent_push_source_is_not_ours_to_judge(reader):
    reader.add_source("推送", kind="push", state="ok")
    assert "数据源 2 / 2 正常" in reader.client.get("/").text


def test_the_banner_shows_the_alert_with_its_real_conditions(reader):
    reader.add_crisis()
    html = reader.client.get("/").text
    facts = stored(reader)
    assert facts["title"] in html
    met = [
        row for row in facts["explanation"]["conditions"] if row["met"] and row["name"] == "volume"
    ]
    assert f"负面提及 <b>{met[0]['observed']:.0f}</b>" in html
    assert facts["explanation"]["sentence"] in html
    assert re.search(r'data-deadline="2026-03-15T[\d:.]+Z"', html)
    assert f'class="tier t{facts["tier"]}"' in html


def test_an_alert_of_another_list_is_not_hidden_by_the_choice(reader):
    reader.add_crisis()
    other = reader.add_list("朔桁咖啡")
    html = reader.client.get(f"/?keyword_list={other}").text
    assert stored(reader)["title"] in html
    assert kpi(html, "volume") == "0"


def test_the_figures_are_those_of_the_api(reader):
    reader.add_crisis()
    html = reader.client.get("/").text
    list_id = reader.lists["栗屿咖啡"]
    found = dict(re.findall(r'data-(since|until|bucket|zone)="([^"]*)"', html))
    trend = reader.client.get(
        "/api/v1/trends",
        params={
            "keyword_list": list_id, "since": found["since"], "until": found["until"],
            "bucket": found["bucket"], "tz": found["zone"],
        },
    ).json()["data"]  # fmt: skip
    count, negative = (sum(row[name] for row in trend) for name in ("count", "negative"))
    assert count > 60
    assert kpi(html, "volume") == f"{count:,}"
    assert kpi(html, "share") == f"{100 * negative / count:.1f}"
    rows = re.findall(
        r'<tr><th scope="row"><time datetime="([^"]*)">.*?</th><td>(\d+)</td><td>(\d+)</td>', html
    )
    shown = [(time, int(total), int(bad)) for time, total, bad in reversed(rows)]
    assert [row[1:] for row in shown] == [(row["count"], row["negative"]) for row in trend]
    assert kpi(html, "speed") == "57"  # minutes 0 to 56 lie in the last twelve buckets of 5 minutes


@pytest.mark.parametrize("span", ["7d", "30d", "all the time"])
def test_other_ranges_and_nonsense(reader, span):
    reader.add_crisis()
    assert (
        reader.client.get("/", params={"range": span, "keyword_list": "nobody"}).status_code == 200
    )


def test_too_little_history_is_said_and_not_drawn(reader):
    reader.add_posts("栗屿咖啡不错")
    html = reader.client.get("/").text
    assert "暂无基线带" in html
    assert "历史不足 7 天" in html
    assert reader.client.get("/fragments/band").json()["data"] == []


def test_unknown_reach_is_missing_and_not_zero(reader):
    reader.add_posts("栗屿咖啡不错", author=reader_without_following())
    html = reader.client.get("/").text
    assert kpi(html, "reach") == "—"
    assert "作者粉丝数均未知" in html


def reader_without_following():
    from collectors.model import Author

    return Author(name="路人", followers=None)


def test_the_detection_delay_is_that_of_posts_published_under_our_eyes(reader):
    reader.add_posts("栗屿咖啡很差", at=reader.clock.now - timedelta(seconds=102))
    reader.add_posts("栗屿咖啡很旧", at=reader.clock.now - timedelta(days=40))
    assert kpi(reader.client.get("/").text, "delay") == "1 分 42 秒"


def test_acknowledging_works_without_script_and_twice(reader, field_value):
    reader.add_crisis()
    html = reader.client.get("/").text
    form = {"csrf": field_value(html, "csrf"), "back": "/"}
    for _ in range(2):
        done = reader.client.post(ALERT.format(1), data=form, follow_redirects=False)
        assert (done.status_code, done.headers["location"]) == (303, "/")
    assert (stored(reader)["state"], stored(reader)["acknowledged_by"]) == ("acknowledged", "admin")
    assert "admin 处理中" in reader.client.get("/").text


def test_htmx_gets_the_row_and_the_figures_are_told(reader, field_value):
    reader.add_crisis()
    form = {"csrf": field_value(reader.client.get("/").text, "csrf")}
    done = reader.client.post(ALERT.format(1), data=form, headers={"HX-Request": "true"})
    assert done.text.strip().startswith('<li class="al')
    assert "admin 处理中" in done.text
    assert done.headers["hx-trigger"] == "situation"


@pytest.mark.parametrize("token", ["", "made up"])
def test_an_acknowledgement_without_our_token_changes_nothing(reader, token):
    reader.add_crisis()
    refused = reader.client.post(ALERT.format(1), data={"csrf": token})
    assert refused.status_code == 403
    assert "页面已过期" in refused.text
    assert stored(reader)["state"] == "open"


def test_an_acknowledgement_from_elsewhere_changes_nothing(reader, field_value):
    reader.add_crisis()
    form = {"csrf": field_value(reader.client.get("/").text, "csrf")}
    refused = reader.client.post(
        ALERT.format(1), data=form, headers={"origin": "http://evil.example"}
    )
    assert (refused.status_code, stored(reader)["state"]) == (403, "open")


def test_a_closed_alert_cannot_be_acknowledged_and_says_so(reader, field_value):
    reader.add_crisis()
    form = {"csrf": field_value(reader.client.get("/").text, "csrf")}
    resolve = actions.Request(action=Action.RESOLVE, actor="admin")
    actions.act(reader.deps.database, 1, resolve, now=reader.clock.now, base_url="http://127.0.0.1")
    for headers in ({}, {"HX-Request": "true"}):
        refused = reader.client.post(ALERT.format(1), data=form, headers=headers)
        assert refused.status_code == 409
        assert "已关闭" in refused.text
    assert reader.client.post(ALERT.format(99), data=form).status_code == 404


HOSTILE = "<script>alert(1)</script>栗屿咖啡\"'><img src=x onerror=alert(2)>{{7*7}}\u202egnp"


def test_hostile_posts_authors_and_sources_stay_text(reader):
    from collectors.model import Author

    with reader.deps.database.write() as connection:
        connection.execute(update(alert).values(title=HOSTILE))
    reader.add_posts(HOSTILE, title=HOSTILE, url="javascript:alert(1)", author=Author(name=HOSTILE))
    reader.add_list(f"栗屿 {HOSTILE}"[:190])
    html = reader.client.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
    assert "<script>alert" not in html
    assert "<img src=x" not in html
    assert "javascript:" not in html
    assert "{{7*7}}" in html


def test_a_post_of_ten_thousand_combining_characters_is_cut(reader):
    reader.add_posts("栗屿咖啡" + "x\u0301" * 10_000)
    assert len(reader.client.get("/").text) < 60_000


def test_the_page_is_strict(reader):
    reader.add_crisis()
    for path in ("/", "/login", "/?lang=en&theme=dark"):
        answer = reader.client.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith(
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        )
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert not re.search(r"\sstyle=|\son\w+=|hx-on|<script(?![^>]*\ssrc=)|<style", answer.text)


def test_why_a_mention_was_judged_so_is_shown(reader):
    reader.add_posts("栗屿咖啡喝完拉肚子,要求退款")
    html = reader.client.get("/").text
    assert '<mark class="b">栗屿咖啡</mark>' in html
    assert "食品安全" in html
    assert re.search(r'<span class="chip g"><b>[^<]+</b><i class="mono">−\d', html)


def test_new_mentions_come_after_the_last_one_known(reader):
    reader.add_posts("栗屿咖啡一", "栗屿咖啡二")
    last = int(re.search(r'data-last="(\d+)"', reader.client.get("/").text)[1])
    assert last == 2
    nothing = reader.client.get("/fragments/mentions", params={"after": last})
    assert ("<article" in nothing.text, nothing.headers["x-last-id"]) == (False, "2")
    reader.add_posts("栗屿咖啡三")
    new = reader.client.get("/fragments/mentions", params={"after": last})
    assert new.text.count("<article") == 1
    assert new.headers["x-last-id"] == "3"


@pytest.mark.parametrize("path", ["/fragments/now", "/fragments/inbox", "/fragments/table"])
def test_fragments_are_parts_of_the_page(reader, path):
    reader.add_crisis()
    part = reader.client.get(path)
    assert part.status_code == 200
    assert "<html" not in part.text
    assert part.text.strip()[:60] in reader.client.get("/").text


def test_english_is_complete(reader):
    reader.add_crisis()
    html = reader.client.get("/?lang=en").text
    assert '<html lang="en"' in html
    ours = re.sub(
        r"<article.*?</article>|栗屿咖啡|微讯|>栗<|「[^」]*」[^<]*|>中<|中文",
        "",
        html,
        flags=re.DOTALL,
    )
    assert not re.search(r"[\u4e00-\u9fff]", ours), re.findall(r".{20}[\u4e00-\u9fff]+.{20}", ours)
    assert '<html lang="en"' in reader.client.get("/").text  # remembered


def test_the_theme_is_remembered(reader):
    assert 'data-theme="dark"' in reader.client.get("/?theme=dark").text
    assert 'data-theme="dark"' in reader.client.get("/").text
    assert 'data-theme="light"' in reader.client.get('/?theme="><script>').text
