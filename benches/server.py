"""A server under load: jeton with its own store, or the bare one, on a core of its own."""

import atexit
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

SERVER_CORE = 0
CLIENT_ID, CLIENT_SECRET = "gateway", "kx7vqzmw2nfd9tr-4"
USER, PASSWORD = "alice", "correct horse battery staple"
SETTINGS = f"""
[audit]
target = "off"

[store]
cache_bytes = "%(cache)s"

[[client]]
id = "{CLIENT_ID}"
secret = "{CLIENT_SECRET}"
grants = ["client_credentials", "password", "refresh_token"]
scopes = ["read", "write"]
introspect = "any"
permissions = ["admin"]
max_grants = 1000000
access_token_ttl = "1d"

[[user]]
name = "{USER}"
password = "{PASSWORD}"
"""
TICKS = os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    """Answers a port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A process that listens, and what it costs."""

    def __init__(self, name: str, command: list[str], port: int, cores: str = "one") -> None:
        self.name, self.port = name, port
        pinned = ["taskset", "-c", str(SERVER_CORE)] if cores == "one" else []
        environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET}
        self.process = subprocess.Popen(
            [*pinned, *command], env=environment, stdout=subprocess.DEVNULL
        )
        # A measurement may end early, and would leave the server with its output open.
        atexit.register(self.process.kill)
        began = time.monotonic()
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - began > 120:
                sys.exit(f"{name} does not start")
            time.sleep(0.001)
        self.started_in = time.monotonic() - began

    def answers(self) -> bool:
        """Answers whether it serves: a bare server does as soon as it listens."""
        try:
            socket.create_connection(("127.0.0.1", self.port)).close()
        except ConnectionRefusedError:
            return False
        return True

    @property
    def url(self) -> str:
        """Answers where it serves gRPC."""
        return f"http://127.0.0.1:{self.port}"

    def cpu(self) -> float:
        """Answers the CPU seconds that it has used."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def resident(self) -> int:
        """Answers its resident memory in bytes."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) << 10
        raise LookupError("VmRSS")

    def stop(self) -> None:
        """Ends it."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()


class Jeton(Server):
    """jeton over a store in `folder`, which may hold what an earlier one left there."""

    def __init__(
        self, program: str, folder: Path, cache: str = "256MiB", cores: str = "one",
        settings: str = SETTINGS, runtime: str = "per-core",
    ) -> None:
        self.program, self.folder = program, folder
        (folder / "jeton.toml").write_text(settings % {"cache": cache})
        grpc, self.http, self.ops = (free_port() for _ in range(3))
        command = [program, "serve", "--config", str(folder / "jeton.toml"), "--log", "error"]
        command += ["--runtime", runtime]
        command += ["--grpc-listen", f"127.0.0.1:{grpc}", "--http-listen", f"127.0.0.1:{self.http}"]
        command += ["--ops-listen", f"127.0.0.1:{self.ops}"]
        command += ["--store-path", str(folder / "data"), "--keys-path", str(folder / "keys")]
        super().__init__("jeton", command, grpc, cores)

    def answers(self) -> bool:
        """Answers whether it is ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/readyz") as answer:
                return answer.status == 200
        except OSError:
            return False

    def metric(self, name: str, label: str = "") -> float:
        """Answers the sum of a metric's samples, of those that have the label."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ops}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        samples = [line for line in lines if line.split("{")[0].split(" ")[0] == name and label in line]
        return sum(float(line.rsplit(" ", 1)[1]) for line in samples)

    def disk(self) -> int:
        """Answers the bytes of its store."""
        return sum(file.stat().st_blocks * 512 for file in (self.folder / "data").rglob("*"))


class Bare(Server):
    """The server that does nothing but answer what `like` has answered once."""

    def __init__(self, program: str, like: Server) -> None:
        port = free_port()
        command = [program, "--listen", f"127.0.0.1:{port}", "--like", like.url]
        super().__init__("bare", [*command, "--client-id", CLIENT_ID], port)
