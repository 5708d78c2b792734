"""Lets workloads log in with tokens of a real OpenBao.

Usage: run.py BAO JETON
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

# Generous: a slow machine is no failure, a hang is.
LIMIT = 60.0
HERE = "https://tokens.example"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)


def ask(request: urllib.request.Request | str) -> tuple[int, dict]:
    """The status and the JSON of an answer."""
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body) if body.startswith(b"{") else {}


class OpenBao:
    """A server in memory, with a role for each kind of token."""

    def __init__(self, program: str, home: Path, port: int) -> None:
        self.program, self.home, self.port = program, home, port
        self.url = f"http://127.0.0.1:{port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [self.program, "server", "-dev", "-dev-no-store-token", "-dev-root-token-id=root"]
        command.append(f"-dev-listen-address=127.0.0.1:{self.port}")
        with (self.home / "bao.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdout=log, stderr=log, cwd=self.home, env={**os.environ, "HOME": str(self.home)}
            )
        try:
            until("OpenBao to serve", self.serves)
            self.configure()
            yield
        finally:
            process.terminate()
            process.wait(LIMIT)

    def serves(self) -> bool:
        try:
            return ask(f"{self.url}/v1/sys/health")[0] == 200
        except OSError:
            return False

    def call(self, method: str, path: str, body: dict | None = None, token: str = "root") -> dict:
        request = urllib.request.Request(
            f"{self.url}/v1/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"X-Vault-Token": token},
        )
        status, answer = ask(request)
        assert status in (200, 204), (path, status, answer)
        return answer

    def configure(self) -> None:
        self.call("POST", "sys/auth/userpass", {"type": "userpass"})
        policy = 'path "identity/oidc/token/*" { capabilities = ["read"] }'
        self.call("PUT", "sys/policies/acl/oidc", {"policy": policy})
        self.call(
            "POST",
            "identity/oidc/key/workloads",
            {"algorithm": "ES256", "allowed_client_ids": "*", "verification_ttl": "24h"},
        )
        roles = {
            "orders": {"client_id": HERE, "ttl": "10m"},
            "elsewhere": {"client_id": "https://other.example", "ttl": "10m"},
            "short": {"client_id": HERE, "ttl": "1s"},
            "long": {"client_id": HERE, "ttl": "23h"},
        }
        # An identity token of a person, with the claims that jeton maps.
        template = '{"preferred_username": {{identity.entity.name}}, "team": {{identity.entity.metadata.team}}}'
        roles["people"] = {"client_id": "web-app", "ttl": "10m", "template": template}
        for name, role in roles.items():
            self.call("POST", f"identity/oidc/role/{name}", {"key": "workloads", **role})
        for user in ("orders", "stranger"):
            account = {"password": "x", "token_policies": "oidc"}
            self.call("POST", f"auth/userpass/users/{user}", account)

    def log_in(self, user: str) -> dict:
        return self.call("POST", f"auth/userpass/login/{user}", {"password": "x"})["auth"]

    def token(self, role: str, user: str = "orders") -> str:
        token = self.log_in(user)["client_token"]
        return self.call("GET", f"identity/oidc/token/{role}", token=token)["data"]["token"]

    def rotate(self) -> None:
        """To a key that was not published before."""
        for _ in range(2):
            self.call("POST", "identity/oidc/key/workloads/rotate", {})


class Jeton:
    """A server that trusts the OpenBao, with one client that has no secret."""

    def __init__(self, program: str, home: Path, bao: OpenBao, subject: str) -> None:
        self.home = home
        self.http, self.ops = free_port(), free_port()
        (home / "jeton.toml").write_text(
            f"""
