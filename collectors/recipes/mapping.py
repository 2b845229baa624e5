"""The map of a JSON recipe: for each target of a post a JMESPath, a template or a constant."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated
from urllib.parse import quote

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from collectors.recipes.expressions import Chain, chains_of, checked_expression, looked_up
from collectors.recipes.fields import FieldSpec, check_targets
from collectors.recipes.transforms import Place, transformed

TEMPLATE_CHARACTERS = 1_000
_HOLE = re.compile(r"\{([^{}]*)\}")

Expression = Annotated[str, AfterValidator(checked_expression)]


def checked_template(template: str) -> str:
    """Return ``template``; raises ValueError where a ``{…}`` in it is no JMESPath."""
    for hole in _HOLE.findall(template):
        checked_expression(hole)
    return template


Template = Annotated[str, Field(max_length=TEMPLATE_CHARACTERS), AfterValidator(checked_template)]


class JsonField(FieldSpec):
    """Where a target's value comes from: ``path`` (JMESPath), ``template`` or ``value``.

    In a template ``{…}`` is a JMESPath of the item, or the name of another target that was found;
    what it finds is percent-encoded. Written short: a text that begins with ``http`` or ``/`` is a
    template, any other text a path, true and false are constants.
    """

    path: Expression | None = Field(default=None, description="JMESPath within the item.")
    template: Template | None = Field(default=None, description="https://host/{id}")
    best_path: Expression | None = Field(
        default=None, description="Of ratings: where the best value of the scale stands."
    )

    @model_validator(mode="after")
    def _one_way(self) -> JsonField:
        ways = [way for way in (self.path, self.template, self.value) if way is not None]
        if len(ways) != 1:
            raise ValueError("path、template、value 必须且只能写一个 (exactly one of them)")
        return self


def _written_short(value: object) -> object:
    if isinstance(value, bool):
        return {"value": value}
    if isinstance(value, str):
        is_template = value.startswith(("http://", "https://", "/"))
        return {"template" if is_template else "path": value}
    return value


JsonFieldIn = Annotated[
    JsonField, BeforeValidator(_written_short, json_schema_input_type=str | bool | JsonField)
]


def _checked_map(fields: dict[str, JsonField]) -> dict[str, JsonField]:
    check_targets(fields)
    return fields


JsonMap = Annotated[dict[str, JsonFieldIn], AfterValidator(_checked_map)]


def mapped(item: object, fields: Mapping[str, JsonField], place: Place) -> dict[str, object]:
    """Return the values found in ``item`` by target; a target that found nothing is absent.

    Raises:
        TooSlow: a pattern of the recipe takes too long.
    """
    values: dict[str, object] = {}
    for target, field in fields.items():
        if field.template is None:
            _put(values, target, field, item, place)
    best_path = fields["rating"].best_path if "rating" in fields else None
    if best_path and (best := looked_up(best_path, item)) is not None:
        values["rating.best"] = best
    # Last: templates may name what was found.
    for target, field in fields.items():
        if field.template is not None:
            _put(values, target, field, item, place)
    return values


def unmapped(items: list[object], fields: Mapping[str, JsonField]) -> tuple[str, ...]:
    """Return the keys of ``items`` (``a`` or ``a.b``) that the map does not read, at most 60."""
    read = {chain for field in fields.values() for chain in _read_by(field)}
    keys = {chain: None for item in items for chain in _keys(item)}
    left = [
        ".".join(chain)
        for chain in keys
        if not any(chain[: len(one)] == one or one[: len(chain)] == chain for one in read)
    ]
    return tuple(left[:60])


def filled_template(template: str, item: object, values: Mapping[str, object]) -> str | None:
    """Return the address, None where one of its holes has nothing to hold."""
    filled = template
    for hole in _HOLE.findall(template):
        found = looked_up(hole, item)
        found = values.get(hole) if found is None else found
        if isinstance(found, bool) or not isinstance(found, str | int) or found == "":
            return None
        filled = filled.replace(f"{{{hole}}}", quote(str(found)[:TEMPLATE_CHARACTERS], safe=""), 1)
    return filled


def _put(
    values: dict[str, object], target: str, field: JsonField, item: object, place: Place
) -> None:
    raw: object = field.value
    if field.path is not None:
        raw = looked_up(field.path, item)
    if field.template is not None:
        raw = filled_template(field.template, item, values)
    value = None if raw in (None, "", []) else transformed(raw, field.transform, place)
    value = field.default if value in (None, "") else value
    if value is not None:
        values[target] = value


def _read_by(field: JsonField) -> set[Chain]:
    expressions = [one for one in (field.path, field.best_path) if one]
    expressions.extend(_HOLE.findall(field.template or ""))
    return {chain for one in expressions for chain in chains_of(one)}


def _keys(item: object) -> list[Chain]:
    if not isinstance(item, dict):
        return []
    keys: list[Chain] = []
    for key, value in list(item.items())[:200]:
        if isinstance(value, dict) and value:
            keys.extend((str(key), str(inner)) for inner in list(value)[:50])
        else:
            keys.append((str(key),))
    return keys
