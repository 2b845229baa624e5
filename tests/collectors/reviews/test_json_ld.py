"""JSON-LD as sites write it."""

from __future__ import annotations

import pytest

from collectors.reviews.json_ld import read_scripts

WHOLE = '{"@type": "Review", "name": "好"}'
NODE = {"@type": "Review", "name": "好"}


@pytest.mark.parametrize(
    "script",
    [
        pytest.param(WHOLE, id="whole"),
        pytest.param(f"[{WHOLE}]", id="list"),
        pytest.param(f"[null, {WHOLE}, 1]", id="list with nulls"),
        pytest.param(f"<!-- {WHOLE} -->", id="HTML comment"),
        pytest.param(f"//<![CDATA[\n{WHOLE}\n//]]>", id="CDATA"),
        pytest.param(f"/*<![CDATA[*/{WHOLE}/*]]>*/", id="CDATA in comments"),
        pytest.param(f"{WHOLE};", id="semicolon"),
        pytest.param('{"@type": "Review", "name": "好",}', id="trailing comma"),
        pytest.param('[{"@type": "Review", "name": "好"} , ]', id="trailing comma in a list"),
        pytest.param('{"@type":\x0b "Review", "name": "好"\x00}', id="control characters"),
        pytest.param("\ufeff" + WHOLE, id="byte order mark"),
        pytest.param(WHOLE.replace('"', "&quot;"), id="escaped"),
    ],
)
def test_what_can_be_mended_is_read(script: str) -> None:
    read = read_scripts([script])
    assert (list(read.nodes), read.broken) == ([NODE], 0)


def test_a_broken_script_does_not_lose_the_others() -> None:
    read = read_scripts([WHOLE, '{"@type": "Product", "name": ', "", "[1, 2]", WHOLE])
    assert (list(read.nodes), read.broken) == ([NODE, NODE], 1)


def test_values_that_follow_one_another_are_all_read() -> None:
    assert len(read_scripts([f"{WHOLE}\n{WHOLE}"]).nodes) == 2


def test_a_line_break_in_a_string_is_kept() -> None:
    assert read_scripts(['{"name": "一\n二"}']).nodes == ({"name": "一\n二"},)


def test_a_comma_before_a_bracket_in_a_string_is_none_of_ours() -> None:
    assert read_scripts(['{"name": "a,] b\\",}", }']).nodes == ({"name": 'a,] b",}'},)


@pytest.mark.parametrize(
    "script",
    ["[" * 200_000, '{"a":' * 100_000, '{"a":"' + '\\"' * 300_000, ", " * 300_000 + "{", '{"n": ' + "9" * 5_000 + "}"],
    ids=["deep list", "deep object", "open string", "commas", "endless number"],
)  # fmt: skip
def test_a_hostile_script_is_broken_and_no_more(script: str) -> None:
    assert read_scripts([script, WHOLE]).nodes[-1:] == (NODE,)
