"""Measures jeton as ratios to a bare tonic server that does nothing, both in the same run.

    cargo build --release --bin jeton --example bare_server
    python3 benches/ratios.py [--seconds 10] [--rounds 5] [--output json] [--dir DIR]

Server and load have one core each. The servers take turns, round by round: what disturbs the
machine disturbs both. Every token that is introspected is a different one, the caller shows its id
and secret with each call, and metrics are on. The load is `jeton bench`.

The load's core has as much to do as the server's, so a rate alone says little: how busy the server's
core was, and its CPU time for one call, are in the report too.
"""

import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

SERVER_CORE, LOAD_CORE = 0, 1
CLIENT_ID, CLIENT_SECRET = "gateway", "gateway-secret"
USER, PASSWORD = "alice", "correct horse battery staple"
SETTINGS = f"""
[audit]
target = "off"

[[client]]
id = "{CLIENT_ID}"
secret = "{CLIENT_SECRET}"
grants = ["client_credentials", "password", "refresh_token"]
scopes = ["read", "write"]
introspect = "any"

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
    """A server on a core of its own."""

    def __init__(self, name: str, command: list[str], port: int) -> None:
        self.name, self.port = name, port
        environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET}
        self.process = subprocess.Popen(
            ["taskset", "-c", str(SERVER_CORE), *command], env=environment, stdout=subprocess.DEVNULL
        )
        began = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except ConnectionRefusedError:
                if self.process.poll() is not None or time.monotonic() - began > 60:
                    sys.exit(f"{name} does not start")
                time.sleep(0.01)

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


@dataclass
class Load:
    """What `jeton bench` is told."""

    name: str
    call: str
    options: list[str] = field(default_factory=list)
    needs_user: bool = False


class Sampler(threading.Thread):
    """Notes a server's CPU time ten times a second."""

    def __init__(self, server: Server) -> None:
        super().__init__(daemon=True)
        self._server, self._over = server, threading.Event()
        self.samples: list[tuple[float, float]] = []

    def run(self) -> None:
        """Notes until told to stop."""
        while not self._over.wait(0.1):
            self.samples.append((time.monotonic(), self._server.cpu()))

    def used(self, seconds: float) -> tuple[float, float]:
        """Answers the CPU seconds of the last `seconds` of the load, and how long that was."""
        self._over.set()
        self.join()
        last = self.samples[-1]
        first = next(sample for sample in self.samples if sample[0] >= last[0] - seconds)
        return last[1] - first[1], last[0] - first[0]


def put_load(program: str, server: Server, load: Load, seconds: int) -> dict[str, float]:
    """Loads a server and answers what was seen."""
    command = [program, "bench", "--server", f"http://127.0.0.1:{server.port}"]
    command += ["--client-id", CLIENT_ID, "--mix", load.call, "--duration", f"{seconds}s"]
    command += ["--warm-up", "1s", "--output", "json", *load.options]
    if load.needs_user:
        command += ["--username", USER]
    environment = os.environ | {"JETON_CLIENT_SECRET": CLIENT_SECRET, "JETON_PASSWORD": PASSWORD}
    sampler = Sampler(server)
    sampler.start()
    done = subprocess.run(
        ["taskset", "-c", str(LOAD_CORE), *command],
        env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False, text=True,
    )
    cpu, passed = sampler.used(seconds)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}: {done.stderr}")
    seen = json.loads(done.stdout)["calls"][load.call]
    if seen["refused"]:
        sys.exit(f"{load.name} on {server.name}: refused {seen['refused']}")
    return {
        "per_second": seen["per_second"],
        "cpu_micros": cpu / passed / seen["per_second"] * 1e6,
        "busy": cpu / passed,
        **seen["latency_micros"],
    }


def middle(rounds: list[dict[str, float]], name: str) -> float:
    """Answers the median of a figure."""
    return statistics.median(figures[name] for figures in rounds)


