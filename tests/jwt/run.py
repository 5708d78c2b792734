"""Has verifiers of other people read jeton's signed access tokens, while its keys are rotated.

Usage: run.py JETON ENVOY VERIFIER, where VERIFIER is the program of tests/jwt/verifier. NODE_MODULES names the
directory with jose.
"""

import base64
import json
import os
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

import authlib.jose
import joserfc.errors
from authlib.jose.errors import JoseError
from joserfc import jwt
from joserfc.jwk import KeySet

HERE = Path(__file__).parent
# Generous: a slow machine is no failure, a hang is.
LIMIT = 60.0
AUDIENCE = "billing"
# Seconds for which verifiers keep the key set.
KEPT = 2
ALGORITHMS = ["ES256", "EdDSA", "RS256"]


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


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


class Jeton:
    """A server with one client, whose access tokens are signed."""

    def __init__(self, program: str, home: Path, algorithm: str) -> None:
        self.program, self.home, self.port = program, home, free_port()
        self.issuer = f"http://127.0.0.1:{self.port}"
        (home / "jeton.toml").write_text(f"""
[grpc]
listen = "127.0.0.1:0"
[http]
listen = "127.0.0.1:{self.port}"
issuer = "{self.issuer}"
[ops]
listen = "off"
[store]
path = "{home / "data"}"
[keys]
path = "{home / "keys"}"
jwks_max_age = "{KEPT}s"
[secrets]
weak_declared = "warn"
[[client]]
id = "orders"
secret = "orders-secret"
grants = ["client_credentials"]
scopes = ["read"]
audience = ["{AUDIENCE}"]
access_token_format = "jwt"
""")
        self.key("add", "--new")
        self.first = self.add(algorithm)
        with (home / "log").open("wb") as log:
            command = [program, "serve", "--config", str(home / "jeton.toml")]
            self.process = subprocess.Popen(command, cwd=home, stdout=log, stderr=log)
        until("jeton to serve", lambda: answers(self.port))
        until("jeton to issue", self.issues)

    def key(self, *arguments: str) -> dict:
        command = [self.program, "key", *arguments, "--config", str(self.home / "jeton.toml")]
        return json.loads(subprocess.check_output([*command, "--output", "json"], cwd=self.home))

    def add(self, algorithm: str) -> str:
        more = []
        if algorithm == "RS256":
            pem = self.home / "rsa.pem"
            options = ["-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(pem)]
            subprocess.run(["openssl", "genpkey", "-quiet", *options], check=True)
            more = ["--import", str(pem)]
        return self.key("add", "--signing", "--algorithm", algorithm, *more)["key_id"]

    def issues(self) -> bool:
        try:
            return bool(self.token())
        except urllib.error.HTTPError:
            return False

    def token(self) -> str:
        form = urllib.parse.urlencode({"grant_type": "client_credentials"}).encode()
        request = urllib.request.Request(f"{self.issuer}/oauth/token", data=form)
        basic = base64.b64encode(b"orders:orders-secret").decode()
        request.add_header("authorization", f"Basic {basic}")
        with urllib.request.urlopen(request, timeout=LIMIT) as answer:
            return json.load(answer)["access_token"]

    def jwks(self) -> dict:
        with urllib.request.urlopen(f"{self.issuer}/.well-known/jwks.json", timeout=LIMIT) as answer:
            return json.load(answer)


class Lines:
    """A verifier that reads tokens by the line."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def accepts(self, token: str) -> bool:
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        return self.process.stdout.readline() == "orders\n"


class Envoy:
    """A gateway that lets requests with good tokens pass."""

    name = "Envoy jwt_authn"

    def __init__(self, program: str, jeton: Jeton) -> None:
        self.port = free_port()
        template = string.Template((HERE / "envoy.yaml").read_text())
        settings = template.substitute(
            port=self.port, issuer=jeton.issuer, audience=AUDIENCE, kept=KEPT, jeton=jeton.port
        )
        (jeton.home / "envoy.yaml").write_text(settings)
        command = [program, "--config-path", str(jeton.home / "envoy.yaml"), "--use-dynamic-base-id"]
        command += ["--concurrency", "1", "--log-level", "warn"]
        with (jeton.home / "envoy.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        until("Envoy to serve", lambda: answers(self.port))

    def accepts(self, token: str) -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/")
        request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            assert error.code == 401, error
            return False


class Library:
    """A library of this process, which keeps the key set for as long as it may."""

    def __init__(self, name: str, jeton: Jeton, subject: Callable[[dict, str], str]) -> None:
        self.name, self.jeton, self.subject = name, jeton, subject
        self.keys, self.read = jeton.jwks(), time.monotonic()

    def accepts(self, token: str) -> bool:
        if time.monotonic() - self.read > KEPT:
            self.keys, self.read = self.jeton.jwks(), time.monotonic()
        try:
            return self.subject(self.keys, token) == "orders"
        except (JoseError, joserfc.errors.JoseError, ValueError):
            return False


def by_joserfc(issuer: str) -> Callable[[dict, str], str]:
    claims = jwt.JWTClaimsRegistry(
        iss={"essential": True, "value": issuer}, aud={"essential": True, "value": AUDIENCE}
    )

    def subject(keys: dict, token: str) -> str:
        read = jwt.decode(token, KeySet.import_key_set(keys), algorithms=[*ALGORITHMS, "Ed25519"])
        assert read.header["typ"] == "at+jwt"
        claims.validate(read.claims)
        return read.claims["sub"]

    return subject


def by_authlib(issuer: str) -> Callable[[dict, str], str]:
    options = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": AUDIENCE}}
    decoder = authlib.jose.JsonWebToken(ALGORITHMS)

    def subject(keys: dict, token: str) -> str:
        keys = authlib.jose.JsonWebKey.import_key_set(keys)
        read = decoder.decode(token, keys, claims_options=options)
        read.validate()
        return read["sub"]

    return subject


def changed(token: str) -> str:
    """The token with another claim under the same signature."""
    header, payload, signature = token.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=="))
    claims["scope"] = "admin"
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"{header}.{payload}.{signature}"


def key_of(token: str) -> str:
    return json.loads(base64.urlsafe_b64decode(token.split(".")[0] + "=="))["kid"]


def run(program: str, envoy: str, verifier: str, algorithm: str, following: str, home: Path) -> None:
    jeton = Jeton(program, home, algorithm)
    log = home / "verifiers.log"
    node = ["node", str(HERE / "verify.mjs"), jeton.issuer, AUDIENCE, str(KEPT)]
    processes = [
        Lines("jose", node, log),
        Lines("go-oidc", [verifier, jeton.issuer, AUDIENCE], log),
        Envoy(envoy, jeton),
    ]
    verifiers = [
        *processes,
        Library("joserfc", jeton, by_joserfc(jeton.issuer)),
        Library("Authlib", jeton, by_authlib(jeton.issuer)),
    ]
    try:
        token = jeton.token()
        assert key_of(token) == jeton.first
        for each in verifiers:
            assert each.accepts(token), f"{each.name} refused a token by {algorithm}"
            assert not each.accepts(changed(token)), f"{each.name} took a forgery"
        added = jeton.add(following)
        until("the key to be published", lambda: len(jeton.jwks()["keys"]) == 2)
        jeton.key("activate", added)
        checked = 0

        def is_rotated() -> bool:
            nonlocal checked
            token = jeton.token()
            for each in verifiers:
                assert each.accepts(token), f"{each.name} refused {following} after {algorithm}"
                checked += 1
            return key_of(token) == added

        until("the next key to sign", is_rotated)
        assert is_rotated() and all(each.accepts(token) for each in verifiers)
        names = ", ".join(each.name for each in verifiers)
        print(f"{algorithm}, then {following}: {checked} tokens verified by {names}, none refused")
    except BaseException:
        for file in ("log", "verifiers.log", "envoy.log"):
            if (home / file).exists():
                print(f"--- {file}", (home / file).read_text()[-4000:], file=sys.stderr)
        raise
    finally:
        for process in [jeton.process, *(each.process for each in processes)]:
            process.terminate()
            process.wait(LIMIT)


def main() -> None:
    program, envoy, verifier = (os.path.abspath(name) for name in sys.argv[1:4])
    for algorithm, following in zip(ALGORITHMS, [*ALGORITHMS[1:], ALGORITHMS[0]]):
        with tempfile.TemporaryDirectory() as home:
            run(program, envoy, verifier, algorithm, following, Path(home))


if __name__ == "__main__":
    main()
