"""Lets people and workloads of a real Keycloak log in.

Usage: run.py KEYCLOAK JETON
"""

import base64
import html
import http.cookiejar
import json
import os
import re
import shutil
import signal
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
LIMIT = 600.0
HERE = "https://tokens.example"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TOKEN_EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
TOKEN_TYPE = "urn:ietf:params:oauth:token-type:"
JWT_BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def until(what: str, holds: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.2)


def ask(request: urllib.request.Request | str) -> tuple[int, dict | list]:
    """The status and the JSON of an answer."""
    try:
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            status, body = answer.status, answer.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return status, json.loads(body) if body[:1] in (b"{", b"[") else {}


def form(url: str, fields: dict[str, str]) -> tuple[int, dict]:
    return ask(urllib.request.Request(url, data=urllib.parse.urlencode(fields).encode()))


def claims(token: str) -> dict:
    part = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def passed(what: str) -> None:
    print(f"  {what}", flush=True)


class Keycloak:
    """A server of its own, in memory and files of this run, with the realm that is beside this file."""

    def __init__(self, installed: Path, home: Path) -> None:
        self.home, self.port = home / "keycloak", free_port()
        shutil.copytree(installed, self.home, symlinks=True)
        realms = self.home / "data" / "import"
        realms.mkdir(parents=True)
        shutil.copy(Path(__file__).with_name("realm.json"), realms)
        self.url = f"http://127.0.0.1:{self.port}"
        self.issuer = f"{self.url}/realms/staff"

    @contextmanager
    def running(self) -> Iterator[None]:
        command = ["nice", "-n", "19", str(self.home / "bin" / "kc.sh"), "start", "--optimized"]
        command += ["--import-realm", "--http-enabled=true", "--hostname-strict=false"]
        command += ["--http-host=127.0.0.1", f"--http-port={self.port}"]
        environment = {
            **os.environ,
            "JAVA_OPTS_KC_HEAP": "-Xms64m -Xmx640m -XX:MaxMetaspaceSize=256m",
            "KC_BOOTSTRAP_ADMIN_USERNAME": "admin",
            "KC_BOOTSTRAP_ADMIN_PASSWORD": "admin-password",
        }
        log = self.home / "keycloak.log"
        with log.open("wb") as out:
            process = subprocess.Popen(
                command, stdout=out, stderr=out, env=environment, start_new_session=True
            )
        try:
            until("Keycloak to serve", lambda: self.serves(process))
            yield
        except BaseException:
            print(log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait(LIMIT)

    def serves(self, process: subprocess.Popen) -> bool:
        assert process.poll() is None, "Keycloak has ended"
        try:
            return ask(f"{self.issuer}/.well-known/openid-configuration")[0] == 200
        except OSError:
            return False

    def tokens(self, realm: str, client: str, secret: str, **fields: str) -> dict:
        url = f"{self.url}/realms/{realm}/protocol/openid-connect/token"
        credentials = {"client_id": client, **({"client_secret": secret} if secret else {})}
        status, answer = form(url, {**credentials, **fields})
        assert status == 200, (client, status, answer)
        return answer

    def person(self, client: str, user: str) -> dict:
        """Tokens of a person at an application that still takes passwords."""
        password = {"grant_type": "password", "username": user, "password": f"{user}-password"}
        return self.tokens("staff", client, f"{client}-secret", scope="openid", **password)

    def workload(self, client: str) -> str:
        grant = {"grant_type": "client_credentials"}
        return self.tokens("staff", client, f"{client}-secret", **grant)["access_token"]

    def administer(self, method: str, path: str, body: dict | None = None) -> dict | list:
        password = {"grant_type": "password", "username": "admin", "password": "admin-password"}
        token = self.tokens("master", "admin-cli", "", **password)["access_token"]
        request = urllib.request.Request(
            f"{self.url}/admin/realms/staff/{path}",
            method=method,
            data=json.dumps(body).encode() if body is not None else None,
            headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        )
        status, answer = ask(request)
        assert status in (200, 201, 204), (path, status, answer)
        return answer

    def user_id(self, user: str) -> str:
        return self.administer("GET", f"users?username={user}&exact=true")[0]["id"]

    def leave_group(self, user: str) -> None:
        group = self.administer("GET", "groups?search=jeton-admins")[0]["id"]
        self.administer("DELETE", f"users/{self.user_id(user)}/groups/{group}")


class Browser:
    """A browser as far as a login needs one: cookies, redirects, one form."""

    def __init__(self) -> None:
        policy = http.cookiejar.DefaultCookiePolicy(secure_protocols=("http", "https"))
        self.cookies = http.cookiejar.CookieJar(policy)
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def log_in(self, url: str, user: str) -> str:
        page = self.opener.open(url, timeout=LIMIT).read().decode()
        action = re.search(r'<form[^>]*id="kc-form-login"[^>]*action="([^"]+)"', page)
        action = action or re.search(r'action="([^"]+login-actions/authenticate[^"]+)"', page)
        assert action, page[:2000]
        fields = {"username": user, "password": f"{user}-password", "credentialId": ""}
        data = urllib.parse.urlencode(fields).encode()
        with self.opener.open(html.unescape(action[1]), data=data, timeout=LIMIT) as answer:
            return answer.read().decode()


class Jeton:
    """A server that trusts the Keycloak for people and for workloads."""

    def __init__(self, program: str, home: Path, keycloak: Keycloak) -> None:
        self.program, self.home, self.keycloak = program, home, keycloak
        self.http, self.ops, self.grpc = free_port(), free_port(), free_port()
        workload = claims(keycloak.workload("orders"))["sub"]
        (home / "jeton.toml").write_text(
            f"""
[grpc]
listen = "127.0.0.1:{self.grpc}"
[http]
listen = "127.0.0.1:{self.http}"
issuer = "{HERE}"
[ops]
listen = "127.0.0.1:{self.ops}"
[[issuer]]
name = "corp"
issuer = "{keycloak.issuer}"
jwks_url = "{keycloak.issuer}/protocol/openid-connect/certs"
max_lifetime = "1h"
[issuer.users]
audiences = [{{ id = "web-app", clients = ["web"] }}, {{ id = "jeton-cli", clients = ["cli"] }}]
create = true
attributes = {{ email = "email" }}
permissions = [{{ claim = "groups", value = "jeton-admins", allow = ["admin"] }}]
[[client]]
id = "web"
secret = "a-secret-of-this-test"
grants = ["jwt_bearer", "refresh_token", "token_exchange"]
scopes = ["read"]
audience = ["billing"]
may_exchange_to = ["ledger"]
introspect = "any"
[[client]]
id = "cli"
grants = ["jwt_bearer", "refresh_token"]
audience = ["jeton"]
# Shorter than what a command wants to be left: each command renews it.
access_token_ttl = "30s"
[[client]]
id = "orders"
grants = ["client_credentials"]
audience = ["billing"]
identities = [{{ issuer = "corp", subject = "{workload}" }}]
"""
        )
        self.log = home / "jeton.log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [program, "serve", "--config", "jeton.toml"], cwd=home, stdout=log, stderr=log
            )
        until("jeton to have the keys", self.has_keys)

    def has_keys(self) -> bool:
        assert self.process.poll() is None, self.log.read_text()
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/metrics", timeout=LIMIT) as answer:
                lines = answer.read().decode().splitlines()
        except OSError:
            return False
        found = [line for line in lines if line.startswith('jeton_issuer_keys{issuer="corp"}')]
        return bool(found) and float(found[0].split()[-1]) > 0

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(LIMIT)

    def post(self, path: str, fields: dict[str, str]) -> tuple[int, dict]:
        return form(f"http://127.0.0.1:{self.http}{path}", fields)

    def show(self, id_token: str) -> tuple[int, dict]:
        credentials = {"client_id": "web", "client_secret": "a-secret-of-this-test"}
        return self.post("/oauth/token", {"grant_type": JWT_BEARER, "assertion": id_token, **credentials})

    def exchange(self, token: str, kind: str) -> tuple[int, dict]:
        credentials = {"client_id": "web", "client_secret": "a-secret-of-this-test"}
        subject = {"subject_token": token, "subject_token_type": TOKEN_TYPE + kind}
        return self.post("/oauth/token", {"grant_type": TOKEN_EXCHANGE, "audience": "ledger", **subject, **credentials})

    def introspect(self, token: str) -> dict:
        credentials = {"client_id": "web", "client_secret": "a-secret-of-this-test"}
        return self.post("/oauth/introspect", {"token": token, **credentials})[1]

    def workload(self, assertion: str) -> tuple[int, dict]:
        credentials = {"client_assertion_type": ASSERTION, "client_assertion": assertion}
        return self.post("/oauth/token", {"grant_type": "client_credentials", **credentials})

    def command(self, *words: str) -> subprocess.Popen:
        environment = {"HOME": str(self.home), "PATH": os.environ["PATH"]}
        return subprocess.Popen(
            [self.program, *words],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str) -> tuple[int, str, str]:
        command = self.command(*words)
        out, err = command.communicate(timeout=LIMIT)
        return command.returncode, out, err

    def log_in(self, user: str) -> dict:
        """`jeton login --issuer`, with a browser that fills in the form."""
        words = ["login", user, "--issuer", self.keycloak.issuer, "--issuer-client-id", "jeton-cli"]
        words += ["--client-id", "cli", "--server", f"http://127.0.0.1:{self.grpc}"]
        command = self.command(*words, "--no-browser", "--output", "json")
        assert command.stderr
        assert command.stderr.readline() == "Log in here, on this machine:\n"
        url = command.stderr.readline().strip()
        port = int(urllib.parse.parse_qs(urllib.parse.urlparse(url).query)["redirect_uri"][0].split(":")[2].split("/")[0])
        # Another page of the browser cannot end the login, nor bring in a code of its own.
        status, _ = ask(f"http://127.0.0.1:{port}/callback?code=stolen&state=guessed")
        assert status == 400, status
        page = Browser().log_in(url, user)
        assert page.startswith("Go back to the terminal"), page
        out, err = command.communicate(timeout=LIMIT)
        assert command.returncode == 0, err
        return json.loads(out)


