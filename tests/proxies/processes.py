"""The processes that a proxy asks: jeton, and an agent of it."""

import base64
import http.client
import json
import os
import signal
import subprocess
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path

from gateways import free_port
from visits import LIMIT


class Jeton:
    """jeton itself, as `serve --dev` has it."""

    def __init__(self, binary: str, home: Path) -> None:
        self.binary, self.home = binary, home
        self.ports = {"grpc": free_port(), "http": free_port(), "check": free_port()}
        self.start()

    def start(self) -> None:
        listen = [
            word
            for name, port in self.ports.items()
            for word in (f"--{name}-listen", f"127.0.0.1:{port}")
        ]
        command = [self.binary, "serve", "--dev", "--ops-listen", "off", *listen]
        command += ["--check-client", "demo"]
        log = (self.home / "log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=self.home, stdout=subprocess.DEVNULL, stderr=log
        )
        try:
            until("jeton to serve", self.serves)
        except BaseException:
            end(self.process)
            raise

    def serves(self) -> bool:
        assert self.process.poll() is None, (self.home / "log").read_text()
        try:
            self.token()
        except (OSError, http.client.HTTPException, AssertionError):
            return False
        return True

    def stands_still(self) -> bool:
        threads = Path(f"/proc/{self.process.pid}/task").glob("*/stat")
        return all(stat.read_text().rpartition(")")[2].split()[0] == "T" for stat in threads)

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(LIMIT) == 0, (self.home / "log").read_text()

    def post(self, path: str, **form: str) -> bytes:
        connection = http.client.HTTPConnection("127.0.0.1", self.ports["http"], timeout=LIMIT)
        basic = base64.b64encode(b"demo:demo-secret").decode()
        headers = {
            "Authorization": f"Basic {basic}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        body = answer.read()
        assert answer.status == 200, (answer.status, body)
        return body

    def token(self, **form: str) -> str:
        form = {"grant_type": "client_credentials", "audience": "billing"} | form
        return json.loads(self.post("/oauth/token", **form))["access_token"]

    def revoke(self, token: str) -> None:
        self.post("/oauth/revoke", token=token)


class Agent:
    """An agent of that server, if the proxy asks one; its sockets are `grpc` and `check` in its home."""

    def __init__(self, binary: str, home: Path, server: int, sockets: bool) -> None:
        self.ports = {"grpc": free_port(), "check": free_port()}
        listen = {
            name: f"unix:{home / name}" if sockets else f"127.0.0.1:{port}"
            for name, port in self.ports.items()
        }
        command = [binary, "agent", "--server", f"http://127.0.0.1:{server}", "--client-id", "demo"]
        command += ["--listen", listen["grpc"], "--ops-listen", "off"]
        command += ["--check-listen", listen["check"]]
        log = (home / "log").open("wb")
        environment = os.environ | {"JETON_CLIENT_SECRET": "demo-secret"}
        self.process = subprocess.Popen(command, cwd=home, stderr=log, env=environment)


def end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(LIMIT)


def until(what: str, condition: Callable[[], bool]) -> None:
    """Waits for a condition that nothing announces."""
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)
