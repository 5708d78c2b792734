"""The servers of a run: jeton, and django-oauth-toolkit to compare it with."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import instances

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = Path(os.environ.get("JETON_BINARY", ROOT / "target/release/jeton"))

# Generous: a slow machine is no failure, a hang is.
START_LIMIT = 60.0
STOP_LIMIT = 60.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], what: str, limit: float) -> None:
    """Waits for a condition that nothing announces, looking every few milliseconds."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.005)


def answers(port: int, path: str) -> bool:
    """Whether a server answers a request, and not that it is not ready yet."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(
            "POST", path, "token=a", {"Content-Type": "application/x-www-form-urlencoded"}
        )
        return connection.getresponse().status != 503
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


class Process:
    """A server as a child process that answers on one port."""

    def __init__(self, home: Path, command: Sequence[str], port: int) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        self.port = port
        self.log = home / "server.log"
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                command,
                cwd=home,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_ready(self) -> None:
        def ready() -> bool:
            code = self._process.poll()
            assert code is None, f"ended with exit code {code}:\n{self.last_lines()}"
            return answers(self.port, "/oauth/introspect/")

        wait_until(ready, f"not ready: {self.log}", START_LIMIT)

    def stop(self) -> int:
        """Asks it to stop and waits until it has."""
        self._process.send_signal(signal.SIGTERM)
        return self._process.wait(timeout=STOP_LIMIT)

    def discard(self) -> None:
        """Leaves no process behind, whatever state a failed test left it in."""
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()

    def last_lines(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-30:])


def _environment() -> dict[str, str]:
    # The caller's own JETON_ variables would override the settings file.
    kept = {name: text for name, text in os.environ.items() if not name.startswith("JETON_")}
    return {**kept, "JETON_LOG": "trace"}


@contextmanager
def jeton(home: Path, settings: str) -> Iterator[Process]:
    """`jeton serve` with `settings`, on free ports, with data of its own; stopped in order. Where the
    tests are run with several instances, whoever is yielded stands for all of them."""
    home.mkdir(parents=True, exist_ok=True)
    config = home / "jeton.toml"
    config.write_text(settings)
    config.chmod(0o600)
    ports = [free_port() for _ in range(instances.count())]
    balancer = instances.Balancer(ports) if len(ports) > 1 else None
    origin = f"http://127.0.0.1:{balancer.port if balancer else ports[0]}"
    store = instances.store(home)
    processes: list[Process] = []
    try:
        for port in ports:
            command = [
                *(str(BINARY), "serve", "--config", str(config)),
                *("--http-listen", f"127.0.0.1:{port}", "--http-issuer", origin),
                *("--grpc-listen", "127.0.0.1:0", "--ops-listen", "127.0.0.1:0"),
                *(*store, "--keys-path", str(home / "keys")),
            ]
            processes.append(Process(home, command, port))
            # The first one makes the store and the key ring.
            processes[-1].wait_ready()
        if balancer:
            balancer.start()
            processes[0].port = balancer.port
        yield processes[0]
        for process in processes:
            code = process.stop()
            assert code == 0, f"exit code {code}:\n{process.last_lines()}"
    finally:
        if balancer:
            balancer.close()
        for process in processes:
            process.discard()


@contextmanager
def toolkit(home: Path, dialect: str) -> Iterator[Process]:
    """django-oauth-toolkit, with a new database."""
    port = free_port()
    command = [sys.executable, str(HERE / "toolkit_site.py"), str(port), dialect]
    process = Process(home, command, port)
    try:
        process.wait_ready()
        yield process
        process.stop()
    finally:
        process.discard()
