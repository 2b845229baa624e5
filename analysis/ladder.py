"""The ladder of a keyword list: what each tier asks for, and how the API's thresholds become one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import fields, replace
from types import MappingProxyType
from typing import Final

from analysis.model import AnalysisError, Ladder, Rung, Tier

WARM_UP_SHARE: Final = 0.5
WARM_UP_VOLUME: Final[Mapping[Tier, int]] = MappingProxyType({Tier.YELLOW: 20, Tier.ORANGE: 60})
"""Negative mentions an hour that count as a burst while nothing is known yet; no other tier."""

DEFAULT_LADDER: Final[Mapping[Tier, Rung]] = MappingProxyType(
    {
        Tier.BLUE: Rung(volume=4, score=2.8, negative_share=0.1),
        Tier.YELLOW: Rung(volume=5, score=3.2, negative_share=0.2),
        Tier.ORANGE: Rung(volume=10, score=5.0, negative_share=0.3),
        Tier.RED: Rung(volume=20, score=7.0, negative_share=0.4, sources=3, reach=100_000),
    }
)
_RISING: Final = ("volume", "score", "negative_share")


def default_ladder() -> Ladder:
    """Return what each tier asks for unless a keyword list says otherwise."""
    return DEFAULT_LADDER


def ladder_from(thresholds: Mapping[str, object] | None) -> Ladder:
    """Return the ladder of a keyword list from its ``thresholds`` as the API takes them.

    ``{"yellow": {"volume": 8, "score": 4.5}, "red": {"reach": null}, "blue": null}``: absent tiers
    and fields keep their defaults, lifted to what the tier below asks for; null for a tier turns it
    off; null for ``sources`` or ``reach`` no longer asks for it.

    Raises:
        AnalysisError: an unknown name or an impossible value; names its path and the remedy.
    """
    given = dict(thresholds or {})
    known = [tier.wire for tier in DEFAULT_LADDER]
    for name in given:
        if name not in known:
            raise AnalysisError(f"thresholds.{name}: unknown tier; use {', '.join(known)}")
    ladder: dict[Tier, Rung] = {}
    below: Rung | None = None
    for tier, default in DEFAULT_LADDER.items():
        if tier.wire in given and given[tier.wire] is None:
            continue
        below = _rung(tier, default, given.get(tier.wire, {}), below)
        ladder[tier] = below
    return MappingProxyType(ladder)


def _rung(tier: Tier, default: Rung, given: object, below: Rung | None) -> Rung:
    if not isinstance(given, Mapping):
        raise AnalysisError(
            f"thresholds.{tier.wire}: give an object such as "
            f'{{"volume": {default.volume}, "score": {default.score}}}, or null to turn it off'
        )
    known = [field.name for field in fields(Rung)]
    values: dict[str, float | None] = {}
    for name, value in given.items():
        path = f"thresholds.{tier.wire}.{name}"
        if name not in known:
            raise AnalysisError(f"{path}: unknown threshold; use {', '.join(known)}")
        values[name] = _threshold(path, name, value)
    lifted = {
        name: max(getattr(default, name), getattr(below, name))
        for name in _RISING
        if below is not None and name not in values
    }
    return replace(default, **lifted, **values)  # type: ignore[arg-type]  # checked by name above


def _threshold(path: str, name: str, value: object) -> float | None:
    if value is None and name in ("sources", "reach"):
        return None
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not math.isfinite(value):  # type: ignore[arg-type]  # a number by now
        raise AnalysisError(f"{path}: {value!r} is not a number; give one")
    assert isinstance(value, (int, float))  # noqa: S101  # for the type checker
    low, high = {"score": (0.0, math.inf), "negative_share": (0.0, 1.0)}.get(name, (1, math.inf))
    if not low <= value <= high:
        limit = f"between {low:g} and {high:g}" if high < math.inf else f"at least {low:g}"
        raise AnalysisError(f"{path}: {value:g} is out of range; give {limit}")
    if name in ("score", "negative_share"):
        return float(value)
    if value != int(value):
        raise AnalysisError(f"{path}: {value:g} is not whole; give a count")
    return int(value)
