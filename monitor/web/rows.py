"""Alerts, mentions and sources as the page shows them: plain values, ready for a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from markupsafe import Markup
from sqlalchemy import RowMapping

from alerts.model import AlertState
from analysis.model import Sentiment, Tier, Word
from collectors.model import SourceState
from monitor.storage import overview
from monitor.web import formats
from monitor.web.drawings import ring
from monitor.web.marks import Mark, MarkKind, excerpt, marked, safe_link
from monitor.web.words import Words

Row = Mapping[str, Any] | RowMapping
BASELINE_DAYS = "baseline_days"
EXCERPT = 220
TITLE = 120
NUMERALS = {Tier.BLUE: "IV", Tier.YELLOW: "III", Tier.ORANGE: "II", Tier.RED: "I"}
TONES = {Sentiment.NEGATIVE: "neg", Sentiment.POSITIVE: "pos", Sentiment.NEUTRAL: "neu"}
LATE_INTERVALS = 3
LATE_LEAST = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where and when a page is read."""

    words: Words
    zone: tzinfo
    now: datetime

    def at(self, moment: datetime) -> str:
        """Return a moment in local time, short."""
        return formats.moment(moment, self.now, self.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One pill: what was seen, what is usual, what was asked for."""

    name: str
    label: str
    observed: str
    usual: str
    threshold: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One point of the track of an alert; ``done`` when it has happened."""

    label: str
    note: str
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertView:
    """An alert on the page. ``deadline`` is machine time, empty without one."""

    id: int
    tier: int
    numeral: str
    state: str
    state_label: str
    title: str
    list_name: str
    list_id: int
    opened: str
    opened_at: str
    opened_exact: str
    reasons: tuple[Reason, ...]
    window: str
    sentence: str
    steps: tuple[Step, ...]
    holder: str
    deadline: str
    deadline_label: str
    left: str
    is_late: bool
    ring: Markup

    @property
    def can_acknowledge(self) -> bool:
        """Whether somebody still has to take it."""
        return self.state == AlertState.OPEN

    @property
    def is_closed(self) -> bool:
        """Whether nobody has to act any more."""
        return AlertState(self.state).is_closed


def alert_view(row: Row, place: Place) -> AlertView:
    """Return an alert's row as shown; only conditions that were met are reasons."""
    state, tier, deadline = AlertState(row["state"]), Tier(row["tier"]), row["deadline_at"]
    is_running = deadline is not None and not state.is_closed
    left = deadline - place.now if is_running else timedelta(0)
    return AlertView(
        id=row["id"],
        tier=int(tier),
        numeral=NUMERALS.get(tier, ""),
        state=state.value,
        state_label=place.words(f"state.{state.value}"),
        title=row["title"],
        list_name=row["list_name"],
        list_id=row["keyword_list_id"],
        opened=place.at(row["opened_at"]),
        opened_at=formats.machine(row["opened_at"]),
        opened_exact=formats.exact(row["opened_at"], place.zone),
        reasons=_reasons(row["explanation"], place.words),
        window=_window(row["explanation"], place),
        sentence=row["explanation"].get("sentence") or "",
        steps=_steps(row, place),
        holder=row["assignee"] or row["acknowledged_by"] or "",
        deadline=formats.machine(deadline) if is_running else "",
        deadline_label=place.words(f"deadline.{state.value}") if is_running else "",
        left=formats.countdown(left) if is_running else "",
        is_late=is_running and left < timedelta(0),
        ring=ring(left / _allowed(row)) if is_running else Markup(""),
    )


def _allowed(row: Row) -> timedelta:
    """Return how long the running deadline is: it begins anew with the acknowledgement."""
    allowed: timedelta = row["deadline_at"] - (row["acknowledged_at"] or row["opened_at"])
    return max(allowed, timedelta(seconds=1))


def _reasons(explanation: Mapping[str, Any], words: Words) -> tuple[Reason, ...]:
    """Return the conditions that were met; that a list has no baseline yet is said as well."""
    rows = explanation.get("conditions") or ()
    formed = [
        row
        for row in rows
        if row["name"] != BASELINE_DAYS and row["met"] and row["observed"] is not None
    ]
    young = [row for row in rows if row["name"] == BASELINE_DAYS and not row["met"]]
    return tuple(_reason(row, words) for row in (*formed, *young))


def _reason(row: Row, words: Words) -> Reason:
    name, lang = str(row["name"]), words.lang
    usual, threshold = row.get("baseline"), row.get("threshold")
    return Reason(
        name=name,
        label=words.known(f"condition.{name}", name),
        observed="" if row["observed"] is None else _amount(name, row["observed"], lang),
        usual=""
        if usual is None
        else words("condition.baseline", value=_amount(name, usual, lang)),
        threshold=""
        if threshold is None
        else words("condition.threshold", value=_amount(name, threshold, lang)),
    )


def _amount(name: str, value: float, lang: str) -> str:
    if name == "negative_share":
        return f"{formats.percent(value)}%"
    return f"{value:.1f}σ" if name == "score" else formats.number(value, lang)


def _window(explanation: Mapping[str, Any], place: Place) -> str:
    window = explanation.get("window") or {}
    if "start" not in window or "end" not in window:
        return ""
    start, end = (
        datetime.fromisoformat(window[name]).astimezone(place.zone) for name in ("start", "end")
    )
    return place.words("banner.window", start=f"{start:%H:%M}", end=f"{end:%H:%M}")


def _steps(row: Row, place: Place) -> tuple[Step, ...]:
    words = place.words
    pending = words("step.pending")
    taken = row["acknowledged_at"]
    notes = (
        ("opened", place.at(row["opened_at"]), True),
        (
            "acknowledged",
            f"{place.at(taken)} · {row['acknowledged_by'] or ''}" if taken else pending,
            bool(taken),
        ),
        ("assigned", row["assignee"] or pending, bool(row["assignee"])),
        (
            "closed",
            place.at(row["closed_at"]) if row["closed_at"] else pending,
            bool(row["closed_at"]),
        ),
    )
    return tuple(
        Step(label=words(f"step.{name}"), note=note, done=done) for name, note, done in notes
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Chip:
    """One reason of a judgement: a word or a risk class, and its weight or status."""

    text: str
    weight: str
    css: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MentionView:
    """A mention on the page; title and text are escaped and marked."""

    id: int
    element: str
    tone: str
    kind: str
    list_name: str
    author: str
    followers: str
    source: str
    at: str
    at_exact: str
    ago: str
    title: Markup
    text: Markup
    link: str | None
    label: str
    score: str
    confidence: str
    chips: tuple[Chip, ...]


def mention_view(row: Row, read: Sequence[Word], place: Place) -> MentionView:
    """Return a mention as shown, with the marks of its hits, risks and driving words."""
    words, sentiment = place.words, Sentiment(row["sentiment"])
    title, text = _texts(row, _marks(row, read))
    return MentionView(
        id=row["id"],
        element=f"mn-{row['post_id']}-{row['keyword_list_id']}",
        tone=TONES.get(sentiment, "neu"),
        kind=words.known(f"post.{row['kind']}", "·"),
        list_name=row["list_name"],
        author=row["author_name"] or row["author_handle"] or words("nobody"),
        followers=""
        if row["followers"] is None
        else words("followers", count=formats.number(row["followers"], words.lang)),
        source=row["source"],
        at=formats.machine(row["published_at"]),
        at_exact=formats.exact(row["published_at"], place.zone),
        ago=formats.ago(row["published_at"], place.now, words.lang),
        title=title,
        text=text,
        link=safe_link(row["url"]),
        label=words(sentiment.value),
        score=_signed(row["score"], 2),
        confidence=f"{row['confidence']:.2f}",
        chips=_chips(row, read, words),
    )


def _marks(row: Row, read: Sequence[Word]) -> list[Mark]:
    hits = [Mark(start=start, end=end, kind=MarkKind.HIT) for start, end in row["hits"]]
    risks = [
        Mark(start=start, end=end, kind=MarkKind.RISK)
        for risk in row["risks"]
        for start, end in risk.get("hits", ())
    ]
    drove = [
        Mark(
            start=word.start,
            end=word.end,
            kind=MarkKind.NEGATIVE if word.weight < 0 else MarkKind.POSITIVE,
        )
        for word in read
    ]
    return hits + risks + drove


def _texts(row: Row, marks: Sequence[Mark]) -> tuple[Markup, Markup]:
    """Return title and excerpt; offsets count through title, line break and text."""
    title = row["title"] or ""
    if not title:
        return Markup(""), excerpt(row["text"], marks, EXCERPT)
    offset = len(_before_text(row))
    inside = [
        Mark(start=mark.start - offset, end=mark.end - offset, kind=mark.kind)
        for mark in marks
        if mark.end > offset
    ]
    cut = "…" if len(title) > TITLE else ""
    return marked(title[:TITLE], marks) + cut, excerpt(row["text"], inside, EXCERPT)


def _before_text(row: Row) -> str:
    """Return the part of the judged text that comes before the post's own text."""
    return f"{row['title']}\n" if row["title"] else ""


def _chips(row: Row, read: Sequence[Word], words: Words) -> tuple[Chip, ...]:
    risks = [
        Chip(
            text=words.known(f"risk.{risk['class']}", risk["class"]),
            weight=words.known(f"status.{risk['status']}", risk["status"]),
            css="r",
        )
        for risk in row["risks"]
    ]
    drove = [
        Chip(text=word.text, weight=_signed(word.weight, 1), css="g" if word.weight < 0 else "p")
        for word in read
    ]
    return (*risks, *drove)


def _signed(value: float, digits: int) -> str:
    return f"{value:+.{digits}f}".replace("-", "−")


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """How the sources do; ``troubles`` name the first ones that are silent or failing."""

    total: int
    good: int
    troubles: tuple[str, ...]

    @property
    def bad(self) -> int:
        """How many do not speak."""
        return self.total - self.good


def health(rows: Sequence[Row], place: Place) -> Health:
    """Return the health of the enabled sources; one that should speak and does not is no good."""
    troubles = [trouble for row in rows if (trouble := _trouble(row, place))]
    return Health(total=len(rows), good=len(rows) - len(troubles), troubles=tuple(troubles))


def _trouble(row: Row, place: Place) -> str:
    if not overview.is_pulled(row["kind"]):
        return ""
    if row["state"] not in (SourceState.OK, SourceState.NEW):
        return place.words("sources.bad", name=row["name"], reason=row["reason"] or row["state"])
    silence = place.now - (row["last_success_at"] or row["created_at"])
    if silence <= max(LATE_LEAST, LATE_INTERVALS * timedelta(seconds=row["interval_seconds"])):
        return ""
    return place.words("sources.late", name=row["name"], minutes=int(silence.total_seconds() // 60))
