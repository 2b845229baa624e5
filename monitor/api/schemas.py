"""What the API takes and gives: types that all resources share, and keyword lists."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import Path
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)
from typing_extensions import TypedDict  # pydantic needs this one before Python 3.12

from analysis.ladder import ladder_from
from analysis.model import AnalysisError
from analysis.query import QueryError, parse, plain

LARGEST = 2**63 - 1
MOST_EXPRESSIONS = 10_000
MOST_PREVIEWED = 500
LONGEST_EXPRESSION_BYTES = 2_600  # an index row of PostgreSQL takes 2,704 bytes


def without_nul(text: str) -> str:
    """Return ``text``; raises ValueError on U+0000, which PostgreSQL cannot store."""
    if "\0" in text:
        raise ValueError("不能包含 NUL 字符 (must not contain U+0000)")
    return text


def absent() -> Any:  # noqa: ANN401  # stands for any field of a partial body
    """Return what a field of a partial body holds when it was not given; it is never read."""
    return None


def _alias(text: str) -> str:
    return _read(text, plain)


def _expression(text: str) -> str:
    return _read(text, parse)


def _read(text: str, reader: Any) -> str:  # noqa: ANN401  # parse or plain
    if len(text.encode()) > LONGEST_EXPRESSION_BYTES:
        raise ValueError(f"超过 {LONGEST_EXPRESSION_BYTES} 字节,请拆成几条 (too long: split it)")
    try:
        reader(text)
    except QueryError as error:
        raise ValueError(
            f"第 {error.column} 列: {error.message} (column {error.column})"
        ) from error
    return text


Text = Annotated[str, AfterValidator(without_nul)]
Name = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(without_nul),
]
# A deleted list keeps its row under its name and " (deleted <id>)", in 200 characters.
ListName = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=160),
    AfterValidator(without_nul),
]
Alias = Annotated[str, Field(min_length=1), AfterValidator(without_nul), AfterValidator(_alias)]
Expression = Annotated[
    str, Field(min_length=1), AfterValidator(without_nul), AfterValidator(_expression)
]
Aliases = Annotated[list[Alias], Field(max_length=MOST_EXPRESSIONS)]
Expressions = Annotated[list[Expression], Field(max_length=MOST_EXPRESSIONS)]
Id = Annotated[int, Path(ge=1, le=LARGEST)]
Count = Annotated[int, Field(ge=1, le=1_000_000_000)]
ListKind = Literal["brand", "product", "executive", "campaign", "industry", "competitor", "risk"]


class Body(BaseModel):
    """A request body: unknown fields are refused, nothing is converted by guess."""

    model_config = ConfigDict(extra="forbid", strict=True)


class RungIn(TypedDict, total=False):
    """What a tier asks for; absent fields keep their defaults."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]  # pydantic's way
    volume: Annotated[
        int, Field(ge=1, le=1_000_000_000, description="Negative mentions in the window.")
    ]
    score: Annotated[float, Field(ge=0, le=1e6, description="Burst score, in standard deviations.")]
    negative_share: Annotated[float, Field(ge=0, le=1)]
    sources: Count | None
    reach: Count | None