[grpc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:{self.http}"
issuer = "{HERE}"
[ops]
listen = "127.0.0.1:{self.ops}"
[[issuer]]
name = "bao"
issuer = "{bao.url}/v1/identity/oidc"
jwks_url = "{bao.url}/v1/identity/oidc/.well-known/keys"
refresh_interval = "10s"
clock_skew = "0s"
max_lifetime = "1h"
[issuer.users]
audiences = [{{ id = "web-app", clients = ["web"] }}]
create = true
[[client]]
id = "web"
secret = "a-secret-of-this-test"
grants = ["jwt_bearer"]
[[client]]
id = "orders"
grants = ["client_credentials"]
audience = ["billing"]
introspect = "any"
identities = [{{ issuer = "bao", subject = "{subject}" }}]
"""
        )
        self.log = home / "jeton.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--config", "jeton.toml"], cwd=home, stdout=log, stderr=log
            )
        until("jeton to have the keys", lambda: self.metric("jeton_issuer_keys") > 0)

    def metric(self, name: str) -> float:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/metrics", timeout=LIMIT) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return -1
        found = [line for line in lines if line.startswith(f'{name}{{issuer="bao"}}')]
        return float(found[0].split()[-1]) if found else -1

    def post(self, path: str, fields: dict[str, str]) -> tuple[int, dict]:
        body = urllib.parse.urlencode(fields).encode()
        return ask(urllib.request.Request(f"http://127.0.0.1:{self.http}{path}", data=body))

    def log_in(self, assertion: str) -> tuple[int, dict]:
        credentials = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
        return self.post("/oauth/token", {"grant_type": "client_credentials", **credentials})

    def show(self, id_token: str) -> tuple[int, dict]:
        client = {"client_id": "web", "client_secret": "a-secret-of-this-test"}
        return self.post("/oauth/token", {"grant_type": JWT_BEARER, "assertion": id_token, **client})

    def refused(self, assertion: str, status: int = 401, error: str = "invalid_client") -> None:
        got, answer = self.log_in(assertion)
        assert (got, answer.get("error")) == (status, error), (got, answer)


def run(bao: OpenBao, program: str, home: Path) -> None:
    with bao.running():
        subject = bao.log_in("orders")["entity_id"]
        jeton = Jeton(program, home, bao, subject)
        try:
            scenes(bao, jeton)
        except BaseException:
            print(jeton.log.read_text(), file=sys.stderr)
            raise
        away = bao.token("orders")
    try:
        # The issuer is away: its keys are known.
        assert jeton.log_in(away)[0] == 200
        other = OpenBao(bao.program, home, free_port())
        with other.running():
            # The same iss and another key: nobody knows whether it is a new one of the issuer's.
            other.call("POST", "identity/oidc/config", {"issuer": bao.url})
            forged = other.token("orders")
        until("it to be noticed", lambda: jeton.metric("jeton_issuer_keys_unreadable") == 1)
        jeton.refused(forged, 503, "temporarily_unavailable")
        with bao.running():
            # It comes back with nothing but its address: all its keys and subjects are new.
            until("the new keys", lambda: jeton.log_in(away)[1].get("error") == "invalid_client")
            jeton.refused(forged)
            jeton.refused(bao.token("orders"))
        secrets = [away, forged]
        log = jeton.log.read_text()
        assert not any(part in log for token in secrets for part in token.split(".")), "in the log"
    finally:
        jeton.process.terminate()
        jeton.process.wait(LIMIT)


def scenes(bao: OpenBao, jeton: Jeton) -> None:
    token = bao.token("orders")
    status, first = jeton.log_in(token)
    assert status == 200, (status, first)
    # Workloads show their token again, and at every endpoint.
    status, second = jeton.log_in(token)
    assert status == 200 and second["access_token"] != first["access_token"]
    credentials = {"client_assertion_type": ASSERTION, "client_assertion": token}
    asked = {"token": first["access_token"], **credentials}
    status, answer = jeton.post("/oauth/introspect", asked)
    assert status == 200 and answer["active"] and answer["client_id"] == "orders", answer
    assert jeton.post("/oauth/revoke", asked)[0] == 200
    assert jeton.post("/oauth/introspect", asked)[1] == {"active": False}

    jeton.refused(bao.token("elsewhere"))
    jeton.refused(bao.token("long"))
    jeton.refused(bao.token("orders", user="stranger"))
    head, body, signature = token.split(".")
    jeton.refused(f"{head}.{body}.{signature[::-1]}")
    jeton.refused(f"{head}.{bao.token('long').split('.')[1]}.{signature}")
    short = bao.token("short")
    until("it to expire", lambda: jeton.log_in(short)[1].get("error") == "invalid_client")

    # A person's token is a login, once; a workload's is none, nor is a person's a client's.
    person = bao.token("people")
    status, answer = jeton.show(person)
    assert status == 200, (status, answer)
    asked = {"token": answer["access_token"], **credentials}
    seen = jeton.post("/oauth/introspect", asked)[1]
    assert seen["active"] and seen["client_id"] == "web" and seen["username"], seen
    assert jeton.show(person)[1]["error"] == "invalid_grant"
    assert jeton.show(bao.token("orders"))[1]["error"] == "invalid_grant"
    jeton.refused(bao.token("people"))

    # A key that was not published when jeton last asked: the first token has it read again, which is
    # due ten seconds after the last reading.
    bao.rotate()
    rotated = bao.token("orders")
    until("the rotated key", lambda: jeton.log_in(rotated)[0] == 200)
    assert jeton.log_in(token)[0] == 200, "the key before is still published"


if __name__ == "__main__":
    bao, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        run(OpenBao(bao, home, free_port()), program, home)
