"""Reading an answer's body under caps: bytes on the wire, bytes inflated, ratio and pace."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Callable

from monitor.http.errors import FetchError, Reason

WIRE_BYTES = 5 * 1024 * 1024
INFLATED_BYTES = 10 * 1024 * 1024
RATIO = 100
RATIO_AFTER_BYTES = 64 * 1024
PACE_AFTER_SECONDS = 5.0
PACE_BYTES_PER_SECOND = 1024
_CODINGS = {"": False, "identity": False, "gzip": True, "x-gzip": True}
_GZIP_OR_ZLIB = 47


async def read_body(
    chunks: AsyncIterator[bytes], *, coding: str, url: str, clock: Callable[[], float]
) -> bytes:
    """Return the decoded body of an answer.

    ``chunks`` are the raw bytes of the wire, ``coding`` is the Content-Encoding header.
    A client that inflates for us hands over one 67 MB chunk made of 204 kB, so the
    inflating is done here, with a limit per call.

    Raises:
        FetchError: a cap was passed, the coding is not gzip, or the stream is damaged.
    """
    coding = coding.strip().lower()
    if coding not in _CODINGS:
        raise FetchError(Reason.BAD_CODING, url, "content coding other than gzip")
    inflater = _Inflater(url) if _CODINGS[coding] else None
    parts: list[bytes] = []
    wire = 0
    started = clock()
    async for chunk in chunks:
        wire += len(chunk)
        if wire > WIRE_BYTES:
            raise FetchError(Reason.TOO_LARGE, url, f"more than {WIRE_BYTES} bytes")
        _check_pace(wire, clock() - started, url)
        parts.append(inflater.feed(chunk) if inflater else chunk)
    if inflater:
        inflater.close()
    return b"".join(parts)


def _check_pace(wire: int, elapsed: float, url: str) -> None:
    late = elapsed - PACE_AFTER_SECONDS
    if late > 0 and wire < late * PACE_BYTES_PER_SECOND:
        raise FetchError(Reason.TOO_SLOW, url, "less than 1 kB/s")


class _Inflater:
    """Gunzips a stream and stops at the caps; concatenated members are one body."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._stream = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        self._wire = 0
        self._inflated = 0
        self._members = 0

    def feed(self, chunk: bytes) -> bytes:
        self._wire += len(chunk)
        parts: list[bytes] = []
        while chunk:
            parts.append(self._inflate(chunk))
            chunk = self._stream.unconsumed_tail
            if self._stream.eof:
                chunk = self._stream.unused_data
                self._members += 1
                self._stream = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
        return b"".join(parts)

    def close(self) -> None:
        """Raise if the stream ended before its end mark."""
        if self._wire and not self._members:
            raise FetchError(Reason.PROTOCOL, self._url, "gzip body cut short")

    def _inflate(self, chunk: bytes) -> bytes:
        try:
            piece = self._stream.decompress(chunk, INFLATED_BYTES - self._inflated + 1)
        except zlib.error:
            if self._members:  # padding after the last member is ignored, as gzip(1) does
                self._stream = zlib.decompressobj(wbits=_GZIP_OR_ZLIB)
                return b""
            raise FetchError(Reason.BAD_CODING, self._url, "damaged gzip body") from None
        self._inflated += len(piece)
        if self._inflated > INFLATED_BYTES:
            raise FetchError(Reason.TOO_LARGE, self._url, f"inflates past {INFLATED_BYTES} bytes")
        if self._inflated > max(RATIO_AFTER_BYTES, RATIO * self._wire):
            raise FetchError(Reason.TOO_LARGE, self._url, f"inflates more than {RATIO}:1")
        return piece
