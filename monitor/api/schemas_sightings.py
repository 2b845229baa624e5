"""What the API takes about sightings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, model_validator

from collectors.model import PostKind
from monitor.api.schemas import Body, without_nul
from monitor.api.schemas_sources import Url

SIGHTING_EXAMPLE: dict[str, Any] = {
    "channel": "patrol",
    "platform": "小红书",
    "url": "https://social.example.com/notes/8f21",
    "title": "提车三天就趴窝",
    "text": "云雀汽车提车三天就趴窝,4S 店说等通知",
    "author": "北城老王",
    "followers": 12000,
    "seen_at": "2026-03-10 13:05",
}


Short = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100), AfterValidator(without_nul)
]
AuthorName = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=500), AfterValidator(without_nul)
]
Title = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2_000), AfterValidator(without_nul)
]
Report = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=20_000), AfterValidator(without_nul)
]


class SightingIn(Body):
    """What a person saw where we may not look: on a patrol, as staff, at the service desk."""

    model_config = ConfigDict(json_schema_extra={"examples": [SIGHTING_EXAMPLE]})

    channel: Literal["patrol", "staff", "service"] = Field(
        default="patrol", description="人工巡查, 员工上报 or 客服上报: the source of the post."
    )
    platform: Short = ""
    url: Url | None = None
    title: Title = ""
    text: Report = ""
    author: AuthorName = ""
    followers: Annotated[int, Field(ge=0, le=2**53)] | None = None
    kind: Literal["article", "post", "comment", "review"] = PostKind.POST.value
    seen_at: Short = Field(default="", description="When it was published or seen; absent: now.")

    @model_validator(mode="after")
    def _says_something(self) -> SightingIn:
        if not self.title and not self.text:
            raise ValueError("标题和正文不能都为空 (give a title or a text)")
        return self
