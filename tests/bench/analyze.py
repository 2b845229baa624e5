"""``monitor analyze`` beside the plain jieba + SnowNLP loop, on the same texts in one run.

Ours answers more for each text (language, risks with their status, the words that drove the
score). Measured twice: inside a running process, and as whole commands with their start-up.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from tests.bench.material import origin, texts
from tests.bench.measure import Apart, Report, apart, cpu, medians, peak_memory_mib, table
from tests.bench.sizes import Size

GOAL = 60
MANY = 40  # times as many lines for our command: only then is its cost more than its start-up


def run(size: Size) -> Report:
    """Measure both; print and return what was found."""
    report = Report("analyze")
    chosen = texts()[: size.texts]
    mean = sum(map(len, chosen)) / len(chosen)
    print(f"  {origin()}: {len(chosen):,} texts of {mean:.0f} characters on average")
    with apart(2) as (ours, naive):
        rounds = [_round(ours, naive, chosen) for _ in range(size.rounds)]
        peaks = ours.run(peak_memory_mib), naive.run(peak_memory_mib)
    found = medians(rounds)
    _running(report, found, peaks)
    _commands(report, chosen)
    return report


def _round(ours: Apart, naive: Apart, chosen: Sequence[str]) -> dict[str, float]:
    return {"ours": ours.run(_ours, chosen), "naive": naive.run(_naive, chosen)}


def _ours(chosen: Sequence[str]) -> float:
    """Return CPU seconds a text."""
    from analysis.understand import TextAnalyzer

    analyzer = TextAnalyzer()
    analyzer.analyze([{"id": 0, "text": "加载词典与权重"}])
    rows = [{"id": number, "text": text} for number, text in enumerate(chosen)]
    with cpu() as spent:
        answers = analyzer.analyze(rows)
    assert len(answers) == len(chosen)
    return spent.seconds / len(chosen)


def _naive(chosen: Sequence[str]) -> float:
    from tests.bench import naive

    naive.load(with_snownlp=True)
    with cpu() as spent:
        answers = [naive.judge(text) for text in chosen]
    assert len(answers) == len(chosen)
    return spent.seconds / len(chosen)


def _running(report: Report, found: dict[str, float], peaks: tuple[float, float]) -> None:
    ratio = found["naive"] / found["ours"]
    rows = [
        (
            "ours (language, sentiment, words, risks)",
            found["ours"] * 1e6,
            1 / found["ours"],
            peaks[0],
        ),
        (
            "jieba.lcut + SnowNLP(text).sentiments",
            found["naive"] * 1e6,
            1 / found["naive"],
            peaks[1],
        ),
    ]
    table(("in a running process", "µs/text", "texts/CPU-s", "peak MiB"), rows)
    report.figures["running"] = {
        "ours_us": round(found["ours"] * 1e6, 1),
        "naive_us": round(found["naive"] * 1e6, 1),
        "ratio": round(ratio, 1),
    }
    report.goal("analyze × jieba + SnowNLP", ratio, at_least=GOAL)


def _commands(report: Report, chosen: Sequence[str]) -> None:
    """Run both as commands over the same lines, then ours over many more."""
    lines = [json.dumps({"id": i, "text": t}, ensure_ascii=False) for i, t in enumerate(chosen)]
    ours = [sys.executable, "-m", "monitor", "analyze", "-"]
    naive = [sys.executable, "-m", "tests.bench.naive"]
    none = _command(ours, lines[:1])[0], _command(naive, lines[:1])[0]
    same = _command(ours, lines), _command(naive, lines)
    many, answered = _command(ours, lines * MANY)
    each = (same[1][0] - none[1]) / len(lines)
    expected = none[1] + each * len(lines) * MANY
    rows = [
        ("1 text (start-up)", *none, none[1] / none[0]),
        (f"{len(lines):,} texts", same[0][0], same[1][0], same[1][0] / same[0][0]),
        (f"{len(lines) * MANY:,} texts (naive: reckoned)", many, expected, expected / many),
    ]
    print()
    table(("whole commands, start-up included: CPU s", "monitor analyze", "naive", "ratio"), rows)
    report.must(
        answered == len(lines) * MANY and same[0][1] == len(lines),
        f"one answer line for each of {len(lines) * MANY:,} input lines",
    )
    report.figures["commands"] = {
        "start_up_cpu_seconds": {"ours": round(none[0], 3), "naive": round(none[1], 3)},
        "same_texts_ratio": round(same[1][0] / same[0][0], 1),
        "many_texts_ratio": round(expected / many, 1),
    }
    report.goal("analyze command, many lines, start-up included", expected / many, at_least=GOAL)


def _command(command: Sequence[str], lines: Sequence[str]) -> tuple[float, int]:
    """Return CPU seconds of the command over these lines, and how many lines it answered."""
    root = Path(__file__).parents[2]
    with tempfile.TemporaryFile("w+b") as given, tempfile.TemporaryFile("w+b") as answered:
        given.write(("\n".join(lines) + "\n").encode())
        given.seek(0)
        with cpu() as spent:
            subprocess.run(
                command, stdin=given, stdout=answered, stderr=subprocess.DEVNULL,
                cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, check=True,
            )  # fmt: skip
        answered.seek(0)
        return spent.seconds, sum(1 for _ in answered)
