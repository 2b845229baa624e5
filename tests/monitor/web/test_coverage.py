"""The catalogue of channels promises only what exists, says it in both languages, and is shown whole."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from markupsafe import escape

from collectors import registry
from collectors.recipes.presets import presets
from monitor.web.coverage import Platform, Way, catalogue, markdown

ROOT = Path(__file__).parents[3]
PAGE = "/coverage"
PLATFORMS = [one for group in catalogue() for one in group.platforms]
PRESETS = {one.name: one for one in presets()}
# What the issue and every crisis team asks about first.
ASKED = (
    "微博", "微信公众号", "抖音", "小红书", "知乎", "B站", "贴吧", "黑猫投诉", "京东", "淘宝", "拼多多", "大众点评",
    "头条", "百度", "豆瓣", "雪球", "汽车之家", "新闻门户", "快手", "Google Play", "App Store", "Steam", "Mastodon",
    "Bluesky", "Reddit", "Hacker News", "V2EX", "Lemmy", "YouTube", "Telegram", "WordPress", "X (Twitter)", "商城",
    "客服", "员工",
)  # fmt: skip


def by_name(one: Platform) -> str:
    return one.names["en"]


@pytest.mark.parametrize("one", PLATFORMS, ids=by_name)
def test_every_kind_and_preset_named_exists(one):
    assert set(one.kinds) <= set(registry.kinds())
    assert set(one.presets) <= PRESETS.keys()


@pytest.mark.parametrize("one", PLATFORMS, ids=by_name)
def test_a_way_is_promised_exactly_where_something_stands_behind_it(one):
    assert one.ways
    assert list(one.ways) == sorted(set(one.ways), key=list(Way).index)
    assert (Way.NATIVE in one.ways) == bool(one.kinds)
    assert (Way.RSSHUB in one.ways) == ("rsshub" in one.presets)
    assert (Way.PRESET in one.ways) == bool(set(one.presets) - {"rsshub"})
    assert Way.NONE not in one.ways or one.ways == (Way.NONE,)


@pytest.mark.parametrize("one", PLATFORMS, ids=by_name)
def test_every_text_is_there_in_both_languages(one):
    for texts in (one.names, one.note, one.how):
        assert all(text.strip() for text in texts.values())
    for english in (one.names["en"], one.note["en"]):
        assert not re.search("[\u4e00-\u9fff]", english)


def test_no_preset_is_an_example_only():
    named = {name for one in PLATFORMS for name in one.presets}
    assert not [name for name in named if PRESETS[name].is_example]


def test_every_collector_of_ours_and_every_preset_is_in_the_catalogue():
    kinds = {name for one in PLATFORMS for name in one.kinds}
    named = {name for one in PLATFORMS for name in one.presets}
    assert kinds == set(registry.kinds())
    assert named == {name for name, one in PRESETS.items() if not one.is_example}


@pytest.mark.parametrize("name", ASKED)
def test_what_teams_ask_about_is_answered(name):
    assert [one for one in PLATFORMS if name in one.names["zh"]]


def test_the_documentation_is_up_to_date():
    written = (ROOT / "docs" / "coverage.md").read_text(encoding="utf-8")
    assert written == markdown(), "run: python -m monitor.web.coverage > docs/coverage.md"


def test_the_command_writes_the_documentation():
    done = subprocess.run(
        [sys.executable, "-m", "monitor.web.coverage"], cwd=ROOT, capture_output=True, check=True
    )
    assert done.stdout.decode() == markdown()
    assert done.stderr == b""


def test_a_stranger_is_sent_to_the_sign_in(site):
    turned = site.client.get(PAGE, follow_redirects=False)
    assert (turned.status_code, turned.headers["location"]) == (303, "/login?next=%2Fcoverage")


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_page_shows_the_whole_catalogue_in_the_reader_s_language(site, lang):
    site.enter()
    html = site.client.get(f"{PAGE}?lang={lang}").text
    for one in PLATFORMS:
        assert str(escape(one.names[lang])) in html
        assert str(escape(one.note[lang])) in html
        assert str(escape(one.how[lang])) in html
    for name in {name for one in PLATFORMS for name in (*one.kinds, *one.presets)}:
        assert f"<code>{name}</code>" in html


def test_the_page_needs_no_script_and_no_inline_style(site):
    site.enter()
    answer = site.client.get(PAGE)
    assert "<script" not in answer.text
    assert not re.search(r"\s(?:style|on\w+)=", answer.text)
    assert "script-src 'self'" in answer.headers["content-security-policy"]


def test_the_other_pages_lead_here_and_this_one_back(reader):
    for path in ("/", "/sightings"):
        assert 'href="/coverage"' in reader.client.get(path).text
    html = reader.client.get(PAGE).text
    assert 'class="on" aria-current="page" href="/coverage"' in html
    for path in ("/", "/sightings", "/docs"):
        assert f'href="{path}"' in html
