"""The parts of a recipe: decoding, expressions, patterns, transforms, positions, headers, names."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import TypeAdapter

from collectors.recipes.decoding import DecodeOptions, unwrapped
from collectors.recipes.expressions import Mismatch, chains_of, evaluate, looked_up
from collectors.recipes.health import sample_of
from collectors.recipes.mapping import JsonField, JsonMap, mapped, unmapped
from collectors.recipes.patterns import TooSlow, checked_pattern, found
from collectors.recipes.position import (
    MOST_KNOWN,
    Gap,
    Position,
    mark,
    merged,
    read_position,
    written,
)
from collectors.recipes.transforms import Place, Transforms, transformed
from tests.collectors.recorded import answer

PLACE = Place(
    base_url="https://a.example.cn/list/",
    tz=ZoneInfo("Asia/Shanghai"),
    now=datetime(2026, 3, 10, 5, 8, tzinfo=UTC),
)
JSON = {"a": "云雀", "b": [1, None]}
TEXT = json.dumps(JSON, ensure_ascii=False)
STATE = "window.__INITIAL_STATE__="


@pytest.mark.parametrize(
    ("body", "options"),
    [
        (TEXT, {}),
        (TEXT.encode("gb18030"), {"charset": "gb18030"}),
        (("\ufeff" + TEXT).encode(), {"charset": "utf-8"}),
        (f"cb({TEXT});", {"jsonp": True}),
        (f"/**/jQuery.cb_1 ( {TEXT} )\n", {"jsonp": True}),
        (f"/**/ typeof cb === 'function' && cb({TEXT});", {"jsonp": True}),
        (TEXT, {"jsonp": True}),
        (f")]}}',\n{TEXT}", {}),
        (f"while(1);{TEXT}", {}),
        (f"<p><!--s-data:{TEXT}--></p>", {"embedded": "<!--s-data:(.*?)-->"}),
        (f"<script>{STATE}{TEXT};(function(){{}}())</script>", {"embedded": STATE}),
        (f"<script>window.__INITIAL_STATE__ =\n {TEXT}</script>", {"embedded": STATE}),
        (f"<i data-x='{TEXT.replace(chr(34), '&quot;')}'>", {"embedded": "data-x='([^']*)'", "unescape": True}),
        (TEXT, {"embedded": STATE}),
    ],
    ids=["plain", "gbk", "bom", "jsonp", "jsonp spaced", "jsonp guarded", "no jsonp", "xssi", "loop",
         "comment", "state", "state spaced", "escaped", "already json"],
)  # fmt: skip
def test_json_is_found_however_it_is_wrapped(body: object, options: dict) -> None:
    inner = unwrapped(answer(body), DecodeOptions.model_validate(options))
    assert inner is not None
    assert json.loads(inner.body) == JSON


def test_undefined_in_a_state_is_null_and_in_a_text_it_is_a_word() -> None:
    page = f'<script>{STATE}{{"a":undefined,"b":["undefined \\" x",undefined]}};</script>'
    inner = unwrapped(answer(page), DecodeOptions(embedded=STATE))
    assert inner is not None
    assert json.loads(inner.body) == {"a": None, "b": ['undefined " x', None]}


def test_what_is_not_embedded_is_not_found() -> None:
    assert unwrapped(answer("<p>hello</p>"), DecodeOptions(embedded=STATE)) is None


@pytest.mark.parametrize(
    "body",
    ['"' * 2_000_000, f"{STATE}{'[' * 1_000_000}", "cb(" * 500_000, f"{STATE}{{" + '"\\' * 900_000],
    ids=["quotes", "brackets", "calls", "escapes"],
)
def test_hostile_wrappings_are_read_in_linear_time(body: str) -> None:
    started = time.perf_counter()
    for options in ({"embedded": STATE}, {"jsonp": True}):
        unwrapped(answer(body), DecodeOptions.model_validate(options))
    assert time.perf_counter() - started < 5


@pytest.mark.parametrize(
    ("expression", "chains"),
    [
        ("a", {"a"}),
        ("user.name", {"user.name"}),
        ("a.b[].c", {"a.b.c"}),
        ("cards[?type==`9`].mblog.id", {"cards.mblog.id", "cards.type"}),
        ("a || b.c", {"a", "b.c"}),
        ("length(pics)", {"pics"}),
        ("x | [0].y", {"x.y"}),
        ("[a, b.c]", {"a", "b.c"}),
        ("{k: a}", {"a"}),
        ("rows[1:3].a", {"rows.a"}),
        ("sort_by(rows, &at)[].id", {"rows.id", "at.id"}),
        ("@", set()),
    ],
)
def test_the_names_an_expression_reads_are_known(expression: str, chains: set[str]) -> None:
    assert {".".join(chain) for chain in chains_of(expression)} == chains


def test_a_value_of_another_type_is_a_mismatch_or_nothing() -> None:
    with pytest.raises(Mismatch, match="length"):
        evaluate("length(a)", {"a": 1})
    assert looked_up("length(a)", {"a": 1}) is None
    assert looked_up("join(',', a)", {"a": [1]}) is None


@pytest.mark.parametrize(
    ("pattern", "text", "value"),
    [
        (r"(\d+)$", "question/42", "42"),
        (r"\d+", "a 7 b 8", "7"),
        (r"(a)|(b)", "b", None),
        (r"x", "y", None),
        (r"z", "y" * 20_000 + "z", None),
    ],
    ids=["group", "whole", "other group", "nothing", "beyond the limit"],
)
def test_patterns_find_the_first_group(pattern: str, text: str, value: str | None) -> None:
    assert found(pattern, text) == value


@pytest.mark.parametrize("pattern", [r"^(a|a|aa)+$", r"^(\w+\s?)*$", r"(x+x+)+y"])
def test_a_pattern_that_backtracks_without_end_is_stopped(pattern: str) -> None:
    started = time.perf_counter()
    with suppress(TooSlow):
        assert found(pattern, "ax" * 2_000 + "!" + "x" * 2_000) is None
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("pattern", ["(", "a" * 501, "(" * 250 + ")" * 250, "[z-a]", "a{2,1}"])
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="正则"):
        checked_pattern(pattern)


@pytest.mark.parametrize(
    ("steps", "value", "result"),
    [
        (["strip"], "  a ", "a"),
        (["strip"], "   ", None),
        (["unescape"], "a &amp; b", "a & b"),
        (["urljoin"], "../x?a=1", "https://a.example.cn/x?a=1"),
        (["urljoin"], "javascript:alert(1)", None),
        (["number_zh"], "1.2万", 12_000.0),
        (["number_zh"], "3亿", 300_000_000.0),
        (["number_zh"], 7, 7),
        (["number_zh"], "很多", None),
        (["rating_stars"], "rating allstar40", 4.0),
        (["rating_stars"], "width:90%", 4.5),
        (["html_text"], "<p>一<p>二", "一\n二"),
        ([{"regex": r"(\d+) 万"}, "number_zh"], "约 12 万热度", 12.0),
        (["strip", "unescape"], [" a ", 3, None, {"x": 1}, "&lt;"], ["a", "3", "<"]),
        (["count"], [1, 2], 2),
        (["strip"], {"a": 1}, None),
        (["strip"], True, None),
        ([{"regex": r"\d"}], 7.5, "7"),
    ],
)
def test_transforms_make_values_readable(steps: list, value: object, result: object) -> None:
    read = TypeAdapter(Transforms).validate_python(steps)
    assert transformed(value, read, PLACE) == result


def test_templates_take_the_items_values_first_then_the_mapped_ones() -> None:
    fields = TypeAdapter(JsonMap).validate_python(
        {"id": "bid", "text": "t", "url": "https://a.cn/{id}/{user.id}", "author.url": "/u/{gone}"}
    )
    values = mapped({"bid": "汉/字", "t": "x", "user": {"id": 5}}, fields, PLACE)
    assert values["url"] == "https://a.cn/%E6%B1%89%2F%E5%AD%97/5"
    assert "author.url" not in values
    assert (
        mapped({"id": 9, "bid": 1, "user": {"id": 5}}, fields, PLACE)["url"] == "https://a.cn/9/5"
    )


def test_defaults_and_constants_stand_in() -> None:
    fields = TypeAdapter(JsonMap).validate_python(
        {"text": {"path": "t", "default": "（无）"}, "kind": {"value": "review"}, "html": True}
    )
    assert mapped({}, fields, PLACE) == {"text": "（无）", "kind": "review", "html": True}
    with pytest.raises(ValueError, match="exactly one"):
        JsonField.model_validate({"path": "a", "value": 1})


def test_keys_that_no_path_reads_are_unmapped() -> None:
    fields = TypeAdapter(JsonMap).validate_python(
        {"text": "t", "author.name": "user.name", "tags": "extra"}
    )
    items: list[object] = [
        {"t": 1, "user": {"name": 1, "age": 2}, "extra": {"a": 1}, "new": {}},
        "x",
    ]
    assert unmapped(items, fields) == ("user.age", "new")


def test_a_position_written_reads_the_same() -> None:
    gap = Gap(token="t", floor=("a", "b"), left=3)
    position = Position(empty=2, since="9", known=("x", "y"), gap=gap)
    assert read_position(written(position)) == position
    assert written(Position()) == "{}"
    assert read_position(None) == Position()


def test_what_is_known_is_bounded_newest_first() -> None:
    old = merged([mark(str(n)) for n in range(MOST_KNOWN)], [])
    new = merged([mark("new"), old[0]], old)
    assert new[:2] == (mark("new"), old[0])
    assert len(new) == MOST_KNOWN
    assert len(written(Position(known=new, gap=Gap(token="t", floor=new, left=1)))) < 40_000


def test_samples_are_one_clean_line_without_secrets() -> None:
    text = "a\x00\x1b[31m\n\n b tok3n-value \u202e c " + "x" * 500
    sample = sample_of(text, {"token": "tok3n-value"})
    assert sample.startswith("a [31m b *** c x")
    assert len(sample) == 200
    assert sample.isprintable()