def people(keycloak: Keycloak, jeton: Jeton) -> None:
    tokens = keycloak.person("web-app", "ada")
    status, first = jeton.show(tokens["id_token"])
    assert status == 200 and first["refresh_token"], (status, first)
    seen = jeton.introspect(first["access_token"])
    assert (seen["username"], seen["client_id"]) == ("ada", "web"), seen
    passed("a person's ID token of Keycloak is a login, as a user that was created")
    status, answer = jeton.show(tokens["id_token"])
    assert (status, answer["error"]) == (400, "invalid_grant"), (status, answer)
    passed("the same ID token a second time is not")
    status, second = jeton.show(keycloak.person("web-app", "ada")["id_token"])
    assert status == 200 and jeton.introspect(second["access_token"])["sub"] == seen["sub"]
    passed("the next one is the same user")
    for what, token in [
        ("its access token", tokens["access_token"]),
        ("its refresh token", tokens["refresh_token"]),
        ("an ID token for another application", keycloak.person("other-app", "ada")["id_token"]),
        ("a service account's token for jeton", keycloak.workload("orders")),
    ]:
        status, answer = jeton.show(token)
        assert (status, answer["error"]) == (400, "invalid_grant"), (what, status, answer)
        passed(f"{what} is no login")
    identity = keycloak.user_id("bob")
    keycloak.administer("PUT", f"users/{identity}", {"enabled": False})
    url = f"{keycloak.issuer}/protocol/openid-connect/token"
    bob = {"grant_type": "password", "username": "bob", "password": "bob-password", "scope": "openid"}
    status, _ = form(url, {**bob, "client_id": "web-app", "client_secret": "web-app-secret"})
    assert status == 400, status
    keycloak.administer("PUT", f"users/{identity}", {"enabled": True})
    passed("somebody who is disabled at Keycloak gets no ID token")


