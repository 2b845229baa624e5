"""The overview in a real browser: quiet console, nothing from outside, alive, and whole without script."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

ROWS = "article.mn"


def shown(page, selector: str) -> str:
    return page.inner_text(selector).strip()


def test_nothing_is_said_on_the_console_and_nothing_asked_of_others(server, visitor):
    server.add_crisis()
    for path in ("/", "/?range=7d", "/?range=30d&theme=dark", "/?keyword_list=all&lang=en"):
        visitor.open(path)
    assert visitor.complaints == []


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 1280, 820, 390])
def test_no_width_scrolls_sideways(server, visitor, width, theme):
    server.add_crisis()
    server.add_posts("栗屿咖啡" + "很长的一个词" * 60 + "x" * 400)
    visitor.page.set_viewport_size({"width": width, "height": 844})
    visitor.open(f"/?theme={theme}")
    wide, inner = visitor.page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    assert wide <= inner


def test_the_chart_holds_what_the_table_says(server, visitor):
    server.add_crisis()
    visitor.open()
    rows = visitor.page.evaluate(
        "document.querySelector('m-trend').rows.map((row) => [row.count, row.negative])"
    )
    table = visitor.page.evaluate(
        "[...document.querySelectorAll('.twin tbody tr')].map((row) => [...row.cells].slice(1, 3).map((cell) => +cell.textContent))"
    )
    assert rows == table[::-1]
    assert sum(count for count, _ in rows) > 60


def test_new_mentions_enter_at_the_top_of_a_reader_who_is_there(server, visitor):
    server.add_posts("栗屿咖啡不错")
    visitor.open()
    server.add_posts("栗屿咖啡喝完拉肚子")
    expect(visitor.page.locator(ROWS).first).to_contain_text("拉肚子")
    expect(visitor.page.locator("#kpi-volume strong")).to_have_text("2", timeout=15_000)
    assert visitor.complaints == []


def test_a_reader_further_down_is_told_and_not_moved(server, visitor):
    server.add_posts(*[f"栗屿咖啡的第 {at} 条" for at in range(30)])
    visitor.open()
    visitor.page.evaluate("scrollTo(0, 1800)")
    before = visitor.page.evaluate("scrollY")
    server.add_posts("栗屿咖啡新的一条")
    expect(visitor.page.locator(".fresh-n")).to_have_text("1 条新信息")
    assert visitor.page.locator(ROWS).count() == 20
    assert visitor.page.evaluate("scrollY") == before
    visitor.page.click(".fresh-n")
    expect(visitor.page.locator(ROWS).first).to_contain_text("新的一条")


def test_the_banner_appears_and_is_acknowledged_without_a_reload(server, visitor):
    visitor.open()
    expect(visitor.page.locator(".quiet")).to_be_visible()
    visitor.page.evaluate("window.same = true")
    server.add_crisis()
    expect(visitor.page.locator(".tier")).to_be_visible()
    visitor.page.click(".als form button")
    expect(visitor.page.locator(".als li")).to_contain_text("admin 处理中")
    expect(visitor.page.locator(".tier")).to_contain_text("处理中")
    assert visitor.page.evaluate("window.same")
    assert visitor.complaints == []


def test_an_alert_is_acknowledged_with_the_keyboard_alone(server, visitor):
    server.add_crisis()
    visitor.open()
    for _ in range(40):
        visitor.page.keyboard.press("Tab")
        if visitor.page.evaluate("document.activeElement.id.startsWith('ack-')"):
            break
    visitor.page.keyboard.press("Enter")
    expect(visitor.page.locator(".als li")).to_contain_text("admin 处理中")


def test_a_restarted_server_is_shown_as_disconnected_and_nothing_is_missed(server, visitor):
    server.add_posts("栗屿咖啡一")
    visitor.open()
    server.stop()
    expect(visitor.page.locator("#live")).to_contain_text("已断开")
    expect(visitor.page.locator("#lost")).to_be_visible()
    server.start()
    server.add_posts("栗屿咖啡二", "栗屿咖啡三")
    expect(visitor.page.locator("#live")).to_contain_text("实时", timeout=20_000)
    expect(visitor.page.locator(ROWS)).to_have_count(3)
    server.add_posts("栗屿咖啡四")
    expect(visitor.page.locator(ROWS)).to_have_count(4)
    expect(visitor.page.locator("#lost")).to_be_hidden()


def test_a_session_that_ended_leads_to_the_sign_in(server, visitor):
    visitor.open()
    visitor.context.clear_cookies(name="jw_session")
    server.add_posts("栗屿咖啡不错")
    visitor.page.wait_for_url(re.compile("/login"))


def test_the_theme_changes_without_a_reload_and_stays(server, visitor):
    visitor.open()
    visitor.page.click("#theme")
    assert visitor.page.get_attribute("html", "data-theme") == "dark"
    visitor.open()
    assert visitor.page.get_attribute("html", "data-theme") == "dark"
    assert visitor.complaints == []


def test_hostile_posts_do_nothing(server, visitor):
    server.add_posts(
        "<script>window.hurt=1</script>栗屿咖啡<img src=x onerror='window.hurt=1'>",
        "栗屿咖啡\u202e" + "e\u0301" * 5_000,
    )
    visitor.open()
    server.add_posts(
        "栗屿咖啡<svg onload=window.hurt=1></svg><a href=javascript:window.hurt=1>x</a>"
    )
    expect(visitor.page.locator(ROWS)).to_have_count(3)
    assert visitor.page.evaluate("window.hurt") is None
    assert visitor.complaints == []


def test_everything_is_there_without_script(server, browser):
    server.add_crisis()
    context = browser.new_context(java_script_enabled=False, locale="zh-CN")
    page = context.new_page()
    page.goto(f"{server.base}/?range=7d")
    page.fill("input[name=password]", "correct horse battery")
    page.click("button.pri")
    assert page.url.endswith("/?range=7d")
    assert page.locator(".twin tbody tr").count() == 168
    page.click(".als form button")
    expect(page.locator(".als li")).to_contain_text("admin 处理中")
    page.click("#theme")
    assert page.get_attribute("html", "data-theme") == "dark"
    page.click(".me button")
    assert page.url.endswith("/login")
    context.close()
