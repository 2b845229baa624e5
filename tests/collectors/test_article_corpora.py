"""Recorded pages: what the issue promises of full text holds, and holds against the plain libraries."""

from __future__ import annotations

from statistics import fmean

import pytest

from collectors.article import extract
from tests.bench.fulltext import (
    CORPORA,
    METHODS,
    WANTED,
    chinese_references,
    found_snippets,
    scored,
    snippet_references,
)

ENOUGH = 0.9


@pytest.fixture(scope="module")
def recorded(shared_data):
    folder = shared_data.parent / CORPORA
    if not folder.is_dir():
        pytest.skip("../shared/data/corpora is not here: this test reads recorded pages")
    return shared_data.parent


def test_full_text_of_recorded_chinese_pages_is_as_referenced(recorded):
    scores = {one.name: scored(one, METHODS["ours"]).f1 for one in chinese_references(recorded)}
    assert len(scores) == 11
    assert fmean(scores.values()) >= WANTED
    assert {name: score for name, score in scores.items() if score < ENOUGH} == {}


def test_titles_and_days_of_recorded_chinese_pages_are_as_referenced(recorded):
    references = chinese_references(recorded)
    found = [extract(one.page) for one in references]
    assert [one.title for one in found] == [one.title for one in references]
    assert sum(one.published_at is not None for one in found) == len(references)


@pytest.mark.slow
def test_recorded_pages_of_other_languages_lose_nothing_against_the_plain_libraries(recorded):
    references = snippet_references(recorded)
    score = {name: found_snippets(references, method).f1 for name, method in METHODS.items()}
    assert score["ours"] >= max(score["trafilatura"], score["readability"])
