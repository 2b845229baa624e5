"""What the API answers about a list of feeds."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

EXAMPLE: dict[str, Any] = {
    "dry_run": False,
    "created": 1,
    "duplicate": 0,
    "rejected": 1,
    "data": [
        {
            "line": 5, "name": "汽车论坛 新帖", "url": "https://forum.example.com/new.rss", "folder": "汽车/论坛",
            "result": "created", "reason": None,
        },
        {
            "line": 6, "name": "旧书签", "url": None, "folder": "", "result": "rejected",
            "reason": "没有 xmlUrl,不是订阅源 (no xmlUrl: not a feed)",
        },
    ],
}  # fmt: skip


class OutlineOut(BaseModel):
    """What became of one outline; ``line`` is its line in the file, ``name`` the source's."""

    line: int
    name: str
    url: str | None
    folder: str
    result: Literal["created", "duplicate", "rejected"]
    reason: str | None


class OpmlOut(BaseModel):
    """What became of the file, line by line; folders have no line of their own."""

    model_config = ConfigDict(json_schema_extra={"examples": [EXAMPLE]})

    dry_run: bool
    created: int
    duplicate: int
    rejected: int
    data: list[OutlineOut]
