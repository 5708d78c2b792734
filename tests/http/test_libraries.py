"""The OAuth 2.0 libraries that people use, none of which knows jeton, against the live server."""

import json
import os
import subprocess
import time

import credentials as c
import pytest
import requests
from authlib.integrations.base_client.errors import OAuthError as AuthlibError
from authlib.integrations.requests_client import OAuth2Session as Authlib
from authlib.oauth2.rfc7523 import PrivateKeyJWT, private_key_jwt_sign
from oauthlib.oauth2 import (
    BackendApplicationClient,
    InvalidClientError,
    InvalidGrantError,
    LegacyApplicationClient,
)
from requests.auth import HTTPBasicAuth
from requests_oauthlib import OAuth2Session

LOGIN = {"username": c.SQUAD_USER.name, "password": c.SQUAD_USER.password}
TOKEN = "/oauth/token"
REVOKE = "/oauth/revoke"
INTROSPECT = "/oauth/introspect"


# --- requests-oauthlib ------------------------------------------------------------------------


@pytest.fixture
def squad_session():
    return OAuth2Session(client=LegacyApplicationClient(client_id=c.SQUAD.id))


@pytest.mark.parametrize("in_body", [True, False], ids=["in the body", "in the header"])
def test_requests_oauthlib_logs_in_and_refreshes_with_the_secret(server, squad_session, in_body):
    token = squad_session.fetch_token(
        server.origin + TOKEN, client_secret=c.SQUAD.secret, include_client_id=in_body, **LOGIN
    )
    assert sorted(token.scopes) == ["read", "write"]
    assert token["expires_in"] == 36_000
    secret = {"client_id": c.SQUAD.id, "client_secret": c.SQUAD.secret}
    renewed = squad_session.refresh_token(server.origin + TOKEN, **secret)
    assert renewed["refresh_token"] != token["refresh_token"]


def test_requests_oauthlib_reports_a_wrong_password_as_an_invalid_grant(server, squad_session):
    with pytest.raises(InvalidGrantError):
        squad_session.fetch_token(
            server.origin + TOKEN,
            client_secret=c.SQUAD.secret,
            username=c.SQUAD_USER.name,
            password="wrong",
        )


def test_requests_oauthlib_reports_a_wrong_secret_as_an_invalid_client(server, squad_session):
    with pytest.raises(InvalidClientError):
        squad_session.fetch_token(server.origin + TOKEN, client_secret="wrong", **LOGIN)


def test_requests_oauthlib_logs_in_for_a_public_client(server):
    session = OAuth2Session(client=LegacyApplicationClient(client_id=c.PUBLIC.id))
    token = session.fetch_token(server.origin + TOKEN, include_client_id=True, **LOGIN)
    renewed = session.refresh_token(server.origin + TOKEN, client_id=c.PUBLIC.id)
    assert renewed["access_token"] != token["access_token"]


@pytest.mark.parametrize("in_body", [True, False], ids=["in the body", "in the header"])
def test_requests_oauthlib_gets_a_token_for_the_client_itself(server, in_body):
    session = OAuth2Session(client=BackendApplicationClient(client_id=c.MACHINE.id))
    credentials = (
        {"client_secret": c.MACHINE.secret, "include_client_id": True}
        if in_body
        else {"auth": HTTPBasicAuth(c.MACHINE.id, c.MACHINE.secret or "")}
    )
    token = session.fetch_token(server.origin + TOKEN, **credentials)
    assert token["access_token"]
    assert "refresh_token" not in token


# --- Authlib ----------------------------------------------------------------------------------


WAYS = {
    "client_secret_basic": c.SQUAD,
    "client_secret_post": c.SQUAD,
    "none": c.PUBLIC,
}


def authlib(way: str) -> Authlib:
    client = WAYS[way]
    return Authlib(
        client.id,
        client.secret,
        token_endpoint_auth_method=way,
        revocation_endpoint_auth_method=way,
    )


