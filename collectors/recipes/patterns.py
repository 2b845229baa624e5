"""Regular expressions that users write, run so that none of them can hold the house up."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from collectors.model import CollectError

PATTERN_CHARACTERS = 500
TEXT_CHARACTERS = 10_000
MOST_GROUPS = 50
SECONDS = 0.2


class TooSlow(CollectError):
    """A pattern took longer than it may: it backtracks without end."""

    def __init__(self, pattern: str) -> None:
        super().__init__(
            f"正则表达式 {pattern[:80]!r} 匹配耗时过长，请避免嵌套的 + 或 * (regex takes too long)",
            retryable=False,
        )


def checked_pattern(pattern: str) -> str:
    """Return ``pattern``.

    Raises:
        ValueError: it is none, or too long or nested; the text names the column.
    """
    import regex  # type: ignore[import-untyped]  # the package has no types

    if len(pattern) > PATTERN_CHARACTERS:
        raise ValueError(f"正则表达式最长 {PATTERN_CHARACTERS} 个字符 (the regex is too long)")
    if pattern.count("(") > MOST_GROUPS:
        raise ValueError(f"正则表达式最多 {MOST_GROUPS} 个括号 (the regex has too many groups)")
    try:
        _compiled(pattern)
    except regex.error as error:
        column = (error.pos or 0) + 1
        raise ValueError(f"正则表达式第 {column} 列: {error.msg} (bad regex)") from error
    return pattern


def found(
    pattern: str, text: str, *, most: int = TEXT_CHARACTERS, seconds: float = SECONDS
) -> str | None:
    """Return what the first group (else the whole) of ``pattern`` matches first in ``text``.

    None where nothing matches. Only the first ``most`` characters are read.

    Raises:
        TooSlow: no answer within ``seconds``.
    """
    try:
        match = _compiled(pattern).search(text[:most], timeout=seconds)
    except TimeoutError as error:
        raise TooSlow(pattern) from error
    if match is None:
        return None
    chosen = match[1] if match.re.groups else match[0]
    return chosen if isinstance(chosen, str) else None


@lru_cache(maxsize=256)
def _compiled(pattern: str) -> Any:  # noqa: ANN401  # the package has no types
    import regex

    return regex.compile(pattern)
