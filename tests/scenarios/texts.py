"""Invented posts about invented brands, as rows of ``POST /posts/batch``."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Any

_PLACES = ("杭州", "成都", "武汉", "西安", "苏州", "青岛", "长沙", "郑州", "合肥", "昆明")
_NEGATIVE = (
    "{brand}电池起火,太可怕了,{place}车主维权无门,第{number}次投诉没人管",
    "在{place}买的{brand}又坏了,质量太差,客服态度恶劣,要求退款 {number}",
    "{brand}欺骗消费者,{place}门店拒绝赔偿,差评,再也不买了 {number}",
)
_NEUTRAL = ("{brand}{place}门店营业时间调整为九点至十八点 公告第{number}号",)
_number = count(1)


def negative(brand: str, random: Random | None = None) -> str:
    """Return a complaint about the brand, different every time."""
    return _text(_NEGATIVE, brand, random)


def neutral(brand: str, random: Random | None = None) -> str:
    """Return a routine announcement of the brand, different every time."""
    return _text(_NEUTRAL, brand, random)


def _text(shapes: tuple[str, ...], brand: str, random: Random | None) -> str:
    number = next(_number)
    chosen = random or Random(number)
    return chosen.choice(shapes).format(brand=brand, place=chosen.choice(_PLACES), number=number)


def row(text: str, at: datetime | None = None, *, source: str = "论坛") -> dict[str, Any]:
    """Return one row; its external id is new."""
    found: dict[str, Any] = {"source": source, "external_id": f"post-{next(_number)}", "text": text}
    return found if at is None else {**found, "published_at": at.isoformat()}


def flat(brand: str, now: datetime, *, days: float, per_hour: int) -> list[dict[str, Any]]:
    """Return complaints spread evenly over the last days, up to now, the oldest first."""
    step = timedelta(hours=1) / per_hour
    times = (now - step * (place + 0.5) for place in range(round(days * 24 * per_hour)))
    return [row(negative(brand), at) for at in sorted(times)]


def burst(
    brand: str, end: datetime, *, posts: int, within: timedelta = timedelta(minutes=55)
) -> list[dict[str, Any]]:
    """Return complaints from five sources, spread evenly over the time before ``end``."""
    sources: Iterator[int] = (place % 5 for place in count())
    return [
        row(negative(brand), end - within * (posts - place) / posts, source=f"论坛{next(sources)}")
        for place in range(posts)
    ]
