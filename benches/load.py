"""A load that `jeton bench` puts on a server from another core, and what was seen of it."""

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field

from server import CLIENT_ID, CLIENT_SECRET, PASSWORD, USER, Server

LOAD_CORE = 1
ENVIRONMENT = {"JETON_CLIENT_SECRET": CLIENT_SECRET, "JETON_PASSWORD": PASSWORD}


class Sampler(threading.Thread):
    """Notes a server's CPU time ten times a second."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server, self._over = server, threading.Event()
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        """Notes until it is stopped."""
        while not self._over.wait(0.1):
            self.samples.append((time.monotonic(), self._server.cpu()))

    def used(self, seconds: float) -> tuple[float, float]:
        """Answers the CPU seconds of the last `seconds` of the load, and how long that was."""
        self._over.set()
        self.join()
        last = self.samples[-1]
        first = next(sample for sample in self.samples if sample[0] >= last[0] - seconds)
        return last[1] - first[1], last[0] - first[0]


@dataclass
class Load:
    """Arguments of `jeton bench`."""

    name: str
    call: str
    connections: int = 8
    streams: int = 16
    rate: int | None = None
    options: list[str] = field(default_factory=list)

    def command(self, program: str, server: Server, seconds: int) -> list[str]:
        """Answers the command line."""
        command = ["taskset", "-c", str(LOAD_CORE), program, "bench", "--server", server.url]
        command += ["--client-id", CLIENT_ID, "--mix", self.call, "--duration", f"{seconds}s"]
        command += ["--connections", str(self.connections), "--streams", str(self.streams)]
        command += ["--warm-up", "1s", "--output", "json", *self.options]
        if self.rate is not None:
            command += ["--rate", str(self.rate)]
        return command + (["--username", USER] if self.call in ("password", "refresh") else [])

    def put(self, program: str, server: Server, seconds: int) -> dict[str, float]:
        """Loads a server and answers what was seen."""
        sampler = Sampler(server)
        sampler.start()
        done = subprocess.run(
            self.command(program, server, seconds),
            env=os.environ | ENVIRONMENT, capture_output=True, check=False, text=True,
        )
        cpu, passed = sampler.used(seconds)
        if done.returncode != 0:
            sys.exit(f"{self.name}: {done.stderr}")
        seen = json.loads(done.stdout)["calls"][self.call]
        if seen["refused"]:
            sys.exit(f"{self.name} on {server.name}: refused {seen['refused']}")
        return {
            "per_second": seen["per_second"],
            "cpu_micros": cpu / passed / seen["per_second"] * 1e6,
            "busy": cpu / passed,
            **seen["latency_micros"],
        }