def exchanges(keycloak: Keycloak, jeton: Jeton) -> None:
    tokens = keycloak.person("web-app", "ada")
    status, answer = jeton.exchange(tokens["id_token"], "id_token")
    assert status == 200 and "refresh_token" not in answer, (status, answer)
    assert answer["issued_token_type"] == TOKEN_TYPE + "access_token", answer
    left = claims(tokens["id_token"])["exp"] - time.time()
    assert 0 < answer["expires_in"] <= left + 61, (answer, left)
    seen = jeton.introspect(answer["access_token"])
    assert (seen["username"], seen["aud"], seen["act"]) == ("ada", "ledger", {"sub": "web"}), seen
    passed("a person's ID token is exchanged for a token of the user for the next service, which ends with it")
    for what, token, kind in [
        ("the same ID token a second time", tokens["id_token"], "id_token"),
        ("Keycloak's access token as an ID token", tokens["access_token"], "id_token"),
        ("Keycloak's access token as one of jeton's", tokens["access_token"], "access_token"),
        ("an ID token for another application", keycloak.person("other-app", "ada")["id_token"], "id_token"),
    ]:
        status, answer = jeton.exchange(token, kind)
        assert (status, answer["error"]) == (400, "invalid_request"), (what, status, answer)
        passed(f"{what} is not")


