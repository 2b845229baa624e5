"""What the API takes and gives about inlets."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from alerts.model import AlertError
from alerts.webhook import secret_of
from collectors.column_map import FIELDS, is_metric
from monitor.api.schemas import Body, Name, absent, without_nul
from monitor.api.schemas_imports import Lang, Zone

MOST_FIELDS = 40
LONGEST_EXPRESSION = 500
INLET_FIELDS = tuple(name for name in FIELDS if name != "source")


def _expression(text: str) -> str:
    from collectors.recipes.expressions import checked_expression  # jmespath is heavy

    return checked_expression(without_nul(text))


Expression = Annotated[
    str, Field(min_length=1, max_length=LONGEST_EXPRESSION), AfterValidator(_expression)
]


def _usable(secret: str) -> str:
    try:
        secret_of(secret)
    except AlertError as error:
        raise ValueError(str(error)) from error
    return secret


# kept as it was written: signatures in hex are made with its letters
InletSecret = Annotated[
    str,
    StringConstraints(min_length=24, max_length=200, pattern=r"^[!-~]+$"),
    AfterValidator(_usable),
]


def _fields(fields: dict[str, str]) -> dict[str, str]:
    if len(fields) > MOST_FIELDS:
        raise ValueError(f"最多 {MOST_FIELDS} 个字段 (too many fields)")
    for name in fields:
        if name not in INLET_FIELDS and not is_metric(name):
            known = ", ".join(INLET_FIELDS)
            raise ValueError(f"没有字段 {name[:60]!r};可用: {known}, metrics.* (unknown field)")
    if not fields.keys() & {"text", "title"}:
        raise ValueError("至少要映射 text 或 title (map text or title)")
    return fields


MAP_EXAMPLE: dict[str, Any] = {
    "items": "data.tickets",
    "map": {
        "external_id": "id",
        "text": "content",
        "author.name": "customer.name",
        "published_at": "created",
    },
    "kind": "review",
}


class InletMap(Body):
    """Where the rows stand in a message, and where each field stands in a row; both JMESPath."""

    model_config = ConfigDict(json_schema_extra={"examples": [MAP_EXAMPLE]})

    items: Expression = Field(default="@", description="The rows; a single object is one row.")
    map: Annotated[dict[str, Expression], AfterValidator(_fields)]
    kind: Literal["article", "post", "comment", "review"] | None = None
    lang: Lang | None = None
    timezone: Zone | None = Field(default=None, description="Of times without a zone.")
    rating_best: Literal[1, 5, 10, 100] | None = None


INLET_EXAMPLE: dict[str, Any] = {
    "name": "客服工单",
    "source": "客服系统",
    "mapping": MAP_EXAMPLE,
    "enabled": True,
}


class InletIn(Body):
    """A whole inlet. With a secret, messages must be signed (see `receive`)."""

    model_config = ConfigDict(json_schema_extra={"examples": [INLET_EXAMPLE]})

    name: Name
    source: Name = Field(
        description="The source of its posts; an unknown name becomes a push source."
    )
    mapping: InletMap
    secret: InletSecret | None = None
    enabled: bool = True


class InletPatch(Body):
    """The fields to change; a secret of null takes signatures off."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"enabled": False}]})

    name: Name = Field(default_factory=absent)
    source: Name = Field(default_factory=absent)
    mapping: InletMap = Field(default_factory=absent)
    secret: InletSecret | None = Field(default_factory=absent)
    enabled: bool = Field(default_factory=absent)


class InletOut(BaseModel):
    """An inlet; its token and secret are never shown again."""

    id: int
    name: str
    source: str
    source_id: int
    mapping: dict[str, Any]
    signed: bool = Field(description="Whether messages must be signed.")
    enabled: bool
    version: int
    received: int = Field(description="Rows that were stored or known.")
    last_received_at: datetime | None
    last_error: str | None
    created_at: datetime
    updated_at: datetime


class NewInletOut(InletOut):
    """An inlet just made, or with a new token: shown only now."""

    token: str
    path: str = Field(description="Where to post to, on this service.")
