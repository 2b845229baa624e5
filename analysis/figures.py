"""Figures that say how good a classifier is: accuracy, macro-F1, calibration error."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from analysis.features import Ints
from analysis.weights import Floats

_BINS = 10


def probabilities(margins: Floats, temperature: float) -> Floats:
    """Return the softmax of margins / temperature, row by row."""
    scaled = margins / temperature
    exponential = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponential / exponential.sum(axis=1, keepdims=True), dtype=np.float64)


def figures(guessed: Floats, labels: Ints) -> Mapping[str, float]:
    """Return rows, accuracy, macro-F1 over the classes that occur, and recall of negative (0…1)."""
    chosen = guessed.argmax(axis=1)
    return {
        "rows": len(labels),
        "accuracy": round(float((chosen == labels).mean()), 4),
        "macro_f1": round(float(np.mean([_f1(chosen, labels, k) for k in np.unique(labels)])), 4),
        "negative_recall": round(_share(chosen[labels == 0] == 0), 4),
    }


def expected_calibration_error(guessed: Floats, labels: Ints) -> float:
    """Return the mean gap between confidence and accuracy over ten bins of confidence (0…1)."""
    confidence, right = guessed.max(axis=1), guessed.argmax(axis=1) == labels
    bins = np.minimum((confidence * _BINS).astype(int), _BINS - 1)
    gaps = [
        abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return round(float(sum(gaps)), 4)


def _f1(chosen: Ints, labels: Ints, label: int) -> float:
    hits = int(((chosen == label) & (labels == label)).sum())
    return 2 * hits / max(int((chosen == label).sum() + (labels == label).sum()), 1)


def _share(flags: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]) -> float:
    return float(flags.mean()) if len(flags) else 0.0
