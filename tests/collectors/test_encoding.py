"""The decision of collectors/encoding.py, on the mislabelled bytes the Chinese web serves.

Run as a script for the table of recorded pages: ``python tests/collectors/test_encoding.py``.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import opencc
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


RUSSIAN = "Компания отозвала партию автомобилей после того, как покупатели сообщили о пожаре."
JAPANESE = (
    "同社は二十日、電池が発火する恐れがあるとして製品の回収を始めたと発表した。原因を調べている。"
)
KOREAN = "회사는 배터리에서 불이 났다는 소비자 신고가 잇따르자 제품 회수를 시작했다고 밝혔다."
FRENCH = (
    "Les façades été où Noël à la garçonnière, déjà près d'être naïf; hôtel très élevé, ça ira."
)


@pytest.mark.parametrize("label", ["its own", None, "utf-8", "gb2312", "iso-8859-1"])
@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        (RUSSIAN, "koi8-r"), (RUSSIAN, "windows-1251"), (JAPANESE, "shift_jis"), (JAPANESE, "euc-jp"),
        (KOREAN, "euc-kr"), (FRENCH, "windows-1252"),
    ],
    ids=["koi8-r", "windows-1251", "shift_jis", "euc-jp", "euc-kr", "windows-1252"],
)  # fmt: skip
def test_other_scripts_are_read_whatever_the_label(
    text: str, encoding: str, label: str | None
) -> None:
    whole = page(text, encoding if label == "its own" else label)
    assert decode(whole.encode(encoding)).text == whole
    header = encoding if label == "its own" else label
    bare = page(text, None)
    assert decode(bare.encode(encoding), header).text == bare


@pytest.mark.parametrize("label", ["koi8-r", "windows-1251", "shift_jis", "euc-jp", "euc-kr"])
@pytest.mark.parametrize(("text", "encoding"), [(CHINESE, "gb18030"), (TRADITIONAL, "big5")])
def test_chinese_is_chinese_under_the_label_of_another_script(
    text: str, encoding: str, label: str
) -> None:
    whole = page(text, label)
    assert decode(whole.encode(encoding)).text == whole
    assert decode(whole.encode(encoding), label).text == whole


def test_a_feed_is_read_by_the_same_decision_as_a_page() -> None:
    feed = f'<?xml version="1.0" encoding="utf-8"?><rss><item><title>{CHINESE}</title></item></rss>'
    assert to_utf8(feed.encode("gb18030"), "ISO-8859-1") == (feed.encode(), "gb18030")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32", "utf-16-le", "utf-16-be"])
def test_wide_encodings_are_read_with_and_without_a_mark(encoding: str) -> None:
    assert decode(f"<rss>{CHINESE}</rss>".encode(encoding)).text == f"<rss>{CHINESE}</rss>"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_wide_text_may_begin_with_blanks(encoding: str) -> None:
    whole = f"\r\n <!DOCTYPE html>{page(CHINESE, 'gbk')}"
    assert decode(whole.encode(encoding)).text == whole


def test_a_stray_zero_byte_makes_no_wide_text() -> None:
    assert decode(b"<rss>\0<title>a</title>").encoding == "utf-8"


def test_a_character_cut_at_the_end_does_not_change_the_encoding() -> None:
    cut = CHINESE.encode()[:-1]
    assert decode(cut, "gbk").text == CHINESE[:-1] + "\ufffd"


def test_a_damaged_gbk_page_is_still_chinese() -> None:
    cut = (CHINESE * 4).encode("gbk")
    damaged = b"".join(cut[at : at + 60] + b"\xff" for at in range(0, len(cut), 60))
    for label in (None, "utf-8", "gbk"):
        read = decode(damaged, label)
        assert read.encoding == "gb18030"
        assert read.text.replace("\ufffd", "")[:25] == CHINESE[:25]


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


CORPORA = Path("corpora")
_ANY_LABEL = re.compile(r"(charset\s*=\s*[\"']?)[\w.:-]+", re.IGNORECASE)
_HAN = re.compile("[\u4e00-\u9fff]")
# Real encoding, charset in the page, charset in the header; None is none.
LABELLINGS: tuple[tuple[str, str | None, str | None], ...] = (
    ("gb18030", "gb2312", None),
    ("gb18030", None, None),
    ("gb18030", "utf-8", None),
    ("gb18030", None, "utf-8"),
    ("gb18030", "big5", "ISO-8859-1"),
    ("utf-8", "utf-8", "utf-8"),
    ("utf-8", "gb2312", None),
    ("utf-8", None, "ISO-8859-1"),
    ("utf-8", "big5", "gbk"),
    ("big5hkscs", "big5", None),
    ("big5hkscs", None, None),
    ("big5hkscs", "gb2312", "utf-8"),
    ("big5hkscs", None, "ISO-8859-1"),
    ("utf-16-le", "gb2312", None),
)
_ids = ["/".join(one or "none" for one in labelling) for labelling in LABELLINGS]


@dataclass(frozen=True)
class Page:
    """A recorded page as text: as it is, and in traditional script without what Big5 lacks."""

    name: str
    text: str
    traditional: str


@cache
def recorded_pages(corpora: Path) -> tuple[Page, ...]:
    """The pages in UTF-8 or GBK with more than 50 Han characters."""
    return tuple(_pages(corpora))


def _pages(corpora: Path) -> Iterator[Page]:
    convert = opencc.OpenCC("s2t").convert
    for path in sorted([*corpora.rglob("*.html"), *corpora.rglob("*.htm")]):
        text = _original(path.read_bytes())
        if text and len(_HAN.findall(text)) > 50 and text.count("的") > 1:
            big5 = convert(text).encode("big5hkscs", "ignore").decode("big5hkscs")
            yield Page(str(path.relative_to(corpora)), text, big5)


def _original(body: bytes) -> str | None:
    """The text of a page whose encoding is certain: strict UTF-8, else strict GB18030."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return body.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def misread(corpora: Path, labelling: tuple[str, str | None, str | None]) -> list[str]:
    """The names of the pages that are not read as what was written, for one labelling."""
    encoding, inner, header = labelling
    wrong = []
    for one in recorded_pages(corpora):
        text = one.traditional if encoding == "big5hkscs" else one.text
        text = _ANY_LABEL.sub(rf"\g<1>{inner}" if inner else "data-x=", text)
        body = text.encode(encoding)
        if decode(body, header).text != text or to_utf8(body, header)[0] != text.encode():
            wrong.append(one.name)
    return wrong


@pytest.mark.slow
@pytest.mark.parametrize("labelling", LABELLINGS, ids=_ids)
def test_every_recorded_page_is_read_right_whatever_its_labels_say(
    shared_data: Path, labelling: tuple[str, str | None, str | None]
) -> None:
    assert len(recorded_pages(shared_data / CORPORA)) >= 37
    assert misread(shared_data / CORPORA, labelling) == []


def main() -> None:
    """Print how many pages each labelling leaves right."""
    corpora = Path(__file__).resolve().parents[3] / "shared" / "data" / "corpora"
    pages = len(recorded_pages(corpora))
    print(f"{'bytes / page says / header says':<40}{'right':>6}{'of':>5}")
    for labelling, name in zip(LABELLINGS, _ids, strict=True):
        wrong = misread(corpora, labelling)
        print(f"{name:<40}{pages - len(wrong):>6}{pages:>5}", *wrong)


if __name__ == "__main__":
    main()
