"""Static files under one content hash: a page never meets a script of another version."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
    ".txt": "text/plain; charset=utf-8",
}
FOREVER = "public, max-age=31536000, immutable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """One file as it is served: plain and compressed."""

    body: bytes
    packed: bytes
    media_type: str


@cache
def assets() -> dict[str, Asset]:
    """Return all files by their path below ``static``; read once, about 1 MB."""
    return {
        path.relative_to(STATIC).as_posix(): _asset(path)
        for path in sorted(STATIC.rglob("*"))
        if path.suffix in TYPES and path.is_file()
    }


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    beside = path.with_name(path.name + ".gz")
    packed = beside.read_bytes() if beside.is_file() else gzip.compress(body, 9, mtime=0)
    return Asset(body=body, packed=packed, media_type=TYPES[path.suffix])


@cache
def version() -> str:
    """Return the hash of all files together: one folder name, so modules may import each other by path."""
    digest = hashlib.blake2b(digest_size=8)
    for name, asset in assets().items():
        digest.update(f"{name}\0{len(asset.body)}\0".encode())
        digest.update(asset.body)
    return digest.hexdigest()


def url(name: str) -> str:
    """Return the address of a static file; raises KeyError when there is none of this name."""
    assets()[name]
    return f"/static/{version()}/{name}"


def answer(request: Request, folder: str, name: str) -> Response:
    """Return a file, compressed where the reader takes it; 404 for another version's files."""
    asset = assets().get(name)
    if asset is None or folder != version():
        return Response("not found", status_code=404, media_type="text/plain")
    headers = {"Cache-Control": FOREVER, "Vary": "Accept-Encoding"}
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.packed, headers=headers, media_type=asset.media_type)
    return Response(asset.body, headers=headers, media_type=asset.media_type)
