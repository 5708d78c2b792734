"""Runs jeton with one client, whose access tokens are signed."""

import base64
import json
import socket
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from pathlib import Path

# Generous: a slow machine is no failure, a hang is.
LIMIT = 60.0
AUDIENCE = "billing"
# Seconds for which verifiers keep the key set.
KEPT = 2


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
