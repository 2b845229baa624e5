"""Small drawings made on the server: SVG with classes only, since the page allows no inline style."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

WIDTH, HEIGHT, EDGE = 116.0, 34.0, 3.0


def spark(values: Sequence[float | None], tone: str) -> Markup:
    """Return a sparkline of ``values`` in time order; None is a hole, and too few values draw nothing."""
    known = [value for value in values if value is not None]
    if len(known) < 2:  # a line needs two points
        return Markup("")
    low, span = min(known), (max(known) - min(known)) or 1.0
    step = (WIDTH - 2 * EDGE) / (len(values) - 1)
    points = [
        (EDGE + at * step, HEIGHT - EDGE - (value - low) / span * (HEIGHT - 2 * EDGE))
        for at, value in enumerate(values)
        if value is not None
    ]
    line = "M" + " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
    (first, _), (last, height) = points[0], points[-1]
    area = f"{line} L{last:.1f} {HEIGHT:.0f} L{first:.1f} {HEIGHT:.0f} Z"
    return Markup(
        '<svg class="spark s-{}" viewBox="0 0 116 34" width="116" height="34" aria-hidden="true">'
        '<path class="sp-a" d="{}"/><path class="sp-l" d="{}"/><circle class="sp-d" cx="{:.1f}" cy="{:.1f}" r="2.6"/></svg>'
    ).format(tone, area, line, last, height)


def ring(left: float) -> Markup:
    """Return a ring filled by ``left``, the share 0…1 of a deadline that remains; empty when over."""
    radius = 26
    around = 2 * math.pi * radius
    filled = Markup(
        '<circle class="rg-f" cx="32" cy="32" r="{}" stroke-dasharray="{:.1f} {:.1f}" transform="rotate(-90 32 32)"/>'
    ).format(radius, around * min(1.0, left), around)
    return Markup(
        '<svg class="ring" viewBox="0 0 64 64" width="64" height="64" aria-hidden="true">'
        '<circle class="rg-b" cx="32" cy="32" r="{}"/>{}</svg>'
    ).format(radius, filled if left > 0 else "")


def bar(parts: Sequence[tuple[str, float]]) -> Markup:
    """Return one stacked horizontal bar of (class, amount); it fills its box, zero amounts vanish."""
    total = sum(amount for _, amount in parts) or 1.0
    at, pieces = 0.0, []
    for css, amount in parts:
        wide = 100 * amount / total
        pieces.append(
            Markup('<rect class="{}" x="{:.2f}" y="0" width="{:.2f}" height="8"/>').format(
                css, at, wide
            )
        )
        at += wide
    return Markup(
        '<svg class="hbar" viewBox="0 0 100 8" preserveAspectRatio="none" aria-hidden="true">{}</svg>'
    ).format(Markup("").join(pieces))
