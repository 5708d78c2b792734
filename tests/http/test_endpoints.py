"""What docs/http.md says of the routes, the limits and the headers, asked of the live server."""

import json
import socket
import time

import cases
import credentials as c
import processes
import pytest
from wire import FORM, JSON, basic, form, post_form, send

TOKEN = ["/oauth/token", "/oauth2/token", "/auth/oauth2/token"]
REVOKE = {
    "/oauth/revoke_token": 200,
    "/auth/oauth2/revoke_token": 200,
    "/oauth2/revoke": 204,
    "/oauth/revoke": 200,
}
INTROSPECT = ["/oauth/introspect", "/auth/oauth2/introspect", "/oauth2/introspect"]
METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = [*TOKEN, *REVOKE, *INTROSPECT]
SLASHES = ["", "/"]

CLIENT = {"client_id": c.SQUAD.id, "client_secret": c.SQUAD.secret}
LOGIN = {
    **CLIENT,
    "grant_type": "password",
    "username": c.SQUAD_USER.name,
    "password": c.SQUAD_USER.password,
}
PUBLIC = {"client_id": c.PUBLIC.id}


@pytest.fixture
def pair(server):
    return post_form(server, TOKEN[0], **LOGIN).json()


@pytest.fixture
def active(server):
    def active(token, **hint):
        answer = post_form(server, INTROSPECT[0], **CLIENT, token=token, **hint)
        assert answer.status == 200
        return answer.json()["active"]

    return active


def refused(answer, status, error):
    assert (answer.status, answer.json()["error"]) == (status, error), answer


# --- routes -----------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", SLASHES)
@pytest.mark.parametrize("path", TOKEN)
def test_a_token_path_logs_in_with_and_without_its_slash(server, path, slash):
    answer = post_form(server, path + slash, **LOGIN)
    assert answer.status == 200
    assert answer.headers["content-type"] == JSON
    assert answer.json()["scope"] == "read write"


@pytest.mark.parametrize("slash", SLASHES)
@pytest.mark.parametrize("path", REVOKE)
def test_a_revocation_path_revokes_with_and_without_its_slash(server, pair, active, path, slash):
    answer = post_form(server, path + slash, **CLIENT, token=pair["access_token"])
    assert (answer.status, answer.body) == (REVOKE[path], b"")
    if path.endswith("revoke_token"):
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert not active(pair["access_token"])
    assert not active(pair["refresh_token"], token_type_hint="refresh_token")


@pytest.mark.parametrize("slash", SLASHES)
@pytest.mark.parametrize("path", INTROSPECT)
def test_an_introspection_path_introspects_with_and_without_its_slash(server, pair, path, slash):
    found = post_form(server, path + slash, **CLIENT, token=pair["access_token"]).json()
    assert found.pop("active") is True
    assert found.pop("exp") - found.pop("iat") == 36_000
    assert found.pop("iss") == server.origin
    assert found.pop("sub") and found.pop("jti")
    assert found.pop("cache_ttl") == 60
    found.pop("aud", None)
    assert found == {
        "scope": "read write",
        "client_id": c.SQUAD.id,
        "username": c.SQUAD_USER.name,
        "token_type": "Bearer",
    }


@pytest.mark.parametrize("path", ENDPOINTS)
@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
def test_every_other_method_is_405_and_told_which_is_allowed(server, method, path):
    answer = send(server, method, path)
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"


@pytest.mark.parametrize(
    "path", ["/", "/oauth", "/oauth/token/x", "//oauth/token", "/OAuth/token", "/oauth/token%2F"]
)
def test_every_other_path_is_404(server, path):
    assert post_form(server, path, **LOGIN).status == 404


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_query_string_is_refused(server, path):
    refused(post_form(server, path + "?client_id=a", **LOGIN), 400, "invalid_request")


@pytest.mark.parametrize("path", ENDPOINTS)
def test_no_answer_may_be_stored(server, path):
    for answer in [
        post_form(server, path, **LOGIN, token="nothing"),
        post_form(server, path),
        post_form(server, path + "?a=b"),
        send(server, "POST", path, [("Content-Type", JSON)], b"{"),
        send(server, "GET", path),
    ]:
        assert answer.headers["cache-control"] == "no-store", answer
        assert answer.headers["pragma"] == "no-cache", answer


# --- dialects ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", TOKEN)
def test_a_failed_login_is_400_but_where_document_002_says_401(server, path):
    answer = post_form(server, path, **{**LOGIN, "password": "wrong"})
    refused(answer, 401 if path == "/oauth2/token" else 400, "invalid_grant")
    assert ("www-authenticate" in answer.headers) == (answer.status == 401)


