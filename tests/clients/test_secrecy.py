"""What the whole run left behind, searched for every secret it used."""

import pytest

pytestmark = pytest.mark.last


@pytest.fixture(scope="module")
def stopped(api, fleet, orders_once, ledger):
    """Every server of the run, stopped, so that their logs are whole."""
    fleet.stop()
    assert len(ledger) > 2, "no call was made"
    return fleet.servers


@pytest.fixture(scope="module")
def orders_once(api, known):
    """At least one pair is known, even if this file is run alone."""
    return api.call(
        "IssueToken",
        client_id="orders",
        client_secret=known.orders,
        password={"username": "alice", "password": known.alice},
    )


def test_the_search_finds_a_secret_that_is_there(ledger, stopped, orders_once, tmp_path):
    for planted in (orders_once.access_token, orders_once.refresh_token.removeprefix("jrt_")):
        log = tmp_path / "leaking.log"
        log.write_bytes(stopped[0].log.read_bytes() + f"token={planted}\n".encode())
        assert ledger.found_in(log)


def test_the_logs_are_at_trace_level(stopped):
    for server in stopped:
        assert b"TRACE" in server.log.read_bytes(), server.log


def test_no_log_holds_a_password_a_secret_or_a_token(ledger, stopped):
    assert ledger.found_in(*(server.log for server in stopped)) == []


def test_nothing_at_rest_holds_a_password_a_secret_or_a_token(ledger, stopped):
    files = [file for server in stopped for file in server.files_at_rest()]
    assert any(b"alice" in file.read_bytes() for file in files), "the search reads the wrong files"
    assert ledger.found_in(*files) == []
