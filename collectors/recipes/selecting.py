"""CSS and XPath of an HTML recipe: checked when written, and the values they find in a page."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from collectors.plain import plain
from collectors.recipes.expressions import looked_up
from collectors.recipes.fields import FieldSpec, check_targets
from collectors.recipes.mapping import Expression, Template, filled_template
from collectors.recipes.patterns import checked_pattern, found
from collectors.recipes.transforms import MOST_VALUES, Place, transformed
from collectors.taming import MOST_TAGS, tamed

if TYPE_CHECKING:
    from parsel import Selector

SELECTOR_CHARACTERS = 500
_MARKUP_CHARACTERS = 1_000_000
_READ_CHARACTERS = 20_000_000
_TO_TEXT = re.compile(r"::(?:text|attr)\b|/@[\w:-]+\s*$|text\(\)\s*$")
_NEIGHBOURS = re.compile(r"preceding|following|ancestor|count\s*\(|\[[^\]]*(?://|descendant)")
FEW_TAGS = 4_000
_LISTS = frozenset({"tags"})


def checked_css(css: str) -> str:
    """Return ``css``; raises ValueError where it is no selector."""
    from cssselect import SelectorError
    from parsel import css2xpath

    try:
        css2xpath(css)
    except (SelectorError, RecursionError, ValueError) as error:
        raise ValueError(f"CSS 选择器 {css!r} 有误: {error} (bad selector)") from error
    return css


def checked_xpath(xpath: str) -> str:
    """Return ``xpath``; raises ValueError where it is none, or runs a regex nobody can stop."""
    from lxml import etree

    if re.search(r"\bre\s*:", xpath):
        raise ValueError("XPath 中不能使用 re:；请用 regex 字段 (use the field's regex instead)")
    try:
        etree.XPath(xpath)
    except etree.XPathError as error:
        raise ValueError(f"XPath {xpath!r} 有误: {error} (bad XPath)") from error
    return xpath


Css = Annotated[str, Field(max_length=SELECTOR_CHARACTERS), AfterValidator(checked_css)]
XPath = Annotated[str, Field(max_length=SELECTOR_CHARACTERS), AfterValidator(checked_xpath)]


class HtmlField(FieldSpec):
    """Where a target's value comes from.

    A part of the item by ``css`` or ``xpath`` (without them the item itself), of it ``attr`` or its
    visible text, of that ``json_path`` or what ``regex`` matches. ``all`` takes every match, not only the first. A ``template`` names targets that were found. Written
    short: a text is a CSS selector.
    """

    css: Css | None = None
    xpath: XPath | None = None
    attr: Annotated[str, Field(pattern=r"^[A-Za-z_:][\w:.-]{0,60}$")] | None = None
    json_path: Expression | None = None
    regex: Annotated[str, AfterValidator(checked_pattern)] | None = None
    all: bool = False
    template: Template | None = None

    @model_validator(mode="after")
    def _one_way(self) -> HtmlField:
        ways = [way for way in (self.css, self.xpath, self.template, self.value) if way is not None]
        if len(ways) > 1:
            raise ValueError("css、xpath、template、value 只能写一个 (only one of them)")
        if not ways and self.attr is None and self.regex is None:
            raise ValueError(
                "需要 css、xpath、attr、regex、template 或 value 之一 (say where it stands)"
            )
        return self


def _written_short(value: object) -> object:
    if isinstance(value, bool):
        return {"value": value}
    return {"css": value} if isinstance(value, str) else value


HtmlFieldIn = Annotated[
    HtmlField, BeforeValidator(_written_short, json_schema_input_type=str | bool | HtmlField)
]


def _checked_fields(fields: dict[str, HtmlField]) -> dict[str, HtmlField]:
    check_targets(fields)
    return fields


HtmlFields = Annotated[dict[str, HtmlFieldIn], AfterValidator(_checked_fields)]


@dataclass(slots=True, kw_only=True)
class Reading:
    """How much of a page may still be turned into text: items within items cost their size each."""

    characters: int = _READ_CHARACTERS

    @property
    def is_spent(self) -> bool:
        """Whether nothing more is to be read of this page."""
        return self.characters <= 0

    def markup(self, node: Selector) -> str:
        """Return a node's markup, at most a million characters."""
        text = node.get() or ""
        self.characters -= len(text)
        return text[:_MARKUP_CHARACTERS]