@pytest.mark.parametrize("path", ENDPOINTS)
def test_a_failed_client_is_a_challenge_but_where_document_002_says_400(server, path):
    for wrong in [
        {"client_id": c.SQUAD.id, "client_secret": "wrong"},
        {"client_id": "nobody", "client_secret": "a"},
    ]:
        answer = post_form(server, path, **{**LOGIN, **wrong}, token="nothing")
        refused(answer, 400 if path == "/oauth2/revoke" else 401, "invalid_client")
        if answer.status == 401:
            assert answer.headers["www-authenticate"] == 'Basic realm="jeton"'


@pytest.mark.parametrize("path", ENDPOINTS)
def test_json_is_read_wherever_a_form_is(server, path):
    token = post_form(server, TOKEN[0], **LOGIN).json()["access_token"]
    body = json.dumps({**LOGIN, "token": token, "scope": None}).encode()
    assert send(server, "POST", path, [("Content-Type", JSON)], body).status in (200, 204)


def test_document_001_gets_no_scope_member(server):
    answer = post_form(
        server,
        "/oauth/token",
        client_id=c.BAR.id,
        client_secret=c.BAR.secret,
        grant_type="password",
        username=c.BAR_USER.name,
        password=c.BAR_USER.password,
        scope="",
    )
    assert answer.json().keys() == {"access_token", "refresh_token", "token_type", "expires_in"}
    assert answer.json()["expires_in"] == 31_622_400


def test_document_004_gets_its_scopes_in_its_order(server):
    body = {
        "grant_type": "password",
        "username": c.COMMUNITY_USER.name,
        "password": c.COMMUNITY_USER.password,
    }
    headers = [("Content-Type", JSON), basic(c.COMMUNITY.id, c.COMMUNITY.secret)]
    answer = send(server, "POST", "/auth/oauth2/token/", headers, json.dumps(body).encode()).json()
    assert (answer["scope"], answer["expires_in"]) == ("write read", 600)


def test_a_public_client_may_not_show_a_secret(server):
    refused(
        post_form(server, TOKEN[0], **{**LOGIN, **PUBLIC, "client_secret": "a"}),
        401,
        "invalid_client",
    )
    login = {name: value for name, value in LOGIN.items() if name != "client_secret"}
    assert post_form(server, TOKEN[0], **{**login, **PUBLIC}).status == 200


def test_an_empty_parameter_is_an_omitted_one(server):
    assert post_form(server, TOKEN[0], **LOGIN, refresh_token="", scope="").status == 200
    refused(post_form(server, TOKEN[0], **{**LOGIN, "grant_type": ""}), 400, "invalid_request")


# --- introspection ----------------------------------------------------------------------------


def test_an_inactive_token_is_the_same_bytes_for_every_reason(server, pair):
    foreign = cases.TOKENS["FOREIGN_ACCESS"](server, "squad")
    revoked = cases.TOKENS["REVOKED_ACCESS"](server, "squad")
    for token in ["nothing", foreign, revoked, pair["refresh_token"]]:
        answer = post_form(server, INTROSPECT[0], **CLIENT, token=token)
        assert (answer.status, answer.body) == (200, b'{"active":false}')


def test_a_refresh_token_is_active_to_its_own_client_that_hints_at_it(server, pair):
    asked = {"token": pair["refresh_token"], "token_type_hint": "refresh_token"}
    found = post_form(server, INTROSPECT[0], **CLIENT, **asked).json()
    assert found["active"] is True
    assert "token_type" not in found
    other = {"client_id": c.OTHER.id, "client_secret": c.OTHER.secret}
    assert post_form(server, INTROSPECT[0], **other, **asked).body == b'{"active":false}'


def test_a_public_client_may_not_introspect(server, pair):
    refused(
        post_form(server, INTROSPECT[0], **PUBLIC, token=pair["access_token"]),
        401,
        "invalid_client",
    )


def test_another_clients_token_is_not_revoked(server, active):
    token = cases.TOKENS["LIVE_ACCESS"](server, "squad")
    other = {"client_id": c.OTHER.id, "client_secret": c.OTHER.secret}
    refused(post_form(server, "/oauth/revoke", **other, token=token), 400, "invalid_grant")
    assert active(token)


# --- limits -----------------------------------------------------------------------------------


def test_a_body_of_64_kib_is_read_and_a_longer_one_is_not(server):
    padding = 65_536 - len(form(**LOGIN, padding=""))
    assert post_form(server, TOKEN[0], **LOGIN, padding="x" * padding).status == 200
    answer = post_form(server, TOKEN[0], **LOGIN, padding="x" * (padding + 1))
    refused(answer, 413, "invalid_request")


def test_a_connection_that_does_not_finish_its_headers_is_ended(server):
    began = time.monotonic()
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as idle:
        idle.sendall(b"POST /oauth/token HTTP/1.1\r\nHost: a\r\n")
        while idle.recv(4096):
            pass
    assert time.monotonic() - began < 30


