"""The weights of the linear sentiment model: their file, and what they say about texts.

The margin of class k is ``scale[k] · Σ table[j, k] / √n + bias[k]`` over the n distinct buckets j of a
text; the probabilities are the softmax of margin / temperature. Sums run over integers, so a text
gets the same bits in any batch and on any machine.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import cast

import numpy as np
import numpy.typing as npt

from analysis.features import (
    BUCKETS,
    MAX_GRAM,
    NORMALISATION,
    Grams,
    distinct,
    first_of_equals,
    keys_of,
    owner_and_bucket,
)
from analysis.model import AnalysisError, Sentiment

FORMAT = 1
CLASSES = (Sentiment.NEGATIVE, Sentiment.NEUTRAL, Sentiment.POSITIVE)
_MEMBERS = ("header", "table", "scale", "bias")
_LONG_AGO = (1980, 1, 1, 0, 0, 0)

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Weights:
    """int8 weights per bucket and class, in the order of ``CLASSES``; ``header`` tells their origin."""

    table: npt.NDArray[np.int8]
    scale: Floats
    bias: Floats
    header: Mapping[str, object]

    @property
    def version(self) -> str:
        """The model version that is stored with every judgement."""
        return str(self.header["model_version"])

    @property
    def temperature(self) -> float:
        """By what margins are divided so that a confidence is a frequency."""
        return float(cast("float", self.header["temperature"]))

    def margins(self, found: Grams) -> Floats:
        """Return the margins of the texts of a batch, one row a text, one column a class."""
        texts = len(found.lengths)
        owner, bucket = distinct(found)
        bounds = np.searchsorted(owner, np.arange(texts + 1))
        count = np.diff(bounds)
        sums = np.zeros((texts, len(CLASSES)), dtype=np.int64)
        if len(owner):
            filled = np.flatnonzero(count)
            first = bounds.take(filled)
            rows = self.table.take(bucket, axis=0)
            for column in range(len(CLASSES)):  # numpy is slow along the long axis of narrow rows
                sums[filled, column] = np.add.reduceat(rows[:, column], first, dtype=np.int64)
        return sums * self.scale / np.sqrt(np.maximum(count, 1))[:, None] + self.bias

    def pulls(self, found: Grams) -> list[Floats]:
        """Return how far each character of each text of a batch pulls the margin to positive.

        The sum over a text is its margin positive − negative without the bias, exactly: what a
        bucket adds is shared by all n-grams that fell into it, then by their characters.
        """
        each = self._pull_of_each_gram(found)
        length = sum(found.lengths)
        pull = np.zeros(length)
        done = 0
        for size, count in enumerate(found.sizes, start=1):
            part, start = each[done : done + count] / size, found.start[done : done + count]
            done += count
            for offset in range(size):
                # no two n-grams of one size begin at one place
                pull[start + offset] += part
        bounds = [0, *accumulate(found.lengths)]
        return [pull[start:end] for start, end in pairwise(bounds)]

    def _pull_of_each_gram(self, found: Grams) -> Floats:
        keys = keys_of(found)
        # what np.unique(return_inverse=True, return_counts=True) finds, in a third of its time
        order = np.argsort(keys)
        ordered = keys.take(order)
        first = first_of_equals(ordered)
        repeats = np.diff(first, append=len(keys))
        owner, bucket = owner_and_bucket(ordered.take(first))
        norm = np.sqrt(np.bincount(owner, minlength=len(found.lengths)))
        row = self.table.take(bucket, axis=0)
        towards = row[:, 2] * self.scale[2] - row[:, 0] * self.scale[0]
        each = np.empty(len(keys))
        each[order] = np.repeat(towards / norm.take(owner) / repeats, repeats)
        return each


def parse_weights(content: bytes) -> Weights:
    """Return the weights of a file. AnalysisError if another version wrote it or it is no such file."""
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as stored:
            header, table, scale, bias = (stored[name] for name in _MEMBERS)
        described = json.loads(bytes(header))
    except (ValueError, KeyError, EOFError, OSError, zipfile.BadZipFile) as error:
        raise AnalysisError(f"not a weights file ({error}); make one with `make train`") from error
    for key, known in _must_equal().items():
        if described.get(key) != known:
            raise AnalysisError(
                f"weights have {key} {described.get(key)!r}, this version reads {known!r}; "
                "train them again with `make train`"
            )
    return Weights(table=table, scale=scale, bias=bias, header=described)


def weights_bytes(weights: Weights) -> bytes:
    """Return the file of the weights: the same weights give the same bytes, whenever made."""
    header = json.dumps(dict(weights.header), ensure_ascii=False, sort_keys=True).encode()
    arrays = (np.frombuffer(header, np.uint8), weights.table, weights.scale, weights.bias)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, array in zip(_MEMBERS, arrays, strict=True):
            member = io.BytesIO()
            np.save(member, np.asarray(array), allow_pickle=False)
            entry = zipfile.ZipInfo(f"{name}.npy", _LONG_AGO)
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, member.getvalue(), compresslevel=9)
    return target.getvalue()


def described(table: npt.NDArray[np.int8], scale: Floats, bias: Floats) -> dict[str, object]:
    """Return the part of a header that follows from the code and the numbers themselves."""
    digest = hashlib.sha256(table.tobytes() + scale.tobytes() + bias.tobytes()).hexdigest()
    return {**_must_equal(), "model_version": f"linear-{FORMAT}-{digest[:12]}"}


def _must_equal() -> dict[str, object]:
    return {
        "format": FORMAT,
        "normalisation": NORMALISATION,
        "hash": "murmur3-32 seed 0 utf-8",
        "buckets": BUCKETS,
        "ngrams": [1, MAX_GRAM],
        "classes": [str(label) for label in CLASSES],
    }
