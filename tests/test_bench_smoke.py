"""The benches run, and find right results, on a tiny input. Nothing here looks at a clock."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[1]
BENCHES = ("pipeline", "analyze", "trends", "serve", "poll")


def run_bench(name: str, out: Path) -> dict[str, Any]:
    """Run one bench as ``make bench`` does, and return the figures that it wrote."""
    command = [sys.executable, "-m", "tests.bench", "--tiny", "--only", name, "--out", str(out)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    report: dict[str, Any] = json.loads((out / f"{name}.json").read_text(encoding="utf-8"))
    return report


@pytest.mark.slow
@pytest.mark.parametrize("name", BENCHES)
def test_a_bench_runs_and_all_its_results_are_right(name: str, tmp_path: Path) -> None:
    report = run_bench(name, tmp_path)

    assert report["broken"] == []
    assert report["goals"] or name == "poll"


@pytest.mark.slow
def test_the_pipeline_loses_and_doubles_nothing_beside_the_naive_stack(tmp_path: Path) -> None:
    figures = run_bench("pipeline", tmp_path)["figures"]

    counts = figures["counts"]
    assert counts["posts"] == counts["indexed"] == figures["ours"]["posts"] == 40
    assert counts["mentions"] == counts["in_rollups"] > 0
    assert figures["naive"]["posts"] == figures["naive without SnowNLP"]["posts"] == 20


def test_an_unknown_bench_is_refused_with_the_names_of_the_known_ones(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.bench", "--only", "nonsense", "--out", str(tmp_path)]
    done = subprocess.run(
        command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=60
    )

    assert done.returncode == 1
    assert "pipeline, analyze, trends, serve, poll" in done.stderr