def test_answers_are_not_compressed(server):
    headers = [("Content-Type", FORM), ("Accept-Encoding", "gzip, br")]
    answer = send(server, "POST", TOKEN[0], headers, form(**LOGIN))
    assert "content-encoding" not in answer.headers


# --- metadata ---------------------------------------------------------------------------------


def test_the_metadata_names_the_issuer_of_the_settings_whatever_the_host_header_says(server):
    found = []
    for headers in ([], [("X-Forwarded-Host", "evil.example")]):
        answer = send(server, "GET", METADATA, headers)
        assert (answer.status, answer.headers["content-type"]) == (200, JSON)
        found.append(answer.json())
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
        raw.sendall(
            f"GET {METADATA} HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n".encode()
        )
        content = b""
        while part := raw.recv(4096):
            content += part
    assert b"evil" not in content
    metadata = found[0]
    assert found[1] == metadata
    assert metadata["issuer"] == server.origin
    assert metadata["token_endpoint"] == server.origin + "/oauth/token"
    assert metadata["revocation_endpoint"] == server.origin + "/oauth/revoke"
    assert metadata["introspection_endpoint"] == server.origin + "/oauth/introspect"
    assert metadata.pop("response_types_supported") == []
    assert all(value != [] for value in metadata.values())
    assert set(metadata["grant_types_supported"]) == {
        "password",
        "refresh_token",
        "client_credentials",
        "urn:ietf:params:oauth:grant-type:token-exchange",
    }
    basic_and_post = {"client_secret_basic", "client_secret_post", "private_key_jwt"}
    assert basic_and_post | {"none"} == set(metadata["token_endpoint_auth_methods_supported"])
    assert basic_and_post | {"none"} == set(metadata["revocation_endpoint_auth_methods_supported"])
    assert basic_and_post <= set(metadata["introspection_endpoint_auth_methods_supported"])


# --- the password grant -----------------------------------------------------------------------


def test_the_log_warns_of_every_client_that_may_use_the_password_grant(server):
    warnings = [
        line for line in server.log.read_text().splitlines() if "WARN" in line and "9700" in line
    ]
    text = "\n".join(warnings)
    for client in (c.SQUAD, c.BAR, c.ENDUROSAT, c.PUBLIC):
        assert client.id in text, warnings
    assert c.MACHINE.id not in text


# --- CORS -------------------------------------------------------------------------------------

APP = "https://app.example"
PREFLIGHT = [
    ("Access-Control-Request-Method", "POST"),
    ("Access-Control-Request-Headers", "content-type,authorization"),
]


@pytest.fixture(scope="module")
def cors_server(tmp_path_factory):
    settings = f'[http]\ncors_allowed_origins = ["{APP}"]\n'
    text = c.settings()
    assert "[http]" not in text, "examples/seeds.toml has a section [http] now: merge it"
    with processes.jeton(tmp_path_factory.mktemp("cors"), settings + text) as running:
        yield running


def cors(answer):
    return {
        name: value for name, value in answer.headers.items() if name.startswith("access-control-")
    }


def test_cors_is_off_by_default(server):
    origin = ("Origin", APP)
    assert cors(send(server, "OPTIONS", TOKEN[0], [origin, *PREFLIGHT])) == {}
    assert cors(post_form(server, TOKEN[0], origin, **LOGIN)) == {}


def test_a_listed_origin_may_send_json_and_basic_and_read_the_answer(cors_server):
    origin = ("Origin", APP)
    allowed = cors(send(cors_server, "OPTIONS", TOKEN[0], [origin, *PREFLIGHT]))
    assert allowed["access-control-allow-origin"] == APP
    assert "POST" in allowed["access-control-allow-methods"]
    assert {"content-type", "authorization"} <= {
        name.strip().lower() for name in allowed["access-control-allow-headers"].split(",")
    }
    assert "access-control-allow-credentials" not in allowed
    for answer in (
        post_form(cors_server, TOKEN[0], origin, **LOGIN),
        post_form(cors_server, TOKEN[0], origin, **{**LOGIN, "password": "wrong"}),
    ):
        assert answer.headers["access-control-allow-origin"] == APP
        assert "origin" in answer.headers["vary"].lower()


def test_another_origin_is_not_allowed(cors_server):
    for origin in ("https://evil.example", "null", APP + ".evil.example", "http://app.example"):
        pair = ("Origin", origin)
        found = {
            **cors(send(cors_server, "OPTIONS", TOKEN[0], [pair, *PREFLIGHT])),
            **cors(post_form(cors_server, TOKEN[0], pair, **LOGIN)),
        }
        assert "access-control-allow-origin" not in found, origin
