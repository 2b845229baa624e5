"""The values that understanding and detection produce."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum, StrEnum


class Sentiment(StrEnum):
    """Attitude toward, or impact on, the organisation a text is about."""

    NEGATIVE = "negative"
    NEUTRAL = "neutral"
    POSITIVE = "positive"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A half-open range of characters (code points) of the *original* text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Word:
    """A word that drove a score: ``weight`` > 0 pulls to positive, < 0 to negative."""

    text: str
    start: int
    end: int
    weight: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Sentiment of a text. ``score`` = P(positive) − P(negative), ``confidence`` = P(label)."""

    label: Sentiment
    score: float
    confidence: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetJudgement:
    """Sentiment toward one name only."""

    name: str
    label: Sentiment
    score: float


class ClaimStatus(StrEnum):
    """How certain a statement about a risk is."""

    ALLEGED = "alleged"
    CONFIRMED = "confirmed"
    DENIED = "denied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """A risk class stated by a text, with the places that state it."""

    risk_class: str
    status: ClaimStatus
    hits: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One expression of a keyword list; ``id`` is stable over edits of the list."""

    id: int
    expression: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeywordList:
    """A keyword list as matching sees it.

    ``aliases`` are plain names (each a phrase, no operators); ``keywords`` are expressions; a text
    that one of the ``exclude`` expressions matches is no mention, whatever else it holds.
    """

    id: int
    name: str
    aliases: tuple[Keyword, ...] = ()
    keywords: tuple[Keyword, ...] = ()
    exclude: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """What matching may look at. Offsets of hits refer to ``full``: title, line feed, text."""

    text: str
    title: str = ""
    author: str = ""
    source: str = ""
    lang: str = ""

    @property
    def full(self) -> str:
        """Title and text as one; without a title the text alone."""
        return f"{self.title}\n{self.text}" if self.title else self.text


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """A keyword list that a document matches: which of its keywords, and where (sorted, merged)."""

    keyword_list_id: int
    keyword_ids: tuple[int, ...]
    hits: tuple[Span, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchedList:
    """A match and the sentiment toward that list's names."""

    match: Match
    target: TargetJudgement


@dataclass(frozen=True, slots=True, kw_only=True)
class Understanding:
    """All that was read out of one document. ``tokens`` feed the full-text index."""

    lang: str
    sentiment: Judgement
    risks: tuple[Risk, ...]
    mentions: tuple[MatchedList, ...]
    tokens: str
    model_version: str


class Tier(IntEnum):
    """Degrees of warning; ``Tier.RED > Tier.BLUE``."""

    NONE = 0
    BLUE = 1
    YELLOW = 2
    ORANGE = 3
    RED = 4

    @property
    def wire(self) -> str:
        """The lower-case English word used in the API, tables and messages."""
        return self.name.lower()

    @classmethod
    def parse(cls, wire: str) -> Tier:
        """Return the tier of a wire word; raises ValueError that lists the known ones."""
        try:
            return cls[wire.upper()]
        except KeyError:
            known = ", ".join(tier.wire for tier in cls)
            raise ValueError(f"unknown tier {wire!r}; known: {known}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What a tier asks for: all of these in one window.

    ``volume`` counts negative mentions, ``score`` is the burst score, ``negative_share`` is 0…1.
    ``sources`` (distinct) or ``reach`` (people): one of the two is enough; both None asks for neither.
    """

    volume: int
    score: float
    negative_share: float = 0.0
    sources: int | None = None
    reach: int | None = None


Ladder = Mapping[Tier, Rung]


class SignalReason(StrEnum):
    """Why a tier was reached, or why not."""

    BURST_NEGATIVE = "burst_negative"
    BURST_VOLUME = "burst_volume"
    WARM_UP_VOLUME = "warm_up_volume"
    BELOW_VOLUME = "below_volume"
    BELOW_SCORE = "below_score"
    BELOW_SHARE = "below_share"
    QUIET = "quiet"


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """One row of "why it fired": ``threshold`` is that of the tier named; None asks for nothing."""

    name: str
    observed: float | None
    baseline: float | None
    threshold: float | None
    met: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """This list reached this tier in this window: with everything needed to recompute it."""

    keyword_list_id: int
    rule_version: str
    tier: Tier
    reason: SignalReason
    window_start: datetime
    window_end: datetime
    observed: int
    baseline: float
    score: float
    mentions: int
    negative_share: float
    sources: int
    reach: int | None
    conditions: tuple[Condition, ...]
    evidence: tuple[int, ...] = field(default=())

    @property
    def key(self) -> str:
        """Unique per rule, version, list, window and tier: the same evidence is one signal."""
        start = int(self.window_start.timestamp())
        return f"burst:{self.rule_version}:{self.keyword_list_id}:{start}:{self.tier.wire}"


class AnalysisError(Exception):
    """Something given to the analysis cannot be used; the text names the place and the remedy."""
