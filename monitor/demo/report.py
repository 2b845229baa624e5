"""What the demo tells: the opening, each alert as it comes, and the result computed from the run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import orjson
from rich.markup import escape
from sqlalchemy import func, select

from alerts.model import DeliveryState
from analysis.model import Tier
from collectors.model import SourceKind
from monitor import __version__
from monitor.demo.exports import exported_until
from monitor.demo.scenario import BAD_DAY, CRISIS_BRAND, DAY, ZONE, Format, Scenario
from monitor.demo.server import Receiver
from monitor.storage.engine import Database
from monitor.storage.tables import alert, alert_event, delivery, keyword_list, mention, post, source

COLOURS = {Tier.BLUE: "blue", Tier.YELLOW: "yellow", Tier.ORANGE: "dark_orange", Tier.RED: "red"}
WORDS = {
    Tier.BLUE: "蓝色 关注",
    Tier.YELLOW: "黄色 一般负面",
    Tier.ORANGE: "橙色 中度舆情",
    Tier.RED: "红色 重大危机",
}
WAYS = {
    SourceKind.FEED.value: "订阅 feeds",
    "json_api": "接口 JSON API",
    "review_page": "评价页 review page",
    SourceKind.PUSH.value: "导入 imports",
}
EXPECTED = (Tier.YELLOW, Tier.ORANGE, Tier.RED)
CLIMBS = ("opened", "tier_raised", "reopened")


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How to get in: made for this run."""

    password: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the run came to; every figure is read from its database or its receiver."""

    posts: int
    posts_by_kind: dict[str, int]
    mentions: int
    first_post: str
    tiers: dict[str, str]
    minutes_to_warning: float | None
    false_alarms: int
    deliveries: int
    delivered: int
    verified: int
    invalid_signatures: int
    problems: tuple[str, ...]

    @property
    def is_expected(self) -> bool:
        """Whether the crisis was warned of as it must be, and every message came through verified."""
        return not self.problems

    def to_json(self) -> str:
        """Return the result as one JSON object."""
        return orjson.dumps(
            {**asdict(self), "ok": self.is_expected}, option=orjson.OPT_INDENT_2
        ).decode()


class Teller:
    """Tells the events of alerts since it was last asked."""

    def __init__(self, database: Database, day0: datetime) -> None:
        self._database = database
        self._since = 0
        self._crisis_day = day0 + BAD_DAY * DAY

    def news(self) -> list[str]:
        """Return one line for each alert that opened or rose, yellow and above."""
        query = (
            select(alert_event, alert.c.title, keyword_list.c.name)
            .join(alert, alert.c.id == alert_event.c.alert_id)
            .join(keyword_list, keyword_list.c.id == alert.c.keyword_list_id)
            .where(alert_event.c.id > self._since)
            .order_by(alert_event.c.id)
        )
        with self._database.read() as connection:
            rows = connection.execute(query).mappings().all()
        if rows:
            self._since = rows[-1]["id"]
        return [
            self._line(row["at"], Tier(row["tier"]), row["name"], row["reason"])
            for row in rows
            if row["kind"] in CLIMBS and row["tier"] >= Tier.YELLOW
        ]

    def _line(self, at: datetime, tier: Tier, name: str, reason: str) -> str:
        local = at.astimezone(ZONE)
        shown = f"{local:%H:%M}" if at >= self._crisis_day else f"{local:%m-%d %H:%M}"
        return (
            f"  {shown}  [bold {COLOURS[tier]}]{WORDS[tier]}[/]  {escape(name)}  {escape(reason)}"
        )


def opening(scenario: Scenario, directory: Path, port: int, access: Access) -> str:
    """Return what is said before the replay starts."""
    return "\n".join(
        (
            f"[bold]见微 Jianwei {__version__}[/] · 演示模式 demo(数据与正式库隔离: {escape(str(directory))})",
            f" ✔ 示例 「{CRISIS_BRAND}」 {len(scenario.posts):,} 条 · {len(scenario.sources)} 来源 ·"
            f" {len(scenario.brands)} 品牌(均为虚构 · all invented)",
            f" ✔ 页面  http://127.0.0.1:{port}/   用户 admin  口令 {access.password}",
        )
    )


def closing(result: Result) -> str:
    """Return what is said after the replay."""
    mark = "[green]✔[/]" if result.is_expected else "[red]✖[/]"
    climbs = " → ".join(f"{at} {tier}" for tier, at in result.tiers.items())
    lines = [
        f" {mark} 首条 first post {result.first_post} · 预警 warned {climbs or '—'}"
        + (
            f"(首发后 {result.minutes_to_warning:.0f} 分钟)"
            if result.minutes_to_warning is not None
            else ""
        ),
        f" {mark} {result.posts:,} 条信息 posts · {result.mentions:,} 次提及 mentions ·"
        f" 平日误报 false alarms {result.false_alarms}",
        f" {mark} 来自 by {_ways(result.posts_by_kind)}",
        f" {mark} Webhook 投递 delivered {result.delivered}/{result.deliveries} ·"
        f" 签名验证 verified {result.verified}(内置接收器 built-in receiver)",
        *(f" [red]✖ {escape(problem)}[/]" for problem in result.problems),
    ]
    return "\n".join(lines)


def _ways(posts_by_kind: Mapping[str, int]) -> str:
    return " · ".join(f"{WAYS.get(kind, kind)} {n:,}" for kind, n in posts_by_kind.items())


def invitation(port: int, access: Access) -> str:
    """Return what can be tried while the demo stays up."""
    address = f"http://127.0.0.1:{port}"
    return "\n".join(
        (
            f" 试一试 try: curl -s -H 'Authorization: Bearer {access.key}' {address}/api/v1/alerts",
            f" 页面 page: {address}/   用户 admin  口令 {access.password}   API: /docs   Ctrl+C 结束 ends it",
        )
    )


def result(
    database: Database, receiver: Receiver, scenario: Scenario, day0: datetime, until: datetime
) -> Result:
    """Read the outcome of the run up to ``until`` and say what is not as it must be."""
    crisis_day = day0 + BAD_DAY * DAY
    first = day0 + scenario.first_post_of_crisis.offset
    (posts, mentions, deliveries, done), climbs = _read(database)
    posts_by_kind = _by_kind(database)
    reached: dict[Tier, datetime] = {}
    for at, tier, name in climbs:
        if name == CRISIS_BRAND and at >= crisis_day:
            reached.setdefault(Tier(tier), at)
    false_alarms = sum(1 for at, _, _ in climbs if at < crisis_day)
    warned = min(reached.values(), default=None)
    problems = _problems(reached, first)
    problems += _delivery_problems(deliveries, done, receiver)
    published = _published(scenario, until - day0)
    if posts != published:
        problems.append(f"{published} 条发布,{posts} 条入库 · posts published and stored differ")
    return Result(
        posts=posts,
        posts_by_kind=posts_by_kind,
        mentions=mentions,
        first_post=_clock(first),
        tiers={tier.wire: _clock(at) for tier, at in sorted(reached.items())},
        minutes_to_warning=None if warned is None else (warned - first) / timedelta(minutes=1),
        false_alarms=false_alarms,
        deliveries=deliveries,
        delivered=done,
        verified=len(receiver.webhook_ids),
        invalid_signatures=receiver.invalid,
        problems=tuple(problems),
    )


def _published(scenario: Scenario, until: timedelta) -> int:
    """Return how many posts could be read by ``until``; exported ones come with the last file."""
    seen_until = {
        source.slug: exported_until(until) if source.format is Format.FILES else until
        for source in scenario.sources
    }
    return sum(1 for one in scenario.posts if one.offset <= seen_until[one.source])


def _read(database: Database) -> tuple[tuple[int, int, int, int], list[tuple[datetime, int, str]]]:
    """Return (posts, mentions, deliveries, those done), and (when, tier, list) of every climb."""
    with database.read() as connection:
        posts, mentions, deliveries = (
            connection.scalar(select(func.count()).select_from(table)) or 0
            for table in (post, mention, delivery)
        )
        done = connection.scalar(
            select(func.count()).where(delivery.c.state == DeliveryState.DONE.value)
        )
        climbs = connection.execute(
            select(alert_event.c.at, alert_event.c.tier, keyword_list.c.name)
            .join(alert, alert.c.id == alert_event.c.alert_id)
            .join(keyword_list, keyword_list.c.id == alert.c.keyword_list_id)
            .where(alert_event.c.kind.in_(CLIMBS), alert_event.c.tier >= int(Tier.YELLOW))
            .order_by(alert_event.c.id)
        )
        return (posts, mentions, deliveries, done or 0), [
            (row[0], row[1], row[2]) for row in climbs
        ]


def _by_kind(database: Database) -> dict[str, int]:
    """Return how many posts came from sources of each kind, most first."""
    query = (
        select(source.c.kind, func.count().label("posts"))
        .join(post, post.c.source_id == source.c.id)
        .group_by(source.c.kind)
        .order_by(func.count().desc(), source.c.kind)
    )
    with database.read() as connection:
        return {row[0]: row[1] for row in connection.execute(query)}


def _problems(reached: dict[Tier, datetime], first: datetime) -> list[str]:
    missing = [tier.wire for tier in EXPECTED if tier not in reached]
    problems = [f"没有预警 no alert: {tier}" for tier in missing]
    if not missing:
        course = [reached[tier] for tier in EXPECTED]
        if course != sorted(course):
            problems.append("级别没有逐级上升 · the tiers did not climb in order")
    if any(at < first for at in reached.values()):
        problems.append("首条信息之前已预警 · warned before the first post")
    return problems


def _delivery_problems(deliveries: int, done: int, receiver: Receiver) -> list[str]:
    problems = []
    if not deliveries or done != deliveries:
        problems.append(f"投递 {done}/{deliveries} · not every delivery is done")
    if len(receiver.webhook_ids) != deliveries or receiver.invalid:
        problems.append(
            f"接收器验证 {len(receiver.webhook_ids)}/{deliveries},签名无效 {receiver.invalid}"
            " · the receiver did not verify every message"
        )
    return problems


def _clock(at: datetime) -> str:
    return f"{at.astimezone(ZONE):%H:%M}"
