"""Servers of other projects, from Debian's packages, npm's and PyPI's, into a folder of their own.

Each function returns where its server lies, installing it at most once. Nothing is enabled or
started system-wide; only PHP itself, where it is missing, is installed as the system's package.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

FOLDER = "MONITOR_TEST_SERVERS_DIR"
STEP_SECONDS = 300.0
RSSHUB = "1.0.0"
FLASK_WEBSUB = "0.4.1"
# Two dependencies of RSSHub's page reader name git repositories instead of packages: their
# namesakes of the registry load as well, and no route used here reads a page.
_FROM_THE_REGISTRY = {"difflib": "0.2.4", "browser-request": "0.3.3"}
_DEBS = ("wordpress", "wordpress-theme-twentytwentythree")


class Unavailable(Exception):
    """A server cannot be had on this machine; the text says which, why and what would help."""


def wordpress() -> Path:
    """Return the folder of WordPress's files as Debian packs them, with PHP beside it to run them."""
    if shutil.which("php") is None:
        _install_php()

    def unpack(folder: Path) -> None:
        _run(["apt-get", "download", "-qq", *_DEBS], cwd=folder)
        for package in sorted(folder.glob("*.deb")):
            _run(["dpkg", "-x", str(package), "."], cwd=folder)
            package.unlink()

    return _once("wordpress", unpack) / "usr/share/wordpress"


def rsshub() -> Path:
    """Return the script that starts RSSHub, for ``node``."""
    if shutil.which("npm") is None:
        raise Unavailable("RSSHub needs node and npm on the PATH")

    def install(folder: Path) -> None:
        wanted = {
            "private": True,
            "dependencies": {"rsshub": RSSHUB},
            "overrides": _FROM_THE_REGISTRY,
        }
        (folder / "package.json").write_text(json.dumps(wanted), encoding="utf-8")
        quiet = ("--ignore-scripts", "--no-audit", "--no-fund", "--omit=dev", "--omit=optional")
        _run(["npm", "install", *quiet], cwd=folder)

    return _once(f"rsshub-{RSSHUB}", install) / "node_modules/rsshub/lib/index.js"


def websub_hub() -> Path:
    """Return the Python that has Flask-WebSub and the queue it works through."""

    def install(folder: Path) -> None:
        # Not moved afterwards: its scripts would name the old place, its python does not.
        _run([sys.executable, "-m", "venv", "venv"], cwd=folder)
        wanted = (f"Flask-WebSub=={FLASK_WEBSUB}", "celery")
        _run(["venv/bin/python", "-m", "pip", "install", "-q", *wanted], cwd=folder)

    return _once(f"flask-websub-{FLASK_WEBSUB}", install) / "venv/bin/python"


def _install_php() -> None:
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise Unavailable("WordPress needs PHP: apt-get install php-cli php-mysql")
    _run(["apt-get", "update", "-qq"])
    quiet = ("install", "-y", "-qq", "--no-install-recommends", "php-cli", "php-mysql")
    _run(["apt-get", *quiet], {"DEBIAN_FRONTEND": "noninteractive"})


def _once(name: str, install: Callable[[Path], None]) -> Path:
    """Return the folder ``name``, filled by ``install`` unless an earlier run did; never half full."""
    root = Path(os.environ.get(FOLDER) or Path.home() / ".cache" / "jianwei-test-servers")
    target = root / name
    if target.is_dir():
        return target
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    fresh = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=root))
    try:
        install(fresh)
        fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        raise
    return target


def _run(
    command: Sequence[str], settings: Mapping[str, str] | None = None, cwd: Path | None = None
) -> None:
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env={**os.environ, **(settings or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=STEP_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unavailable(f"{' '.join(command[:3])}: {error}") from error
    if done.returncode:
        said = done.stdout.decode(errors="replace").strip()[-600:]
        raise Unavailable(f"{' '.join(command[:3])} ended with {done.returncode}: {said}")
