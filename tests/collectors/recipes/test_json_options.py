"""The options of a JSON recipe: what cannot work is refused where it stands."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from collectors.recipes.json_api import JsonApiOptions
from tests.collectors.recipes.recipes import SIMPLE_MAP

BAD_OPTIONS = {
    "items": ({"items": "data[?"}, ("items",), "第 7 列"),
    "path": ({"map": {"text": "a..b"}}, ("map", "text", "path"), "第 3 列"),
    "function": ({"map": {"text": "upper(a)"}}, ("map", "text", "path"), "upper"),
    "long": ({"items": "a." * 600 + "a"}, ("items",), "1000"),
    "deep": ({"items": "!" * 950 + "a"}, ("items",), "JMESPath"),
    "template": (
        {"map": {"text": "a", "url": "https://a.cn/{b[}"}},
        ("map", "url", "template"),
        "列",
    ),
    "target": ({"map": {"text": "a", "likes": "b"}}, ("map",), "likes"),
    "nothing to read": ({"map": {"id": "a"}}, ("map",), "text"),
    "regex": (
        {"map": {"text": {"path": "a", "transform": [{"regex": "(x"}]}}},
        ("map", "text", "transform", 0),
        "列",
    ),
    "step": (
        {"map": {"text": {"path": "a", "transform": ["upper"]}}},
        ("map", "text", "transform", 0, "name"),
        "strip",
    ),
    "date": (
        {"map": {"text": "a", "created_at": {"path": "b", "format": "%Q"}}},
        ("map", "created_at", "format"),
        "%Q",
    ),
    "zone": (
        {"map": {"text": "a", "created_at": {"path": "b", "tz": "Mars"}}},
        ("map", "created_at", "tz"),
        "Mars",
    ),
    "cookie": ({"headers": {"Cookie": "SUB=1"}}, ("headers",), "secret"),
    "reference": ({"headers": {"X-A": "a secret: b"}}, ("headers",), "secret"),
    "host": ({"headers": {"Host": "a.cn"}}, ("headers",), "Host"),
    "header break": ({"headers": {"X-A": "a\r\nb"}}, ("headers",), "X-A"),
    "charset": ({"decode": {"charset": "rot13"}}, ("decode", "charset"), "rot13"),
    "embedded": ({"decode": {"embedded": "(x"}}, ("decode", "embedded"), "列"),
    "unknown": ({"itmes": "a"}, ("itmes",), "not permitted"),
}


@pytest.mark.parametrize(("options", "place", "words"), BAD_OPTIONS.values(), ids=BAD_OPTIONS)
def test_a_recipe_that_cannot_work_is_refused_at_its_place(
    options: dict, place: tuple, words: str
) -> None:
    with pytest.raises(ValidationError) as caught:
        JsonApiOptions.model_validate({"items": "items", "map": SIMPLE_MAP, **options})
    errors = [error for error in caught.value.errors() if error["loc"][: len(place)] == place]
    assert errors, caught.value
    assert any(words in error["msg"] for error in errors), errors


def test_options_written_out_read_the_same_again() -> None:
    options = JsonApiOptions.model_validate({
        "items": "cards[?type==`9`]", "headers": {"Cookie": "secret:cookie"},
        "map": {**SIMPLE_MAP, "html": True, "url": "https://a.cn/{id}",
                "location": {"path": "a", "transform": ["strip", {"regex": "(b)"}]}},
        "page": {"type": "cursor", "path": "next"}, "decode": {"jsonp": True},
    })  # fmt: skip
    assert options.map["location"].transform[1].pattern == "(b)"
    for written in (
        options.model_dump(mode="json"),
        options.model_dump(mode="json", exclude_unset=True),
    ):
        assert JsonApiOptions.model_validate(written) == options
    assert JsonApiOptions.model_json_schema()["properties"]["map"]
