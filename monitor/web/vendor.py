"""Third-party browser files: fetched, bundled and hashed here, committed, never fetched at run time.

``python -m monitor.web.vendor`` rebuilds them (the only thing that needs node and npm);
``python -m monitor.web.vendor --check`` compares the committed files with ``VENDOR.json``, offline.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

VENDOR = Path(__file__).parent / "static" / "vendor"
MANIFEST = "VENDOR.json"
ENTRY = "echarts.entry.js"
LICENCES = "LICENSES.txt"
BUILD_ONLY = {"esbuild": "0.28.2"}
BUILD_FLAGS = ("--bundle", "--minify", "--format=esm", "--target=es2020", "--legal-comments=none")
SHIPPED = {"htmx.org": "4.0.1", "echarts": "6.1.0", "zrender": "6.1.0", "lucide-static": "1.62.0"}
BUNDLED = ("tslib",)  # comes with echarts, its version is echarts' choice
ICONS = (
    "activity", "bell-ring", "book-open", "chevrons-up-down", "circle-check", "clock", "external-link", "gauge",
    "languages", "layout-dashboard", "log-out", "megaphone", "message-square-warning", "moon", "percent", "radio-tower",
    "rss", "send", "shield-alert", "sun", "table-2", "timer", "trending-up", "triangle-alert", "user-check", "users-round",
)  # fmt: skip


class VendorError(Exception):
    """A vendored file cannot be made, or is not the one that was recorded; the text names it."""


def check(folder: Path = VENDOR) -> list[str]:
    """Return what is wrong with the committed files, one sentence each; empty when all is well."""
    recorded: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    there = {path.name for path in folder.iterdir() if path.is_file()} - {MANIFEST}
    wrong = [f"{name}: not recorded in {MANIFEST}" for name in sorted(there - recorded.keys())]
    for name, digest in sorted(recorded.items()):
        if name not in there:
            wrong.append(f"{name}: missing")
        elif _sha256((folder / name).read_bytes()) != digest:
            wrong.append(f"{name}: its sha256 is not the recorded one")
    return wrong


def build(folder: Path = VENDOR) -> None:
    """Fetch the packages, make the files, write licences and manifest; raises VendorError."""
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        _install(work)
        modules = work / "node_modules"
        htmx = f"htmx-{SHIPPED['htmx.org']}.min.js"
        echarts = f"echarts-{SHIPPED['echarts']}.custom.min.js"
        shutil.copyfile(modules / "htmx.org" / "dist" / "htmx.min.js", folder / htmx)
        _bundle(work, folder / ENTRY, folder / echarts)
        (folder / "icons.svg").write_text(_sprite(modules), encoding="utf-8")
        (folder / LICENCES).write_text(_licences(modules), encoding="utf-8")
        made = [htmx, echarts, "icons.svg"]
        for name in made:
            (folder / f"{name}.gz").write_bytes(
                gzip.compress((folder / name).read_bytes(), 9, mtime=0)
            )
        files = [*made, *(f"{name}.gz" for name in made), ENTRY, LICENCES]
        manifest = {
            "packages": _packages(work),
            "bundle": {"file": echarts, "entry": ENTRY, "flags": list(BUILD_FLAGS)},
            "files": {name: _sha256((folder / name).read_bytes()) for name in sorted(files)},
        }
        text = json.dumps(manifest, indent=2, ensure_ascii=False) + "\n"
        (folder / MANIFEST).write_text(text, encoding="utf-8")


def _install(work: Path) -> None:
    wanted = [f"{name}@{version}" for name, version in {**SHIPPED, **BUILD_ONLY}.items()]
    _run([_tool("npm"), "install", "--no-audit", "--no-fund", "--prefix", str(work), *wanted], work)


def _bundle(work: Path, entry: Path, target: Path) -> None:
    shutil.copyfile(entry, work / ENTRY)
    esbuild = work / "node_modules" / ".bin" / "esbuild"
    _run([str(esbuild), ENTRY, *BUILD_FLAGS, f"--outfile={target}"], work)


def _sprite(modules: Path) -> str:
    """Return one SVG with a symbol an icon, drawn in the text's colour."""
    symbols = []
    for name in ICONS:
        drawing = (modules / "lucide-static" / "icons" / f"{name}.svg").read_text(encoding="utf-8")
        found = re.search(r"<svg[^>]*>(.*)</svg>", drawing, re.DOTALL)
        if not found:
            raise VendorError(f"{name}.svg of lucide-static has no drawing in it")
        shape = re.sub(r"\s+", " ", found[1]).strip()
        symbols.append(
            f'<symbol id="{name}" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2" '
            f'stroke-linecap="round" stroke-linejoin="round">{shape}</symbol>'
        )
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def _licences(modules: Path) -> str:
    parts = []
    for name in (*SHIPPED, *BUNDLED):
        for file in ("LICENSE", "LICENSE.txt", "NOTICE"):
            path = modules / name / file
            if path.is_file():
                parts.append(
                    f"==== {name} {file} ====\n\n{path.read_text(encoding='utf-8').strip()}\n"
                )
    return "\n".join(parts)


def _packages(work: Path) -> list[dict[str, str]]:
    locked: dict[str, Any] = json.loads((work / "package-lock.json").read_text(encoding="utf-8"))[
        "packages"
    ]
    return [
        {
            "name": name,
            "version": locked[f"node_modules/{name}"]["version"],
            "licence": locked[f"node_modules/{name}"]["license"],
            "integrity": locked[f"node_modules/{name}"]["integrity"],
            "used": "build only" if name in BUILD_ONLY else "shipped",
        }
        for name in (*SHIPPED, *BUNDLED, *BUILD_ONLY)
    ]


def _sha256(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()


def _tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise VendorError(
            f"{name} is needed to rebuild the vendored files (not to run anything else)"
        )
    return path


def _run(command: Sequence[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # our own words
    if done.returncode:
        raise VendorError(f"{command[0]} ended with {done.returncode}: {done.stderr[-800:]}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Rebuild or check; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m monitor.web.vendor", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare hashes only, offline")
    if not parser.parse_args(arguments).check:
        build()
    wrong = check()
    for line in wrong:
        sys.stderr.write(f"{line}\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
