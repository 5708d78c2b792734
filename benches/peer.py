"""Token services that jeton is measured beside: how each is started, and its calls of the same meaning."""

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field
from pathlib import Path

from server import CLIENT_ID, CLIENT_SECRET, PASSWORD, SETTINGS, USER, Jeton, Server, free_port

HERE = Path(__file__).parent / "peers"
# Of all peers, which declare the same clients; jeton refuses a secret that is guessed so easily.
SECRET = "gateway-secret"
# Until a peer serves, in seconds: Keycloak starts a minute on one core.
PATIENCE = 300


@dataclass
class Call:
    """A request of one kind, and the bodies that are sent in turn."""

    path: str
    headers: dict[str, str]
    bodies: list[str]
    # Of a refresh, where each answer names the token of the next request: Lua's pattern, and the body around it.
    next: str = ""
    body: str = ""

    def lua(self) -> str:
        """Answers what benches/peers/calls.lua reads."""
        quoted = lambda text: json.dumps(text, ensure_ascii=True)
        headers = ", ".join(f"[{quoted(name)}] = {quoted(value)}" for name, value in self.headers.items())
        chain = f"next = {quoted(self.next)}, body = {quoted(self.body)}, " if self.next else ""
        bodies = ", ".join(quoted(body) for body in self.bodies)
        return f"return {{ path = {quoted(self.path)}, headers = {{ {headers} }}, {chain}bodies = {{ {bodies} }} }}\n"


def basic(client: str, secret: str) -> str:
    """Answers an Authorization header's value."""
    return "Basic " + base64.b64encode(f"{client}:{secret}".encode()).decode()


def form(path: str, client: str, secret: str, bodies: list[dict[str, str]]) -> Call:
    """Answers a call with forms, as OAuth's endpoints take them."""
    headers = {"Authorization": basic(client, secret), "Content-Type": "application/x-www-form-urlencoded"}
    return Call(path, headers, [urllib.parse.urlencode(body) for body in bodies])


def refresh(path: str, client: str, secret: str, tokens: list[str]) -> Call:
    """Answers refreshes, each by the token of the answer before it."""
    call = form(path, client, secret, [{"grant_type": "refresh_token", "refresh_token": token} for token in tokens])
    call.next = '"refresh_token": *"([^"]+)"'
    call.body = "grant_type=refresh_token&refresh_token=%s"
    return call


def ask(url: str, call: Call, body: str) -> dict:
    """Answers what a server says to one request."""
    request = urllib.request.Request(url + call.path, body.encode(), call.headers)
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


@dataclass
class Ready:
    """A peer that serves: its server, and its calls by name."""

    server: Server
    url: str
    calls: dict[str, Call] = field(default_factory=dict)


class Peer:
    """A token service that can be started."""

    name: str
    version: str
    synced: str

    def start(self, folder: Path, tokens: int) -> Ready:
        """Starts it on the server's core, with access tokens and refresh tokens of a user."""
        raise NotImplementedError


class Process(Server):
    """A program with its children, on the server's core."""

    def __init__(self, name: str, command: list[str], port: int, folder: Path, **environment: str) -> None:
        self.name, self.port, self.log = name, port, folder / "log"
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                ["taskset", "-c", "0", *command], cwd=folder, env=os.environ | environment,
                stdout=log, stderr=log, start_new_session=True,
            )

    def wait(self, path: str) -> None:
        """Waits until it answers at a path, whatever the status."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until and self.process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}").close()
                return
            except urllib.error.HTTPError as answer:
                if answer.code < 500:
                    return
            except OSError:
                pass
            time.sleep(0.05)
        self.stop()
        sys.exit(f"{self.name} does not start: {self.log.read_text()[-2000:]}")

    def _processes(self) -> list[int]:
        group = subprocess.run(["pgrep", "-g", str(self.process.pid)], capture_output=True, check=False, text=True)
        return [int(line) for line in group.stdout.split()]

    def cpu(self) -> float:
        """Answers the CPU seconds of all its processes."""
        ticks = 0
        for process in self._processes():
            fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def resident(self) -> int:
        """Answers the resident memory of all its processes in bytes, what they share once for each."""
        lines = [
            line for process in self._processes()
            for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS:")
        ]
        return sum(int(line.split()[1]) << 10 for line in lines)

    def stop(self) -> None:
        """Ends it."""
        # The group may be gone already.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)


class Itself(Peer):
    """jeton, over HTTP/1.1 as the others."""

    name, synced = "jeton", "every write"

    def __init__(self, program: str) -> None:
        self.program = program
        printed = subprocess.run([program, "--version"], capture_output=True, check=True, text=True).stdout
        self.version = printed.split()[1]

    def start(self, folder: Path, tokens: int) -> Ready:
        jeton = Jeton(self.program, folder, settings=SETTINGS)
        url = f"http://127.0.0.1:{jeton.http}"
        login = form("/oauth/token", CLIENT_ID, CLIENT_SECRET, [
            {"grant_type": "password", "username": USER, "password": PASSWORD}
        ])
        pairs = [ask(url, login, login.bodies[0]) for _ in range(tokens)]
        return Ready(jeton, url, {
            "issue": form("/oauth/token", CLIENT_ID, CLIENT_SECRET, [{"grant_type": "client_credentials"}]),
            "introspect": form("/oauth/introspect", CLIENT_ID, CLIENT_SECRET, [
                {"token": pair["access_token"]} for pair in pairs
            ]),
            "refresh": refresh(
                "/oauth/token", CLIENT_ID, CLIENT_SECRET, [pair["refresh_token"] for pair in pairs]
            ),
        })


class OpenBao(Peer):
    """OpenBao's tokens. A renewal keeps its token and moves its end: the nearest to a refresh."""

    name, version, synced = "OpenBao", "2.7.2", "nothing: in memory"

    def __init__(self, venv: Path) -> None:
        self.program = venv / "bin" / "bao"

    def start(self, folder: Path, tokens: int) -> Ready:
        port = free_port()
        command = [str(self.program), "server", "-dev", "-dev-root-token-id=root", "-dev-no-store-token"]
        command += [f"-dev-listen-address=127.0.0.1:{port}", "-log-level=error"]
        server = Process(self.name, command, port, folder, GOMAXPROCS="1")
        server.wait("/v1/sys/health")
        url = f"http://127.0.0.1:{port}"
        headers = {"X-Vault-Token": "root", "Content-Type": "application/json"}
        issue = Call("/v1/auth/token/create", headers, ['{"ttl": "1h", "policies": ["default"]}'])
        made = [ask(url, issue, issue.bodies[0])["auth"]["client_token"] for _ in range(tokens)]
        named = [json.dumps({"token": token}) for token in made]
        return Ready(server, url, {
            "issue": issue,
            "introspect": Call("/v1/auth/token/lookup", headers, named),
            "refresh": Call("/v1/auth/token/renew", headers, named),
        })


