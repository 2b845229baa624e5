"""The state of detection for one keyword list: what is usual, as a value that can be stored."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from analysis.model import AnalysisError

Floats = NDArray[np.float64]
Float32s = NDArray[np.float32]

DAY: Final = timedelta(days=1)
FIVE_MINUTES: Final = timedelta(minutes=5)
CHINA: Final = timedelta(hours=8)
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
WINDOWS: Final = (FIVE_MINUTES, timedelta(minutes=30), timedelta(hours=1))
LONGEST_WINDOW: Final = WINDOWS[-1]
FORMED_DAYS: Final = 3
PRIOR_DISPERSION: Final = 0.3

_FLOOR: Final = 0.02
_MAGIC: Final = b"JWB1"
_HEADER: Final = struct.Struct("<4sBBHHqqqq")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Baseline:
    """What is usual for one keyword list. Arrays lead with the series (negative, total).

    ``bucket`` is the width of one count, ``lengths`` the windows in buckets, ``learned`` the
    buckets seen since ``start``. ``profile`` (mean 1) and ``slot_mean`` hold one value per slot of
    the local day, ``level`` the fading sums of counts and of profile, ``moments`` those of
    (x − e)² − e and e² per window length, ``tail`` the newest counts and expectations.
    ``active_days`` are local days (ordinals) with a mention, of the last 28.
    """

    bucket: timedelta
    utc_offset: timedelta
    lengths: tuple[int, ...]
    start: datetime | None
    learned: int
    active_days: tuple[int, ...]
    profile: Float32s
    slot_mean: Float32s
    level: Floats
    moments: Floats
    dispersion: Floats
    tail: Floats = field(repr=False)

    @property
    def slots(self) -> int:
        """Buckets per local day; 1 where the season is off."""
        return int(self.profile.shape[1])

    @property
    def end(self) -> datetime | None:
        """End of the last learned bucket, None before the first."""
        return None if self.start is None else self.start + self.learned * self.bucket

    @property
    def days_seen(self) -> int:
        """Distinct local days with at least one mention within the last 28."""
        return len(self.active_days)

    def is_formed(self, at: datetime) -> bool:
        """Whether three days with mentions, over a span of three days, lie before ``at``."""
        if self.start is None or self.days_seen < FORMED_DAYS:
            return False
        return at - self.start >= FORMED_DAYS * DAY

    def expected(self, start: datetime, buckets: int) -> Floats:
        """Return the usual count of each bucket from ``start`` on, shaped (series, buckets)."""
        slots = (self.slot(start) + np.arange(buckets)) % self.slots
        rate = self.level[:, :1] / np.maximum(self.level[:, 1:], 1e-9)
        usual: Floats = np.maximum(rate * self.profile[:, slots], floor_of(self.bucket))
        return usual

    def slot(self, at: datetime) -> int:
        """Return which slot of the local day the bucket that begins at ``at`` falls into."""
        seconds = (at + self.utc_offset - EPOCH) % DAY
        return int(seconds // self.bucket) % self.slots

    def to_bytes(self) -> bytes:
        """Return the baseline as a versioned, portable blob (about 5 kB at 5-minute buckets)."""
        head = _HEADER.pack(
            _MAGIC,
            self.profile.shape[0],
            len(self.lengths),
            self.slots,
            len(self.active_days),
            _microseconds(self.bucket),
            _microseconds(self.utc_offset),
            -1 if self.start is None else _microseconds(self.start - EPOCH),
            self.learned,
        )
        days = np.asarray(self.active_days, dtype="<i4").tobytes()
        arrays = (self.profile, self.slot_mean, self.level, self.moments, self.dispersion)
        little = [array.astype(array.dtype.newbyteorder("<")).tobytes() for array in arrays]
        return b"".join([head, days, *little, self.tail.astype("<f8").tobytes()])

    @classmethod
    def from_bytes(cls, blob: bytes) -> Baseline:
        """Return the baseline that ``to_bytes`` wrote.

        Raises:
            AnalysisError: the blob is cut, or of another version; learn the history again.
        """
        try:
            return _unpack(blob)
        except (struct.error, ValueError) as error:
            raise AnalysisError(
                f"stored baseline of {len(blob)} bytes is unreadable ({error}); "
                "delete it and learn the list's history again"
            ) from error


def empty_baseline(
    bucket: timedelta = FIVE_MINUTES,
    utc_offset: timedelta = CHINA,
    *,
    series: int = 2,
    start: datetime | None = None,
) -> Baseline:
    """Return a baseline that has learned nothing.

    Learning begins at the first mention, or at ``start`` where the history is known to begin there.
    """
    if bucket <= timedelta(0):
        raise AnalysisError(f"bucket width must be positive, not {bucket}")
    slots = DAY // bucket if bucket < DAY and DAY % bucket == timedelta(0) else 1
    lengths = window_lengths(bucket)
    return Baseline(
        bucket=bucket,
        utc_offset=utc_offset,
        lengths=lengths,
        start=start,
        learned=0,
        active_days=(),
        profile=np.ones((series, slots), dtype=np.float32),
        slot_mean=np.zeros((series, slots), dtype=np.float32),
        level=np.zeros((series, 2)),
        moments=np.zeros((2, series, len(lengths))),
        dispersion=np.full((series, len(lengths)), PRIOR_DISPERSION),
        tail=np.full((2, series, max(lengths) - 1), np.nan),
    )


def window_lengths(bucket: timedelta) -> tuple[int, ...]:
    """Return the windows of 5, 30 and 60 minutes in buckets; one bucket where those are longer."""
    return tuple(sorted({max(1, round(window / bucket)) for window in WINDOWS}))


def floor_of(width: timedelta) -> float:
    """Return the least count we expect in ``width``: 0.02 per 5 minutes, 0.24 from an hour on."""
    return _FLOOR * min(width, LONGEST_WINDOW) / FIVE_MINUTES


def _microseconds(span: timedelta) -> int:
    return span // timedelta(microseconds=1)


def _unpack(blob: bytes) -> Baseline:
    magic, series, windows, slots, days, bucket, offset, start, learned = _HEADER.unpack_from(blob)
    if magic != _MAGIC:
        raise ValueError(f"version {magic!r}, this program reads {_MAGIC!r}")
    width = timedelta(microseconds=bucket)
    lengths = window_lengths(width)
    if len(lengths) != windows:
        raise ValueError(f"{windows} windows, this program uses {len(lengths)}")
    active, at = _take(blob, _HEADER.size, "<i4", (days,))
    profile, at = _take(blob, at, "<f4", (series, slots))
    slot_mean, at = _take(blob, at, "<f4", (series, slots))
    level, at = _take(blob, at, "<f8", (series, 2))
    moments, at = _take(blob, at, "<f8", (2, series, windows))
    dispersion, at = _take(blob, at, "<f8", (series, windows))
    tail, at = _take(blob, at, "<f8", (2, series, max(lengths) - 1))
    if at != len(blob):
        raise ValueError(f"{len(blob) - at} bytes too many")
    return Baseline(
        bucket=width,
        utc_offset=timedelta(microseconds=offset),
        lengths=lengths,
        start=None if start == -1 else EPOCH + timedelta(microseconds=start),
        learned=learned,
        active_days=tuple(active.tolist()),
        profile=profile.astype(np.float32),
        slot_mean=slot_mean.astype(np.float32),
        level=level.astype(np.float64),
        moments=moments.astype(np.float64),
        dispersion=dispersion.astype(np.float64),
        tail=tail.astype(np.float64),
    )


def _take(blob: bytes, at: int, kind: str, shape: Sequence[int]) -> tuple[NDArray[np.generic], int]:
    size = math.prod(shape)
    values = np.frombuffer(blob, dtype=kind, count=size, offset=at).reshape(tuple(shape))
    return values, at + values.nbytes
