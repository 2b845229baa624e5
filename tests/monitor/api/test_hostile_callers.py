"""Callers without a key, and links that are none."""

from __future__ import annotations

import pytest

from monitor.api.incoming import Rejection, read_row
from monitor.pipeline.websub import Check, answer_check

ROW = b'{"source":"s","text":"t","author":{"name":"n","url":"%s"}}'


@pytest.mark.parametrize("url", [b"javascript:alert(1)", b"data:text/html,x", b"//x.example/"])
def test_an_author_is_linked_to_web_pages_only(url: bytes) -> None:
    with pytest.raises(Rejection, match="http://") as refused:
        read_row(ROW % url)
    assert refused.value.pointer == "/author/url"
    assert read_row(ROW % b"https://x.example/u").author is not None


def test_a_question_about_no_subscription_of_ours_never_waits_for_the_writer(needs) -> None:
    class ReadsOnly:
        read = staticmethod(needs.database.read)

    check = Check(mode="subscribe", topic="https://news.example/feed", challenge="c")
    assert answer_check(ReadsOnly(), "x" * 32, check, now=needs.clock()) is None


def test_strangers_who_guess_callbacks_are_slowed_down(anonymous) -> None:
    asked = {"hub.mode": "subscribe", "hub.topic": "https://x.example/", "hub.challenge": "c"}
    statuses = [anonymous.get(f"/websub/{n:040d}", params=asked).status_code for n in range(200)]
    assert statuses[0] == 404
    assert statuses[-1] == 429
