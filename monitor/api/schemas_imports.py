"""What the API takes and gives about imports of files."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal
from zoneinfo import available_timezones

from fastapi import UploadFile
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from collectors.model import PostKind
from monitor.api.schemas import Name, Text

MOST_MAPPING = 20_000
MAPPING_EXAMPLE = '{"text": "内容", "published_at": "发布时间", "author.name": "作者"}'


def _known_zone(name: str) -> str:
    if name not in available_timezones():
        raise ValueError("不是 IANA 时区,例如 Asia/Shanghai (no IANA time zone)")
    return name


Zone = Annotated[str, Field(max_length=60), AfterValidator(_known_zone)]
Lang = Annotated[str, StringConstraints(pattern="^[A-Za-z0-9-]{1,20}$")]


class ImportForm(BaseModel):
    """A file with how to read it (multipart/form-data)."""

    model_config = ConfigDict(extra="forbid")

    file: UploadFile = Field(description="CSV, TSV, XLSX or JSON lines, up to 50 MB.")
    mapping: Annotated[str, Field(max_length=MOST_MAPPING)] = Field(
        default="{}",
        description="JSON: a column by field, null for a field that stays empty; absent fields are guessed.",
        examples=[MAPPING_EXAMPLE],
    )
    source: Name | None = Field(default=None, description="The source of all rows.")
    kind: PostKind | None = None
    lang: Lang | None = None
    product: Annotated[Text, Field(max_length=300)] | None = None
    timezone: Zone | None = Field(
        default=None, description="Of times without a zone; absent: the installation's."
    )
    rating_best: Literal["1", "5", "10", "100"] | None = Field(
        default=None, description="The top of the scale of ratings; absent: 5."
    )
    dry_run: bool = Field(default=False, description="Say what would happen and store nothing.")


class RejectOut(BaseModel):
    """A row that was not taken; ``line`` is the line of the text, or the row number in Excel."""

    line: int
    column: str
    reason: str


class RehearsedPost(BaseModel):
    """A post as it would be stored."""

    model_config = ConfigDict(extra="allow")

    line: int
    source: str
    title: str | None
    text: str
    published_at: datetime | None


class ImportPreviewOut(BaseModel):
    """What an import would do."""

    dry_run: Literal[True]
    columns: list[str]
    mapping: dict[str, Any]
    guessed: list[str] = Field(description="Fields whose column was guessed from its header.")
    unmapped: list[str] = Field(description="Columns that nothing is read from.")
    rows: int
    accepted: int
    rejected: int
    rejects: list[RejectOut] = Field(description="The first 100.")
    posts: list[RehearsedPost] = Field(description="The first five.")


class ImportJobOut(BaseModel):
    """An import, as far as it came."""

    id: int
    file_name: str
    source_id: int | None
    mapping: dict[str, Any]
    actor: str
    rows_done: int
    created: int
    duplicate: int
    updated: int
    rejected: int
    started_at: datetime
    updated_at: datetime
    finished_at: datetime | None = Field(
        description="null: not to its end; send the same file again."
    )


class ImportedOut(ImportJobOut):
    """An import that ran now. ``rows_before`` were done by an earlier run of the same file."""

    dry_run: Literal[False]
    rows_before: int
    repeated: bool = Field(description="The same file had been imported whole; nothing was done.")
    rejects: list[RejectOut] = Field(description="The first 100.")


class ImportDetailOut(ImportJobOut):
    """An import with its rejects."""

    rejects: list[RejectOut] = Field(description="The first 1,000.")
