"""What the run's requests left in the server's log, searched for the secrets that were in them."""

import base64
import re

import credentials as c
import pytest
from wire import post_form

pytestmark = pytest.mark.last

TOKEN = re.compile(rb"j(at|rt)_[0-9A-Za-z]{20}")
CLIENTS = [c.SQUAD, c.BAR, c.OTHER, c.MACHINE, c.ODD, c.LOGIN_ONLY]
# Other users of the documents have their names for passwords.
PASSWORDS = [c.BAR_USER.password, c.ENDUROSAT_USER.password, c.ODD_USER.password]


@pytest.fixture(scope="module")
def log(server):
    """The log, after at least one login with each kind of credentials."""
    client = {"client_id": c.BAR.id, "client_secret": c.BAR.secret}
    user = {"username": c.BAR_USER.name, "password": c.BAR_USER.password}
    answer = post_form(server, "/oauth/token", grant_type="password", **client, **user)
    assert TOKEN.search(answer.body), "the search would not find a token"
    return server.log.read_bytes()


def test_the_log_is_at_trace_level(log):
    assert b"TRACE" in log


def test_the_log_holds_no_token(log):
    assert not TOKEN.search(log)


@pytest.mark.parametrize("secret", [*(client.secret for client in CLIENTS), *PASSWORDS])
def test_the_log_holds_no_secret_and_no_password(log, secret):
    assert secret.encode() not in log


@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.id)
def test_the_log_holds_no_basic_credentials(log, client):
    pair = base64.b64encode(f"{client.id}:{client.secret}".encode())
    assert pair not in log
