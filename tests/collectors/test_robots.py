from __future__ import annotations

import time
from datetime import timedelta

import pytest

from collectors.robots import READ_BYTES, Robots, Verdict

AGENT = "Jianwei/1.0 (+https://jianwei.example/about; contact)"
PAGE = "https://news.example/a/1.html"


def robots(*lines):
    return Robots.parse(200, "\n".join(lines).encode())


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        (None, Verdict.UNREACHABLE),
        (500, Verdict.UNREACHABLE),
        (503, Verdict.UNREACHABLE),
        (429, Verdict.UNREACHABLE),
        (404, Verdict.ALLOWED),
        (401, Verdict.ALLOWED),
        (403, Verdict.ALLOWED),
        (410, Verdict.ALLOWED),
        (302, Verdict.ALLOWED),
        (200, Verdict.DISALLOWED),
        (203, Verdict.DISALLOWED),
    ],
)
def test_the_answer_to_robots_txt_decides_before_its_rules(status, verdict):
    found = Robots.parse(status, b"User-agent: *\nDisallow: /")
    assert found.verdict(PAGE, AGENT) is verdict
    assert found.allows(PAGE, AGENT) is (verdict is Verdict.ALLOWED)


@pytest.mark.parametrize(
    ("lines", "allowed"),
    [
        ((), True),
        (("User-agent: *", "Disallow:"), True),
        (("User-agent: *", "Disallow: /a/"), False),
        (("User-agent: *", "Disallow: /A/"), True),
        (("User-agent: *", "Disallow: /a/", "Allow: /a/1"), True),
        (("User-agent: *", "Allow: /a/", "Disallow: /a/1"), False),
        (("User-agent: *", "Disallow: /*.html$"), False),
        (("User-agent: *", "Disallow: /*.htm$"), True),
        (("User-agent: *", "Disallow: /", "User-agent: jianwei", "Disallow: /b/"), True),
        (("User-agent: Jianwei", "Disallow: /", "User-agent: *", "Disallow:"), False),
        (("User-agent: other", "User-agent: JIANWEI", "Disallow: /a"), False),
        (("User-agent: otherbot", "Disallow: /"), True),
        (("User-agent: Mozilla", "Disallow: /"), True),
        (("Disallow: /",), True),
        (("\ufeffUser-agent: *", "Disallow: / # 全部"), False),
        (("<html><body>Not here</body></html>",), True),
    ],
    ids=lambda value: "|".join(value) if isinstance(value, tuple) else str(value),
)
def test_the_longest_rule_of_the_most_specific_group_wins(lines, allowed):
    found = robots(*lines)
    assert found.allows(PAGE, AGENT) is allowed
    assert found.allows(PAGE, "Jianwei") is allowed


def test_han_paths_match_escaped_or_not():
    found = robots("User-agent: *", "Disallow: /新闻/")
    assert not found.allows("https://news.example/%E6%96%B0%E9%97%BB/1", AGENT)
    assert not found.allows("https://news.example/新闻/1", AGENT)


@pytest.mark.parametrize(
    ("value", "delay"),
    [
        ("7", timedelta(seconds=7)),
        ("0.5", timedelta(seconds=0.5)),
        ("3600", timedelta(seconds=60)),
        ("-3", None),
        ("nan", None),
        ("soon", None),
    ],
)
def test_a_crawl_delay_is_read_and_capped_at_a_minute(value, delay):
    found = robots("User-agent: *", f"Crawl-delay: {value}")
    assert found.crawl_delay(AGENT) == delay


def test_no_rules_ask_for_no_delay():
    assert robots().crawl_delay(AGENT) is None
    assert Robots.parse(404, b"").crawl_delay(AGENT) is None


def test_only_the_first_500_kib_are_read():
    filler = b"# " + b"x" * (READ_BYTES - 3) + b"\n"
    assert Robots.parse(200, filler + b"User-agent: *\nDisallow: /").allows(PAGE, AGENT)


@pytest.mark.parametrize(
    ("body", "verdict"),
    [
        (b"User-agent: a%d\n" * 30_000, Verdict.TOO_LARGE),
        (
            b"".join(b"User-agent: %d\n" % i for i in range(2_000)) + b"Disallow: /x\n" * 30_000,
            Verdict.TOO_LARGE,
        ),
        (b"User-agent: *\n" + b"Disallow: /" + b"*a" * 200_000 + b"b", Verdict.ALLOWED),
        (b"User-agent: *\n" + b"Disallow: /*/z\n" * 30_000, Verdict.ALLOWED),
        (bytes(range(256)) * 1_900, Verdict.ALLOWED),
    ],
    ids=["agents", "agents times rules", "wildcards", "rules", "garbage"],
)
def test_a_hostile_file_costs_no_time(body, verdict):
    begin = time.perf_counter()
    assert Robots.parse(200, body).verdict(PAGE + "a" * 3_000, AGENT) is verdict
    assert time.perf_counter() - begin < 2


def test_a_long_list_of_named_agents_is_an_ordinary_file():
    agents = [f"User-agent: bot{number}" for number in range(300)]
    found = robots(*agents, "User-agent: Jianwei", "Disallow: /a/")
    assert found.verdict(PAGE, AGENT) is Verdict.DISALLOWED
    assert found.allows(PAGE, "Other")
