"""What every request passes."""

from __future__ import annotations

import pytest


def test_a_list_can_be_made_and_read(api):
    made = api.post("/api/v1/keyword-lists", json={"name": "云雀", "aliases": ["云雀"], "keywords": ["电池 NEAR/5 起火"]})
    assert made.status_code == 201, made.text
    assert api.get(made.headers["location"]).json() == made.json()
