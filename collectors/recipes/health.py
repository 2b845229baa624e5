"""One visit by a recipe, told as a Poll: an answer without anything to read is not calm for long."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace

from pydantic import ValidationError

from collectors.model import Poll, SourceState
from collectors.plain import tidy
from collectors.recipes.position import BROKEN_AFTER, Position, read_position, written
from collectors.recipes.walk import Page, ReadsPages, Walk
from collectors.visit import Trouble, Visit

SAMPLE_CHARACTERS = 200
_TEXTLESS_SHARE = 0.9
_MASK = "***"
_SHORTEST_SECRET = 4


async def visited(visit: Visit, reader: ReadsPages) -> Poll:
    """Return the poll of one visit. Three visits in a row with nothing to read break the recipe."""
    walk = Walk(reader=reader, position=read_position(visit.source.cursor.position))
    await walk.go()
    if walk.first is None:
        trouble = walk.trouble or Trouble(
            SourceState.BACKING_OFF, "没有读到任何页 (no page was read)"
        )
        return visit.failed(trouble)
    problem = _problem(walk, walk.first)
    position = replace(walk.position, empty=walk.position.empty + 1 if problem else 0)
    if problem and position.is_broken:
        return _broken(visit, walk, position, problem)
    return visit.brought(
        list(walk.posts.values()),
        position=written(position),
        status=walk.first.status,
        trouble=walk.trouble,
        dropped=walk.dropped,
    )


def misconfigured(error: ValidationError) -> Trouble:
    """Return the trouble of a source whose stored options do not fit (any more)."""
    first = error.errors(include_url=False)[0]
    pointer = "/".join(str(part) for part in first["loc"])
    reason = f"配置有误 options/{pointer}: {first['msg']} (the recipe is not valid)"
    return Trouble(SourceState.RECIPE_BROKEN, reason)


def sample_of(text: str, secrets: Mapping[str, str], *, most: int = SAMPLE_CHARACTERS) -> str:
    """Return the beginning of ``text`` on one line, without control characters and secrets."""
    line = re.sub(r"\s+", " ", tidy(text[: 8 * most]))
    return without_secrets(line, secrets.values())[:most]


def without_secrets(text: str, secrets: Iterable[str]) -> str:
    """Return ``text`` with every secret of four and more characters masked."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, _MASK)
    return text


def _problem(walk: Walk, first: Page) -> str | None:
    if not walk.posts:
        return first.problem
    if walk.items and walk.textless > _TEXTLESS_SHARE * walk.items:
        return f"{walk.items} 个条目中 {walk.textless} 个没有 text 和 title (items lost their text)"
    return None


def _broken(visit: Visit, walk: Walk, position: Position, problem: str) -> Poll:
    reason = f"配方连续 {position.empty} 次没有读到内容: {problem} (recipe broken)"
    if position.empty > 1_000_000:
        position = replace(position, empty=BROKEN_AFTER)
    trouble = Trouble(
        SourceState.RECIPE_BROKEN, reason, status=walk.first.status if walk.first else None
    )
    if walk.posts:
        return visit.brought(
            list(walk.posts.values()),
            position=written(position),
            trouble=trouble,
            dropped=walk.dropped,
        )
    cursor = replace(visit.source.cursor, position=written(position))
    return visit.failed(trouble, cursor=cursor)
