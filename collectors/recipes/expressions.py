"""JMESPath expressions: checked when they are written, harmless when they meet another shape."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, lru_cache
from math import prod
from typing import Any

EXPRESSION_CHARACTERS = 1_000
MOST_GROWTH = 100
MOST_STEPS = 1_000_000  # some seconds
_VALUES_A_STEP = 16  # copied in the time of a step
Chain = tuple[str, ...]
_JOINING = frozenset(("multi_select_list", "multi_select_dict", "function_expression"))
# Nodes whose second child reads from what the first one yields.
_CHAINED = frozenset((
    "subexpression", "pipe", "index_expression", "projection", "value_projection",
    "filter_projection", "flatten",
))  # fmt: skip


class Mismatch(Exception):
    """An expression met values of another type than it works on."""


def checked_expression(expression: str) -> str:
    """Return ``expression``.

    Raises:
        ValueError: it is no JMESPath, or longer than 1,000 characters; the text names the column.
    """
    from jmespath.exceptions import JMESPathError  # type: ignore[import-untyped]  # untyped

    if len(expression) > EXPRESSION_CHARACTERS:
        raise ValueError(
            f"JMESPath 最长 {EXPRESSION_CHARACTERS} 个字符 (the expression is too long)"
        )
    try:
        compiled = _compiled(expression)
        if unknown := _unknown_function(compiled.parsed):
            raise ValueError(f"JMESPath 没有函数 {unknown!r} (no such function)")
        if _growth(compiled.parsed) > MOST_GROWTH:
            raise ValueError(
                "JMESPath 把数据放大过多倍，请拆成几个字段 (the expression multiplies what it reads)"
            )
        compiled.search({})
    except RecursionError as error:
        raise ValueError("JMESPath 嵌套过深 (the expression is nested too deeply)") from error
    except JMESPathError as error:
        if not hasattr(error, "lex_position"):
            return expression  # well-formed; {} just was not what it reads
        column = int(error.lex_position or 0) + 1
        raise ValueError(f"JMESPath 第 {column} 列有误: {expression!r} (bad expression)") from error
    return expression


def evaluate(expression: str, value: object) -> object:
    """Return what ``expression`` finds in ``value``.

    Raises:
        Mismatch: a function met a value of a type it does not take, or it takes too long.
    """
    from jmespath.exceptions import JMESPathError

    try:
        result: object = _interpreter().visit(_compiled(expression).parsed, value)
    except (JMESPathError, RecursionError, ArithmeticError, TypeError, AttributeError) as error:
        raise Mismatch(f"{expression}: {str(error)[:200]}") from error
    return result


def looked_up(expression: str, value: object) -> object:
    """Return what ``expression`` finds in ``value``, None also where it does not fit."""
    try:
        return evaluate(expression, value)
    except Mismatch:
        return None


def chains_of(expression: str) -> frozenset[Chain]:
    """Return the names ``expression`` reads, as paths: ``user.screen_name`` is one of two names."""
    read: set[Chain] = set()
    read.update(_walk(_compiled(expression).parsed, {()}, read))
    return frozenset(chain for chain in read if chain)


def _walk(node: dict[str, Any], bases: set[Chain], read: set[Chain]) -> set[Chain]:
    """Return the paths ``node`` ends at, when it starts at ``bases``; add those it tests to ``read``."""
    kind, children = node["type"], node.get("children", [])
    if kind == "field":
        return {(*base, node["value"]) for base in bases}
    if kind in _CHAINED and children:
        left = _walk(children[0], bases, read)
        for condition in children[2:]:
            read.update(_walk(condition, left, read))
        return _walk(children[1], left, read) if len(children) > 1 else left
    if kind == "literal":
        return set()
    if not children or kind == "slice":  # a slice's children are numbers
        return bases
    return {end for child in children for end in _walk(child, bases, read)}


def _unknown_function(node: dict[str, Any]) -> str | None:
    from jmespath.functions import Functions  # type: ignore[import-untyped]  # untyped

    return next((name for name in _functions(node) if name not in Functions.FUNCTION_TABLE), None)


def _functions(node: dict[str, Any]) -> Iterable[str]:
    if node["type"] == "function_expression":
        yield node["value"]
    for child in node.get("children", []):
        if isinstance(child, dict):
            yield from _functions(child)


def _growth(node: dict[str, Any]) -> int:
    """Return how many times larger than what it reads a result can be, written out as JSON.

    ``[@,@]|[@,@]|…`` doubles with every link: forty of them would fill any memory.
    """
    kind = node["type"]
    inner = [_growth(one) for one in node.get("children", []) if isinstance(one, dict)]
    if kind in _CHAINED and len(inner) > 1:
        return inner[0] * max(inner[1:])
    if kind in _JOINING:
        quoting = 2 if node.get("value") == "to_string" else 1
        return max(sum(inner), prod(inner)) * quoting
    return max(inner, default=1)


@cache
def _bounded() -> type[Any]:
    from jmespath.visitor import TreeInterpreter  # type: ignore[import-untyped]  # untyped

    class Bounded(TreeInterpreter):  # type: ignore[misc]  # untyped
        """An interpreter that gives up after a million steps."""

        steps = 0

        def visit(self, node: Any, *args: Any, **more: Any) -> Any:  # noqa: ANN401  # untyped
            result = super().visit(node, *args, **more)
            self.steps += 1 + (len(result) // _VALUES_A_STEP if isinstance(result, list) else 0)
            if self.steps > MOST_STEPS:
                raise ArithmeticError("too many steps")
            return result

    return Bounded


def _interpreter() -> Any:  # noqa: ANN401  # the package has no types
    return _bounded()()


@lru_cache(maxsize=512)
def _compiled(expression: str) -> Any:  # noqa: ANN401  # the package has no types
    import jmespath  # type: ignore[import-untyped]  # untyped

    return jmespath.compile(expression)