def compare(program: str, servers: list[Server], load: Load, given: argparse.Namespace) -> dict:
    """Loads the servers in turns and answers the ratios of the first to the second."""
    rounds: dict[str, list[dict[str, float]]] = {server.name: [] for server in servers}
    for turn in range(given.rounds):
        # Who comes first changes: what a load leaves behind is not always the same one's burden.
        for server in servers if turn % 2 == 0 else reversed(servers):
            rounds[server.name].append(put_load(program, server, load, given.seconds))
    ours, bare = (rounds[server.name] for server in servers)
    ratios = {
        name: sorted(a[name] / b[name] for a, b in zip(ours, bare, strict=True))
        for name in ("per_second", "cpu_micros", "p50", "p99")
    }
    return {
        "load": load.name,
        **{server.name: {name: middle(rounds[server.name], name) for name in rounds[server.name][0]}
           for server in servers},
        "ratio": {
            name: {"median": statistics.median(all_), "least": all_[0], "most": all_[-1]}
            for name, all_ in ratios.items()
        },
    }


def table(comparisons: list[dict], names: list[str]) -> str:
    """Answers the report for people."""
    lines = []
    for comparison in comparisons:
        lines.append(comparison["load"])
        for name in names:
            seen = comparison[name]
            lines.append(
                f"  {name:<8}{seen['per_second']:>10.0f}/s  core busy {seen['busy']:>4.0%}  "
                f"{seen['cpu_micros']:>7.2f} µs CPU a call  p50 {seen['p50']:>6.0f} µs  "
                f"p99 {seen['p99']:>6.0f} µs"
            )
        ratio = comparison["ratio"]
        lines.append("  ratio   " + "  ".join(
            f"{name} {ratio[name]['median']:.3f} ({ratio[name]['least']:.3f}–{ratio[name]['most']:.3f})"
            for name in ratio
        ))
    return "\n".join(lines)


def main() -> None:
    """Reads the command line, starts both servers and compares them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default="target/release/jeton")
    parser.add_argument("--bare", default="target/release/examples/bare_server")
    parser.add_argument("--seconds", type=int, default=10, help="counted seconds of each turn")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each server")
    parser.add_argument("--dir", help="where the store lies; a temporary folder by default")
    parser.add_argument("--output", choices=("text", "json"), default="text")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.dir) as folder:
        servers = start(given, Path(folder))
        try:
            comparisons = run(servers, given)
        finally:
            for server in servers:
                server.stop()
    if given.output == "json":
        print(json.dumps(comparisons, indent=1))
    else:
        print(table(comparisons, [server.name for server in servers]))


def start(given: argparse.Namespace, folder: Path) -> list[Server]:
    """Starts jeton, and the bare server that answers like it."""
    (folder / "jeton.toml").write_text(SETTINGS)
    grpc, http, ops, bare = (free_port() for _ in range(4))
    ours = [given.program, "serve", "--config", str(folder / "jeton.toml"), "--log", "error"]
    ours += ["--grpc-listen", f"127.0.0.1:{grpc}", "--http-listen", f"127.0.0.1:{http}"]
    ours += ["--ops-listen", f"127.0.0.1:{ops}", "--store-path", str(folder / "data")]
    ours += ["--keys-path", str(folder / "keys")]
    like = [given.bare, "--listen", f"127.0.0.1:{bare}", "--like", f"http://127.0.0.1:{grpc}"]
    like += ["--client-id", CLIENT_ID]
    jeton = Server("jeton", ours, grpc)
    health = [given.program, "health", "--server", f"http://127.0.0.1:{grpc}"]
    while subprocess.run(health, stdout=subprocess.DEVNULL, check=False).returncode != 0:
        time.sleep(0.05)
    return [jeton, Server("bare", like, bare)]


def run(servers: list[Server], given: argparse.Namespace) -> list[dict]:
    """Runs every comparison."""
    shapes = [("8", "16"), ("64", "16"), ("1", "1")]
    loads = [
        Load(f"introspect, {connections} × {streams}", "introspect",
             ["--connections", connections, "--streams", streams])
        for connections, streams in shapes
    ]
    comparisons = [compare(given.program, servers, load, given) for load in loads]
    half = int(comparisons[0]["jeton"]["per_second"] / 2)
    loads = [
        Load(f"introspect, 8 × 16, {half}/s: half of saturation", "introspect",
             ["--connections", "8", "--streams", "16", "--rate", str(half)]),
        Load("batch-introspect of 100, 8 × 2", "batch-introspect",
             ["--connections", "8", "--streams", "2", "--batch", "100"]),
    ]
    return comparisons + [compare(given.program, servers, load, given) for load in loads]


if __name__ == "__main__":
    main()