@pytest.mark.parametrize("way", WAYS)
def test_authlib_logs_in_refreshes_and_revokes(server, way):
    with authlib(way) as session:
        token = session.fetch_token(server.origin + TOKEN, **LOGIN)
        renewed = session.refresh_token(server.origin + TOKEN)
        assert renewed["access_token"] != token["access_token"]
        refresh_token = renewed["refresh_token"]
        answer = session.revoke_token(
            server.origin + REVOKE, refresh_token, token_type_hint="refresh_token"
        )
        assert (answer.status_code, answer.content) == (200, b"")
        with pytest.raises(AuthlibError) as refusal:
            session.refresh_token(server.origin + TOKEN, refresh_token)
        assert refusal.value.error == "invalid_grant"


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_authlib_introspects(server, way):
    with authlib(way) as session:
        token = session.fetch_token(server.origin + TOKEN, **LOGIN)
        found = session.introspect_token(server.origin + INTROSPECT, token["access_token"]).json()
        assert found["active"] is True
        assert found["username"] == c.SQUAD_USER.name
        session.revoke_token(server.origin + REVOKE, token["access_token"])
        found = session.introspect_token(server.origin + INTROSPECT, token["access_token"])
        assert found.content == b'{"active":false}'


@pytest.mark.parametrize("way", ["client_secret_basic", "client_secret_post"])
def test_authlib_gets_a_token_for_the_client_itself(server, way):
    with Authlib(c.MACHINE.id, c.MACHINE.secret, token_endpoint_auth_method=way) as session:
        token = session.fetch_token(server.origin + TOKEN, grant_type="client_credentials")
        assert "refresh_token" not in token


def test_authlib_sends_an_odd_id_and_secret_as_they_are_and_is_understood(server):
    with Authlib(
        c.ODD.id, c.ODD.secret, token_endpoint_auth_method="client_secret_basic"
    ) as session:
        assert session.fetch_token(server.origin + TOKEN, **LOGIN)["access_token"]


class SignedForTheIssuer(PrivateKeyJWT):
    """Authlib means the token endpoint, and an hour. Claims that it is given once keep their first `jti`,
    so that the second assertion is a replay: hence the method and not its arguments."""

    def __init__(self, issuer: str) -> None:
        super().__init__(alg="ES256")
        self.issuer = issuer

    def sign(self, auth, token_endpoint):
        key, client = auth.client_secret, auth.client_id
        return private_key_jwt_sign(key, client, self.issuer, alg="ES256", expires_in=60)


def test_authlib_signs_for_itself_and_an_assertion_counts_once(server):
    way = SignedForTheIssuer(server.origin)
    with Authlib(c.SIGNING.id, c.SIGNING_KEY, token_endpoint_auth_method=way.name) as session:
        session.register_client_auth_method(way)
        token = session.fetch_token(server.origin + TOKEN, **LOGIN)
        renewed = session.refresh_token(server.origin + TOKEN)
        assert renewed["access_token"] != token["access_token"]
        form = {
            "grant_type": "client_credentials",
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": way.sign(session.client_auth(way.name), TOKEN),
        }
        answers = [requests.post(server.origin + TOKEN, form).status_code for _ in range(2)]
        assert answers == [200, 401]


ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


def login_at_the_application(server) -> str:
    with Authlib(c.APPLICATION.id, c.APPLICATION.secret) as session:
        return session.fetch_token(server.origin + TOKEN, **LOGIN)["access_token"]


def test_authlib_exchanges_a_token_for_the_next_service(server):
    with Authlib(c.ORDERS.id, c.ORDERS.secret) as session:

        def exchange(subject_token: str, audience: str):
            return session.fetch_token(
                server.origin + TOKEN,
                grant_type="urn:ietf:params:oauth:grant-type:token-exchange",
                subject_token=subject_token,
                subject_token_type=ACCESS_TOKEN,
                audience=audience,
            )

        shown = login_at_the_application(server)
        token = exchange(shown, c.BILLING)
        assert (token["issued_token_type"], token["scope"]) == (ACCESS_TOKEN, "read")
        assert "refresh_token" not in token
        found = session.introspect_token(server.origin + INTROSPECT, token["access_token"]).json()
        assert (found["username"], found["aud"]) == (c.SQUAD_USER.name, c.BILLING)
        assert found["act"] == {"sub": c.ORDERS.id}
        for subject, audience, error in [
            (shown, "shipping", "invalid_target"),
            ("x", c.BILLING, "invalid_request"),
            (token["access_token"], c.BILLING, "invalid_request"),
        ]:
            with pytest.raises(AuthlibError) as refusal:
                exchange(subject, audience)
            assert refusal.value.error == error
        with Authlib(c.APPLICATION.id, c.APPLICATION.secret) as application:
            application.revoke_token(server.origin + REVOKE, shown)
        found = session.introspect_token(server.origin + INTROSPECT, token["access_token"])
        assert found.content == b'{"active":false}'


