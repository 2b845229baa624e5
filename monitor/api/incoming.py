"""Posts as clients send them: bodies taken apart, rows checked one by one. No database here."""

from __future__ import annotations

import hashlib
import re
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from collectors.dates import believable, parse_date
from collectors.model import Author, Post, PostKind, Precision
from monitor.api.problems import Problem, invalid

MOST_ROWS = 5_000
MOST_BYTES = 10_000_000
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
STARS = 5.0
TEXTS = ("source", "external_id", "url", "title", "text", "product", "location", "parent_id")
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
GZIP_WINDOW = zlib.MAX_WBITS | 16  # zlib's way to say "with a gzip header"

Name = Annotated[str, Meta(max_length=500)]
Address = Annotated[str, Meta(max_length=4_096)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Tag = Annotated[str, Meta(min_length=1, max_length=100)]
Metric = Annotated[int, Meta(ge=-(2**53), le=2**53)]


class AuthorRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """Who published a post; ``followers`` is left out where it is unknown."""

    name: Name | None = None
    handle: Name | None = None
    url: Address | None = None
    followers: Count | None = None


class PostRow(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """One post as sent."""

    source: Annotated[str, Meta(min_length=1, max_length=200)]
    external_id: Annotated[str, Meta(max_length=2_000)] | None = None
    url: Address | None = None
    title: Annotated[str, Meta(max_length=2_000)] | None = None
    text: Annotated[str, Meta(max_length=100_000)] | None = None
    author: AuthorRow | None = None
    published_at: str | int | float | None = None
    metrics: dict[str, Metric | None] | None = None
    rating: Annotated[float, Meta(ge=0, le=STARS)] | None = None
    kind: PostKind | None = None
    lang: Annotated[str, Meta(pattern="^[A-Za-z0-9-]{0,20}$")] | None = None
    product: Annotated[str, Meta(max_length=300)] | None = None
    location: Annotated[str, Meta(max_length=200)] | None = None
    parent_id: Annotated[str, Meta(max_length=2_000)] | None = None
    tags: Annotated[list[Tag], Meta(max_length=20)] | None = None


class Rejection(Exception):
    """Why a row was not taken; ``pointer`` is relative to the row (``/author/followers`` or empty)."""

    def __init__(self, reason: str, pointer: str = "") -> None:
        super().__init__(reason)
        self.reason = reason
        self.pointer = pointer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What dates without a zone, and dates in the future, are measured against."""

    zone: tzinfo
    now: datetime


def inflated(body: bytes, encoding: str) -> bytes:
    """Return the body as it was before ``Content-Encoding``; never more than 10 MB are unpacked.

    Raises:
        Problem: 413 for a body that unpacks to more, 400 for a damaged one, 415 for another encoding.
    """
    if encoding in ("", "identity"):
        return body
    if encoding != "gzip":
        raise Problem(
            "unsupported-media-type", f"Content-Encoding {encoding[:40]!r}: 只支持 gzip (gzip only)"
        )
    unpacked = bytearray()
    while body:
        unpacker = zlib.decompressobj(GZIP_WINDOW)
        try:
            unpacked += unpacker.decompress(body, MOST_BYTES + 1 - len(unpacked))
        except zlib.error as error:
            raise Problem("bad-request", f"gzip 数据已损坏 (damaged gzip body: {error})") from None
        if len(unpacked) > MOST_BYTES or unpacker.unconsumed_tail:
            raise Problem(
                "too-large", f"解压后超过 {MOST_BYTES} 字节 (over {MOST_BYTES} bytes when unpacked)"
            )
        if not unpacker.eof:
            raise Problem("bad-request", "gzip 数据不完整 (truncated gzip body)")
        body = unpacker.unused_data  # a gzip file may have several members
    return bytes(unpacked)


def split(body: bytes, media_type: str) -> list[bytes]:
    """Return the rows of a JSON array or of NDJSON (blank lines do not count), not yet decoded.

    Raises:
        Problem: 415 for another type, 400 for text that is no JSON array, 413 for over 5,000 rows.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    if media_type in NDJSON:
        rows = [line for line in body.split(b"\n") if line.strip()]
    elif media_type == "application/json":
        rows = _array(body)
    else:
        raise Problem(
            "unsupported-media-type",
            "请用 application/json (数组) 或 application/x-ndjson (send a JSON array or NDJSON)",
        )
    if len(rows) > MOST_ROWS:
        raise Problem(
            "too-large",
            f"一次最多 {MOST_ROWS} 行,收到 {len(rows)} 行 (at most {MOST_ROWS} rows a call)",
        )
    return rows


def _array(body: bytes) -> list[bytes]:
    try:
        return [bytes(raw) for raw in msgspec.json.decode(body, type=list[msgspec.Raw])]
    except msgspec.ValidationError:
        raise invalid("#", "请求体应为数组 (the body must be an array of posts)") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Problem("bad-request", f"请求体不是有效的 JSON ({error})") from None


def read_row(raw: bytes) -> PostRow:
    """Return one row, checked.

    Raises:
        Rejection: what is wrong with it, and where.
    """
    try:
        row = _decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise _rejection(str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Rejection(f"不是有效的 JSON ({error})") from None
    for pointer, text in _texts(row):
        if "\0" in text:
            raise Rejection("文本含有 NUL 字符 (holds a NUL character)", pointer)
    if row.url and scheme_of(row.url) not in ("http", "https"):
        raise Rejection(
            "链接须以 http:// 或 https:// 开头 (must start with http:// or https://)", "/url"
        )
    if row.author and row.author.url and scheme_of(row.author.url) not in ("http", "https"):
        raise Rejection(
            "作者链接须以 http:// 或 https:// 开头 (must start with http:// or https://)",
            "/author/url",
        )
    if not (row.text or "").strip() and not (row.title or "").strip():
        raise Rejection("标题和正文都是空的 (title and text are both empty)", "/text")
    return row


_decoder = msgspec.json.Decoder(PostRow)
_PLACE = re.compile(r"^(?P<reason>.*?)(?: - at `\$(?P<path>[^`]*)`)?$", re.DOTALL)


def _rejection(message: str) -> Rejection:
    found = _PLACE.fullmatch(message)
    if found is None:
        return Rejection(message)
    path = (found["path"] or "").replace("[...]", "").replace(".", "/")
    return Rejection(f"字段不符合要求: {found['reason']}", path)


def scheme_of(url: str) -> str:
    """Return the scheme of an address in lower case, "" where it cannot be read."""
    try:
        return urlsplit(url).scheme
    except ValueError:
        return ""


def _texts(row: PostRow) -> Iterable[tuple[str, str]]:
    for name in TEXTS:
        yield f"/{name}", getattr(row, name) or ""
    author = row.author or AuthorRow()
    for name in ("name", "handle", "url"):
        yield f"/author/{name}", getattr(author, name) or ""
    for name in row.metrics or ():
        yield "/metrics", name
    for place, tag in enumerate(row.tags or ()):
        yield f"/tags/{place}", tag


def external_id_of(row: PostRow) -> str:
    """Return the row's id within its source: its own, else its URL, else a hash of title and text."""
    if row.external_id:
        return row.external_id
    if row.url:
        return row.url
    content = f"{row.title or ''}\0{row.text or ''}".encode()
    return f"content:{hashlib.blake2b(content, digest_size=16).hexdigest()}"


def to_post(row: PostRow, source_id: int, reading: Reading) -> Post:
    """Return the post that a row describes.

    A date more than 15 minutes ahead is not believed: the post counts from when it was stored,
    with the precision ``inferred``. A rating over 1 is read as stars of five.

    Raises:
        Rejection: ``published_at`` is no date, or lies before 1970.
    """
    published_at, precision = _published(row.published_at, reading)
    author = row.author or AuthorRow()
    rating = row.rating
    return Post(
        source_id=source_id,
        external_id=external_id_of(row),
        kind=row.kind or (PostKind.POST if rating is None else PostKind.REVIEW),
        url=row.url,
        title=row.title,
        text=row.text or "",
        author=Author(
            name=author.name, handle=author.handle, url=author.url, followers=author.followers
        ),
        published_at=published_at,
        precision=precision,
        lang=row.lang,
        metrics={name: value for name, value in (row.metrics or {}).items() if value is not None},
        rating=rating / STARS if rating is not None and rating > 1 else rating,
        product=row.product or None,
        location=row.location or None,
        parent_id=row.parent_id or None,
        tags=tuple(row.tags or ()),
    )


def _published(given: str | float | None, reading: Reading) -> tuple[datetime | None, Precision]:
    if given is None or given == "":
        return None, Precision.INFERRED
    dated = parse_date(str(given), tz=reading.zone, now=reading.now)
    if dated is None or dated[0] < EARLIEST:
        raise Rejection(
            f"无法读懂的时间 {str(given)[:40]!r} (no readable date after 1970)", "/published_at"
        )
    return believable(dated, now=reading.now)


def row_schema() -> Mapping[str, Any]:
    """Return the JSON schema of a row, for the description of the API."""
    (_,), parts = msgspec.json.schema_components([PostRow], ref_template="#/{name}")
    schema: dict[str, Any] = parts["PostRow"]
    author: dict[str, Any] = parts["AuthorRow"]
    kinds: dict[str, Any] = parts["PostKind"]
    properties = schema["properties"]
    properties["author"] = {"anyOf": [{"type": "null"}, author]}
    properties["kind"] = {"anyOf": [{"type": "null"}, kinds]}
    return schema
