"""``monitor source import`` and ``export``: a reader's list in, the same list out, no server needed."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from collectors import opml
from monitor.cli import app

LIST = """<opml version="2.0"><body><outline text="汽车">
<outline type="rss" text="云雀论坛" xmlUrl="https://forum.example.com/new.rss"/>
<outline type="rss" text="坏" xmlUrl="javascript:alert(1)"/>
</outline></body></opml>"""


@pytest.fixture
def run(tmp_path):
    """Run a command in an installation of its own."""
    env = {"MONITOR_DATA_DIR": str(tmp_path / "data"), "COLUMNS": "200"}

    def invoke(*arguments, given=None):
        return CliRunner(env=env).invoke(app, ["source", *map(str, arguments)], input=given)

    return invoke


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "列表.opml"
    path.write_bytes(LIST.encode("gb18030"))
    return path


def listed(run):
    return [row["name"] for row in json.loads(run("list", "--json").stdout)]


def test_a_list_is_imported_once_and_exported_equal(run, file, tmp_path):
    done = run("import", file)
    assert done.exit_code == 1, "a rejected line is told by the exit code"
    assert "created 1 · duplicate 0 · rejected 1" in done.stderr
    assert "https://" in done.stdout
    assert "duplicate 1" in run("import", file).stderr
    assert listed(run) == ["云雀论坛"]
    out = tmp_path / "out.opml"
    assert run("export", out).exit_code == 0
    [outline] = opml.read(out.read_bytes()).outlines
    assert (outline.title, outline.path) == ("云雀论坛", ("汽车",))
    assert opml.read(run("export").stdout_bytes).outlines == (outline,)


def test_a_dry_run_stores_nothing(run, file):
    done = run("import", file, "--dry-run", "--json")
    assert [row["result"] for row in json.loads(done.stdout)] == ["created", "rejected"]
    assert "试运行" in done.stderr
    assert listed(run) == []


def test_standard_input_is_read_too(run):
    assert "created 1" in run("import", "-", given=LIST.encode()).stderr


@pytest.mark.parametrize("body", [None, b"", b"<rss/>"], ids=["missing", "empty", "a feed"])
def test_a_file_that_is_no_list_is_one_sentence(run, file, body):
    file.unlink() if body is None else file.write_bytes(body)
    done = run("import", file)
    assert done.exit_code == 1
    assert str(file) in str(done.exception)


def test_a_source_is_disabled_and_enabled_without_the_service(run, file):
    run("import", file)
    [key] = [row["id"] for row in json.loads(run("list", "--json").stdout)]

    def enabled():
        return opml.read(run("export").stdout_bytes).outlines[0].enabled

    assert run("disable", key).exit_code == 0
    assert enabled() is False
    assert run("enable", key).exit_code == 0
    assert enabled() is True
    assert "99" in str(run("disable", 99).exception)
