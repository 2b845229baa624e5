"""The benches run, and find right results, on a tiny input. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BENCHES = ("pipeline", "analyze", "trends", "serve", "poll")
COLLECTING = ("--only", "feeds", "--only", "pace", "--only", "memory")

Reports = Mapping[str, dict[str, Any]]


def run_benches(*arguments: str, module: str = "tests.bench") -> subprocess.CompletedProcess[str]:
    """Run the command behind ``make bench``, or another one."""
    command = [sys.executable, "-m", module, *arguments]
    return subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=240
    )


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> Reports:
    """What one tiny run of every bench wrote down."""
    out = tmp_path_factory.mktemp("bench")
    done = run_benches("--tiny", "--out", str(out))
    assert done.returncode == 0, done.stdout + done.stderr
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in out.iterdir()}


def test_every_bench_writes_what_it_found(reports: Reports) -> None:
    assert sorted(reports) == sorted(BENCHES)


@pytest.mark.parametrize("name", BENCHES)
def test_all_results_of_a_bench_are_right(reports: Reports, name: str) -> None:
    assert reports[name]["checked"] > 0
    assert reports[name]["broken"] == []


def test_the_pipeline_loses_and_doubles_nothing_beside_the_naive_stack(reports: Reports) -> None:
    figures = reports["pipeline"]["figures"]

    counts = figures["counts"]
    assert counts["posts"] == counts["indexed"] == figures["ours"]["posts"] == 40
    assert counts["mentions"] == counts["in_rollups"] > 0
    assert figures["naive"]["posts"] == figures["naive without SnowNLP"]["posts"] == 20


def test_the_collecting_bench_finds_right_results(tmp_path: Path) -> None:
    done = run_benches("--tiny", "--out", str(tmp_path), *COLLECTING, module="tests.bench.collect")
    assert done.returncode == 0, done.stdout + done.stderr
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in tmp_path.iterdir()}
    assert sorted(found) == ["collect-feeds", "collect-memory", "collect-pace"]
    assert all(one["checked"] > 0 and one["broken"] == [] for one in found.values())
    assert found["collect-feeds"]["figures"]["feeds"] == 10


def test_full_text_without_recordings_is_skipped_with_a_word(tmp_path: Path) -> None:
    away = ("--only", "fulltext", "--shared", str(tmp_path), "--out", str(tmp_path))
    done = run_benches(*away, module="tests.bench.collect")
    assert done.returncode == 0
    assert "没有语料" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_bench_is_refused_with_the_names_of_the_known_ones() -> None:
    done = run_benches("--only", "nonsense")

    assert done.returncode == 1
    assert "pipeline, analyze, trends, serve, poll" in done.stderr