# --- Node -------------------------------------------------------------------------------------


@pytest.mark.parametrize("library", ["oauth4webapi", "openid-client", "simple-oauth2"])
def test_a_node_library_does_all_that_the_metadata_offers(server, node_home, library):
    told = {
        "issuer": server.origin,
        "confidential": {"id": c.SQUAD.id, "secret": c.SQUAD.secret},
        "machine": {"id": c.MACHINE.id, "secret": c.MACHINE.secret},
        "signing": {"id": c.SIGNING.id, "key": c.SIGNING_KEY.as_dict(private=True)},
        "open": {"id": c.PUBLIC.id},
        "application": {"id": c.APPLICATION.id, "secret": c.APPLICATION.secret},
        "exchanging": {"id": c.ORDERS.id, "secret": c.ORDERS.secret, "next": c.BILLING},
        "user": {"name": c.SQUAD_USER.name, "password": c.SQUAD_USER.password},
    }
    done = subprocess.run(
        ["node", "--test", "--test-reporter=tap", f"{library}.test.mjs"],
        cwd=node_home,
        env={**os.environ, "JETON_CLIENTS": json.dumps(told)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "\n# pass " in done.stdout and "\n# pass 0\n" not in done.stdout, done.stdout


# --- Java -------------------------------------------------------------------------------------


def test_nimbus_signs_for_itself_at_every_endpoint(server, jars):
    done = subprocess.run(
        ["java", "-cp", f"{jars}/*", "java/SignsForItself.java", server.origin, c.SIGNING.id],
        cwd=os.path.dirname(__file__),
        env={**os.environ, "JETON_SIGNING_KEY": json.dumps(c.SIGNING_KEY.as_dict(private=True))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == 7, done.stdout


def test_spring_exchanges_a_token_for_the_next_service(server, jars):
    command = ["java", "-cp", f"{jars}/*", "java/ExchangesTokens.java", server.origin]
    done = subprocess.run(
        [*command, c.ORDERS.id, c.BILLING],
        cwd=os.path.dirname(__file__),
        env={
            **os.environ,
            "JETON_SECRET": c.ORDERS.secret,
            "JETON_SUBJECT_TOKEN": login_at_the_application(server),
        },
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("ok: ") == 4, done.stdout
    # What it printed last is its token: the user's, for the next service, with the service as the actor.
    token = done.stdout.split()[-1]
    with Authlib(c.ORDERS.id, c.ORDERS.secret) as session:
        found = session.introspect_token(server.origin + INTROSPECT, token).json()
    assert (found["username"], found["aud"]) == (c.SQUAD_USER.name, c.BILLING)
    assert found["act"] == {"sub": c.ORDERS.id}


# --- Discovery, and what gateways send --------------------------------------------------------


def test_go_oidc_discovers_the_endpoints(server, go_discovery):
    found = subprocess.run([go_discovery, server.origin], capture_output=True, text=True, timeout=60)
    assert found.returncode == 0, found.stderr
    assert found.stdout.split() == [server.origin + TOKEN, server.origin + INTROSPECT]


def test_a_gateway_that_sends_its_secret_by_basic_and_in_the_body_introspects(server):
    """lua-resty-openidc 1.7 and APISIX put client_id and client_secret into the body of every call,
    beside the Authorization header of client_secret_basic."""
    login = LegacyApplicationClient(client_id=c.SQUAD.id)
    token = OAuth2Session(client=login).fetch_token(
        server.origin + TOKEN, client_secret=c.SQUAD.secret, **LOGIN
    )
    body = {
        "token": token["access_token"],
        "client_id": c.SQUAD.id,
        "client_secret": c.SQUAD.secret,
    }
    basic = HTTPBasicAuth(c.SQUAD.id, c.SQUAD.secret)
    answer = requests.post(server.origin + INTROSPECT, data=body, auth=basic, timeout=10)
    assert answer.json()["active"] is True, answer.text
    # Its cache keeps an answer for as many seconds as `introspection_expiry_claim` names.
    assert answer.json()["cache_ttl"] == 60
    differs = {**body, "client_secret": "another"}
    answer = requests.post(server.origin + INTROSPECT, data=differs, auth=basic, timeout=10)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
