"""jeton answers as django-oauth-toolkit does, but for what differences.toml lists."""

import re

import cases
import comparison
import pytest


@pytest.fixture(scope="module")
def result(server, toolkits):
    return comparison.judge(comparison.observe(cases.ALL, server, toolkits), comparison.load())


def test_no_two_requests_share_a_name():
    names = [case.name for case in cases.ALL]
    assert len(names) == len(set(names)) >= 60


def test_every_difference_is_listed(result):
    assert result.unlisted == {}


def test_every_listed_difference_is_there(result):
    assert result.gone == []


def test_every_listed_difference_names_the_section_that_justifies_it():
    for entry in comparison.load():
        assert re.match(r"RFC \d{4} (§\d|appendix [A-Z])", entry.rfc), entry
        assert entry.because.endswith("."), entry