class Keycloak(Peer):
    """Keycloak with a database in files, H2, and caches of this process."""

    name, version, synced = "Keycloak", "26.7.3", "by H2, in the background"

    def __init__(self, installed: Path) -> None:
        self.installed = installed

    def start(self, folder: Path, tokens: int) -> Ready:
        port, home = free_port(), folder / "keycloak"
        shutil.copytree(self.installed, home, symlinks=True)
        (home / "data" / "import").mkdir(parents=True)
        shutil.copy(HERE / "realm.json", home / "data" / "import")
        command = [str(home / "bin" / "kc.sh"), "start", "--optimized", "--import-realm", "--http-enabled=true"]
        command += ["--hostname-strict=false", "--http-host=127.0.0.1", f"--http-port={port}", "--log-level=error"]
        server = Process(self.name, command, port, folder, JAVA_OPTS_KC_HEAP="-Xms512m -Xmx1024m")
        server.wait("/realms/peers/.well-known/openid-configuration")
        url, path = f"http://127.0.0.1:{port}", "/realms/peers/protocol/openid-connect/token"
        login = form(path, "shop", SECRET, [
            {"grant_type": "password", "username": "alice", "password": "gateway-password"}
        ])
        pairs = [ask(url, login, login.bodies[0]) for _ in range(tokens)]
        return Ready(server, url, {
            "issue": form(path, "gateway", SECRET, [{"grant_type": "client_credentials"}]),
            "introspect": form(f"{path}/introspect", "shop", SECRET, [
                {"token": pair["access_token"]} for pair in pairs
            ]),
            "refresh": refresh(path, "shop", SECRET, [pair["refresh_token"] for pair in pairs]),
        })


class Provider(Peer):
    """node-oidc-provider with maps in place of a database."""

    name, version, synced = "node-oidc-provider", "9.13.3", "nothing: in memory"

    def __init__(self, modules: Path) -> None:
        self.modules = modules

    def start(self, folder: Path, tokens: int) -> Ready:
        port = free_port()
        # Modules are looked for beside the script.
        script = shutil.copy(HERE / "provider.mjs", self.modules)
        command = ["node", str(script), str(port), str(tokens)]
        server = Process(self.name, command, port, folder, NODE_ENV="production")
        server.wait("/.well-known/openid-configuration")
        made = json.loads(next(line for line in server.log.read_text().splitlines() if line.startswith("{")))
        return Ready(server, f"http://127.0.0.1:{port}", {
            "issue": form("/token", "gateway", SECRET, [{"grant_type": "client_credentials"}]),
            "introspect": form("/token/introspection", "shop", SECRET, [{"token": token} for token in made["access"]]),
            "refresh": refresh("/token", "shop", SECRET, made["refresh"]),
        })


class Toolkit(Peer):
    """django-oauth-toolkit under gunicorn, with one worker for the core."""

    name, version, synced = "django-oauth-toolkit", "3.4.1", "SQLite's log at its checkpoints"

    def __init__(self, venv: Path) -> None:
        self.venv = venv

    def start(self, folder: Path, tokens: int) -> Ready:
        port, programs = free_port(), (self.venv / "bin").absolute()
        shutil.copy(HERE / "toolkit.py", folder)
        printed = subprocess.run(
            [str(programs / "python"), "toolkit.py", str(tokens)], cwd=folder, check=True, capture_output=True, text=True
        ).stdout
        made = json.loads(printed)
        command = [str(programs / "gunicorn"), "--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"]
        command += ["--threads", "8", "--keep-alive", "60", "--log-level", "error", "toolkit:application"]
        server = Process(self.name, command, port, folder)
        server.wait("/o/token/")
        return Ready(server, f"http://127.0.0.1:{port}", {
            "issue": form("/o/token/", "gateway", SECRET, [{"grant_type": "client_credentials"}]),
            "introspect": form("/o/introspect/", "shop", SECRET, [{"token": token} for token in made["access"]]),
            "refresh": refresh("/o/token/", "shop", SECRET, made["refresh"]),
        })