class ThresholdsIn(TypedDict, total=False):
    """A rung for each tier; null turns the tier off."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)  # type: ignore[misc]  # pydantic's way
    blue: RungIn | None
    yellow: RungIn | None
    orange: RungIn | None
    red: RungIn | None


def _ladder(thresholds: ThresholdsIn | None) -> ThresholdsIn | None:
    try:
        ladder_from(None if thresholds is None else dict(thresholds))
    except AnalysisError as error:
        raise ValueError(str(error)) from error
    return thresholds


Thresholds = Annotated[ThresholdsIn | None, AfterValidator(_ladder)]
LIST_EXAMPLE: dict[str, Any] = {
    "name": "云雀汽车",
    "kind": "brand",
    "aliases": ["云雀汽车", "Skylark"],
    "keywords": ["(续航 OR 电池) NEAR/5 起火", "刹车 失灵 NOT 招聘"],
    "exclude": ["二手 转让"],
    "thresholds": {"yellow": {"volume": 8, "score": 4.5}},
    "owner": "公关部",
    "enabled": True,
}


class KeywordListIn(Body):
    """A whole keyword list; absent fields take their defaults."""

    model_config = ConfigDict(json_schema_extra={"examples": [LIST_EXAMPLE]})

    name: ListName
    kind: ListKind = "brand"
    aliases: Aliases = Field(
        default=[], description="Plain names, each a phrase without operators."
    )
    keywords: Expressions = Field(default=[], description="Expressions of the query language.")
    exclude: Expressions = Field(
        default=[], description="A text that one of these matches is no mention."
    )
    thresholds: Thresholds = Field(
        default=None, description="What the tiers ask for; null: the defaults."
    )
    owner: Name | None = None
    enabled: bool = True


class KeywordListPatch(Body):
    """The fields to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"aliases": ["云雀汽车", "云雀"]}]})

    name: ListName = Field(default_factory=absent)
    kind: ListKind = Field(default_factory=absent)
    aliases: Aliases = Field(default_factory=absent)
    keywords: Expressions = Field(default_factory=absent)
    exclude: Expressions = Field(default_factory=absent)
    thresholds: Thresholds = Field(default_factory=absent)
    owner: Name | None = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class PreviewIn(Body):
    """Expressions to try on the stored posts of the last days."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"aliases": ["云雀汽车"], "keywords": ["电池 NEAR/5 起火"], "days": 7}]
        }
    )

    aliases: Annotated[list[Alias], Field(max_length=MOST_PREVIEWED)] = []
    keywords: Annotated[list[Expression], Field(max_length=MOST_PREVIEWED)] = []
    exclude: Annotated[list[Expression], Field(max_length=MOST_PREVIEWED)] = []
    days: Annotated[int, Field(ge=1, le=31)] = 7

    @model_validator(mode="after")
    def _not_empty(self) -> PreviewIn:
        if not self.aliases and not self.keywords:
            raise ValueError("至少给出一个别名或关键词 (give at least one alias or keyword)")
        return self


class KeywordListOut(BaseModel):
    """A keyword list as it is stored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": 1, **LIST_EXAMPLE, "version": 3,
                    "created_at": "2026-03-01T08:00:00Z", "updated_at": "2026-03-10T05:08:00Z",
                }
            ]
        }
    )  # fmt: skip

    id: int
    name: str
    kind: ListKind
    aliases: list[str]
    keywords: list[str]
    exclude: list[str]
    thresholds: dict[str, Any] | None
    owner: str | None
    enabled: bool
    version: int
    created_at: datetime
    updated_at: datetime


class VersionOut(BaseModel):
    """A keyword list as it was."""

    id: int
    version: int
    body: dict[str, Any]
    actor: str
    at: datetime


class PreviewedExpression(BaseModel):
    """How many of the posts one expression matched."""

    expression: str
    count: int


class PreviewedPost(BaseModel):
    """A post that would be a mention. ``hits`` are offsets into title + newline + text."""

    id: int
    title: str | None
    text: str
    url: str | None
    source: str
    published_at: datetime
    sentiment: str
    hits: list[tuple[int, int]]


class PreviewOut(BaseModel):
    """What the expressions find; with ``complete`` false the counts are of the newest posts only."""

    count: int
    complete: bool
    since: datetime
    until: datetime
    aliases: list[PreviewedExpression]
    keywords: list[PreviewedExpression]
    data: list[PreviewedPost]


class PlaceOut(BaseModel):
    """A wrong place and what to do about it."""

    pointer: str
    detail: str


class ImportedRow(BaseModel):
    """What became of one row of the file; ``row`` counts lines of the table from 2, below the header."""

    row: int
    name: str
    result: Literal["created", "updated", "unchanged", "rejected"]
    errors: list[PlaceOut]


class ImportOut(BaseModel):
    """What became of the file."""

    dry_run: bool
    created: int
    updated: int
    unchanged: int
    rejected: int
    data: list[ImportedRow]


def page_model(item: type[BaseModel]) -> type[BaseModel]:
    """Return the description of a page of ``item``."""
    from pydantic import create_model  # only describes

    return create_model(
        f"{item.__name__.removesuffix('Out')}Page",
        data=(list[item], ...),  # type: ignore[valid-type]  # built at run time
        next_cursor=(str | None, ...),
        has_more=(bool, ...),
    )
