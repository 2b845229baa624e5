"""The commands that other programs pipe into: JSON lines and CSV on standard input, as designed.

One answer line for each input line, in input order; a bad line is an answer, not a failure.
"""

from __future__ import annotations

import csv
import io
import json
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.service import MONITOR, clean_environment

pytestmark = pytest.mark.slow
QUICK_SECONDS = 2.0  # with other work on the machine; 0.2 s alone


@pytest.fixture
def monitor(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the command in an empty installation and an empty directory."""

    def run(*arguments: str | Path, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [MONITOR, *arguments],
            input=given,
            capture_output=True,
            cwd=tmp_path,
            env=clean_environment(DATA_DIR=str(tmp_path / "data")),
            timeout=120,
            check=False,
        )

    return run


Run = Callable[..., subprocess.CompletedProcess[bytes]]


def json_lines(*rows: object, newline: str = "\n", last: str | None = None) -> bytes:
    text = newline.join(json.dumps(row, ensure_ascii=False) for row in rows)
    return (text + (newline if last is None else last)).encode()


def answers(done: subprocess.CompletedProcess[bytes]) -> list[Any]:
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.endswith(b"\n") or not done.stdout
    return [json.loads(line) for line in done.stdout.decode().splitlines()]


def failed(done: subprocess.CompletedProcess[bytes], code: int) -> str:
    """Return what was said of an expected failure: one sentence, no traceback."""
    said = done.stderr.decode()
    assert done.returncode == code, said
    assert "Traceback" not in said
    assert said.strip(), "a failure says what is wrong"
    return said


COMPLAINT = {
    "id": "a-1",
    "text": "云帆汽车电池起火,太可怕了,维权无门",
    "targets": [{"name": "云帆汽车", "aliases": ["云帆"]}, {"name": "远山"}],
}
PRAISE = {"id": 2, "text": "Great service, friendly staff. 服务很好,非常满意,推荐!"}


def test_analyze_answers_each_line_in_the_designed_shape(monitor: Run) -> None:
    first, second = answers(monitor("analyze", given=json_lines(COMPLAINT, PRAISE)))
    assert list(first) == ["id", "lang", "sentiment", "targets", "risk", "words"]
    assert first["id"] == "a-1"
    assert first["lang"] == "zh"
    assert set(first["sentiment"]) == {"label", "score", "confidence"}
    assert first["sentiment"]["label"] == "negative"
    assert -1 <= first["sentiment"]["score"] < 0
    assert 1 / 3 <= first["sentiment"]["confidence"] <= 1
    assert [one["name"] for one in first["targets"]] == ["云帆汽车", "远山"], "names are echoed"
    assert all(set(one) == {"name", "label", "score"} for one in first["targets"])
    assert first["targets"][0]["label"] == "negative"
    assert first["risk"]
    assert all(set(one) == {"class", "status", "hits"} for one in first["risk"])
    assert first["words"]
    for word in first["words"]:
        assert set(word) == {"text", "start", "end", "weight"}
        assert COMPLAINT["text"][word["start"] : word["end"]] == word["text"]
    assert second["id"] == 2
    assert second["sentiment"]["label"] == "positive"
    assert second["targets"] == []


BAD_LINES: dict[str, tuple[bytes, object]] = {
    "no JSON": (b"{not json", None),
    "an array": (b"[1,2]", None),
    "a string": (b'"text"', None),
    "no text": (b'{"id":7}', 7),
    "text is a number": (b'{"id":7,"text":5}', 7),
    "targets is a string": (b'{"id":7,"text":"x","targets":"y"}', 7),
    "a target without name": (b'{"id":7,"text":"x","targets":[{"aliases":[]}]}', 7),
    "a lone surrogate": (b'{"id":7,"text":"\\ud800"}', None),
    "broken bytes": (b'{"id":1,"text":"\xff\xfe"', None),
    "a blank line": (b"", None),
}


def test_analyze_answers_a_bad_line_with_its_error_and_reads_on(monitor: Run) -> None:
    good = json_lines(COMPLAINT)
    given = b"".join(good + bad + b"\n" for bad, _ in BAD_LINES.values()) + json_lines(PRAISE)
    found = answers(monitor("analyze", "-", given=given))
    assert len(found) == 2 * len(BAD_LINES) + 1
    assert [one["id"] for one in found[::2]] == [*["a-1"] * len(BAD_LINES), 2]
    told = dict(zip(BAD_LINES, found[1::2], strict=True))
    assert {name: one["id"] for name, one in told.items()} == {
        name: id for name, (_, id) in BAD_LINES.items()
    }
    assert all(one["error"]["message"] for one in told.values())


@pytest.mark.parametrize(
    ("given", "lines"),
    [
        (b"", 0),
        (json_lines(COMPLAINT, PRAISE, last=""), 2),
        (json_lines(COMPLAINT, PRAISE, newline="\r\n"), 2),
        (b"\xef\xbb\xbf" + json_lines(COMPLAINT, PRAISE), 2),
        (json_lines({"id": "\u2028", "text": "a\u2028b\u0085c\u000bd\u001ce"}, PRAISE), 2),
    ],
    ids=["empty", "no newline at the end", "CRLF", "byte order mark", "other line separators"],
)
def test_analyze_reads_lines_as_they_come(monitor: Run, given: bytes, lines: int) -> None:
    done = monitor("analyze", given=given)
    found = done.stdout.split(b"\n")
    assert done.returncode == 0
    assert len(found) - 1 == lines
    assert all("sentiment" in json.loads(line) for line in found[:-1])


def test_analyze_reads_a_file_like_the_pipe(monitor: Run, tmp_path: Path) -> None:
    given = b"\xef\xbb\xbf" + json_lines(COMPLAINT, "bad", PRAISE, newline="\r\n", last="")
    file = tmp_path / "given.jsonl"
    file.write_bytes(given)
    by_file = monitor("analyze", file)
    assert [one["id"] for one in answers(by_file)] == ["a-1", None, 2]
    assert by_file.stdout == monitor("analyze", given=given).stdout


def test_analyze_keeps_order_and_answers_every_line_of_a_long_input(monitor: Run) -> None:
    rows = [{"id": n, "text": f"第{n}号车起火 🚗 繁體 ﬁ"} for n in range(3_000)]
    found = answers(monitor("analyze", given=json_lines(*rows)))
    assert [one["id"] for one in found] == list(range(3_000))


def test_analyze_groups_copies_into_stories(monitor: Run) -> None:
    text = "【突发】云帆汽车青岛门店电池起火,消防已到场处置,暂无人员伤亡,原因仍在调查之中"
    rows = [{"id": "x", "text": text}, {"id": "y", "text": f"转发:{text}!"}, {**PRAISE, "id": "z"}]
    x, y, z = answers(monitor("analyze", "--stories", given=json_lines(*rows)))
    assert x["story"] == y["story"] != z["story"]


MATCHES: dict[str, tuple[str, str, list[str] | None]] = {
    "near": ("(续航 OR 电池) NEAR/5 起火 NOT 招聘", "电池突然起火", ["电池", "起火"]),
    "excluded": ("(续航 OR 电池) NEAR/5 起火 NOT 招聘", "招聘:电池起火救援", None),
    "traditional, after an emoji": ("汽車", "🚗云帆汽车", ["汽车"]),
    "full width": ("abc", "ＡＢＣ", ["ＡＢＣ"]),
    "no match": ("重大", "风平浪静", None),
}


def test_match_answers_whether_and_where(monitor: Run) -> None:
    rows = [{"expr": expr, "text": text} for expr, text, _ in MATCHES.values()]
    found = answers(monitor("keywords", "match", given=json_lines(*rows)))
    for name, answer in zip(MATCHES, found, strict=True):
        _, text, hits = MATCHES[name]
        assert set(answer) == {"match", "hits"}, name
        assert answer["match"] is (hits is not None), name
        assert [text[hit["start"] : hit["end"]] for hit in answer["hits"]] == (hits or []), name


def test_match_answers_errors_in_their_place_and_reads_on(monitor: Run) -> None:
    good = {"expr": "起火", "text": "起火了"}
    wrong = [
        {"expr": "(电池 AND", "text": "x"},
        {"expr": "NOT 招聘", "text": "x"},
        {"expr": "电池 NEAR 起火", "text": "x"},
        {"expr": '""', "text": "x"},
        {"expr": "a AND OR b", "text": "x"},
        {"expr": "", "text": "x"},
        {"text": "x"},
        {"expr": 5, "text": "x"},
    ]
    lines = [line for row in wrong for line in (good, row)]
    given = json_lines(*lines, newline="\r\n") + b"no json\r\n\r\n" + json_lines(good, last="")
    found = answers(monitor("keywords", "match", given=given))
    assert len(found) == 2 * len(wrong) + 3
    for place in range(0, 2 * len(wrong), 2):
        assert found[place] == {"match": True, "hits": [{"start": 0, "end": 2}]}
        error = found[place + 1]
        assert set(error) == {"error"}
        assert set(error["error"]) == {"column", "message"}
        assert error["error"]["column"] >= 1
        assert error["error"]["message"]
    assert [set(one) for one in found[-3:]] == [{"error"}, {"error"}, {"match", "hits"}]


def test_match_of_nothing_is_nothing(monitor: Run) -> None:
    assert answers(monitor("keywords", "match")) == []


START = datetime.fromisoformat("2026-03-01T00:00:00+08:00")


def series(
    values: Sequence[object], *, step: timedelta = timedelta(hours=1), zone: bool = True
) -> bytes:
    times = [START + step * place for place in range(len(values))]
    stamps = [at.isoformat() if zone else at.strftime("%Y-%m-%d %H:%M:%S") for at in times]
    rows = [f"{stamp},{value}" for stamp, value in zip(stamps, values, strict=True)]
    return "\n".join(["timestamp,value", *rows, ""]).encode()


def table(done: subprocess.CompletedProcess[bytes]) -> list[dict[str, str]]:
    assert done.returncode == 0, done.stderr.decode()
    return list(csv.DictReader(io.StringIO(done.stdout.decode())))


def test_backtest_answers_each_row_with_baseline_score_and_tier(monitor: Run) -> None:
    values = [1] * 240 + [30, 1, 1]
    given = series(values)
    done = monitor("backtest", "--series", "-", given=given)
    rows = table(done)
    assert done.stdout.decode().splitlines()[0] == "timestamp,value,baseline,score,tier"
    assert [row["timestamp"] for row in rows] == [
        line.split(",")[0] for line in given.decode().splitlines()[1:]
    ]
    assert [float(row["value"]) for row in rows] == values
    assert {row["tier"] for row in rows[:240]} == {"none"}
    assert rows[240]["tier"] in ("orange", "red")
    assert float(rows[240]["score"]) > 5
    assert float(rows[240]["baseline"]) == pytest.approx(1, abs=0.7)


def test_backtest_is_strictly_causal(monitor: Run) -> None:
    calm: list[object] = [1, 2, 0, 3] * 60
    alone = table(monitor("backtest", "--series", "-", given=series(calm)))
    followed = table(monitor("backtest", "--series", "-", given=series([*calm, 90, 0, 70])))
    assert followed[: len(calm)] == alone


def test_backtest_reads_a_file_like_the_pipe_and_keeps_times_as_written(
    monitor: Run, tmp_path: Path
) -> None:
    given = series([1, 2, 3] * 40, zone=False).replace(b"\n", b"\r\n")
    file = tmp_path / "series.csv"
    file.write_bytes(b"\xef\xbb\xbf" + given)
    by_file = monitor("backtest", "--series", file)
    assert table(by_file)[0]["timestamp"] == "2026-03-01 00:00:00"
    assert by_file.stdout == monitor("backtest", "--series", "-", given=given).stdout
    assert len(table(by_file)) == 120


@pytest.mark.parametrize(
    ("given", "place"),
    [
        (b"", "1"),
        (b"time,count\n1,2\n", "1"),
        (series([1, 2, "many", 4]), "4"),
        (series([1, -2]), "3"),
        (b"timestamp,value\nyesterday,1\n", "2"),
        (b"timestamp,value\n2026-03-01T02:00Z,1\n2026-03-01T01:00Z,1\n", "3"),
        (b"timestamp,value\n2026-03-01T02:00Z\n", "2"),
    ],
    ids=["empty", "other columns", "no number", "negative", "no time", "not in order", "no value"],
)
def test_backtest_names_the_line_that_it_cannot_use(monitor: Run, given: bytes, place: str) -> None:
    done = monitor("backtest", "--series", "-", given=given)
    assert place in failed(done, 1)
    assert done.stdout == b""


def test_backtest_of_a_header_alone_is_a_header(monitor: Run) -> None:
    done = monitor("backtest", "--series", "-", given=b"timestamp,value\n")
    assert (done.returncode, done.stdout) == (0, b"timestamp,value,baseline,score,tier\n")


def test_backtest_explains_an_unknown_time_zone(monitor: Run) -> None:
    given = series([1, 2])
    done = monitor("backtest", "--series", "-", "--timezone", "Mars/Base", given=given)
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stderr.decode()


ROW = {"source": "论坛", "external_id": "1", "title": "公告", "text": "云帆新车上市 🚗"}


def test_ingest_stores_good_lines_and_answers_each(monitor: Run) -> None:
    rows: list[object] = [ROW, ROW, {**ROW, "text": "云帆改口"}, {"source": "论坛"}, [1]]
    later = {**ROW, "external_id": "2", "published_at": "2026-03-10 13:08"}
    done = monitor("ingest", "--json", "-", given=json_lines(*rows, later, last=""))
    found = [json.loads(line) for line in done.stdout.splitlines()]
    statuses = ["created", "duplicate", "updated", "rejected", "rejected", "created"]
    assert [one["status"] for one in found] == statuses
    assert [one["index"] for one in found] == list(range(6))
    assert all(one["reason"] and one["pointer"] for one in found if one["status"] == "rejected")
    assert done.returncode == 1, "a rejected line is told by the exit code"

    again = monitor("ingest", "--json", "-", given=json_lines({**ROW, "text": "云帆改口"}, later))
    assert [one["status"] for one in answers(again)] == ["duplicate", "duplicate"]


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"], ids=["plain", "byte order mark"])
@pytest.mark.parametrize("way", ["pipe", "file"])
def test_ingest_reads_lines_as_they_come(
    monitor: Run, tmp_path: Path, mark: bytes, way: str
) -> None:
    given = mark + json_lines(ROW, {**ROW, "external_id": "2"}, newline="\r\n\r\n", last="")
    file = tmp_path / "given.jsonl"
    file.write_bytes(given)
    done = monitor("ingest", "--json", file if way == "file" else "-", given=given)
    assert [one["status"] for one in answers(done)] == ["created", "created"]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "gb18030"])
def test_ingest_reads_csv_of_spreadsheets(monitor: Run, tmp_path: Path, encoding: str) -> None:
    sheet = tmp_path / "posts.csv"
    lines = [
        "source,external_id,text,author,followers,likes,rating,published_at",
        '论坛,1,"云帆汽车,起火""了""\n第二行",老王,1200,3,4.5,2026-03-10 13:08',
        "论坛,2,云帆很好,,,,,",
        "论坛,3,云帆一般,老李,许多,,,",
    ]
    sheet.write_bytes("\r\n".join(lines).encode(encoding))
    done = monitor("ingest", "--json", sheet)
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["status"] for one in found] == ["created", "created", "rejected"]
    assert "followers" in found[2]["pointer"]
    assert done.returncode == 1


def test_ingest_tells_in_which_line_of_the_file_a_row_is_wrong(
    monitor: Run, tmp_path: Path
) -> None:
    lines = tmp_path / "posts.jsonl"
    lines.write_bytes(json_lines(ROW) + b"\n" + b"{broken\n")
    assert "第 3 行" in failed(monitor("ingest", lines), 1)


def test_ingest_keeps_the_good_rows_beside_one_that_is_far_too_long(
    monitor: Run, tmp_path: Path
) -> None:
    sheet = tmp_path / "posts.csv"
    sheet.write_text(f"source,text\n论坛,短\n论坛,{'长' * 140_000}\n论坛,又短\n", encoding="utf-8")
    done = monitor("ingest", "--json", sheet)
    failed(done, 1)
    found = [json.loads(line)["status"] for line in done.stdout.splitlines()]
    assert found == ["created", "rejected", "created"]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["analyze", "missing.jsonl"], 1),
        (["keywords", "match", "missing.jsonl"], 1),
        (["backtest", "--series", "missing.csv"], 1),
        (["ingest", "missing.csv"], 1),
        (["backtest"], 2),
        (["analyze", "--unknown"], 2),
        (["nonsense"], 2),
        (["analyze", "--scorer", "oracle"], 1),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, list) else str(given),
)
def test_a_failure_is_one_sentence_and_an_exit_code(
    monitor: Run, arguments: list[str], code: int
) -> None:
    failed(monitor(*arguments), code)


def test_help_is_quick_and_in_both_languages(monitor: Run) -> None:
    begun = time.monotonic()
    done = monitor("--help")
    seconds = time.monotonic() - begun
    assert done.returncode == 0
    for word in ("serve", "analyze", "backtest", "ingest", "early warning", "预警"):
        assert word in done.stdout.decode()
    assert seconds < QUICK_SECONDS
