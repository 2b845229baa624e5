"""The decision of collectors/encoding.py, on the mislabelled bytes the Chinese web serves."""

from __future__ import annotations

import codecs

import pytest

from collectors.encoding import decode, to_utf8

CHINESE = (
    "某品牌的手机在充电时起火，消费者要求公司对此作出说明。这是一个正在发生的事件，我们会继续关注。"
)
TRADITIONAL = "這個國家的消費者對於公司的說明不滿意，他們在網上發表了很多意見，來要求會面。"


def page(text: str, label: str | None) -> str:
    head = f'<meta charset="{label}">' if label else ""
    return f"<html><head>{head}<title>x</title></head><body>{text}</body></html>"


@pytest.mark.parametrize(
    ("text", "encoding", "label", "header"),
    [
        (CHINESE, "gb18030", "gb2312", None),
        (CHINESE, "gb18030", None, None),
        (CHINESE, "gb18030", "utf-8", None),
        (CHINESE, "utf-8", "gb2312", None),
        (CHINESE, "utf-8", None, "ISO-8859-1"),
        (CHINESE, "gb18030", None, "utf-8"),
        (CHINESE + "镕㐂𠮷", "gb18030", "gbk", "gbk"),
        (TRADITIONAL, "big5", "big5", None),
        (TRADITIONAL, "big5", None, None),
        (TRADITIONAL, "big5", None, "utf-8"),
        (CHINESE, "gb18030", "no-such-charset", "rot13"),
        ("Привет, это новости дня", "koi8-r", "koi8-r", None),
        ("Über façade naïve", "latin-1", None, "iso-8859-1"),
        ("Über façade naïve", "latin-1", None, None),
        ("これは日本語です", "shift_jis", "shift_jis", None),
        ("plain ascii", "ascii", "gb2312", None),
    ],
)
def test_bytes_are_read_as_what_they_are_and_not_as_their_label_says(
    text: str, encoding: str, label: str | None, header: str | None
) -> None:
    whole = page(text, label)
    assert decode(whole.encode(encoding), header).text == whole


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_wide_encodings_are_read_with_and_without_a_mark(encoding: str) -> None:
    assert decode(f"<rss>{CHINESE}</rss>".encode(encoding)).text == f"<rss>{CHINESE}</rss>"


def test_a_character_cut_at_the_end_does_not_change_the_encoding() -> None:
    cut = CHINESE.encode()[:-1]
    assert decode(cut, "gbk").text == CHINESE[:-1] + "\ufffd"


def test_a_few_damaged_bytes_inside_of_utf8_stay_damage() -> None:
    damaged = (CHINESE * 3).encode()
    damaged = damaged[:60] + b"\xed\xa0\x80" + damaged[60:]
    read = decode(damaged)
    assert read.encoding == "utf-8"
    assert read.text.replace("\ufffd", "") == CHINESE * 3


def test_the_utf8_form_is_valid_and_has_no_mark() -> None:
    assert to_utf8(codecs.BOM_UTF8 + CHINESE.encode()) == (CHINESE.encode(), "utf-8")
    assert to_utf8(CHINESE.encode("gbk"))[0] == CHINESE.encode()
    assert to_utf8(b"") == (b"", "utf-8")
