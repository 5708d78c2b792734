"""Several instances of jeton over one database, behind one port: each connection goes to the next.

tests/postgres.sh says where the database is and how many instances there are to be; without it jeton has
a directory, and there is one.
"""

import os
import socket
import subprocess
import threading
from collections.abc import Sequence
from itertools import cycle
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def count() -> int:
    """How many instances a server is."""
    return int(os.environ.get("JETON_TEST_INSTANCES", "1"))


def store(home: Path) -> list[str]:
    """Arguments that name the store of the server in `home`: a new database, or a directory."""
    if os.environ.get("JETON_TEST_STORE") != "postgres":
        return ["--store-path", str(home / "data")]
    name = f"http_{os.getpid()}_{home.name.replace('-', '_')}"
    control = str(ROOT / "tests/postgres/ctl.sh")
    cluster = os.environ["JETON_TEST_CLUSTER"]
    subprocess.run(
        [control, "sql", cluster, "primary", f"CREATE DATABASE {name}", "postgres"], check=True
    )
    servers = os.environ["JETON_TEST_POSTGRES"].rsplit("/", 1)[0]
    # A test that asks right after a revocation asks the service, at any instance.
    return ["--store", f"{servers}/{name}", "--max-staleness", "0s"]


class Balancer:
    """A port on loopback in front of several: a connection stays with whom it was given to."""

    def __init__(self, ports: Sequence[int]) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]
        self._ports = ports

    def start(self) -> None:
        """From now on it accepts."""
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        for port in cycle(self._ports):
            try:
                near, _ = self._listener.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", port))
            for source, target in ((near, far), (far, near)):
                threading.Thread(target=_carry, args=(source, target), daemon=True).start()

    def close(self) -> None:
        """Accepts no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


def _carry(source: socket.socket, target: socket.socket) -> None:
    """Copies what one side says until it has said everything."""
    try:
        while piece := source.recv(1 << 16):
            target.sendall(piece)
    except OSError:
        pass  # the other side has gone
    finally:
        try:
            target.shutdown(socket.SHUT_WR)
        except OSError:
            pass
