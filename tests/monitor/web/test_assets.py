"""Static files: ours or recorded, served under their content's hash, for ever."""

from __future__ import annotations

import gzip
import json
import re
import shutil

import pytest

from monitor.web import assets, vendor


def test_the_vendored_files_are_the_recorded_ones():
    assert vendor.check() == []


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (
            lambda folder: (folder / "icons.svg").write_text("<svg/>"),
            "icons.svg: its sha256 is not the recorded one",
        ),
        (lambda folder: (folder / "icons.svg").unlink(), "icons.svg: missing"),
        (
            lambda folder: (folder / "more.js").write_text(""),
            "more.js: not recorded in VENDOR.json",
        ),
    ],
    ids=["changed", "missing", "foreign"],
)
def test_a_wrong_vendored_file_is_named(tmp_path, spoil, told):
    folder = tmp_path / "vendor"
    shutil.copytree(vendor.VENDOR, folder)
    spoil(folder)
    assert vendor.check(folder) == [told]


def test_the_manifest_names_version_licence_and_integrity_and_no_address():
    manifest = json.loads((vendor.VENDOR / "VENDOR.json").read_text(encoding="utf-8"))
    shipped = {row["name"]: row for row in manifest["packages"] if row["used"] == "shipped"}
    assert {"htmx.org", "echarts", "zrender", "lucide-static"} <= shipped.keys()
    assert all(
        row["version"] and row["licence"] and row["integrity"].startswith("sha512-")
        for row in shipped.values()
    )
    licences = (vendor.VENDOR / "LICENSES.txt").read_text(encoding="utf-8")
    assert all(f"==== {name} LICENSE" in licences for name in shipped)
    assert "://" not in json.dumps(manifest)


def test_compressed_copies_hold_the_same_bytes():
    for name, asset in assets.assets().items():
        assert gzip.decompress(asset.packed) == asset.body, name


def test_our_scripts_and_styles_load_nothing_from_elsewhere():
    for name, asset in assets.assets().items():
        if not name.startswith("vendor/") and name != "icon.svg":
            text = asset.body.decode()
            assert not re.search(r"https?://|\beval\(|new Function", text), name


def test_a_file_is_immutable_and_compressed_where_wanted(site):
    address = assets.url("app.css")
    packed = site.client.get(address)
    assert packed.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert packed.headers["content-encoding"] == "gzip"
    assert packed.headers["content-type"] == "text/css; charset=utf-8"
    plain = site.client.get(address, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == packed.content


@pytest.mark.parametrize(
    "path",
    [
        "/static/0123456789abcdef/app.css",
        f"/static/{assets.version()}/nothing.css",
        f"/static/{assets.version()}/../pages.py",
    ],
    ids=["another version", "unknown", "outside"],
)
def test_what_is_no_file_of_this_version_is_not_found(site, path):
    assert site.client.get(path).status_code == 404


def test_every_file_that_the_pages_name_is_there(reader):
    html = reader.client.get("/").text + reader.client.get("/login").text
    named = set(re.findall(r'(?:src|href)="(/static/[^"#]+)', html))
    assert len(named) >= 6
    assert {reader.client.get(path).status_code for path in named} == {200}