def looks_around(selectors: Iterable[HtmlField]) -> bool:
    """Return whether a selector compares elements with their neighbours or with the whole page.

    Such an expression (``h2 ~ p``, ``:nth-child``, ``[count(//a) > 3]``) costs the square of a page's
    elements, and nothing stops it: a page of four thousand is all it gets.
    """
    from parsel import css2xpath

    ways = (css2xpath(one.css) if one.css is not None else one.xpath or "" for one in selectors)
    return any(_NEIGHBOURS.search(way) for way in ways)


def parsed(text: str, base_url: str, most_tags: int = MOST_TAGS) -> Selector:
    """Return the root of a page. No script runs, nothing is fetched, 255 levels are read."""
    from lxml import etree
    from parsel import Selector

    markup = (
        tamed(text.replace("\0", ""), most_tags).encode("utf-8", "replace").strip() or b"<html/>"
    )
    # Made here and not by parsel, which lifts libxml2's limits or warns about them.
    parser = etree.HTMLParser(encoding="utf-8", recover=True, no_network=True)
    try:
        root = etree.fromstring(markup, parser, base_url=base_url)
    except etree.XMLSyntaxError:
        root = None
    if root is None:
        root = etree.fromstring(b"<html/>", etree.HTMLParser())
    return Selector(root=root, type="html", base_url=base_url)


def selected(
    item: Selector, fields: Mapping[str, HtmlField], place: Place, reading: Reading
) -> dict[str, object]:
    """Return the values found in ``item`` by target; a target that found nothing is absent.

    Raises:
        TooSlow: a pattern of the recipe takes too long.
    """
    values: dict[str, object] = {}
    for target, field in fields.items():
        if field.template is None:
            _put(values, target, field, raw_value(item, target, field, reading), place)
    for target, field in fields.items():
        if field.template is not None:
            _put(values, target, field, filled_template(field.template, None, values), place)
    return values


def raw_value(item: Selector, target: str, field: HtmlField, reading: Reading) -> object:
    """Return what ``field`` finds before its transforms: text, a list of texts, or None."""
    if field.value is not None:
        return field.value
    if any(step.name == "count" for step in field.transform):
        return _nodes(item, field) or None
    read = (_text(node, field, reading) for node in _nodes(item, field))
    texts = (text for text in read if text not in (None, ""))
    if field.all or target in _LISTS:
        return list(texts) or None
    return next(texts, None)


def class_names(items: list[Selector], fields: Mapping[str, HtmlField]) -> tuple[str, ...]:
    """Return the classes within ``items`` that no selector names, at most 60."""
    written = " ".join(f"{field.css or ''} {field.xpath or ''}" for field in fields.values())
    used = set(re.findall(r"[\w-]+", written))
    names: dict[str, None] = {}
    for item in items:
        for node in item.xpath("descendant-or-self::*[@class]/@class")[:500]:
            names.update(dict.fromkeys(node.get().split()))
    return tuple(f".{name}" for name in names if name not in used)[:60]


def _nodes(item: Selector, field: HtmlField) -> list[Selector]:
    if field.css is not None:
        nodes = item.css(field.css)
    elif field.xpath is not None:
        nodes = item.xpath(field.xpath)
    else:
        return [item]
    return list(nodes[:MOST_VALUES])


def _text(node: Selector, field: HtmlField, reading: Reading) -> object:
    if reading.is_spent:
        return None
    text: object
    if not hasattr(node.root, "attrib"):  # what ::text and XPath functions find
        text = str(node.root)[:_MARKUP_CHARACTERS] if field.attr is None else None
    elif field.attr is not None:
        text = node.attrib.get(field.attr)
    else:
        markup = reading.markup(node)
        text = (
            markup if any(step.name == "html_text" for step in field.transform) else plain(markup)
        )
    if field.json_path is not None:
        text = _within_json(text, field.json_path)
    if field.regex is not None:
        text = found(field.regex, text) if isinstance(text, str) else None
    return text.strip() if isinstance(text, str) else text


def _within_json(text: object, path: str) -> object:
    try:
        return looked_up(path, json.loads(text, strict=False)) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None


def _put(
    values: dict[str, object], target: str, field: HtmlField, raw: object, place: Place
) -> None:
    value = None if raw is None else transformed(raw, field.transform, place)
    value = field.default if value in (None, "") else value
    if value is not None:
        values[target] = value
