"""Logs without secrets, and figures in Prometheus' format."""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from monitor.telemetry import exposition, gauge, redact, setup_logging

SECRET = "s3cr3tS3cr3tS3cr3tS3cr3t"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        pytest.param(
            f"https://qyapi.example/cgi-bin/webhook/send?key={SECRET}", "send?key=", id="WeCom"
        ),
        pytest.param(
            f"https://oapi.example/robot/send?access_token={SECRET}&x=1", "&x=1", id="DingTalk"
        ),
        pytest.param(f"?timestamp=1&sign={SECRET}", "timestamp=1", id="a signature"),
        pytest.param(
            f"https://open.example/open-apis/bot/v2/hook/{SECRET}", "/bot/v2/hook/", id="Feishu"
        ),
        pytest.param(
            f"https://hooks.example/services/T0/B0/{SECRET}?a=1", "/services/", id="Slack"
        ),
        pytest.param(f"Authorization: Bearer {SECRET}", "Authorization: Bearer ", id="a key"),
        pytest.param(
            f"{{'authorization': 'Basic {SECRET}', 'a': 1}}", "'a': 1", id="a header in a mapping"
        ),
        pytest.param(f'{{"cookie": "jw_session={SECRET}; b=2", "a": 1}}', '"a": 1', id="a cookie"),
        pytest.param(
            f"Set-Cookie: jw_session={SECRET}; HttpOnly", "Set-Cookie: ", id="a cookie set"
        ),
        pytest.param(f"secret whsec_{SECRET}== used", "secret whsec_", id="a webhook's secret"),
        pytest.param(f"jw_live_abcdefgh_{SECRET}", "jw_live_", id="our key"),
        pytest.param(
            f"/feeds/alerts.atom?token=feed_{SECRET}", "/feeds/alerts.atom", id="a feed's token"
        ),
        pytest.param(
            f"postgresql://monitor:{SECRET}@db.example:5432/x",
            "@db.example:5432/x",
            id="a database",
        ),
        pytest.param(f"nats://user:{SECRET}@n.example", "nats://", id="a bus"),
        pytest.param(
            f"redirected to https://a.example/?api_key={SECRET}",
            "a.example",
            id="any key in a query",
        ),
    ],
)
def test_secrets_leave_a_line_and_the_rest_stays(text, kept):
    clean = redact(text)
    assert SECRET not in clean
    assert "[redacted]" in clean
    assert kept in clean


@pytest.mark.parametrize(
    "text",
    [
        "posts stored created=3 source_id=7",
        "keyword=起火 dedup_key=keyword_list:3:burst",
        "https://news.example/a?page=2#top",
        "monkey=1, design=2, user@example.org wrote: 12:30",
        "the webhook answered 200",
        "青禾手机充电起火",
    ],
)
def test_ordinary_lines_stay_as_they_are(text):
    assert redact(text) == text


@pytest.fixture
def written() -> Iterator[io.StringIO]:
    """What is logged while the test runs; the process's logging is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    stream = io.StringIO()
    setup_logging("info", stream)
    yield stream
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def lines(stream: io.StringIO) -> list[dict[str, object]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_our_lines_and_those_of_libraries_look_the_same(written):
    structlog.get_logger("jianwei").info("posts stored", created=3)
    logging.getLogger("library").warning("slow answer of %s", "a.example")
    ours, theirs = lines(written)
    assert (ours["event"], ours["created"], ours["level"]) == ("posts stored", 3, "info")
    assert (theirs["event"], theirs["level"], theirs["logger"]) == (
        "slow answer of a.example",
        "warning",
        "library",
    )
    assert str(ours["timestamp"]).endswith("Z")


def test_no_secret_gets_into_a_line_in_any_way(written):
    log = structlog.get_logger()
    log.info(
        "asked",
        url=f"https://a.example/?key={SECRET}",
        headers={"Authorization": f"Bearer {SECRET}"},
    )
    log.info("signed in", password=SECRET, token=SECRET)
    logging.getLogger("library").error("GET %s", f"https://u:{SECRET}@a.example")
    try:
        int(f"postgresql://u:{SECRET}@db/x")
    except ValueError:
        log.exception("step broke")
    assert len(lines(written)) == 4
    assert SECRET not in written.getvalue()
    assert "Traceback" in written.getvalue()


def test_lines_below_the_level_are_not_written(written):
    structlog.get_logger().debug("detail")
    logging.getLogger("library").debug("detail")
    assert written.getvalue() == ""


def test_the_context_of_a_request_is_in_its_lines(written):
    with structlog.contextvars.bound_contextvars(request_id="r1"):
        structlog.get_logger().info("asked")
    assert lines(written)[0]["request_id"] == "r1"


def test_an_unknown_level_is_refused():
    with pytest.raises(ValueError, match="CHATTY"):
        setup_logging("chatty", io.StringIO())


def test_labels_are_escaped_as_the_format_asks():
    text = exposition([gauge("a", "b", ["name"], [(['"x"\n\\'], 1.0)])]).decode()
    assert 'a{name="\\"x\\"\\n\\\\"} 1.0' in text
