"""Texts as sets of hashed character n-grams: what the linear sentiment model sees.

The hash is that of scikit-learn's ``HashingVectorizer`` (murmur3, 32 bit, seed 0, over UTF-8, absolute
value modulo the bucket count), computed for a whole batch at once: no dictionary, no cache, no state.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

_BUCKET_BITS = 18
BUCKETS = 1 << _BUCKET_BITS
MAX_GRAM = 3
NORMALISATION = "1"
"""Version of ``reduce`` and of the folding before it; weights made for another one are refused."""

Ints = npt.NDArray[np.int64]
Keys = npt.NDArray[np.signedinteger]
Words32 = npt.NDArray[np.uint32]
Words64 = npt.NDArray[np.uint64]

_ASCII = 128
_HANDLE = r"@[\w\-\u00b7]{1,30}"
_REMOVED = re.compile(
    rf"https?://[!-~]+|(?://\s?)?{_HANDLE}\s?:?|\{{%.{{0,40}}?%\}}| {{2,}}|(?P<last>(.)\2\2)\2+"
)
# Without one of these or a flood, nothing is removed: true for nine posts of ten.
_HINT_OF_REMOVED = re.compile(r"@|https?://|\{%|  ")


class Reduced(NamedTuple):
    """What is left of a folded text, and where: ``kept`` are half-open ranges of the folded text."""

    text: str
    kept: tuple[tuple[int, int], ...]

    def spread(self, values: npt.NDArray[np.float64], length: int) -> list[float]:
        """Return values of the characters of ``text`` at their places in the folded text.

        What was removed has 0; ``length`` is that of the folded text.
        """
        if len(values) == length:
            everything: list[float] = values.tolist()
            return everything
        spread = [0.0] * length
        done = 0
        for start, end in self.kept:
            spread[start:end] = values[done : done + end - start].tolist()
            done += end - start
        return spread


def reduce(folded: str) -> Reduced:
    """Return a folded text without links, ``@names`` and floods of one character.

    Every digit becomes 0, white space one blank, and of a repeated character three stay
    (哈哈哈哈哈 and 哈哈哈哈 are one word to the model).
    """
    return reduce_all([folded])[0]


def reduce_all(folded: Sequence[str]) -> list[Reduced]:
    """Return what ``reduce`` returns for each text of a batch, in order."""
    codes = _simplified(_codes(folded))
    ends = np.cumsum([len(text) for text in folded])
    same = codes[1:] == codes[:-1]
    # four of a kind; one that reaches over the end of a text only costs a closer look
    floods = np.flatnonzero(same[2:] & same[1:-1] & same[:-2])
    flooded = set(np.searchsorted(ends, floods, side="right").tolist())
    joined = codes.tobytes().decode("utf-32-le", "surrogatepass")
    reduced = []
    start = 0
    for index, end in enumerate(ends.tolist()):
        text = joined[start:end]
        start = end
        cut = index in flooded or _HINT_OF_REMOVED.search(text)
        reduced.append(_cut(text) if cut else Reduced(text, ((0, len(text)),)))
    return reduced


def _codes(texts: Sequence[str]) -> Words32:
    """Return the code points of the texts, one text after the other."""
    return np.frombuffer("".join(texts).encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def _simplified(codes: Words32) -> Words32:
    """Return code points with every digit 0 and every white space of ASCII a blank."""
    table = np.arange(_ASCII, dtype=np.uint32)
    table[ord("1") : ord("9") + 1] = ord("0")
    table[[ord("\t"), ord("\r"), ord("\n")]] = ord(" ")
    return np.where(codes < _ASCII, table.take(codes, mode="clip"), codes)


def _cut(text: str) -> Reduced:
    kept = []
    start = 0
    for cut in _REMOVED.finditer(text):
        kept.append((start, _kept_until(cut)))
        start = cut.end()
    kept.append((start, len(text)))
    return Reduced("".join([text[a:b] for a, b in kept]), tuple(kept))


def _kept_until(cut: re.Match[str]) -> int:
    if cut["last"] is not None:
        return cut.end("last")
    return cut.start() + cut.group().isspace()  # the first blank of several stays


@dataclass(frozen=True, slots=True)
class Grams:
    """The n-grams of a batch: three parallel arrays, in order of n, then of position.

    ``owner`` is the index of the text, ``start`` the position in the joined batch, ``bucket``
    0 … BUCKETS − 1; ``sizes`` counts how many of them have one, two and three characters;
    ``lengths`` are those of the texts.
    """

    lengths: Sequence[int]
    owner: Ints
    start: Ints
    bucket: Ints
    sizes: tuple[int, ...]


def grams(texts: Sequence[str]) -> Grams:
    """Return the character 1- to 3-grams of reduced texts; none reaches over the end of its text."""
    codes = _codes(texts)
    lengths = [len(text) for text in texts]
    owner = np.repeat(np.arange(len(texts)), lengths)
    packed, width = _utf8(codes)
    owners, starts, buckets = [], [], []
    low, high, length = packed.astype(np.uint64), np.zeros(len(codes), np.uint64), width
    for size in range(1, MAX_GRAM + 1):
        if size > 1:
            low, high, length = _append(low, high, length, packed[size - 1 :], width[size - 1 :])
        start = np.flatnonzero(owner[: len(length)] == owner[size - 1 :])
        starts.append(start)
        owners.append(owner.take(start))
        buckets.append(_bucket(_murmur3(low, high, length, size)).take(start))
    sizes = tuple(len(part) for part in starts)
    owner, start, bucket = map(np.concatenate, (owners, starts, buckets))
    return Grams(lengths, owner, start, bucket, sizes)


def distinct(found: Grams) -> tuple[Ints, Ints]:
    """Return the (owner, bucket) pairs of a batch, each once, sorted: presence is binary."""
    keys = np.sort(keys_of(found))
    return owner_and_bucket(keys.take(first_of_equals(keys)))


def keys_of(found: Grams) -> Keys:
    """Return a number for the (owner, bucket) of each n-gram; it sorts by owner, then by bucket."""
    keys = found.owner << _BUCKET_BITS | found.bucket
    if len(found.lengths) * BUCKETS <= np.iinfo(np.int32).max:
        return keys.astype(np.int32)  # half as wide, sorted twice as fast
    return keys


def owner_and_bucket(keys: Keys) -> tuple[Ints, Ints]:
    """Return what ``keys_of`` put together."""
    wide = keys.astype(np.int64)
    return wide >> _BUCKET_BITS, wide & (BUCKETS - 1)


def first_of_equals(ordered: Keys) -> Ints:
    """Return where each value of a sorted array stands first."""
    first = np.ones(len(ordered), dtype=bool)
    first[1:] = ordered[1:] != ordered[:-1]
    return np.flatnonzero(first)


def _utf8(codes: Words32) -> tuple[Words32, Words64]:
    """Return the UTF-8 bytes of each code point, packed little-endian, and their number."""
    width = (1 + (codes >= 0x80) + (codes >= 0x800) + (codes >= 0x10000)).astype(np.uint64)
    tails = [0x80 | (codes >> np.uint32(6 * place) & 0x3F) for place in range(3)]
    packed = 0xE0 | codes >> 12 | tails[1] << 8 | tails[0] << 16
    packed = np.where(width < 3, 0xC0 | codes >> 6 | tails[0] << 8, packed)
    packed = np.where(width < 2, codes, packed)
    if codes.max(initial=0) >= 0x10000:
        longest = 0xF0 | codes >> 18 | tails[2] << 8 | tails[1] << 16 | tails[0] << 24
        packed = np.where(width > 3, longest, packed)
    return packed.astype(np.uint32, copy=False), width


def _append(
    low: Words64, high: Words64, length: Words64, packed: Words32, width: Words64
) -> tuple[Words64, Words64, Words64]:
    """Return 12-byte strings (``low`` 8 bytes, ``high`` 4) with one more character behind each."""
    count = len(packed)
    low, high, length = low[:count], high[:count], length[:count]
    bits, more = length * np.uint64(8), packed.astype(np.uint64)
    # numpy defines a shift by the full width as 0, which is what "nothing spills over" means here
    return low | more << bits, high | more >> (np.uint64(64) - bits), length + width


def _murmur3(low: Words64, high: Words64, length: Words64, blocks: int) -> Words32:
    """Return MurmurHash3_x86_32 (Appleby), seed 0, of strings of at most 4 · ``blocks`` bytes.

    A tail differs from a block only in skipping the rotation, and bytes behind the end are 0,
    whose mix is 0: so every string of the batch takes the same steps.
    """
    parts = [low, low >> np.uint64(32), high][:blocks]
    full = length >> np.uint64(2)
    state = np.zeros(len(low), np.uint32)
    for index, part in enumerate(parts):
        block = part.astype(np.uint32) * np.uint32(0xCC9E2D51)  # the lower 32 bits
        state ^= _rotate(block, 15) * np.uint32(0x1B873593)
        mixed = _rotate(state, 13) * np.uint32(5) + np.uint32(0xE6546B64)
        state = np.where(np.uint64(index) < full, mixed, state)
    state ^= length.astype(np.uint32)
    state = (state ^ state >> np.uint32(16)) * np.uint32(0x85EBCA6B)
    state = (state ^ state >> np.uint32(13)) * np.uint32(0xC2B2AE35)
    return state ^ state >> np.uint32(16)


def _rotate(value: Words32, bits: int) -> Words32:
    return value << np.uint32(bits) | value >> np.uint32(32 - bits)


def _bucket(hashed: Words32) -> Ints:
    """Return |hash as a signed number| modulo the bucket count."""
    return np.abs(hashed.view(np.int32).astype(np.int64)) & (BUCKETS - 1)
