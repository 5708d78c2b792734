"""The comparison itself: it would see a difference that nobody listed, and one that is gone."""

import comparison
from comparison import Entry

DELTA = {"status": (400, 200), "challenge": ("Basic", "Bearer")}


def entry(requests=(), **facts):
    ours = {fact: pair[0] for fact, pair in facts.items()}
    theirs = {fact: pair[1] for fact, pair in facts.items()}
    return Entry(ours, theirs, "RFC 0 §0", "A reason.", requests)


def test_a_difference_that_is_not_listed_is_found():
    result = comparison.judge({"a request": DELTA}, [entry(("a request",), status=(400, 200))])
    assert result.unlisted == {"a request": {"challenge": ("Basic", "Bearer")}}
    assert result.gone == []


def test_a_listed_difference_that_is_gone_is_found():
    gone = [entry(("a request",), status=(400, 200)), entry(error=("x", "y"))]
    result = comparison.judge({"a request": {}}, gone)
    assert result.unlisted == {}
    assert len(result.gone) == 2


def test_a_listed_difference_that_became_another_is_found_twice():
    result = comparison.judge(
        {"a request": {"status": (401, 200)}}, [entry(("a request",), status=(400, 200))]
    )
    assert result.unlisted and result.gone


def test_a_listed_request_that_nobody_sends_is_found():
    assert comparison.judge({}, [entry(("a request",), status=(400, 200))]).gone


def test_differences_that_are_all_listed_leave_nothing():
    listed = [entry(("a request",), status=(400, 200)), entry(challenge=("Basic", "Bearer"))]
    result = comparison.judge({"a request": DELTA}, listed)
    assert (result.unlisted, result.gone) == ({}, [])
