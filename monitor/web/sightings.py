"""The form for what people saw where no collector may look: 人工巡查, staff, the service desk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from pydantic import Field, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.responses import RedirectResponse, Response

from collectors.numbers import number_zh
from monitor.api.problems import Problem
from monitor.api.schemas_sightings import SightingIn
from monitor.api.sightings import store
from monitor.web.frame import frame_of
from monitor.web.session import CSRF_FIELD, Visit, is_genuine, visit

FIELDS = tuple(SightingIn.model_fields)
PLATFORMS = (
    "微博",
    "微信公众号",
    "小红书",
    "抖音",
    "快手",
    "知乎",
    "B站",
    "贴吧",
    "黑猫投诉",
    "大众点评",
    "淘宝",
    "京东",
)

router = APIRouter(include_in_schema=False)
PostId = Annotated[int, Field(ge=0, le=2**63 - 1)]


def signed_in(request: Request) -> Visit:
    """Return who reads the page (FastAPI dependency); raises NotSignedIn."""
    return visit(request, frame_of(request).deps)


Reader = Annotated[Visit, Depends(signed_in)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What stands in the form: what was given, and what of it is wrong by field ("" for the whole)."""

    given: Mapping[str, str] = field(default_factory=dict)
    wrong: Mapping[str, str] = field(default_factory=dict)
    stored: int = 0
    is_new: bool = True
    status: int = 200


@router.get("/sightings")
def page(request: Request, reader: Reader, stored: PostId = 0, known: bool = False) -> Response:
    """The empty form, with what became of the report before."""
    return _form(request, reader, Shown(stored=stored, is_new=not known))


@router.post("/sightings")
async def report(request: Request, reader: Reader) -> Response:
    """Store a report and show the empty form again; a wrong one comes back with what is wrong."""
    sent = await request.form()
    given = {name: str(sent.get(name) or "") for name in (*FIELDS, CSRF_FIELD)}
    shown = await _report(request, reader, given)
    if shown.stored:
        query = {"stored": shown.stored} | ({} if shown.is_new else {"known": "true"})
        return RedirectResponse(f"/sightings?{urlencode(query)}", status_code=303)
    return await run_in_threadpool(_form, request, reader, shown)


async def _report(request: Request, reader: Visit, given: Mapping[str, str]) -> Shown:
    frame = frame_of(request)
    if not is_genuine(request, frame.deps, given[CSRF_FIELD]):
        stale = frame.words(request)("sign_in.stale")
        return Shown(given=given, wrong={"": stale}, status=403)
    try:
        sighting = SightingIn.model_validate(_values(given))
        answer = await store(frame.deps, sighting, actor=reader.principal.name)
    except ValidationError as error:
        return Shown(given=given, wrong=_wrong(error), status=422)
    except Problem as problem:
        wrong = {one.pointer.strip("#/").partition("/")[0]: one.detail for one in problem.errors}
        return Shown(given=given, wrong=wrong, status=problem.status_code)
    return Shown(stored=answer["id"], is_new=answer["status"] != "duplicate")


def _values(given: Mapping[str, str]) -> dict[str, Any]:
    """Return the fields that were filled in; a count may be written as 1.2万."""
    values: dict[str, Any] = {name: given[name] for name in FIELDS if given[name].strip()}
    if "followers" in values:
        count = number_zh(values["followers"])
        values["followers"] = values["followers"] if count is None else round(count)
    return values


def _wrong(error: ValidationError) -> dict[str, str]:
    return {
        str(item["loc"][0]) if item["loc"] else "": item["msg"].removeprefix("Value error, ")
        for item in error.errors(include_url=False, include_input=False)
    }


def _form(request: Request, reader: Visit, shown: Shown) -> Response:
    frame = frame_of(request)
    words = frame.words(request)
    place = frame.place(words)
    local = place.now.astimezone(place.zone).replace(second=0, microsecond=0, tzinfo=None)
    empty = dict.fromkeys(FIELDS, "") | {
        "channel": "patrol", "kind": "post", "seen_at": local.isoformat(timespec="minutes")
    }  # fmt: skip
    return frame.page(
        request,
        "sightings.html",
        words,
        visit=reader,
        given=empty | dict(shown.given),
        wrong=shown.wrong,
        trouble=_told(shown.wrong, NAMES, words),
        stored=shown.stored,
        is_new=shown.is_new,
        platforms=PLATFORMS,
        status=shown.status,
    )


NAMES = {
    "platform": "sighting.platform", "url": "sighting.url", "title": "sighting.headline", "text": "sighting.text",
    "author": "sighting.author", "followers": "sighting.followers", "seen_at": "sighting.seen_at",
    "channel": "sighting.channel", "kind": "sighting.kind",
}  # fmt: skip


def _told(wrong: Mapping[str, str], names: Mapping[str, str], words: Any) -> Sequence[str]:  # noqa: ANN401
    return [
        f"{words(names[name])}: {reason}" if name in names else reason
        for name, reason in wrong.items()
    ]
