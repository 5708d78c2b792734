"""/openapi.json is true of the server, and generators understand it."""

import importlib
import os
import subprocess
import sys

import credentials as c
import pytest
from conftest import tool
from processes import HERE
from wire import send

# Few enough for a minute, and always the same.
EXAMPLES = "60"
CHECKS = ",".join(
    [
        "not_a_server_error",
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
        "unsupported_method",
        "allow_header_conformance",
    ]
)


def test_the_description_is_served_as_json(server):
    answer = send(server, "GET", "/openapi.json")
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["openapi"].startswith("3.1.")


@pytest.mark.parametrize(
    "login",
    [[], ["--auth", f"{c.SQUAD.id}:{c.SQUAD.secret}"]],
    ids=["in the body", "in the header"],
)
def test_schemathesis_finds_no_5xx_and_no_undocumented_answer(server, tmp_path, login):
    report = tmp_path / "report.ndjson"
    done = subprocess.run(
        [
            *(tool("schemathesis"), "run", f"{server.origin}/openapi.json", *login),
            *("--checks", CHECKS, "--max-examples", EXAMPLES),
            *("--generation-deterministic", "--continue-on-failure", "--no-color"),
            *("--report", "ndjson", "--report-ndjson-path", report),
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert '"status_code":200' in report.read_text(), "no request came past authentication"


@pytest.fixture(scope="module")
def jeton_client(server, tmp_path_factory):
    """A package that openapi-generator makes of the description as it is served."""
    home = tmp_path_factory.mktemp("generated")
    description = home / "openapi.json"
    description.write_bytes(send(server, "GET", "/openapi.json").body)
    subprocess.run(
        [
            *(tool("openapi-generator-cli"), "generate", "--generator-name", "python"),
            *("--input-spec", description, "--output", home / "made"),
            *("--package-name", "jeton_client"),
        ],
        check=True,
        capture_output=True,
        timeout=120,
    )
    sys.path.insert(0, str(home / "made"))
    yield importlib.import_module("jeton_client")
    sys.path.remove(str(home / "made"))


@pytest.mark.parametrize("way", ["in the body", "in the header"])
def test_a_generated_client_logs_in_refreshes_introspects_and_revokes(server, jeton_client, way):
    in_body = way == "in the body"
    # The generator's own default is the server that the description names.
    configuration = jeton_client.Configuration(
        **({} if in_body else {"username": c.SQUAD.id, "password": c.SQUAD.secret})
    )
    client = {"client_id": c.SQUAD.id, "client_secret": c.SQUAD.secret} if in_body else {}
    assert configuration.host == server.origin
    with jeton_client.ApiClient(configuration) as api:
        tokens, tokens_of = jeton_client.TokenApi(api), jeton_client.TokenRequest
        first = tokens.oauth_token(
            tokens_of(
                grant_type="password",
                username=c.SQUAD_USER.name,
                password=c.SQUAD_USER.password,
                **client,
            )
        )
        assert (first.token_type, first.expires_in, first.scope) == ("Bearer", 36_000, "read write")
        again = tokens_of(grant_type="refresh_token", refresh_token=first.refresh_token, **client)
        second = tokens.oauth_token(again)
        assert second.access_token != first.access_token

        def active(token):
            asked = jeton_client.IntrospectRequest(token=token, **client)
            return jeton_client.IntrospectApi(api).oauth_introspect(asked).active

        assert active(second.access_token)
        ended = jeton_client.RevokeRequest(token=second.refresh_token, **client)
        jeton_client.RevokeApi(api).oauth_revoke(ended)
        assert not active(second.access_token)
        spent = tokens_of(grant_type="refresh_token", refresh_token=second.refresh_token, **client)
        with pytest.raises(jeton_client.rest.ApiException) as refusal:
            tokens.oauth_token(spent)
        assert refusal.value.status == 400
        assert refusal.value.data.error == "invalid_grant"
