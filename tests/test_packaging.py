"""Dockerfile, compose.yaml and Makefile name only what exists, and the wheel works on its own.

No container engine is needed: the same commands run from a fresh virtual environment, in a
directory that is not the repository.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import socket
import subprocess
import sys
import time
import urllib.request
import venv
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
OWN = {name: service for name, service in COMPOSE["services"].items() if "build" in service}


def instructions(name):
    joined = DOCKERFILE.replace("\\\n", " ")
    return [
        line[len(name) :].strip() for line in joined.splitlines() if line.startswith(f"{name} ")
    ]


def commands():
    """Every `monitor …` command that Dockerfile and compose name."""
    found = [json.loads(line) for line in instructions("CMD")]
    found += [service["command"] for service in OWN.values() if "command" in service]
    return [command for command in found if command[0] == "monitor"]


@pytest.fixture(scope="session")
def installed(tmp_path_factory):
    """The bin directory of a fresh environment that holds the wheel and what it depends on."""
    where = tmp_path_factory.mktemp("fresh")
    venv.create(where / "venv", with_pip=True)
    bin_ = where / "venv" / "bin"
    install = [
        bin_ / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
        "-c", ROOT / "constraints.txt", ROOT,
    ]  # fmt: skip
    done = subprocess.run(install, cwd=where, capture_output=True, text=True, check=False)
    if done.returncode:
        if os.environ.get("CI"):
            pytest.fail(f"the wheel does not install: {done.stderr[-2000:]}")
        pytest.skip(
            f"cannot install into a fresh environment here: {done.stderr.splitlines()[-1:]}"
        )
    return bin_


def environment(tmp_path, **more):
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "MONITOR_DATA_DIR": str(tmp_path / "data"), **more}


def test_what_the_image_copies_exists():
    for line in instructions("COPY"):
        if not line.startswith("--from"):
            *sources, _target = shlex.split(line)
            assert all((ROOT / source).exists() for source in sources), line


def test_the_image_runs_without_root_and_checks_its_health():
    assert instructions("USER") == ["jianwei"]
    assert instructions("HEALTHCHECK")
    assert re.search(r"useradd .*jianwei", DOCKERFILE)


def test_the_published_ports_stay_on_loopback():
    for name, service in COMPOSE["services"].items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), name


def test_the_fleet_has_what_its_urls_name():
    for name, service in OWN.items():
        if "fleet" in service.get("profiles", []):
            given = service["environment"]
            assert re.search(r"@(\w+)/", given["MONITOR_DATABASE_URL"])[1] in COMPOSE["services"], (
                name
            )
            assert re.match(r"nats://(\w+):", given["MONITOR_BUS_URL"])[1] in COMPOSE["services"], (
                name
            )


def test_what_services_depend_on_and_mount_is_declared():
    for name, service in COMPOSE["services"].items():
        assert set(service.get("depends_on", {})) <= set(COMPOSE["services"]), name
        for volume in service.get("volumes", []):
            assert volume.partition(":")[0] in COMPOSE["volumes"], name


def test_settings_named_by_image_and_compose_are_settings():
    from monitor.config import Settings

    known = {f"MONITOR_{name.upper()}" for name in Settings.model_fields}
    named = set(re.findall(r"MONITOR_[A-Z_]+", DOCKERFILE))
    for service in OWN.values():
        named |= set(service.get("environment", {}))
    assert named <= known


def test_the_readme_names_settings_and_commands_that_exist():
    from typer.main import get_command

    from monitor.cli import app
    from monitor.config import Settings

    text = (ROOT / "README.md").read_text(encoding="utf-8")
    known = {f"MONITOR_{name.upper()}" for name in Settings.model_fields}
    assert set(re.findall(r"MONITOR_[A-Z_]+[A-Z]", text)) <= known
    tree = get_command(app)
    for words in re.findall(r"(?:^|\s|/)monitor ((?:[a-z]+ ?){1,2})", text):
        node = tree
        for word in words.split():
            if not hasattr(node, "commands"):
                break
            assert word in node.commands, words
            node = node.commands[word]
    targets = set(
        re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    assert set(re.findall(r"`?make (\w+)", text)) <= targets


@pytest.mark.slow
@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_every_command_works_from_an_empty_environment(installed, tmp_path, command):
    helped = [installed / command[0], *command[1:], "--help"]
    done = subprocess.run(
        helped, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    for option in command[1:]:
        if option.startswith("--"):
            assert option in done.stdout


@pytest.mark.slow
def test_the_wheel_serves_its_pages_and_every_asset_they_name(installed, tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = environment(tmp_path, MONITOR_PORT=str(port), MONITOR_ADMIN_TOKEN="t" * 40)
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [installed / "monitor", "serve"], cwd=tmp_path, env=settings, stderr=log
        )
    try:
        base = f"http://127.0.0.1:{port}"
        wait_until_ready(f"{base}/readyz", process)
        for page in ("/login", "/docs"):
            body = urllib.request.urlopen(base + page).read().decode()
            assets = re.findall(r'(?:src|href)="(/static/[^"]+|/docs/[^"]+)"', body)
            assert assets, page
            for asset in assets:
                assert urllib.request.urlopen(base + asset).status == 200, asset
    finally:
        process.terminate()
        assert process.wait(15) == 0


def wait_until_ready(url, process):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and process.poll() is None:
        try:
            if urllib.request.urlopen(url).status == 200:
                return
        except OSError:
            time.sleep(0.1)
    pytest.fail("monitor serve did not become ready")


@pytest.mark.slow
def test_the_wheel_analyses_outside_the_repository(installed, tmp_path):
    row = json.dumps({"id": 1, "text": "青禾电池起火,客服不理人", "targets": [{"name": "青禾"}]})
    done = subprocess.run(
        [installed / "monitor", "analyze"], input=row, cwd=tmp_path, env=environment(tmp_path),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(done.stdout)["sentiment"]["label"] == "negative"


def test_help_does_not_import_the_server():
    code = "import sys, monitor.cli; sys.exit(any(m in sys.modules for m in ('fastapi', 'sqlalchemy', 'numpy')))"
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False).returncode == 0
