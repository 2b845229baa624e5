"""Reading JSON of strangers: a value of the right type, or nothing; never an exception."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest

from collectors.model import NOBODY, Author, Precision
from collectors.social import values
from tests.collectors.social.visits import NOW

ODD = [
    None,
    True,
    7,
    -7,
    1.5,
    math.nan,
    math.inf,
    1e300,
    10**400,
    "",
    "x" * 10**6,
    "a\ud800\x00",
    [],
    [[]],
    {},
    {"a": {}},
]
READERS = [
    values.child, values.objects, values.text, values.seen, values.written, values.title, values.name,
    values.identifier, values.number, values.unix, lambda value: values.iso(value, NOW),
    lambda value: values.link(value, "https://a.example/"), values.author,
    lambda value: values.metrics(a=value), lambda value: values.child({"a": value}, "a", "b"),
]  # fmt: skip


@pytest.mark.parametrize("reader", READERS, ids=range(len(READERS)))
def test_nothing_a_stranger_sends_is_an_exception_or_unstorable(reader: object) -> None:
    for value in ODD:
        found = reader(value)  # type: ignore[operator]
        if isinstance(found, str) and reader is not values.text:
            found.encode()
            assert len(found.encode()) <= 64 * 1024


@pytest.mark.parametrize(
    ("value", "number"),
    [(3, 3), (3.9, 3), (-2, -2), (True, None), ("3", None), (math.nan, None), (2**70, None)],
)
def test_a_count_is_a_number_of_a_sane_size(value: object, number: int | None) -> None:
    assert values.number(value) == number
    assert values.metrics(score=value) == ({} if number is None else {"score": number})


@pytest.mark.parametrize(
    ("value", "name"),
    [(7, "7"), ("a7", "a7"), ("", None), (True, None), (2**70, None), ("a\nb", None), ("x" * 201, None),
     (1.0, None), (" 7 ", "7"), (" ", None)],
)  # fmt: skip
def test_an_id_is_a_number_or_a_short_text_in_one_line(value: object, name: str | None) -> None:
    assert values.identifier(value) == name


def test_a_moment_ahead_ranks_as_now_and_is_no_publication_time() -> None:
    ahead = NOW + timedelta(days=900)
    assert values.rank(ahead, NOW) == int(NOW.timestamp())
    assert values.rank(None, NOW) is None
    assert values.published(ahead, NOW) == (None, Precision.INFERRED)
    assert values.published(NOW, NOW) == (NOW, Precision.EXACT)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-03-10T05:08:00Z", NOW),
        ("2026-03-10T05:08:00", NOW),
        ("2026-03-10T05:08:00.123456Z", NOW + timedelta(microseconds=123456)),
        ("2026-03-10T13:08:00+08:00", NOW),
        ("soon", None),
        ("2026-02-31T00:00:00Z", None),
    ],
)
def test_a_time_without_a_zone_is_utc(text: str, moment: datetime | None) -> None:
    assert values.iso(text, NOW) == moment


def test_unix_seconds_may_have_a_fraction_and_zero_means_none() -> None:
    assert values.unix(1.5) == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert values.unix(0) is None
    assert values.unix(10**12) is None


def test_an_unknown_author_is_nobody() -> None:
    assert values.author("", None) is NOBODY
    assert values.author(None, "lin") == Author(name="lin", handle="lin")
    assert values.author("林", "lin", followers=True).followers is None


def test_long_texts_are_cut_at_a_character() -> None:
    assert values.written("云" * 100_000).encode() == ("云" * 21845).encode()
    assert values.title("<b>a</b>\n" + "t" * 900) == ("a " + "t" * 900)[:500]