def administrators(keycloak: Keycloak, jeton: Jeton) -> None:
    kept = jeton.log_in("ada")
    assert kept["administers"] is True, kept
    mode = Path(kept["file"]).stat().st_mode & 0o777
    assert mode == 0o600, oct(mode)
    passed("jeton login --issuer: code and PKCE on loopback, through Keycloak's form")
    before = Path(kept["file"]).read_text()
    code, out, err = jeton.run("client", "list", "--profile", "ada", "--field", "client_id")
    assert code == 0 and "orders" in out.split(), (code, out, err)
    assert Path(kept["file"]).read_text() != before, "the tokens were renewed"
    passed("an administrator by a group, without any secret; the profile's tokens are renewed")
    code, out, _ = jeton.run("user", "get", "ada", "--profile", "ada", "--output", "json")
    user = json.loads(out)
    identity = f"issuer=corp,subject={keycloak.user_id('ada')}"
    assert code == 0 and user["identities"] == [identity] and user["permissions"] == ["admin"], user
    passed("the user lists the issuer's name and Keycloak's own id")
    assert jeton.log_in("bob")["administers"] is False
    code, _, err = jeton.run("client", "list", "--profile", "bob")
    assert code == 1 and "INVALID_TOKEN" in err, (code, err)
    passed("without the group nobody administers")
    keycloak.leave_group("ada")
    code, _, err = jeton.run("client", "list", "--profile", "ada")
    assert code == 0, err
    earlier = Path(kept["file"]).read_text()
    assert jeton.log_in("ada")["administers"] is False
    Path(kept["file"]).write_text(earlier)
    code, _, err = jeton.run("client", "list", "--profile", "ada")
    assert code == 1 and "INVALID_TOKEN" in err, (code, err)
    passed("the group was taken away: from the next login on, also for tokens of before")


def workloads(keycloak: Keycloak, jeton: Jeton) -> None:
    token = keycloak.workload("orders")
    status, answer = jeton.workload(token)
    assert status == 200, (status, answer, claims(token))
    assert jeton.introspect(answer["access_token"])["client_id"] == "orders"
    passed("a service account's token is a client, without a secret of jeton's")
    for what, other in [
        ("for others too", keycloak.workload("elsewhere")),
        ("of a person", keycloak.person("web-app", "ada")["id_token"]),
        ("that was changed", token[:-8] + token[-8:][::-1]),
    ]:
        status, answer = jeton.workload(other)
        assert (status, answer["error"]) == (401, "invalid_client"), (what, status, answer)
        passed(f"a token {what} is none")


def run(installed: Path, program: str, home: Path) -> None:
    keycloak = Keycloak(installed, home)
    with keycloak.running():
        jeton = Jeton(program, home, keycloak)
        try:
            workloads(keycloak, jeton)
            people(keycloak, jeton)
            exchanges(keycloak, jeton)
            administrators(keycloak, jeton)
            log = jeton.log.read_text()
            assert "eyJ" not in log, "a token is in the log"
        except BaseException:
            print(jeton.log.read_text()[-4000:], file=sys.stderr)
            raise
        finally:
            jeton.stop()


if __name__ == "__main__":
    installed, program = sys.argv[1:]
    with tempfile.TemporaryDirectory() as directory:
        run(Path(installed), program, Path(directory))
