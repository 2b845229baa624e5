"""The collector that docs/collectors.md shows is short, works, and is found once it is installed."""

from __future__ import annotations

import ast
import asyncio
import importlib.util
import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from collectors.base import BaseCollector, Collector
from collectors.model import CollectError, Outcome, Precision, Source, SourceState
from collectors.options import Options
from tests.collectors.answers import NOW, Answer, FakeHttp

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "collectors.md").read_text(encoding="utf-8")
FENCES = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
EXAMPLE, ITS_TEST = [code for language, code in FENCES if language == "python"]
[PROJECT] = [tomllib.loads(code) for language, code in FENCES if language == "toml"]
MOST_LINES = 40
SECRET = "hunter2-hunter2"


@pytest.fixture(scope="module")
def collector(tmp_path_factory) -> Collector:
    path = tmp_path_factory.mktemp("docs") / "lamplight_of_the_docs.py"
    path.write_text(EXAMPLE, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.LamplightCollector()


@pytest.fixture
def source() -> Source:
    return Source(
        id=7, name="n", kind="lamplight", url="https://lamplight.example.com", interval=timedelta(minutes=5),
        options={"topic": "云雀汽车", "max_pages": 3}, secrets={"token": SECRET},
    )  # fmt: skip


def visit(collector, source, *answers):
    http = FakeHttp(*answers)
    poll = asyncio.run(collector.collect(source, slot=NOW, http=http, now=NOW))
    return poll, http


def page(*rows) -> Answer:
    return Answer(body=json.dumps(rows, ensure_ascii=False).encode())


def row(number, **more):
    return {"id": number, "text": f"第{number}条", "at": "2024-05-01 10:20", **more}


def test_the_example_is_at_most_forty_lines():
    assert len(EXAMPLE.splitlines()) <= MOST_LINES, "blank lines count too"
    assert all(len(line) <= 110 for line in EXAMPLE.splitlines())


def test_the_example_is_what_a_collector_is(collector):
    assert isinstance(collector, BaseCollector)
    assert issubclass(collector.options, Options)
    assert (collector.kind, collector.secrets, collector.obeys_robots) == (
        "lamplight", ("token",), False,
    )  # fmt: skip
    described = collector.options.model_json_schema()["properties"]
    assert {"topic", "max_pages", "timezone", "folder"} <= described.keys()
    with pytest.raises(ValueError, match="topic"):
        collector.options.model_validate({})


def test_it_reads_to_the_end_and_goes_on_behind_it(collector, source):
    poll, http = visit(collector, source, page(row(1), row(2)), page(row(3)), page())
    assert [post.external_id for post in poll.posts] == ["1", "2", "3"]
    assert poll.posts[0].published_at.isoformat() == "2024-05-01T02:20:00+00:00"
    assert (poll.state, poll.outcome, poll.cursor_after.position) == (
        SourceState.OK, Outcome.NEW, "3",
    )  # fmt: skip
    assert [url.rpartition("after=")[2] for url, _ in http.asked] == ["0", "2", "3"]
    later, http = visit(collector, replace(source, cursor=poll.cursor_after), page())
    assert (later.posts, later.outcome) == ((), Outcome.UNCHANGED)
    assert later.cursor_after == poll.cursor_after


def test_the_same_answers_give_the_same_posts(collector, source):
    answers = (page(row(1), row(2)), page())
    assert visit(collector, source, *answers)[0] == visit(collector, source, *answers)[0]


def test_a_visit_ends_after_its_pages(collector, source):
    poll, http = visit(collector, source, *(page(row(number)) for number in range(1, 9)))
    assert (len(http.asked), poll.cursor_after.position) == (3, "3")


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        (Answer(status=403), SourceState.BLOCKED),
        (Answer(status=429, headers={"retry-after": "600"}), SourceState.RATE_LIMITED),
        (Answer(status=500), SourceState.BACKING_OFF),
        (Answer(status=410), SourceState.GONE),
        (Answer(body=b"<html>login</html>"), SourceState.BLOCKED),
        (Answer(body=b""), SourceState.BLOCKED),
        (Answer(body=b'{"error": "no"}'), SourceState.FAILING),
        (CollectError("no answer"), SourceState.BACKING_OFF),
    ],
    ids=["403", "429", "500", "410", "a page", "empty", "an object", "no answer"],
)
def test_trouble_is_a_state_and_what_was_read_is_kept(collector, source, answer, state):
    at_once, _ = visit(collector, source, answer)
    assert (at_once.state, at_once.outcome, at_once.posts) == (state, Outcome.FAILED, ())
    assert at_once.reason
    assert at_once.cursor_after == source.cursor
    midway, http = visit(collector, source, page(row(1)), answer)
    assert (midway.state, len(midway.posts), midway.cursor_after.position) == (state, 1, "1")
    assert SECRET not in f"{midway.reason}{http.asked[0][0]}"
    assert http.asked[0][1]["Authorization"] == f"Bearer {SECRET}"


def test_a_bad_item_is_left_out_beside_good_ones(collector, source):
    poll, _ = visit(collector, source, page(row(1, at="soon"), {"text": "?"}, 5, row(2)), page())
    assert [post.external_id for post in poll.posts] == ["1", "2"]
    assert poll.posts[0].published_at is None
    assert poll.posts[1].precision is Precision.MINUTE


@pytest.fixture
def installed(tmp_path):
    """A folder as ``pip install --target`` leaves it: the module, its metadata, its entry points."""
    project = PROJECT["project"]
    metadata = tmp_path / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    lines = [
        line
        for group, points in project["entry-points"].items()
        for line in (f"[{group}]", *(f"{name} = {value}" for name, value in points.items()))
    ]
    (metadata / "entry_points.txt").write_text("\n".join(lines) + "\n")
    (tmp_path / "lamplight.py").write_text(EXAMPLE, encoding="utf-8")
    (tmp_path / "test_lamplight.py").write_text(ITS_TEST, encoding="utf-8")
    return tmp_path


def run(code: str, *paths: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )  # fmt: skip


LOOK = (
    "import sys; from collectors import registry; "
    "print(registry.is_known('lamplight'), 'lamplight' in registry.kinds(), 'feed' in registry.kinds(), "
    "'lamplight' in sys.modules)"
)


def test_a_distribution_beside_ours_brings_its_kind(installed):
    assert run(LOOK).stdout.split() == ["False", "False", "True", "False"]
    assert run(LOOK, installed).stdout.split() == ["True", "True", "True", "False"]


def test_a_source_of_that_kind_is_checked_by_it(installed):
    code = (
        "from monitor.api.source_kinds import address_of, checked_options, checked_secrets\n"
        "from monitor.api.problems import Problem\n"
        "print(checked_options('lamplight', {'topic': 'x'}), checked_secrets('lamplight', {'token': 't'}))\n"
        "try: checked_options('lamplight', {'topic': ''})\n"
        "except Problem as problem: print(problem.errors[0].pointer)\n"
    )
    done = run(code, installed)
    assert done.stdout.splitlines() == ["{'topic': 'x'} {'token': 't'}", "#/options/topic"], (
        done.stderr
    )


def test_the_tests_of_the_page_pass(installed):
    names = [
        one.name for one in ast.parse(ITS_TEST).body if isinstance(one, ast.FunctionDef) and one.name.startswith("test_")
    ]  # fmt: skip
    assert len(names) >= 2
    code = "import test_lamplight as t\n" + "\n".join(f"t.{name}()" for name in names)
    done = run(code, installed)
    assert done.returncode == 0, done.stderr
