"""A real jeton on a free port, with settings and data of its own."""

import hashlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from api import TOKEN_SERVICE, connect

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("JETON_BINARY", ROOT / "target/release/jeton"))

# Generous: a slow machine is no failure, a hang is.
START_LIMIT = 60.0
STOP_LIMIT = 60.0

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], what: str, limit: float = 30.0) -> None:
    """Waits for a condition that nothing announces, looking every few milliseconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)


@dataclass
class Settings:
    """The tables of a settings file that the tests vary; listeners and paths are added."""

    clients: list[dict[str, Any]]
    users: list[dict[str, Any]]
    tokens: dict[str, Any] = field(default_factory=dict)

    def render(self, address: str, ops: str, home: Path) -> str:
        tables = [
            ("[grpc]", {"listen": address}),
            ("[http]", {"listen": f"127.0.0.1:{free_port()}"}),
            ("[ops]", {"listen": ops}),
            ("[store]", {"path": str(home / "data")}),
            ("[keys]", {"path": str(home / "keys")}),
            ("[tokens]", self.tokens),
            *(("[[client]]", client) for client in self.clients),
            *(("[[user]]", user) for user in self.users),
        ]
        return "\n".join(
            "\n".join([head, *(f"{key} = {_toml(value)}" for key, value in table.items()), ""])
            for head, table in tables
        )


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return str(value)


class Server:
    """`jeton serve` as a process that can be started, stopped, killed and started again."""

    def __init__(
        self,
        home: Path,
        settings: Settings,
        *,
        log: str = "trace",
        environment: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.program = BINARY
        self.data = home / "data"
        self.keys = home / "keys"
        self.log = home / "server.log"
        self.address = f"127.0.0.1:{free_port()}"
        self.ops = f"127.0.0.1:{free_port()}"
        self.config = home / "jeton.toml"
        self.config.write_text(settings.render(self.address, self.ops, home))
        self._prefix = list(prefix)
        # The caller's own JETON_ variables would override the file.
        self._environment = {
            **{name: text for name, text in os.environ.items() if not name.startswith("JETON_")},
            "JETON_LOG": log,
            **(environment or {}),
        }
        self.process: subprocess.Popen[bytes] | None = None

    def spawn(self) -> None:
        """Starts the process and does not wait."""
        assert self.process is None, "already running"
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [*self._prefix, str(self.program), "serve", "--config", str(self.config)],
                cwd=self.home,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    def start(self) -> "Server":
        self.spawn()
        self.wait_serving()
        return self

    def wait_serving(self) -> None:
        """Waits until health says so of the server and of its service."""
        deadline = time.monotonic() + START_LIMIT
        with connect(self.address) as channel:
            health = health_pb2_grpc.HealthStub(channel)
            for service in ("", TOKEN_SERVICE):
                while not _comes_to_serve(health, service):
                    self._assert_alive()
                    if time.monotonic() > deadline:
                        raise TimeoutError(f"not serving:\n{self._last_lines()}")

    def signal(self, number: int) -> None:
        assert self.process is not None, "not running"
        self.process.send_signal(number)

    def wait_exit(self) -> int:
        assert self.process is not None, "not running"
        code = self.process.wait(timeout=STOP_LIMIT)
        self.process = None
        return code

    def stop(self) -> None:
        """Asks it to stop, and insists that it does so in order."""
        self.signal(signal.SIGTERM)
        code = self.wait_exit()
        assert code == 0, f"exit code {code}:\n{self._last_lines()}"

    def kill(self) -> None:
        """Ends it with SIGKILL: nothing in its memory survives."""
        self.signal(signal.SIGKILL)
        code = self.wait_exit()
        assert code == -signal.SIGKILL, f"ended by itself, exit code {code}:\n{self._last_lines()}"

    def discard(self) -> None:
        """Leaves no process behind, whatever state a failed test left it in."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def check_deep(self) -> tuple[int, str]:
        """The exit code of `jeton check --deep` as this server is started, and what it says."""
        command = [*self._prefix, str(self.program), "check", "--deep", "--config", str(self.config)]
        done = subprocess.run(
            command,
            cwd=self.home,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=START_LIMIT,
        )
        return done.returncode, done.stdout + done.stderr

    def stored_bytes(self) -> str:
        """A digest of all that the store holds on disk."""
        digest = hashlib.sha256()
        for file in sorted(path for path in self.data.rglob("*") if path.is_file()):
            digest.update(str(file.relative_to(self.data)).encode() + b"\0")
            digest.update(file.read_bytes())
        return digest.hexdigest()

    def files_at_rest(self) -> list[Path]:
        return sorted(
            path for top in (self.data, self.keys) for path in top.rglob("*") if path.is_file()
        )

    def _assert_alive(self) -> None:
        assert self.process is not None, "not running"
        code = self.process.poll()
        assert code is None, f"ended with exit code {code}:\n{self._last_lines()}"

    def last_line(self) -> str:
        return self._last_lines().splitlines()[-1]

    def _last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


def _comes_to_serve(health: health_pb2_grpc.HealthStub, service: str) -> bool:
    """Follows health for a second: it announces the change."""
    request = health_pb2.HealthCheckRequest(service=service)
    watch = health.Watch(request, timeout=1, wait_for_ready=True)
    try:
        return any(answer.status == SERVING for answer in watch)
    except grpc.RpcError:
        return False
    finally:
        watch.cancel()


class Fleet:
    """All servers of a run."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self.servers: list[Server] = []

    def add(self, name: str, settings: Settings, **options: Any) -> Server:
        server = Server(self._home / name, settings, **options)
        self.servers.append(server)
        return server

    def stop(self) -> None:
        for server in self.servers:
            if server.process is not None:
                server.stop()


@contextmanager
def fleet(home: Path) -> Iterator[Fleet]:
    run = Fleet(home)
    try:
        yield run
        run.stop()
    finally:
        for server in run.servers:
            server.discard()
