"""The import contracts must know every module; a new one is placed on purpose."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("package", ["collectors", "analysis"])
def test_every_module_but_the_model_is_protected(package):
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    protected = {
        module
        for contract in settings["tool"]["importlinter"]["contracts"]
        for module in contract.get("protected_modules", ())
        if module.startswith(f"{package}.")
    }
    there = {f"{package}.{path.stem}" for path in (ROOT / package).glob("*.py")}
    # a folder is protected with all that it holds
    there |= {f"{package}.{path.parent.name}" for path in (ROOT / package).glob("*/__init__.py")}
    assert protected == there - {f"{package}.__init__", f"{package}.model"}


@pytest.mark.parametrize(
    "folder", ["monitor", "collectors", "analysis", "alerts", "migrations", "tests"]
)
def test_no_file_grows_past_four_hundred_lines(folder):
    long = {
        str(path.relative_to(ROOT)): lines
        for path in (ROOT / folder).rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 400
    }
    assert long == {}
